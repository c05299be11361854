import assert from 'node:assert/strict';
import { test } from './harness.mjs';
import { visit } from './visit.mjs';

test('a race is of equal calls, says how far each is from a long run, and is in the link', async (url) => {
  const recipe = '#reverse?sampler=ddim&steps=4&seed=3&batch=1&class=7&guidance=1&eta=0';
  await visit(`${url}${recipe}&race=5,ddim,heun,ddpm`, async (visitor) => {
    const { page } = visitor;
    const dialog = page.getByRole('dialog', { name: 'A race of samplers' });
    await dialog.getByRole('button', { name: 'Start' }).click();
    await dialog.getByText('5 steps, 5 calls').first().waitFor();
    await dialog.getByText('3 steps, 5 calls').waitFor();
    assert.equal(await dialog.getByRole('img', { name: /^What .* makes$/ }).count(), 3);
    const measure = dialog.getByRole('button', { name: /^Measure the distance/ });
    await visitor.until('the race is over', () => measure.isEnabled());
    await measure.click();
    await dialog.getByText('Distances are root mean squares').waitFor({ timeout: 120_000 });
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
    // The run rested meanwhile, and goes on.
    await visitor.button('Play').click();
    await visitor.atEnd();
  });
});
