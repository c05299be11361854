import { AxeBuilder } from '@axe-core/playwright';
import assert from 'node:assert/strict';
import { test } from './harness.mjs';
import { assertFitsPhone, largestDifference, PHONE, visit } from './visit.mjs';

const SIDE = 32;
const FRAMES = 10;
const NAMES = ['linear', 'scaled linear', 'quadratic', 'sigmoid', 'cosine'];
const recipe = (fields) => `#reverse?model=digits&seed=3&batch=1&class=7&guidance=1&${fields}`;

/** The timestep of the first step, which stands beside the timeline at frame 0. */
const firstTimestep = ({ page }, t) => page.getByText(`t ${t}`, { exact: true }).waitFor();

test('schedules: spacing, noise levels and threshold are the recipe’s, and in the link', async (url) => {
  await visit(url + recipe('sampler=ddim&steps=5&frame=0'), async (visitor) => {
    const { page } = visitor;
    const spacing = (name) => visitor.radio('Timestep spacing', name);
    const levels = page.getByRole('group', { name: 'Noise levels' });
    await firstTimestep(visitor, 999);
    assert.ok(await spacing('trailing').isChecked(), 'the model’s own');
    assert.ok(!page.url().includes('spacing='));
    await spacing('leading').check({ force: true });
    await visitor.inAddress('&spacing=leading');
    await visitor.timeline.press('Home');
    await firstTimestep(visitor, 800);
    assert.equal(await levels.count(), 0, 'DDIM takes no σ of its own');
    await visitor.radio('Threshold of x̂₀', 'clip').check({ force: true });
    await visitor.inAddress('&spacing=leading&clip=clip_sample');

    await visitor.sampler.selectOption('dpm++2m');
    await visitor.radio('Noise levels', 'Karras').check({ force: true });
    await visitor.inAddress('&spacing=leading&sigmas=karras&clip=clip_sample');
    assert.equal(await spacing('leading').count(), 0, 'Karras’ levels leave nothing to space');
    await visitor.atEnd();
    const karras = await visitor.pixels('x_t', 5);
    await page.reload();
    await visitor.atEnd();
    assert.equal(largestDifference(await visitor.pixels('x_t', 5), karras), 0);
    await visitor.radio('Noise levels', 'native').check({ force: true });
    await visitor.until('it is left out', async () => !page.url().includes('sigmas='));
    await visitor.until('there is another picture', async () => {
      await visitor.atEnd();
      return largestDifference(await visitor.pixels('x_t', 5), karras) > 0.01;
    });
  });
});

test('schedules: a damaged spacing in a link leaves a note', async (url) => {
  await visit(url + recipe('sampler=ddim&steps=5&spacing=even'), async (visitor) => {
    await visitor.page.getByRole('alert').getByText('spacing “even”').waitFor();
    await visitor.atEnd();
    await visitor.inAddress('&sampler=ddim&');
    assert.ok(!visitor.page.url().includes('spacing='));
  });
});

const station = (fields) => recipe(fields).replace('#reverse', '#schedules');
const comb = ({ page }) => page.getByRole('slider', { name: 'Steps on the curves' });
const cursor = ({ page }) => page.getByRole('slider', { name: /^Cursor on the curves/ });
/** The timesteps of the dots on the curve, which share a path, as shares of the axis. */
const dots = (visitor) =>
  cursor(visitor).evaluate((plot) => {
    const path = plot.querySelector('.dots').getAttribute('d');
    const width = Number(plot.querySelector('.base').getAttribute('x2'));
    return [...path.matchAll(/M([\d.]+) /g)].map(([, x]) => Number(x) / width);
  });
const dotsAre = (visitor, count) =>
  visitor.until(`${count} dots`, async () => (await dots(visitor)).length === count);
/** The numbers at the cursor: a row for each schedule. */
const values = async ({ page }, name) => {
  const row = page.getByRole('table', { name: /^At t =/ }).getByRole('row', { name });
  return row.getByRole('cell').allInnerTexts();
};

test('schedules: from the navigation, the five with their names and their numbers', async (url) => {
  await visit(url + recipe('sampler=ddim&steps=4'), async (visitor) => {
    const { page } = visitor;
    await page.getByRole('link', { name: 'Schedules' }).click();
    await visitor.inAddress('#schedules?', '&measure=alpha_bar');
    await dotsAre(visitor, 4);
    for (const name of NAMES) {
      await cursor(visitor).getByText(name, { exact: true }).waitFor();
      await page.getByRole('button', { name: new RegExp(`^${name}`) }).waitFor();
    }
    await page.getByRole('button', { name: 'cosine · the model’s', pressed: true }).waitFor();

    // ᾱ, β, SNR and log-SNR of Ho et al.'s schedule in the middle and at the ends.
    assert.deepEqual(await values(visitor, /^linear/), ['0.0778', '0.0101', '0.0844', '−2.47']);
    await cursor(visitor).press('End');
    assert.deepEqual(await values(visitor, /^linear/), ['4.0·10⁻⁵', '0.02', '4.0·10⁻⁵', '−10.1']);
    const { x, y, width, height } = await cursor(visitor).boundingBox();
    await page.mouse.move(x + 44, y + height / 2);
    await page.getByRole('table', { name: 'At t = 0' }).waitFor();
    await page.mouse.move(x + width - 14, y + height / 2);
    await page.getByRole('table', { name: 'At t = 999' }).waitFor();

    const before = await page.locator('.curve.linear').getAttribute('d');
    await visitor.radio('Measure', 'log-SNR').check({ force: true });
    await visitor.inAddress('&measure=log_snr');
    assert.notEqual(await page.locator('.curve.linear').getAttribute('d'), before);
    await page.reload();
    await dotsAre(visitor, 4);
    assert.ok(await visitor.radio('Measure', 'log-SNR').isChecked());
  });
});

test('schedules: steps are pulled, and Reverse runs what was chosen here', async (url) => {
  await visit(url + station('sampler=ddim&steps=10'), async (visitor) => {
    const { page } = visitor;
    await dotsAre(visitor, 10);
    await comb(visitor).press('ArrowRight');
    await dotsAre(visitor, 11);
    await visitor.inAddress('&steps=11&');
    await comb(visitor).press('ArrowLeft');
    await dotsAre(visitor, 10);

    // The step at t = 799, pulled to twice its distance from the one at 999, leaves five.
    const { x, y, width } = await comb(visitor).boundingBox();
    const at = (t) => x + 44 + ((width - 58) * t) / 999;
    await page.mouse.move(at(799), y + 20);
    await page.mouse.down();
    await page.mouse.move(at(599), y + 20, { steps: 5 });
    await dotsAre(visitor, 5);
    await page.mouse.up();
    await visitor.inAddress('&steps=5&');
    assert.equal(await comb(visitor).getAttribute('aria-valuenow'), '5');

    await visitor.radio('Timestep spacing', 'leading').check({ force: true });
    await visitor.until('they begin at 0', async () => (await dots(visitor)).at(-1) === 0);
    await visitor.sampler.selectOption('dpm++2m');
    await visitor.radio('Noise levels', 'Karras').check({ force: true });
    await visitor.until('they crowd at the noisy end', async () => {
      const [first, second, third] = await dots(visitor);
      return Math.min(first, second, third) > 0.95;
    });
    await visitor.inAddress('&sampler=dpm++2m&steps=5&', '&spacing=leading&sigmas=karras');
    await page.getByRole('link', { name: 'Reverse' }).click();
    await visitor.atEnd();
    assert.equal((await visitor.position()).of, 5);
    await visitor.inAddress('#reverse?', '&sampler=dpm++2m&steps=5&', '&sigmas=karras');
  });
});

test('schedules: what has no plan is told in a sentence', async (url) => {
  await visit(url + station('sampler=pndm&steps=3'), async (visitor) => {
    const { page } = visitor;
    await page
      .locator('main')
      .getByText(/^PNDM needs 4 steps or more, and has 3/)
      .waitFor();
    assert.equal((await dots(visitor)).length, 0);
    await comb(visitor).press('ArrowUp');
    await dotsAre(visitor, 4);
    await page
      .locator('main')
      .getByText(/^4 steps, \d+ network calls/)
      .waitFor();
  });
});

test('schedules: one picture goes to noise ten times under each', async (url) => {
  await visit(url + station('sampler=ddim&steps=3'), async (visitor) => {
    const { page } = visitor;
    const strip = (name) =>
      page.getByRole('img', { name: `One picture under the ${name} schedule` });
    await strip('cosine').waitFor();
    const frames = (name) =>
      strip(name)
        .locator('canvas')
        .evaluateAll((all) =>
          all.map((canvas) => {
            const { width, height } = canvas;
            const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
            return Array.from({ length: width * height }, (_, pixel) => data[4 * pixel]);
          }),
        );
    const all = Object.fromEntries(
      await Promise.all(NAMES.map(async (name) => [name, await frames(name)])),
    );
    for (const name of NAMES) {
      assert.equal(all[name].length, FRAMES);
      assert.equal(all[name][0].length, SIDE * SIDE);
    }
    const apart = (a, b) => largestDifference(a, b);
    assert.ok(apart(all.linear[0], all.cosine[0]) < 16, 'they begin with one picture');
    assert.ok(apart(all.linear[4], all.cosine[4]) > 64, 'linear is noisier in the middle');
    assert.ok(apart(all.linear[9], all.cosine[9]) < 8, 'they end in one noise');
    assert.ok(
      apart(all['scaled linear'][9], all.cosine[9]) > 8,
      'scaled linear keeps some picture',
    );
  });
});

test('schedules: the terminal-SNR gauge, its warning, and what rescaling changes', async (url) => {
  await visit(url + station('sampler=ddim&steps=3'), async (visitor) => {
    const { page } = visitor;
    const note = page.getByRole('region', { name: 'Terminal SNR' });
    await note.getByText('The model’s schedule ends in noise.').waitFor();
    await page
      .getByRole('row', { name: 'scaled linear 0.0683 0.00468 does not end in noise' })
      .waitFor();
    await page.getByRole('button', { name: 'scaled linear' }).click();
    await note.getByText('The scaled linear schedule does not end in pure noise.').waitFor();
    await note.getByText(/ᾱ at t = 500 goes from 0\.276 to 0\.241/).waitFor();
    await visitor.inAddress('&schedule=scaled_linear');
    await visitor.radio('Schedules', 'zero terminal SNR').check({ force: true });
    await visitor.inAddress('&schedule=scaled_linear&terminal=zero');
    await page.getByRole('row', { name: 'scaled linear 0 0 ends in noise' }).waitFor();
    await cursor(visitor).press('End');
    assert.deepEqual(await values(visitor, /^scaled linear/), ['0', '1', '0', '−∞']);
    await page.reload();
    await page.getByRole('button', { name: 'scaled linear', pressed: true }).waitFor();
    assert.ok(await visitor.radio('Schedules', 'zero terminal SNR').isChecked());
  });
});

for (const colorScheme of ['light', 'dark']) {
  test(`schedules: axe finds nothing serious, ${colorScheme}`, async (url) => {
    const body = async (visitor) => {
      await dotsAre(visitor, 3);
      await visitor.page
        .getByRole('img', { name: 'One picture under the cosine schedule' })
        .waitFor();
      const { violations } = await new AxeBuilder({ page: visitor.page }).analyze();
      const serious = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
      const told = serious.map(
        ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`,
      );
      assert.deepEqual(told, []);
    };
    await visit(url + station('sampler=dpm%2B%2B2m&steps=3&schedule=scaled_linear'), body, {
      colorScheme,
    });
  });
}

test('schedules: fits a phone', async (url) => {
  const body = async (visitor) => {
    await dotsAre(visitor, 3);
    await visitor.page
      .getByRole('img', { name: 'One picture under the cosine schedule' })
      .waitFor();
    await assertFitsPhone(visitor.page);
  };
  await visit(url + station('sampler=euler&steps=3'), body, PHONE);
});
