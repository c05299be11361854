// The way through the page in Firefox, WebGPU on a software adapter: `npm run e2e:firefox`.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { decode } from 'fast-png';
import { Builder, By, Key } from 'selenium-webdriver';
import { Options, ServiceBuilder } from 'selenium-webdriver/firefox.js';
import { program, serveDist } from './browser.mjs';
import { run, test } from './harness.mjs';
import { assertDigit, greyOf, largestDifference } from './pixels.mjs';

const SIDE = 32;
const STEPS = 6;
const TRUNK = `#reverse?sampler=ddim&steps=${STEPS}&seed=3&batch=1&class=7&guidance=1&eta=0`;
/** A screen shows whole numbers. */
const ROUNDING = 2;
const PATIENCE_MS = 60_000;

function openFirefox() {
  const options = new Options()
    .setBinary(program('FIREFOX', 'firefox', 'firefox-esr'))
    .addArguments('-headless', '--width=1280', '--height=900');
  // The same as for the tests of the engine.
  const settings = readFileSync(fileURLToPath(new URL('../../webdriver.json', import.meta.url)));
  const { prefs } = JSON.parse(settings)['moz:firefoxOptions'];
  for (const [name, value] of Object.entries(prefs)) options.setPreference(name, value);
  const driver = new ServiceBuilder(program('GECKODRIVER', 'geckodriver'));
  return new Builder()
    .forBrowser('firefox')
    .setFirefoxOptions(options)
    .setFirefoxService(driver)
    .build();
}

/** What a visitor does and sees. */
class Visit {
  constructor(driver) {
    this.driver = driver;
  }

  /** The one that can be seen. */
  async seen(xpath) {
    return this.driver.wait(
      async () => {
        for (const element of await this.driver.findElements(By.xpath(xpath))) {
          if (await element.isDisplayed()) return element;
        }
        return false;
      },
      PATIENCE_MS,
      `waited in vain for ${xpath}`,
    );
  }

  button(name) {
    return this.seen(`//button[normalize-space()="${name}" or @aria-label="${name}"]`);
  }

  async choose(legend, name) {
    const option = `//fieldset[legend="${legend}"]//label[normalize-space()="${name}"]`;
    await (await this.seen(option)).click();
  }

  async station(name) {
    await (await this.seen(`//nav/a[normalize-space()="${name}"]`)).click();
  }

  timeline(process = 'Reverse') {
    return this.seen(`//input[@aria-label="${process} process"]`);
  }

  async at() {
    const text = await (await this.timeline()).getAttribute('aria-valuetext');
    return text.match(/\d+/g).map(Number);
  }

  async atEnd() {
    const ended = async () => {
      const [at, of] = await this.at();
      return at === of;
    };
    await this.driver.wait(ended, PATIENCE_MS, 'waited in vain for the end');
  }

  async press(...keys) {
    await (await this.timeline()).sendKeys(...keys);
  }

  inAddress(part) {
    const there = async () => (await this.driver.getCurrentUrl()).includes(part);
    return this.driver.wait(there, PATIENCE_MS, `waited in vain for ${part} in the address`);
  }

  /** The numbers behind a frame, from the engine. */
  async pixels(surface, frame) {
    const values = await this.driver.executeAsyncScript(
      `const [surface, frame, done] = arguments;
       reverie.pixels(surface, frame).then((values) => done(Array.from(values)));`,
      surface,
      frame,
    );
    return Float32Array.from(values);
  }

  /** A screenshot of a picture, one grey value for each of its pixels, row by row. */
  async grab(description) {
    const picture = await this.seen(`//*[@role="img" and @aria-label="${description}"]`);
    const png = decode(Buffer.from(await picture.takeScreenshot(), 'base64'));
    const middle = (index, size) => Math.floor(((index + 0.5) / SIDE) * size);
    return Array.from({ length: SIDE * SIDE }, (_, index) => {
      const x = middle(index % SIDE, png.width);
      const y = middle(Math.floor(index / SIDE), png.height);
      return png.data[png.channels * (y * png.width + x)];
    });
  }

  /** Waits until the screen shows what the engine has. */
  async shows(description, surface, frame) {
    const values = await this.pixels(surface, frame);
    const same = async () =>
      largestDifference(await this.grab(description), greyOf(values)) <= ROUNDING;
    await this.driver.wait(same, PATIENCE_MS, `${description} is not the engine’s`);
    return values;
  }
}

const NOISY = 'x t, the noisy picture';

test('Firefox: opens, samples, scrubs, changes, forks, and a link brings the picture back', async (url) => {
  const driver = await openFirefox();
  try {
    const visitor = new Visit(driver);
    await driver.get(`${url}?engine=gpu${TRUNK}`);
    await visitor.atEnd();
    const seven = await visitor.shows(NOISY, 'x_t', STEPS);
    assertDigit(seven);

    await visitor.press(Key.HOME, Key.ARROW_RIGHT, Key.ARROW_RIGHT);
    assert.deepEqual(await visitor.at(), [2, STEPS]);
    const early = await visitor.shows(NOISY, 'x_t', 2);
    assert.ok(largestDifference(early, seven) > 0.5);

    await visitor.choose('Class', '3');
    await visitor.inAddress('class=3');
    await visitor.atEnd();
    const three = await visitor.shows(NOISY, 'x_t', STEPS);
    assertDigit(three);
    assert.ok(largestDifference(three, seven) > 0.5, 'another class made the same picture');

    await visitor.press(Key.HOME, Key.ARROW_RIGHT, Key.ARROW_RIGHT);
    await (await visitor.button('Fork here')).click();
    await visitor.choose('Class', '8');
    await visitor.inAddress('fork=2;class=8');
    await visitor.button('From 2: 8');
    await visitor.atEnd();
    const branch = await visitor.shows(NOISY, 'x_t', STEPS);
    assert.ok(largestDifference(branch, three) > 0.5, 'the branch is its trunk');
    const link = await driver.getCurrentUrl();

    await visitor.station('Forward');
    await visitor.seen('//dt[normalize-space()="log-SNR"]');
    const noised = async () => (await visitor.timeline('Forward')).isEnabled();
    await driver.wait(noised, PATIENCE_MS);
    await visitor.shows('x t, the noised picture', 'forward', 0);

    await visitor.station('Proof');
    await visitor.seen('//h2[normalize-space()="Weights"]');
    await visitor.seen('//*[contains(text(), "WebGPU")]');

    await driver.get('about:blank');
    await driver.get(link);
    await visitor.button('From 2: 8');
    await visitor.atEnd();
    assert.deepEqual(await visitor.shows(NOISY, 'x_t', STEPS), branch);
  } finally {
    await driver.quit();
  }
});

const server = await serveDist();
const passed = await run(server.url, process.argv[2]);
await server.close();
process.exit(passed ? 0 : 1);
