// What fingers, keys and screen readers do: none may get what was meant for another.
import assert from 'node:assert/strict';
import { test } from './harness.mjs';
import { PHONE, visit } from './visit.mjs';

const recipe = (fields) => `?sampler=ddim&steps=4&seed=3&class=7&guidance=1&${fields}`;
const ONE = recipe('batch=1');
const PICTURE = 'x t, the noisy picture';

test('an open dialog has the keys to itself', async (url) => {
  await visit(`${url}#reverse${ONE}`, async (visitor) => {
    const { page } = visitor;
    await visitor.atEnd();
    await visitor.button('Save or share').click();
    await page.getByRole('dialog', { name: 'Save or share' }).waitFor();
    for (const key of ['ArrowLeft', 'Home', 'ArrowLeft']) await page.keyboard.press(key);
    await page.keyboard.press('Escape');
    await page.waitForTimeout(300);
    assert.deepEqual(await visitor.position(), { at: 4, of: 4 });
    await page.keyboard.press('ArrowLeft');
    await visitor.until('the page has them again', async () => (await visitor.position()).at === 3);
  });
});

test('a touch that scrolls the page chooses no sample, a tap does', async (url) => {
  const body = async (visitor) => {
    const { page } = visitor;
    await visitor.atEnd();
    const box = await page.getByRole('img', { name: PICTURE }).boundingBox();
    const last = { x: box.x + 0.75 * box.width, y: box.y + 0.75 * box.height };
    const touch = await page.context().newCDPSession(page);
    const finger = (type, ...touchPoints) =>
      touch.send('Input.dispatchTouchEvent', { type, touchPoints });
    await finger('touchStart', last);
    for (let up = 10; up <= 150; up += 10) {
      await finger('touchMove', { ...last, y: last.y - up });
      await page.waitForTimeout(16);
    }
    await finger('touchEnd');
    await visitor.until('it scrolls', () => page.evaluate(() => scrollY > 50));
    assert.doesNotMatch(await visitor.addressAtRest(), /focus=/);
    await page.evaluate(() => scrollTo(0, 0));
    await page.touchscreen.tap(last.x, last.y);
    await visitor.inAddress('&focus=3');
  };
  await visit(`${url}#reverse${recipe('batch=4')}`, body, PHONE);
});

/** All that a screen reader comes upon: roles and names. */
async function spoken(page) {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send('Accessibility.getFullAXTree');
  await session.detach();
  const heard = nodes.filter(({ ignored }) => !ignored);
  return heard.map(({ role, name }) => `${role.value} ${name?.value ?? ''}`.trim());
}

const hears = (visitor, ...what) =>
  visitor.until(`a screen reader hears ${what.join(', ')}`, async () => {
    const all = await spoken(visitor.page);
    return what.every((one) => all.includes(one));
  });

test('what lies over a picture is heard: loading, its progress, and Draw', async (url) => {
  // Weights that never come.
  const before = (page) => page.route('**/*.safetensors', () => undefined);
  await visit(
    `${url}#reverse${ONE}`,
    (visitor) => hears(visitor, `image ${PICTURE}`, 'progressbar Opening the model', 'status'),
    { before },
  );
  // What loads covers its own place, not the way to other stations.
  await visit(
    `${url}#schedules${ONE}`,
    async ({ page }) => {
      const progress = page.getByRole('progressbar', { name: 'Opening the model' });
      await progress.filter({ visible: true }).waitFor();
      await page.getByRole('link', { name: 'Reverse' }).click();
    },
    { before },
  );
  await visit(
    `${url}#forward${ONE}&source=drawing`,
    (visitor) => hears(visitor, 'image x t, the noised picture', 'button Draw'),
    PHONE,
  );
});

test('a station opens in another tab as links do, with what is shown', async (url) => {
  await visit(`${url}#reverse${ONE}`, async (visitor) => {
    const { page } = visitor;
    await visitor.atEnd();
    const link = page.getByRole('link', { name: 'Schedules' });
    for (const how of [{ modifiers: ['ControlOrMeta'] }, { button: 'middle' }]) {
      const [other] = await Promise.all([page.context().waitForEvent('page'), link.click(how)]);
      await other.waitForURL(/#schedules\?.*&steps=4&seed=3&/);
      await other.close();
      assert.match(page.url(), /#reverse\?/);
    }
    await link.click();
    await visitor.inAddress('#schedules?');
  });
});

/** How many pixels of the screen each of a picture's is, across and down. */
const cells = ({ page }, name, across, down = across) =>
  page.getByRole('img', { name }).evaluate(
    (image, [columns, rows]) => {
      const { width, height } = image.getBoundingClientRect();
      return [width / columns, height / rows].map((side) => side * devicePixelRatio);
    },
    [across, down],
  );

for (const deviceScaleFactor of [1, 1.5, 2.6, 3]) {
  test(`pictures have whole pixels of a screen with ${deviceScaleFactor} of them to one`, async (url) => {
    const SIDE = 32;
    const wholes = async (visitor, names, across) => {
      for (const name of names) {
        for (const side of await cells(visitor, name, across)) {
          const off = Math.abs(side - Math.round(side)) * across;
          assert.ok(side > 0.9 && off < 0.1, `${name}: a pixel is ${side} of the screen's`);
        }
      }
    };
    // On a plain screen the small lenses take their width.
    const fine = deviceScaleFactor > 1 ? [/^epsilon hat/, /^delta/] : [];
    await visit(
      `${url}#reverse${recipe('batch=4')}`,
      async (visitor) => {
        await visitor.atEnd();
        await wholes(visitor, [PICTURE, /estimate of the/, ...fine], 2 * SIDE + 1);
        await visitor.page.getByRole('link', { name: 'Forward' }).click();
        await visitor.until('the sample is there', () => visitor.timeline.isEnabled());
        await wholes(visitor, ['x t, the noised picture', 'x t, noised link by link'], SIDE);
      },
      { deviceScaleFactor },
    );
  });
}

test('where colours are forced, white ink stays on black, and the station is marked', async (url) => {
  const style = (locator, name) =>
    locator.evaluate((element, property) => getComputedStyle(element)[property], name);
  await visit(
    `${url}#forward${ONE}&source=drawing`,
    async ({ page }) => {
      assert.equal(await style(page.getByLabel('Drawing pad'), 'backgroundColor'), 'rgb(0, 0, 0)');
      const width = (name) => style(page.getByRole('link', { name }), 'borderBottomWidth');
      assert.equal(await width('Forward'), '2px');
      assert.equal(await width('Reverse'), '0px');
    },
    { forcedColors: 'active', colorScheme: 'light' },
  );
});

test('where there is no clipboard, every copy button leaves its text selected', async (url) => {
  const before = (page) =>
    page.addInitScript(() => {
      Object.defineProperty(navigator, 'clipboard', { value: undefined });
    });
  const body = async (visitor) => {
    const { page } = visitor;
    const selected = () => page.evaluate(() => getSelection().toString());
    await visitor.atEnd();
    await visitor.button('Save or share').click();
    for (const name of ['Link', 'Python program']) {
      const text = await page.getByRole('textbox', { name, exact: true }).inputValue();
      await visitor.button(`Copy: ${name}`).click();
      await visitor.until(`${name} is selected`, async () => (await selected()) === text);
    }
    await page
      .getByText(/copy it with Ctrl\+C/)
      .first()
      .waitFor();
    await visitor.button('Close').click();
    await page.getByRole('link', { name: 'Proof' }).click();
    await visitor.button('Run the benchmark').click();
    const measured = visitor.button('Copy as JSON');
    await measured.waitFor({ timeout: 120_000 });
    await measured.click();
    await visitor.until('the report is selected', async () => {
      const text = await selected();
      return text.startsWith('{') && JSON.parse(text) !== null;
    });
  };
  await visit(`${url}#reverse${ONE}`, body, { before });
});
