// What is wrong with a sale is told by the server's names of the fields, and what is right becomes what is sent.
import { describe, expect, test } from 'vitest';
import { type Draft, emptyDraft, minorUnits, minutesFor, planOf, wholeNumber } from './draft';

function good(change: (draft: Draft) => void = () => {}): Draft {
  const draft = emptyDraft('America/New_York');
  draft.name = ' Coldstar, Night One ';
  draft.venue = 'Hall 4';
  draft.starts_at.wall = '2027-11-20T20:00';
  draft.opens_at.wall = '2027-11-06T10:00';
  draft.ends_at.wall = '2027-11-19T10:00';
  draft.seating = [
    { section: 'Floor', rows: '10', seats: '20', price: '120' },
    { section: 'Upper', rows: '5', seats: '30', price: '49.50' },
  ];
  change(draft);
  return draft;
}

const wrongIn = (change: (draft: Draft) => void) => planOf(good(change)).wrong;

describe('a draft', () => {
  test('becomes an event and a sale', () => {
    const plan = planOf(good());
    expect(plan.wrong).toEqual({});
    expect(plan.event).toEqual({ name: 'Coldstar, Night One', venue: 'Hall 4', starts_at: '2027-11-21T01:00:00.000Z' });
    expect(plan.sale).toMatchObject({
      opens_at: '2027-11-06T14:00:00.000Z',
      ends_at: '2027-11-19T15:00:00.000Z',
      admit_per_minute: 600,
      currency: 'USD',
      seating: [
        { section: 'Floor', rows: 10, seats_per_row: 20, price: 12_000 },
        { section: 'Upper', rows: 5, seats_per_row: 30, price: 4_950 },
      ],
    });
    expect([plan.seats, plan.worth]).toEqual([350, 200 * 12_000 + 150 * 4_950]);
  });

  test('without a seat plan has a number of seats and a price', () => {
    const plan = planOf(
      good((draft) => {
        Object.assign(draft, { by_sections: false, total_seats: '70,000', price: '2500', currency: 'JPY' });
      }),
    );
    expect(plan.wrong).toEqual({});
    expect(plan.sale).toMatchObject({ total_seats: 70_000, price: 2_500 });
    expect('seating' in plan.sale).toBe(false);
  });

  test('of an event that exists asks nothing about the event', () => {
    expect(wrongIn((draft) => Object.assign(draft, { event_id: 'e', name: '', venue: '' }))).toEqual({});
  });

  test('names every field that is wrong', () => {
    const wrong = wrongIn((draft) => {
      draft.name = '';
      draft.venue = 'v'.repeat(201);
      draft.ends_at.wall = draft.opens_at.wall;
      draft.numbers.admit_per_minute = '-1';
      draft.numbers.max_tickets_per_user = '51';
      draft.seating = [
        { section: 'A-1', rows: '0', seats: '1', price: '1' },
        { section: 'B', rows: '1', seats: '1', price: '1.005' },
        { section: 'B', rows: '1', seats: 'x', price: '' },
      ];
    });
    expect(Object.keys(wrong).sort()).toEqual(
      [
        'admit_per_minute',
        'ends_at',
        'max_tickets_per_user',
        'name',
        'seating[0].rows',
        'seating[0].section',
        'seating[1].price',
        'seating[2].price',
        'seating[2].seats_per_row',
        'seating[2].section',
        'venue',
      ].sort(),
    );
  });

  test('has a hall of 200,000 seats at most', () => {
    const sized = (rows: string) =>
      wrongIn((draft) => {
        draft.seating = [{ section: 'A', rows, seats: '1000', price: '1' }];
      });
    expect(sized('200')).toEqual({});
    expect(sized('201')['seating']).toContain('201,000');
  });

  test('refuses an hour that does not exist, and takes either of an hour that comes twice', () => {
    const opens = (wall: string, second = false) =>
      planOf(
        good((draft) => {
          draft.opens_at = { wall, second };
          draft.ends_at.wall = '2028-01-01T00:00';
        }),
      );
    const gap = opens('2027-03-14T02:30').wrong['opens_at'];
    expect(gap).toContain('02:30 does not exist');
    expect(gap).toContain('from 02:00 straight to 03:00');
    expect(opens('2027-11-07T01:30').sale.opens_at).toBe('2027-11-07T05:30:00.000Z');
    expect(opens('2027-11-07T01:30', true).sale.opens_at).toBe('2027-11-07T06:30:00.000Z');
  });
});

test('a number is digits, with or without thousands', () => {
  expect(['12', ' 1,000 ', '1 000 000', '0'].map(wholeNumber)).toEqual([12, 1_000, 1_000_000, 0]);
  expect(['', '-1', '1.5', '1,00', '1e3', '٣'].map(wholeNumber)).toEqual(Array(6).fill(undefined));
});

test('an amount is kept in minor units of its currency', () => {
  expect(minorUnits('49.5', 'USD')).toBe(4_950);
  expect(minorUnits('1,250', 'INR')).toBe(125_000);
  expect(minorUnits('800', 'JPY')).toBe(800);
  expect(minorUnits('1.125', 'KWD')).toBe(1_125);
  expect(minorUnits('0', 'USD')).toBe(0);
  for (const text of ['', '-1', '1.505', '1,5', 'ten', '1.']) expect(minorUnits(text, 'USD')).toBeUndefined();
  expect(minorUnits('8.5', 'JPY')).toBeUndefined();
});

test('a line is through after as many minutes as the rate needs', () => {
  expect([minutesFor(10_000, 600), minutesFor(0, 600), minutesFor(1, 600)]).toEqual([17, 0, 1]);
  expect(minutesFor(10, 0)).toBeUndefined();
});
