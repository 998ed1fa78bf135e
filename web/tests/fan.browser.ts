// A fan buys: with a mouse on a phone, and with the keyboard alone. What the sale page says in each phase.
import type { Page } from '@playwright/test';
import { admitted, expectSound, nameEverybody, newEmail, OtherFan, PASSWORD, signedIn, tabTo } from './fan';
import { expect, test } from './fixtures';

const PHONE = { width: 390, height: 844 };
const HALL = [
  { section: 'Front', rows: 4, seats_per_row: 12, price: 900_000 },
  { section: 'Balcony', rows: 6, seats_per_row: 20, price: 250_000 },
];

test.describe('on a phone', () => {
  test.use({ viewport: PHONE });

  test('a fan buys from the sale page to the ticket', async ({ page, server }) => {
    const sale = await server.newSale({ seating: HALL, currency: 'INR', admit_per_minute: 60_000 });
    await page.goto('/fan');
    await page.getByRole('link', { name: 'Coldstar, Night One' }).first().click();
    await expect(page.getByText('₹2,500 – ₹9,000')).toBeVisible();
    await expectSound(page);
    await page.getByRole('radio', { name: 'New here' }).check();
    await page.getByLabel('E-mail address').fill(newEmail());
    await page.getByLabel('Choose a password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByRole('button', { name: 'Join the line' }).click();
    await page.waitForURL(`**/fan/${sale}/line`);
    await admitted(page, sale);
    await page.goto(`/fan/${sale}`);
    await page.getByRole('link', { name: 'Choose seats' }).click();

    await page.getByLabel('Section', { exact: true }).selectOption('Front');
    await expect(page.getByText('Total ₹18,000')).toBeVisible();
    await expectSound(page);
    await page.getByRole('button', { name: 'Find and hold seats' }).click();
    await expect(page.getByRole('heading', { name: 'Check and pay' })).toBeFocused();
    await expectSound(page);
    await nameEverybody(page);
    await page.getByRole('button', { name: 'Pay ₹18,000' }).click();

    await expect(page.getByRole('heading', { name: 'You are going' })).toBeVisible();
    await expectSound(page);
    await page
      .getByRole('link', { name: /^Show ticket/ })
      .first()
      .click();
    await expect(page.getByRole('img', { name: /Code for the door/ })).toBeVisible();
    await expect(page.getByText('This ticket is for Asha Rao.', { exact: false })).toBeVisible();
    await expectSound(page);
    await page.getByRole('link', { name: 'All my tickets' }).click();
    await expect(page.getByRole('listitem')).toHaveCount(2);
    await expectSound(page);
  });

  test('what is wrong is said at its field', async ({ page, server }) => {
    const sale = await server.newSale();
    await page.goto(`/fan/${sale}`);
    await page.getByRole('radio', { name: 'New here' }).check();
    await page.getByRole('button', { name: 'Create account' }).click();
    const email = page.getByLabel('E-mail address');
    await expect(email).toBeFocused();
    await expect(email).toHaveAccessibleDescription(/Type your e-mail address/);
    await expectSound(page);
    const taken = await server.newFan();
    await email.fill(taken.email);
    await page.getByLabel('Choose a password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Create account' }).click();
    await expect(email).toHaveAccessibleDescription(/There is an account with this address already/);
    await page.getByRole('radio', { name: 'Password' }).check();
    await email.fill(taken.email);
    await page.getByRole('textbox', { name: 'Password' }).fill('wrong horse 9');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByRole('textbox', { name: 'Password' })).toHaveAccessibleDescription(/does not match/);
  });

  test('each language is one press away, and stays', async ({ page, server }) => {
    const sale = await server.newSale({ opens_in_sec: 3_600 });
    await page.goto(`/fan/${sale}`);
    await page.getByRole('button', { name: 'Deutsch' }).click();
    await expect(page.locator('html')).toHaveAttribute('lang', 'de');
    await expect(page.getByText('Die Türen öffnen in')).toBeVisible();
    await page.reload();
    await expect(page.getByText('Die Türen öffnen in')).toBeVisible();
    await expectSound(page);
    await page.getByRole('button', { name: 'हिन्दी' }).click();
    await expect(page.getByText('दरवाज़े खुलने में')).toBeVisible();
    await expectSound(page);
  });
});

test('a fan buys by keyboard alone', async ({ page, server }) => {
  const sale = await server.newSale({ seating: HALL, currency: 'INR', admit_per_minute: 60_000 });
  await page.goto(`/fan/${sale}`);
  await tabTo(page, page.getByRole('radio', { name: 'Password' }));
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  await tabTo(page, page.getByLabel('E-mail address'));
  await page.keyboard.type(newEmail());
  await tabTo(page, page.getByLabel('Choose a password'));
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press('Enter');
  const join = page.getByRole('button', { name: 'Join the line' });
  await expect(join).toBeVisible();
  await tabTo(page, join);
  await page.keyboard.press('Enter');
  await page.waitForURL(`**/fan/${sale}/line`);
  await admitted(page, sale);
  await page.goto(`/fan/${sale}/seats`);
  await chooseByKeyboard(page);
  await payByKeyboard(page);
  await expect(page.getByRole('heading', { name: 'You are going' })).toBeVisible();
  await tabTo(page, page.getByRole('link', { name: /^Show ticket/ }).first());
  await page.keyboard.press('Enter');
  await expect(page.getByRole('img', { name: /Code for the door/ })).toBeVisible();
});

async function chooseByKeyboard(page: Page): Promise<void> {
  await expect(page.getByRole('heading', { name: 'Choose your seats' })).toBeFocused();
  const map = page.getByRole('application', { name: 'Seat map' });
  await expect(map).toBeVisible();
  await tabTo(page, map);
  await page.keyboard.press('ArrowRight');
  await expect(page.getByText('Section Front, row 1, seat 1, ₹9,000')).toBeVisible();
  await page.keyboard.press('Enter');
  await expect(page.getByText('1 seat ·', { exact: false })).toBeVisible();
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('ArrowRight');
  const row = page.getByRole('button', { name: 'Choose seats in section Front, row 2' });
  await tabTo(page, row);
  await page.keyboard.press('Enter');
  await tabTo(page, page.getByRole('checkbox', { name: 'Section Front, row 2, seat 3', exact: true }));
  await page.keyboard.press('Space');
  await expect(page.getByText('₹18,000', { exact: true })).toBeVisible();
  await expectSound(page);
  await tabTo(page, page.getByRole('button', { name: 'Hold these seats' }));
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'Check and pay' })).toBeFocused();
}

async function payByKeyboard(page: Page): Promise<void> {
  const fields = page.getByLabel(/^Name for /);
  await tabTo(page, fields.nth(0));
  await page.keyboard.type('Asha Rao');
  await page.keyboard.press('Enter');
  // The second name is missing: the cursor goes there.
  await expect(fields.nth(1)).toBeFocused();
  await page.keyboard.type('Ravi Iyer');
  await tabTo(page, page.getByRole('button', { name: 'Pay ₹18,000' }));
  await page.keyboard.press('Enter');
}

test('the button wakes at the doors and joins only when it is pressed', async ({ page, server }) => {
  const sale = await server.newSale({ opens_in_sec: 4 });
  await signedIn(page, server);
  await page.goto(`/fan/${sale}`);
  const joined: string[] = [];
  page.on('request', (request) => {
    if (request.url().endsWith('/join')) joined.push(request.method());
  });
  await expect(page.getByRole('timer', { name: 'Doors open in' })).toBeVisible();
  // Too early: the press is for nothing.
  await page.getByRole('button', { name: /^Join at / }).click({ force: true });
  await expect(page.getByRole('button', { name: 'Join the line' })).toBeVisible();
  expect(joined).toEqual([]);
  await page.getByRole('button', { name: 'Join the line' }).click();
  await page.waitForURL(`**/fan/${sale}/line`);
  expect(joined).toEqual(['POST']);
  await page.goto(`/fan/${sale}`);
  await expect(page.getByRole('link', { name: /Go to the line|Choose seats/ })).toBeVisible();
});

test('a paused and a sold-out sale say so, and an ended one takes nobody', async ({ page, server }) => {
  const paused = await server.newSale({ name: 'Paused' });
  await server.admin('POST', `/v1/admin/sales/${paused}/pause`);
  await page.goto(`/fan/${paused}`);
  await expect(page.getByText('The organiser has paused the sale.', { exact: false })).toBeVisible();
  await expectSound(page);
  const sold = await server.newSale({ name: 'Sold out', total_seats: 2, admit_per_minute: 60_000 });
  await (await OtherFan.inside(server, sold)).buy(2);
  await page.goto(`/fan/${sold}`);
  await expect(page.getByText('Every seat is sold.', { exact: false })).toBeVisible();
  await expect(page.getByText('none', { exact: true })).toBeVisible();
  await expectSound(page);
  await server.admin('POST', `/v1/admin/sales/${sold}/close`);
  await page.reload();
  await expect(page.getByText('This sale is over.')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Sign in' })).toHaveCount(0);
  await expectSound(page);
});

test('who has no place is sent to the sale, and a page that is not there says so', async ({ page, server }) => {
  const sale = await server.newSale();
  await signedIn(page, server);
  await page.goto(`/fan/${sale}/seats`);
  await page.waitForURL(`**/fan/${sale}?problem=not_in_queue`);
  await expect(page.getByText('You have no place in this line yet.', { exact: false })).toBeVisible();
  await page.goto('/fan/tickets');
  await expect(page.getByText('You have no tickets yet.')).toBeVisible();
  await expectSound(page);
  await page.goto('/fan/nothing-here');
  await expect(page.getByRole('heading', { name: 'There is no sale at this address.' })).toBeVisible();
  await expectSound(page);
  await page.context().clearCookies();
  await page.goto('/fan/tickets');
  await expect(page.getByText('Sign in to see this page.')).toBeVisible();
  await expectSound(page);
});
