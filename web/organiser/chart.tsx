// A small chart of the last minutes: from zero up, broken where nobody looked, with a limit where there is one.
import { number } from '../shared/format';
import { niceMost, type Point, spanMinutes } from './pace';
import { texts } from './texts';

const WIDTH = 300;
const HEIGHT = 80;

export function Chart({ name, points, limit }: { name: string; points: Point[]; limit?: number }) {
  const values = points.flatMap(({ value }) => (value === undefined ? [] : [value]));
  const shown = (value: number | undefined) => (value === undefined ? texts.none : number(Math.round(value)));
  const most = values.length > 0 ? Math.max(...values) : undefined;
  const now = points.at(-1)?.value;
  const top = niceMost(Math.max(most ?? 0, limit ?? 0));
  const end = points.at(-1)?.at ?? 0;
  const minutes = spanMinutes(points);
  const x = (at: number) => WIDTH - ((end - at) / (minutes * 60_000)) * WIDTH;
  const y = (value: number) => HEIGHT - (value / top) * HEIGHT;
  return (
    <figure class="chart">
      <figcaption>
        <span>{name}</span> <b class="num">{shown(now)}</b>
      </figcaption>
      {most === undefined ? (
        <p class="soft small nothing">{texts.sale.nothingYet}</p>
      ) : (
        <svg
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={texts.sale.chartSays(name, shown(now), shown(most))}
        >
          <line class="ground" x1="0" x2={WIDTH} y1={HEIGHT} y2={HEIGHT} />
          <path class="line" d={path(points, x, y)} />
          {limit !== undefined && <line class="limit" x1="0" x2={WIDTH} y1={y(limit)} y2={y(limit)} />}
        </svg>
      )}
      <div class="scale num" aria-hidden="true">
        <span>{texts.sale.ago(minutes)}</span>
        <span>{texts.sale.most(shown(most))}</span>
        <span>{texts.sale.now}</span>
      </div>
    </figure>
  );
}

/** A value after a break starts anew; one that stands alone is a dot as wide as the line. */
function path(points: Point[], x: (at: number) => number, y: (value: number) => number): string {
  let isBroken = true;
  const parts: string[] = [];
  for (const { at, value } of points) {
    if (value !== undefined) {
      const [left, top] = [x(at).toFixed(1), y(value).toFixed(1)];
      parts.push(isBroken ? `M${left} ${top}h0` : `L${left} ${top}`);
    }
    isBroken = value === undefined;
  }
  return parts.join('');
}
