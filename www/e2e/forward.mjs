import assert from 'node:assert/strict';
import { AxeBuilder } from '@axe-core/playwright';
import { test } from './harness.mjs';
import { assertDigit, drawn, greyOf, largestDifference, statistics, visit } from './visit.mjs';

const SIDE = 32;
const NOISED = 'x t, the noised picture';
const link = (fields) =>
  `#forward?sampler=ddim&steps=5&seed=3&batch=4&class=each&guidance=1&eta=0&${fields}`;

async function settled(visitor) {
  await visitor.page.getByText('log-SNR').filter({ visible: true }).waitFor();
  await visitor.page.waitForTimeout(400);
}

test('forward: at t = 0 the sample, at t = 999 noise', async (url) => {
  await visit(url + link('source=sample&sample=2&t=0'), async (visitor) => {
    await visitor.until('the sample is there', async () => visitor.timeline.isEnabled());
    await settled(visitor);
    const all = await visitor.pixels('x_t', 5);
    const sample = all.subarray(2 * SIDE * SIDE, 3 * SIDE * SIDE);
    const first = await visitor.pixels('forward', 0);
    assert.ok(largestDifference(first, sample) < 0.1);
    assert.ok(largestDifference(await visitor.grab(NOISED, SIDE), greyOf(first)) <= 2);

    await visitor.page.keyboard.press('End');
    assert.equal((await visitor.position()).at, 999);
    await settled(visitor);
    const last = await visitor.pixels('forward', 0);
    const { mean, std } = statistics(last);
    assert.ok(Math.abs(mean) < 0.12 && std > 0.9 && std < 1.1, `mean ${mean}, std ${std}`);
    assert.ok(largestDifference(await visitor.grab(NOISED, SIDE), greyOf(last)) <= 2);
  });
});

test('forward: the same noise, fresh noise, other noise', async (url) => {
  await visit(url + link('t=999&noise=same&noise-seed=5'), async (visitor) => {
    const { page } = visitor;
    await visitor.until('the sample is there', async () => visitor.timeline.isEnabled());
    await settled(visitor);
    const at999 = await visitor.pixels('forward', 0);
    await page.keyboard.press('ArrowLeft');
    await settled(visitor);
    const at998 = await visitor.pixels('forward', 0);
    assert.ok(largestDifference(at999, at998) < 0.1, 'the same noise changed from t to t');

    await visitor.radio('Noise at every t', 'Fresh').check({ force: true });
    await settled(visitor);
    const fresh = await visitor.pixels('forward', 0);
    await visitor.timeline.press('ArrowRight');
    await settled(visitor);
    assert.ok(largestDifference(fresh, await visitor.pixels('forward', 0)) > 1);
    await page.waitForFunction(() => location.hash.includes('noise=fresh'));
  });
});

test('forward: a drawing, and a drawing of nothing', async (url) => {
  await visit(url + link('source=drawing&t=0'), async (visitor) => {
    const { page } = visitor;
    await page.getByText('Draw something on the pad first.').waitFor();
    assert.ok(await visitor.timeline.isDisabled());

    const box = await page.getByLabel('Drawing pad').boundingBox();
    const x = box.x + box.width / 2;
    await page.mouse.move(x, box.y + box.height * 0.2);
    await page.mouse.down();
    await page.mouse.move(x, box.y + box.height * 0.8, { steps: 8 });
    await page.mouse.up();
    await settled(visitor);
    const values = await visitor.pixels('forward', 0);
    const at = (column, row) => values[row * SIDE + column];
    assert.ok(at(16, 16) > 0.9 && at(15, 16) > 0.9, 'the stroke is not where it was drawn');
    assert.ok(at(5, 16) < -0.9 && at(16, 1) < -0.9 && at(16, 30) < -0.9);
    const grey = values.filter((value) => value > -0.8 && value < 0.8).length;
    assert.ok(grey > 10, 'the stroke is not antialiased');

    await visitor.button('Clear').click();
    await page.getByText('Draw something on the pad first.').waitFor();
  });
});

test('forward: plays by itself, and back in Reverse the run is as it was left', async (url) => {
  await visit(url + link('t=0').replace('#forward', '#reverse'), async (visitor) => {
    const { page } = visitor;
    await visitor.atEnd();
    await page.getByRole('link', { name: 'Forward' }).click();
    await visitor.until('the sample is there', async () => visitor.timeline.isEnabled());
    await visitor.button('Play').click();
    await visitor.atStep(200);
    await page.keyboard.press(' ');
    await visitor.button('Play').waitFor();
    await page.goBack();
    await visitor.until('Reverse is back', async () => (await visitor.position()).of === 5);
    assert.equal((await visitor.position()).at, 5);
    const picture = await visitor.grab('x t, the noisy picture', 2 * SIDE + 1);
    assert.ok(statistics(picture).std > 30, 'the picture has gone');
  });
});

const CLOSED = 'Pixels of x t, At once, against a unit normal';
const CHAIN = 'Pixels of x t, Link by link, against a unit normal';

/** Mean and deviation, as the histogram tells those who do not see it. */
async function moments({ page }, label) {
  const text = await page.getByRole('img', { name: label }).getAttribute('aria-label');
  const [mean, std] = text
    .split(': ')[1]
    .replaceAll('−', '-')
    .match(/-?[\d.]+/g)
    .map(Number);
  return { mean, std };
}

/** When the slider has rested: the microscope has looked at what is shown. */
async function looked(visitor) {
  const glass = visitor.page.locator('.pictures[aria-busy=false]');
  await visitor.page.waitForTimeout(150);
  await visitor.until('the network has looked', async () => (await glass.count()) === 1);
  return Number(await visitor.page.locator('output').filter({ visible: true }).textContent());
}

test('forward: both ways have the same moments, and end in a unit normal', async (url) => {
  await visit(url + link('t=0&noise-seed=4'), async (visitor) => {
    await visitor.until('the sample is there', () => visitor.timeline.isEnabled());
    // Five standard errors of 1,024 values, and what the two decimals leave.
    const within = (noise) => (5 * noise) / Math.sqrt(SIDE * SIDE) + 0.01;
    for (const [timestep, noise] of [
      [0, 0.02],
      [300, 0.47],
      [999, 1],
    ]) {
      await visitor.timeline.fill(String(timestep));
      await looked(visitor);
      const [closed, chain] = [await moments(visitor, CLOSED), await moments(visitor, CHAIN)];
      for (const moment of ['mean', 'std']) {
        const apart = Math.abs(closed[moment] - chain[moment]);
        assert.ok(apart < 1.5 * within(noise), `t ${timestep}: ${moment}s are ${apart} apart`);
      }
      if (timestep < 999) continue;
      for (const { mean, std } of [closed, chain]) {
        assert.ok(Math.abs(mean) < within(1) && Math.abs(std - 1) < within(1), `${mean}, ${std}`);
      }
    }
    const chained = await drawn(visitor.page, 'x t, noised link by link');
    const { std } = statistics(chained);
    assert.ok(std > 70 && std < 110, `the chain’s picture has a deviation of ${std} of 255`);
  });
});

test('forward: the microscope sees the picture at small t, and guesses at large t', async (url) => {
  await visit(url + link('t=20&sample=3'), async (visitor) => {
    await visitor.until('the sample is there', () => visitor.timeline.isEnabled());
    const errors = [];
    for (const timestep of [20, 400, 999]) {
      await visitor.timeline.fill(String(timestep));
      errors.push(await looked(visitor));
    }
    const [near, middle, far] = errors;
    assert.ok(near < 0.1, `at t = 20 the error is ${near}`);
    assert.ok(near < middle && middle < far && far > 0.2, errors.join(', '));
    // The pictures say the same as the number.
    const guess = await drawn(visitor.page, 'x nought hat, what the network makes of x t');
    const picture = await drawn(visitor.page, 'x nought, what the model sees of the picture');
    const squares = guess.map((level, at) => ((level - picture[at]) / 127.5) ** 2);
    const rms = Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / squares.length);
    assert.ok(Math.abs(rms - far) < 0.05, `the pictures are ${rms} apart, it says ${far}`);
  });
});

test('forward: a drawing, noised half-way, goes back to a digit, and so does its link', async (url) => {
  let shared, digit;
  const start = 'source=drawing&t=600&noise-seed=2';
  await visit(url + link(start).replace('steps=5', 'steps=10'), async (visitor) => {
    const { page } = visitor;
    await visitor.radio('Picture', 'Your drawing').waitFor({ state: 'attached' });
    await page.getByText('Draw something on the pad first.').waitFor();
    assert.ok(await visitor.button('Reverse from here').isDisabled());
    const box = await page.getByLabel('Drawing pad').boundingBox();
    const at = ([x, y]) => [box.x + box.width * x, box.y + box.height * y];
    await page.mouse.move(...at([0.52, 0.2]));
    await page.mouse.down();
    await page.mouse.move(...at([0.48, 0.8]), { steps: 5 });
    await page.mouse.up();
    await visitor.until('it is drawn', () => visitor.timeline.isEnabled());
    await visitor.button('Reverse from here').click();
    await page.getByText('Starts from this picture').waitFor();
    const { of } = await visitor.position();
    assert.ok(of >= 6 && of < 10, `the run from t = 600 has ${of} of 10 steps`);
    await visitor.atEnd();
    digit = await visitor.pixels('x_t', of);
    assert.equal(digit.length, SIDE * SIDE, 'one drawing gives one picture');
    assertDigit(digit, 'what became of the drawing');
    // It is still a stroke down the middle.
    const middle = digit.filter((value, pixel) => Math.abs((pixel % SIDE) - 15.5) < 4 && value > 0);
    assert.ok(middle.length > 20, 'the drawing is lost');
    await visitor.inAddress('#reverse', 'start=600:2:');
    shared = await page.evaluate(() => location.hash);
  });
  await visit(url + shared, async (visitor) => {
    await visitor.atEnd();
    const { of } = await visitor.position();
    const again = await visitor.pixels('x_t', of);
    assert.ok(largestDifference(again, digit) < 1e-4, 'the link makes another picture');
    await visitor.button('From noise alone').click();
    await visitor.until('it starts from x_T', async () => (await visitor.position()).of === 10);
    await visitor.until(
      'its link is without a picture',
      () => !visitor.page.url().includes('start='),
    );
  });
});

for (const colorScheme of ['light', 'dark']) {
  test(`forward: axe finds nothing (${colorScheme})`, async (url) => {
    await visit(
      url + link('t=400'),
      async (visitor) => {
        await visitor.until('the sample is there', () => visitor.timeline.isEnabled());
        for (const source of ['A sample', 'Your drawing', 'A file', 'The camera']) {
          await visitor.radio('Picture', source).check({ force: true });
          const { violations } = await new AxeBuilder({ page: visitor.page }).analyze();
          assert.deepEqual(
            violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`),
            [],
            source,
          );
        }
      },
      { colorScheme },
    );
  });
}

test('forward: the noise level is right before there is a sample', async (url) => {
  const recipe = '#forward?steps=200&batch=1&class=2&guidance=1&t=';
  await visit(`${url}${recipe}300`, async (visitor) => {
    const { page } = visitor;
    const signal = page.getByText(/^signal \d+%$/).filter({ visible: true });
    await page.getByText(/^The sample is being made: step \d+ of 200$/).waitFor();
    const before = await signal.textContent();
    assert.match(before, /^signal [1-9]\d%$/);
    await page
      .getByText(/^The sample is being made/)
      .waitFor({ state: 'detached', timeout: 120_000 });
    assert.equal(await signal.textContent(), before);
  });
});
