import assert from 'node:assert/strict';
import { test } from './harness.mjs';
import { inWorker, largestDifference, visit } from './visit.mjs';

const RECIPE = '#reverse?sampler=ddpm&steps=12&batch=1&class=5&seed=3&guidance=1';

/** Keeps the engine's devices, to take them away. */
const KEEP = `{
  const { prototype } = GPUAdapter;
  const request = prototype.requestDevice;
  self.devices = [];
  prototype.requestDevice = async function (...wish) {
    const device = await request.apply(this, wish);
    self.devices.push(device);
    return device;
  };
}`;

const lose = ({ page }) => page.workers()[0].evaluate(() => self.devices.at(-1).destroy());
const note = ({ page }) => page.getByRole('alert').getByText(/device was lost/);

/** The last frame of the run, undisturbed. */
async function undisturbed(url) {
  let values;
  await visit(url + RECIPE, async (visitor) => {
    await visitor.atEnd();
    values = await visitor.pixels('x_t', 12);
  });
  return values;
}

test('a device lost in mid-run is replaced, and the run goes on to the same picture', async (url) => {
  const expected = await undisturbed(url);
  await visit(
    url + RECIPE,
    async (visitor) => {
      await visitor.atStep(4);
      await lose(visitor);
      await note(visitor).waitFor();
      await visitor.atEnd();
      assert.ok(largestDifference(await visitor.pixels('x_t', 12), expected) < 1e-4);

      // A second loss is no chance.
      await lose(visitor);
      await visitor.page.getByRole('heading', { name: 'The graphics device went away' }).waitFor();
    },
    { before: inWorker(KEEP), failing: true },
  );
});

test('a device lost at rest comes back with the frame that was shown', async (url) => {
  await visit(
    `${url + RECIPE}&frame=5`,
    async (visitor) => {
      await visitor.atStep(5);
      await visitor.button('Play').waitFor();
      const before = await visitor.pixels('x_t', 5);
      await lose(visitor);
      await note(visitor).waitFor();
      assert.equal((await visitor.position()).at, 5);
      await visitor.until('the frame is there again', async () => {
        const after = await visitor.pixels('x_t', 5).catch(() => null);
        return after && largestDifference(after, before) < 1e-4;
      });
      await visitor.button('Play').click();
      await visitor.atEnd();
    },
    { before: inWorker(KEEP), failing: true },
  );
});
