import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { decode } from 'fast-png';
import { test } from './harness.mjs';
import { assertDigit, greyOf, largestDifference, visit } from './visit.mjs';

const SIDE = 32;
const STEPS = 6;
const TRUNK = `#reverse?sampler=ddim&steps=${STEPS}&seed=3&batch=1&class=7&guidance=1&eta=0`;
const ROUNDING = 2;

const branch = ({ page }, name) =>
  page
    .getByRole('region', { name: 'Frames and branches' })
    .getByRole('button', { name, exact: true });

/** Rests at a frame that has been made. */
async function restAt({ page }, frame) {
  await page.keyboard.press('Home');
  for (let at = 0; at < frame; at++) await page.keyboard.press('ArrowRight');
}

async function fork(visitor, frame) {
  await visitor.atEnd();
  await restAt(visitor, frame);
  await visitor.button('Fork here').click();
  await visitor.inAddress(`&fork=${frame}`);
  await visitor.atEnd();
}

test('a fork goes its own way from a kept frame, and its link comes back to it', async (url) => {
  let address, ending;
  await visit(url + TRUNK, async (visitor) => {
    await visitor.atEnd();
    const trunk = await visitor.pixels('x_t', STEPS);
    await fork(visitor, 2);
    // Nothing was changed yet, and DDIM draws no noise.
    assert.deepEqual(await visitor.pixels('x_t', STEPS), trunk);
    await visitor.page.getByText('On the branch from step 2').waitFor();
    await visitor.radio('Class', '3').check({ force: true });
    await visitor.inAddress('&fork=2;class=3');
    await branch(visitor, 'From 2: 3').waitFor();
    await visitor.until('the branch has ended', async () => {
      const { at, of } = await visitor.position();
      return at === of && largestDifference(await visitor.pixels('x_t', STEPS), trunk) > 0.5;
    });
    ending = await visitor.pixels('x_t', STEPS);
    assertDigit(ending);
    // One past, as far as the fork.
    const past = await visitor.pixels('x_t', 2);
    address = visitor.page.url();
    await branch(visitor, 'DDIM').click();
    await visitor.until('the trunk is back', () => !visitor.page.url().includes('fork='));
    assert.deepEqual(await visitor.pixels('x_t', STEPS), trunk);
    assert.deepEqual(await visitor.pixels('x_t', 2), past);
    await visitor.button('Close the branch From 2: 3').click();
    await visitor.until(
      'it is closed',
      async () => (await branch(visitor, 'From 2: 3').count()) === 0,
    );
  });
  await visit(address, async (visitor) => {
    await branch(visitor, 'From 2: 3').waitFor();
    await visitor.atEnd();
    assert.deepEqual(await visitor.pixels('x_t', STEPS), ending);
  });
});

test('a fan is sixteen ways on from one sample, and says where they part', async (url) => {
  await visit(`${url}${TRUNK.replace(`steps=${STEPS}`, 'steps=4')}`, async (visitor) => {
    await visitor.atEnd();
    await restAt(visitor, 2);
    await visitor.button('Fan of 16').click();
    await branch(visitor, 'From 2: fan of 16, η 1').waitFor();
    await visitor.atEnd();
    const values = await visitor.pixels('x_t', 4);
    assert.equal(values.length, 16 * SIDE * SIDE);
    const sample = (n) => values.subarray(n * SIDE * SIDE, (n + 1) * SIDE * SIDE);
    assert.ok(largestDifference(sample(0), sample(15)) > 0.1);
    await visitor.page.getByRole('img', { name: 'Where the sixteen estimates differ' }).waitFor();
    // Before they part, all sixteen are the one.
    await visitor.page.keyboard.press('Home');
    const across = 4 * (SIDE + 1) - 1;
    await visitor.page.waitForTimeout(500);
    const past = await visitor.grab('x t, the noisy picture', across);
    for (const [x, y] of [
      [3, 5],
      [20, 30],
    ]) {
      assert.equal(past[y * across + x], past[(y + SIDE + 1) * across + x + SIDE + 1]);
    }
    const common = await visitor.pixels('x_t', 1);
    assert.equal(common.length, values.length);
    const one = common.subarray(0, SIDE * SIDE);
    assert.deepEqual(common.subarray(15 * SIDE * SIDE), one);
    await visitor.page.keyboard.press('ArrowRight');
    await visitor.page.getByText('variance 0.00 in the mean, 0.00 at most').waitFor();
    await visitor.button('Save or share').click();
    const [download] = await Promise.all([
      visitor.page.waitForEvent('download'),
      visitor.button('Picture of this step, PNG').click(),
    ]);
    const png = decode(readFileSync(await download.path()));
    // Enlarged four times; what lies between samples is left clear.
    const red = (x, y) => png.data[4 * (4 * y * png.width + 4 * x)];
    const tile = (column, row) =>
      Array.from({ length: SIDE * SIDE }, (_, at) =>
        red(column * (SIDE + 1) + (at % SIDE), row * (SIDE + 1) + Math.floor(at / SIDE)),
      );
    assert.deepEqual(tile(3, 3), tile(0, 0));
    assert.ok(largestDifference(tile(3, 3), greyOf(one)) <= 1);
  });
});

test('every lens shows what the engine has, and one pixel’s numbers', async (url) => {
  await visit(url + TRUNK, async (visitor) => {
    const { page } = visitor;
    await visitor.atEnd();
    await restAt(visitor, 3);
    await page.waitForTimeout(500);
    const [now, before, noise] = [
      await visitor.pixels('x_t', 3),
      await visitor.pixels('x_t', 2),
      await visitor.pixels('eps_hat', 3),
    ];
    const seen = await visitor.grab(/^epsilon hat/, SIDE);
    assert.ok(largestDifference(seen, greyOf(noise.map((value) => value / 3))) <= ROUNDING);
    const x = await page.getByRole('spinbutton', { name: 'Pixel, x' });
    await x.fill('12');
    await x.press('Enter');
    await page.getByRole('spinbutton', { name: 'Pixel, y' }).fill('9');
    await page.getByRole('spinbutton', { name: 'Pixel, y' }).press('Enter');
    const at = 9 * SIDE + 12;
    const numbers = page.getByRole('region', { name: 'One pixel’s values' });
    const shown = async () =>
      (await numbers.getByRole('definition').allTextContents()).map((text) =>
        Number(text.trim().replace('−', '-')),
      );
    await visitor.until('the numbers are there', async () => Number.isFinite((await shown())[0]));
    const [x_t, , eps, delta] = await shown();
    const near = (a, b) => assert.ok(Math.abs(a - b) <= 0.0051, `${a} for ${b}`);
    near(x_t, now[at]);
    near(eps, noise[at]);
    near(delta, now[at] - before[at]);
    await page.getByText('What this step did').waitFor();
    await page.locator('.katex').first().waitFor();
  });
});

test('the filmstrip goes to its frames', async (url) => {
  await visit(url + TRUNK, async (visitor) => {
    await visitor.atEnd();
    const strip = visitor.page
      .getByRole('region', { name: 'Frames and branches' })
      .locator('canvas')
      .first();
    await visitor.until('its pictures are there', () =>
      strip.evaluate((canvas) => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        return data.filter((value, i) => i % 4 === 3 && value > 0).length >= 7 * 32 * 32;
      }),
    );
    const box = await strip.boundingBox();
    await strip.click({ position: { x: (box.width * 2.5) / 7, y: box.height / 2 }, force: true });
    await visitor.until('frame 2 is shown', async () => (await visitor.position()).at === 2);
  });
});

test('a long run’s filmstrip has every frame when it is asked for', async (url) => {
  const body = async (visitor) => {
    const { page } = visitor;
    await visitor.atEnd();
    const film = page.getByRole('region', { name: 'Frames and branches' });
    const frames = () =>
      film.locator('canvas').evaluate(({ width }, side) => (width + 1) / (side + 1), SIDE);
    assert.equal(await frames(), 19);
    await page.getByRole('checkbox', { name: 'Every frame' }).check();
    await visitor.until('every frame is there', async () => (await frames()) === 37);
    await visitor.until('it has come to the last one', () =>
      film.evaluate(({ scrollLeft }) => scrollLeft > 0),
    );
    await visitor.timeline.press('Home');
    await visitor.until('it goes back to the first', () =>
      film.evaluate(({ scrollLeft }) => scrollLeft === 0),
    );
  };
  await visit(url + TRUNK.replace(`steps=${STEPS}`, 'steps=36'), body, {
    viewport: { width: 1024, height: 768 },
  });
});

test('a fork too late to change anything says so, an early one does not', async (url) => {
  const hint = ({ page }) => page.getByText(/picture was nearly finished, so that little changes/);
  await visit(url + TRUNK.replace(`steps=${STEPS}`, 'steps=20'), async (visitor) => {
    await fork(visitor, 19);
    await hint(visitor).waitFor();
    await branch(visitor, 'DDIM').click();
    await visitor.until('the trunk is back', () => !visitor.page.url().includes('fork='));
    assert.equal(await hint(visitor).count(), 0);
    await fork(visitor, 2);
    assert.equal(await hint(visitor).count(), 0);
  });
});
