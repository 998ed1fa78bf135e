import { chromium } from '@playwright/test';

const B = 'http://localhost:24010';
const H = { 'X-Admin-Key': 'dev-admin-key', 'Content-Type': 'application/json' };
const adm = async (m, p, b) => {
  const r = await fetch(B + p, { method: m, headers: H, body: b && JSON.stringify(b) });
  const t = await r.text();
  if (!r.ok) throw new Error(t);
  return JSON.parse(t || '{}');
};
const at = (s) => new Date(Date.now() + s * 1000).toISOString();
const sale = async (name, venue, extra = {}) => {
  const { event_id } = await adm('POST', '/v1/admin/events', { name, venue, starts_at: at(30 * 86400) });
  const { opens = -5, ...x } = extra;
  return (await adm('POST', '/v1/admin/sales', { event_id, opens_at: at(opens), ends_at: at(86400 * 20), ...x }))
    .sale_id;
};
const only = process.argv[2]?.split(',');
const W = (process.argv[3] ?? '390,1440').split(',').map(Number);
const hall = [
  ['Front', 10, 40, 900000],
  ['Left', 18, 24, 650000],
  ['Centre', 18, 36, 750000],
  ['Right', 18, 24, 650000],
  ['Balcony', 12, 60, 400000],
  ['Standing', 20, 50, 250000],
].map(([section, rows, seats_per_row, price]) => ({ section, rows, seats_per_row, price }));
const A = await sale('Coldstar, Night One', 'D Y Patil Stadium, Navi Mumbai', {
  currency: 'INR',
  seating: hall,
  admit_per_minute: 60000,
});
const S = await sale('The Extraordinarily Long-Named Philharmonic Orchestra of Garmisch-Partenkirchen', 'Konzerthaus', {
  currency: 'EUR',
  price: 4550,
  total_seats: 500,
  opens: 3725 + 86400 * 2,
});
const S2 = await sale('Nadi', 'Blue Frog, Mumbai', { currency: 'INR', price: 120000, total_seats: 200, opens: 600 });
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  chromiumSandbox: false,
  args: ['--headless', '--disable-gpu', '--no-first-run'],
});
const reg = async (ctx, email) => {
  const r = await ctx.request.post(B + '/v1/auth/register', {
    data: { email, password: 'correct horse 9' },
    headers: { 'Sec-Fetch-Site': 'same-origin' },
  });
  return r;
};
for (const w of W)
  for (const scheme of ['light', 'dark']) {
    const ctx = await browser.newContext({
      viewport: { width: w, height: w < 500 ? 844 : 900 },
      colorScheme: scheme,
      locale: process.env.LOC ?? 'en-GB',
      timezoneId: 'Asia/Kolkata',
      deviceScaleFactor: 1,
      hasTouch: w < 500,
    });
    const page = await ctx.newPage();
    page.on('pageerror', (e) => console.log('ERR', String(e).slice(0, 300)));
    page.on('console', (m) => {
      if (m.type() === 'error' && !/status of/.test(m.text())) console.log('CON', m.text());
    });
    const shot = async (n, full = true) => {
      if (only && !only.some((o) => n.startsWith(o))) return;
      await page.screenshot({ path: `/tmp/fanx/${n}-${w}-${scheme}.png`, fullPage: full });
      const sw = await page.evaluate(() => document.documentElement.scrollWidth);
      if (sw > w) console.log('SCROLL', n, w, sw);
    };
    await page.goto(B + '/fan');
    await page.waitForSelector('.sale-card');
    await shot('list');
    await page.goto(B + '/fan/' + S);
    await page.waitForSelector('.doors');
    await shot('sched-out');
    await page.locator('.tabs label').nth(2).click();
    await page.locator('button[type=submit]').first().click();
    await page.waitForSelector('.wrong');
    await shot('sched-wrong');
    const email = `fan${Date.now()}${Math.floor(Math.random() * 1e6)}@example.com`;
    await page.goto(B + '/fan/' + A);
    await page.waitForSelector('.sign-in');
    await shot('open-out');
    await page.locator('.tabs label').nth(2).click();
    await page.fill('#email', email);
    await page.fill('#password', 'correct horse 9');
    await page.locator('form button[type=submit]').first().click();
    await page.waitForSelector('.signed');
    await shot('open-in');
    await page.locator('.doors button.primary').click();
    await page.waitForURL(/line/);
    for (let i = 0; i < 50; i++) {
      const r = await (await page.request.get(B + `/v1/sales/${A}/waiting-room/status`)).json();
      if (r.admitted) break;
      await page.waitForTimeout(200);
    }
    await page.goto(B + '/fan/' + A);
    await page.waitForSelector('.doors');
    await shot('inside');
    await page.goto(B + '/fan/' + A + '/seats');
    await page.waitForSelector('.map canvas');
    await page.waitForTimeout(400);
    await shot('map');
    const c = page.locator('.map canvas');
    const b = await c.boundingBox();
    await c.click({ position: { x: b.width * 0.5, y: b.height * 0.45 } });
    await page.waitForTimeout(200);
    await c.click({ position: { x: b.width * 0.5, y: b.height * 0.5 } });
    await c.click({ position: { x: b.width * 0.5 + 24, y: b.height * 0.5 } });
    await page.waitForTimeout(200);
    await shot('mapzoom', false);
    await page.locator('.own .tabs label').nth(1).click();
    await page.locator('.rows button').first().click();
    await page.waitForTimeout(100);
    await shot('seatlist');
    await page.locator('.best button[type=submit]').click();
    await page.waitForSelector('.pay-form');
    await shot('pay');
    await page.locator('.pay-form button[type=submit]').click();
    await page.waitForSelector('.wrong');
    await shot('pay-wrong');
    const n = await page.locator('.pay-form input.input').count();
    for (let i = 0; i < n; i++)
      await page
        .locator('.pay-form input.input')
        .nth(i)
        .fill(['Asha Rao', 'Ravi Venkataraman-Subramaniam'][i] ?? 'X');
    await page.locator('.radio-card').nth(1).click();
    await page.locator('.pay-form button[type=submit]').click();
    await page.waitForSelector('.note.fail');
    await shot('pay-declined');
    await page.locator('.radio-card').nth(0).click();
    await page.locator('.pay-form button[type=submit]').click();
    await page.waitForURL(/orders/);
    await page.waitForSelector('.ticket-row');
    await shot('order');
    await page.goto(B + '/fan/tickets');
    await page.waitForSelector('.stub');
    await shot('tickets');
    await page.locator('.stub a').first().click();
    await page.waitForSelector('.qr');
    await shot('ticket');
    await page.goto(B + '/fan/' + A + '/seats');
    await page.waitForSelector('.page.narrow');
    await shot('bought');
    await ctx.close();
  }
await browser.close();
