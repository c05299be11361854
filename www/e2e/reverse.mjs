import assert from 'node:assert/strict';
import { test } from './harness.mjs';
import { assertDigit, greyOf, largestDifference, statistics, visit } from './visit.mjs';

const SIDE = 32;
const QUICK = '#reverse?sampler=ddim&steps=10&seed=3&batch=1&class=7&guidance=1&eta=0';
const NOISY = 'x t, the noisy picture';
/** A screen shows whole numbers. */
const ROUNDING = 2;

const assertSame = (picture, values) =>
  assert.ok(
    largestDifference(picture, greyOf(values)) <= ROUNDING,
    'the picture on the screen is not the engine’s',
  );

test('runs to its end, and shows what the engine made: a digit', async (url) => {
  await visit(url + QUICK, async (visitor) => {
    await visitor.atEnd();
    const final = await visitor.pixels('x_t', 10);
    assert.equal(final.length, SIDE * SIDE);
    assertDigit(final);
    assertSame(await visitor.grab(NOISY, SIDE), final);
    assertSame(await visitor.grab(/estimate/, SIDE), await visitor.pixels('x0_hat', 10));
    // One run, then rest.
    await visitor.page.waitForTimeout(500);
    assert.deepEqual(await visitor.position(), { at: 10, of: 10 });
    await visitor.button('Play').waitFor();
  });
});

test('starts from unit normal noise', async (url) => {
  await visit(url + QUICK, async (visitor) => {
    await visitor.atEnd();
    await visitor.page.keyboard.press('Home');
    assert.equal((await visitor.position()).at, 0);
    const noise = await visitor.pixels('x_t', 0);
    const { mean, std } = statistics(noise);
    assert.ok(Math.abs(mean) < 0.12 && std > 0.9 && std < 1.1, `mean ${mean}, std ${std}`);
    await visitor.page.waitForTimeout(300);
    assertSame(await visitor.grab(NOISY, SIDE), noise);
  });
});

test('lays out a batch in a grid, one class for each', async (url) => {
  await visit(`${url}#reverse?steps=4&batch=4&class=each&guidance=1`, async (visitor) => {
    await visitor.atEnd();
    const values = await visitor.pixels('x_t', 4);
    assert.equal(values.length, 4 * SIDE * SIDE);
    const across = 2 * SIDE + 1;
    const grid = await visitor.grab(NOISY, across);
    for (let sample = 0; sample < 4; sample++) {
      const left = (sample % 2) * (SIDE + 1);
      const top = Math.floor(sample / 2) * (SIDE + 1);
      const tile = Array.from(
        { length: SIDE * SIDE },
        (_, i) => grid[(top + Math.floor(i / SIDE)) * across + left + (i % SIDE)],
      );
      assertSame(tile, values.subarray(sample * SIDE * SIDE, (sample + 1) * SIDE * SIDE));
    }
  });
});

test('scrubs over kept frames at once, and finds them as they were', async (url) => {
  await visit(url + QUICK, async (visitor) => {
    const { page } = visitor;
    await visitor.atEnd();
    await visitor.timeline.fill('6');
    await page.waitForTimeout(300);
    const first = await visitor.grab(NOISY, SIDE);
    assertSame(first, await visitor.pixels('x_t', 6));

    await page.keyboard.press('End');
    await page.waitForTimeout(300);
    assert.notDeepEqual(await visitor.grab(NOISY, SIDE), first);

    for (let back = 0; back < 4; back++) await page.keyboard.press('ArrowLeft');
    assert.equal((await visitor.position()).at, 6);
    await page.waitForTimeout(300);
    assert.deepEqual(await visitor.grab(NOISY, SIDE), first);
  });
});

test('pauses, steps, goes on and replays by keyboard and by button', async (url) => {
  await visit(`${url}#reverse?steps=30&batch=1&class=1&guidance=1`, async (visitor) => {
    const { page } = visitor;
    await visitor.atStep(2);
    await page.keyboard.press(' ');
    await visitor.button('Play').waitFor();
    await page.waitForTimeout(300);
    const paused = (await visitor.position()).at;
    await page.waitForTimeout(600);
    assert.equal((await visitor.position()).at, paused);
    await page.waitForFunction((at) => location.hash.includes(`frame=${at}`), paused);

    await page.keyboard.press('ArrowRight');
    await visitor.atStep(paused + 1);
    await visitor.button('One step on').click();
    await visitor.atStep(paused + 2);
    await visitor.button('One step back').click();
    assert.equal((await visitor.position()).at, paused + 1);
    await page
      .getByRole('status')
      .getByText(`step ${paused + 1} of 30`)
      .waitFor({ state: 'attached' });

    // Nothing is kept beyond: the handle comes back.
    await visitor.timeline.fill('29');
    assert.equal((await visitor.position()).at, paused + 2);
    assert.equal(await visitor.timeline.inputValue(), String(paused + 2));

    await visitor.button('Play').click();
    await visitor.atEnd();
    await visitor.button('From the start').click();
    await visitor.until('it replays', async () => (await visitor.position()).at < 15);
    await visitor.atEnd();
  });
});

test('a changed control cancels the run, starts another, and is in the address', async (url) => {
  await visit(url + QUICK, async (visitor) => {
    const { page } = visitor;
    await visitor.atEnd();
    const before = await visitor.pixels('x_t', 10);

    await visitor.radio('Class', '3').check({ force: true });
    await page.waitForFunction(() => location.hash.includes('class=3'));
    await visitor.until('a new run', async () => (await visitor.position()).at < 10);
    await visitor.atEnd();
    const after = await visitor.pixels('x_t', 10);
    assertDigit(after);
    assert.ok(largestDifference(before, after) > 0.5, 'another class made the same picture');

    // Many changes in a row: only the last one counts.
    for (const name of ['4', '5', '6', '7'])
      await visitor.radio('Class', name).check({ force: true });
    await visitor.until('a new run', async () => (await visitor.position()).at < 10);
    await visitor.atEnd();
    assert.deepEqual(await visitor.pixels('x_t', 10), before);

    await page.getByRole('spinbutton', { name: 'Steps' }).fill('5');
    await page.keyboard.press('Enter');
    await visitor.until('a run of 5', async () => (await visitor.position()).of === 5);
    await visitor.sampler.selectOption('DDPM');
    await page.waitForFunction(() => /sampler=ddpm&steps=5/.test(location.hash));
    await visitor.atEnd();
    assert.equal(await page.getByRole('spinbutton', { name: 'η, fresh noise' }).count(), 0);
  });
});

test('a link brings back the identical picture, to the frame', async (url) => {
  let first;
  const recipe = '#reverse?sampler=ddpm&steps=8&seed=11&batch=1&class=5&guidance=1';
  await visit(url + recipe, async (visitor) => {
    await visitor.atEnd();
    first = await visitor.pixels('x_t', 8);
    const link = visitor.page.url();
    await visitor.page.reload();
    await visitor.atEnd();
    assert.deepEqual(await visitor.pixels('x_t', 8), first);
    assert.equal(visitor.page.url(), link);
  });
  await visit(`${url}${recipe}&frame=5`, async (visitor) => {
    await visitor.atStep(5);
    await visitor.button('Play').waitFor();
    await visitor.page.waitForTimeout(500);
    assert.deepEqual(await visitor.position(), { at: 5, of: 8 });
    assertSame(await visitor.grab(NOISY, SIDE), await visitor.pixels('x_t', 5));
    await visitor.button('Play').click();
    await visitor.atEnd();
    assert.deepEqual(await visitor.pixels('x_t', 8), first);
  });
});

test('the golden vector is run by itself', async (url) => {
  await visit(url + QUICK, async (visitor) => {
    await visitor.atEnd();
    const result = visitor.page.getByRole('status').filter({ hasText: /relative error/ });
    await result.waitFor();
    const text = await result.innerText();
    console.log(`      ${text.trim()}`);
    assert.match(text, /^Equals PyTorch/);
  });
});

test('a tap on a step that is not there yet says what makes it', async (url) => {
  await visit(`${url}#reverse?steps=200&batch=1&class=2&guidance=1`, async (visitor) => {
    const hint = visitor.page.getByText(
      /^Step 190 is not computed yet: Play makes what comes after/,
    );
    await visitor.atStep(2);
    await visitor.timeline.fill('190');
    await hint.waitFor();
    assert.ok((await visitor.position()).at < 190);
    await visitor.button('Play').click();
    await visitor.until('it is not said any more', async () => (await hint.count()) === 0);
  });
});
