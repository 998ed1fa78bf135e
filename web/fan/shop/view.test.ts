// What part of the hall is in sight.
import { expect, test } from 'vitest';
import { pinched } from './gestures';
import { bounded, closeUp, overview, panned, SEATS_FROM, showing, zoomed } from './view';

const HALL = { width: 400, depth: 300 };
const PHONE = { width: 350, height: 400 };

test('the whole hall is in sight, in the middle', () => {
  const view = overview(HALL, PHONE);
  expect(view.scale * HALL.width).toBeCloseTo(350);
  expect(view.x).toBeCloseTo(0);
  expect(view.y + PHONE.height / view.scale / 2).toBeCloseTo(150);
});

test('zooming keeps the point under the finger', () => {
  const view = { x: 10, y: 20, scale: 2 };
  const near = zoomed(view, 3, 100, 50);
  expect(near.x + 100 / near.scale).toBeCloseTo(view.x + 100 / view.scale);
  expect(near.y + 50 / near.scale).toBeCloseTo(view.y + 50 / view.scale);
});

test('the hall cannot be lost, nor be made smaller than the screen', () => {
  expect(bounded({ x: -500, y: 9_000, scale: 10 }, HALL, PHONE)).toEqual({ x: 0, y: 300 - 40, scale: 10 });
  expect(bounded({ x: 0, y: 0, scale: 0.01 }, HALL, PHONE).scale).toBeCloseTo(overview(HALL, PHONE).scale);
  expect(bounded({ x: 0, y: 0, scale: 1_000 }, HALL, PHONE).scale).toBeLessThan(60);
});

test('a drag moves by what the finger moved', () => {
  expect(panned({ x: 50, y: 50, scale: 5 }, 10, -20)).toEqual({ x: 48, y: 54, scale: 5 });
});

test('two fingers that part by half zoom by half, around their middle', () => {
  const view = { x: 0, y: 0, scale: 2 };
  const after = pinched(view, { x: 100, y: 0 }, { x: 200, y: 0 }, { x: 0, y: 0 });
  expect(after.scale).toBeCloseTo(4);
});

test('a close-up is near enough to choose a seat', () => {
  const view = closeUp({ x: 100, y: 100, width: 200, depth: 100 }, PHONE);
  expect(view.scale).toBeGreaterThanOrEqual(SEATS_FROM * 2);
});

test('the cursor stays in sight, and the picture stands still while it does', () => {
  const view = { x: 0, y: 0, scale: 20 };
  expect(showing(view, 5, 5, PHONE)).toEqual(view);
  expect(showing(view, 30, 5, PHONE).x).toBeCloseTo(30 - 17.5 + 2);
  expect(showing({ ...view, x: 40 }, 30, 5, PHONE).x).toBe(29);
});
