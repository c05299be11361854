// Pictures of the page in the sizes and themes it is judged by: `npm run shots -- FOLDER [PART_OF_A_NAME]`.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openBrowser, serveDist } from './browser.mjs';

const WIDE = { width: 1440, height: 900 };
const SMALL = { width: 1024, height: 768 };
const PHONE = { width: 390, height: 844 };
const TURNED = { width: 844, height: 390 };
const SIZES = [WIDE, SMALL, PHONE, TURNED];
const THEMES = ['light', 'dark'];
const QUALITY = 0.85;
const RUN = '?sampler=ddim&steps=20&seed=7&batch=4&class=each&guidance=1';

const folder = process.argv[2] ?? 'shots';
const wanted = process.argv[3] ?? '';
mkdirSync(folder, { recursive: true });
const server = await serveDist();
const browser = await openBrowser();

/** A page of its own, where `before` has changed what it meets. */
async function open(address, viewport, before) {
  const page = await browser.newPage({ viewport });
  page.setDefaultTimeout(120_000);
  await before?.(page);
  await page.goto(server.url + address);
  return page;
}

const packer = await browser.newPage();

/** A screenshot as WebP: the browser writes it itself. */
async function packed(png) {
  const letters = await packer.evaluate(
    async ([base64, quality]) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
      canvas.getContext('2d').drawImage(bitmap, 0, 0);
      const blob = await canvas.convertToBlob({ type: 'image/webp', quality });
      const packed = new Uint8Array(await blob.arrayBuffer());
      return Array.from(packed, (byte) => String.fromCharCode(byte)).join('');
    },
    [png.toString('base64'), QUALITY],
  );
  return Buffer.from(letters, 'latin1');
}

async function shoot(page, name) {
  const { width, height } = page.viewportSize();
  for (const colorScheme of THEMES) {
    await page.emulateMedia({ colorScheme });
    await page.waitForTimeout(400);
    const path = join(folder, `${name}-${width}x${height}-${colorScheme}.webp`);
    writeFileSync(path, await packed(await page.screenshot()));
    console.log(path);
  }
}

const button = (page, name) =>
  page.getByRole('button', { name, exact: true }).filter({ visible: true });
const closed = (page) => page.waitForFunction(() => !document.querySelector('dialog[open]'));
const ended = (page) =>
  page.waitForFunction(() =>
    /step (\d+) of \1$/.test(document.querySelector('.timeline input').ariaValueText),
  );

/** Each station, and what is there when it has settled. */
const STATIONS = {
  Reverse: async (page) => {
    await ended(page);
    await page.keyboard.press('Home');
    for (let step = 0; step < 14; step++) await page.keyboard.press('ArrowRight');
  },
  Forward: (page) => page.locator('.pictures[aria-busy=false]').waitFor(),
  Schedules: (page) =>
    page
      .getByRole('img', { name: /^One picture under/ })
      .first()
      .waitFor(),
  Proof: (page) => page.getByText('Weights', { exact: true }).waitFor(),
};

async function stations() {
  const page = await open(`#reverse${RUN}`, WIDE);
  for (const [station, settled] of Object.entries(STATIONS)) {
    await page.getByRole('link', { name: station, exact: true }).click();
    await settled(page);
    await page.evaluate(() => document.activeElement.blur());
    for (const size of SIZES) {
      await page.setViewportSize(size);
      await page.evaluate(() => scrollTo(0, 0));
      await page.waitForTimeout(600);
      await shoot(page, station.toLowerCase());
    }
    await page.setViewportSize(WIDE);
  }
  await page.close();
}

/** A branch, the export sheet, and what a phone has in sheets. */
async function sheets() {
  const page = await open(`#reverse${RUN}`, WIDE);
  await STATIONS.Reverse(page);
  await button(page, 'Save or share').click();
  await page.getByRole('textbox', { name: 'Python program' }).waitFor();
  await shoot(page, 'export');
  await page.keyboard.press('Escape');
  await closed(page);
  await page.setViewportSize(PHONE);
  for (const name of ['Make', 'How', 'Branches']) {
    await button(page, name).click();
    await shoot(page, `sheet-${name.toLowerCase()}`);
    await page.keyboard.press('Escape');
    await closed(page);
  }
  await page.getByRole('link', { name: 'Forward' }).click();
  await STATIONS.Forward(page);
  await button(page, 'Picture').click();
  await page.getByRole('radio', { name: 'Your drawing' }).check({ force: true });
  await shoot(page, 'sheet-picture');
  await page.close();
}

async function race() {
  const page = await open(`#reverse${RUN}&race=20,ddpm,ddim,euler-a,dpm++2m,unipc,pndm`, WIDE);
  await button(page, 'Start').click();
  await page.getByText(/^Measure the distance/).waitFor();
  await button(page, /^Measure the distance/).click();
  await page.getByText(/root mean squares/).waitFor();
  for (const size of [WIDE, PHONE]) {
    await page.setViewportSize(size);
    await page.getByRole('region', { name: 'Race' }).evaluate((results) => {
      results.scrollIntoView();
    });
    await shoot(page, 'race');
  }
  await page.close();
}

async function loading() {
  const page = await open(`#reverse${RUN}`, WIDE, (it) => it.route('**/*.safetensors*', () => {}));
  await page.getByText('A kept run of this model').waitFor();
  await page.waitForTimeout(1500);
  for (const size of [WIDE, PHONE]) {
    await page.setViewportSize(size);
    await shoot(page, 'loading');
  }
  await page.close();
}

async function failing() {
  const page = await open('', WIDE, (it) =>
    it.route('**/*.safetensors*', (route) => route.fulfill({ status: 404 })),
  );
  await page.getByRole('alert').waitFor();
  for (const size of [WIDE, PHONE]) {
    await page.setViewportSize(size);
    await shoot(page, 'no-weights');
  }
  await page.close();
}

const SCENES = { stations, sheets, race, loading, failing };
for (const [name, scene] of Object.entries(SCENES)) if (name.includes(wanted)) await scene();
await browser.close();
await server.close();
