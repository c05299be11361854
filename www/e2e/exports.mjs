import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import AxeBuilder from '@axe-core/playwright';
import { decode } from 'fast-png';
import { gifFacts } from './gif.mjs';
import { test } from './harness.mjs';
import { dropOnPage, greyOf, largestDifference, visit } from './visit.mjs';

const SIDE = 32;
const QUICK = '#reverse?sampler=ddim&steps=4&seed=3&batch=1&class=7&guidance=1';
const models = (path) => fileURLToPath(new URL(`../models/${path}`, import.meta.url));

const openSheet = (visitor) => visitor.button('Save or share').click();
const linkField = ({ page }) => page.getByRole('textbox', { name: 'Link' });

/** Presses a button of the sheet, and takes the file that comes of it. */
async function save(visitor, name) {
  const [download] = await Promise.all([
    visitor.page.waitForEvent('download', { timeout: 60_000 }),
    visitor.button(name).click(),
  ]);
  const path = await download.path();
  return { path, name: download.suggestedFilename(), bytes: readFileSync(path) };
}

/** The red of the middle of every pixel of the top left `side` × `side` ones. */
function pixelsOf({ data, width, channels }, side, factor) {
  const middle = (at) => at * factor + Math.floor(factor / 2);
  return Array.from({ length: side * side }, (_, at) => {
    const [x, y] = [middle(at % side), middle(Math.floor(at / side))];
    return data[channels * (y * width + x)];
  });
}

test('a picture is saved pixel for pixel, and brings its run back when it is dropped', async (url) => {
  await visit(url + QUICK, async (visitor) => {
    const { page } = visitor;
    await visitor.atEnd();
    await page.keyboard.press('ArrowLeft');
    await visitor.inAddress('frame=3');
    await openSheet(visitor);
    const { violations } = await new AxeBuilder({ page }).include('dialog[open]').analyze();
    assert.deepEqual(
      violations.map(({ id }) => id),
      [],
    );

    const link = await linkField(visitor).inputValue();
    assert.match(link, /&weights=[0-9a-f]{8}/);
    const { bytes, name, path } = await save(visitor, 'Picture of this step, PNG');
    assert.equal(name, 'reverie-digits-3-step-3.png');
    const png = decode(bytes);
    assert.deepEqual([png.width, png.height, png.text.Reverie], [512, 512, link]);
    const expected = greyOf(await visitor.pixels('x_t', 3));
    assert.ok(largestDifference(pixelsOf(png, SIDE, 16), expected) <= 1);

    await visitor.button('Close').click();
    await visitor.radio('Class', '2').check({ force: true });
    await visitor.inAddress('class=2');
    await visitor.atEnd();
    await dropOnPage(page, path);
    await visitor.inAddress('class=7', 'frame=3');
    await visitor.atStep(3);
    assert.ok(largestDifference(greyOf(await visitor.pixels('x_t', 3)), expected) < 0.1);

    await dropOnPage(page, models('digits/samples.png'));
    await page.getByRole('alert').getByText('“samples.png” carries no recipe').waitFor();
  });
});

test('a run is saved as a GIF of all its frames', async (url) => {
  await visit(url + QUICK.replace('batch=1', 'batch=4'), async (visitor) => {
    await visitor.atEnd();
    await openSheet(visitor);
    const all = await save(visitor, 'The run, GIF');
    assert.deepEqual(gifFacts(all.bytes), { width: 520, height: 520, frames: 5 });
    await visitor.page.getByRole('combobox', { name: 'Of' }).selectOption('sample 2');
    const one = await save(visitor, 'The run, GIF');
    assert.equal(one.name, 'reverie-digits-3-2.gif');
    assert.deepEqual(gifFacts(one.bytes), { width: 512, height: 512, frames: 5 });
  });
});

/** Plays a film to its end: its size, its length, and the red of each pixel at its end. */
async function played({ page }, bytes, type, side) {
  const player = await page.context().newPage();
  const facts = await player.evaluate(
    async ([base64, type, across]) => {
      const data = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const film = document.createElement('video');
      film.muted = true;
      film.src = URL.createObjectURL(new Blob([data], { type }));
      await new Promise((resolve, reject) => {
        film.onloadeddata = resolve;
        film.onerror = () => reject(new Error(film.error.message));
      });
      // Where it has been sought its frame need not be there yet, but where it has been painted.
      document.body.append(film);
      const painted = new Promise((resolve) => film.requestVideoFrameCallback(resolve));
      film.currentTime = film.duration;
      await painted;
      const { videoWidth: width, videoHeight: height, duration } = film;
      const context = new OffscreenCanvas(width, height).getContext('2d');
      context.drawImage(film, 0, 0);
      const pixels = context.getImageData(0, 0, width, height).data;
      const middle = (at) => Math.floor(((at + 0.5) / across) * width);
      const grey = Array.from(
        { length: across * across },
        (_, at) => pixels[4 * (middle(Math.floor(at / across)) * width + middle(at % across))],
      );
      return { width, height, duration, grey };
    },
    [bytes.toString('base64'), type, side],
  );
  await player.close();
  return facts;
}

/** Leaves the browser only these of its encoders, by how their names begin. */
const encodersOf = (names) => (page) =>
  page.addInitScript((left) => {
    const { isConfigSupported } = VideoEncoder;
    VideoEncoder.isConfigSupported = (config) =>
      left.some((name) => config.codec.startsWith(name))
        ? isConfigSupported.call(VideoEncoder, config)
        : Promise.resolve({ supported: false, config });
  }, names);

for (const [names, ending] of [
  [['avc1'], 'mp4'],
  [['vp09', 'vp8'], 'webm'],
]) {
  test(`a run is saved as a film that plays to its end: ${ending}`, async (url) => {
    await visit(
      url + QUICK,
      async (visitor) => {
        await visitor.atEnd();
        await openSheet(visitor);
        const { bytes, name } = await save(visitor, 'The run, film');
        assert.equal(name, `reverie-digits-3.${ending}`);
        const film = await played(visitor, bytes, `video/${ending}`, SIDE);
        const { width, height, duration, grey } = film;
        assert.deepEqual([width, height], [512, 512]);
        // Five frames of 0.2 s, and the last one stands.
        assert.ok(Math.abs(duration - 2.5) < 0.01, `it takes ${duration} s`);
        const expected = greyOf(await visitor.pixels('x_t', 4));
        const off = grey.reduce((sum, level, at) => sum + Math.abs(level - expected[at]), 0);
        assert.ok(off / grey.length < 6, `pixels are off by ${off / grey.length} of 255`);
      },
      { before: encodersOf(names) },
    );
  });
}

test('where a browser writes no film, it is not offered, and the GIF is named', async (url) => {
  const before = (page) => page.addInitScript(() => delete globalThis.VideoEncoder);
  await visit(
    url + QUICK,
    async (visitor) => {
      await visitor.atEnd();
      await openSheet(visitor);
      await visitor.page.getByText('This browser writes no films. The GIF has').waitFor();
      assert.equal(await visitor.button('The run, GIF').isEnabled(), true);
      assert.equal(await visitor.button('The run, film').count(), 0);
    },
    { before },
  );
});

const FAILURES = {
  'has no encoder': encodersOf([]),
  'has an encoder that throws': (page) =>
    page.addInitScript(() => {
      VideoEncoder.prototype.encode = () => {
        throw new DOMException('out of order', 'EncodingError');
      };
    }),
};

for (const [what, before] of Object.entries(FAILURES)) {
  test(`a browser that ${what} offers the GIF instead of a film`, async (url) => {
    await visit(
      url + QUICK,
      async (visitor) => {
        await visitor.atEnd();
        await openSheet(visitor);
        await visitor.button('The run, film').click();
        const said = visitor.page.getByText(
          /^This browser could not write the film \(.+\)\. The GIF/,
        );
        await said.waitFor();
        console.log(`      ${await said.innerText()}`);
        const { name } = await save(visitor, 'The run, GIF');
        assert.equal(name, 'reverie-digits-3.gif');
      },
      { before },
    );
  });
}

test('forward and schedules have links, and forward its picture', async (url) => {
  await visit(url + QUICK.replace('reverse', 'forward') + '&t=400', async (visitor) => {
    const { page } = visitor;
    await visitor.until('the sample is there', () => visitor.timeline.isEnabled());
    await page.getByText('log-SNR').filter({ visible: true }).first().waitFor();
    await openSheet(visitor);
    const link = await linkField(visitor).inputValue();
    assert.match(link, /#forward.*&t=400/);
    const { bytes, name } = await save(visitor, 'The noised picture, PNG');
    assert.equal(name, 'reverie-digits-t-400.png');
    const png = decode(bytes);
    assert.equal(png.text.Reverie, link);
    const expected = greyOf(await visitor.pixels('forward', 0));
    assert.ok(largestDifference(pixelsOf(png, SIDE, 16), expected) <= 1);
    await visitor.button('Close').click();

    await page.getByRole('link', { name: 'Schedules' }).click();
    await openSheet(visitor);
    assert.match(await linkField(visitor).inputValue(), /#schedules.*measure=alpha_bar/);
  });
});

test('the link is copied, and can be copied by hand where the clipboard is denied', async (url) => {
  await visit(url + QUICK, async (visitor) => {
    const { page } = visitor;
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await visitor.atEnd();
    await openSheet(visitor);
    const link = await linkField(visitor).inputValue();
    await visitor.button('Copy: Link').click();
    await page.getByText('Copied.').waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), link);

    await page.evaluate(() => {
      navigator.clipboard.writeText = () => Promise.reject(new DOMException('no', 'NotAllowed'));
    });
    await visitor.button('Copy: Link').click();
    await page.getByText(/copy it with Ctrl\+C/).waitFor();
    assert.equal(await page.evaluate(() => getSelection().toString()), link);
  });
});

test('a run is copied as a Python program', async (url) => {
  await visit(url + QUICK, async (visitor) => {
    const { page } = visitor;
    await visitor.atEnd();
    await openSheet(visitor);
    const program = page.getByRole('textbox', { name: 'Python program' });
    const text = await program.inputValue();
    assert.match(text, /^#!.*python3[^]*DDIMScheduler[^]*STEPS, SAMPLES, SEED = 4, 1, 3$/m);
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await visitor.button('Copy: Python program').click();
    await page.getByText('Copied.').waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), text);
  });
});

test('a picture whose licence asks for credit bears it', async (url) => {
  await visit(
    `${url}#reverse?model=portraits&steps=2&seed=3&batch=1&guidance=1`,
    async (visitor) => {
      await visitor.atEnd();
      await openSheet(visitor);
      const { width, height, text } = decode(
        (await save(visitor, 'Picture of this step, PNG')).bytes,
      );
      assert.equal(width, 512);
      assert.ok(height > 550, 'there is a caption under the picture');
      assert.match(text.Copyright, /CC-BY-SA.*Liberated Pixel Cup.*Artists: /s);
      const film = gifFacts((await save(visitor, 'The run, GIF')).bytes);
      assert.deepEqual([film.width, film.height], [width, height]);
    },
  );
});

test('a link to a model that was trained anew says so', async (url) => {
  await visit(`${url}${QUICK}&weights=00000000`, async (visitor) => {
    await visitor.page.getByRole('alert').getByText('trained anew').waitFor();
    await visitor.atEnd();
    await visitor.until('the link is of the new weights', () =>
      visitor.page.evaluate(() => !location.hash.includes('weights=00000000')),
    );
  });
});

test('embedded in another page it is the picture and its timeline', async (url) => {
  await visit(`${url}?view=embed${QUICK}`, async (visitor) => {
    const { page } = visitor;
    await visitor.atEnd();
    assert.equal(await page.getByRole('heading', { name: 'Reverie' }).isVisible(), false);
    assert.equal(await visitor.sampler.isVisible(), false);
    assert.equal(await page.getByRole('img', { name: 'x t, the noisy picture' }).isVisible(), true);
    await visitor.button('From the start').click();
    await visitor.atEnd();
    const whole = page.getByRole('link', { name: 'Open in Reverie' });
    assert.equal(new URL(await whole.getAttribute('href')).search, '');
  });
});

test('the picture has the whole screen to itself', async (url) => {
  await visit(url + QUICK, async (visitor) => {
    const { page } = visitor;
    await visitor.atEnd();
    await visitor.button('Full screen').click();
    await visitor.button('Leave full screen').waitFor();
    const box = await page.getByRole('img', { name: 'x t, the noisy picture' }).boundingBox();
    assert.ok(box.height > 600, `the picture is ${box.height} high`);
    await visitor.button('Leave full screen').click();
    await visitor.button('Full screen').waitFor();
  });
});
