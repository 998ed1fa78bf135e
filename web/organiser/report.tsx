// What became of a sale, for reading after it and for paper.
import type { OperatorSale, SaleReport } from '../shared/api';
import { money, number } from '../shared/format';
import { useFetched } from './fetched';
import { Trouble } from './frame';
import { asked, operator } from './key';
import { ReportTable } from './report-table';
import { span, texts } from './texts';
import { When } from './when';

const say = texts.report;

export function ReportTab({ sale }: { sale: OperatorSale }) {
  const { value, trouble, again } = useFetched(
    () => asked(operator.GET('/v1/admin/sales/{id}/report', { params: { path: { id: sale.sale_id } } })),
    [],
  );
  return (
    <section class="stack report">
      <div class="row between">
        <div>
          <h2>{say.heading}</h2>
          {value && (
            <p class="soft small">
              {texts.phase[value.phase]} · <When at={value.at} event={sale.event.event_id} seconds />
            </p>
          )}
        </div>
        <button type="button" class="btn no-print" onClick={() => window.print()}>
          {say.print}
        </button>
      </div>
      {trouble && <Trouble words={trouble} again={again} />}
      {!value && !trouble && <p class="soft">{texts.loading}</p>}
      {value && value.phase !== 'ended' && <p class="note">{say.notOver}</p>}
      {value && <Report report={value} sale={sale} />}
    </section>
  );
}

function Report({ report, sale }: { report: SaleReport; sale: OperatorSale }) {
  const counts: Record<string, number> = report.people;
  // In the order of the texts: the way of people through a sale.
  const people = Object.entries(say.peopleRows).map(([name, label]) => ({
    name: label,
    value: number(counts[name] ?? 0),
  }));
  const { drip } = report;
  const bounds = Object.entries(drip.bound_by)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${say.bounds[name] ?? name} ${number(count)}`);
  const achieved = drip.achieved === null ? texts.none : `${number(drip.achieved * 100, 'en', 1)} %`;
  return (
    <div class="report-grid">
      <Facts title={say.people} facts={people} />
      <Facts title={say.money} facts={moneyFacts(report)} none={say.noMoney} />
      <TimesCard report={report} event={sale.event.event_id} />
      <Facts title={say.waits} facts={waitFacts(report)} none={say.nobodyCalled} />
      <Facts
        title={say.pace}
        facts={[
          { name: say.set, value: texts.sale.aMinute(drip.admit_per_minute) },
          { name: say.achieved, value: achieved },
          { name: say.boundBy, value: bounds.join(', ') || texts.none },
        ]}
      />
      <Pauses report={report} event={sale.event.event_id} />
      <Sections report={report} />
      <Buyers report={report} />
      <Counted title={texts.sale.refusals} rows={report.refusals} none={texts.sale.noRefusals} />
      <Counted title={texts.sale.signals} rows={report.signals} none={texts.sale.noSignals} />
    </div>
  );
}

type Fact = { name: string; value: preact.ComponentChildren };

function Facts({ title, facts, none }: { title: string; facts: Fact[]; none?: string }) {
  return (
    <section class="card stack">
      <h3>{title}</h3>
      {facts.length === 0 ? (
        <p class="soft">{none}</p>
      ) : (
        <dl class="facts">
          {facts.map((fact) => (
            <div key={fact.name}>
              <dt>{fact.name}</dt>
              <dd class="num">{fact.value}</dd>
            </div>
          ))}
        </dl>
      )}
    </section>
  );
}

const moneyFacts = (report: SaleReport): Fact[] =>
  report.money.flatMap(({ currency, captured, refunded, refund_due }) => [
    { name: say.captured, value: money(captured, currency) },
    { name: say.refunded, value: money(refunded, currency) },
    { name: say.refundDue, value: money(refund_due, currency) },
  ]);

const waitFacts = ({ waits }: SaleReport): Fact[] =>
  waits.people === 0
    ? []
    : (['p50_ms', 'p90_ms', 'p95_ms', 'p99_ms', 'max_ms'] as const).map((name) => ({
        name: say.waitsRows[name] ?? name,
        value: span(Math.ceil(waits[name] / 1_000)),
      }));

function TimesCard({ report, event }: { report: SaleReport; event: string }) {
  const times: Record<string, string | null> = report.times;
  const facts = Object.entries(say.timesRows).map(([name, label]) => {
    const at = times[name];
    return { name: label, value: at ? <When at={at} event={event} /> : texts.none };
  });
  return <Facts title={say.times} facts={facts} />;
}

function Pauses({ report, event }: { report: SaleReport; event: string }) {
  const facts = report.pauses.map(({ from, until }, index) => ({
    name: String(index + 1),
    value: (
      <>
        {from ? <When at={from} event={event} seconds /> : say.fromStart} –{' '}
        {until ? <When at={until} event={event} seconds /> : say.untilNow}
      </>
    ),
  }));
  return <Facts title={say.pauses} facts={facts} none={say.noPauses} />;
}

function Sections({ report }: { report: SaleReport }) {
  const rows = report.sections.map(({ section, seats, sold, unsold }) => [
    section,
    number(seats),
    number(sold),
    number(unsold),
    `${number((sold / seats) * 100)} %`,
  ]);
  return (
    <ReportTable title={say.sections} head={[say.section, say.seats, say.sold, say.unsold, say.share]} rows={rows} />
  );
}

function Buyers({ report }: { report: SaleReport }) {
  const rows = report.buyers.map(({ tickets, people }) => [say.buyersRow(tickets), number(people)]);
  return <ReportTable title={say.buyers} head={[say.tickets, say.people_]} rows={rows} none={say.noBuyers} />;
}

type CountedProps = { title: string; rows: SaleReport['refusals']; none: string };

function Counted({ title, rows, none }: CountedProps) {
  const told = rows.map(({ code, times, accounts }) => [code, number(times), number(accounts)]);
  return (
    <ReportTable
      title={title}
      head={[texts.sale.code, texts.sale.times, texts.sale.accounts]}
      rows={told}
      none={none}
    />
  );
}
