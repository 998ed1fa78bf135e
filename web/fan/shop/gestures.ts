// Pointer, pinch and wheel on the map: what moves it, and what is a tap.
import { panned, type View, zoomed } from './view';

/** A finger that moved less than this far has tapped. */
const TAP_PX = 8;
const WHEEL = 0.0016;

type Point = { x: number; y: number };

export type Target = {
  view: () => View;
  move: (view: View) => void;
  tap: (x: number, y: number) => void;
  hover: (at: Point | undefined) => void;
};

const middle = (a: Point, b: Point): Point => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
const apart = (a: Point, b: Point): number => Math.max(1, Math.hypot(a.x - b.x, a.y - b.y));

/** Listens until the returned function is called. */
export function listen(canvas: HTMLCanvasElement, target: Target): () => void {
  const down = new Map<number, Point>();
  let travelled = 0;
  const at = (event: PointerEvent | WheelEvent): Point => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const pointerdown = (event: PointerEvent) => {
    canvas.setPointerCapture(event.pointerId);
    if (down.size === 0) travelled = 0;
    down.set(event.pointerId, at(event));
  };
  const pointermove = (event: PointerEvent) => {
    const from = down.get(event.pointerId);
    const to = at(event);
    if (!from) return target.hover(to);
    travelled += Math.hypot(to.x - from.x, to.y - from.y);
    const other = [...down].find(([id]) => id !== event.pointerId)?.[1];
    down.set(event.pointerId, to);
    if (other) target.move(pinched(target.view(), from, to, other));
    else if (travelled > TAP_PX) target.move(panned(target.view(), to.x - from.x, to.y - from.y));
  };
  const pointerup = (event: PointerEvent) => {
    const from = down.get(event.pointerId);
    down.delete(event.pointerId);
    if (from && down.size === 0 && travelled <= TAP_PX) target.tap(from.x, from.y);
  };
  const gone = (event: PointerEvent) => {
    down.delete(event.pointerId);
    target.hover(undefined);
  };
  const wheel = (event: WheelEvent) => {
    event.preventDefault();
    const { x, y } = at(event);
    target.move(zoomed(target.view(), Math.exp(-event.deltaY * WHEEL), x, y));
  };
  const stop = new AbortController();
  const { signal } = stop;
  canvas.addEventListener('pointerdown', pointerdown, { signal });
  canvas.addEventListener('pointermove', pointermove, { signal });
  canvas.addEventListener('pointerup', pointerup, { signal });
  canvas.addEventListener('pointercancel', gone, { signal });
  canvas.addEventListener('pointerleave', gone, { signal });
  canvas.addEventListener('wheel', wheel, { signal, passive: false });
  return () => stop.abort();
}

/** Two fingers move and stretch what is between them. */
export function pinched(view: View, from: Point, to: Point, other: Point): View {
  const before = middle(from, other);
  const after = middle(to, other);
  const moved = panned(view, after.x - before.x, after.y - before.y);
  return zoomed(moved, apart(to, other) / apart(from, other), after.x, after.y);
}
