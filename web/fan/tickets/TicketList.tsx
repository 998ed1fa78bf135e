// All tickets of this account, the newest order first.
import { useSignal } from '@preact/signals';
import { api, ask, type Ticket, type TicketList as Tickets } from '../../shared/api';
import { moment, t } from '../language';
import { title } from '../parts/focus';
import { paths } from '../route';
import { Needed, useOwn } from './Needed';
import { seatText } from './seat';

const LIMIT = '50';

const page = (after?: string) =>
  ask(api.GET('/v1/tickets', { params: { query: after ? { after, limit: LIMIT } : { limit: LIMIT } } }));

export function TicketList() {
  const own = useOwn<Tickets>(() => page());
  return <Needed own={own}>{(first) => <Pages first={first} />}</Needed>;
}

function Pages({ first }: { first: Tickets }) {
  const shown = useSignal<Tickets>(first);
  const busy = useSignal(false);
  const more = async (after: string) => {
    busy.value = true;
    const next = await page(after);
    busy.value = false;
    if (next.ok) shown.value = { ...next.value, tickets: [...shown.value.tickets, ...next.value.tickets] };
  };
  const { tickets, next_after: after } = shown.value;
  title(t.value.ticket.list);
  return (
    <section class="page narrow stack">
      <h1 class="display">{t.value.ticket.list}</h1>
      {tickets.length === 0 && (
        <div class="card stack tight">
          <p>{t.value.ticket.empty}</p>
          <p>
            <a class="btn" href={paths.sales}>
              {t.value.common.toSales}
            </a>
          </p>
        </div>
      )}
      {tickets.length > 0 && (
        <ul class="stack tickets">
          {tickets.map((ticket) => (
            <Row key={ticket.ticket_id} ticket={ticket} />
          ))}
        </ul>
      )}
      {after && (
        <p>
          <button type="button" class="btn" aria-disabled={busy.value} onClick={() => void more(after)}>
            {t.value.common.more}
          </button>
        </p>
      )}
    </section>
  );
}

function Row({ ticket }: { ticket: Ticket }) {
  const texts = t.value.ticket;
  return (
    <li class="card stub">
      <div class="stack tight">
        <h2>
          <a class="whole-card" href={paths.ticket(ticket.ticket_id)}>
            {ticket.event.name}
          </a>
        </h2>
        <p class="soft small">
          {moment(ticket.event.starts_at)}
          <br />
          {ticket.event.venue}
        </p>
        <p class="strong num">{seatText(ticket)}</p>
        <p class="small">{ticket.holder.name ?? texts.noName}</p>
      </div>
      <p>
        {ticket.status === 'cancelled' ? (
          <span class="badge fail">{texts.cancelled}</span>
        ) : (
          <span class="badge pass">{texts.valid}</span>
        )}
      </p>
    </li>
  );
}
