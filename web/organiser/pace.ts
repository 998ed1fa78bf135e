// Looks at a sale over time: how fast people were called lately, and lines to draw, with gaps where nobody looked.

/** One look; `at` by the server's clock, in milliseconds. */
export type Look = { at: number; through: number; waiting: number; sold: number };

export const KEPT_MS = 600_000;
const MINUTE_MS = 60_000;
/** Below this a rate would be noise. */
const LEAST_MS = 5_000;
/** Looks further apart than this have a gap between them. A hidden page looks every 10 s. */
const GAP_MS = 25_000;
/** A point of the line of rates is over this long. */
const RATE_OVER_MS = 15_000;

/** With a new look; the same moment again, or an earlier one, adds nothing. */
export function kept(looks: readonly Look[], look: Look): Look[] {
  const last = looks.at(-1);
  if (last && look.at <= last.at) return [...looks];
  return [...looks.filter((one) => one.at > look.at - KEPT_MS), look];
}

export type Pace = { perMinute: number; overSec: number };

/** Called a minute, over the last minute or as much of it as was watched; none before that says anything. */
export function paceOf(looks: readonly Look[]): Pace | undefined {
  const last = looks.at(-1);
  if (!last) return undefined;
  const first = looks.find((one) => one.at >= last.at - MINUTE_MS);
  if (!first || last.at - first.at < LEAST_MS) return undefined;
  const ms = last.at - first.at;
  return { perMinute: ((last.through - first.through) * MINUTE_MS) / ms, overSec: Math.round(ms / 1_000) };
}

/** A point to draw; no value: the line is broken here. */
export type Point = { at: number; value: number | undefined };

export const lineOf = (looks: readonly Look[], value: (look: Look) => number): Point[] =>
  looks.flatMap((look, index) => {
    const before = looks[index - 1];
    const point = { at: look.at, value: value(look) };
    return before && look.at - before.at > GAP_MS ? [{ at: before.at + 1, value: undefined }, point] : [point];
  });

/** Called a minute at each look, over the seconds before it. Nothing is drawn across a gap. */
export function rateLine(looks: readonly Look[]): Point[] {
  let from = 0;
  return looks.map((look, index) => {
    const before = looks[index - 1];
    if (before && look.at - before.at > GAP_MS) from = index;
    while (from < index && (looks[from]?.at ?? 0) < look.at - RATE_OVER_MS) from++;
    const first = looks[from];
    const ms = first ? look.at - first.at : 0;
    if (!first || ms < LEAST_MS) return { at: look.at, value: undefined };
    return { at: look.at, value: ((look.through - first.through) * MINUTE_MS) / ms };
  });
}

/** Whole minutes that hold every point: 2 at least, so that the first seconds are no steep line, and no more than are kept. */
export function spanMinutes(points: readonly { at: number }[]): number {
  const ms = (points.at(-1)?.at ?? 0) - (points[0]?.at ?? 0);
  return Math.min(KEPT_MS / MINUTE_MS, Math.max(2, Math.ceil(ms / MINUTE_MS)));
}

/** 1, 2 or 5 times a power of ten, not below the value. */
export function niceMost(value: number): number {
  if (value <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}
