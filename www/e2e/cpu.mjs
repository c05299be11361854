import assert from 'node:assert/strict';
import { serveCopy } from './browser.mjs';
import { test } from './harness.mjs';
import { assertDigit, greyOf, inWorker, largestDifference, visit } from './visit.mjs';

const QUICK = '#reverse?steps=5&batch=1&class=2&guidance=2&seed=3';
/** The page chooses by itself. */
const AUTO = { engine: null };
const CPU = { engine: 'cpu' };
/** Of [−1, 1]: a level of 255. */
const LEVEL = 2 / 255;

const note = ({ page }) => page.getByRole('complementary', { name: 'Computing on the CPU' });
const computesOn = ({ page }, backend) =>
  page.getByRole('contentinfo').getByText(backend, { exact: true }).waitFor();

async function showsItsRun(visitor) {
  await visitor.atEnd();
  await computesOn(visitor, 'CPU');
  const pixels = await visitor.pixels('x_t', 5);
  assertDigit(pixels);
  const shown = await visitor.grab('x t, the noisy picture', 32);
  assert.ok(largestDifference(shown, greyOf(pixels)) <= 2);
  return pixels;
}

async function explains(visitor, title, advice) {
  await note(visitor).getByText(title).waitFor();
  await note(visitor).getByText('How to switch WebGPU on').click();
  await note(visitor).getByText(advice).first().waitFor();
}

/** Whether the page's cache has the wasm of both engines and of the twins. */
async function keptWasm() {
  const caught = await Promise.all((await caches.keys()).map((name) => caches.open(name)));
  const responses = await Promise.all(caught.map((cache) => cache.matchAll()));
  const isWasm = (response) => response.headers.get('Content-Type') === 'application/wasm';
  return responses.flat().filter(isWasm).length >= 3;
}

async function hideWebGpu(page) {
  await page.addInitScript(() => delete Navigator.prototype.gpu);
  await inWorker('delete WorkerNavigator.prototype.gpu')(page);
}

test('without WebGPU the CPU draws the same picture, and the page says why', async (url) => {
  let onGpu;
  await visit(url + QUICK, async (visitor) => {
    await visitor.atEnd();
    onGpu = await visitor.pixels('x_t', 5);
    assert.equal(await note(visitor).count(), 0);
  });
  const body = async (visitor) => {
    const fetched = [];
    visitor.page.on('request', (request) => fetched.push(request.url()));
    const onCpu = await showsItsRun(visitor);
    assert.ok(largestDifference(onCpu, onGpu) <= LEVEL);
    assert.ok(!fetched.some((address) => address.includes('reverie_bg')), 'nobody needs that');
    await explains(
      visitor,
      'This browser has no WebGPU: Reverie computes on the CPU.',
      /chrome:\/\/flags/,
    );
    await visitor.page.getByText(/^Equals PyTorch/).waitFor();
    await visitor.button('Close the note').click();
    assert.equal(await note(visitor).count(), 0);
  };
  await visit(url + QUICK, body, { ...AUTO, before: hideWebGpu });
});

test('without an adapter the CPU computes', async (url) => {
  const body = async (visitor) => {
    await showsItsRun(visitor);
    await explains(visitor, /^WebGPU found no graphics device/, /graphics acceleration/);
  };
  const before = inWorker('GPU.prototype.requestAdapter = async () => null');
  await visit(url + QUICK, body, { ...AUTO, before });
});

/** One invocation a workgroup, no storage buffers: such adapters have been seen. */
const ODD_LIMITS = `{
  const odd = { maxComputeInvocationsPerWorkgroup: 1, maxStorageBuffersPerShaderStage: 0 };
  for (const [name, value] of Object.entries(odd)) {
    Object.defineProperty(GPUSupportedLimits.prototype, name, { get: () => value });
  }
}`;

test('an adapter with odd limits leaves the work to the CPU', async (url) => {
  const body = async (visitor) => {
    await showsItsRun(visitor);
    await explains(visitor, /^The graphics device could not be opened/, /WebGPU promises/);
  };
  await visit(url + QUICK, body, { ...AUTO, before: inWorker(ODD_LIMITS) });
});

const TRIALS = 'reverie-engine-trials';

/** When the engine's thread had made a step, and when it asked for the shaders' engine. */
const order = ({ page }) =>
  page.workers()[0].evaluate(() => {
    const [step] = performance.getEntriesByName('reverie: first step');
    const shaders = performance
      .getEntriesByType('resource')
      .find(({ name }) => name.includes('reverie_bg'));
    return { step: step.startTime + step.duration, shaders: shaders.startTime };
  });

/** Which engine was found the faster one depends on the machine: as if it had been found so. */
const find = ({ page }, times) =>
  page.evaluate(
    ([key, found]) => {
      const [[adapter, trial]] = Object.entries(JSON.parse(localStorage.getItem(key)));
      localStorage.setItem(key, JSON.stringify({ [adapter]: { ...trial, ...found } }));
    },
    [TRIALS, times],
  );

test('a software adapter’s shaders are tried when the first run is over, and the choice is kept', async (url) => {
  const body = async (visitor) => {
    const { page } = visitor;
    const pixels = await showsItsRun(visitor);
    await visitor.until('the shaders were tried', () =>
      page.evaluate((key) => localStorage.getItem(key), TRIALS),
    );
    const { step, shaders } = await order(visitor);
    assert.ok(step < shaders, `a step at ${step}, the shaders at ${shaders}`);
    // The CPU's engine is there as it was.
    assert.deepEqual(await visitor.pixels('x_t', 5), pixels);

    await find(visitor, { gpu_ms: 170, cpu_ms: 16 });
    const fetched = [];
    page.on('request', (request) => fetched.push(request.url()));
    await page.reload();
    await showsItsRun(visitor);
    await note(visitor).getByText('Why').click();
    await note(visitor).getByText('170 ms a pass; the processor takes 16 ms.').waitFor();
    assert.ok(!fetched.some((address) => address.includes('reverie_bg')), 'it is known by now');
    // What was measured is another model's.
    const picker = page.getByRole('combobox', { name: 'Model' });
    await picker.selectOption('fashion');
    await note(visitor).getByText('WebGPU has only a software adapter here.').waitFor();
    await picker.selectOption('digits');
    await page.getByRole('link', { name: 'Proof' }).click();
    await page.getByText(/^Tried here with digits:\s+170 ms a pass on WebGPU’s/).waitFor();

    await find(visitor, { gpu_ms: 16, cpu_ms: 170 });
    await page.reload();
    await page.getByText('WebGPU, in a worker').waitFor();
    await page.getByRole('link', { name: 'Reverse' }).click();
    await visitor.atEnd();
    assert.ok(largestDifference(await visitor.pixels('x_t', 5), pixels) <= LEVEL);
    assert.equal(await note(visitor).count(), 0);

    await page.getByRole('link', { name: 'Proof' }).click();
    await visitor.radio('Compute with', 'CPU').check({ force: true });
    await page.getByText('CPU, in a worker').waitFor();
  };
  await visit(url + QUICK, body, AUTO);
});

test('proof: on the CPU every fast form equals its twin, and each can be timed', async (url) => {
  const body = async (visitor) => {
    const { page } = visitor;
    await page.getByText('CPU, in a worker').waitFor();
    await page.getByText('the processor, by the engine’s own SIMD').waitFor();
    await visitor.button('Test this device').click();
    await page.getByText(/^All \d+ kernels equal their twins$/).waitFor();
    await page.getByText('The network equals PyTorch’s on this device').waitFor();
    await visitor.button('Time the kernels').click();
    const row = page.getByRole('row').filter({ hasText: 'conv3x3' }).last();
    await row
      .getByText(/\d\.\d/)
      .first()
      .waitFor();
  };
  await visit(url + QUICK.replace('reverse', 'proof'), body, CPU);
});

test('on the CPU, too, a second visit works without a network', async () => {
  const server = await serveCopy();
  try {
    const body = async (visitor) => {
      const { page } = visitor;
      const before = await showsItsRun(visitor);
      await visitor.until('the engine is kept', () => page.evaluate(keptWasm));
      await server.close();
      await page.reload();
      assert.deepEqual(await showsItsRun(visitor), before);
    };
    await visit(server.url + QUICK, body, { ...CPU, serviceWorkers: 'allow', failing: true });
  } finally {
    server.remove();
  }
});

test('on the CPU a step that takes long keeps nothing waiting', async (url) => {
  const body = async (visitor) => {
    await visitor.atStep(1);
    await visitor.radio('Class', '7').check({ force: true });
    await visitor.inAddress('class=7');
    // The worker answers between two kernels of a step, not when the steps are done.
    const { of } = await visitor.position();
    await visitor.until('the run begins anew', async () => {
      const { at } = await visitor.position();
      assert.ok(at < of, 'it was not waited for the end');
      return at === 0;
    });
    await visitor.atStep(1);
  };
  await visit(`${url}#reverse?steps=40&batch=16&class=2&guidance=2`, body, CPU);
});
