// What happened when in a run, as far as its seconds tell: for the sidebar's list, the latest first.
import type { RunShown } from '../shared/api';
import { countdown } from '../shared/format';
import type { Report } from './report';
import { highest, type Series } from './series';
import { stateOf } from './texts';

export type Happening = { at: string; text: string };

const MOST = 6;

export function events(run: RunShown, series: Series, report: Report | undefined): Happening[] {
  const { columns, length } = series;
  const found: { second: number; text: string }[] = [];
  const note = (second: number, text: string) => {
    if (second >= 0) found.push({ second, text });
  };
  if (length > 0) note(0, 'doors open');
  note(
    first(columns.admitted, (value) => value > 0),
    'first admission',
  );
  const peak = highest(columns.queue_depth);
  if (peak) note(columns.queue_depth.indexOf(peak), `longest line: ${peak.toLocaleString('en')}`);
  note(
    first(columns.tickets_sold, (value) => value > 0),
    'first ticket sold',
  );
  note(
    first(columns.available_seats, (value) => value === 0),
    'no seat is left',
  );
  note(
    first(columns.failed, (value) => value > 0),
    'first error',
  );
  if (peak) {
    const after = columns.queue_depth.indexOf(peak);
    note(
      first(columns.queue_depth, (value, second) => second > after && value === 0),
      'the line is empty',
    );
  }
  const happened = found.sort((a, b) => b.second - a.second);
  const told = happened.map(({ second, text }) => ({ at: countdown(second * 1_000), text }));
  if (run.stopping) told.unshift({ at: '', text: 'asked to stop' });
  if (report) told.unshift({ at: countdown(length * 1_000), text: `verdict: ${stateOf(run.status).word}` });
  return told.slice(0, MOST);
}

const first = (column: (number | null)[], is: (value: number, second: number) => boolean): number =>
  column.findIndex((value, second) => value !== null && is(value, second));
