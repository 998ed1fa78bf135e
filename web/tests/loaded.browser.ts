// A fan buys in the middle of a rush: the lab's people are in the same line, for the same seats. No time is judged.
import { nameEverybody, newEmail, PASSWORD } from './fan';
import { expect, test } from './fixtures';

test.use({
  settings: { LOADTEST_RUNNER: 'on', LOADTEST_NO_TIME_LIMITS: 'true' },
  viewport: { width: 390, height: 844 },
});
test.setTimeout(180_000);

type Stats = { joined: number; tickets_sold: number; held_seats: number; available_seats: number };

test('a fan buys from the sale page to the ticket while the lab loads the sale', async ({ page, server }) => {
  const SEATS = 1_000;
  const sale = await server.newSale({ total_seats: SEATS, admit_per_minute: 600, max_tickets_per_user: 2 });
  const rush = { scenario: 'launch_spike', sale_id: sale, vus_max: 200, ramp_up: '2s', steady: '40s', ramp_down: '5s' };
  const { run_id } = await server.admin<{ run_id: string }>('POST', '/v1/demo/loadtest', rush);
  const run = () => server.admin<{ status: string }>('GET', `/v1/demo/loadtest/${run_id}`);
  const stats = () => server.admin<Stats>('GET', `/v1/admin/sales/${sale}/stats`);
  await expect.poll(async () => (await stats()).joined, { timeout: 60_000 }).toBeGreaterThan(50);

  await page.goto(`/fan/${sale}`);
  await page.getByRole('radio', { name: 'New here' }).check();
  await page.getByLabel('E-mail address').fill(newEmail());
  await page.getByLabel('Choose a password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByRole('button', { name: 'Join the line' }).click();
  await page.waitForURL(`**/fan/${sale}/line`);
  await expect(page.getByRole('heading', { name: 'People ahead of you' })).toBeVisible();
  await page.getByRole('link', { name: 'Choose your seats' }).click({ timeout: 60_000 });
  await page.getByRole('button', { name: 'Find and hold seats' }).click();
  await nameEverybody(page);
  expect((await run()).status).toBe('running');
  await page.getByRole('button', { name: /^Pay / }).click();
  await expect(page.getByRole('heading', { name: 'You are going' })).toBeVisible();
  await page
    .getByRole('link', { name: /^Show ticket/ })
    .first()
    .click();
  await expect(page.getByRole('img', { name: /Code for the door/ })).toBeVisible();

  await expect.poll(async () => (await run()).status, { timeout: 120_000 }).not.toMatch(/queued|running/);
  const { tickets_sold, held_seats, available_seats } = await stats();
  expect(tickets_sold).toBeGreaterThan(100);
  expect(tickets_sold + held_seats + available_seats).toBe(SEATS);
});
