// Where things stand: nothing is cut, nothing is out of reach, the picture comes first.
import assert from 'node:assert/strict';
import { test } from './harness.mjs';
import { assertAccessible, visit } from './visit.mjs';

const QUICK = '?sampler=ddim&steps=4&seed=3&batch=4&class=each&guidance=1&eta=0';
const BRANCHED =
  '?sampler=ddim&steps=20&seed=3&batch=1&class=7&guidance=1&eta=0&fork=8;sampler=dpm%2B%2B2m-sde&fork=12;noise=3';
const STATIONS = ['Reverse', 'Forward', 'Schedules', 'Proof'];
const WIDE = { width: 1440, height: 900 };
const SMALL = { width: 1024, height: 768 };
const UPRIGHT = { width: 390, height: 844 };
const TURNED = { width: 844, height: 390 };
const CPU = { engine: 'cpu' };

const picture = (page) => page.getByRole('img', { name: 'x t, the noisy picture' });

/** A box, once the layout has come to rest. */
async function boxOf(locator) {
  await locator.page().waitForTimeout(300);
  return locator.boundingBox();
}

/** What of an element is neither outside of the window nor cut by a box that scrolls, from 0 to 1. */
const seen = (locator) =>
  locator.evaluate((element) => {
    const box = element.getBoundingClientRect();
    let [top, bottom] = [Math.max(box.top, 0), Math.min(box.bottom, innerHeight)];
    for (let at = element.parentElement; at; at = at.parentElement) {
      if (getComputedStyle(at).overflowY === 'visible') continue;
      const edge = at.getBoundingClientRect();
      [top, bottom] = [Math.max(top, edge.top), Math.min(bottom, edge.bottom)];
    }
    return Math.max(bottom - top, 0) / box.height;
  });

test('layout: no station scrolls past its own end', async (url) => {
  const body = async (visitor) => {
    const { page } = visitor;
    await visitor.atEnd();
    for (const size of [WIDE, SMALL, UPRIGHT, TURNED]) {
      await page.setViewportSize(size);
      for (const station of STATIONS) {
        await page.getByRole('link', { name: station, exact: true }).click();
        await page.waitForTimeout(400);
        const { across, down, end } = await page.evaluate(() => ({
          across: document.documentElement.scrollWidth,
          down: document.documentElement.scrollHeight,
          end: document.querySelector('.page').getBoundingClientRect().bottom + scrollY,
        }));
        const where = `${station} at ${size.width}×${size.height}`;
        assert.equal(across, size.width, where);
        assert.ok(Math.abs(down - end) < 1, `${where}: ${down} px, of which ${end} are used`);
      }
    }
  };
  await visit(`${url}#reverse${QUICK}`, body, CPU);
});

test('layout: strips of branches stand in the trunk’s columns', async (url) => {
  const body = async (visitor) => {
    const { page } = visitor;
    await visitor.inAddress('fork=12');
    await visitor.atEnd();
    for (const size of [WIDE, SMALL, UPRIGHT]) {
      await page.setViewportSize(size);
      if (size === UPRIGHT) await visitor.button('Branches').click();
      const film = page.getByRole('region', { name: 'Frames and branches' });
      await page.waitForTimeout(300);
      const strips = await film.locator('canvas').evaluateAll((all) =>
        all.map((canvas) => {
          const { left, right, width } = canvas.getBoundingClientRect();
          return { left, right, cell: (width / canvas.width) * 33 };
        }),
      );
      assert.equal(strips.length, 3);
      const [trunk, ...branches] = strips;
      const where = JSON.stringify([size.width, strips]);
      for (const { left, right, cell } of branches) {
        assert.ok(Math.abs(right - trunk.right) < 0.1, where);
        assert.ok(Math.abs(cell - trunk.cell) < 0.01, where);
        const columns = (left - trunk.left) / trunk.cell;
        assert.ok(Math.abs(columns - Math.round(columns)) < 0.01, where);
      }
      const names = film.getByRole('button', { pressed: false });
      const heights = await names.evaluateAll((all) => all.map(({ offsetHeight }) => offsetHeight));
      assert.ok(Math.max(...heights) <= 45, `names are ${heights} px high`);
    }
  };
  await visit(`${url}#reverse${BRANCHED}`, body, CPU);
});

test('layout: in a small frame the whole picture shows, in a tiny one it alone', async (url) => {
  const body = async (visitor) => {
    const { page } = visitor;
    await visitor.atEnd();
    for (const [width, height, least] of [
      [400, 300, 190],
      [640, 360, 260],
      [300, 500, 260],
    ]) {
      await page.setViewportSize({ width, height });
      const box = await boxOf(picture(page));
      const where = `${width}×${height}: ${JSON.stringify(box)}`;
      assert.ok(box.y >= 0 && box.width >= least, where);
      const bar = await page.getByRole('region', { name: 'Reverse process' }).boundingBox();
      assert.ok(bar.y >= box.y + box.height && bar.y + bar.height <= height + 1, where);
      assert.ok(await visitor.button('Play').isVisible());
      const down = await page.evaluate(() => document.documentElement.scrollHeight);
      assert.equal(down, height, where);
    }
    await page.setViewportSize({ width: 200, height: 150 });
    const box = await boxOf(picture(page));
    assert.ok(box.height >= 130 && box.y >= 0 && box.y + box.height <= 150, JSON.stringify(box));
    assert.equal(await page.getByRole('button').filter({ visible: true }).count(), 0);
  };
  await visit(`${url}?view=embed#reverse${QUICK}`, body, CPU);
});

test('layout: on a low screen the picture has the height', async (url) => {
  const body = async (visitor) => {
    const { page } = visitor;
    await visitor.atEnd();
    await page.setViewportSize(TURNED);
    const box = await boxOf(picture(page));
    const bar = await page.getByRole('region', { name: 'Reverse process' }).boundingBox();
    assert.ok(box.height >= 250, `the picture is ${box.height} high`);
    assert.ok(box.y + box.height <= bar.y, 'the timeline covers the picture');
    assert.ok(bar.y + bar.height <= TURNED.height, 'the timeline is out of sight');

    // A sheet leaves what it changes in sight.
    await visitor.button('How').click();
    const sheet = await boxOf(page.getByRole('dialog', { name: 'How to make it' }));
    assert.ok(sheet.x >= box.x + box.width, 'the sheet covers the picture');
    await assertAccessible(page, 'How');
  };
  await visit(`${url}#reverse${QUICK}`, body, CPU);
});

test('layout: the picture stands in the middle of its room, and the formula is whole', async (url) => {
  const body = async (visitor) => {
    const { page } = visitor;
    await visitor.atEnd();
    await page.setViewportSize(WIDE);
    await page.locator('.katex').first().waitFor();
    const room = (box, left, right) => [box.x - left, right - (box.x + box.width)];
    const tools = await boxOf(visitor.button('Full screen'));
    const sentence = await page.getByText('Pure noise at first').boundingBox();
    assert.ok(sentence.height < 24, 'the sentence has more than one line');
    const [before, after] = room(
      await boxOf(picture(page)),
      (await page.getByRole('figure').first().boundingBox()).x,
      tools.x + tools.width,
    );
    assert.ok(Math.abs(before - after) <= 1 && before <= 50, `${before} and ${after} px beside it`);
    assert.equal(await seen(page.locator('.formula')), 1, 'the formula is cut');

    await page.setViewportSize(UPRIGHT);
    await page.waitForTimeout(300);
    const [left, right] = room(await boxOf(picture(page)), 0, UPRIGHT.width);
    assert.ok(Math.abs(left - right) <= 1, `${left} and ${right} px beside it`);
    const lenses = ['x nought hat', 'epsilon hat', 'delta'].map((name) =>
      page.getByRole('img', { name: new RegExp(`^${name}`) }),
    );
    const widths = await Promise.all(lenses.map(async (lens) => (await lens.boundingBox()).width));
    assert.equal(new Set(widths).size, 1, `lenses of ${widths}`);
  };
  await visit(`${url}#reverse${QUICK}`, body, CPU);
});

test('layout: with branches at 1024 × 768 there is still how to make it', async (url) => {
  const body = async (visitor) => {
    const { page } = visitor;
    await visitor.inAddress('fork=12');
    await visitor.atEnd();
    await page.setViewportSize(SMALL);
    await page.waitForTimeout(300);
    assert.equal(await seen(visitor.sampler), 1);
    assert.equal(await seen(page.getByRole('spinbutton', { name: 'Steps' })), 1);
  };
  await visit(`${url}#reverse${BRANCHED}`, body, CPU);
});

test('layout: rows of the schedules’ table have one line', async (url) => {
  const body = async (visitor) => {
    const { page } = visitor;
    await page.getByRole('button', { name: 'cosine · the model’s' }).waitFor();
    for (const size of [WIDE, SMALL, UPRIGHT]) {
      await page.setViewportSize(size);
      await page.waitForTimeout(300);
      const spans = page.getByRole('table').first().locator('tbody button > span');
      const heights = await spans.evaluateAll((all) => all.map(({ offsetHeight }) => offsetHeight));
      assert.ok(heights.length >= 5 && Math.max(...heights) < 24, `${size.width}: ${heights}`);
      const across = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.equal(across, size.width);
    }
  };
  await visit(`${url}#schedules${QUICK}`, body, CPU);
});

test('layout: back from a picture without a class, and the class is a tap away', async (url) => {
  const body = async (visitor) => {
    const { page } = visitor;
    await visitor.until('the sample is there', () => visitor.timeline.isEnabled());
    for (const size of [WIDE, SMALL, TURNED, UPRIGHT]) {
      await page.setViewportSize(size);
      await page.waitForTimeout(300);
      assert.equal(await seen(visitor.button('Reverse from here')), 1, `at ${size.width}`);
    }
    await visitor.button('Reverse from here').click();
    await visitor.inAddress('#reverse', 'start=300:');
    await visitor.atEnd();
    await visitor.button('How').click();
    await visitor.button('Choose a class').click();
    const make = page.getByRole('dialog', { name: 'What to make' });
    await make.waitFor();
    await visitor.radio('Class', '3').check({ force: true });
    await visitor.inAddress('class=3');
    await page.keyboard.press('Escape');
    await visitor.button('How').click();
    assert.ok(await page.getByRole('spinbutton', { name: 'Guidance' }).isEnabled());
    assert.equal(await visitor.button('Choose a class').count(), 0);
  };
  const link = QUICK.replace('class=each', 'class=any').replace('batch=4', 'batch=1');
  await visit(`${url}#forward${link}&t=300`, body, CPU);
});

test('layout: a line on what each field does, by a tap on a phone', async (url) => {
  const lines = {
    Make: [['Seed', 'The same seed, the same picture.']],
    How: [
      ['Steps', 'More are finer, and take longer.'],
      ['Guidance', 'How strictly it keeps to the wish.'],
      ['η, fresh noise', 'How much at each step; 0 adds none.'],
    ],
  };
  const body = async (visitor) => {
    const { page } = visitor;
    await visitor.atEnd();
    for (const [, line] of Object.values(lines).flat()) await page.getByText(line).waitFor();
    await page.setViewportSize(UPRIGHT);
    assert.ok(await page.getByText('Pure noise at first').isVisible());
    for (const [sheet, fields] of Object.entries(lines)) {
      await visitor.button(sheet).click();
      for (const [field, line] of fields) {
        const text = page.getByText(line);
        assert.equal(await text.count(), 0);
        await visitor.button(`What ${field} does`).click();
        await text.waitFor();
      }
      await page.keyboard.press('Escape');
    }
  };
  await visit(`${url}#reverse${QUICK}`, body, CPU);
});
