import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decode } from 'fast-png';
import { test } from './harness.mjs';
import { dropOnPage, inWorker, visit } from './visit.mjs';

const RUN = '#reverse?sampler=ddim&seed=3&batch=1&class=7&guidance=1&eta=0';
const DIGITS = fileURLToPath(new URL('../models/digits', import.meta.url));

/** A copy of the digits in a folder of this name. */
function ownFolder(name, change = () => undefined) {
  const root = mkdtempSync(join(tmpdir(), 'reverie-own-'));
  const folder = join(root, name);
  cpSync(DIGITS, folder, { recursive: true });
  change(join(folder, 'unet/diffusion_pytorch_model.safetensors'));
  return { folder, remove: () => rmSync(root, { recursive: true }) };
}

const picked = ({ page }) =>
  page.getByRole('combobox', { name: 'Model' }).evaluate((list) => list.selectedOptions[0].label);
const note = ({ page }, text) => page.getByRole('alert').getByText(text);
const station = ({ page }, name) => page.getByRole('link', { name, exact: true }).click();
const branches = ({ page }) => page.getByRole('region', { name: 'Frames and branches' });

/** Rests at a frame that has been made, and forks there. */
async function forkAt(visitor, frame) {
  await visitor.atEnd();
  // On the timeline: a class that was chosen last has the arrow keys to itself.
  await visitor.timeline.press('Home');
  for (let at = 0; at < frame; at++) await visitor.timeline.press('ArrowRight');
  await visitor.until('it is shown', async () => (await visitor.position()).at === frame);
  await visitor.button('Fork here').click();
}

test('history: a model of one’s own stays over Back, and a page loaded anew asks for it', async (url) => {
  const own = ownFolder('numerals');
  try {
    await visit(`${url}${RUN}&steps=4`, async (visitor) => {
      const { page } = visitor;
      await visitor.atEnd();
      await dropOnPage(page, own.folder);
      await visitor.inAddress('model=%28own%29');
      await visitor.atEnd();
      await station(visitor, 'Schedules');
      await visitor.inAddress('#schedules');
      await page.goBack();
      await visitor.inAddress('#reverse');
      assert.match(await picked(visitor), /^numerals \(yours\)/);
      assert.equal(await page.getByRole('alert').count(), 0);
      await visitor.atEnd();

      await page.reload();
      await note(visitor, 'folders are not kept: drop it on the page again').waitFor();
      assert.equal(await page.getByRole('alert').getByRole('listitem').count(), 1);
      assert.match(await picked(visitor), /^digits/i);
      await visitor.atEnd();
      await dropOnPage(page, own.folder);
      await visitor.inAddress('model=%28own%29', 'class=7');
    });
  } finally {
    own.remove();
  }
});

test('history: a model that is refused leaves the branch and its settings', async (url) => {
  const damaged = ownFolder('damaged', (weights) => {
    const bytes = readFileSync(weights);
    writeFileSync(weights, bytes.subarray(0, bytes.length / 2));
  });
  try {
    const link = `${url}${RUN.replace('eta=0', 'eta=0.5')}&steps=4&fork=2;class=3&frame=3`;
    await visit(link, async (visitor) => {
      const { page } = visitor;
      await visitor.until('the branch is there', async () => (await visitor.position()).at === 3);
      const before = await visitor.addressAtRest();
      const pixels = await visitor.pixels('x_t', 3);
      await dropOnPage(page, damaged.folder);
      await note(visitor, /diffusion_pytorch_model/).waitFor();
      await visitor.until('it is back', async () => (await visitor.position()).at === 3);
      assert.equal(await visitor.addressAtRest(), before);
      assert.match(before, /eta=0\.5.*fork=2;class=3.*frame=3/);
      assert.deepEqual(await visitor.pixels('x_t', 3), pixels);
      await branches(visitor).getByRole('button', { name: 'From 2: 3', exact: true }).waitFor();
    });
  } finally {
    damaged.remove();
  }
});

test('history: Back does not stop a run that it does not change', async (url) => {
  await visit(`${url}${RUN}&steps=60`, async (visitor) => {
    await visitor.atStep(2);
    await station(visitor, 'Proof');
    await visitor.inAddress('#proof');
    await visitor.page.goBack();
    await visitor.inAddress('#reverse');
    const { at, of } = await visitor.position();
    assert.ok(at < of, 'the run had ended before');
    await visitor.atEnd();
  });
});

const hide = (hidden) => {
  Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
  document.dispatchEvent(new Event('visibilitychange'));
};

test('history: a tab that is hidden from the start computes nothing until it is seen', async (url) => {
  const body = async (visitor) => {
    await visitor.button('Pause').waitFor();
    await visitor.page.waitForTimeout(3000);
    assert.deepEqual(await visitor.position(), { at: 0, of: 5 });
    const computed = await visitor.page.evaluate(() =>
      globalThis.reverie.pixels('x_t', 1).then(
        () => true,
        () => false,
      ),
    );
    assert.equal(computed, false, 'a step was computed');
    await visitor.page.evaluate(hide, false);
    await visitor.atEnd();
  };
  await visit(`${url}${RUN}&steps=5`, body, { before: (page) => page.addInitScript(hide, true) });
});

/** Whatever the engine says comes half a second late. */
const LATE = `{
  const say = self.postMessage.bind(self);
  self.postMessage = (...message) => setTimeout(() => say(...message), 500);
}`;

test('history: a branch that is changed while it is on its way leaves its own parent', async (url) => {
  const body = async (visitor) => {
    await forkAt(visitor, 1);
    await visitor.radio('Class', '2').check({ force: true });
    await branches(visitor).getByRole('button', { name: 'From 1: 2', exact: true }).waitFor();
    await visitor.until('it has come so far', () =>
      visitor.pixels('x_t', 4).then(
        () => true,
        () => false,
      ),
    );
    const before = await visitor.pixels('x_t', 2);
    await forkAt(visitor, 3);
    await visitor.radio('Class', '3').check({ force: true });
    await branches(visitor).getByRole('button', { name: 'From 3: 3', exact: true }).waitFor();
    await visitor.atEnd();
    await branches(visitor).getByRole('button', { name: 'From 1: 2', exact: true }).waitFor();
    assert.match(await visitor.addressAtRest(), /&fork=1;class=2&fork=3;class=3/);
    assert.deepEqual(await visitor.pixels('x_t', 2), before);
  };
  await visit(`${url}${RUN}&steps=4`, body, { before: inWorker(LATE) });
});

test('history: a fork after the end of its run is left out, and the run comes to its end', async (url) => {
  await visit(`${url}${RUN}&steps=5&fork=900`, async (visitor) => {
    await note(visitor, 'fork “900”').waitFor();
    await visitor.atEnd();
    await visitor.button('Play').waitFor();
    assert.ok(!(await visitor.addressAtRest()).includes('fork='));
  });
});

test('history: what a link leaves open means the same on loading and in an open page', async (url) => {
  await visit(`${url}#reverse?steps=3&class=3`, async (visitor) => {
    await visitor.inAddress('class=3', 'batch=1&');
    await visitor.atEnd();
    await visitor.page.evaluate(() => {
      location.hash = '#reverse?steps=3&class=4';
    });
    await visitor.inAddress('class=4', 'batch=');
    assert.match(await visitor.addressAtRest(), /batch=1&/);
  });
});

test('history: a link with several wrong parts gives one note that lists them', async (url) => {
  const link = '#dreams?steps=lots&batch=1&class=77&sampler=magic&interval=9:1&start=500:1:eNpjYA';
  await visit(url + link, async (visitor) => {
    const parts = ['station “dreams”', 'steps “lots”', 'class 77', 'sampler “magic”'];
    for (const part of [...parts, 'interval “9:1”', 'a picture to start from that is damaged']) {
      await note(visitor, part).waitFor();
    }
    assert.equal(await visitor.page.getByRole('alert').getByRole('listitem').count(), 1);
  });
});

test('history: a picture saved while the run plays brings back its own step', async (url) => {
  await visit(`${url}${RUN}&steps=300`, async (visitor) => {
    const { page } = visitor;
    await visitor.atStep(2);
    await visitor.button('Save or share').click();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      visitor.button('Picture of this step, PNG').click(),
    ]);
    const [, step] = download.suggestedFilename().match(/-step-(\d+)\.png$/);
    const { text } = decode(readFileSync(await download.path()));
    assert.match(text.Reverie, new RegExp(`&frame=${step}(&|$)`));
  });
});
