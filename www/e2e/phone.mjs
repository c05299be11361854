// The page on a phone: one lens at a time, controls in sheets.
import assert from 'node:assert/strict';
import { test } from './harness.mjs';
import { assertAccessible, assertDigit, assertFitsPhone, PHONE, visit } from './visit.mjs';

const QUICK = '?sampler=ddim&steps=4&seed=3&batch=1&class=7&guidance=1&eta=0';

const sheet = ({ page }, title) => page.getByRole('dialog', { name: title });

/** How much of an element is on the screen, from 0 to 1. */
const inSight = (locator) =>
  locator.evaluate(
    (element) =>
      new Promise((resolve) => {
        const observer = new IntersectionObserver(([entry]) => {
          observer.disconnect();
          resolve(entry.intersectionRatio);
        });
        observer.observe(element);
      }),
  );

test('phone: one lens at a time, by swipe and by button', async (url) => {
  const body = async (visitor) => {
    const { page } = visitor;
    await visitor.atEnd();
    const [guess, noise, change] = [/estimate of the/, /^epsilon hat/, /^delta/].map((name) =>
      page.getByRole('img', { name }),
    );
    await guess.scrollIntoViewIfNeeded();
    assert.ok((await inSight(guess)) > 0.5);
    assert.equal(await inSight(noise), 0);

    await visitor.button('Δ change').click();
    await visitor.until('the change is in sight', async () => (await inSight(change)) > 0.5);
    assert.equal(await inSight(guess), 0);

    const box = await page.getByRole('group', { name: 'Lenses' }).boundingBox();
    const touch = await page.context().newCDPSession(page);
    const finger = (type, ...touchPoints) =>
      touch.send('Input.dispatchTouchEvent', { type, touchPoints });
    const at = (share) => ({ x: box.x + box.width * share, y: box.y + 80 });
    const swipe = async () => {
      await finger('touchStart', at(0.2));
      for (let share = 0.25; share < 0.9; share += 0.05) {
        await finger('touchMove', at(share));
        await page.waitForTimeout(16);
      }
      await finger('touchEnd');
    };
    // On a busy machine a swipe may come as a few late jumps, which go nowhere.
    await visitor.until('the noise is in sight', async () => {
      if ((await inSight(change)) > 0.9) await swipe();
      return (await inSight(noise)) > 0.9;
    });
    const pressed = page.getByRole('group', { name: 'Lens', exact: true });
    await pressed.getByRole('button', { pressed: true }).getByText('noise').waitFor();
  };
  await visit(`${url}#reverse${QUICK}`, body, PHONE);
});

test('phone: controls in sheets, with the picture in sight', async (url) => {
  const body = async (visitor) => {
    const { page } = visitor;
    await visitor.atEnd();
    const make = visitor.button('Make');
    await make.click();
    await sheet(visitor, 'What to make').waitFor();
    assert.equal(await make.count(), 1);
    const picture = page.getByRole('img', { name: 'x t, the noisy picture' });
    const { height } = page.viewportSize();
    const top = await sheet(visitor, 'What to make').boundingBox();
    assert.ok(top.y >= 0.35 * height, `the sheet begins at ${top.y} of ${height}`);
    assert.ok((await picture.boundingBox()).y < top.y - 100);
    await assertFitsPhone(page);
    await assertAccessible(page, 'Make');

    await visitor.radio('Class', '3').check({ force: true });
    await visitor.inAddress('class=3');
    await page.keyboard.press('Escape');
    await sheet(visitor, 'What to make').waitFor({ state: 'hidden' });
    assert.ok(await make.evaluate((button) => button === document.activeElement));
    await visitor.atEnd();
    assertDigit(await visitor.pixels('x_t', 4));

    await visitor.button('How').click();
    await assertFitsPhone(page);
    await assertAccessible(page, 'How');
    await visitor.sampler.selectOption('ddpm');
    await visitor.inAddress('sampler=ddpm');
    await sheet(visitor, 'How to make it').getByRole('button', { name: 'Close' }).click();
    await visitor.atEnd();

    // A fork, and what it can be changed by.
    await visitor.button('One step back').click();
    await visitor.button('Branches').click();
    await assertFitsPhone(page);
    await assertAccessible(page, 'Branches');
    await visitor.button('Fork here').click();
    await sheet(visitor, 'What to make').waitFor();
    await visitor.radio('Class', '8').check({ force: true });
    await visitor.inAddress('fork=3;class=8');
    // Beside the sheet is the page.
    await page.mouse.click(180, 40);
    await sheet(visitor, 'What to make').waitFor({ state: 'hidden' });
  };
  await visit(`${url}#reverse${QUICK}`, body, PHONE);
});

test('phone: from the microscope to the run that starts there', async (url) => {
  const body = async (visitor) => {
    const { page } = visitor;
    await visitor.until('the sample is there', () => visitor.timeline.isEnabled());
    await visitor.button('Reverse from here').click();
    await visitor.inAddress('#reverse', 'start=300:');
    await visitor.atEnd();
    const picture = page.getByRole('img', { name: 'x t, the noisy picture' });
    assert.ok((await inSight(picture)) > 0.9, 'the picture is out of sight');
    await visitor.button('Make').click();
    await sheet(visitor, 'What to make').getByText('Starts from this picture').waitFor();
  };
  await visit(`${url}#forward${QUICK}&t=300`, body, PHONE);
});

test('phone: a turned tablet has its controls beside the picture', async (url) => {
  const body = async (visitor) => {
    const { page } = visitor;
    await visitor.atEnd();
    await page.setViewportSize({ width: 960, height: 600 });
    await visitor.radio('Class', '3').waitFor({ state: 'attached' });
    assert.equal(await visitor.button('Make').count(), 0);
    await page.setViewportSize(PHONE.viewport);
    await visitor.button('Make').waitFor();
  };
  await visit(`${url}#reverse${QUICK}`, body, PHONE);
});
