// Details of acts are read by people: no braces where a name and a value will do.
import { expect, test } from 'vitest';
import { detailsOf } from './details';

test('a change is told with an arrow, and what is nothing is left out', () => {
  const details = { admit_per_minute: { from: 600, to: 1200 }, reason: 'a long line', note: null };
  expect(detailsOf(details)).toEqual([
    { name: 'admit per minute', value: '600 → 1,200' },
    { name: 'reason', value: 'a long line' },
  ]);
});

test('members of members keep their path', () => {
  expect(detailsOf({ changed: { max_active: { from: null, to: 5 } }, seats: ['A-1-1', 'A-1-2'], done: true })).toEqual([
    { name: 'changed · max active', value: '– → 5' },
    { name: 'seats', value: 'A-1-1, A-1-2' },
    { name: 'done', value: 'true' },
  ]);
});

test('what is no object is shown as it is', () => {
  expect(detailsOf('put here by hand')).toEqual([{ name: 'details', value: 'put here by hand' }]);
  expect(detailsOf(null)).toEqual([]);
  const tickets = [
    { seat: 'A-1-1', id: 't1' },
    { seat: 'A-1-2', id: 't2' },
  ];
  expect(detailsOf({ tickets })).toEqual([{ name: 'tickets', value: 'A-1-1 t1, A-1-2 t2' }]);
});

test('an amount is told in its currency', () => {
  expect(detailsOf({ refund: 900_000, currency: 'INR' })).toEqual([{ name: 'refund', value: '₹9,000' }]);
  expect(detailsOf({ currency: 'INR' })).toEqual([{ name: 'currency', value: 'INR' }]);
});
