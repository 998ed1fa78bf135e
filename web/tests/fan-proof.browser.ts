// Where a proof of work is asked for, the page solves it beside itself: nobody notices but bots.
import { newEmail, PASSWORD } from './fan';
import { expect, test } from './fixtures';

test.use({ settings: { PROOF_OF_WORK: '2000..2000' } });

test('an account is made and a place is taken with proofs', async ({ page, server }) => {
  const sale = await server.newSale();
  const proofs: string[] = [];
  page.on('request', (request) => {
    if (request.headers()['x-proof-of-work'] || request.postData()?.includes('altcha')) proofs.push(request.url());
  });
  await page.goto(`/fan/${sale}`);
  await page.getByRole('radio', { name: 'New here' }).check();
  await page.getByLabel('E-mail address').fill(newEmail());
  await page.getByLabel('Choose a password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByRole('button', { name: 'Join the line' }).click();
  await page.waitForURL(`**/fan/${sale}/line`);
  expect(proofs.map((url) => new URL(url).pathname)).toEqual([
    '/v1/auth/register',
    `/v1/sales/${sale}/waiting-room/join`,
  ]);
});
