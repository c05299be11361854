import assert from 'node:assert/strict';
import { test } from './harness.mjs';
import { assertDigit, visit } from './visit.mjs';

const ACTIONS = 200;
/** Actions before anything is counted. */
const WARMING = 40;
const START = '#reverse?sampler=ddim&steps=4&seed=1&batch=1&class=7&guidance=1&eta=0';
const SAMPLERS = ['ddim', 'ddpm', 'euler', 'euler-a', 'dpm++2m', 'unipc', 'heun', 'pndm', 'rk45'];
/** What may be left over, as a share of what there was. */
const LEFT_OVER = 0.1;

/** Numbers that are the same in every run of the test. */
function dice(seed) {
  let state = seed;
  return (count) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * count);
  };
}

/** What the page and the engine hold, with all garbage collected. */
async function held(page, session) {
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  const { bytes } = await page.evaluate(() => globalThis.reverie.memory());
  return { heap: usedSize, gpu: bytes };
}

const isEnabled = async (locator) =>
  (await locator.count()) > 0 && (await locator.first().isEnabled());

/** One thing that a visitor might do next. */
async function act(visitor, roll) {
  const { page } = visitor;
  const press = async (name) => {
    const button = visitor.button(name);
    if (await isEnabled(button)) await button.first().click({ timeout: 2000 });
  };
  const actions = [
    () => visitor.sampler.selectOption(SAMPLERS[roll(SAMPLERS.length)]),
    () => visitor.radio('Class', String(roll(10))).check({ force: true }),
    () => press('Another seed'),
    async () => {
      const steps = page.getByRole('spinbutton', { name: 'Steps', exact: true });
      await steps.filter({ visible: true }).fill(String(3 + roll(4)), { timeout: 2000 });
      await page.keyboard.press('Enter');
    },
    () => page.keyboard.press('Home'),
    () => page.keyboard.press(roll(2) ? 'ArrowRight' : 'ArrowLeft'),
    () => page.keyboard.press(String(roll(10))),
    () => press(roll(2) ? 'Play' : 'Pause'),
    async () => {
      await page.keyboard.press('Home');
      await press('Fork here');
    },
    () => press('Other noise for this branch'),
    async () => {
      const closers = page.getByRole('button', { name: /^Close the branch/ });
      if ((await closers.count()) > 0) await closers.last().click({ timeout: 2000 });
    },
    async () => {
      const branches = page.getByRole('region', { name: 'Frames and branches' });
      const names = branches.getByRole('button', { name: /^From / });
      const count = await names.count();
      if (count > 0) await names.nth(roll(count)).click({ timeout: 2000 });
    },
    async () => {
      const stations = page.getByRole('navigation');
      await stations.getByRole('link', { name: 'Forward' }).click();
      await page.waitForTimeout(roll(4) * 100);
      await stations.getByRole('link', { name: 'Reverse' }).click();
    },
  ];
  await actions[roll(actions.length)]();
  await page.waitForTimeout(roll(4) * 100);
}

test('two hundred runs started, changed, forked and cancelled at random leave nothing behind', async (url) => {
  await visit(url + START, async (visitor) => {
    const { page } = visitor;
    const session = await page.context().newCDPSession(page);
    const roll = dice(20_261_125);
    await visitor.atEnd();
    // What is made once, on first use, is there: the microscope's network, formulas, a branch's row.
    await page.getByRole('navigation').getByRole('link', { name: 'Forward' }).click();
    await page.getByText(/^RMS/).first().waitFor();
    await page.getByRole('navigation').getByRole('link', { name: 'Reverse' }).click();
    for (let warming = 0; warming < WARMING; warming++) await act(visitor, roll);
    await page.goto(url + START);
    await visitor.atEnd();
    const before = await held(page, session);
    const start = performance.now();
    for (let action = 0; action < ACTIONS; action++) await act(visitor, roll);
    await page.goto(`${url}${START.replace('seed=1', 'seed=2')}`);
    await page.goto(url + START);
    await visitor.atEnd();
    assertDigit(await visitor.pixels('x_t', 4));
    const after = await held(page, session);
    const seconds = (performance.now() - start) / 1000;
    console.log(
      `      ${ACTIONS} actions in ${seconds.toFixed(0)} s; heap ${before.heap} → ${after.heap} bytes, ` +
        `GPU ${before.gpu} → ${after.gpu}`,
    );
    for (const what of ['heap', 'gpu']) {
      assert.ok(
        after[what] <= before[what] * (1 + LEFT_OVER),
        `${what}: ${before[what]} bytes became ${after[what]}`,
      );
    }
  });
});
