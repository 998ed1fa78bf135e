// What a run was like second by second: from its runner while it lasts, from its report afterwards. A second that nobody told
// of is a gap, never zero.
import type { RunColumns } from '../shared/api';
import type { Report } from './report';

export const FIGURES = [
  'requests',
  'failed',
  'refused',
  'joined',
  'admitted',
  'response_p50_ms',
  'response_p95_ms',
  'response_p99_ms',
  'queue_depth',
  'called',
  'returning',
  'inside',
  'bought',
  'gone',
  'available_seats',
  'held_seats',
  'tickets_sold',
] as const;
export type Figure = (typeof FIGURES)[number];

/** What the server told of one sale; the rest is of the run's own requests, to all of its sales. */
const OF_SALE: readonly Figure[] = FIGURES.slice(8);

export type Value = number | null;
/** A column a figure; the index is the second from the doors on. */
export type Series = { length: number; columns: Record<Figure, Value[]> };

export function empty(): Series {
  return { length: 0, columns: Object.fromEntries(FIGURES.map((name) => [name, []])) as unknown as Series['columns'] };
}

/** What was known, and what the runner tells now. Seconds that were told before stay; what lies between is a gap. */
export function merged(known: Series, told: RunColumns): Series {
  const length = Math.max(known.length, told.from + told.requests.length);
  const columns = {} as Series['columns'];
  for (const name of FIGURES) {
    const column = padded(known.columns[name], length);
    const news: Value[] = told[name] ?? [];
    for (const [index, value] of news.entries()) column[told.from + index] = value;
    columns[name] = column;
  }
  return { length, columns };
}

const padded = (column: Value[], length: number): Value[] => [
  ...column,
  ...new Array<Value>(length - column.length).fill(null),
];

/** `sale`: which of the run's sales, from 0. */
export function ofReport(report: Report, sale = 0): Series {
  const length = report.series.reduce((most, point) => Math.max(most, point.second + 1), 0);
  const series = empty();
  series.length = length;
  for (const name of FIGURES) series.columns[name] = new Array<Value>(length).fill(null);
  const put = (points: Partial<Record<Figure | 'second', Value>>[], names: readonly Figure[]) => {
    for (const point of points) {
      const second = point.second ?? -1;
      if (second < 0 || second >= length) continue;
      for (const name of names) series.columns[name][second] = point[name] ?? null;
    }
  };
  put(report.series, FIGURES);
  if (sale > 0) {
    for (const name of OF_SALE) series.columns[name].fill(null);
    put(report.other_sales?.[sale - 1] ?? [], OF_SALE);
  }
  return series;
}

/** The last value that there is, and how many seconds ago it was told. */
export function latest(column: Value[]): number | undefined {
  for (let at = column.length - 1; at >= 0; at--) {
    const value = column[at];
    if (value !== null && value !== undefined) return value;
  }
  return undefined;
}

export function highest(column: Value[]): number | undefined {
  const known = column.filter((value) => value !== null);
  return known.length > 0 ? known.reduce((most, value) => Math.max(most, value)) : undefined;
}

export const sum = (column: Value[]): number => column.reduce<number>((total, value) => total + (value ?? 0), 0);

/** How many seconds at the front nobody told of: the page came late to a long run. */
export function missingAtFront(series: Series): number {
  const first = series.columns.requests.findIndex((value) => value !== null);
  return Math.max(0, first);
}
