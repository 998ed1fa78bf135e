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

/** A sale that somebody waits for, with people ahead; and the cookie of that somebody. */
async function waiting() {
  const admin = { 'X-Admin-Key': process.env.ADMIN_KEY };
  const at = (sec) => new Date(Date.now() + sec * 1_000).toISOString();
  const event = { name: 'Coldstar, Night One', venue: 'D Y Patil Stadium', starts_at: at(30 * 86_400) };
  const { event_id } = await ask('/v1/admin/events', admin, event);
  const terms = { event_id, opens_at: at(-5), ends_at: at(86_400), admit_per_minute: 6, total_seats: 2_000 };
  const { sale_id } = await ask('/v1/admin/sales', admin, terms);
  const { accounts } = await ask('/v1/admin/accounts/bulk', admin, { count: 50, prefix: `lh${Date.now()}` });
  for (const { token } of accounts) {
    await ask(`/v1/sales/${sale_id}/waiting-room/join`, { Authorization: `Bearer ${token}` });
  }
  return { sale: sale_id, cookie: `traffic_session=${accounts.at(-1).token}` };
}

async function measured(path, cookie, port) {
  const flags = { port, onlyCategories: CATEGORIES, extraHeaders: { Cookie: cookie }, logLevel: 'error' };
  const { lhr } = await lighthouse(URL_OF_SERVER + path, flags);
  if (new URL(lhr.finalDisplayedUrl).pathname !== path) throw new Error(`${path} led to ${lhr.finalDisplayedUrl}`);
  if (lhr.runtimeError) console.error(`${path}: ${lhr.runtimeError.message}`);
  const scores = CATEGORIES.map((name) => Math.round((lhr.categories[name].score ?? 0) * 100));
  return { path, scores, figures: FIGURES.map((name) => lhr.audits[name].displayValue ?? '') };
}

const { sale, cookie } = await waiting();
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
  for (const path of ['/fan', `/fan/${sale}`, `/fan/${sale}/line`])
    rows.push(await measured(path, cookie, chrome.port));
} finally {
  chrome.kill();
}

console.log(
  ['performance', 'accessible', 'first paint', 'largest', 'blocked', 'shift', 'page'].map((n) => n.padEnd(12)).join(''),
);
for (const { path, scores, figures } of rows) {
  console.log([...scores, ...figures, path.replace(sale, '{sale}')].map((cell) => String(cell).padEnd(12)).join(''));
}
const low = rows.filter(({ scores }) => scores.some((score) => score < LEAST));
for (const { path } of low) console.error(`${path}: below ${LEAST}`);
process.exitCode = low.length > 0 ? 1 : 0;
