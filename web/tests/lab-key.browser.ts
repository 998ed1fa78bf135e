// The lab where it asks for a key, and where the network goes away: what is shown is never older than it says.
import { expect, expectAccessible, test } from './fixtures';

const KEY = 'a demo key of this test alone';
test.use({ settings: { DEMO_API_KEY: KEY } });

test('a key is asked for, refused when it is wrong, and taken from the address', async ({ page }) => {
  await page.goto('/lab');
  await expect(page.getByRole('heading', { name: 'A key, please' })).toBeVisible();
  await expectAccessible(page);
  await page.getByLabel('Key', { exact: true }).fill('another');
  await page.getByRole('button', { name: 'Open the lab' }).click();
  await expect(page.getByRole('heading', { name: 'A key, please' })).toBeVisible();
  await page.getByLabel('Key', { exact: true }).fill(KEY);
  await page.getByRole('button', { name: 'Open the lab' }).click();
  await expect(page.getByText('Start Launch spike')).toBeVisible();
  await expect(page.getByText('none has been heard of')).toBeVisible();

  await page.evaluate(() => sessionStorage.clear());
  await page.goto(`/lab/runs?demo_key=${encodeURIComponent(KEY)}`);
  await expect(page.getByText('Nothing has been rehearsed yet.')).toBeVisible();
  await expect(page).toHaveURL(/\/lab\/runs$/);
});

test('a run without news is stale, and live again when the network is', async ({ page, server, context }) => {
  const wish = { scenario: 'launch_spike', vus_max: 5 };
  const { run_id } = await server.admin<{ run_id: string }>('POST', '/v1/demo/loadtest', wish);
  await page.goto(`/lab/runs/${run_id}?demo_key=${encodeURIComponent(KEY)}`);
  const verdict = page.getByLabel('Verdict');
  await expect(verdict.getByText('QUEUED')).toBeVisible();
  await context.setOffline(true);
  await expect(verdict.getByText('STALE')).toBeVisible();
  await context.setOffline(false);
  await expect(verdict.getByText('STALE')).toHaveCount(0);
  await page.getByRole('button', { name: 'Stop this run' }).click();
  await expect(verdict.getByText('ABORTED')).toBeVisible();
});
