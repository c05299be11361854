import assert from 'node:assert/strict';
import { test } from './harness.mjs';
import {
  assertDigit,
  assertFitsPhone,
  greyOf,
  inWorker,
  largestDifference,
  PHONE,
  visit,
} from './visit.mjs';

const WEIGHTS = '**/*.safetensors*';
const QUICK = '#reverse?steps=5&batch=1&class=2&guidance=1';

const serve = (change) => (page) =>
  page.route(WEIGHTS, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, ...change(await response.body()) });
  });

async function showsFailure(visitor, title, message) {
  await visitor.page.getByRole('heading', { name: title }).waitFor();
  await visitor.page.getByRole('alert').getByText(message).first().waitFor();
  assert.ok((await visitor.page.getByRole('alert').getByRole('listitem').count()) > 0);
  await visitor.button('Load the page again').waitFor();
}

const noGpuInWorker = inWorker('delete WorkerNavigator.prototype.gpu');

test('WebGPU outside workers only: the engine lives on the main thread', async (url) => {
  await visit(
    url + QUICK,
    async (visitor) => {
      const { page } = visitor;
      await visitor.atEnd();
      await page.getByText('WebGPU on the main thread').waitFor();
      assertDigit(await visitor.pixels('x_t', 5));
      await visitor.radio('Class', '7').check({ force: true });
      await visitor.inAddress('class=7');
      await visitor.atEnd();
      const seven = await visitor.pixels('x_t', 5);
      const shown = await visitor.grab('x t, the noisy picture', 32);
      assert.ok(largestDifference(shown, greyOf(seven)) <= 2);
      await visitor.until('the worker has gone', () => page.workers().length === 0);
      await page.getByRole('link', { name: 'Proof' }).click();
      await page.getByText('WebGPU, on the main thread').waitFor();
    },
    { before: noGpuInWorker },
  );
});

test('an insecure address says so', async (url) => {
  const insecure = url.replace('localhost', 'insecure.test');
  await visit(
    insecure,
    (visitor) => showsFailure(visitor, 'This address is not secure', /https:\/\//),
    { failing: true },
  );
});

test('truncated weights say so', async (url) => {
  await visit(
    url,
    (visitor) => showsFailure(visitor, 'The model arrived damaged', /broke off after/),
    {
      before: serve((body) => ({ body: body.subarray(0, body.length / 2) })),
      failing: true,
    },
  );
});

test('corrupt weights say so', async (url) => {
  const flip = (body) => {
    body[body.length - 1] ^= 1;
    return { body };
  };
  await visit(url, (visitor) => showsFailure(visitor, 'The model arrived damaged', /SHA-256/), {
    before: serve(flip),
    failing: true,
  });
});

test('missing weights say so', async (url) => {
  await visit(url, (visitor) => showsFailure(visitor, 'The model could not be fetched', /404/), {
    before: serve(() => ({ status: 404 })),
    failing: true,
  });
});

test('after a failure the page loaded again works', async (url) => {
  await visit(
    url + QUICK,
    async (visitor) => {
      await showsFailure(visitor, 'The model could not be fetched', /404/);
      await visitor.page.unroute(WEIGHTS);
      await visitor.button('Load the page again').click();
      await visitor.atEnd();
      assertDigit(await visitor.pixels('x_t', 5));
    },
    { before: serve(() => ({ status: 404 })), failing: true },
  );
});

/** A software adapter's canvas is not even tried: this one says that it is none. */
const AS_HARDWARE = `{
  Object.defineProperty(GPUAdapterInfo.prototype, 'isFallbackAdapter', { get: () => false });
  const { prototype } = GPUCanvasContext;
  const configure = prototype.configure;
  prototype.configure = function (...settings) {
    self.canvasTried = true;
    return configure.apply(this, settings);
  };
}`;

test('where a WebGPU canvas stays blank, frames are copied, and that is said', async (url) => {
  for (const before of [undefined, inWorker(AS_HARDWARE)]) {
    const body = async (visitor) => {
      await visitor.atEnd();
      await visitor.page.getByText('frames copied to a 2-D canvas').waitFor();
      const values = await visitor.pixels('x_t', 5);
      assertDigit(values);
      const shown = await visitor.grab('x t, the noisy picture', 32);
      assert.ok(largestDifference(shown, greyOf(values)) <= 2, 'the picture is not there');
      const tried = await visitor.page.workers()[0].evaluate(() => self.canvasTried ?? false);
      assert.equal(tried, before !== undefined);
    };
    await visit(url + QUICK, body, { before, failing: before !== undefined });
  }
});

test('a second visit takes the weights from the cache', async (url) => {
  await visit(url + QUICK, async (visitor) => {
    await visitor.atEnd();
    const fetched = [];
    visitor.page.on('request', (request) => fetched.push(request.url()));
    await visitor.page.reload();
    await visitor.atEnd();
    assert.ok(!fetched.some((address) => address.includes('.safetensors')));
  });
});

test('a damaged link falls back with a note', async (url) => {
  await visit(`${url}#dreams?steps=lots&batch=1&class=77`, async (visitor) => {
    const note = visitor.page.getByRole('alert');
    await note.getByText('station “dreams”').waitFor();
    await note.getByText('steps “lots”').waitFor();
    await visitor.atStep(1);
    await note.getByText('class 77').waitFor();
    await visitor.button('Close the note').click();
    assert.equal(await note.count(), 0);
  });
});

test('a hidden tab rests', async (url) => {
  await visit(`${url}#reverse?steps=200&batch=1&class=2&guidance=1`, async (visitor) => {
    const { page } = visitor;
    const hide = (hidden) =>
      page.evaluate((value) => {
        Object.defineProperty(document, 'hidden', { value, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
      }, hidden);
    await visitor.atStep(2);
    await hide(true);
    await page.waitForTimeout(500);
    const { at } = await visitor.position();
    await page.waitForTimeout(1000);
    assert.equal((await visitor.position()).at, at);
    await hide(false);
    await visitor.atStep(at + 2);
  });
});

test('reduced motion shows the end, not the way', async (url) => {
  await visit(
    url + QUICK,
    async (visitor) => {
      const seen = new Set();
      await visitor.until('the end', async () => {
        const { at } = await visitor.position();
        seen.add(at);
        return at === 5;
      });
      assert.deepEqual([...seen], [0, 5]);
    },
    { reducedMotion: 'reduce' },
  );
});

test('fits 360 pixels, with targets for fingers', async (url) => {
  for (const station of ['reverse', 'forward']) {
    await visit(
      url + QUICK.replace('reverse', station),
      async ({ page }) => {
        await page
          .getByText(/^step 5 of 5|^log-SNR/)
          .filter({ visible: true })
          .first()
          .waitFor();
        await assertFitsPhone(page);
      },
      PHONE,
    );
  }
});

/** A read-back of one number, as an adaptive step's error is with one sample, finds none. */
const NO_NUMBER = `{
  const { prototype } = GPUBuffer;
  const read = prototype.getMappedRange;
  prototype.getMappedRange = function (...range) {
    const bytes = read.apply(this, range);
    return bytes.byteLength === 4 ? new Float32Array([NaN]).buffer : bytes;
  };
}`;

test('an adaptive run that finds no step says so, and another sampler goes on', async (url) => {
  const recipe = '#reverse?seed=3&batch=1&class=7&guidance=1&sampler=rk45&steps=3';
  const body = async (visitor) => {
    const { page } = visitor;
    await page
      .getByRole('alert')
      .getByText(/is not a number/)
      .waitFor();
    await visitor.button('Play').waitFor();
    await visitor.sampler.selectOption('ddim');
    await page.getByText('3 network calls', { exact: true }).waitFor();
    await visitor.atEnd();
    assert.ok((await visitor.pixels('x_t', 3)).every(Number.isFinite));
  };
  await visit(url + recipe, body, { before: inWorker(NO_NUMBER) });
});
