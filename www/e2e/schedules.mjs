import assert from 'node:assert/strict';
import { test } from './harness.mjs';
import { largestDifference, visit } from './visit.mjs';

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
