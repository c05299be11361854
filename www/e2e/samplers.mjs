import assert from 'node:assert/strict';
import { test } from './harness.mjs';
import { assertDigit, greyOf, largestDifference, statistics, visit } from './visit.mjs';

const SIDE = 32;
const NOISY = 'x t, the noisy picture';
/**
 * Both average slopes over one step from σ 20,000, where this model's cosine schedule ends, and
 * multiply what the network errs by that: few steps leave noise.
 */
const NOISY_HERE = ['heun', 'dpm2-a'];
const link = (fields) => `#reverse?seed=3&batch=1&class=7&guidance=1&${fields}`;

const slider = ({ page }, name) => page.getByRole('slider', { name });
const names = (visitor) =>
  visitor.sampler.locator('option').evaluateAll((all) => all.map(({ value }) => value));

/** Another sampler, and its run to the end. */
async function choose(visitor, name) {
  await visitor.sampler.selectOption(name);
  await visitor.inAddress(`&sampler=${name}&`);
  await visitor.until('a new run', async () => {
    const { at, of } = await visitor.position();
    return at < of;
  });
  await visitor.atEnd();
}

test('samplers: each of the engine’s draws a digit', async (url) => {
  const steps = 8;
  const toTheEnd = { reducedMotion: 'reduce' };
  const body = async (visitor) => {
    await visitor.atEnd();
    const all = await names(visitor);
    assert.ok(all.length >= 22 && !all.some((name) => name.endsWith('inversion')), all.join(' '));
    // RK45 takes many calls, and has a test of its own.
    for (const name of all.filter((other) => other !== 'ddim' && other !== 'rk45')) {
      await choose(visitor, name);
      const picture = await visitor.pixels('x_t', steps);
      if (NOISY_HERE.includes(name)) assert.ok(picture.every(Number.isFinite), name);
      else assertDigit(picture, name);
    }
    assert.equal(await visitor.page.getByRole('alert').count(), 0, 'one was refused');
  };
  await visit(url + link(`sampler=ddim&steps=${steps}`), body, toTheEnd);
});

const LENSES = [NOISY, /^x nought hat/, /^epsilon hat/, /^delta/];

test('samplers: what one refuses leaves all as it was, and is forgotten with the next run', async (url) => {
  await visit(url + link('sampler=ddim&steps=5'), async (visitor) => {
    const { page } = visitor;
    const alert = page.getByRole('alert');
    const seen = () => Promise.all(LENSES.map((lens) => visitor.grab(lens, SIDE)));
    const said = async () => [
      await page.getByRole('group', { name: 'Lenses' }).innerText(),
      await page.getByText('network calls', { exact: false }).first().innerText(),
      await page.getByRole('region', { name: 'Frames and branches' }).innerText(),
    ];
    await visitor.atEnd();
    await page.getByRole('spinbutton', { name: 'Steps' }).fill('2');
    await page.keyboard.press('Enter');
    await visitor.inAddress('&steps=2&');
    await visitor.until('a new run', async () => (await visitor.position()).of === 2);
    await visitor.atEnd();
    await page.getByRole('heading', { name: 'What this step did' }).waitFor();
    const before = [await visitor.pixels('x_t', 2), await seen(), await said()];

    await visitor.sampler.selectOption('pndm');
    await alert.getByText('PNDM needs 4 steps or more, and has 2: choose more').waitFor();
    assert.deepEqual(await visitor.position(), { at: 2, of: 2 });
    await page.getByRole('heading', { name: 'What this step did' }).waitFor();
    const after = [await visitor.pixels('x_t', 2), await seen(), await said()];
    assert.deepEqual(after, before);

    await visitor.sampler.selectOption('euler');
    await visitor.until('the note has gone', async () => (await alert.count()) === 0);
    await visitor.atEnd();
  });
});

test('samplers: RK45 finds its own steps, and counts its network calls', async (url) => {
  await visit(url + link('sampler=rk45&steps=3&tolerance=0.01'), async (visitor) => {
    const { page } = visitor;
    await page.getByText(/^\d+ network calls so far$/).waitFor();
    await visitor.atEnd();
    assertDigit(await visitor.pixels('x_t', 3), 'rk45');
    const text = await page.getByText(/^\d+ network calls$/).textContent();
    const attempts = (parseInt(text) - 1) / 6;
    assert.ok(Number.isInteger(attempts) && attempts > 3, text);
  });
});

test('samplers: the tolerance is RK45’s alone, and the default is not in the link', async (url) => {
  await visit(url + link('sampler=rk45&steps=3'), async (visitor) => {
    const { page } = visitor;
    await page.getByText(/^\d+ network calls so far$/).waitFor();
    const tolerance = (label) => visitor.radio('Tolerance', label);
    assert.ok(await tolerance('10⁻⁴').isChecked());
    await tolerance('10⁻²').check({ force: true });
    await visitor.inAddress('&tolerance=0.01');
    await tolerance('10⁻⁴').check({ force: true });
    await visitor.until('it is not', async () => !page.url().includes('tolerance'));
    // The run that is replaced waits for an answer, which is not this one's.
    await page.getByText(/^\d+ network calls so far$/).waitFor();
    await choose(visitor, 'ddim');
    await page.getByText('3 network calls', { exact: true }).waitFor();
    assert.equal(await tolerance('10⁻⁴').count(), 0);
  });
});

test('samplers: an equation in a link draws the same picture again', async (url) => {
  await visit(url + link('sampler=reverse-sde&steps=8'), async (visitor) => {
    const equation = visitor.page.getByRole('combobox', { name: 'SDE' });
    const picture = () => visitor.pixels('x_t', 8);
    await visitor.atEnd();
    assert.equal(await equation.inputValue(), 'vp');
    const before = await picture();
    await equation.selectOption('sub-vp');
    await visitor.inAddress('&sde=sub-vp');
    await visitor.until('there is another picture', async () => {
      await visitor.atEnd();
      return largestDifference(await picture(), before) > 0.01;
    });
    const first = await picture();
    await visitor.page.reload();
    await visitor.atEnd();
    assert.equal(await equation.inputValue(), 'sub-vp');
    assert.deepEqual(await picture(), first);
    await equation.selectOption('vp');
    await visitor.until('it is left out', async () => !visitor.page.url().includes('sde='));
  });
});

test('samplers: Langevin steps are as many as the sampler’s own, or the link’s', async (url) => {
  await visit(url + link('sampler=pc&steps=3'), async (visitor) => {
    const { page } = visitor;
    const langevin = slider(visitor, /^Langevin/);
    const snr = slider(visitor, /^Corrector/);
    const shown = async () => [await langevin.count(), await snr.count()];
    await page.getByText('6 network calls', { exact: true }).waitFor();
    assert.deepEqual([await langevin.inputValue(), await snr.inputValue()], ['1', '0.16']);
    await langevin.fill('2');
    await snr.fill('0.2');
    await visitor.inAddress('&snr=0.2&langevin=2');
    await page.getByText('9 network calls', { exact: true }).waitFor();
    await langevin.fill('1');
    await visitor.until('it is left out', async () => !page.url().includes('langevin'));
    await visitor.sampler.selectOption('ald');
    await page.getByText('16 network calls', { exact: true }).waitFor();
    assert.equal(await langevin.inputValue(), '5');
    assert.deepEqual(await shown(), [1, 0]);
    await visitor.sampler.selectOption('ddim');
    await page.getByText('3 network calls', { exact: true }).waitFor();
    assert.deepEqual(await shown(), [0, 0]);
  });
});

test('samplers: noise of any size is seen as noise of unit variance', async (url) => {
  await visit(url + link('sampler=euler&steps=20&frame=1'), async (visitor) => {
    await visitor.atStep(1);
    await visitor.button('Play').waitFor();
    await visitor.page.waitForTimeout(500);
    const noise = await visitor.pixels('x_t', 1);
    const { std } = statistics(noise);
    assert.ok(std > 0.8 && std < 1.2, `std ${std}`);
    const picture = await visitor.grab(NOISY, SIDE);
    assert.ok(largestDifference(picture, greyOf(noise)) <= 2);
  });
});

test('samplers: a link carries the name with its plus signs', async (url) => {
  await visit(url + link('sampler=dpm++2m&steps=5'), async (visitor) => {
    await visitor.atEnd();
    const first = await visitor.pixels('x_t', 5);
    assert.equal(await visitor.sampler.inputValue(), 'dpm++2m');
    await visitor.inAddress('&sampler=dpm++2m&steps=5&');
    const address = visitor.page.url();
    await visitor.page.reload();
    await visitor.atEnd();
    assert.deepEqual(await visitor.pixels('x_t', 5), first);
    assert.equal(visitor.page.url(), address);
  });
});

test('samplers: an unknown one in a link falls back with a note', async (url) => {
  await visit(url + link('sampler=magic&steps=5'), async (visitor) => {
    await visitor.page.getByRole('alert').getByText('sampler “magic”').waitFor();
    await visitor.atEnd();
    assert.equal(await visitor.sampler.inputValue(), 'ddim');
    await visitor.inAddress('&sampler=ddim&');
  });
});

test('samplers: η and churn are there where they mean something, and in the link', async (url) => {
  await visit(url + link('sampler=ddim&steps=3&eta=0.5&churn=20'), async (visitor) => {
    const eta = slider(visitor, /^η/);
    const churn = slider(visitor, /^Churn/);
    const shown = async () => [await eta.count(), await churn.count()];
    await visitor.atEnd();
    assert.deepEqual(await shown(), [1, 0]);
    assert.equal(await eta.inputValue(), '0.5');
    await choose(visitor, 'euler');
    assert.deepEqual(await shown(), [0, 1]);
    assert.equal(await churn.inputValue(), '20');
    const stirred = await visitor.pixels('x_t', 3);
    await churn.fill('0');
    await visitor.inAddress('eta=0.5&churn=0');
    await visitor.until('there is another picture', async () => {
      await visitor.atEnd();
      return largestDifference(await visitor.pixels('x_t', 3), stirred) > 0.01;
    });
    await choose(visitor, 'dpm++2m');
    assert.deepEqual(await shown(), [0, 0]);
  });
});

test('samplers: the network calls are the engine’s count', async (url) => {
  await visit(url + link('sampler=heun&steps=20'), async (visitor) => {
    const { page } = visitor;
    await page.getByText('39 network calls', { exact: true }).waitFor();
    await page.getByRole('spinbutton', { name: 'Guidance' }).fill('2');
    await page.keyboard.press('Enter');
    await page.getByText('39 network calls, guided', { exact: true }).waitFor();
    await visitor.sampler.selectOption('ddim');
    await page.getByText('20 network calls, guided', { exact: true }).waitFor();
  });
});

test('guidance acts in an interval of t, which is in the link', async (url) => {
  const recipe = link('sampler=ddim&steps=4').replace('guidance=1', 'guidance=4');
  await visit(url + recipe, async (visitor) => {
    await visitor.atEnd();
    const everywhere = await visitor.pixels('x_t', 4);
    const [from, to] = ['from', 'to'].map((end) => slider(visitor, `Guidance acts, ${end} t`));
    await from.fill('300');
    await visitor.inAddress('&interval=300:999&');
    await to.fill('100');
    // One end does not pass the other.
    await visitor.inAddress('&interval=300:300&');
    assert.equal(await to.inputValue(), '300');
    await visitor.until('there is another picture', async () => {
      await visitor.atEnd();
      return largestDifference(await visitor.pixels('x_t', 4), everywhere) > 0.01;
    });
    await from.press('Home');
    await to.press('End');
    await visitor.inAddress('&interval=all&');
    await visitor.radio('Class', 'any').check({ force: true });
    await visitor.until('it is gone', async () => (await from.count()) === 0);
  });
});
