// What a fan does in the browser tests, and what other fans do meanwhile without one.
import { expect, type Locator, type Page } from '@playwright/test';
import { expectAccessible } from './fixtures';
import type { Server } from './server';

export const PASSWORD = 'correct horse 9';
const NAMES = ['Asha Rao', 'Ravi Iyer', 'Meera Shah', 'Kabir Das'];
const TABS_MAX = 120;

export const newEmail = (): string => `fan-${Date.now()}-${Math.floor(Math.random() * 1e9)}@example.com`;

/** An account and its cookie in this page's browser, without the page. */
export async function signedIn(page: Page, server: Server): Promise<void> {
  const data = { email: newEmail(), password: PASSWORD };
  const answer = await page.request.post('/v1/auth/register', { data, headers: { Origin: server.url } });
  expect(answer.status()).toBe(201);
}

/** Signed in, joined and called: the next status answer has an admission. */
export async function inside(page: Page, server: Server, sale: string): Promise<void> {
  await signedIn(page, server);
  const joined = await page.request.post(`/v1/sales/${sale}/waiting-room/join`, { headers: { Origin: server.url } });
  expect(joined.status()).toBe(201);
  await admitted(page, sale);
}

export async function admitted(page: Page, sale: string): Promise<void> {
  const status = async () => {
    const answer = await page.request.get(`/v1/sales/${sale}/waiting-room/status`);
    return ((await answer.json()) as { state: string }).state;
  };
  await expect.poll(status).toBe('inside');
}

/** Inside, at the seats. */
export async function shopping(page: Page, server: Server, sale: string): Promise<void> {
  await inside(page, server, sale);
  await page.goto(`/fan/${sale}/seats`);
  await expect(page.getByRole('heading', { name: 'Choose your seats' })).toBeVisible();
}

/** The best seats, held. */
export async function holding(page: Page, server: Server, sale: string): Promise<void> {
  await shopping(page, server, sale);
  await page.getByRole('button', { name: 'Find and hold seats' }).click();
  await expect(page.getByRole('heading', { name: 'Check and pay' })).toBeVisible();
}

export async function nameEverybody(page: Page): Promise<void> {
  const fields = page.getByLabel(/^Name for /);
  const count = await fields.count();
  for (let at = 0; at < count; at++) await fields.nth(at).fill(NAMES[at] ?? 'Somebody');
}

/** Axe finds nothing, and nothing is wider than the screen. */
export async function expectSound(page: Page): Promise<void> {
  await expectAccessible(page);
  const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  expect(content, `wider than the screen: ${page.url()}`).toBeLessThanOrEqual(screen ?? 0);
}

/** Presses Tab until this has the focus, as somebody without a mouse would. */
export async function tabTo(page: Page, target: Locator): Promise<void> {
  for (let tabs = 0; tabs < TABS_MAX; tabs++) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`the Tab key does not reach ${target}`);
}

/** Another fan inside, without a browser. */
export class OtherFan {
  private constructor(
    private readonly server: Server,
    private readonly sale: string,
    private readonly admission: string,
  ) {}

  static async inside(server: Server, sale: string): Promise<OtherFan> {
    const { token } = await server.newFan();
    await server.join(sale, token);
    const headers = { Authorization: `Bearer ${token}` };
    let admission: string | undefined;
    await expect
      .poll(async () => {
        const path = `/v1/sales/${sale}/waiting-room/status`;
        const status = await server.ask<{ admission_token?: string }>('GET', path, headers);
        admission = status.admission_token;
        return admission !== undefined;
      })
      .toBe(true);
    return new OtherFan(server, sale, `Admission ${admission}`);
  }

  async hold(wish: object): Promise<string> {
    const body = { ...wish, idempotency_key: `hold-${Math.random()}` };
    return (await this.ask<{ hold_id: string }>('POST', 'holds', body)).hold_id;
  }

  async buy(quantity: number): Promise<void> {
    const hold_id = await this.hold({ best_available: { quantity } });
    await this.ask('POST', 'checkout', { hold_id, idempotency_key: `pay-${hold_id}` });
  }

  private ask<T>(method: string, path: string, body: unknown): Promise<T> {
    return this.server.ask(method, `/v1/sales/${this.sale}/${path}`, { Authorization: this.admission }, body);
  }
}
