// A lecturer's way, by a projector: samplers beside one another, branches, schedules, things to take away.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { decode } from 'fast-png';
import { gifFacts } from './gif.mjs';
import { test } from './harness.mjs';
import { assertDigit, largestDifference, visit } from './visit.mjs';

const PROJECTOR = { viewport: { width: 1440, height: 900 } };
const STEPS = 10;
const RECIPE = `?sampler=ddim&steps=${STEPS}&seed=3&batch=1&class=7&guidance=1&eta=0`;
const SIDE = 32;

const branch = ({ page }, name) =>
  page
    .getByRole('region', { name: 'Frames and branches' })
    .getByRole('button', { name, exact: true });

async function restAt({ page }, frame) {
  await page.keyboard.press('Home');
  for (let at = 0; at < frame; at++) await page.keyboard.press('ArrowRight');
}

async function save(visitor, name) {
  const [download] = await Promise.all([
    visitor.page.waitForEvent('download', { timeout: 60_000 }),
    visitor.button(name).click(),
  ]);
  return readFileSync(await download.path());
}

async function race(visitor) {
  const { page } = visitor;
  const before = await visitor.pixels('x_t', STEPS);
  await visitor.button('Race').click();
  const dialog = page.getByRole('dialog', { name: 'A race of samplers' });
  const calls = dialog.getByRole('spinbutton', { name: 'Network calls' });
  assert.equal(await calls.inputValue(), String(STEPS), 'it opens at the run’s own calls');
  await dialog.getByRole('button', { name: 'Start' }).click();
  const made = dialog.getByRole('img', { name: /^What .* makes$/ });
  const measure = dialog.getByRole('button', { name: /distance/ });
  await visitor.until('the race is over', () => measure.isEnabled());
  assert.ok((await made.count()) >= 4, `${await made.count()} samplers raced`);
  // PNDM cannot in so few: it is left out by its name.
  assert.equal(await dialog.getByRole('img', { name: /PNDM/ }).count(), 0);
  await dialog
    .getByText(/PNDM.*\d/)
    .filter({ visible: true })
    .first()
    .waitFor();
  await dialog.getByRole('button', { name: 'Close' }).click();
  await visitor.until('it is closed', () => !page.url().includes('race='));
  assert.deepEqual(await visitor.position(), { at: STEPS, of: STEPS });
  assert.equal(largestDifference(await visitor.pixels('x_t', STEPS), before), 0);
}

async function fanAndFork(visitor) {
  const { page } = visitor;
  await restAt(visitor, 4);
  await visitor.button('Fan of 16').click();
  await branch(visitor, /^From 4: fan of 16/).waitFor();
  await visitor.atEnd();
  const fan = await visitor.pixels('x_t', STEPS);
  assert.equal(fan.length, 16 * SIDE * SIDE);
  await page.getByRole('img', { name: 'Where the sixteen estimates differ' }).waitFor();

  await branch(visitor, 'DDIM').click();
  await visitor.until('the trunk is back', () => !page.url().includes('fork='));
  await restAt(visitor, 2);
  await visitor.button('Fork here').click();
  await visitor.inAddress('&fork=2');
  await visitor.radio('Class', '3').check({ force: true });
  await visitor.inAddress('&fork=2;class=3');
  await branch(visitor, 'From 2: 3').waitFor();
  await visitor.atEnd();
  assertDigit(await visitor.pixels('x_t', STEPS), 'the fork');
  await branch(visitor, 'DDIM').click();
  await visitor.until('the trunk is back', () => !page.url().includes('fork='));
}

async function schedules({ page }) {
  await page.getByRole('link', { name: 'Schedules' }).click();
  await page.getByRole('button', { name: 'scaled linear' }).click();
  const note = page.getByRole('region', { name: 'Terminal SNR' });
  await note.getByText('The scaled linear schedule does not end in pure noise.').waitFor();
  await page.getByRole('img', { name: 'One picture under the cosine schedule' }).waitFor();
  await page.getByRole('link', { name: 'Reverse' }).click();
}

/** What a lecture takes along. Returns the link. */
async function takeAway(visitor) {
  const { page } = visitor;
  await visitor.atEnd();
  await visitor.button('Save or share').click();
  const link = await page.getByRole('textbox', { name: 'Link' }).inputValue();
  const png = decode(await save(visitor, 'Picture of this step, PNG'));
  assert.equal(png.text.Reverie, link);
  const gif = gifFacts(await save(visitor, 'The run, GIF'));
  assert.deepEqual(gif, { width: 512, height: 512, frames: STEPS + 1 });
  const program = await page.getByRole('textbox', { name: 'Python program' }).inputValue();
  assert.match(program, new RegExp(`DDIMScheduler[^]*STEPS, SAMPLES, SEED = ${STEPS}, 1, 3\n`));
  await visitor.button('Close').click();
  return link;
}

test('a lecturer’s way: a race, a fan, a fork, schedules, files, an embedded view', async (url) => {
  let link, picture;
  await visit(
    `${url}#reverse${RECIPE}`,
    async (visitor) => {
      await visitor.atEnd();
      await race(visitor);
      await fanAndFork(visitor);
      await schedules(visitor);
      link = await takeAway(visitor);
      picture = await visitor.pixels('x_t', STEPS);
    },
    PROJECTOR,
  );
  const embedded = new URL(link);
  embedded.search = 'view=embed';
  await visit(
    embedded.href,
    async (visitor) => {
      const { page } = visitor;
      await visitor.atEnd();
      assert.equal(largestDifference(await visitor.pixels('x_t', STEPS), picture), 0);
      assert.equal(await page.getByRole('link', { name: 'Schedules' }).isVisible(), false);
      await page.keyboard.press('Home');
      await visitor.until('it is rewound', async () => (await visitor.position()).at === 0);
      await visitor.button('Play').click();
      await visitor.atEnd();
      const whole = page.getByRole('link', { name: 'Open in Reverie' });
      assert.equal(new URL(await whole.getAttribute('href')).search, '');
    },
    { viewport: { width: 600, height: 500 } },
  );
});
