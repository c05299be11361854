// A GIF of the page at work, as the README opens with: `npm run film -- FILE`.
import { decode } from 'fast-png';
import gifenc from 'gifenc';
import { writeFileSync } from 'node:fs';
import { openBrowser, serveDist } from './browser.mjs';

const { applyPalette, GIFEncoder, quantize } = gifenc;
const SIZE = { width: 1120, height: 700 };
const START = '#reverse?sampler=ddim&steps=12&seed=7&batch=4&class=each&guidance=1';
const COLOURS = 96;
const BETWEEN_MS = 220;
const LAST_MS = 2500;

const server = await serveDist();
const browser = await openBrowser();
const page = await browser.newPage({ viewport: SIZE });
page.setDefaultTimeout(120_000);
const gif = GIFEncoder();
let shown = 0;

/** What is on the screen now, for so long. */
async function frame(delay) {
  const { data, width, height, channels } = decode(await page.screenshot());
  const rgba = new Uint8Array(width * height * 4).fill(255);
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let channel = 0; channel < 3; channel++)
      rgba[4 * pixel + channel] = data[channels * pixel + channel];
  }
  const palette = quantize(rgba, COLOURS);
  gif.writeFrame(applyPalette(rgba, palette), width, height, { palette, delay });
  shown++;
}

const timeline = page.getByRole('slider', { name: 'Reverse process' });
const at = async () => Number((await timeline.getAttribute('aria-valuetext')).match(/\d+/)[0]);

/** Every step once, from where the page stands. */
async function watch(from, to) {
  // The keys are the timeline's where no field has them.
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press('Home');
  for (let step = 0; step < to; step++) {
    if (step >= from) await frame(BETWEEN_MS);
    await page.keyboard.press('ArrowRight');
    while ((await at()) !== step + 1) await page.waitForTimeout(20);
    await page.waitForTimeout(200);
  }
}

await page.goto(server.url + START);
await page.getByText('step 12 of 12', { exact: true }).waitFor();
await page.waitForTimeout(1500);
await watch(0, 12);
await frame(LAST_MS / 2);
await page.keyboard.press('Home');
for (let step = 0; step < 2; step++) await page.keyboard.press('ArrowRight');
await page.waitForTimeout(500);
await page.getByRole('button', { name: 'Fork here' }).click();
await page
  .getByRole('group', { name: 'Class' })
  .getByRole('radio', { name: '8' })
  .check({ force: true });
await page.getByRole('button', { name: 'From 2: 8', exact: true }).waitFor();
await page.getByText('step 12 of 12', { exact: true }).waitFor();
await page.waitForTimeout(1500);
await watch(2, 12);
await frame(LAST_MS);
gif.finish();
const path = process.argv[2] ?? 'page.gif';
writeFileSync(path, gif.bytes());
console.log(`${path}: ${shown} frames, ${gif.bytes().length} bytes`);
await browser.close();
await server.close();
