import assert from 'node:assert/strict';
import { AxeBuilder } from '@axe-core/playwright';
import { openBrowser } from './browser.mjs';

export * from './pixels.mjs';

const VIEWPORT = { width: 1280, height: 800 };
const RUN_TIMEOUT_MS = 120_000;
const SERIOUS = ['serious', 'critical'];

const browser = openBrowser();

/**
 * Opens the page as a first visitor, hands a `Visit` to the body, and checks at the end that the
 * console is clean and that nothing was asked of any other host.
 */
/** Computes on WebGPU, software adapter or not, unless `engine` is another one or left to the page. */
export async function visit(
  url,
  body,
  { before, failing = false, engine = 'gpu', ...options } = {},
) {
  const context = await (
    await browser
  ).newContext({
    viewport: VIEWPORT,
    // Tests that change what is fetched would ask in vain what a service worker has kept.
    serviceWorkers: 'block',
    ...options,
  });
  try {
    if (engine) await context.addInitScript(choose, engine);
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    const complaints = [];
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => {
      const { origin, protocol } = new URL(request.url());
      if (protocol.startsWith('http') && origin !== new URL(url).origin) {
        complaints.push(`a request to ${origin}`);
      }
    });
    await before?.(page);
    await page.goto(url, { waitUntil: 'commit' });
    await body(new Visit(page));
    if (!failing) assert.deepEqual(complaints, []);
  } finally {
    await context.close();
  }
}

/** As who chose it before; storage may be denied. */
function choose(engine) {
  try {
    localStorage.setItem('reverie-engine', engine);
  } catch {
    return;
  }
}

/** Runs a line in the worker before its script. */
export const inWorker = (line) => (page) =>
  page.route('**/worker-*.js', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `${line};${await response.text()}` });
  });

/** What a visitor does and sees, by role and name. */
export class Visit {
  constructor(page) {
    this.page = page;
  }

  button(name) {
    return this.page.getByRole('button', { name, exact: true }).filter({ visible: true });
  }

  radio(legend, name) {
    const group = this.page.getByRole('group', { name: legend, exact: true });
    return group.getByRole('radio', { name, exact: true });
  }

  get sampler() {
    return this.page.getByRole('combobox', { name: 'Sampler' });
  }

  /** Waits until the address has all of these. */
  inAddress(...parts) {
    return this.page.waitForFunction(
      (all) => all.every((part) => location.hash.includes(part)),
      parts,
    );
  }

  /** The address, once it does not change any more. */
  async addressAtRest() {
    const hash = () => this.page.evaluate(() => location.hash);
    let [before, now] = ['', await hash()];
    while (now !== before) {
      await this.page.waitForTimeout(700);
      [before, now] = [now, await hash()];
    }
    return now;
  }

  get timeline() {
    return this.page
      .getByRole('slider', { name: /^(Reverse|Forward) process$/ })
      .filter({ visible: true });
  }

  async position() {
    const text = await this.timeline.getAttribute('aria-valuetext');
    const [at, of] = text.match(/\d+/g).map(Number);
    return { at, of };
  }

  async until(what, condition, timeout = RUN_TIMEOUT_MS) {
    const start = performance.now();
    while (!(await condition())) {
      if (performance.now() - start > timeout) throw new Error(`waited in vain until ${what}`);
      await this.page.waitForTimeout(25);
    }
    return performance.now() - start;
  }

  atStep(step) {
    return this.until(`step ${step}`, async () => (await this.position()).at >= step);
  }

  atEnd() {
    return this.until('the run has ended', async () => {
      const { at, of } = await this.position();
      return at === of;
    });
  }

  /** The numbers behind a frame, from the engine. */
  async pixels(surface, frame) {
    const values = await this.page.evaluate(
      async ([name, at]) => Array.from(await globalThis.reverie.pixels(name, at)),
      [surface, frame],
    );
    return Float32Array.from(values);
  }

  /** A screenshot of a picture, one grey value for each of its pixels, row by row. */
  async grab(description, across, down = across) {
    const png = await this.page.getByRole('img', { name: description }).screenshot();
    const decoder = await this.page.context().newPage();
    const grey = await decoder.evaluate(
      async ([base64, columns, rows]) => {
        const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
        const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
        const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
        context.drawImage(bitmap, 0, 0);
        const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
        const middle = (index, count, size) => Math.floor(((index + 0.5) / count) * size);
        return Array.from({ length: columns * rows }, (_, index) => {
          const x = middle(index % columns, columns, bitmap.width);
          const y = middle(Math.floor(index / columns), rows, bitmap.height);
          return data[4 * (y * bitmap.width + x)];
        });
      },
      [png.toString('base64'), across, down],
    );
    await decoder.close();
    return grey;
  }
}

/** The grey values of a small picture that the page itself has drawn, row by row. */
export function drawn(page, description) {
  return page.getByRole('img', { name: description }).evaluate((picture) => {
    const canvas = picture.querySelector('canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return Array.from({ length: data.length / 4 }, (_, pixel) => data[4 * pixel]);
  });
}

export const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

/** Nothing is wider than the screen or too small for a finger. */
export async function assertFitsPhone(page) {
  const { width, small } = await page.evaluate(() => {
    const targets = [
      ...document.querySelectorAll('button, a, input:not([type=radio]), select, label span'),
    ];
    const boxes = targets.map((element) => [element, element.getBoundingClientRect()]);
    return {
      width: document.documentElement.scrollWidth,
      small: boxes
        .filter(([, box]) => box.width > 0 && (box.height < 44 || box.width < 44))
        .map(([element, box]) => `${element.outerHTML.slice(0, 80)} ${box.width}×${box.height}`),
    };
  });
  assert.equal(width, 360);
  assert.deepEqual(small, []);
}

/** What axe-core finds at the serious level or above. */
export async function assertAccessible(page, where) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const found = violations
    .filter(({ impact }) => SERIOUS.includes(impact))
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 120)}`));
  assert.deepEqual(found, [], where);
}

/** Drops a file or a folder on the middle of the page, as from the desktop. */
export async function dropOnPage(page, path) {
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: [path], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop']) {
    await session.send('Input.dispatchDragEvent', { type, x: 640, y: 300, data });
  }
  await session.detach();
}
