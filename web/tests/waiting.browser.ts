// The waiting page as fans meet it: from the line to the call, asleep and awake, offline and back, and without scripts.
import type { Page } from '@playwright/test';
import { expect, expectAccessible, test } from './fixtures';
import type { Server } from './server';

type Place = { sale: string; token: string; others: string[] };

/** Somebody with `ahead` people ahead in a line that moves as slowly as wanted; one is inside at a time. */
async function inLine(server: Server, ahead: number, terms = {}): Promise<Place> {
  const sale = await server.newSale({ admit_per_minute: 60, total_seats: 100, ...terms });
  const others = await server.fans(ahead);
  for (const token of others) await server.join(sale, token);
  const [token = ''] = await server.fans(1);
  await server.join(sale, token);
  return { sale, token, others };
}

async function open(page: Page, server: Server, { sale, token }: Place): Promise<void> {
  await page.context().addCookies([{ name: 'traffic_session', value: token, url: server.url }]);
  await page.goto(`/fan/${sale}/line`);
}

const state = (page: Page, name: string) => expect(page.locator('body')).toHaveAttribute('data-state', name);
const ahead = async (page: Page) => Number(await page.locator('body').getAttribute('data-ahead'));
const position = (page: Page) => page.locator('[data-f=position]').first().textContent();
const polled = (page: Page) => page.waitForResponse((response) => response.url().endsWith('/waiting-room/status'));

test('a fan waits, is called, and goes to the seats', async ({ page, server }) => {
  const place = await inLine(server, 3);
  await open(page, server, place);
  await expect(page.getByRole('heading', { name: 'People ahead of you' })).toBeVisible();
  await expectAccessible(page);
  const before = await ahead(page);
  await expect(page).toHaveTitle(/^[1-3] · Coldstar, Night One$/);
  await state(page, 'inside');
  expect(before).toBeGreaterThan(0);
  await expect(page).toHaveTitle(/^\d+:\d\d · It is your turn · Coldstar, Night One$/);
  await expect(page.getByRole('status').filter({ hasText: 'It is your turn' })).toHaveCount(1);
  const go = page.getByRole('link', { name: 'Choose your seats' });
  await expect(go).toBeFocused();
  await expect(page.locator('[data-f=left]')).toHaveText(/^(10:00|9:\d\d)$/);
  await expectAccessible(page);
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(new RegExp(`/fan/${place.sale}/seats$`));
});

test('refresh, a second tab and the back button keep the place', async ({ page, server, context }) => {
  const place = await inLine(server, 30);
  await open(page, server, place);
  expect(await position(page)).toBe('31');
  const before = await ahead(page);
  await page.reload();
  expect(await position(page)).toBe('31');
  expect(await ahead(page)).toBeLessThanOrEqual(before);
  const second = await context.newPage();
  await second.goto(`/fan/${place.sale}/line`);
  expect(await position(second)).toBe('31');
  await page.goto(`/fan/${place.sale}`);
  await page.goBack();
  await expect(page).toHaveURL(/\/line$/);
  expect(await position(page)).toBe('31');
  expect(await ahead(page)).toBeLessThanOrEqual(before);
});

test('offline it says so, keeps what it knew, and goes on by itself', async ({ page, server, context }) => {
  const place = await inLine(server, 30);
  await open(page, server, place);
  const note = page.getByText('No connection. Your place is kept');
  await expect(note).toBeHidden();
  const before = await ahead(page);
  await context.setOffline(true);
  await expect(note).toBeVisible();
  await expectAccessible(page);
  expect(await ahead(page)).toBeLessThanOrEqual(before);
  await context.setOffline(false);
  await expect(note).toBeHidden();
  expect(await position(page)).toBe('31');
  expect(await ahead(page)).toBeLessThanOrEqual(before);
});

test('asleep it asks nothing; awake it asks at once and knows the way', async ({ page, server, context }) => {
  const place = await inLine(server, 30);
  await open(page, server, place);
  const before = await ahead(page);
  const browser = await context.newCDPSession(page);
  await browser.send('Page.setWebLifecycleState', { state: 'frozen' });
  let asked = 0;
  page.on('request', () => {
    asked += 1;
  });
  // Time goes on outside: somebody ahead goes.
  for (const token of place.others.slice(10)) {
    await server.ask('POST', `/v1/sales/${place.sale}/waiting-room/leave`, { Authorization: `Bearer ${token}` });
  }
  expect(asked).toBe(0);
  await browser.send('Page.setWebLifecycleState', { state: 'active' });
  await expect.poll(() => ahead(page)).toBeLessThanOrEqual(before - 20);
  expect(await position(page)).toBe('31');
});

test('who looks again hears the news at once, and never asks in a storm', async ({ page, server }) => {
  const place = await inLine(server, 30);
  await open(page, server, place);
  let asked = 0;
  await page.route('**/waiting-room/status', (route) => {
    asked += 1;
    return route.fulfill({ status: 503, headers: { 'Retry-After': '3' }, json: { code: 'overloaded' } });
  });
  await page.evaluate(() => dispatchEvent(new Event('focus')));
  await expect.poll(() => asked).toBe(1);
  // Whatever wakes the page meanwhile: the server has said when to come back.
  await page.evaluate(() => {
    for (let times = 0; times < 50; times++) {
      for (const name of ['focus', 'online', 'pageshow']) dispatchEvent(new Event(name));
    }
  });
  await expect(page.locator('body')).toHaveAttribute('data-net', 'off');
  const answered = polled(page);
  await page.unroute('**/waiting-room/status');
  await answered;
  expect(asked).toBe(1);
  await expect(page.locator('body')).toHaveAttribute('data-net', '');
});

test('an older answer does not bring people back', async ({ page, server }) => {
  const place = await inLine(server, 30);
  await open(page, server, place);
  const before = await ahead(page);
  await page.route('**/waiting-room/status', async (route) => {
    const response = await route.fetch();
    const answer = await response.json();
    await route.fulfill({
      response,
      json: { ...answer, ahead_count: before + 100, seats_left: { band: 'few', at_least: 1 } },
    });
  });
  await expect(page.getByText('Few', { exact: true })).toBeVisible();
  expect(await ahead(page)).toBeLessThanOrEqual(before);
});

test('paused, on again, sold out and over, each in words', async ({ page, server }) => {
  const place = await inLine(server, 5, { total_seats: 1, max_tickets_per_user: 1 });
  const act = (verb: string) => server.admin('POST', `/v1/admin/sales/${place.sale}/${verb}`);
  await act('pause');
  await open(page, server, place);
  await state(page, 'paused');
  await expect(page.getByText('The organiser has paused the line.')).toBeVisible();
  await expectAccessible(page);
  await act('resume');
  await buyTheLastSeat(server, place);
  await page.reload();
  await state(page, 'sold_out');
  await expect(page.getByText('Everything is sold')).toBeVisible();
  await expectAccessible(page);
  await act('close');
  await page.reload();
  await state(page, 'ended');
  await expect(page.getByRole('link', { name: 'To the sale' })).toBeVisible();
  await expectAccessible(page);
});

async function buyTheLastSeat(server: Server, { sale, others: [first = ''] }: Place): Promise<void> {
  let admission: string | undefined;
  await expect
    .poll(async () => {
      const path = `/v1/sales/${sale}/waiting-room/status`;
      const status = await server.ask<{ admission_token?: string }>('GET', path, { Authorization: `Bearer ${first}` });
      admission = status.admission_token;
      return admission;
    })
    .toBeTruthy();
  const headers = { Authorization: `Admission ${admission}` };
  const wanted = { best_available: { quantity: 1 }, idempotency_key: 'hold' };
  const hold = await server.ask<{ hold_id: string }>('POST', `/v1/sales/${sale}/holds`, headers, wanted);
  await server.ask('POST', `/v1/sales/${sale}/checkout`, headers, { hold_id: hold.hold_id, idempotency_key: 'pay' });
}

test('leaving asks once, and another place is a new one', async ({ page, server }) => {
  const place = await inLine(server, 5);
  await open(page, server, place);
  await page.getByText('Leave the line').click();
  await expect(page.getByText('This gives up your place for good.')).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Give up my place' }).click();
  await state(page, 'left');
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Join again' }).click();
  await expect(page.locator('[data-f=position]').first()).toHaveText('7');
});

test('the page fits a phone in every language, in light and dark', async ({ page, server }) => {
  const place = await inLine(server, 20, { admit_per_minute: 6 });
  await page.setViewportSize({ width: 390, height: 844 });
  await open(page, server, place);
  for (const [language, heading] of [
    ['Deutsch', 'Leute vor dir'],
    ['हिन्दी', 'आपसे आगे लोग'],
    ['English', 'People ahead of you'],
  ] as const) {
    await page.getByRole('link', { name: language }).click();
    await expect(page.getByRole('heading', { name: heading })).toBeVisible();
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
      await expectAccessible(page);
    }
  }
});

test('whoever signs out elsewhere is told, and where to go', async ({ page, server, context }) => {
  const place = await inLine(server, 30);
  await open(page, server, place);
  await context.clearCookies();
  await state(page, 'signed_out');
  await expect(page.getByRole('link', { name: 'To the sale' })).toBeVisible();
  await expectAccessible(page);
});

test.describe('without scripts', () => {
  test.use({ javaScriptEnabled: false });

  test('a fan makes an account, joins, is called and leaves', async ({ page, server }) => {
    const sale = await server.newSale({ admit_per_minute: 60, total_seats: 100 });
    const [other = ''] = await server.fans(1);
    await server.join(sale, other);
    await page.goto(`/fan/${sale}`);
    await expect(page.getByRole('heading', { name: 'Coldstar, Night One' })).toBeVisible();
    await page.getByLabel('E-mail').fill(`plain-${sale}@example.com`);
    await page.getByLabel('Password').fill('correct horse 9');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByRole('alert')).toHaveText('E-mail or password is wrong.');
    await page.getByLabel('E-mail').fill(`plain-${sale}@example.com`);
    await page.getByLabel('Password').fill('correct horse 9');
    await page.getByLabel('I have no account yet').check();
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('button', { name: 'Join the line' }).click();
    await expect(page).toHaveURL(/\/line$/);
    // The page loads itself anew until then.
    await expect(page.getByRole('link', { name: 'Choose your seats' })).toBeVisible();
    await page.getByText('Leave the line').click();
    await page.getByRole('button', { name: 'Give up my place' }).click();
    await expect(page.getByText('You have left the line')).toBeVisible();
  });
});
