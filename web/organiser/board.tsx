// The live board of a sale: where everybody is, how fast the line moves, what is left, and the ways to act.
import { useEffect, useMemo } from 'preact/hooks';
import type { OperatorSale } from '../shared/api';
import { countdown, money, number } from '../shared/format';
import { Acts } from './acts';
import { Chart } from './chart';
import { minutesFor } from './draft';
import { type Live, watch } from './live';
import { lineOf, paceOf, rateLine } from './pace';
import { SaleHead, Tabs } from './sale';
import { texts } from './texts';
import { When } from './when';

/** Three missed answers. */
const STALE_MS = 3_500;

export function Board({ first }: { first: OperatorSale }) {
  const live = useMemo(() => watch(first.sale_id), [first.sale_id]);
  useEffect(() => live.stop, [live]);
  const sale = live.sale.value ?? first;
  const phase = live.stats.value?.phase ?? sale.phase;
  return (
    <>
      <SaleHead sale={sale} phase={phase}>
        <Times live={live} sale={sale} phase={phase} />
        <Freshness live={live} />
      </SaleHead>
      <Tabs id={sale.sale_id} tab="board" />
      <Acts sale={sale} phase={phase} heldBack={live.stats.value?.held_back_seats ?? 0} done={live.refresh} />
      {phase === 'paused' && <p class="note warn">{texts.sale.pausedNow}</p>}
      <Figures live={live} sale={sale} />
      <SeatsBar live={live} />
      <div class="board-pair">
        <PaceCard live={live} sale={sale} />
        <Charts live={live} sale={sale} />
      </div>
      <Counts live={live} />
    </>
  );
}

function Times({ live, sale, phase }: { live: Live; sale: OperatorSale; phase: string }) {
  const until = (at: string) => <b class="num">{countdown(Date.parse(at) - live.now.value)}</b>;
  const { event_id: event } = sale.event;
  if (phase === 'ended')
    return (
      <span class="soft">
        <When at={sale.closed_at ?? sale.ends_at} event={event} />
      </span>
    );
  const doors = phase === 'scheduled' || phase === 'building';
  const at = doors ? sale.opens_at : sale.ends_at;
  return (
    <span class="soft">
      {doors ? texts.sale.doorsIn : texts.sale.endsIn} {until(at)} · <When at={at} event={event} />
    </span>
  );
}

function Freshness({ live }: { live: Live }) {
  const silentMs = Date.now() - live.heardAt.value;
  // The pulse renders this once a second.
  const isStale = live.now.value > 0 && silentMs > STALE_MS && !document.hidden;
  return (
    <span role="status" class={isStale ? 'badge fail' : 'fresh soft small'}>
      {isStale
        ? texts.sale.stale(Math.floor(silentMs / 5_000) * 5 || 3)
        : live.slow.value
          ? texts.sale.slow
          : texts.sale.live}
    </span>
  );
}

function Figures({ live, sale }: { live: Live; sale: OperatorSale }) {
  const stats = live.stats.value;
  const figure = (name: string, value: string | undefined, note?: string) => {
    const [label, usual] = texts.sale.figures[name] ?? [name, ''];
    return (
      <div class={`figure ${name}`}>
        <dt>{label}</dt>
        <dd>
          <span class="num big">{value ?? texts.none}</span>
          <span class="soft small">{note ?? usual}</span>
        </dd>
      </div>
    );
  };
  const shown = (value: number | undefined) => (value === undefined ? undefined : number(value));
  const on = stats ? stats.called + stats.returning : undefined;
  return (
    <dl class="figures card">
      {figure('waiting', shown(stats?.waiting), stats && texts.sale.joined(stats.joined))}
      {figure('called', shown(on))}
      {figure('inside', shown(stats?.inside))}
      {figure('sold', shown(stats?.tickets_sold), stats && texts.sale.soldBy(stats.orders, stats.unique_buyers))}
      {figure('money', stats && money(stats.captured_total, sale.currency))}
    </dl>
  );
}

function SeatsBar({ live }: { live: Live }) {
  const stats = live.stats.value;
  if (!stats) return null;
  const held = stats.held_seats - stats.held_back_seats;
  const parts = [
    ['sold', texts.sale.sold, stats.tickets_sold],
    ['held', texts.sale.held, held],
    ['back', texts.sale.heldBack, stats.held_back_seats],
    ['free', texts.sale.free, stats.available_seats],
  ] as const;
  const shown = parts.filter(([kind, , count]) => count > 0 || kind !== 'back');
  const said = shown.map(([, label, count]) => `${label} ${number(count)}`).join(', ');
  let from = 0;
  return (
    <section class="card seats" aria-label={texts.sale.seats}>
      <div class="row between">
        <h2>{texts.sale.seats}</h2>
        <span class="num soft">{texts.list.of(stats.tickets_sold, stats.total_seats)}</span>
      </div>
      <svg class="seats-bar" viewBox="0 0 1000 20" preserveAspectRatio="none" role="img" aria-label={said}>
        {shown.map(([kind, , count]) => {
          const width = (count / stats.total_seats) * 1_000;
          from += width;
          return <rect key={kind} class={kind} x={from - width} y="0" width={width} height="20" />;
        })}
      </svg>
      <ul class="legend">
        {shown.map(([kind, label, count]) => (
          <li key={kind} class={kind}>
            {label} <b class="num">{number(count)}</b>
          </li>
        ))}
      </ul>
    </section>
  );
}

function PaceCard({ live, sale }: { live: Live; sale: OperatorSale }) {
  const pace = paceOf(live.looks.value);
  const waiting = live.stats.value?.waiting ?? 0;
  const over = !pace || pace.overSec >= 59 ? texts.sale.lastMinute : texts.sale.lastSec(pace.overSec);
  return (
    <section class="card stack">
      <h2>{texts.sale.drip}</h2>
      <dl class="facts">
        <div>
          <dt>{texts.sale.target}</dt>
          <dd class="num">{texts.sale.aMinute(sale.admit_per_minute)}</dd>
        </div>
        <div>
          <dt>
            {texts.sale.achieved} <span class="small">({over})</span>
          </dt>
          <dd class="num">{pace ? texts.sale.aMinute(Math.round(pace.perMinute)) : texts.sale.measuring}</dd>
        </div>
      </dl>
      <p class="soft">{forecast(waiting, pace?.perMinute)}</p>
    </section>
  );
}

function forecast(waiting: number, perMinute: number | undefined): string {
  if (waiting === 0) return texts.sale.lineEmpty;
  if (perMinute === undefined) return texts.sale.measuring;
  const minutes = minutesFor(waiting, perMinute);
  return minutes === undefined ? texts.sale.notMoving : texts.sale.throughIn(minutes);
}

function Charts({ live, sale }: { live: Live; sale: OperatorSale }) {
  const looks = live.looks.value;
  return (
    <section class="card stack charts-card">
      <h2>{texts.sale.lately}</h2>
      <div class="charts">
        <Chart name={texts.sale.waitingChart} points={lineOf(looks, (look) => look.waiting)} />
        <Chart name={texts.sale.callsChart} points={rateLine(looks)} limit={sale.admit_per_minute} />
        <Chart name={texts.sale.soldChart} points={lineOf(looks, (look) => look.sold)} />
      </div>
      <p class="soft small">{texts.sale.sinceOpened}</p>
    </section>
  );
}

function Counts({ live }: { live: Live }) {
  const report = live.report.value;
  if (!report) return null;
  const table = (name: string, none: string, rows: typeof report.refusals) => (
    <section class="card stack">
      <h2>{name}</h2>
      {rows.length === 0 ? (
        <p class="soft">{none}</p>
      ) : (
        <table>
          <caption class="sr-only">{name}</caption>
          <thead>
            <tr>
              <th scope="col">{texts.sale.code}</th>
              <th scope="col" class="n">
                {texts.sale.times}
              </th>
              <th scope="col" class="n">
                {texts.sale.accounts}
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.code}>
                <td>
                  <code>{row.code}</code>
                </td>
                <td class="n">{number(row.times)}</td>
                <td class="n">{number(row.accounts)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
  return (
    <div class="board-half">
      {table(texts.sale.refusals, texts.sale.noRefusals, report.refusals)}
      {table(texts.sale.signals, texts.sale.noSignals, report.signals)}
    </div>
  );
}
