// The arrangement of a hall: every seat has a place of its own, in order, in front of the stage.
import { describe, expect, test } from 'vitest';
import type { SeatFacts } from '../../shared/api';
import { blockNear, layOut, neighbour, seatNear } from './hall';
import { type SeatTable, seatTable } from './seats';

function hallOf(sections: { name: string; rows: number; seats: number }[]): SeatTable {
  const seats: SeatFacts[] = sections.flatMap(({ name, rows, seats }) =>
    Array.from({ length: rows * seats }, (_, at) => {
      const [row, num] = [Math.floor(at / seats) + 1, (at % seats) + 1];
      return { id: `${name}-${row}-${num}`, section: name, row, num, status: 'available', price: 100 };
    }),
  );
  return seatTable(seats);
}

const THEATRE = hallOf([
  { name: 'Front', rows: 4, seats: 12 },
  { name: 'Left', rows: 8, seats: 6 },
  { name: 'Right', rows: 8, seats: 6 },
]);

describe.each([
  ['a theatre', THEATRE],
  ['one seat', hallOf([{ name: 'A', rows: 1, seats: 1 }])],
  ['70,000 standing', hallOf([{ name: 'GA', rows: 1_400, seats: 50 }])],
  ['one endless row', hallOf([{ name: 'R', rows: 1, seats: 10_000 }])],
  ['a thousand sections', hallOf(Array.from({ length: 1_000 }, (_, at) => ({ name: `S${at}`, rows: 2, seats: 3 })))],
])('%s', (_, table) => {
  test.each([0.6, 1, 2])('has a place for every seat, for a screen of %d', (aspect) => {
    const hall = layOut(table, aspect);
    const places = new Set<number>();
    for (let seat = 0; seat < table.ids.length; seat++) {
      const [x, y] = [hall.x[seat] ?? -1, hall.y[seat] ?? -1];
      places.add(y * hall.width + x);
      if (seatNear(hall, x + 0.5, y + 0.5) !== seat) expect.fail(`seat ${seat} is not found where it is drawn`);
      if (y <= hall.stage.y + hall.stage.depth) expect.fail(`seat ${seat} is on the stage`);
    }
    expect(places.size).toBe(table.ids.length);
    const shape = hall.width / hall.depth;
    expect(shape).toBeGreaterThan(0.15);
    expect(shape).toBeLessThan(6);
  });
});

test('rows and seats stand in order, and blocks do not touch', () => {
  const hall = layOut(THEATRE, 1);
  const place = (id: string) => {
    const at = THEATRE.at.get(id) ?? -1;
    return { x: hall.x[at] ?? -1, y: hall.y[at] ?? -1 };
  };
  expect(place('Front-1-2')).toEqual({ x: place('Front-1-1').x + 1, y: place('Front-1-1').y });
  expect(place('Front-2-1')).toEqual({ x: place('Front-1-1').x, y: place('Front-1-1').y + 1 });
  for (const one of hall.blocks)
    for (const other of hall.blocks) {
      if (one === other) continue;
      const apart =
        one.x + one.width < other.x ||
        other.x + other.width < one.x ||
        one.y + one.depth < other.y ||
        other.y + other.depth < one.y;
      expect(apart).toBe(true);
    }
});

test('the cursor goes from seat to seat, across aisles, and stays at the edge', () => {
  const hall = layOut(THEATRE, 1);
  const at = (id: string) => THEATRE.at.get(id) ?? -1;
  expect(neighbour(hall, at('Front-1-1'), 1, 0)).toBe(at('Front-1-2'));
  expect(neighbour(hall, at('Front-1-5'), 0, 1)).toBe(at('Front-2-5'));
  expect(neighbour(hall, at('Front-1-1'), 0, -1)).toBe(at('Front-1-1'));
  const below = neighbour(hall, at('Front-4-3'), 0, 1);
  expect(THEATRE.ids[below]).toMatch(/^(Left|Right)-1-/);
});

test('a point between the seats is a section, and outside it is nothing', () => {
  const hall = layOut(THEATRE, 1);
  const [front] = hall.blocks;
  if (!front) throw new Error('no block');
  expect(blockNear(hall, front.x - 0.5, front.y - 0.5)).toBe(front);
  expect(blockNear(hall, 0, 0)).toBeUndefined();
  expect(seatNear(hall, -1, 5)).toBeUndefined();
});
