// Rates and lines are of what was seen: nothing is made up where nobody looked.
import { expect, test } from 'vitest';
import { KEPT_MS, kept, type Look, lineOf, niceMost, paceOf, rateLine, spanMinutes } from './pace';

const look = (sec: number, through: number): Look => ({ at: sec * 1_000, through, waiting: 100 - through, sold: 0 });
const each = (from: number, to: number, perSec: number): Look[] =>
  Array.from({ length: to - from + 1 }, (_, n) => look(from + n, n * perSec));

test('the pace is that of the last minute', () => {
  const slowThenFast = [...each(0, 60, 1), ...each(61, 121, 10)];
  expect(paceOf(slowThenFast)).toEqual({ perMinute: 600, overSec: 60 });
  expect(paceOf(each(0, 20, 2))).toEqual({ perMinute: 120, overSec: 20 });
});

test('the pace is not told before there is one', () => {
  expect(paceOf([])).toBeUndefined();
  expect(paceOf(each(0, 4, 5))).toBeUndefined();
  expect(paceOf(each(0, 5, 0))).toEqual({ perMinute: 0, overSec: 5 });
});

test('looks are kept for ten minutes, each moment once', () => {
  const looks = kept(each(0, 10, 1), look(10, 99));
  expect(looks).toHaveLength(11);
  expect(looks.at(-1)?.through).toBe(10);
  const later = kept(looks, look(5 + KEPT_MS / 1_000, 50));
  expect(later.map((one) => one.at / 1_000)).toEqual([6, 7, 8, 9, 10, 605]);
});

test('a line is broken where nobody looked', () => {
  const looks = [look(0, 0), look(1, 1), look(60, 30), look(61, 31)];
  expect(lineOf(looks, (one) => one.through).map((point) => point.value)).toEqual([0, 1, undefined, 30, 31]);
});

test('no rate is drawn across a gap', () => {
  const rates = rateLine([...each(0, 10, 1), ...each(100, 110, 2)]);
  expect(rates.map((point) => point.value?.toFixed())).toEqual([
    ...Array(5).fill(undefined),
    ...Array(6).fill('60'),
    ...Array(5).fill(undefined),
    ...Array(6).fill('120'),
  ]);
});

test('an axis ends at a round number', () => {
  expect([0, 1, 3, 12, 50, 51, 999, 1_001].map(niceMost)).toEqual([1, 1, 5, 20, 50, 100, 1_000, 2_000]);
});

test('a time axis holds what was seen, in whole minutes', () => {
  const after = (sec: number) => spanMinutes([{ at: 0 }, { at: sec * 1_000 }]);
  expect([after(0), after(120), after(121), after(599), after(9_999)]).toEqual([2, 2, 3, 10, 10]);
  expect(spanMinutes([])).toBe(2);
});
