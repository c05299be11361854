// An engineer's way: does it compute what it says, with my model, by my keyboard, from any link?
import assert from 'node:assert/strict';
import {
  cpSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from './harness.mjs';
import { assertDigit, largestDifference, visit } from './visit.mjs';

const STEPS = 4;
const RECIPE = `?sampler=ddim&steps=${STEPS}&seed=3&batch=1&class=7&guidance=1&eta=0`;
const DIGITS = fileURLToPath(new URL('../models/digits', import.meta.url));
const WEIGHTS = 'diffusion_pytorch_model.safetensors';

/** A model's folder without subfolders and without a scheduler, and one whose weights end too soon. */
function folders() {
  const root = mkdtempSync(join(tmpdir(), 'reverie-ways-'));
  const [own, broken] = ['mine', 'broken'].map((name) => join(root, name));
  for (const folder of [own, broken]) cpSync(DIGITS, folder, { recursive: true });
  for (const name of readdirSync(join(own, 'unet'))) {
    renameSync(join(own, 'unet', name), join(own, name));
  }
  for (const gone of ['scheduler', 'unet', 'model_index.json']) {
    rmSync(join(own, gone), { recursive: true });
  }
  const weights = join(broken, 'unet', WEIGHTS);
  const bytes = readFileSync(weights);
  writeFileSync(weights, bytes.subarray(0, bytes.length / 2));
  return { own, broken, remove: () => rmSync(root, { recursive: true }) };
}

async function choose(visitor, folder) {
  const { page } = visitor;
  await visitor.button('About this model').click();
  const [chooser] = await Promise.all([
    page.waitForEvent('filechooser'),
    visitor.button('Choose a folder…').click(),
  ]);
  await chooser.setFiles(folder);
  const dialog = page.getByRole('dialog');
  if (await dialog.isVisible()) await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
}

const picked = ({ page }) =>
  page.getByRole('combobox', { name: 'Model' }).evaluate((list) => list.selectedOptions[0].label);

test('an engineer’s way: proof, an own folder, a broken one', async (url) => {
  const { own, broken, remove } = folders();
  try {
    await visit(`${url}#reverse${RECIPE}`, async (visitor) => {
      const { page } = visitor;
      await visitor.atEnd();
      await page.getByRole('link', { name: 'Proof' }).click();
      await page.getByText('The network equals PyTorch’s on this device').waitFor();
      await page.getByRole('listitem').filter({ hasText: WEIGHTS }).waitFor();
      await page.getByRole('link', { name: 'Reverse' }).click();

      await choose(visitor, own);
      await visitor.until('mine is open', async () =>
        /^mine \(yours\)/.test(await picked(visitor)),
      );
      await visitor.until('a new run', async () => (await visitor.position()).at < STEPS);
      await visitor.atEnd();
      const mine = await visitor.pixels('x_t', STEPS);
      await visitor.button('Save or share').click();
      const program = await page.getByRole('textbox', { name: 'Python program' }).inputValue();
      assert.match(program, /else "mine"\)/);
      assert.match(program, /scheduler = DDIMScheduler\(beta_start=0\.0001, beta_end=0\.02/);
      assert.doesNotMatch(program, /subfolder/);
      await visitor.button('Close').click();

      await choose(visitor, broken);
      await page
        .getByRole('alert')
        .getByText(/diffusion_pytorch_model/)
        .waitFor();
      assert.match(await picked(visitor), /^mine/);
      await visitor.atEnd();
      assert.equal(largestDifference(await visitor.pixels('x_t', STEPS), mine), 0);
    });
  } finally {
    remove();
  }
});

/** Goes on from control to control until this one has the keys. */
async function tabTo({ page }, control) {
  for (let presses = 0; presses < 120; presses++) {
    await page.keyboard.press('Tab');
    if (await control.evaluate((element) => element === document.activeElement)) return;
  }
  throw new Error(`Tab does not lead to ${control}`);
}

test('an engineer’s way: by keyboard alone', async (url) => {
  await visit(`${url}#reverse${RECIPE}`, async (visitor) => {
    const { page } = visitor;
    const { keyboard } = page;
    await visitor.atEnd();
    await keyboard.press('Home');
    await visitor.until('it is rewound', async () => (await visitor.position()).at === 0);
    await keyboard.press(' ');
    await visitor.atEnd();

    await tabTo(visitor, visitor.radio('Class', '7'));
    await keyboard.press('ArrowRight');
    await visitor.inAddress('&class=8&');
    await visitor.atEnd();
    await tabTo(visitor, visitor.sampler);
    await visitor.sampler.press('u');
    await visitor.inAddress('sampler=unipc');
    await visitor.atEnd();
    assertDigit(await visitor.pixels('x_t', STEPS));

    await tabTo(visitor, visitor.timeline);
    await keyboard.press('ArrowLeft');
    await keyboard.press('ArrowLeft');
    await visitor.until('two back', async () => (await visitor.position()).at === STEPS - 2);
    await tabTo(visitor, visitor.button('Fork here'));
    await keyboard.press('Enter');
    await visitor.inAddress(`&fork=${STEPS - 2}`);
    await visitor.atEnd();

    // Round to the beginning: the way out of a dialog goes back to where it came from.
    const share = visitor.button('Save or share');
    await tabTo(visitor, share);
    await keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Save or share' }).waitFor();
    await keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    assert.ok(await share.evaluate((button) => button === document.activeElement));
    await tabTo(visitor, page.getByRole('link', { name: 'Forward' }));
    await keyboard.press('Enter');
    await visitor.inAddress('#forward?');
  });
});

test('an engineer’s way: links bring back what was shown, and say what is wrong with them', async (url) => {
  let link, picture;
  await visit(`${url}#reverse${RECIPE}`, async (visitor) => {
    await visitor.atEnd();
    await visitor.page.keyboard.press('ArrowLeft');
    await visitor.inAddress(`frame=${STEPS - 1}`);
    picture = await visitor.pixels('x_t', STEPS - 1);
    await visitor.button('Save or share').click();
    link = await visitor.page.getByRole('textbox', { name: 'Link' }).inputValue();
  });
  await visit(link, async (visitor) => {
    await visitor.atStep(STEPS - 1);
    await visitor.page.waitForTimeout(500);
    assert.deepEqual(await visitor.position(), { at: STEPS - 1, of: STEPS });
    assert.equal(largestDifference(await visitor.pixels('x_t', STEPS - 1), picture), 0);
  });
  const bad = RECIPE.replace('ddim', 'tomorrows').replace('class=7', 'class=x');
  await visit(`${url}#reverse${bad}`, async (visitor) => {
    const note = visitor.page.getByRole('alert');
    await note.getByText(/tomorrows/).waitFor();
    assert.match(await note.innerText(), /class/);
    assert.equal(await note.count(), 1);
    await visitor.atEnd();
  });
});

test('an engineer’s way: reduced motion opens at the end, and plays when asked to', async (url) => {
  await visit(
    `${url}#reverse${RECIPE.replace(`steps=${STEPS}`, 'steps=12')}`,
    async (visitor) => {
      const { page } = visitor;
      await visitor.atEnd();
      await page.keyboard.press('Home');
      await visitor.until('it is rewound', async () => (await visitor.position()).at === 0);
      const seen = new Set();
      await visitor.button('Play').click();
      await visitor.until('the end', async () => {
        const { at } = await visitor.position();
        seen.add(at);
        return at === 12;
      });
      assert.ok(seen.size > 3, `it showed ${[...seen]} only`);
    },
    { reducedMotion: 'reduce' },
  );
});
