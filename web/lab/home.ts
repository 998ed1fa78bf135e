// What the first page follows: settings, runs, whether the server is ready, and the demo sale or the run that is under way.
import { signal } from '@preact/signals';
import { ask, type Dashboard, type DemoConfig, type RunList } from '../shared/api';
import { setServerTime } from '../shared/clock';
import type { Ready } from './preflight';
import { client, refused } from './session';
import { Watch } from './watch';

const EVERY_MS = 1_000;
/** Nobody looks. */
const HIDDEN_MS = 10_000;
const STALE_MS = 3_000;
const HISTORY = 60;
/** Of a minute, the rate of admissions is said over the last few looks. */
export const LOOKS_OF_NOW = 6;

export const config = signal<DemoConfig | undefined>(undefined);
export const list = signal<RunList | undefined>(undefined);
export const server = signal<Ready | undefined>(undefined);
export const sale = signal<{ now: Dashboard; history: Dashboard[]; link: 'live' | 'stale' } | undefined>(undefined);
/** The run that is under way, where one is. */
export const running = signal<Watch | undefined>(undefined);
export const off = signal(false);

export async function readConfig(): Promise<void> {
  const answer = await ask(client.GET('/v1/demo/config'));
  if (answer.ok) config.value = answer.value;
  else if ('problem' in answer && answer.status === 404) off.value = true;
}

/** Once a second, one round after another: a slow server is asked more slowly. */
export async function follow(): Promise<never> {
  let heardAt = Date.now();
  for (;;) {
    await Promise.all([readList(), readReady(), config.value ? undefined : readConfig()]);
    if (!running.value && (await readSale())) heardAt = Date.now();
    const known = sale.value;
    if (known && Date.now() - heardAt > STALE_MS) sale.value = { ...known, link: 'stale' };
    await new Promise((wake) => setTimeout(wake, document.hidden ? HIDDEN_MS : EVERY_MS));
  }
}

async function readList(): Promise<void> {
  const answer = await ask(client.GET('/v1/demo/loadtests', { params: { query: { limit: '1' } } }));
  if (!answer.ok) {
    if ('problem' in answer && answer.status === 401) refused.value = true;
    return;
  }
  list.value = answer.value;
  const [first] = answer.value.running;
  if (first === running.value?.id) return;
  running.value?.stop();
  running.value = first ? new Watch(first) : undefined;
}

async function readReady(): Promise<void> {
  try {
    server.value = { ready: (await fetch('/health/ready')).ok, phase: undefined };
  } catch {
    server.value = { ready: false, phase: undefined };
  }
}

async function readSale(): Promise<boolean> {
  const sentAt = Date.now();
  const answer = await ask(client.GET('/v1/demo/dashboard', { params: { query: {} } }));
  if (!answer.ok) return false;
  const now = answer.value;
  setServerTime(now.timestamp, sentAt);
  const before = sale.value?.history ?? [];
  const history = before.at(-1)?.sale_id === now.sale_id ? [...before, now].slice(-HISTORY) : [now];
  sale.value = { now, history, link: 'live' };
  return true;
}
