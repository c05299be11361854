import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { serveCopy } from './browser.mjs';
import { test } from './harness.mjs';
import { inWorker, visit } from './visit.mjs';

const QUICK = '#reverse?steps=5&batch=1&class=2&guidance=1';
const WORKERS = { serviceWorkers: 'allow' };

/** Waits until the page is kept. */
const kept = ({ page }) =>
  page.waitForFunction(() => navigator.serviceWorker.controller?.state === 'activated');

async function checksItself(visitor) {
  const { page } = visitor;
  await visitor.button('Check against PyTorch').click();
  await page.getByRole('status').filter({ hasText: 'Equals PyTorch' }).waitFor();
}

test('a second visit works without a network, from any path of a host', async () => {
  const server = await serveCopy();
  try {
    await visit(
      server.url + QUICK,
      async (visitor) => {
        const { page } = visitor;
        await visitor.atEnd();
        await checksItself(visitor);
        const before = await visitor.pixels('x_t', 5);
        await kept(visitor);
        await server.close();

        await page.reload();
        await visitor.atEnd();
        assert.deepEqual(await visitor.pixels('x_t', 5), before);
        await checksItself(visitor);

        // A model that was not used is not there, and that is said; the other goes on.
        await page.getByRole('combobox', { name: 'Model' }).selectOption('fashion');
        const note = page.getByRole('alert').getByText(/not kept on this device/);
        await note.waitFor();
        await visitor.inAddress('model=digits');
        await visitor.atEnd();
      },
      { ...WORKERS, failing: true },
    );
  } finally {
    server.remove();
  }
});

/** What a host has after the page was built anew: another document, and a worker that knows it. */
function publishNewVersion(folder) {
  const sha256 = (text) => createHash('sha256').update(text).digest('hex');
  const document = join(folder, 'index.html');
  const worker = join(folder, 'service-worker.js');
  const before = readFileSync(document, 'utf8');
  const after = before.replace('<title>', '<title>Newer · ');
  const script = readFileSync(worker, 'utf8');
  assert.ok(script.includes(sha256(before)));
  writeFileSync(document, after);
  writeFileSync(worker, script.replace(sha256(before), sha256(after)));
}

test('a new version of the page is offered, and comes when it is asked for', async () => {
  const server = await serveCopy();
  try {
    await visit(
      server.url + QUICK,
      async (visitor) => {
        const { page } = visitor;
        await visitor.atEnd();
        await kept(visitor);
        assert.equal(await page.getByText('A new version is ready').count(), 0);

        publishNewVersion(server.folder);
        await page.reload();
        await page.getByText('A new version is ready').waitFor();
        assert.doesNotMatch(await page.title(), /^Newer/);
        const link = page.url();
        await visitor.button('Reload').click();
        await page.waitForFunction(() => document.title.startsWith('Newer'));
        assert.equal(page.url(), link);
        await visitor.atEnd();
        assert.equal(await page.getByText('A new version is ready').count(), 0);
      },
      WORKERS,
    );
  } finally {
    await server.close();
    server.remove();
  }
});

/** As browsers that keep nothing for a page do. */
const DENY = `{
  const deny = { get() { throw new DOMException('denied', 'SecurityError'); } };
  Object.defineProperty(globalThis, 'caches', deny);
  if ('localStorage' in globalThis) Object.defineProperty(globalThis, 'localStorage', deny);
  Object.defineProperty(navigator, 'serviceWorker', deny);
}`;

test('where storage is denied the page works all the same', async (url) => {
  await visit(
    url + QUICK,
    async (visitor) => {
      await visitor.atEnd();
      await visitor.page.reload();
      await visitor.atEnd();
      await checksItself(visitor);
    },
    {
      before: async (page) => {
        await page.addInitScript(DENY);
        await inWorker(DENY)(page);
      },
      ...WORKERS,
    },
  );
});
