// Start is off only with a reason in words; what is merely doubtful is said and does not stop anybody.
import { expect, test } from 'vitest';
import type { DemoConfig, RunList } from '../shared/api';
import { preflight, reason } from './preflight';

const config = { max_concurrent: 1, max_queue: 3 } as DemoConfig;
const ready = { ready: true, phase: undefined };
const list = (change: Partial<RunList> = {}): RunList => ({
  runs: [],
  scenarios: [],
  next_after: null,
  running: [],
  waiting: 0,
  runner: { name: 'beside', heard_ms_ago: 400, open_files: 20_000, cores: 2, cpu_idle: 0.9 },
  ...change,
});
const states = (points: ReturnType<typeof preflight>) =>
  Object.fromEntries(points.map((point) => [point.name, point.state]));

test('everything is there', () => {
  const points = preflight(ready, list(), config, 500);
  expect(states(points)).toEqual({ Server: 'ok', Runner: 'ok', 'Open files': 'ok', CPU: 'ok', Queue: 'ok' });
  expect(reason(points, [])).toBeUndefined();
});

test('a full queue and a server that is not ready stop it, and say so', () => {
  const full = preflight(ready, list({ running: ['r'], waiting: 3 }), config, 500);
  expect(reason(full, [])).toBe('Queue: full: 1 under way, 3 waiting.');
  const away = preflight({ ready: false, phase: undefined }, list(), config, 500);
  expect(reason(away, [])).toMatch(/^Server: not ready/);
  expect(reason(away, ['Seats'])).toBe('Seats needs another value.');
});

test('a silent runner, few files and a busy machine are said and do not stop it', () => {
  const runner = { name: 'r', heard_ms_ago: 12_000, open_files: 600, cores: 2, cpu_idle: 0.1 };
  const points = preflight(ready, list({ runner }), config, 500);
  expect(states(points)).toMatchObject({ Runner: 'warning', 'Open files': 'warning', CPU: 'warning' });
  expect(reason(points, [])).toBeUndefined();
  const none = preflight(ready, list({ runner: null }), config, 500);
  expect(states(none)).toEqual({ Server: 'ok', Runner: 'warning', Queue: 'ok' });
});

test('how many are before it is told', () => {
  const says = (running: string[], waiting: number) =>
    preflight(ready, list({ running, waiting }), config, 1).find((point) => point.name === 'Queue')?.says;
  expect(says([], 0)).toBe('empty: it begins at once');
  expect(says(['r'], 0)).toBe('1 before it: it waits its turn');
  expect(says(['r'], 2)).toBe('3 before it: it waits its turn');
});
