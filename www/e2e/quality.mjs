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

test('every station fits 360 pixels, and a screen of twice the size', async (url) => {
  for (const station of STATIONS) {
    const body = async (visitor) => {
      await visitor.page.getByRole('heading', { name: 'Reverie' }).waitFor();
      await visitor.page.waitForTimeout(1500);
      await assertFitsPhone(visitor.page);
    };
    await visit(`${url}#${station}${QUICK}`, body, PHONE);
  }
});

/** Presses, types and points while the network is at work, and asks the browser how long each took. */
test('input answers within 50 ms while sampling', async (url) => {
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
      await picture.click({ position: { x: 40 + 9 * round, y: 60 } });
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
    assert.ok(percentile <= 50, `${percentile} ms`);
  };
  await visit(`${url}#reverse?sampler=ddim&steps=500&batch=1&class=2&guidance=1`, body);
});
