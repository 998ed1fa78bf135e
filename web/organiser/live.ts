// Watches one sale: its figures once a second, its terms and what was refused less often. Slower when the page is hidden,
// and when answers take long: whoever watches must not slow down what is watched.
import { signal } from '@preact/signals';
import type { OperatorSale, SaleReport, SaleStatsAnswer } from '../shared/api';
import { serverNow, setServerTime } from '../shared/clock';
import { asked, inWords, key, operator } from './key';
import { kept, type Look } from './pace';

const EVERY_MS = 1_000;
const HIDDEN_MS = 10_000;
const SALE_EVERY_MS = 4_000;
const REPORT_EVERY_MS = 15_000;
/** An answer that took this long is asked for this many times more seldom than it took. */
const SHARE = 5;

export type Live = ReturnType<typeof watch>;

export function watch(id: string) {
  const sale = signal<OperatorSale>();
  const stats = signal<SaleStatsAnswer>();
  const report = signal<SaleReport>();
  const looks = signal<Look[]>(restored(id));
  const trouble = signal('');
  const now = signal(serverNow());
  const heardAt = signal(Date.now());
  const slow = signal(false);
  const params = { path: { id } };

  async function askStats(): Promise<void> {
    const sentAt = Date.now();
    const answer = await asked(operator.GET('/v1/admin/sales/{id}/stats', { params }));
    if (!answer.ok) {
      trouble.value = inWords(answer);
      return;
    }
    setServerTime(answer.value.at, sentAt);
    heardAt.value = Date.now();
    trouble.value = '';
    stats.value = answer.value;
    const { through, waiting, tickets_sold: sold, at } = answer.value;
    looks.value = kept(looks.value, { at: Date.parse(at), through, waiting, sold });
    sessionStorage.setItem(keptAs(id), JSON.stringify(looks.value));
  }
  async function askSale(): Promise<void> {
    const answer = await asked(operator.GET('/v1/admin/sales/{id}', { params }));
    if (answer.ok) sale.value = answer.value;
  }
  async function askReport(): Promise<void> {
    const answer = await asked(operator.GET('/v1/admin/sales/{id}/report', { params }));
    if (answer.ok) report.value = answer.value;
  }

  const pulse = setInterval(() => {
    now.value = serverNow();
  }, 1_000);
  const loops = [
    again(askStats, EVERY_MS, (isSlow) => {
      slow.value = isSlow;
    }),
    again(askSale, SALE_EVERY_MS),
    again(askReport, REPORT_EVERY_MS),
  ];
  const stop = () => {
    clearInterval(pulse);
    for (const loop of loops) loop.stop();
  };
  /** After an act: its effect is on the screen at once. */
  const refresh = () => {
    for (const loop of loops) loop.now();
  };
  return { id, sale, stats, report, looks, trouble, now, heardAt, slow, stop, refresh };
}

/** One question at a time, for ever: soon again, later where answers take long or nobody looks. */
function again(ask: () => Promise<void>, everyMs: number, told: (slow: boolean) => void = () => {}) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let under = false;
  let stopped = false;
  const turn = async () => {
    if (under || stopped || key.value === '') return;
    under = true;
    clearTimeout(timer);
    const from = performance.now();
    await ask();
    const took = performance.now() - from;
    under = false;
    if (stopped) return;
    told(took * SHARE > everyMs);
    const wait = Math.max(document.hidden ? HIDDEN_MS : everyMs, took * SHARE);
    timer = setTimeout(turn, wait);
  };
  const woken = () => {
    if (!document.hidden) turn();
  };
  document.addEventListener('visibilitychange', woken);
  window.addEventListener('online', woken);
  turn();
  const stop = () => {
    stopped = true;
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', woken);
    window.removeEventListener('online', woken);
  };
  return { stop, now: turn };
}

const keptAs = (id: string) => `traffic_board_${id}`;

/** What this tab saw before it was loaded again. */
function restored(id: string): Look[] {
  const read: unknown = JSON.parse(sessionStorage.getItem(keptAs(id)) ?? '[]');
  return Array.isArray(read) ? (read as Look[]) : [];
}
