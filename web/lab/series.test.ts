// Zero is zero, a second that nobody told of is a gap, and a page that comes late says what it lacks.
import { expect, test } from 'vitest';
import type { RunColumns } from '../shared/api';
import { timeLimits } from './charts';
import type { Report } from './report';
import { empty, FIGURES, highest, latest, merged, missingAtFront, ofReport, sum } from './series';
import { path } from './sparkline';

function told(from: number, requests: number[], depth: (number | null)[]): RunColumns {
  const none = requests.map(() => 0);
  const columns = Object.fromEntries(FIGURES.map((name) => [name, none])) as Record<(typeof FIGURES)[number], number[]>;
  return { ...columns, from, requests, queue_depth: depth };
}

test('seconds told again are taken as they are now, and earlier ones stay', () => {
  const first = merged(empty(), told(0, [5, 6, 7], [1, null, 3]));
  const then = merged(first, told(1, [6, 7, 0], [2, 3, 0]));
  expect(then.columns.requests).toEqual([5, 6, 7, 0]);
  expect(then.columns.queue_depth).toEqual([1, 2, 3, 0]);
  expect(latest(then.columns.queue_depth)).toBe(0);
});

test('what lies between is a gap and not zero', () => {
  const late = merged(empty(), told(3, [9], [null]));
  expect(late.columns.requests).toEqual([null, null, null, 9]);
  expect(missingAtFront(late)).toBe(3);
  expect(highest(late.columns.queue_depth)).toBeUndefined();
  expect(latest(late.columns.queue_depth)).toBeUndefined();
  expect(sum(late.columns.requests)).toBe(9);
});

test('a line is lifted over a gap, and zero is on the ground', () => {
  const drawn = path(
    [0, 4, null, 2],
    (index) => index,
    (value) => value,
  );
  expect(drawn).toBe('M0.0 0.0L1.0 4.0M3.0 2.0h1');
});

test('of another sale its own figures are shown, and the requests of all', () => {
  const report = {
    series: [
      { second: 0, requests: 3, queue_depth: 7 },
      { second: 1, requests: 4 },
    ],
    other_sales: [[{ second: 1, queue_depth: 9 }]],
  } as unknown as Report;
  expect(ofReport(report).columns.queue_depth).toEqual([7, null]);
  expect(ofReport(report, 1).columns.queue_depth).toEqual([null, 9]);
  expect(ofReport(report, 1).columns.requests).toEqual([3, 4]);
});

test('limits of times are drawn once each, ratios and populations are left to the table', () => {
  const limits = timeLimits([
    'join p99 < 500ms min_samples=30',
    'status p99 < 500ms',
    'checkout p99 < 1s',
    'join{population:b} p99 < 2s',
    'join p99 <= 1.25x join or 500ms',
    'http_req_failed rate < 1%',
  ]);
  expect(limits).toEqual([
    { at: 500, name: 'join p99, status p99: 500 ms' },
    { at: 1_000, name: 'checkout p99: 1,000 ms' },
  ]);
});
