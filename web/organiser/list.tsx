// Every sale with where it stands, and the events that have none yet.
import { useEffect, useState } from 'preact/hooks';
import type { OperatorEvent, OperatorSale, SaleStatsAnswer } from '../shared/api';
import { number } from '../shared/format';
import { useFetched } from './fetched';
import { Field } from './field';
import { Frame, PhaseBadge, Trouble } from './frame';
import { asked, operator } from './key';
import { texts } from './texts';
import { When } from './when';

/** Each row asks for its own figures: so many at once, and more on demand. */
const ROWS = 20;

export function List() {
  const { value, trouble, again } = useFetched(load, []);
  return (
    <Frame title={texts.list.heading} here="sales">
      <div class="head">
        <h1>{texts.list.heading}</h1>
        <a class="btn primary" href="/organiser/new">
          {texts.list.create}
        </a>
      </div>
      {trouble && <Trouble words={trouble} again={again} />}
      {!value && !trouble && <p class="soft">{texts.loading}</p>}
      {value && (value.sales.length + value.lonely.length === 0 ? <Nothing /> : <Lists {...value} />)}
    </Frame>
  );
}

type Loaded = { sales: OperatorSale[]; lonely: OperatorEvent[] };

async function load() {
  const [sales, events] = await Promise.all([
    asked(operator.GET('/v1/admin/sales')),
    asked(operator.GET('/v1/admin/events')),
  ]);
  if (!sales.ok) return sales;
  if (!events.ok) return events;
  const taken = new Set(sales.value.sales.map((sale) => sale.event.event_id));
  const lonely = events.value.events.filter((event) => !taken.has(event.event_id));
  return { ok: true as const, value: { sales: sales.value.sales, lonely }, status: 200 };
}

const Nothing = () => (
  <div class="card empty">
    <h2>{texts.list.none}</h2>
    <p class="soft">{texts.list.noneLead}</p>
  </div>
);

function Lists({ sales, lonely }: Loaded) {
  const [sought, setSought] = useState('');
  const [shown, setShown] = useState(ROWS);
  const words = sought.trim().toLowerCase();
  const has = (event: OperatorEvent) => `${event.name} ${event.venue}`.toLowerCase().includes(words);
  const found = sales.filter((sale) => has(sale.event));
  const events = lonely.filter(has);
  return (
    <>
      {sales.length > 5 && (
        <Field name="find" label={texts.list.filter} class="find">
          {(said) => <input class="input" type="search" {...said} onInput={(e) => setSought(e.currentTarget.value)} />}
        </Field>
      )}
      {found.length + events.length === 0 && <p class="soft">{texts.list.noMatch}</p>}
      <ul class="sales">
        {found.slice(0, shown).map((sale) => (
          <SaleRow key={sale.sale_id} sale={sale} />
        ))}
      </ul>
      {found.length > shown && (
        <button type="button" class="btn" onClick={() => setShown(shown + ROWS)}>
          {texts.list.more(Math.min(ROWS, found.length - shown))}
        </button>
      )}
      {events.length > 0 && <LonelyEvents events={events} />}
    </>
  );
}

function SaleRow({ sale }: { sale: OperatorSale }) {
  const [stats, setStats] = useState<SaleStatsAnswer>();
  useEffect(() => {
    const params = { path: { id: sale.sale_id } };
    asked(operator.GET('/v1/admin/sales/{id}/stats', { params })).then((answer) => {
      if (answer.ok) setStats(answer.value);
    });
  }, [sale.sale_id]);
  return (
    <li class="card sale-row">
      <div class="sale-name">
        <a class="sale-link" href={`/organiser/sales/${sale.sale_id}`}>
          {sale.event.name}
        </a>
        <span class="soft small">{sale.event.venue}</span>
      </div>
      <PhaseBadge phase={stats?.phase ?? sale.phase} />
      <Fact name={texts.list.doors}>
        <When at={sale.opens_at} event={sale.event.event_id} />
      </Fact>
      <Fact name={texts.list.sold}>
        {stats ? texts.list.of(stats.tickets_sold, stats.total_seats) : texts.none}
        {stats && <progress value={stats.tickets_sold} max={stats.total_seats} aria-hidden="true" />}
      </Fact>
      <Fact name={texts.list.waiting}>{stats ? number(stats.waiting) : texts.none}</Fact>
    </li>
  );
}

function Fact({ name, children }: { name: string; children: preact.ComponentChildren }) {
  return (
    <div class="fact">
      <span class="eyebrow">{name}</span>
      <span class="num">{children}</span>
    </div>
  );
}

const LonelyEvents = ({ events }: { events: OperatorEvent[] }) => (
  <section class="stack">
    <h2>{texts.list.eventsOnly}</h2>
    <ul class="sales">
      {events.map((event) => (
        <li key={event.event_id} class="card sale-row lonely">
          <div class="sale-name">
            <strong>{event.name}</strong>
            <span class="soft small">
              {event.venue} · <When at={event.starts_at} event={event.event_id} />
            </span>
          </div>
          <a class="btn small" href={`/organiser/new?event=${event.event_id}`}>
            {texts.list.addSale}
          </a>
        </li>
      ))}
    </ul>
  </section>
);
