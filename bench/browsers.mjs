// Two browsers, WebGPU on a software adapter; each contender gets a page of its own.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { Builder } from 'selenium-webdriver';
import { Options } from 'selenium-webdriver/firefox.js';

const path = (file) => fileURLToPath(new URL(`../${file}`, import.meta.url));
const settings = () => JSON.parse(readFileSync(path('webdriver.json'), 'utf8'));

/** Calls a method of a page's contender; the answer must be plain. */
const CALL = `return globalThis.contender.then((contender) => contender[arguments[0]](...arguments[1]));`;

export async function openChromium(executablePath) {
  const args = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--no-sandbox'];
  const browser = await chromium.launch({ executablePath, headless: true, args });
  return {
    name: `Chromium ${browser.version()}`,
    async open(url) {
      const page = await browser.newPage();
      await page.goto(url);
      const body = `(function () { ${CALL} })`;
      return {
        call: (method, ...values) =>
          page.evaluate(`${body}(${JSON.stringify(method)}, ${JSON.stringify(values)})`),
        close: () => page.close(),
      };
    },
    close: () => browser.close(),
  };
}

export async function openFirefox(binary) {
  const options = new Options().setBinary(binary).addArguments('-headless');
  const { prefs } = settings()['moz:firefoxOptions'];
  for (const [name, value] of Object.entries(prefs)) options.setPreference(name, value);
  const driver = await new Builder().forBrowser('firefox').setFirefoxOptions(options).build();
  await driver.manage().setTimeouts({ script: 300_000 });
  const version = (await driver.getCapabilities()).getBrowserVersion();
  return {
    name: `Firefox ${version}`,
    async open(url) {
      await driver.switchTo().newWindow('tab');
      const handle = await driver.getWindowHandle();
      await driver.get(url);
      return {
        async call(method, ...values) {
          await driver.switchTo().window(handle);
          return driver.executeScript(CALL, method, values);
        },
        async close() {
          await driver.switchTo().window(handle);
          await driver.close();
        },
      };
    },
    close: () => driver.quit(),
  };
}
