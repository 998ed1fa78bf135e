// The script reads an answer as the server does: crates/server/src/routes/fan_pages/view.rs is held to the same table.
import { expect, test } from 'vitest';
import cases from './cases.json';
import { type Answer, BANDS, CHANCES, chanceOf, clock, STATES, stateOf, WAITS, waitOf } from './view';

const range = (sec: number[] | null) => sec as [number, number] | null;

test('every state and phase shows one thing', () => {
  for (const { state, phase, range: sec, shows } of cases.states) {
    const answer = { state, phase, estimated_wait_range_sec: range(sec) } as Answer;
    expect(stateOf(answer), `${state} ${phase}`).toBe(shows);
    expect(STATES).toContain(shows);
  }
});

test('an estimate is given in the unit that people would use, never narrower than it is', () => {
  for (const { range: sec, shows } of cases.waits) {
    expect(waitOf(range(sec)), `${sec}`).toEqual(shows);
    expect(['', ...WAITS]).toContain(shows[0]);
  }
});

test('what is left for a place is what those ahead may leave', () => {
  for (const { at_least, ahead, cap, shows } of cases.chances) {
    expect(chanceOf(at_least, ahead, cap), `${at_least} ${ahead}`).toBe(shows);
    expect(CHANCES).toContain(shows);
  }
  expect(BANDS).toHaveLength(4);
});

test('time runs down to nothing and not below', () => {
  expect([61_000, 600_000, 1, 0, -5_000].map(clock)).toEqual(['1:01', '10:00', '0:01', '0:00', '0:00']);
  expect(clock(3_729_000)).toBe('1:02:09');
});
