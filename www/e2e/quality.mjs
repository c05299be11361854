import assert from 'node:assert/strict';
import { test } from './harness.mjs';
import { assertAccessible, assertFitsPhone, PHONE, visit } from './visit.mjs';

const QUICK = '?sampler=ddim&steps=4&seed=3&batch=1&class=7&guidance=1&eta=0';
const STATIONS = ['reverse', 'forward', 'schedules', 'proof'];

for (const colorScheme of ['light', 'dark']) {
  test(`nothing keeps anyone out of any station, ${colorScheme}`, async (url) => {
    const body = async (visitor) => {
      const { page } = visitor;
      await visitor.atEnd();
      for (const station of STATIONS) {
        await page
          .getByRole('navigation')
          .getByRole('link', { name: new RegExp(station, 'i') })
          .click();
        await page.waitForTimeout(500);
        await assertAccessible(page, station);
      }
      await page.goto(`${url}#reverse${QUICK}&race=5,ddim,heun`);
      await page.getByRole('dialog').waitFor();
      await assertAccessible(page, 'race');
    };
    await visit(`${url}#reverse${QUICK}`, body, { colorScheme });
  });
}

test('every station fits 360 pixels', async (url) => {
  for (const station of STATIONS) {
    const body = async (visitor) => {
      await visitor.page.getByRole('heading', { name: 'Reverie' }).waitFor();
      await visitor.page.waitForTimeout(1500);
      await assertFitsPhone(visitor.page);
    };
    await visit(`${url}#${station}${QUICK}`, body, PHONE);
  }
});

/** A screen of 1440 × 900 at 200%. */
const ZOOMED = { viewport: { width: 720, height: 450 }, deviceScaleFactor: 2 };

/** What is wider than the room it has, and what cannot be brought where a pointer reaches it. */
const cutOff = (page) =>
  page.evaluate(async () => {
    const seen = (element) => element.checkVisibility() && element.getClientRects().length > 0;
    const told = (element) => element.outerHTML.slice(0, 120);
    const scrolls = ({ overflowX }) => overflowX === 'auto' || overflowX === 'scroll';
    const wide = [...document.querySelectorAll('body *')].filter(
      (element) =>
        seen(element) &&
        element.scrollWidth > element.clientWidth + 1 &&
        getComputedStyle(element).display !== 'inline' &&
        !element.matches('math *, math, svg *, .katex *, .visually-hidden, input, textarea') &&
        !scrolls(getComputedStyle(element)),
    );
    const lost = [];
    for (const control of document.querySelectorAll('button, a, input, select, summary')) {
      if (!seen(control) || control.matches('.visually-hidden')) continue;
      control.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
      const { left, top, width, height } = control.getBoundingClientRect();
      const there = document.elementFromPoint(left + width / 2, top + height / 2);
      if (!there || !(control.contains(there) || there.contains(control))) lost.push(control);
    }
    return {
      across: document.documentElement.scrollWidth,
      wide: wide.map(told),
      lost: lost.map(told),
    };
  });

test('at 200% nothing is cut off, and nothing keeps anyone out', async (url) => {
  const body = async (visitor) => {
    const { page } = visitor;
    const whole = async (where) => {
      const { across, wide, lost } = await cutOff(page);
      assert.equal(across, ZOOMED.viewport.width, where);
      assert.deepEqual(wide, [], where);
      assert.deepEqual(lost, [], where);
      await assertAccessible(page, where);
    };
    await visitor.atEnd();
    for (const station of STATIONS) {
      await page
        .getByRole('navigation')
        .getByRole('link', { name: new RegExp(station, 'i') })
        .click();
      await page.waitForTimeout(500);
      await whole(station);
    }
    await page.getByRole('link', { name: 'Reverse' }).click();
    for (const sheet of ['Make', 'How', 'Branches']) {
      await visitor.button(sheet).click();
      await page.waitForTimeout(200);
      await assertAccessible(page, sheet);
      await page.keyboard.press('Escape');
    }
  };
  await visit(`${url}#reverse${QUICK}`, body, ZOOMED);
});

/** How an element is told from others of its kind, words aside. */
const lookOf = (locator) =>
  locator.evaluate((element) => {
    const { backgroundColor, borderColor, outlineStyle, color } = getComputedStyle(element);
    return [backgroundColor, borderColor, outlineStyle, color].join(' ');
  });

/** Colours on the line through the middle of an element's last part, where no handle is. */
async function coloursAtEnd(locator) {
  const png = await locator.screenshot();
  return locator.page().evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    context.drawImage(bitmap, 0, 0);
    const at = Math.floor(0.9 * bitmap.width);
    const { data } = context.getImageData(at, 0, 1, bitmap.height);
    const rows = Array.from({ length: bitmap.height }, (_, y) => data.slice(4 * y, 4 * y + 3));
    return new Set(rows.map((row) => row.join())).size;
  }, png.toString('base64'));
}

for (const colorScheme of ['light', 'dark']) {
  test(`in forced colours what is chosen and what slides is seen, ${colorScheme}`, async (url) => {
    const body = async (visitor) => {
      const { page } = visitor;
      await visitor.atEnd();
      const [seven, eight] = ['7', '8'].map((name) =>
        visitor.radio('Class', name).locator('+ span'),
      );
      assert.notEqual(await lookOf(seven), await lookOf(eight));
      await page.locator('.katex').first().waitFor();
      const formula = await page
        .locator('.katex')
        .first()
        .evaluate((it) => {
          const colours = [it, ...it.querySelectorAll('*')].map((part) => getComputedStyle(part));
          return colours.map(({ forcedColorAdjust, color }) => `${forcedColorAdjust} ${color}`);
        });
      assert.equal(new Set(formula).size, 1, 'a part of the formula hides another');
      assert.ok(formula[0].startsWith('none'), formula[0]);
      const [here, there] = ['Reverse', 'Proof'].map((name) => page.getByRole('link', { name }));
      assert.notEqual(await lookOf(here), await lookOf(there));
      for (const name of ['Steps, slider', 'Reverse process']) {
        const slider = page.getByRole('slider', { name });
        if (name === 'Reverse process') await page.keyboard.press('Home');
        assert.ok((await coloursAtEnd(slider)) > 1, `${name} has no track`);
      }
      for (const station of STATIONS) {
        await page.getByRole('link', { name: new RegExp(station, 'i') }).click();
        await page.waitForTimeout(500);
        await assertAccessible(page, station);
      }
    };
    await visit(`${url}#reverse${QUICK}`, body, {
      colorScheme,
      forcedColors: 'active',
      engine: 'cpu',
    });
  });
}

/** Presses, types and points while the network is at work, and asks the browser how long each took. */
test('input is answered while sampling', async (url) => {
  const body = async (visitor) => {
    const { page } = visitor;
    await visitor.atStep(2);
    await page.evaluate(() => {
      globalThis.delays = {};
      globalThis.interactionsBefore = performance.interactionCount;
      new PerformanceObserver((list) => {
        for (const { interactionId, processingEnd, startTime } of list.getEntries()) {
          if (!interactionId) continue;
          const before = globalThis.delays[interactionId] ?? 0;
          globalThis.delays[interactionId] = Math.max(before, processingEnd - startTime);
        }
      }).observe({ type: 'event', durationThreshold: 16 });
    });
    const picture = page.getByRole('img', { name: 'x t, the noisy picture' });
    for (let round = 0; round < 12; round++) {
      await page.keyboard.press('Space');
      await page.keyboard.press('ArrowLeft');
      await page.keyboard.press('Space');
      // What lies over it takes the click.
      await picture.click({ position: { x: 40 + 9 * round, y: 60 }, force: true });
      await page.getByRole('spinbutton', { name: 'Seed' }).fill(String(round));
      await page.getByRole('spinbutton', { name: 'Seed' }).press('Enter');
      await page.waitForTimeout(120);
    }
    await page.waitForTimeout(500);
    // The browser tells of those alone that took 16 ms and more, painting included.
    const delays = await page.evaluate(() => {
      const told = Object.values(globalThis.delays);
      const count = performance.interactionCount - globalThis.interactionsBefore;
      return [...Array(Math.max(count - told.length, 0)).fill(0), ...told].sort((a, b) => a - b);
    });
    const percentile = delays[Math.floor(0.95 * delays.length)] ?? 0;
    console.log(
      `      95th percentile of ${delays.length} interactions: ${percentile.toFixed(1)} ms`,
    );
    assert.ok(delays.length >= 40, `only ${delays.length} interactions were seen`);
    await visitor.inAddress('seed=11');
  };
  await visit(`${url}#reverse?sampler=ddim&steps=500&batch=1&class=2&guidance=1`, body);
});
