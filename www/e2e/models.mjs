import assert from 'node:assert/strict';
import { serveWithFixtures } from './browser.mjs';
import { test } from './harness.mjs';
import { assertDigit, assertFitsPhone, greyOf, largestDifference, PHONE, visit } from './visit.mjs';

const NOISY = 'x t, the noisy picture';
const NOISED = 'x t, the noised picture';
const DIGITS = { side: 32, values: 32 * 32 };
/** The fixture: 16 × 16 in colour, random weights, three attributes. */
const ATTRIBUTES = { side: 16, values: 3 * 16 * 16 };
const recipe = (fields) =>
  `#reverse?sampler=ddim&steps=6&seed=11&batch=1&guidance=2.5&eta=0.5&${fields}`;

let server;

/** A short schedule keeps much of the picture: √ᾱ is 0.219 at its end. */
const SHORT = { beta_schedule: 'linear', num_train_timesteps: 300 };

/** A test on a page that is built, once, with the fixtures among its models. */
const models = (name, body) =>
  test(name, async () => {
    server ??= serveWithFixtures({ attributes: {}, plain: SHORT });
    await body((await server).url);
  });

export const closeFixtures = async () => (await server)?.close();

const picker = ({ page }) => page.getByRole('combobox', { name: 'Model' });
const attribute = ({ page }, title) => page.getByRole('combobox', { name: title, exact: true });

/** The run of a model is over; its pictures have so many values. */
async function ended(visitor, { values }, steps = 6) {
  let picture;
  await visitor.until('a run of this model has ended', async () => {
    if ((await visitor.position()).at !== steps || !(await visitor.timeline.isEnabled()))
      return false;
    picture = await visitor.pixels('x_t', steps).catch(() => []);
    return picture.length === values;
  });
  return picture;
}

/** The end of the next run, which makes another picture than the one before. */
async function changed(visitor, before) {
  let picture;
  await visitor.until('there is another picture', async () => {
    picture = await ended(visitor, { values: before.length });
    return largestDifference(picture, before) > 0;
  });
  return picture;
}

models('models: the smallest one starts, and all are in the list', async (url) => {
  await visit(url, async (visitor) => {
    await visitor.page.getByRole('group', { name: 'Attributes' }).waitFor();
    assert.equal(await picker(visitor).inputValue(), 'attributes');
    const names = await picker(visitor).locator('option').allInnerTexts();
    assert.match(names[0], /^attributes · 0\.\d+ MB$/);
    assert.ok(names.some((name) => /^digits · \d+\.\d+ MB$/.test(name)));
    await visitor.atStep(1);
    await visitor.inAddress('model=attributes', 'attr=free');
  });
});

models('models: another one takes the same settings, and back again', async (url) => {
  await visit(url + recipe('model=digits&class=7'), async (visitor) => {
    const first = await ended(visitor, DIGITS);
    const settings = ['steps=6', 'seed=11', 'batch=1', 'guidance=2.5', 'eta=0.5'];
    await picker(visitor).selectOption('attributes');
    const other = await ended(visitor, ATTRIBUTES);
    await visitor.inAddress('model=attributes', 'attr=free', ...settings);
    const picture = await visitor.grab(NOISY, ATTRIBUTES.side);
    assert.ok(largestDifference(picture, greyOf(other.subarray(0, 256))) <= 2);

    await picker(visitor).selectOption('digits');
    await ended(visitor, DIGITS);
    await visitor.inAddress('model=digits', 'class=each', ...settings);
    await visitor.radio('Class', '7').check({ force: true });
    await visitor.inAddress('class=7');
    await visitor.until('the digit is the same', async () => {
      const again = await ended(visitor, DIGITS);
      return largestDifference(again, first) === 0;
    });
  });
});

models('models: a choice on the way to another counts alone', async (url) => {
  await visit(url + recipe('model=digits&class=7'), async (visitor) => {
    await picker(visitor).selectOption('attributes');
    await picker(visitor).selectOption('digits');
    await picker(visitor).selectOption('attributes');
    await ended(visitor, ATTRIBUTES);
    await picker(visitor).selectOption('digits');
    assertDigit(await ended(visitor, DIGITS));
  });
});

models('models: one that cannot be fetched leaves the other running', async (url) => {
  await visit(
    url + recipe('model=digits&class=7'),
    async (visitor) => {
      const before = await ended(visitor, DIGITS);
      await picker(visitor).selectOption('attributes');
      await visitor.page
        .getByRole('alert')
        .getByText(/the server answered 404/)
        .waitFor();
      assert.equal(await picker(visitor).inputValue(), 'digits');
      assert.equal(largestDifference(await ended(visitor, DIGITS), before), 0);
    },
    {
      before: (page) =>
        page.route('**/models/attributes/**', (route) => route.fulfill({ status: 404 })),
      failing: true,
    },
  );
});

models('attributes: chosen, free, in the link, and back from it', async (url) => {
  let chosen;
  let link;
  await visit(url + recipe('model=attributes'), async (visitor) => {
    const { page } = visitor;
    const free = await ended(visitor, ATTRIBUTES);
    const guidance = page.getByRole('spinbutton', { name: /Guidance/ });
    assert.ok(await guidance.isDisabled(), 'there is nothing to amplify yet');
    const skin = attribute(visitor, 'Skin');
    assert.deepEqual(await skin.locator('option').allInnerTexts(), [
      'free',
      'light',
      'dark elf',
      'orc',
      'green',
    ]);
    await skin.selectOption('dark elf');
    const elf = await changed(visitor, free);
    await attribute(visitor, 'Hair').selectOption('pink');
    chosen = await changed(visitor, elf);
    await visitor.inAddress('attr=skin:dark-elf,hair:pink&');
    assert.ok(await guidance.isEnabled());
    link = page.url();

    await visitor.button('All free').click();
    await visitor.inAddress('attr=free&');
    await visitor.until('the free picture', async () => {
      return largestDifference(await ended(visitor, ATTRIBUTES), free) === 0;
    });
    await visitor.button('Surprise me').click();
    await page.waitForFunction(() =>
      /attr=skin:[a-z-]+,hair:[a-z-]+,hat:[a-z-]+&/.test(location.hash),
    );
  });
  await visit(link, async (visitor) => {
    assert.equal(largestDifference(await ended(visitor, ATTRIBUTES), chosen), 0);
    assert.equal(await attribute(visitor, 'Skin').inputValue(), 'dark-elf');
    assert.equal(await attribute(visitor, 'Hat').inputValue(), '');
  });
});

models('attributes: unknown ones in a link are left out with a note', async (url) => {
  await visit(url + recipe('model=attributes&attr=skin:orc,hair:mauve'), async (visitor) => {
    await visitor.page.getByRole('alert').getByText('mauve hair').waitFor();
    await ended(visitor, ATTRIBUTES);
    await visitor.inAddress('attr=skin:orc&');
  });
});

models('attributes: the golden vector has vectors for labels', async (url) => {
  await visit(url + recipe('model=attributes'), async (visitor) => {
    await ended(visitor, ATTRIBUTES);
    const result = visitor.page.getByRole('status').filter({ hasText: /relative error/ });
    assert.match(await result.innerText(), /^Equals PyTorch/);
    await picker(visitor).selectOption('digits');
    await result.waitFor({ state: 'hidden' });
    await ended(visitor, DIGITS);
    await result.waitFor();
  });
});

models('models: what a model is made from is one click away', async (url) => {
  await visit(url + recipe('model=attributes'), async (visitor) => {
    const { page } = visitor;
    await visitor.button('About this model').click();
    const dialog = page.getByRole('dialog', { name: 'attributes' });
    await dialog.getByText('were never trained').waitFor();
    await dialog.getByText('Nobody drew these').waitFor();
    await dialog.getByText('The 3 artists it learned from').click();
    await dialog.getByText('Ada Example').waitFor();
    await page.keyboard.press('Escape');
    assert.equal(await dialog.count(), 0);
  });
});

models('forward: in colour after a switch, with a pad of colours', async (url) => {
  const link = recipe('model=digits&class=7&source=drawing&t=0').replace('reverse', 'forward');
  await visit(url + link, async (visitor) => {
    const { page } = visitor;
    const pad = page.getByLabel('Drawing pad');
    await page.getByText('Draw something on the pad first.').waitFor();
    assert.equal(await page.getByRole('group', { name: 'Colour' }).count(), 0);
    await picker(visitor).selectOption('attributes');
    await visitor.button('Red').click();
    await visitor.button('Fill').click();
    await visitor.button('Blue').click();
    const box = await pad.boundingBox();
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    await page.getByText('log-SNR').filter({ visible: true }).waitFor();
    await visitor.until('it is noised', async () => {
      const values = await visitor.pixels('forward', 0);
      const at = (channel, x, y) => values[channel * 256 + y * 16 + x];
      const [red, , blue] = [0, 1, 2].map((channel) => at(channel, 1, 1));
      return red > 0.6 && blue < -0.4 && at(2, 8, 8) > 0.5 && at(0, 8, 8) < -0.4;
    });
    const values = await visitor.pixels('forward', 0);
    const picture = await visitor.grab(NOISED, ATTRIBUTES.side);
    assert.ok(largestDifference(picture, greyOf(values.subarray(0, 256))) <= 2);

    await picker(visitor).selectOption('digits');
    await page.getByText('Draw something on the pad first.').waitFor();
    await visitor.radio('Picture', 'A sample').check({ force: true });
    await visitor.until('the sample is there', async () => visitor.timeline.isEnabled());
    assert.equal((await visitor.pixels('forward', 0)).length, DIGITS.values);
  });
});

models('attributes: fit 360 pixels, with targets for fingers', async (url) => {
  for (const station of ['reverse', 'forward']) {
    const link = recipe('model=attributes&source=drawing&t=0').replace('reverse', station);
    await visit(
      url + link,
      async (visitor) => {
        const { page } = visitor;
        const reverse = station === 'reverse';
        await visitor.button(reverse ? 'Make' : 'Picture').click();
        const there = reverse ? page.getByText('Hat', { exact: true }) : page.getByLabel('Colour');
        await there.filter({ visible: true }).waitFor();
        await assertFitsPhone(page);
      },
      PHONE,
    );
  }
});

models('schedules: a model whose schedule does not end in noise is warned of', async (url) => {
  await visit(url + '#schedules?model=plain&sampler=ddim&steps=6&batch=1', async (visitor) => {
    const { page } = visitor;
    const note = page.getByRole('region', { name: 'Terminal SNR' });
    await note.getByText('The model’s schedule does not end in pure noise.').waitFor();
    await note.getByText(/At t = 299 still 21\.9% of the picture is left/).waitFor();
    await page
      .getByRole('row', { name: /^linear 0\.219 0\.05\d* does not end in noise/ })
      .waitFor();
    assert.equal(
      await page.getByRole('slider', { name: 'Steps on the curves' }).getAttribute('aria-valuemax'),
      '300',
    );
    await visitor.radio('Schedules', 'zero terminal SNR').check({ force: true });
    await visitor.inAddress('&terminal=zero');
    await page.getByRole('row', { name: /^linear 0 0 ends in noise/ }).waitFor();
  });
});

test('what another model starts with otherwise is said', async (url) => {
  await visit(`${url}#reverse?steps=2&batch=1`, async (visitor) => {
    const note = visitor.page
      .getByRole('alert')
      .getByText('portraits starts otherwise: η is 1, and was 0.');
    await visitor.atEnd();
    await picker(visitor).selectOption('portraits');
    await note.waitFor();
    await picker(visitor).selectOption('digits');
    await visitor.page.getByRole('alert').getByText('η is 0, and was 1.').waitFor();
    assert.equal(await note.count(), 0);
  });
});
