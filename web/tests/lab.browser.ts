// The Load Control Center, with a runner: a run from a preset to its verdict with a reload in between, stopping, waiting, the
// list, comparing; on a phone and by keyboard alone. No time is judged: the runner leaves its limits of times out.
import type { Page } from '@playwright/test';
import { expect, expectAccessible, test } from './fixtures';
import type { Server } from './server';

test.use({ settings: { LOADTEST_RUNNER: 'on', LOADTEST_NO_TIME_LIMITS: 'true' } });

// A run takes its doors, its shape, and the judging.
test.setTimeout(180_000);
const VERDICT_MS = 120_000;

/** Fills the fields of the first page by their labels. */
async function shape(page: Page, fields: Record<string, string>): Promise<void> {
  for (const [label, value] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).fill(value);
}

const SHORT = {
  'Fans at the peak': '60',
  'Ramp up, seconds': '2',
  'Steady, seconds': '8',
  'Ramp down, seconds': '2',
  'Let in a minute': '600',
  Seats: '50',
};

const state = (page: Page, word: string) => page.getByLabel('Verdict').getByText(word, { exact: true });

async function asked(server: Server, more: object = {}): Promise<string> {
  const wish = { scenario: 'launch_spike', vus_max: 20, ramp_up: '1s', steady: '2s', ramp_down: '1s', ...more };
  return (await server.admin<{ run_id: string }>('POST', '/v1/demo/loadtest', wish)).run_id;
}

async function over(server: Server, id: string): Promise<void> {
  await expect
    .poll(
      async () => (await server.admin<{ finished_at: string | null }>('GET', `/v1/demo/loadtest/${id}`)).finished_at,
      {
        timeout: VERDICT_MS,
      },
    )
    .not.toBeNull();
}

test('a run goes from a preset to its verdict, and a reload in the middle finds it again', async ({ page }) => {
  await page.goto('/lab');
  await expect(page.getByText('beside 127.0.0.1', { exact: false })).toBeVisible();
  await page.getByRole('button', { name: 'Refresh storm' }).click();
  await expect(page.getByRole('radio', { name: /Refresh storm/ })).toBeChecked();
  await page.getByRole('button', { name: 'T+0 launch' }).click();
  await shape(page, SHORT);
  await expect(page.getByText('make sim SCENARIO=launch_spike K6_VUS_MAX=60')).toBeVisible();
  await expectAccessible(page);

  await page.getByLabel('Seats', { exact: true }).fill('none');
  await expect(page.getByText('Seats needs another value.')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Start Launch spike' })).toBeDisabled();
  await page.getByLabel('Seats', { exact: true }).press('Enter');
  await page.getByLabel('Seats', { exact: true }).fill('50');
  await page.getByRole('button', { name: 'Start Launch spike' }).click();

  await expect(page).toHaveURL(/\/lab\/runs\/[0-9a-f-]{36}$/);
  await expect(state(page, 'RUNNING')).toBeVisible();
  await expect(page.getByText(/At most \d+ waited|Nobody had to wait/)).toBeVisible();
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Launch spike' })).toBeVisible();
  await expect(page.getByText(/At most \d+ waited|Nobody had to wait/)).toBeVisible();
  await expect(page.locator('.plot canvas')).toHaveCount(5);

  await expect(state(page, 'PASS')).toBeVisible({ timeout: VERDICT_MS });
  const board = page.getByLabel('Live figures');
  await expect(board.getByText('PASS', { exact: true })).toBeVisible();
  await expect(board.getByText(/^(\d+) of \1 hold$/)).toBeVisible();
  await expect(board.locator('.board-row', { hasText: /^Sold/ })).toContainText('50');
  await expect(board.locator('.board-row', { hasText: 'Oversold' })).toContainText('0');
  await expect(page.getByRole('heading', { name: 'How far they came' })).toBeVisible();
  await expect(page.getByText(/· first come, first in line/)).toBeVisible();
  await expectAccessible(page);

  const seats = page.locator('figure', { hasText: 'Seats' }).first();
  await seats.getByText('As a table').click();
  await expect(seats.getByRole('row').last()).toContainText('50');
  const html = page.getByRole('link', { name: /Report \(HTML\)/ });
  const report = await page.request.get((await html.getAttribute('href')) ?? '');
  expect(await report.text()).toContain('launch_spike');
});

test('one run waits behind another; both are stopped', async ({ page, server }) => {
  const first = await asked(server, { steady: '60s', total_seats: 5000, admit_per_minute: 6 });
  const second = await asked(server);
  await page.goto(`/lab/runs/${second}`);
  await expect(state(page, 'QUEUED')).toBeVisible();
  await expect(page.getByText('It is next')).toBeVisible();
  await page.getByRole('button', { name: 'Stop this run' }).click();
  await expect(state(page, 'ABORTED')).toBeVisible();

  await page.goto('/lab');
  await expect(page.getByText('1 before it: it waits its turn')).toBeVisible();
  await page.getByLabel('Live figures').getByRole('link', { name: 'Launch spike' }).click();
  await expect(page).toHaveURL(new RegExp(first));
  await page.getByRole('button', { name: 'Stop this run' }).click();
  await expect(state(page, 'ABORTED')).toBeVisible({ timeout: VERDICT_MS });
});

test('runs are found again and compared, like for like and not', async ({ page, server }) => {
  const ids = [await asked(server), await asked(server), await asked(server, { seed: 7 })];
  for (const id of ids) await over(server, id);
  await page.goto('/lab/runs');
  await expect(page.getByRole('link', { name: 'Launch spike' }).first()).toBeVisible();
  await expectAccessible(page);
  await page.getByLabel('Scenario').selectOption('late_surge');
  await expect(page.getByText('No run is like that.')).toBeVisible();
  await page.getByLabel('Scenario').selectOption('launch_spike');
  for (const id of ids.slice(0, 2)) await page.getByLabel(new RegExp(id.slice(-8))).check();
  await page.getByRole('link', { name: 'Compare' }).click();
  await expect(page.getByText(/like for like, /)).toBeVisible();
  await expect(page.getByText('What differs')).toHaveCount(0);
  await expectAccessible(page);

  await page.goto(`/lab/compare?a=${ids[0]}&b=${ids[2]}`);
  await expect(page.getByText('Not like for like')).toBeVisible();
  await expect(page.getByRole('row', { name: 'SEED 1 7' })).toBeVisible();

  await page.goto(`/lab?again=${ids[2]}`);
  await expect(page.getByLabel('Seed', { exact: true })).toHaveValue('7');
  await expect(page.getByLabel('Fans at the peak', { exact: true })).toHaveValue('20');
});

test('a run that is not there is said to be missing', async ({ page }) => {
  await page.goto('/lab/runs/01a20a52-5813-7206-b85a-890b1ccfdf15');
  await expect(page.getByRole('heading', { name: 'There is no such run' })).toBeVisible();
  await page.goto('/lab/compare');
  await expect(page.getByText('Two runs are needed.')).toBeVisible();
  await expectAccessible(page);
});

test('on a phone the board is a strip on top, and nothing is wider than the screen', async ({ page, server }) => {
  const id = await asked(server);
  await over(server, id);
  await page.setViewportSize({ width: 390, height: 844 });
  for (const path of ['/lab', `/lab/runs/${id}`, '/lab/runs', `/lab/compare?a=${id}&b=${id}`]) {
    await page.goto(path);
    await expect(page.getByRole('heading', { level: 1 })).toBeAttached();
    await expect(page.getByText(/Looking|Reading|Waiting for the first/)).toHaveCount(0);
    const wider = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(wider, path).toBe(0);
    await expectAccessible(page);
  }
  await page.goto('/lab');
  const board = page.getByLabel('Live figures');
  await expect(board.getByText('Waiting, now')).toBeHidden();
  await board.getByText('All figures').click();
  await expect(board.getByText('Waiting, now')).toBeVisible();
});

test('a run is started by keyboard alone', async ({ page }) => {
  await page.goto('/lab');
  await expect(page.getByRole('button', { name: 'T+0 launch' })).toBeVisible();
  await page.keyboard.press('Tab');
  await expect(page.getByText('To the content')).toBeFocused();
  await page.keyboard.press('Enter');
  const fans = page.getByLabel('Fans at the peak', { exact: true });
  for (let steps = 0; steps < 30 && !(await fans.evaluate((field) => field === document.activeElement)); steps++) {
    await page.keyboard.press('Tab');
  }
  await expect(fans).toBeFocused();
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.type('10');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.keyboard.type('1');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/lab\/runs\//);
  await page.getByRole('button', { name: 'Stop this run' }).focus();
  await page.keyboard.press('Enter');
  await expect(state(page, 'ABORTED')).toBeVisible({ timeout: VERDICT_MS });
});
