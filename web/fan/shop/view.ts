// Which part of the hall is in sight, and how large: pure arithmetic, in pixels of the page and units of the hall.

/** `x`, `y`: the hall's point at the top left corner. `scale`: pixels a seat. */
export type View = { x: number; y: number; scale: number };
export type Size = { width: number; height: number };
type Hall = { width: number; depth: number };

/** From here on single seats are drawn, and a finger can hit one. */
export const SEATS_FROM = 9;
const LARGEST = 44;

/** All of it, in the middle. */
export function overview(hall: Hall, size: Size): View {
  const scale = Math.min(size.width / hall.width, size.height / hall.depth, LARGEST / 2);
  return { scale, x: (hall.width - size.width / scale) / 2, y: (hall.depth - size.height / scale) / 2 };
}

/** Never so far that nothing is in sight, nor smaller than all of it. */
export function bounded(view: View, hall: Hall, size: Size): View {
  const scale = Math.min(Math.max(view.scale, overview(hall, size).scale), LARGEST);
  const along = (at: number, whole: number, shown: number) =>
    shown >= whole ? (whole - shown) / 2 : Math.min(Math.max(at, 0), whole - shown);
  return {
    scale,
    x: along(view.x, hall.width, size.width / scale),
    y: along(view.y, hall.depth, size.height / scale),
  };
}

export const panned = (view: View, dx: number, dy: number): View => ({
  ...view,
  x: view.x - dx / view.scale,
  y: view.y - dy / view.scale,
});

/** Larger or smaller, while what is at this point of the page stays there. */
export function zoomed(view: View, factor: number, atX: number, atY: number): View {
  const scale = view.scale * factor;
  return { scale, x: view.x + atX / view.scale - atX / scale, y: view.y + atY / view.scale - atY / scale };
}

/** A part of the hall, large enough that its seats can be hit. */
export function closeUp(part: { x: number; y: number; width: number; depth: number }, size: Size): View {
  const whole = Math.min(size.width / (part.width + 4), size.height / (part.depth + 8));
  const scale = Math.max(whole, SEATS_FROM * 2);
  return {
    scale,
    x: part.x + part.width / 2 - size.width / scale / 2,
    y: whole >= scale ? part.y + part.depth / 2 - size.height / scale / 2 : part.y - 4,
  };
}

/** So that this seat is in sight, moving as little as needed. */
export function showing(view: View, x: number, y: number, size: Size): View {
  const along = (from: number, at: number, shown: number) =>
    at < from + 1 ? at - 1 : at > from + shown - 2 ? at - shown + 2 : from;
  return {
    ...view,
    x: along(view.x, x, size.width / view.scale),
    y: along(view.y, y, size.height / view.scale),
  };
}
