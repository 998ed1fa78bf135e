// The five charts of a run, on one time axis: which figures each shows, and what it says in a line.
import type { RunSlo } from '../shared/api';
import { countdown, number } from '../shared/format';
import { Chart, type Limit, type Phases } from './chart';
import { highest, latest, type Series, sum, type Value } from './series';

type Props = {
  series: Series;
  phases: Phases;
  /** Thresholds as they were written: limits of times are drawn. */
  slos: string[];
  admitPerMinute: number | undefined;
  seats: number | undefined;
};

export function Charts({ series, phases, slos, admitPerMinute, seats }: Props) {
  const { columns, length } = series;
  const shared = { phases, length };
  const rate = admitPerMinute === undefined ? [] : [rateLimit(admitPerMinute)];
  return (
    <div class="charts">
      <Chart
        {...shared}
        title="The line"
        unit="people"
        summary={lineSummary(series)}
        lines={[
          { name: 'waiting (left axis)', colour: 'a', values: columns.queue_depth, area: true },
          { name: 'joined each second (right)', colour: 'b', values: columns.joined, axis: 'right' },
          { name: 'let in each second (right)', colour: 'c', values: columns.admitted, axis: 'right' },
        ]}
        limits={rate}
      />
      <Chart
        {...shared}
        title="Response time"
        unit="ms"
        summary={timeSummary(series)}
        logarithmic
        lines={[
          { name: 'p50 ms', colour: 'd', values: columns.response_p50_ms },
          { name: 'p95 ms', colour: 'a', values: columns.response_p95_ms },
          { name: 'p99 ms', colour: 'b', values: columns.response_p99_ms },
        ]}
        limits={timeLimits(slos)}
      />
      <Chart
        {...shared}
        title="Requests"
        unit="each second"
        summary={requestSummary(series)}
        lines={[
          { name: 'all requests', colour: 'a', values: columns.requests, area: true },
          { name: 'refused, as expected', colour: 'd', values: columns.refused },
          { name: 'errors', colour: 'f', values: columns.failed },
        ]}
      />
      <Chart
        {...shared}
        title="Seats"
        unit="seats"
        summary={seatSummary(series)}
        lines={[
          { name: 'sold', colour: 'c', values: columns.tickets_sold, area: true },
          { name: 'held', colour: 'b', values: columns.held_seats },
          { name: 'left', colour: 'd', values: columns.available_seats },
        ]}
        {...(seats === undefined ? {} : { limits: [{ at: seats, name: `${number(seats)} seats` }] })}
      />
      <Chart
        {...shared}
        title="Fans by state"
        unit="people"
        summary={fanSummary(series)}
        lines={[
          { name: 'waiting', colour: 'a', values: columns.queue_depth },
          { name: 'called', colour: 'e', values: columns.called },
          { name: 'returning', colour: 'f', values: columns.returning },
          { name: 'inside', colour: 'b', values: columns.inside },
          { name: 'bought', colour: 'c', values: columns.bought },
          { name: 'gone without a ticket', colour: 'd', values: columns.gone },
        ]}
      />
    </div>
  );
}

const rateLimit = (perMinute: number): Limit => ({
  at: perMinute / 60,
  name: `rate ${number(perMinute / 60, 'en', perMinute % 60 === 0 ? 0 : 1)}/s`,
  axis: 'right',
});

const LIMIT = /^(\S+) (p\d+) <=? (\d+(?:\.\d+)?)(ms|s)\b/;

/** Limits of times by operation. Of populations and ratios the table tells. */
export function timeLimits(slos: (string | RunSlo)[]): Limit[] {
  const limits = new Map<number, string[]>();
  for (const slo of slos) {
    const [, metric, quantile, digits, unit] = LIMIT.exec(typeof slo === 'string' ? slo : slo.slo) ?? [];
    if (!metric || !quantile || !digits || metric.includes('{')) continue;
    const at = Number(digits) * (unit === 's' ? 1_000 : 1);
    limits.set(at, [...(limits.get(at) ?? []), `${metric} ${quantile}`]);
  }
  return [...limits].map(([at, names]) => ({ at, name: `${names.join(', ')}: ${number(at)} ms` }));
}

const when = (column: Value[], value: number): string => countdown(column.indexOf(value) * 1_000);

function lineSummary({ columns }: Series): string {
  const most = highest(columns.queue_depth);
  if (most === undefined) return 'Nothing is known of the line yet.';
  const now = latest(columns.queue_depth) ?? 0;
  const peak =
    most === 0 ? 'Nobody had to wait' : `At most ${number(most)} waited, at ${when(columns.queue_depth, most)}`;
  return `${peak}; ${number(now)} in the last sample. ${number(sum(columns.admitted))} were let in.`;
}

function timeSummary({ columns }: Series): string {
  const most = highest(columns.response_p99_ms);
  if (most === undefined) return 'Nothing has been answered yet.';
  const usual = middle(columns.response_p50_ms);
  return `From when a request was due to its answer: usually ${number(usual, 'en', 1)} ms; the slowest second had a p99 of ${number(most, 'en', 1)} ms, at ${when(columns.response_p99_ms, most)}.`;
}

function middle(column: Value[]): number {
  const known = column.filter((value) => value !== null).sort((a, b) => a - b);
  return known[Math.floor(known.length / 2)] ?? 0;
}

function requestSummary({ columns }: Series): string {
  const most = highest(columns.requests) ?? 0;
  const failed = sum(columns.failed);
  const errors = failed === 0 ? 'no errors' : `${number(failed)} errors`;
  return `${number(sum(columns.requests))} requests, at most ${number(most)} in a second; ${number(sum(columns.refused))} refused as expected, ${errors}.`;
}

function seatSummary({ columns }: Series): string {
  const [sold, left] = [latest(columns.tickets_sold), latest(columns.available_seats)];
  if (sold === undefined || left === undefined) return 'Nothing is known of the seats yet.';
  return `${number(sold)} sold and ${number(left)} left in the last sample.`;
}

function fanSummary({ columns }: Series): string {
  const bought = latest(columns.bought);
  if (bought === undefined) return 'Nothing is known of the fans yet.';
  return `${number(bought)} bought, ${number(latest(columns.gone) ?? 0)} went without a ticket, ${number(latest(columns.inside) ?? 0)} are inside, by the last sample.`;
}
