// One chart over the seconds of a run: phases shaded, limits drawn, gaps left open; with a summary in a line and all figures in
// a table for whoever cannot or will not read a picture.
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { countdown, number } from '../shared/format';
import type { Value } from './series';

export type Line = { name: string; colour: string; values: Value[]; axis?: 'right'; area?: boolean };
export type Limit = { at: number; name: string; axis?: 'right' };
export type Phases = { name: string; fromSec: number; toSec: number }[];

type Props = {
  title: string;
  summary: string;
  unit: string;
  lines: Line[];
  limits?: Limit[];
  phases: Phases;
  length: number;
  logarithmic?: boolean;
};

const HEIGHT = 200;
// Below this nothing is told apart any more.
const LOG_LEAST = 0.5;

export function Chart(props: Props) {
  const { title, summary, lines, length } = props;
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const drawn = useRef(props);
  drawn.current = props;
  const names = lines.map((line) => line.name).join();

  useEffect(() => {
    const at = place.current;
    if (!at) return;
    const make = () => {
      plot.current?.destroy();
      plot.current = new uPlot(options(drawn, at.clientWidth), data(drawn.current), at);
    };
    make();
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: at.clientWidth, height: HEIGHT }));
    resized.observe(at);
    const dark = window.matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', make);
    return () => {
      resized.disconnect();
      dark.removeEventListener('change', make);
      plot.current?.destroy();
    };
  }, [names]);

  useEffect(() => plot.current?.setData(data(props)));

  return (
    <figure class="card chart">
      <figcaption>
        <h3>{title}</h3>
        <p class="small soft">{summary}</p>
      </figcaption>
      <ul class="legend small">
        {lines.map((line) => (
          <li key={line.name}>
            <i class={line.colour} aria-hidden="true" />
            {line.name}
          </li>
        ))}
      </ul>
      {length === 0 && <p class="chart-empty soft">The first second is not over yet.</p>}
      <div ref={place} class="plot" aria-hidden="true" hidden={length === 0} />
      <Table {...props} />
    </figure>
  );
}

function Table({ title, lines, length }: Props) {
  const [open, setOpen] = useState(false);
  return (
    <details class="chart-table" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>As a table</summary>
      {open && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        <section class="scroll-table" tabIndex={0} aria-label={`${title}, second by second`}>
          <table>
            <thead>
              <tr>
                <th class="n">Second</th>
                {lines.map((line) => (
                  <th class="n" key={line.name}>
                    {line.name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {Array.from({ length }, (_, second) => (
                <tr key={second}>
                  <td class="n">{countdown(second * 1_000)}</td>
                  {lines.map((line) => (
                    <td class="n" key={line.name}>
                      {cell(line.values[second])}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </details>
  );
}

const cell = (value: Value | undefined): string =>
  value === null || value === undefined ? '–' : number(value, 'en', Number.isInteger(value) ? 0 : 1);

function data({ lines, length, logarithmic }: Props): uPlot.AlignedData {
  const seconds = Array.from({ length }, (_, second) => second);
  const column = ({ values }: Line) =>
    seconds.map((second) => {
      const value = values[second] ?? null;
      return logarithmic && value !== null ? Math.max(LOG_LEAST, value) : value;
    });
  return [seconds, ...lines.map(column)];
}

type Current = { current: Props };

function options(drawn: Current, width: number): uPlot.Options {
  const { lines, logarithmic } = drawn.current;
  const right = lines.some((line) => line.axis === 'right');
  const ink = token('--ink-3');
  const grid = { stroke: token('--line'), width: 1 };
  const axis = { stroke: ink, grid, ticks: { show: false }, font: '11px system-ui, sans-serif' };
  const most = (of: 'left' | 'right') => (_: uPlot, __: number, max: number | null) =>
    range(drawn.current, of, max ?? 0, logarithmic ?? false);
  return {
    width,
    height: HEIGHT,
    padding: [12, right ? 4 : 12, 0, 0],
    cursor: { show: false },
    legend: { show: false },
    scales: {
      x: { time: false, range: (_, __, max) => [0, Math.max(max, end(drawn.current.phases), 1)] },
      y: { distr: logarithmic ? 3 : 1, range: most('left') },
      right: { range: most('right') },
    },
    axes: [
      { ...axis, values: (_, seconds) => seconds.map((sec) => countdown(sec * 1_000)), size: 28, space: 60 },
      { ...axis, size: 52, values: shorts, ...(logarithmic ? { splits: tens } : {}) },
      ...(right
        ? [{ ...axis, scale: 'right', side: 1 as const, grid: { show: false }, size: 44, values: shorts }]
        : []),
    ],
    series: [{}, ...lines.map(stroke)],
    hooks: { drawClear: [(plot) => shade(plot, drawn.current)], draw: [(plot) => limits(plot, drawn.current)] },
  };
}

const tens = (_: uPlot, __: number, ___: number, most: number): number[] =>
  [1, 10, 100, 1_000, 10_000, 100_000].filter((value) => value <= most);
const shorts = (_: uPlot, values: number[]) => values.map(short);
const short = (value: number | null): string => {
  if (value === null) return '';
  return value >= 10_000 ? `${number(value / 1_000)}k` : number(value, 'en', Number.isInteger(value) ? 0 : 1);
};

function stroke(line: Line): uPlot.Series {
  const colour = token(`--chart-${line.colour}`);
  return {
    label: line.name,
    scale: line.axis ?? 'y',
    stroke: colour,
    width: 1.75,
    spanGaps: false,
    points: { show: false },
    ...(line.area ? { fill: `${colour}22` } : {}),
  };
}

/** From zero, and high enough for the limits too: what is far below its limit should look so. */
function range(props: Props, of: 'left' | 'right', max: number, logarithmic: boolean): [number, number] {
  const drawn = (props.limits ?? []).filter((limit) => (limit.axis ?? 'left') === of).map((limit) => limit.at);
  const most = Math.max(max, ...drawn, 1);
  // Room for the names of phases and limits above everything.
  return logarithmic ? [LOG_LEAST, most * 6] : [0, most * 1.3];
}

const end = (phases: Phases): number => phases.at(-1)?.toSec ?? 0;

function shade(plot: uPlot, { phases }: Props): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textBaseline = 'top';
  ctx.textAlign = 'left';
  for (const [index, phase] of phases.entries()) {
    const from = Math.max(bbox.left, plot.valToPos(phase.fromSec, 'x', true));
    const to = Math.min(bbox.left + bbox.width, plot.valToPos(phase.toSec, 'x', true));
    if (to <= from) continue;
    ctx.fillStyle = token('--sunk');
    if (index % 2 === 0) ctx.fillRect(from, bbox.top, to - from, bbox.height);
    ctx.fillStyle = token('--ink-3');
    if (ctx.measureText(phase.name).width < to - from - 8) {
      ctx.fillText(phase.name, from + 4 * devicePixelRatio, bbox.top + 2 * devicePixelRatio);
    }
  }
  ctx.restore();
}

function limits(plot: uPlot, { limits = [] }: Props): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = token('--fail');
  ctx.fillStyle = token('--fail');
  ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textAlign = 'right';
  ctx.textBaseline = 'bottom';
  for (const limit of limits) {
    const y = plot.valToPos(limit.at, limit.axis ?? 'y', true);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.fillText(limit.name, bbox.left + bbox.width - 4 * devicePixelRatio, y - 4 * devicePixelRatio);
  }
  ctx.restore();
}

const token = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
