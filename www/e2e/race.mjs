import assert from 'node:assert/strict';
import { test } from './harness.mjs';
import { visit } from './visit.mjs';

const raceOf = ({ page }) => page.getByRole('dialog', { name: 'A race of samplers' });

const inSight = (picture) =>
  picture.evaluate((element) => {
    const { top, bottom } = element.getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight;
  });

test('a race is of equal calls, says how far each is from a long run, and is in the link', async (url) => {
  const recipe = '#reverse?sampler=ddim&steps=4&seed=3&batch=1&class=7&guidance=1&eta=0';
  await visit(`${url}${recipe}&race=5,ddim,heun,ddpm`, async (visitor) => {
    const { page } = visitor;
    const dialog = raceOf(visitor);
    const measure = dialog.getByRole('button', { name: /^Measure the distance/ });
    assert.match(await measure.textContent(), /to a long run/);
    await dialog.getByRole('button', { name: 'Start' }).click();
    await dialog.getByText('5 steps, 5 calls').first().waitFor();
    await dialog.getByText('3 steps, 5 calls').waitFor();
    assert.equal(await dialog.getByRole('img', { name: /^What .* makes$/ }).count(), 3);
    const length = dialog.getByRole('button', { name: /^Measure the distance to \d+ steps$/ });
    await length.waitFor();
    const [promised] = (await length.textContent()).match(/\d+/);
    await visitor.until('the race is over', () => measure.isEnabled());
    await measure.click();
    const kept = dialog.getByText(`Distances are root mean squares to DDIM in ${promised} steps`);
    await kept.waitFor({ timeout: 120_000 });
    const distances = (await dialog.getByText(/^distance /).allTextContents()).map((text) =>
      Number(text.replace('distance', '')),
    );
    assert.equal(distances.length, 3);
    // DDIM in few steps is near a long run of DDIM; DDPM makes another picture.
    assert.ok(distances[0] < distances[2] && distances.every((one) => one > 0), `${distances}`);
    await dialog.getByRole('checkbox', { name: 'Heun', exact: true }).uncheck();
    await visitor.inAddress('&race=5,ddim,ddpm');
    await dialog.getByRole('button', { name: 'Close' }).click();
    await visitor.until('it is closed', () => !page.url().includes('race='));
    // The run waited meanwhile, and goes on by itself.
    await visitor.atEnd();
  });
});

test('a race at the run’s ten calls leaves out who cannot, and the run stays as it was', async (url) => {
  const recipe = '#reverse?sampler=ddim&steps=10&seed=3&batch=1&class=7&guidance=1&eta=0';
  await visit(
    url + recipe,
    async (visitor) => {
      const { page } = visitor;
      const dialog = raceOf(visitor);
      await visitor.atEnd();
      await page.keyboard.press('Home');
      for (let at = 0; at < 4; at++) await page.keyboard.press('ArrowRight');
      await visitor.inAddress('&frame=4');
      const address = page.url();
      const before = await visitor.pixels('x_t', 4);

      await visitor.button('Race').click();
      const calls = dialog.getByRole('spinbutton', { name: 'Network calls' });
      assert.equal(await calls.inputValue(), '10');
      await dialog.getByRole('button', { name: 'Start' }).click();
      await dialog.getByText('Left out: PNDM needs 13 calls.').waitFor();
      const pictures = dialog.getByRole('img', { name: /^What .* makes$/ });
      assert.equal(await pictures.count(), 5);
      await visitor.until('the first pictures are in sight', () => inSight(pictures.first()));
      const measure = dialog.getByRole('button', { name: /^Measure the distance/ });
      await visitor.until('the race is over', () => measure.isEnabled());

      await dialog.getByRole('button', { name: 'Close' }).click();
      await visitor.until('it is closed', () => page.url() === address);
      assert.deepEqual(await visitor.position(), { at: 4, of: 10 });
      assert.deepEqual(await visitor.pixels('x_t', 4), before);
      await visitor.button('Play').waitFor();
    },
    { viewport: { width: 1024, height: 600 } },
  );
});

test('a race in which nobody can says how many calls each needs', async (url) => {
  const recipe = '#reverse?sampler=ddim&steps=4&seed=3&batch=1&class=7&guidance=1&eta=0';
  await visit(`${url}${recipe}&race=1,pndm,pc,magic`, async (visitor) => {
    const dialog = raceOf(visitor);
    await dialog.getByRole('button', { name: 'Start' }).click();
    const note = dialog.getByText(/^None of these can do with 1: /);
    await note.waitFor();
    assert.match(await note.textContent(), /PNDM needs 13 calls, .* needs 2 calls\.$/);
    assert.equal(await dialog.getByRole('img').count(), 0);
  });
});
