// The organiser's whole way: the key, a sale that is made, watched, paused, sped up and closed, and what is told of it after.
import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { expect, expectAccessible, test } from './fixtures';
import type { Server } from './server';

const NAME = 'Coldstar, the Extra Night';

async function signIn(page: Page, server: Server, path = '/organiser'): Promise<void> {
  await page.goto(path);
  await page.getByLabel('Admin key').fill(server.adminKey);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('button', { name: 'Sign out' })).toBeVisible();
}

/** As a field for a date and a time takes it, in UTC. */
const wall = (fromNowSec: number) => new Date(Date.now() + fromNowSec * 1_000).toISOString().slice(0, 16);

async function act(
  page: Page,
  name: string,
  reason: string,
  fill: () => Promise<void> = async () => {},
): Promise<void> {
  await page.getByRole('button', { name, exact: true }).click();
  const dialog = page.getByRole('dialog');
  await fill();
  await dialog.getByLabel('Reason').fill(reason);
  await dialog.getByRole('button', { name }).click();
}

const figure = (page: Page, name: string) => page.locator('.figure', { hasText: name }).locator('.big');

/** Buys so many seats as soon as the fan is inside. */
async function buys(server: Server, sale: string, token: string, quantity: number): Promise<void> {
  const bearer = { Authorization: `Bearer ${token}` };
  await expect(async () => {
    const path = `/v1/sales/${sale}/waiting-room/status`;
    const status = await server.ask<{ admission_token?: string }>('GET', path, bearer);
    expect(status.admission_token).toBeTruthy();
    const inside = { Authorization: `Admission ${status.admission_token}` };
    const hold = { best_available: { quantity }, idempotency_key: `hold ${quantity}`.replace(' ', '-') };
    const { hold_id } = await server.ask<{ hold_id: string }>('POST', `/v1/sales/${sale}/holds`, inside, hold);
    await server.ask('POST', `/v1/sales/${sale}/checkout`, inside, { hold_id, idempotency_key: 'once' });
  }).toPass({ timeout: 30_000 });
}

test('a wrong key opens nothing and says so; signing out forgets the right one', async ({ page, server }) => {
  await page.goto('/organiser');
  await expect(page.getByRole('heading', { name: 'For the people who run the sale' })).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Open' }).click();
  await expect(page.getByRole('alert')).toHaveText('Type the admin key.');
  for (const wrong of ['not-the-key', 'schlüssel']) {
    await page.getByLabel('Admin key').fill(wrong);
    await page.getByRole('button', { name: 'Open' }).click();
    await expect(page.getByRole('alert')).toHaveText('This is not the admin key of this server.');
    await expect(page.getByLabel('Admin key')).toBeFocused();
  }
  await page.getByLabel('Admin key').fill(server.adminKey);
  await page.getByRole('button', { name: 'Open' }).click();
  await expect(page.getByRole('heading', { name: 'Sales' })).toBeVisible();
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Sales' })).toBeVisible();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.reload();
  await expect(page.getByLabel('Admin key')).toBeVisible();
});

test('after too many guesses it is said when to come back', async ({ page, server }) => {
  await page.goto('/organiser');
  const guess = () => fetch(`${server.url}/v1/admin/server`, { headers: { 'X-Admin-Key': 'guess' } });
  await expect(async () => expect((await guess()).status).toBe(429)).toPass({ intervals: [0] });
  await page.getByLabel('Admin key').fill('guess');
  await page.getByRole('button', { name: 'Open' }).click();
  await expect(page.getByRole('alert')).toContainText('Try again in');
  // Whoever has the key is not kept out by those who guess.
  await page.getByLabel('Admin key').fill(server.adminKey);
  await page.getByRole('button', { name: 'Open' }).click();
  await expect(page.getByRole('heading', { name: 'Sales' })).toBeVisible();
});

test('what is wrong with a new sale is told at its field, an hour that does not exist too', async ({
  page,
  server,
}) => {
  await signIn(page, server, '/organiser/new');
  await page.getByRole('button', { name: 'Create the sale' }).click();
  await expect(page.getByLabel('Name', { exact: true })).toBeFocused();
  await expect(page.getByText('fields need your attention')).toBeVisible();
  await expectAccessible(page);
  await page.getByLabel('Time zone of the venue').selectOption('America/New_York');
  await page.getByLabel('Doors open').fill('2027-03-14T02:30');
  await expect(page.getByText('02:30 does not exist on that day in America/New York')).toBeVisible();
  await page.getByLabel('Doors open').fill('2027-11-07T01:30');
  await expect(page.getByText('Sun 7 Nov 2027, 05:30 UTC')).toBeVisible();
  await page.getByLabel('The second one (UTC−05:00)').check();
  await expect(page.getByText('Sun 7 Nov 2027, 06:30 UTC')).toBeVisible();
  await expectAccessible(page);
});

test('a refusal of the server is shown at the field that it names', async ({ page, server }) => {
  await signIn(page, server, '/organiser/new');
  await page.route('**/v1/admin/sales', (route) =>
    route.request().method() === 'POST'
      ? route.fulfill({
          status: 422,
          contentType: 'application/problem+json',
          body: JSON.stringify({ code: 'invalid_field', field: 'waiting_room_cap', detail: 'waiting_room_cap: no.' }),
        })
      : route.continue(),
  );
  await fillIn(page);
  await page.getByRole('button', { name: 'Create the sale' }).click();
  const field = page.getByLabel('Places in the waiting room');
  await expect(field).toBeFocused();
  await expect(page.getByText('waiting_room_cap: no.')).toBeVisible();
});

async function fillIn(page: Page): Promise<void> {
  await page.getByLabel('Name', { exact: true }).fill(NAME);
  await page.getByLabel('Venue', { exact: true }).fill('D Y Patil Stadium');
  await page.getByLabel('Time zone of the venue').selectOption('UTC');
  await page.getByLabel('Doors open').fill(wall(-120));
  await page.getByLabel('Sale ends').fill(wall(86_400));
  await page.getByLabel('The show begins').fill(wall(30 * 86_400));
  await page.getByLabel('Currency').selectOption('INR');
  await page.getByRole('textbox', { name: 'Section' }).fill('Floor');
  await page.getByLabel('Rows').fill('10');
  await page.getByLabel('Seats a row').fill('20');
  await page.getByRole('textbox', { name: 'Price' }).fill('4,500');
  await page.getByRole('button', { name: 'Add a section' }).click();
  await page.getByRole('textbox', { name: 'Section' }).nth(1).fill('Upper');
  await page.getByLabel('Rows').nth(1).fill('5');
  await page.getByLabel('Seats a row').nth(1).fill('30');
  await page.getByRole('textbox', { name: 'Price' }).nth(1).fill('2500.50');
  await page.getByLabel('People called a minute').fill('600');
}

test('a sale is made, watched, paused, sped up and closed, and the audit tells it all', async ({ page, server }) => {
  await signIn(page, server, '/organiser/new');
  await fillIn(page);
  await expect(page.getByText('350 seats in 2 sections')).toBeVisible();
  await expect(page.getByText('a line of 10,000 is through in about 17 min')).toBeVisible();
  await page.getByRole('button', { name: 'Create the sale' }).dblclick();
  await expect(page.getByRole('heading', { name: NAME })).toBeVisible();
  const sale = new URL(page.url()).pathname.split('/').at(-1) ?? '';
  const sales = await server.admin<{ sales: { sale_id: string; event: { name: string } }[] }>('GET', '/v1/admin/sales');
  expect(sales.sales.filter((one) => one.event.name === NAME).map((one) => one.sale_id)).toEqual([sale]);

  await expect(page.getByText('Live', { exact: true })).toBeVisible();
  await act(page, 'Pause', 'sound check');
  await expect(page.getByText('The sale is paused.')).toBeVisible();
  await expect(page.locator('.badge', { hasText: 'Paused' })).toBeVisible();
  const fans = await server.fans(12);
  for (const token of fans) await server.join(sale, token);
  await expect(figure(page, 'Waiting')).toHaveText('12');
  await expectAccessible(page);

  await act(page, 'Resume', 'sound check is over');
  await expect(figure(page, 'Waiting')).toHaveText('0');
  for (const [index, token] of fans.slice(0, 3).entries()) await buys(server, sale, token, index + 1);
  await expect(figure(page, 'Tickets sold')).toHaveText('6');
  await expect(page.getByRole('img', { name: /^Sold 6,/ })).toBeVisible();

  await act(page, 'Change the rate', 'the hall is calm', () => page.getByLabel('People called a minute').fill('1200'));
  await expect(page.getByText('1,200 a minute', { exact: true })).toBeVisible();
  await act(page, 'Other terms', 'fewer at once', () => page.getByLabel('People inside at once').fill('50'));
  await expect(page.getByText('The new terms hold.')).toBeVisible();

  await closes(page);
  await afterwards(page, server, sale);
});

async function closes(page: Page): Promise<void> {
  await act(page, 'Close the sale', 'the artist is ill', () => page.getByLabel('Type the name').fill('Coldstar'));
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByText('This is not the name of the sale.')).toBeVisible();
  await expect(page.getByLabel('Type the name')).toBeFocused();
  await expectAccessible(page);
  await page.getByLabel('Type the name').fill(NAME);
  await dialog.getByRole('button', { name: 'Close the sale' }).click();
  await expect(page.getByText('The sale is closed.')).toBeVisible();
  await expect(page.locator('.badge', { hasText: 'Ended' })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Pause' })).toHaveCount(0);
}

async function afterwards(page: Page, server: Server, sale: string): Promise<void> {
  await page.getByRole('link', { name: 'Audit' }).click();
  const acts = ['Created the sale', 'Paused', 'Resumed', 'Changed terms', 'Changed terms', 'Closed'];
  await expect(page.locator('.audit h3')).toHaveText(acts);
  for (const reason of ['sound check', 'the hall is calm', 'the artist is ill'])
    await expect(page.getByText(reason, { exact: true })).toBeVisible();
  await expect(page.getByText('600 → 1,200')).toBeVisible();
  await expect(page.getByText('The record is whole')).toBeVisible();
  await expectAccessible(page);

  await page.getByRole('link', { name: 'Line' }).click();
  await expect(page.locator('tbody tr')).toHaveCount(12);
  await expectAccessible(page);
  const { entries } = await server.admin<{ entries: { user_id: string }[] }>(
    'GET',
    `/v1/admin/sales/${sale}/queue-entries`,
  );
  await page.getByLabel('Find a person').fill(entries[4]?.user_id ?? '');
  await page.keyboard.press('Enter');
  await expect(page.locator('tbody tr')).toHaveCount(1);
  await expect(page.locator('tbody td').first()).toHaveText('5');
  await page.getByLabel('Find a person').fill('nobody@example.com');
  await page.keyboard.press('Enter');
  await expect(page.getByText('This account has no place in this line.')).toBeVisible();

  await page.getByRole('link', { name: 'Orders' }).click();
  await expect(page.locator('tbody tr')).toHaveCount(3);
  await expectAccessible(page);
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download as CSV' }).click();
  const file = await download;
  expect(file.suggestedFilename()).toBe(`orders-${sale}.csv`);
  const [header, ...rows] = readFileSync(await file.path(), 'utf8')
    .trimEnd()
    .split('\r\n');
  const at = (header ?? '').split(',').indexOf('quantity');
  expect(rows.map((row) => Number(row.split(',')[at]))).toEqual([1, 2, 3]);
  await expect(page.getByText('3 orders saved.')).toBeVisible();

  await page.getByRole('link', { name: 'Report' }).click();
  await expect(page.locator('.facts div', { hasText: 'Joined the line' }).locator('dd')).toHaveText('12');
  await expect(page.locator('.facts div', { hasText: 'Taken' }).locator('dd')).toContainText('₹');
  await expectAccessible(page);
  await page.goBack();
  await expect(page.getByRole('heading', { name: 'Orders' })).toBeVisible();
}

test('an address of no sale says so', async ({ page, server }) => {
  await signIn(page, server, '/organiser/sales/nonsense');
  await expect(page.getByText('There is no sale with this id.')).toBeVisible();
  await expectAccessible(page);
});

test('figures that are old say so, and come back', async ({ page, server, context }) => {
  const sale = await server.newSale();
  await signIn(page, server, `/organiser/sales/${sale}`);
  await expect(page.getByText('Live', { exact: true })).toBeVisible();
  await context.setOffline(true);
  await expect(page.getByText('these figures are old')).toBeVisible();
  await context.setOffline(false);
  await expect(page.getByText('Live', { exact: true })).toBeVisible();
});

test('an act that fails says why, and Escape does nothing', async ({ page, server }) => {
  const sale = await server.newSale({ name: 'Short night' });
  await signIn(page, server, `/organiser/sales/${sale}`);
  const button = page.getByRole('button', { name: 'Pause' });
  await button.focus();
  await page.keyboard.press('Enter');
  await expect(page.getByLabel('Reason')).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByText('Say why, in a few words')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await expect(button).toBeFocused();
  await page.keyboard.press('Enter');
  await server.admin('POST', `/v1/admin/sales/${sale}/close`, {});
  await page.getByLabel('Reason').fill('too late');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog').getByRole('alert')).toContainText('ended');
});

test('an exception is granted to somebody in line, and taken back', async ({ page, server }) => {
  const sale = await server.newSale({ admit_per_minute: 0 });
  const fan = await server.newFan();
  await server.join(sale, fan.token);
  await signIn(page, server, `/organiser/sales/${sale}/exceptions`);
  await expect(page.getByText('Nobody has an exception.')).toBeVisible();
  const grant = () => page.getByRole('dialog').getByRole('button', { name: 'Grant an exception' }).click();
  await page.getByRole('button', { name: 'Grant an exception' }).click();
  await page.getByRole('dialog').getByLabel('Reason').fill('a school class');
  await page.getByLabel('Account').fill('nobody@example.com');
  await page.getByLabel('Extra tickets').fill('51');
  await grant();
  await expect(page.getByText('A whole number, 1 to 50, or nothing.')).toBeVisible();
  await page.getByLabel('Extra tickets').fill('25');
  await grant();
  await expect(page.getByText('Nobody in this line has this address.')).toBeVisible();
  await expectAccessible(page);
  await page.getByLabel('Account').fill(fan.email);
  await grant();
  await expect(page.getByText('25 tickets more')).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Revoke' }).click();
  await page.getByRole('button', { name: 'Revoke it?' }).click();
  await expect(page.locator('.badge', { hasText: 'Revoked' })).toBeVisible();
  type Told = { exceptions: { extra_tickets: number; reason: string; revoked_at: string | null }[] };
  const { exceptions } = await server.admin<Told>('GET', `/v1/admin/sales/${sale}/exceptions`);
  expect(exceptions).toMatchObject([{ extra_tickets: 25, reason: 'a school class', revoked_at: expect.any(String) }]);
});

test('every page fits a phone', async ({ page, server }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  const sale = await server.newSale({
    name: 'A night with a name as long as those of festivals in the countryside are',
  });
  await signIn(page, server);
  const paths = [
    '',
    '/new',
    ...['', '/line', '/orders', '/exceptions', '/audit', '/report'].map((part) => `/sales/${sale}${part}`),
  ];
  for (const path of paths) {
    await page.goto(`/organiser${path}`);
    await expect(page.locator('h1')).toBeVisible();
    await expect(page.getByText('Loading …')).toHaveCount(0);
    const beyond = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(beyond, path).toBeLessThanOrEqual(0);
    await expectAccessible(page);
  }
});
