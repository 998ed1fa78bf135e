// What is asked for, what is wrong with it, and what it looks like before it runs.
import { describe, expect, test } from 'vitest';
import type { DemoConfig } from '../shared/api';
import { body, curve, estimate, lengthMs, simLine, usual, type Wish, wrong } from './wish';

const config: DemoConfig = {
  demo_key_required: false,
  max_vus: 1_000,
  max_queue: 3,
  max_concurrent: 1,
  max_steady: '600s',
  default_vus: 500,
  defaults: {
    ramp_up_ms: 10_000,
    steady_ms: 30_000,
    ramp_down_ms: 10_000,
    admit_per_minute: 6_000,
    waiting_room_cap: 100_000,
    total_seats: 500,
    seed: 1,
  },
};
const wish = (change: Partial<Wish> = {}): Wish => ({ ...usual(config, 'launch_spike'), ...change });

describe('lengths', () => {
  test.each([
    ['10', 10_000],
    ['10s', 10_000],
    ['1500ms', 1_500],
    ['2m', 120_000],
    [' 3 s', 3_000],
    ['', undefined],
    ['1.5', undefined],
    ['-1', undefined],
    ['many', undefined],
  ])('%s', (text, ms) => expect(lengthMs(text)).toBe(ms));
});

describe('what is wrong', () => {
  test('nothing, with what the server runs by itself', () => expect(wrong(wish(), config)).toEqual({}));
  test('each field is named, at its limit and one above', () => {
    expect(wrong(wish({ vus: '1000' }), config)).toEqual({});
    expect(Object.keys(wrong(wish({ vus: '1001', seats: '0', steady: '601', seed: '-1' }), config)).sort()).toEqual([
      'seats',
      'seed',
      'steady',
      'vus',
    ]);
  });
  test('a sale that is there has its own terms', () => {
    expect(wrong(wish({ sale: 'x', seats: '', cap: '', admitPerMinute: '' }), config)).toEqual({});
    expect(body(wish({ sale: ' x ' }))).not.toHaveProperty('total_seats');
    expect(body(wish({ sale: ' x ' })).sale_id).toBe('x');
  });
});

describe('the line for a terminal', () => {
  test('names what is not as usual', () => {
    expect(simLine(wish(), config)).toBe('make sim SCENARIO=launch_spike');
    expect(simLine(wish({ vus: '200', steady: '1500ms', rampUp: '10s' }), config)).toBe(
      'make sim SCENARIO=launch_spike K6_VUS_MAX=200 K6_STEADY=1500ms',
    );
    expect(simLine(wish({ sale: 'abc', seats: '7' }), config)).toBe('make sim SCENARIO=launch_spike SALE_ID=abc');
  });
});

describe('before it runs', () => {
  test('the curve of a launch is steep at first, that of others is not', () => {
    expect(curve(wish())).toEqual([
      [0, 0],
      [2, expect.closeTo(0.84)],
      [10, 1],
      [40, 1],
      [50, 0],
    ]);
    expect(curve(wish({ scenario: 'late_surge' }))).toHaveLength(4);
  });
  test('the estimate follows the fields', () => {
    expect(estimate(wish())).toMatchObject({ durationSec: 53, arrivalsPerSec: 200 });
    expect(estimate(wish({ scenario: 'late_surge' })).arrivalsPerSec).toBe(50);
    const slow = estimate(wish({ admitPerMinute: '60' })).requests;
    expect(slow).toBeGreaterThan(estimate(wish()).requests);
  });
});
