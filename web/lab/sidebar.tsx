// The black sidebar: all that a spectator needs. On a narrow screen its head is a strip on top, and the rest unfolds.
import { number } from '../shared/format';
import type { Board, Row } from './board';
import { Sparkline } from './sparkline';

export function Sidebar({ board, href }: { board: Board | undefined; href?: string | undefined }) {
  if (!board) {
    return (
      <aside class="board" aria-label="Live figures">
        <div class="board-inner">
          <p class="board-soft">Waiting for the first figures…</p>
        </div>
      </aside>
    );
  }
  return (
    <aside class="board num" aria-label="Live figures">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <div class="board-inner" tabIndex={0}>
        <div class="board-head">
          <b>{href ? <a href={href}>{board.title}</a> : board.title}</b>
          <span class={`board-link ${board.link.tone}`}>{board.link.word}</span>
        </div>
        <Strip board={board} />
        <details class="board-more" open={!narrow()}>
          <summary>All figures</summary>
          <div class="board-body">
            <Depth board={board} />
            <Admits board={board} />
            {board.seats && <Seats seats={board.seats} />}
            <Rows title="Load" rows={board.rows} />
            <Rows title="Fairness, so far" rows={board.fairness} />
            <Rows title="Generator" rows={board.generator} />
            <Events board={board} />
          </div>
        </details>
      </div>
    </aside>
  );
}

const narrow = (): boolean => window.matchMedia('(max-width: 1000px)').matches;
const shown = (value: number | undefined, digits = 0): string =>
  value === undefined ? '–' : number(value, 'en', digits);

/** Phase, checks, and on a narrow screen the two figures that matter. */
function Strip({ board }: { board: Board }) {
  return (
    <>
      {board.phase && <PhaseBar phase={board.phase} />}
      {board.checks && <Line row={board.checks} />}
      <div class="board-strip" aria-hidden="true">
        <span>
          Waiting <b>{shown(board.depth)}</b>
        </span>
        <span>
          Sold <b>{shown(board.seats?.sold)}</b>
        </span>
        <span>
          Left <b>{shown(board.seats?.left)}</b>
        </span>
      </div>
    </>
  );
}

function PhaseBar({ phase }: { phase: NonNullable<Board['phase']> }) {
  const total = phase.parts.reduce((sum, part) => sum + part.sec, 0);
  const at = phase.name === 'over' ? total : Math.min(total, phase.atSec ?? 0);
  let before = 0;
  const parts = phase.parts.map((part) => {
    const done = part.sec > 0 ? Math.min(1, Math.max(0, (at - before) / part.sec)) : 1;
    before += part.sec;
    return { ...part, done };
  });
  return (
    <>
      {total > 0 && (
        <div class="phase-bar" aria-hidden="true">
          {parts.map((part) => (
            <i key={part.name} style={{ flexGrow: part.sec }}>
              <span style={{ width: `${part.done * 100}%` }} />
            </i>
          ))}
        </div>
      )}
      <div class="board-row">
        <span>{phase.name}</span>
        <b>{total > 0 && phase.atSec !== undefined ? `${clock(phase.atSec)} of ${clock(total)}` : ''}</b>
      </div>
    </>
  );
}

function clock(sec: number): string {
  return `${Math.floor(sec / 60)}:${String(Math.floor(sec % 60)).padStart(2, '0')}`;
}

function Depth({ board }: { board: Board }) {
  const { depth, cap } = board;
  const full = depth !== undefined && cap ? Math.min(1, depth / cap) : 0;
  return (
    <section class="board-part">
      <h2 class="eyebrow">Waiting, {board.depthWindow}</h2>
      <p class="board-largest">{shown(depth)}</p>
      <Sparkline values={board.depthLine} label="People waiting over time" />
      {cap !== undefined && (
        <>
          <div class={`cap-bar ${full > 0.9 ? 'warn' : ''}`} aria-hidden="true">
            <i style={{ width: `${Math.max(full * 100, full > 0 ? 1 : 0)}%` }} />
          </div>
          <div class="board-row">
            <span>{full > 0.9 ? 'Nearly full: room for' : 'Room for'}</span>
            <b>{shown(depth === undefined ? undefined : Math.max(0, cap - depth))} more</b>
          </div>
        </>
      )}
    </section>
  );
}

function Admits({ board }: { board: Board }) {
  const { value, window, rate, line } = board.admits;
  return (
    <section class="board-part">
      <h2 class="eyebrow">Admitted a second{value === undefined ? '' : `, ${window}`}</h2>
      {value !== undefined && <p class="board-large">{shown(value, 1)}</p>}
      <Sparkline values={line} limit={rate} label="People let in, each second, against the rate" />
      {rate !== undefined && (
        <div class="board-row">
          <span>Rate</span>
          <b>{shown(rate, rate < 10 ? 1 : 0)}/s</b>
        </div>
      )}
    </section>
  );
}

function Seats({ seats }: { seats: NonNullable<Board['seats']> }) {
  const oversold: Row = { name: 'Oversold', value: shown(seats.oversold) };
  const rows: Row[] = [
    { name: 'Sold', value: shown(seats.sold) },
    { name: 'Held', value: shown(seats.held) },
    { name: 'Left', value: shown(seats.left) },
    seats.oversold > 0 ? { ...oversold, tone: 'fail', word: 'broken' } : oversold,
  ];
  return <Rows title="Seats, now" rows={rows} />;
}

function Rows({ title, rows }: { title: string; rows: Row[] }) {
  if (rows.length === 0) return null;
  return (
    <section class="board-part">
      <h2 class="eyebrow">{title}</h2>
      {rows.map((row) => (
        <Line key={row.name} row={row} />
      ))}
    </section>
  );
}

function Line({ row }: { row: Row }) {
  return (
    <div class="board-row">
      <span>{row.name}</span>
      <b class={row.tone ?? ''}>
        {row.value}
        {row.word ? ` ${row.word}` : ''}
      </b>
    </div>
  );
}

function Events({ board }: { board: Board }) {
  if (board.events.length === 0) return null;
  return (
    <section class="board-part">
      <h2 class="eyebrow">Latest</h2>
      <ol class="board-events">
        {board.events.map((event) => (
          <li key={`${event.at} ${event.text}`}>
            <span>{event.at}</span> {event.text}
          </li>
        ))}
      </ol>
    </section>
  );
}
