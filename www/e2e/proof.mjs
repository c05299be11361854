import { AxeBuilder } from '@axe-core/playwright';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from './harness.mjs';
import { assertFitsPhone, inWorker, largestDifference, PHONE, visit } from './visit.mjs';

const QUICK = '#proof?model=digits&sampler=ddim&steps=4&seed=3&batch=1&class=2&guidance=1';
const MODEL = fileURLToPath(new URL('../models/digits/', import.meta.url));

const row = ({ page }, table, name) =>
  page
    .getByRole('table', { name: table })
    .getByRole('row')
    .filter({
      has: page.getByText(name, { exact: true }),
    });
const tested = (visitor, kernel) => row(visitor, 'Kernels beside their twins', kernel);
const equals = ({ page }) =>
  page.getByText('The network equals PyTorch’s on this device').waitFor();

/** The run of this page is over; on Proof no timeline tells so. */
const rested = ({ page }) => page.getByText(/^(Equals|Differs from) PyTorch/).waitFor();

/** What is on the clipboard after the button was pressed. */
async function copied(visitor, as) {
  await visitor.button(`Copy as ${as}`).click();
  await visitor.page.getByText(`Copied as ${as}`).waitFor();
  return visitor.page.evaluate(() => navigator.clipboard.readText());
}

test('proof: the device, its limits, its memory, and the weights by their hashes', async (url) => {
  await visit(url + QUICK, async (visitor) => {
    const { page } = visitor;
    await page.getByText('the processor: this is a software adapter').waitFor();
    await page.getByText('WebGPU, in a worker').waitFor();
    await page.getByText(/^copied to 2-D canvases/).waitFor();
    assert.match(
      await row(visitor, /^Only WebGPU/, 'Largest storage binding').innerText(),
      /128 MiB\s+\d+ [MG]iB/,
    );

    for (const path of ['unet/config.json', 'unet/diffusion_pytorch_model.safetensors']) {
      const data = readFileSync(MODEL + path);
      const file = page.getByRole('listitem').filter({ hasText: path });
      const hash = createHash('sha256').update(data).digest('hex');
      assert.equal(await file.locator('code').innerText(), hash);
      assert.ok((await file.innerText()).includes(`${data.length.toLocaleString('en')} bytes`));
    }

    // What a model took it gives back.
    const memory = page.getByText(/ now, .* at the most/);
    await rested(visitor);
    await page.waitForTimeout(2500);
    const before = await memory.innerText();
    const picker = page.getByRole('combobox', { name: 'Model' });
    await picker.selectOption('fashion');
    await page.getByText(/^The files of fashion/).waitFor();
    await picker.selectOption('digits');
    await page.getByText(/^The files of digits/).waitFor();
    await rested(visitor);
    const now = (text) => text.split(' now')[0];
    await visitor.until(
      'the memory is back',
      async () => now(await memory.innerText()) === now(before),
    );
  });
});

test('proof: every kernel equals its twin and the network PyTorch’s, beside a run', async (url) => {
  await visit(url + QUICK.replace('steps=4', 'steps=12'), async (visitor) => {
    const { page } = visitor;
    const all = page.getByText(/^All \d+ kernels equal their twins$/);
    await visitor.button('Test this device').click();
    await all.waitFor();
    await equals(visitor);
    const [, count] = (await all.innerText()).match(/(\d+)/);
    assert.equal(
      await page.getByRole('cell', { name: 'equal', exact: true }).count(),
      Number(count),
    );
    assert.match(
      await tested(visitor, 'conv3x3').innerText(),
      /^conv3x3\s+\d+\s+\d\.\d·10⁻[⁷⁸]\s+2\.0·10⁻⁶\s+\d+%\s+equal/,
    );

    // The run beside it is the one that it would have been alone.
    await page.getByRole('link', { name: 'Reverse' }).click();
    await visitor.atEnd();
    const beside = await visitor.pixels('x_t', 12);
    await visitor.button('From the start').click();
    await visitor.until('it starts again', async () => (await visitor.position()).at < 12);
    await visitor.atEnd();
    assert.equal(largestDifference(await visitor.pixels('x_t', 12), beside), 0);
  });
});

/** A device that is a little wrong about one kernel, and refuses another. */
const WRONG_DEVICE = `{
  const { prototype } = GPUDevice;
  const make = prototype.createShaderModule;
  prototype.createShaderModule = function ({ label, code }) {
    if (label === 'group_norm_lone') code = code.replaceAll('inverseSqrt(', '1.01 * inverseSqrt(');
    if (label === 'avg_pool') code = code.replace('fn main', 'fn other');
    return make.call(this, { label, code });
  };
}`;

test('proof: a device that computes something else is told of, with numbers', async (url) => {
  await visit(
    url + QUICK.replace('#proof', '#reverse'),
    async (visitor) => {
      const { page } = visitor;
      await visitor.atEnd();
      const note = page
        .getByRole('alert')
        .getByText(/^On this device the network differs from PyTorch/);
      assert.match(
        await note.innerText(),
        /max \|Δ\| [\d.]+·10⁻\S+, relative [\d.]+·10⁻[¹²], where 1\.0·10⁻⁴ is allowed/,
      );
      await visitor.button(/^Differs from PyTorch, relative error /).click();
      await page.getByText('The network differs from PyTorch’s on this device').waitFor();
      await visitor.button('Test this device').click();
      await page.getByText(/^2 of \d+ kernels differ from their twins$/).waitFor();
      assert.match(await tested(visitor, 'group_norm_lone').innerText(), /differs$/);
      assert.match(await tested(visitor, 'avg_pool').innerText(), /differs$/);
      assert.match(await tested(visitor, 'linear').innerText(), /equal$/);
      await page
        .getByText(/entry point/i)
        .first()
        .waitFor();

      // A kernel that this network does not need stops nothing.
      await visitor.until('the test has ended', () => visitor.button('Test again').isEnabled());
      await page.getByRole('link', { name: 'Reverse' }).click();
      await visitor.button('From the start').click();
      await visitor.atEnd();
    },
    { before: inWorker(WRONG_DEVICE) },
  );
});

test('proof: times, and a benchmark that can be copied, wait for a run', async (url) => {
  const permissions = ['clipboard-read', 'clipboard-write'];
  await visit(
    url + QUICK,
    async (visitor) => {
      const { page } = visitor;
      await visitor.button('Time the kernels').click();
      await page.getByRole('link', { name: 'Reverse' }).click();
      await visitor.button('From the start').click();
      await visitor.until('it starts again', async () => (await visitor.position()).at < 4);
      await visitor.atEnd();
      await page.getByRole('link', { name: 'Proof' }).click();
      await visitor.until('all is timed', () => visitor.button('Time again').isVisible());
      const texts = await row(visitor, 'Time of each kernel', 'matmul').innerText();
      assert.match(texts, /^matmul\s+\d\d\s+[\d.]+\s+\d+%\s+[\d.]+/);

      await visitor.button('Run the benchmark').click();
      await visitor.until('it is measured', () => visitor.button('Run it again').isVisible());
      const report = JSON.parse(await copied(visitor, 'JSON'));
      assert.equal(
        report.model.weights_sha256,
        createHash('sha256')
          .update(readFileSync(`${MODEL}unet/diffusion_pytorch_model.safetensors`))
          .digest('hex'),
      );
      assert.equal(report.golden.passed, true);
      const [{ batch, passes_per_second, median_ms, p90_ms, gflop_per_second }] = report.benchmarks;
      assert.equal(batch, 1);
      assert.ok(median_ms > 1 && p90_ms >= median_ms);
      // A pass of the whole is about as long as its kernels one by one; other work comes between.
      const sum = Object.values(report.kernels_ms).reduce((total, ms) => total + ms, 0);
      assert.ok(
        sum > 0.2 * median_ms && sum < 5 * median_ms,
        `${sum} ms, but ${median_ms} ms a pass`,
      );
      assert.ok(
        Math.abs(gflop_per_second / (passes_per_second * report.model.gflop_per_pass) - 1) < 1e-3,
      );
      const text = await copied(visitor, 'text');
      assert.match(text, /^Reverie \d+\.\d+\.\d+, benchmark of \d{4}-/);
      assert.match(text, /^batch 1: [\d.]+ passes\/s, [\d.]+ ms a pass/m);

      // A browser that denies the clipboard lets one select.
      await page.evaluate(() => {
        navigator.clipboard.writeText = () => Promise.reject(new Error('denied'));
      });
      await visitor.button('Copy as text').click();
      const area = page.getByRole('textbox', { name: /^The clipboard is closed/ });
      assert.equal(await area.inputValue(), text);
      assert.equal(await page.evaluate(() => getSelection().toString()), text);
    },
    { permissions },
  );
});

test('proof: accessible in both themes, and fits 360 pixels', async (url) => {
  for (const options of [{ ...PHONE, colorScheme: 'light' }, { colorScheme: 'dark' }]) {
    await visit(
      url + QUICK,
      async (visitor) => {
        const { page } = visitor;
        await visitor.button('Test this device').click();
        await page.getByText(/^All \d+ kernels/).waitFor();
        await equals(visitor);
        if (options.isMobile) await assertFitsPhone(page);
        const { violations } = await new AxeBuilder({ page }).analyze();
        const found = violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`);
        assert.deepEqual(found, []);
      },
      options,
    );
  }
});
