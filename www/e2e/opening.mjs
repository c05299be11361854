import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { decode } from 'fast-png';
import { test } from './harness.mjs';
import { largestDifference, statistics, visit } from './visit.mjs';

const SIDE = 32;
const NOISY = 'x t, the noisy picture';
const label = ({ page }) => page.getByText('A kept run of this model');

/** When the page is there, when a picture moves, and when it is a live one, by the page's clock. */
async function opens({ page }) {
  // A condition that is a string would be evaluated, which the page's policy forbids.
  const when = async (condition) =>
    Math.round(await (await page.waitForFunction(condition)).jsonValue());
  const painted = await when(() => document.querySelector('h1') && performance.now());
  const moving = await when(() => {
    const strip = document.querySelector('.kept img');
    const plays = strip?.getAnimations().some(({ playState }) => playState === 'running');
    const slider = document.querySelector('input[aria-label="Reverse process"]');
    const steps = /^step [1-9]/.test(slider?.getAttribute('aria-valuetext') ?? '');
    return (plays || steps) && performance.now();
  });
  const live = await when(() => {
    const slider = document.querySelector('input[aria-label="Reverse process"]');
    const steps = /^step [1-9]/.test(slider?.getAttribute('aria-valuetext') ?? '');
    return steps && performance.now();
  });
  const times = { painted, moving, live };
  const list = Object.entries(times).map(([what, ms]) => `${what} ${ms}`);
  console.log(`      after ms: ${list.join(', ')}`);
  return times;
}

/** How often weights are asked of the network. */
function countWeights({ page }) {
  const asked = [];
  page.on('request', (request) => {
    if (request.url().includes('.safetensors')) asked.push(request.url());
  });
  return asked;
}

test('opens with a picture that moves before the live one, and fetches no weights twice', async (url) => {
  await visit(url, async (visitor) => {
    const asked = countWeights(visitor);
    const inOrder = ({ painted, moving, live }) => painted <= moving && moving <= live;
    assert.ok(inOrder(await opens(visitor)));
    const fetched = asked.length;
    await visitor.page.reload({ waitUntil: 'commit' });
    assert.ok(inOrder(await opens(visitor)));
    assert.equal(asked.length, fetched, 'the second visit has them');
  });
});

const PARTS = [
  'Page and scripts',
  'Engine, fetched and compiled',
  'Device found',
  'Model, fetched and checked',
  'Shaders compiled',
  'Weights unpacked and uploaded',
  'Run set up',
  'First step',
];

test('opening: each of its parts is told, with what it took', async (url) => {
  await visit(`${url}#proof?model=portraits`, async ({ page }) => {
    const list = page.getByRole('list', { name: 'How this visit began' });
    await list.getByText('First step').waitFor();
    const told = [];
    for (const part of PARTS) {
      const text = await list.getByRole('listitem').filter({ hasText: part }).innerText();
      const ms = Number(/([\d,]+) ms/.exec(text)?.[1].replace(',', ''));
      assert.ok(ms >= 0, `${part}: ${text}`);
      told.push(`${part} ${ms} ms`);
    }
    console.log(`      ${told.join(', ')}`);
  });
});

/** Holds the weights back until `release` is called. */
function holdWeights() {
  let release;
  const released = new Promise((resolve) => (release = resolve));
  const before = (page) =>
    page.route('**/*.safetensors*', async (route) => {
      await released;
      await route.continue();
    });
  return { before, release: () => release() };
}

test('a kept run plays, and says that it is kept, until the live one is there', async (url) => {
  const weights = holdWeights();
  await visit(
    `${url}#reverse?steps=5&batch=1&class=2&guidance=1`,
    async (visitor) => {
      await label(visitor).waitFor();
      const noise = await visitor.grab(NOISY, SIDE);
      assert.ok(statistics(noise).std > 30, 'there is a picture');
      await visitor.until('it moves', async () => {
        return largestDifference(noise, await visitor.grab(NOISY, SIDE)) > 30;
      });
      await visitor.page
        .getByText(/^Fetching the model: .* of 2\.\d\d MB$/)
        .first()
        .waitFor();
      assert.equal(await visitor.page.getByText('step 1 of 5').count(), 0);

      weights.release();
      await visitor.atEnd();
      assert.equal(await label(visitor).count(), 0);
      assert.equal(await visitor.page.locator('img').count(), 0);
    },
    { before: weights.before },
  );
});

/** Grey values of the last frame of a model's kept run. */
function lastKeptFrame(model) {
  const path = fileURLToPath(new URL(`../models/${model}/kept.png`, import.meta.url));
  const { data, palette, width, height } = decode(readFileSync(path));
  return Array.from(data.subarray((height - width) * width), (index) => palette[index][0]);
}

test('with reduced motion the kept run shows how it ended', async (url) => {
  const weights = holdWeights();
  await visit(
    url,
    async (visitor) => {
      await label(visitor).waitFor();
      const side = 65;
      await visitor.page.waitForTimeout(300);
      const seen = await visitor.grab(NOISY, side);
      // The words about it cover the lowest part; gaps show what is behind.
      const inside = (_, at) => at % side < 32 && at < 32 * side;
      const expected = lastKeptFrame('digits').filter(inside);
      assert.ok(largestDifference(seen.filter(inside), expected) <= 2);
      weights.release();
    },
    { before: weights.before, reducedMotion: 'reduce' },
  );
});
