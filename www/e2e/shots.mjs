// Pictures of the page in the sizes and themes it is judged by: `npm run shots -- FOLDER`.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openBrowser, serveDist } from './browser.mjs';

const SIZES = [
  [1440, 900],
  [1024, 768],
  [390, 844],
];
/** Each station, and what is there when it has settled. */
const STATIONS = { reverse: 'step 20 of 20', forward: 'SNR', schedules: 'SNR', proof: 'Weights' };

const folder = process.argv[2] ?? 'shots';
mkdirSync(folder, { recursive: true });
const server = await serveDist();
const browser = await openBrowser();
for (const colorScheme of ['light', 'dark']) {
  for (const [width, height] of SIZES) {
    const page = await browser.newPage({ colorScheme, viewport: { width, height } });
    page.setDefaultTimeout(300_000);
    for (const [station, done] of Object.entries(STATIONS)) {
      await page.goto(`${server.url}#${station}?steps=20&batch=4`);
      await page.reload();
      await page.getByText(done, { exact: true }).filter({ visible: true }).first().waitFor();
      await page.waitForTimeout(3000);
      const path = join(folder, `${station}-${width}x${height}-${colorScheme}.png`);
      await page.screenshot({ path, fullPage: width < 720 });
      console.log(path);
    }
    await page.close();
  }
}
await browser.close();
await server.close();
