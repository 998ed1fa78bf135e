// What the black sidebar shows, made from a run or from the demo sale: figures, each with its window, and words for every state.
import type { Dashboard, RunShown } from '../shared/api';
import { number } from '../shared/format';
import { events, type Happening } from './events';
import { latest, type Series, type Value } from './series';
import { stateOf, type Tone, titleOf } from './texts';
import type { Watched } from './watch';

export type Phase = { name: string; atSec: number | undefined; parts: { name: string; sec: number }[] };
export type Row = { name: string; value: string; tone?: Tone; word?: string };

export type Board = {
  title: string;
  link: { word: string; tone: Tone };
  phase: Phase | undefined;
  checks: Row | undefined;
  depth: number | undefined;
  depthWindow: string;
  depthLine: Value[];
  cap: number | undefined;
  admits: { value: number | undefined; window: string; rate: number | undefined; line: Value[] };
  seats: { sold: number; held: number; left: number; oversold: number } | undefined;
  rows: Row[];
  fairness: Row[];
  generator: Row[];
  events: Happening[];
};

const LINKS: Record<string, { word: string; tone: Tone }> = {
  connecting: { word: 'connecting', tone: 'plain' },
  live: { word: 'live', tone: 'pass' },
  stale: { word: 'stale', tone: 'warn' },
  missing: { word: 'no such run', tone: 'warn' },
};

const shown = (value: number | null | undefined, digits = 0): string =>
  value === null || value === undefined ? '–' : number(value, 'en', digits);
const share = (value: number | undefined): string => (value === undefined ? '–' : `${number(value * 100, 'en', 1)} %`);
const ms = (value: number | null | undefined): string =>
  value === null || value === undefined ? '–' : `${number(value, 'en', value < 10 ? 1 : 0)} ms`;

export function boardOfRun({ run, series, report, link }: Watched): Board | undefined {
  if (!run) return undefined;
  const progress = run.progress;
  const frame = progress?.frame;
  const over = link === 'over';
  const state = stateOf(run.status);
  const perSec = frame?.admit_per_minute ?? knob(report?.knobs, 'K6_ADMIT_PER_MIN', report?.plan?.own_sale);
  const columns = series.columns;
  const lately = progress?.lately;
  const last = over ? 'at the end' : 'now';
  const window = lately ? `last ${lately.window_sec} s` : 'last 5 s';
  return {
    title: titleOf(run.scenario),
    link: over || run.status === 'queued' ? state : (LINKS[link] ?? state),
    phase: phase(run, report),
    checks: checks(run, report),
    depth: latest(columns.queue_depth) ?? progress?.queue_depth ?? undefined,
    depthWindow: last,
    depthLine: columns.queue_depth,
    cap: frame?.waiting_room_cap ?? knob(report?.knobs, 'K6_WAITING_ROOM_CAP', report?.plan?.own_sale),
    admits: {
      value: over ? undefined : lately?.admitted_per_sec,
      window,
      rate: perSec === undefined ? undefined : perSec / 60,
      line: columns.admitted,
    },
    seats: seatsOf(series, frame?.total_seats ?? knob(report?.knobs, 'K6_TOTAL_SEATS', report?.plan?.own_sale)),
    rows: over ? totals(run) : lateRows(progress, window),
    fairness: fairness(run, report),
    generator: generator(run, report),
    events: events(run, series, report),
  };
}

const knob = (knobs: { name: string; value: string }[] | undefined, name: string, own: boolean | undefined) => {
  const found = own ? knobs?.find((one) => one.name === name)?.value : undefined;
  return found === undefined ? undefined : Number(found);
};

function phase(run: RunShown, report: Watched['report']): Phase | undefined {
  const shape = run.progress?.frame ?? report?.plan;
  if (!shape) return run.status === 'running' ? { name: 'preparing', atSec: undefined, parts: [] } : undefined;
  const part = (name: string, lengthMs: number) => ({ name, sec: lengthMs / 1_000 });
  const parts = [
    part('ramp up', shape.ramp_up_ms),
    part('steady', shape.steady_ms),
    part('ramp down', shape.ramp_down_ms),
  ];
  const over = run.finished_at !== null && run.finished_at !== undefined;
  const name = over ? 'over' : (run.progress?.phase ?? 'preparing');
  return { name, atSec: run.progress?.since_doors_sec ?? undefined, parts };
}

function checks(run: RunShown, report: Watched['report']): Row | undefined {
  const judged = report?.checks ?? (run.checks.length > 0 ? run.checks : undefined);
  if (judged) {
    const exercised = judged.filter((check) => check.verdict === 'pass' || check.verdict === 'fail');
    const holds = exercised.filter((check) => check.verdict === 'pass').length;
    const tone = holds === exercised.length ? 'pass' : 'fail';
    return { name: 'Invariants', value: `${holds} of ${exercised.length} hold`, tone };
  }
  const soFar = run.progress?.so_far?.filter((check) => check.checked > 0);
  if (!soFar || soFar.length === 0) return undefined;
  const holds = soFar.filter((check) => check.broken === 0).length;
  return {
    name: 'Checks so far',
    value: `${holds} of ${soFar.length} hold`,
    tone: holds === soFar.length ? 'pass' : 'fail',
  };
}

function seatsOf({ columns }: Series, total: number | undefined): Board['seats'] {
  const sold = latest(columns.tickets_sold);
  const [held, left] = [latest(columns.held_seats), latest(columns.available_seats)];
  if (sold === undefined || held === undefined || left === undefined) return undefined;
  return { sold, held, left, oversold: total === undefined ? 0 : Math.max(0, sold - total) };
}

function lateRows(progress: RunShown['progress'], window: string): Row[] {
  const lately = progress?.lately;
  const failed = lately?.failed_share;
  return [
    { name: 'Fans at work, now', value: shown(progress?.at_work) },
    { name: `Requests, ${window}`, value: lately ? `${shown(lately.requests_per_sec)}/s` : '–' },
    { name: `Errors, ${window}`, value: share(failed), ...(failed ? { tone: 'fail' as Tone, word: 'errors' } : {}) },
    { name: `p95, ${window}`, value: ms(lately?.response_p95_ms) },
  ];
}

function totals(run: RunShown): Row[] {
  const metric = (name: string) => run.metrics[name] ?? undefined;
  const failed = metric('http_req_failed_rate');
  return [
    { name: 'Requests, whole run', value: shown(metric('http_reqs')) },
    { name: 'Errors, whole run', value: share(failed), ...(failed ? { tone: 'fail' as Tone, word: 'errors' } : {}) },
    { name: 'p95, whole run', value: ms(metric('http_req_duration_p95_ms')) },
    { name: 'Buyers', value: shown(metric('unique_buyers')) },
  ];
}

/** Which checks say what, judged or so far. */
const FAIR: { name: string; id: string; soFar: string }[] = [
  { name: 'Inversions', id: 'Q1', soFar: 'joins in order' },
  { name: 'Duplicates', id: 'Q2', soFar: 'one fan a place' },
  { name: 'Lost places', id: 'Q4', soFar: 'places kept' },
];

function fairness(run: RunShown, report: Watched['report']): Row[] {
  const judged = report?.checks ?? run.checks;
  return FAIR.map(({ name, id, soFar }) => {
    const found = judged.filter((check) => check.id === id);
    const early = run.progress?.so_far?.find((check) => check.name === soFar);
    const known = found.length > 0 ? found.reduce((total, check) => total + check.violations, 0) : early?.broken;
    return { name, value: shown(known), ...(known ? { tone: 'fail' as Tone, word: 'broken' } : {}) };
  });
}

const LAG_LIMIT_MS = 50;
const CPU_LIMIT = 0.85;

function generator(run: RunShown, report: Watched['report']): Row[] {
  const told = run.progress?.generator;
  const lag = run.metrics['schedule_lag_p99_ms'] ?? told?.lag_p99_ms;
  const cpu = run.metrics['generator_cpu_share'] ?? told?.cpu_share ?? undefined;
  if (lag === undefined || lag === null) return [];
  const late = lag >= LAG_LIMIT_MS || (cpu ?? 0) >= CPU_LIMIT || (told?.errors ?? 0) > 0;
  const broken = report?.validity.some((row) => !row.holds && !row.advisory);
  const trouble = broken ?? late;
  return [
    { name: 'Generator', value: trouble ? 'in trouble' : 'keeps up', tone: trouble ? 'warn' : 'pass' },
    { name: 'Its own delay p99, whole run', value: ms(lag) },
    { name: 'Its share of a core', value: share(cpu ?? undefined) },
  ];
}

/** Of a sale that nobody rehearses now. `lately`: the looks that "now" is an average of; `history`: all, oldest first. */
export function boardOfSale(
  now: Dashboard,
  lately: Dashboard[],
  history: Dashboard[],
  link: 'live' | 'stale' | 'connecting',
): Board {
  const first = lately[0] ?? now;
  const sec = (Date.parse(now.timestamp) - Date.parse(first.timestamp)) / 1_000;
  const admitted = sec > 0 ? (now.admitted_count - first.admitted_count) / sec : undefined;
  const window = sec > 0 ? `last ${Math.round(sec)} s` : 'last 5 s';
  const line = history.map(
    (look, at) => look.admitted_count - (history[at - 1]?.admitted_count ?? look.admitted_count),
  );
  return {
    title: 'Demo sale',
    link: LINKS[link] ?? { word: link, tone: 'plain' },
    phase: { name: now.phase.replace('_', ' '), atSec: undefined, parts: [] },
    checks: undefined,
    depth: now.queue_depth,
    depthWindow: 'now',
    depthLine: history.map((look) => look.queue_depth),
    cap: now.waiting_room_cap,
    admits: { value: admitted, window, rate: now.admit_per_minute / 60, line },
    seats: {
      sold: now.tickets_sold,
      held: now.held_seats,
      left: now.available_seats,
      oversold: Math.max(0, now.tickets_sold - now.total_seats),
    },
    rows: [
      { name: 'Inside now', value: shown(now.inside) },
      { name: 'Requests, last second', value: `${shown(now.requests_per_sec_approx)}/s` },
      { name: 'Errors, since the start', value: `${shown(now.error_rate_pct, 1)} %` },
      { name: 'Last answer took', value: ms(now.last_latency_ms) },
    ],
    fairness: [],
    generator: [],
    events: [],
  };
}
