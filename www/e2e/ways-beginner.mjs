// A beginner's way, on a phone: a digit, another one, a portrait with a wish, a drawing, a link.
import assert from 'node:assert/strict';
import { test } from './harness.mjs';
import { assertDigit, largestDifference, statistics, visit } from './visit.mjs';

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
const SIDE = 32;

const sheet = ({ page }, title) => page.getByRole('dialog', { name: title });

async function inSheet(visitor, button, title, body) {
  await visitor.button(button).click();
  const open = sheet(visitor, title);
  await open.waitFor();
  await body(open);
  await open.getByRole('button', { name: 'Close' }).click();
  await open.waitFor({ state: 'hidden' });
}

const stepsTo = (visitor, steps) =>
  inSheet(visitor, 'How', 'How to make it', async (open) => {
    const field = open.getByRole('spinbutton', { name: 'Steps' });
    await field.fill(String(steps));
    await field.press('Enter');
    await visitor.inAddress(`&steps=${steps}&`);
  });

const model = ({ page }) => page.getByRole('combobox', { name: 'Model' });

const ended = async (visitor) => {
  await visitor.atEnd();
  const { of } = await visitor.position();
  return visitor.pixels('x_t', of);
};

/** A stroke down the middle, by a finger. */
async function draw(page) {
  const pad = page.getByLabel('Drawing pad');
  await pad.evaluate((element) => element.scrollIntoView({ block: 'start' }));
  const box = await pad.boundingBox();
  const touch = await page.context().newCDPSession(page);
  const finger = (type, ...touchPoints) =>
    touch.send('Input.dispatchTouchEvent', { type, touchPoints });
  const at = (share) => ({ x: box.x + box.width / 2, y: box.y + box.height * share });
  await finger('touchStart', at(0.15));
  for (const share of [0.3, 0.45, 0.6, 0.75]) await finger('touchMove', at(share));
  await finger('touchEnd');
}

test('a beginner’s way: another digit, a pause, a portrait, a drawing, a link', async (url) => {
  let shared, made;
  const body = async (visitor) => {
    const { page } = visitor;
    await visitor.atEnd();
    assertDigit(await visitor.pixels('x_t', 40));

    await inSheet(visitor, 'Make', 'What to make', async () => {
      await visitor.radio('Class', '3').check({ force: true });
      await visitor.inAddress('&class=3&');
    });
    await visitor.until('half-way', async () => {
      const { at, of } = await visitor.position();
      return at >= of / 4 && at < of;
    });
    await visitor.button('Pause').click();
    await visitor.button('Play').waitFor();
    const { at, of } = await visitor.position();
    assert.ok(at > 0 && at < of, `it rests at ${at} of ${of}`);
    await page.waitForTimeout(500);
    assert.equal((await visitor.position()).at, at);
    await visitor.button('Play').click();
    const three = await ended(visitor);
    assertDigit(three);

    await stepsTo(visitor, 3);
    await visitor.atEnd();
    await model(visitor).selectOption('portraits');
    await visitor.inAddress('model=portraits');
    await inSheet(visitor, 'Make', 'What to make', async (open) => {
      await open.getByRole('combobox', { name: 'Skin' }).selectOption('orc');
      await open.getByRole('combobox', { name: 'Hair colour' }).selectOption('pink');
      await visitor.inAddress('skin:orc', 'hair:pink');
    });
    const portrait = await ended(visitor);
    assert.equal(portrait.length, 3 * SIDE * SIDE, 'a portrait has colours');
    assert.ok(statistics(portrait).std > 0.2, 'the portrait is blank');

    await model(visitor).selectOption('digits');
    await visitor.inAddress('model=digits');
    await page.getByRole('link', { name: 'Forward' }).click();
    await inSheet(visitor, 'Picture', 'Where the picture comes from', async () => {
      await visitor.radio('Picture', 'Your drawing').check({ force: true });
      await draw(page);
      await visitor.inAddress('source=drawing', 'picture=');
    });
    await visitor.until('the drawing is noised', () => visitor.timeline.isEnabled());
    await visitor.timeline.fill('600');
    await visitor.button('Reverse from here').click();
    await visitor.inAddress('#reverse', 'start=600:');
    await stepsTo(visitor, 20);
    made = await ended(visitor);
    assertDigit(made, 'what became of the drawing');

    await visitor.button('Save or share').click();
    shared = await page.getByRole('textbox', { name: 'Link' }).inputValue();
  };
  const start = '#reverse?sampler=ddim&steps=40&seed=3&batch=1&class=7&guidance=1&eta=0';
  await visit(url + start, body, PHONE);
  await visit(
    shared,
    async (visitor) => {
      assert.equal(largestDifference(await ended(visitor), made), 0);
    },
    PHONE,
  );
});
