// How fast and how accessible the fan pages are for somebody with a slow phone: Lighthouse in the system's Chromium, against
// a running server (URL, ADMIN_KEY). Prints a table; exit 1 where a figure is below 95.
import { launch } from 'chrome-launcher';
import lighthouse from 'lighthouse';

const LEAST = 95;
const URL_OF_SERVER = process.env.URL;
const CATEGORIES = ['performance', 'accessibility'];
// Shown beside them: they say where time goes.
const FIGURES = [
  'first-contentful-paint',
  'largest-contentful-paint',
  'total-blocking-time',
  'cumulative-layout-shift',
];

async function ask(path, headers, body) {
  const all = { 'Content-Type': 'application/json', ...headers };
  const response = await fetch(URL_OF_SERVER + path, { method: 'POST', headers: all, body: JSON.stringify(body) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
  return JSON.parse(text);
}

const ADMIN = { 'X-Admin-Key': process.env.ADMIN_KEY };
const at = (sec) => new Date(Date.now() + sec * 1_000).toISOString();

async function makeSale(terms) {
  const event = { name: 'Coldstar, Night One', venue: 'D Y Patil Stadium', starts_at: at(30 * 86_400) };
  const { event_id } = await ask('/v1/admin/events', ADMIN, event);
  const times = { opens_at: at(-5), ends_at: at(86_400) };
  const { sale_id } = await ask('/v1/admin/sales', ADMIN, { event_id, ...times, ...terms });
  return sale_id;
}

const makeAccounts = async (count) =>
  (await ask('/v1/admin/accounts/bulk', ADMIN, { count, prefix: `lh${Date.now()}-${count}` })).accounts;
const cookieOf = ({ token }) => `traffic_session=${token}`;

/** A sale that somebody waits for, with people ahead; and the cookie of that somebody. */
async function waiting() {
  const sale = await makeSale({ admit_per_minute: 6, total_seats: 2_000 });
  const accounts = await makeAccounts(50);
  for (const { token } of accounts) {
    await ask(`/v1/sales/${sale}/waiting-room/join`, { Authorization: `Bearer ${token}` });
  }
  return { sale, cookie: cookieOf(accounts.at(-1)) };
}

/** Joins and polls until called; the admission. */
async function called(sale, { token }) {
  const room = `/v1/sales/${sale}/waiting-room`;
  await ask(`${room}/join`, { Authorization: `Bearer ${token}` });
  for (let tries = 0; tries < 100; tries += 1) {
    const answer = await fetch(`${URL_OF_SERVER}${room}/status`, { headers: { Authorization: `Bearer ${token}` } });
    const { admission_token } = await answer.json();
    if (admission_token) return { Authorization: `Admission ${admission_token}` };
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error('nobody was called');
}

/** A sale where one fan chooses seats and another has bought two. */
async function shopping() {
  const sale = await makeSale({ admit_per_minute: 6_000, total_seats: 5_000, shopping_window_sec: 1_800 });
  const [chooser, buyer] = await makeAccounts(2);
  await called(sale, chooser);
  const admission = await called(sale, buyer);
  const best = { best_available: { quantity: 2 }, idempotency_key: 'hold' };
  const { hold_id } = await ask(`/v1/sales/${sale}/holds`, admission, best);
  const order = await ask(`/v1/sales/${sale}/checkout`, admission, { hold_id, idempotency_key: 'buy' });
  return { sale, chooser: cookieOf(chooser), buyer: cookieOf(buyer), order };
}

async function measured(path, cookie, port) {
  const flags = { port, onlyCategories: CATEGORIES, extraHeaders: { Cookie: cookie }, logLevel: 'error' };
  const { lhr } = await lighthouse(URL_OF_SERVER + path, flags);
  if (new URL(lhr.finalDisplayedUrl).pathname !== path) throw new Error(`${path} led to ${lhr.finalDisplayedUrl}`);
  if (lhr.runtimeError) console.error(`${path}: ${lhr.runtimeError.message}`);
  const scores = CATEGORIES.map((name) => Math.round((lhr.categories[name].score ?? 0) * 100));
  return { scores, figures: FIGURES.map((name) => lhr.audits[name].displayValue ?? '') };
}

const line = await waiting();
const shop = await shopping();
const [ticket] = shop.order.ticket_ids;
/** What is shown of a page, who looks at it, and where it is. */
const PAGES = [
  ['/fan', line.cookie, '/fan'],
  ['/fan/{sale}', line.cookie, `/fan/${line.sale}`],
  ['/fan/{sale}/line', line.cookie, `/fan/${line.sale}/line`],
  ['/fan/{sale}/seats', shop.chooser, `/fan/${shop.sale}/seats`],
  ['/fan/orders/{id}', shop.buyer, `/fan/orders/${shop.order.order_id}`],
  ['/fan/tickets', shop.buyer, '/fan/tickets'],
  ['/fan/tickets/{id}', shop.buyer, `/fan/tickets/${ticket}`],
];
const chrome = await launch({
  chromePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  chromeFlags: [
    '--headless=new',
    '--disable-gpu',
    '--no-first-run',
    ...(process.getuid() === 0 ? ['--no-sandbox'] : []),
  ],
});
const rows = [];
try {
  for (const [name, cookie, path] of PAGES) rows.push({ name, ...(await measured(path, cookie, chrome.port)) });
} finally {
  chrome.kill();
}

console.log(
  ['performance', 'accessible', 'first paint', 'largest', 'blocked', 'shift', 'page'].map((n) => n.padEnd(12)).join(''),
);
for (const { name, scores, figures } of rows) {
  console.log([...scores, ...figures, name].map((cell) => String(cell).padEnd(12)).join(''));
}
const low = rows.filter(({ scores }) => scores.some((score) => score < LEAST));
for (const { name } of low) console.error(`${name}: below ${LEAST}`);
process.exitCode = low.length > 0 ? 1 : 0;
