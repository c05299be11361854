import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from './harness.mjs';
import { dropOnPage, visit } from './visit.mjs';

const QUICK = '#reverse?sampler=ddim&steps=4&seed=3&batch=1&class=7&guidance=1';
const DIGITS = fileURLToPath(new URL('../models/digits', import.meta.url));
const WEIGHTS = 'unet/diffusion_pytorch_model.safetensors';

/** A copy of a model under another name, changed. */
function copyOf(name, change) {
  const root = mkdtempSync(join(tmpdir(), 'reverie-own-'));
  const folder = join(root, name);
  cpSync(DIGITS, folder, { recursive: true });
  change(join(folder, WEIGHTS));
  return { folder, remove: () => rmSync(root, { recursive: true }) };
}

const picked = ({ page }) =>
  page.getByRole('combobox', { name: 'Model' }).evaluate((list) => list.selectedOptions[0].label);

test('a model that is dropped on the page runs, and a damaged one is refused by name', async (url) => {
  const damaged = copyOf('damaged', (weights) => {
    const bytes = readFileSync(weights);
    writeFileSync(weights, bytes.subarray(0, bytes.length / 2));
  });
  const own = copyOf('numerals', () => undefined);
  try {
    await visit(url + QUICK, async (visitor) => {
      const { page } = visitor;
      await visitor.atEnd();
      const shipped = await visitor.pixels('x_t', 4);

      await dropOnPage(page, own.folder);
      await visitor.until('it is open', async () =>
        /^numerals \(yours\)/.test(await picked(visitor)),
      );
      await visitor.until('a new run', async () => (await visitor.position()).at < 4);
      await visitor.atEnd();
      assert.deepEqual(await visitor.pixels('x_t', 4), shipped);
      await visitor.button('Check against PyTorch').click();
      await page.getByRole('status').filter({ hasText: 'Equals PyTorch' }).waitFor();

      await dropOnPage(page, damaged.folder);
      const note = page.getByRole('alert').getByText(/diffusion_pytorch_model/);
      await note.waitFor();
      console.log(`      ${await note.innerText()}`);
      assert.match(await picked(visitor), /^numerals/);
      await visitor.atEnd();
      assert.deepEqual(await visitor.pixels('x_t', 4), shipped);

      await dropOnPage(page, join(DIGITS, 'unet/config.json'));
      await page.getByRole('alert').getByText('no .safetensors file').waitFor();
      await page.getByRole('combobox', { name: 'Model' }).selectOption('digits');
      await visitor.inAddress('model=digits');
      await visitor.atEnd();
    });
  } finally {
    damaged.remove();
    own.remove();
  }
});
