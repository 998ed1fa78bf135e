// Keys stay the same for the same wish until its answer is definite; repeats stop there, too.
import { beforeEach, expect, test } from 'vitest';
import type { Answer, Problem } from '../../shared/api';
import { keyFor, openWish, settled } from './keys';
import { isDefinite, repeated } from './repeat';

const kept = new Map<string, string>();
const store = {
  getItem: (name: string) => kept.get(name) ?? null,
  setItem: (name: string, value: string) => void kept.set(name, value),
  removeItem: (name: string) => void kept.delete(name),
};
let made = 0;
const fresh = () => `key-${made++}`;
const key = (wish: unknown, purpose = 'hold:1') =>
  keyFor(store, purpose, wish, fresh as () => ReturnType<Crypto['randomUUID']>);

beforeEach(() => {
  kept.clear();
  made = 0;
});

test('the same wish has the same key until it is settled', () => {
  expect(key({ seats: ['A'] })).toBe('key-0');
  expect(key({ seats: ['A'] })).toBe('key-0');
  settled(store, 'hold:1');
  expect(key({ seats: ['A'] })).toBe('key-1');
});

test('another wish, or one for something else, has a key of its own', () => {
  expect(key({ seats: ['A'] })).toBe('key-0');
  expect(key({ seats: ['B'] })).toBe('key-1');
  expect(key({ seats: ['B'] }, 'checkout:1')).toBe('key-2');
  expect(key({ seats: ['B'] })).toBe('key-1');
});

test('what has no answer yet can be sent again, as it was', () => {
  expect(openWish(store, 'checkout:1')).toBeUndefined();
  key({ names: ['Asha'] }, 'checkout:1');
  expect(openWish(store, 'checkout:1')).toEqual({ names: ['Asha'] });
  kept.set('traffic:checkout:1', 'not JSON');
  expect(openWish(store, 'checkout:1')).toBeUndefined();
});

const no = (code: string, retryAfterSec?: number): Answer<string> => {
  const problem = { code, message: code } as Problem;
  return retryAfterSec === undefined
    ? { ok: false, problem, status: 503 }
    : { ok: false, problem, status: 503, retryAfterSec };
};
const yes: Answer<string> = { ok: true, value: 'done', status: 200 };
const lost: Answer<string> = { ok: false, unreachable: true };

test('a refusal is definite, and what nobody knows is not', () => {
  expect([yes, no('unavailable'), no('payment_declined'), no('rate_limited')].map(isDefinite)).toEqual([
    true,
    true,
    true,
    true,
  ]);
  expect([lost, no('outcome_unknown'), no('overloaded'), no('http_502'), no('draining')].map(isDefinite)).toEqual(
    Array(5).fill(false),
  );
});

async function asked(answers: Answer<string>[]): Promise<{ answer: Answer<string>; asked: number; waits: number[] }> {
  const waits: number[] = [];
  let count = 0;
  const ask = async () => answers[Math.min(count++, answers.length - 1)] ?? lost;
  const answer = await repeated(ask, undefined, async (ms) => void waits.push(ms));
  return { answer, asked: count, waits };
}

test('it is asked again until the answer is definite', async () => {
  expect(await asked([lost, no('outcome_unknown'), yes])).toMatchObject({ answer: yes, asked: 3 });
  expect(await asked([no('unavailable'), yes])).toMatchObject({ asked: 1 });
});

test('it stops after some tries, waits longer each time, and as long as the server says', async () => {
  const { answer, asked: count, waits } = await asked([lost]);
  expect([answer, count]).toEqual([lost, 5]);
  expect(waits).toEqual([...waits].sort((a, b) => a - b));
  expect((await asked([no('overloaded', 7), yes])).waits).toEqual([7_000]);
});
