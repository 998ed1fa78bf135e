// Seats, holds and payments under the things that go wrong: reloads, other tabs, other fans, lost answers.
import { expectSound, holding, nameEverybody, OtherFan, shopping } from './fan';
import { expect, test } from './fixtures';

const FAST = { admit_per_minute: 60_000 };
const HALL = [{ section: 'Front', rows: 4, seats_per_row: 10, price: 5_000 }];

test('a hold survives a reload, a second tab and the back button', async ({ page, context, server }) => {
  const sale = await server.newSale({ ...FAST, seating: HALL });
  await holding(page, server, sale);
  const held = await page.getByRole('complementary').getByRole('listitem').allTextContents();
  expect(held).toHaveLength(2);
  await page.reload();
  await expect(page.getByRole('complementary').getByRole('listitem')).toHaveText(held);
  const second = await context.newPage();
  await second.goto(`/fan/${sale}/seats`);
  await expect(second.getByRole('complementary').getByRole('listitem')).toHaveText(held);
  await second.close();
  await page.goto(`/fan/${sale}`);
  await page.goBack();
  await expect(page.getByRole('complementary').getByRole('listitem')).toHaveText(held);

  await page.getByRole('button', { name: 'Give these seats back' }).click();
  await expectSound(page);
  await page.getByRole('button', { name: 'Yes, give them back' }).click();
  await expect(page.getByText('The seats are free again.', { exact: false })).toBeVisible();
  await expect(page.getByRole('heading', { name: 'Choose your seats' })).toBeVisible();
});

test('a second tab that tries to hold finds the hold of the first', async ({ page, context, server }) => {
  const sale = await server.newSale({ ...FAST, seating: HALL });
  await shopping(page, server, sale);
  const second = await context.newPage();
  await second.goto(`/fan/${sale}/seats`);
  await second.getByRole('button', { name: 'Find and hold seats' }).click();
  await expect(second.getByRole('heading', { name: 'Check and pay' })).toBeVisible();
  await page.bringToFront();
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await expect(page.getByRole('heading', { name: 'Check and pay' })).toBeVisible();
});

test('a declined card keeps the seats, and another one pays for them', async ({ page, server }) => {
  const sale = await server.newSale({ ...FAST, seating: HALL });
  await holding(page, server, sale);
  await nameEverybody(page);
  await page.getByLabel('Test card that is declined').check();
  await page.getByRole('button', { name: 'Pay $100' }).click();
  await expect(page.getByText('The payment was declined.', { exact: false })).toBeVisible();
  await expectSound(page);
  await page.getByLabel('Test card', { exact: true }).check();
  await page.getByRole('button', { name: 'Pay $100' }).click();
  await expect(page.getByRole('heading', { name: 'You are going' })).toBeVisible();
  await page.goBack();
  await expect(page.getByRole('heading', { name: 'You have your tickets for this sale.' })).toBeVisible();
  await expectSound(page);
});

test('an answer that is lost at checkout is asked for again: one order', async ({ page, server }) => {
  const sale = await server.newSale({ ...FAST, seating: HALL });
  await holding(page, server, sale);
  const keys: string[] = [];
  await page.route('**/checkout', async (route) => {
    keys.push((route.request().postDataJSON() as { idempotency_key: string }).idempotency_key);
    if (keys.length > 1) return route.continue();
    // The server has done it; the answer never arrives.
    await route.fetch();
    await route.abort('connectionreset');
  });
  await nameEverybody(page);
  await page.getByRole('button', { name: 'Pay $100' }).dblclick();
  await expect(page.getByRole('heading', { name: 'You are going' })).toBeVisible();
  expect(keys).toHaveLength(2);
  expect(new Set(keys).size).toBe(1);
  const orders = (await (await page.request.get('/v1/orders')).json()) as { orders: unknown[] };
  expect(orders.orders).toHaveLength(1);
});

test('a payment that was under way at a reload is asked for again', async ({ page, server }) => {
  const sale = await server.newSale({ ...FAST, seating: HALL });
  await holding(page, server, sale);
  let lost = 0;
  await page.route('**/checkout', (route) => {
    lost++;
    return route.abort('connectionreset');
  });
  await nameEverybody(page);
  await page.getByRole('button', { name: 'Pay $100' }).click();
  await expect(page.getByText('No answer yet.', { exact: false })).toBeVisible();
  await expectSound(page);
  expect(lost).toBeGreaterThan(0);
  await page.unroute('**/checkout');
  await page.reload();
  await expect(page.getByRole('heading', { name: 'You are going' })).toBeVisible();
});

test('a seat that somebody else takes leaves the choice, and the page says so', async ({ page, server }) => {
  const sale = await server.newSale({ ...FAST, seating: HALL });
  await shopping(page, server, sale);
  const other = await OtherFan.inside(server, sale);
  await page.getByRole('radio', { name: 'List' }).check();
  await page.getByRole('button', { name: 'Choose seats in section Front, row 2' }).click();
  await page.getByRole('checkbox', { name: 'Section Front, row 2, seat 4', exact: true }).check();
  await expect(page.getByText('1 seat ·', { exact: false })).toBeVisible();
  await other.hold({ seat_ids: ['Front-2-4'] });
  await expect(
    page.getByText('Section Front, row 2, seat 4 has just gone to somebody else.', { exact: false }),
  ).toBeVisible();
  await expect(page.getByText('No seat chosen yet.')).toBeVisible();
});

test('no more seats can be chosen than one person may have', async ({ page, server }) => {
  const sale = await server.newSale({ ...FAST, seating: HALL, max_tickets_per_user: 1 });
  await shopping(page, server, sale);
  await page.getByRole('radio', { name: 'List' }).check();
  await page.getByRole('button', { name: 'Choose seats in section Front, row 1' }).click();
  await page.getByRole('checkbox', { name: 'Section Front, row 1, seat 1', exact: true }).check();
  const second = page.getByRole('checkbox', { name: 'Section Front, row 1, seat 2', exact: true });
  await second.click();
  await expect(second).not.toBeChecked();
  await expect(page.getByText('You can choose 1 seat.')).toBeVisible();
});

test('a hold whose time is over says so, and the fan chooses again', async ({ page, server }) => {
  const sale = await server.newSale({ ...FAST, seating: HALL, hold_ttl_sec: 3 });
  await holding(page, server, sale);
  await expect(page.getByText('The time of your hold is over', { exact: false })).toBeVisible();
  await expect(page.getByRole('heading', { name: 'Choose your seats' })).toBeVisible();
});

test('70,000 seats are drawn, and move', async ({ page, server }) => {
  const seating = Array.from({ length: 28 }, (_, at) => ({
    section: `Block ${String.fromCharCode(65 + (at % 26))}${at < 26 ? '' : '2'}`,
    rows: 50,
    seats_per_row: 50,
    price: 10_000 - at * 250,
  }));
  const sale = await server.newSale({ ...FAST, seating });
  await shopping(page, server, sale);
  const canvas = page.locator('.map canvas');
  await expect.poll(() => count(page, 'seat-map-first-paint')).toBe(1);
  const box = await canvas.boundingBox();
  if (!box) throw new Error('the map is not there');
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.move(x, y);
  await page.mouse.wheel(0, -1_500);
  for (let turn = 0; turn < 5; turn++) {
    await page.mouse.down();
    await page.mouse.move(x + 120, y + 60, { steps: 12 });
    await page.mouse.up();
    await page.mouse.move(x, y);
  }
  await expect.poll(() => count(page, 'seat-map-pan')).toBeGreaterThan(10);
  const drawn = await canvas.evaluate((element: HTMLCanvasElement) => {
    const { data } = element.getContext('2d')?.getImageData(0, 0, element.width, element.height) ?? { data: [] };
    return new Set(Array.from({ length: data.length / 4 }, (_, at) => data.slice(at * 4, at * 4 + 3).join())).size;
  });
  expect(drawn, 'colours in the picture').toBeGreaterThan(3);
  const [first] = await durations(page, 'seat-map-first-paint');
  const pans = (await durations(page, 'seat-map-pan')).sort((a, b) => a - b);
  const at = (share: number) => pans[Math.floor((pans.length - 1) * share)]?.toFixed(1);
  console.log(
    `70,000 seats: first paint ${first?.toFixed(0)} ms after the question; a picture of a pan takes ${at(0.5)} ms (p50), ${at(0.95)} ms (p95) of ${pans.length}`,
  );
});

const durations = (page: import('@playwright/test').Page, name: string): Promise<number[]> =>
  page.evaluate((name) => performance.getEntriesByName(name).map((entry) => entry.duration), name);

const count = async (page: import('@playwright/test').Page, name: string): Promise<number> =>
  (await durations(page, name)).length;
