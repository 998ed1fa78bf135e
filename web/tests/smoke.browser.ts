// Every page is served, runs under its policy, and is the built one.
import { expect, test } from './fixtures';

for (const path of ['/', '/fan', '/lab', '/organiser']) {
  test(`${path} is a built page`, async ({ page }) => {
    await page.goto(path);
    await expect(page.locator('main')).toBeAttached();
    await expect(page.locator('meta[name=traffic][content=pages-not-built]')).toHaveCount(0);
  });
}
