// A run that is about to be asked for: its fields, what is wrong with them, what it will be like, and its command line.
import type { DemoConfig } from '../shared/api';

export type Wish = {
  scenario: string;
  vus: string;
  rampUp: string;
  steady: string;
  rampDown: string;
  seed: string;
  admitPerMinute: string;
  cap: string;
  seats: string;
  /** An open sale to use; empty: the run makes its own. */
  sale: string;
};

export type Field = Exclude<keyof Wish, 'scenario'>;
export type Wrong = Partial<Record<Field, string>>;

/** What the server runs where nothing else is asked for. */
export function usual(config: DemoConfig, scenario: string): Wish {
  const { defaults } = config;
  return {
    scenario,
    vus: String(config.default_vus),
    rampUp: seconds(defaults.ramp_up_ms),
    steady: seconds(defaults.steady_ms),
    rampDown: seconds(defaults.ramp_down_ms),
    seed: String(defaults.seed),
    admitPerMinute: String(defaults.admit_per_minute),
    cap: String(defaults.waiting_room_cap),
    seats: String(defaults.total_seats),
    sale: '',
  };
}

const seconds = (ms: number): string => String(ms / 1_000);

/** Seconds as `90`, `90s`, `1500ms` or `2m`, in milliseconds. */
export function lengthMs(text: string): number | undefined {
  const found = /^(\d{1,7})\s*(ms|s|m|)$/.exec(text.trim());
  if (!found) return undefined;
  const scale = { ms: 1, s: 1_000, m: 60_000 }[found[2] ?? ''] ?? 1_000;
  return Number(found[1]) * scale;
}

function whole(text: string, least: number, most: number): number | undefined {
  const value = /^\d{1,15}$/.test(text.trim()) ? Number(text) : Number.NaN;
  return value >= least && value <= most ? value : undefined;
}

// The server's own limits for a sale, so that a mistake is told before it is sent.
const MOST_SEATS = 200_000;
const MOST_PER_MINUTE = 1_000_000;
const MOST_WAITING = 20_000_000;

/** What is wrong, a sentence a field. The server checks again. */
export function wrong(wish: Wish, config: DemoConfig): Wrong {
  const found: Wrong = {};
  const count = (field: Field, least: number, most: number) => {
    if (whole(wish[field], least, most) === undefined) {
      found[field] = `A whole number from ${least.toLocaleString('en')} to ${most.toLocaleString('en')}.`;
    }
  };
  count('vus', 1, config.max_vus);
  count('seed', 0, Number.MAX_SAFE_INTEGER);
  if (!wish.sale.trim()) {
    count('admitPerMinute', 1, MOST_PER_MINUTE);
    count('cap', 1, MOST_WAITING);
    count('seats', 1, MOST_SEATS);
  }
  const most = lengthMs(config.max_steady) ?? 0;
  for (const field of ['rampUp', 'steady', 'rampDown'] as const) {
    const ms = lengthMs(wish[field]);
    if (ms === undefined) found[field] = 'Seconds, such as 10, or 1500ms or 2m.';
    else if (ms > most) found[field] = `At most ${config.max_steady}.`;
  }
  return found;
}

export type Body = {
  scenario: string;
  sale_id?: string;
  vus_max: number;
  ramp_up: string;
  steady: string;
  ramp_down: string;
  seed: number;
  admit_per_minute?: number;
  waiting_room_cap?: number;
  total_seats?: number;
};

/** What is sent. A sale that is there keeps its own terms. */
export function body(wish: Wish): Body {
  const shape = {
    scenario: wish.scenario,
    vus_max: Number(wish.vus),
    ramp_up: `${lengthMs(wish.rampUp) ?? 0}ms`,
    steady: `${lengthMs(wish.steady) ?? 0}ms`,
    ramp_down: `${lengthMs(wish.rampDown) ?? 0}ms`,
    seed: Number(wish.seed),
  };
  const sale = wish.sale.trim();
  if (sale) return { ...shape, sale_id: sale };
  return {
    ...shape,
    admit_per_minute: Number(wish.admitPerMinute),
    waiting_room_cap: Number(wish.cap),
    total_seats: Number(wish.seats),
  };
}

/** The same run from a command line, without what would be so anyway. */
export function simLine(wish: Wish, config: DemoConfig): string {
  const base = usual(config, wish.scenario);
  const knobs: [Field, string, (text: string) => string][] = [
    ['vus', 'K6_VUS_MAX', plain],
    ['rampUp', 'K6_RAMP_UP', unit],
    ['steady', 'K6_STEADY', unit],
    ['rampDown', 'K6_RAMP_DOWN', unit],
    ['admitPerMinute', 'K6_ADMIT_PER_MIN', plain],
    ['cap', 'K6_WAITING_ROOM_CAP', plain],
    ['seats', 'K6_TOTAL_SEATS', plain],
    ['seed', 'SEED', plain],
  ];
  const ofSale: Field[] = ['admitPerMinute', 'cap', 'seats'];
  const words = [`make sim SCENARIO=${wish.scenario}`];
  for (const [field, name, shown] of knobs) {
    if (wish.sale.trim() && ofSale.includes(field)) continue;
    if (shown(wish[field]) !== shown(base[field])) words.push(`${name}=${shown(wish[field])}`);
  }
  if (wish.sale.trim()) words.push(`SALE_ID=${wish.sale.trim()}`);
  return words.join(' ');
}

const plain = (text: string): string => text.trim();
const unit = (text: string): string => (/[a-z]$/.test(text.trim()) ? text.trim() : `${text.trim()}s`);

/** The doors of a run's own sale open so long after it was asked for. */
const DOORS_SEC = 3;
/** Fans of most scenarios arrive over the ramp; of a launch four of five arrive at once. */
const SPIKE = { scenario: 'launch_spike', share: 0.8, sec: 2 };
/** Journey: join, choose, hold, pay, and what some repeat. */
const REQUESTS_A_JOURNEY = 6;
/** Those who wait are asked to come back about this often. */
const POLL_SEC = 3;

const hasSpike = (scenario: string, upSec: number): boolean => scenario === SPIKE.scenario && upSec > SPIKE.sec;

/** Fans at work over the run, as corners of a curve: seconds from the doors, and the share of all. */
export function curve(wish: Wish): [number, number][] {
  const [up, steady, down] = [wish.rampUp, wish.steady, wish.rampDown].map((text) => (lengthMs(text) ?? 0) / 1_000) as [
    number,
    number,
    number,
  ];
  const corners: [number, number][] = [[0, 0]];
  if (hasSpike(wish.scenario, up)) corners.push([SPIKE.sec, SPIKE.share + ((1 - SPIKE.share) * SPIKE.sec) / up]);
  corners.push([up, 1], [up + steady, 1], [up + steady + down, 0]);
  return corners;
}

export type Estimate = { durationSec: number; arrivalsPerSec: number; requests: number };

/** Roughly what to expect: an order of magnitude, said as one. */
export function estimate(wish: Wish): Estimate {
  const sec = (text: string) => (lengthMs(text) ?? 0) / 1_000;
  const [up, steady, down] = [sec(wish.rampUp), sec(wish.steady), sec(wish.rampDown)];
  const fans = Number(wish.vus) || 0;
  const spike = hasSpike(wish.scenario, up);
  const arrivalsPerSec = spike ? (fans * SPIKE.share) / SPIKE.sec : fans / Math.max(up, 1);
  const perSec = Math.max(1, Number(wish.admitPerMinute) || 1) / 60;
  const drainSec = Math.min(up + steady, fans / perSec);
  const polls = (fans * drainSec) / 2 / POLL_SEC;
  const durationSec = DOORS_SEC + up + steady + down;
  return { durationSec, arrivalsPerSec, requests: Math.round(fans * REQUESTS_A_JOURNEY + polls) };
}
