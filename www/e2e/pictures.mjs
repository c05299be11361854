// Where the forward process gets its picture from: files, the camera, a finger, a link.
import assert from 'node:assert/strict';
import { encode } from 'fast-png';
import { test } from './harness.mjs';
import { assertFitsPhone, drawn, largestDifference, PHONE, statistics, visit } from './visit.mjs';

const SIDE = 32;
const PAD = 2;
const SEEN = 'x nought, what the model sees of the picture';
const link = (fields) => `#forward?sampler=ddim&steps=4&batch=1&class=any&t=0&${fields}`;

/** A bright ring on black, or on white a dark one. */
function ring(side, dark = false) {
  const level = (index) => {
    const [x, y] = [index % side, Math.floor(index / side)].map((at) => (at + 0.5) / side - 0.5);
    return Math.abs(Math.hypot(x, y) - 0.28) < 0.09 ? 255 : 0;
  };
  const data = Uint8Array.from({ length: side * side }, (_, index) =>
    dark ? 255 - level(index) : level(index),
  );
  return { data, png: picture(side, side, data) };
}

const picture = (width, height, data) =>
  Buffer.from(encode({ width, height, data, channels: 1, depth: 8 }));

const file = (name, buffer) => ({ name, mimeType: 'image/png', buffer });

/** The model's own border around a picture of 28 × 28. */
const framed = (data) =>
  Array.from({ length: SIDE * SIDE }, (_, index) => {
    const [x, y] = [(index % SIDE) - PAD, Math.floor(index / SIDE) - PAD];
    const side = SIDE - 2 * PAD;
    return x >= 0 && x < side && y >= 0 && y < side ? data[y * side + x] : 0;
  });

async function seen(visitor) {
  await visitor.page.getByText('log-SNR').filter({ visible: true }).waitFor();
  return drawn(visitor.page, SEEN);
}

test('pictures: a file of the model’s size is seen pixel by pixel, here and in its link', async (url) => {
  const { data, png } = ring(SIDE - 2 * PAD);
  let shared;
  await visit(url + link('source=file'), async (visitor) => {
    const { page } = visitor;
    await page.getByText('Choose a picture, or drop one here.').waitFor();
    await page.getByLabel('Picture file').setInputFiles(file('ring.png', png));
    await visitor.until('the picture is there', () => visitor.timeline.isEnabled());
    assert.deepEqual(await seen(visitor), framed(data));
    assert.equal(
      await visitor.button('Invert black and white').getAttribute('aria-pressed'),
      'false',
    );
    await visitor.inAddress('source=file', 'picture=');
    shared = await page.evaluate(() => location.hash);
    assert.ok(shared.length < 800, `the link has ${shared.length} letters`);
  });
  await visit(url + shared, async (visitor) => {
    await visitor.until('the picture is there', () => visitor.timeline.isEnabled());
    assert.deepEqual(await seen(visitor), framed(data));
    assert.equal(await visitor.page.getByRole('alert').count(), 0);
  });
  const at = shared.indexOf('picture=') + 30;
  const damaged = shared.slice(0, at) + (shared[at] === 'A' ? 'B' : 'A') + shared.slice(at + 1);
  await visit(url + damaged, async ({ page }) => {
    await page.getByRole('alert').getByText('a picture that is damaged').waitFor();
    await page.getByText('Choose a picture, or drop one here.').waitFor();
  });
});

test('pictures: dark ink on white is inverted, a large picture shrunk, a wrong one refused', async (url) => {
  await visit(url + link('source=sample'), async (visitor) => {
    const { page } = visitor;
    // Dropped anywhere on the station.
    const dropped = ring(280, true).png.toString('base64');
    await visitor.until('the model is there', () => visitor.timeline.isEnabled());
    await page.evaluate((base64) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([bytes], 'ink.png', { type: 'image/png' }));
      const event = new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true });
      document.querySelector('.station:not([hidden]) main').dispatchEvent(event);
    }, dropped);
    const invert = visitor.button('Invert black and white');
    await invert.waitFor();
    assert.equal(await invert.getAttribute('aria-pressed'), 'true');
    const bright = await seen(visitor);
    assert.ok(largestDifference(bright, framed(ring(28).data)) < 160, 'the ring is elsewhere');
    assert.equal(bright[0], 0);
    assert.ok(statistics(bright).mean < 90);
    await invert.click();
    await visitor.until('it is inverted', async () => statistics(await seen(visitor)).mean > 120);
    assert.equal((await seen(visitor))[0], 0, 'the border was inverted');

    const input = page.getByLabel('Picture file');
    await input.setInputFiles(file('words.png', Buffer.from('no picture')));
    await page.getByText('“words.png” is not a picture that this browser can read.').waitFor();
    await input.setInputFiles(file('wide.png', picture(8200, 1, new Uint8Array(8200))));
    await page.getByText('has 8200 × 1 pixels; choose one of at most 8192 a side.').waitFor();
    await input.setInputFiles(file('heavy.png', Buffer.alloc(20_100_000)));
    await page.getByText('choose a picture of at most 20 MB.').waitFor();
    await input.setInputFiles(file('ring.png', ring(28).png));
    await visitor.until(
      'a good one is taken',
      async () => (await page.getByRole('alert').count()) === 0,
    );
  });
});

test('pictures: the camera, asked for by a click, off when it is left', async (url) => {
  const camera = { permissions: ['camera'] };
  await visit(
    url + link('source=camera'),
    async (visitor) => {
      const { page } = visitor;
      await visitor.button('Start the camera').click();
      const video = page.getByLabel('What the camera sees');
      await video.waitFor();
      await visitor.until('it shows something', () => video.evaluate((it) => it.videoWidth > 0));
      await visitor.button('Take the picture').click();
      await visitor.until('the picture is there', () => visitor.timeline.isEnabled());
      assert.ok(statistics(await seen(visitor)).std > 5, 'the picture is flat');
      await visitor.inAddress('source=camera', 'picture=');

      const track = await video.evaluateHandle((it) => it.srcObject.getTracks()[0]);
      await page.getByRole('link', { name: 'Reverse' }).click();
      await visitor.until('it is off', () => track.evaluate((it) => it.readyState === 'ended'));
      await page.getByRole('link', { name: 'Forward' }).click();
      await visitor.button('Start the camera').waitFor();
    },
    camera,
  );
  await visit(url + link('source=camera'), async (visitor) => {
    await visitor.button('Start the camera').click();
    await visitor.page.getByText('The camera was refused.').waitFor();
  });
});

test('pictures: a finger draws on a phone, and the link goes on with the drawing', async (url) => {
  let shared, before;
  await visit(
    url + link('source=drawing'),
    async (visitor) => {
      const { page } = visitor;
      await visitor.button('Draw').click();
      const pad = page.getByLabel('Drawing pad');
      await pad.evaluate((element) => element.scrollIntoView({ block: 'start' }));
      const box = await pad.boundingBox();
      const touch = await page.context().newCDPSession(page);
      const finger = (type, ...touchPoints) =>
        touch.send('Input.dispatchTouchEvent', { type, touchPoints });
      const at = (share) => ({ x: box.x + box.width / 2, y: box.y + box.height * share });
      await finger('touchStart', at(0.2));
      for (const share of [0.3, 0.4, 0.5]) await finger('touchMove', at(share));
      await finger('touchEnd');
      await visitor.until('it is drawn', () => visitor.timeline.isEnabled());
      before = await seen(visitor);
      assert.ok(before[16 * SIDE + 16] > 200 && before[28 * SIDE + 16] < 20);
      await assertFitsPhone(page);
      await visitor.inAddress('picture=');
      shared = await visitor.addressAtRest();
    },
    PHONE,
  );
  await visit(url + shared, async (visitor) => {
    const { page } = visitor;
    await visitor.until('the drawing is there', () => visitor.timeline.isEnabled());
    assert.deepEqual(await seen(visitor), before);
    const box = await page.getByLabel('Drawing pad').boundingBox();
    await page.mouse.click(box.x + box.width * 0.2, box.y + box.height * 0.8);
    await visitor.until(
      'a dot is added',
      async () => statistics(await seen(visitor)).mean > statistics(before).mean,
    );
    const after = await seen(visitor);
    const changed = after.filter((level, pixel) => level !== before[pixel]).length;
    assert.ok(changed > 0 && changed < 30, `${changed} pixels of the drawing changed`);
  });
});
