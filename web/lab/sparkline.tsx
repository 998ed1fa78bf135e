// A line over the last seconds, without axes: its figure stands beside it. Zero is on the ground; a gap is a gap.
import type { Value } from './series';

const WIDTH = 280;
const HEIGHT = 44;
const SHOWN_SEC = 120;

export function Sparkline({ values, limit, label }: { values: Value[]; limit?: number | undefined; label: string }) {
  const told = values.slice(-SHOWN_SEC);
  const most = Math.max(1, limit ?? 0, ...told.map((value) => value ?? 0));
  const x = (index: number) => (told.length > 1 ? (index / (told.length - 1)) * WIDTH : 0);
  const y = (value: number) => HEIGHT - 2 - (value / most) * (HEIGHT - 6);
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      {limit !== undefined && <path class="spark-limit" d={`M0 ${y(limit)}H${WIDTH}`} />}
      <path class="spark-line" d={path(told, x, y)} />
    </svg>
  );
}

/** A pen that is lifted over gaps. */
export function path(values: Value[], x: (index: number) => number, y: (value: number) => number): string {
  let down = false;
  const strokes: string[] = [];
  for (const [index, value] of values.entries()) {
    if (value === null) {
      down = false;
      continue;
    }
    strokes.push(`${down ? 'L' : 'M'}${x(index).toFixed(1)} ${y(value).toFixed(1)}`);
    // A lonely second is a point.
    if (!down && (values[index + 1] ?? null) === null) strokes.push('h1');
    down = true;
  }
  return strokes.join('');
}
