// One ticket, for the door: the code large and dark on white, then seat and holder. Prints on one page.
import { api, ask, type Ticket } from '../../shared/api';
import { moment, money, say, t } from '../language';
import { title } from '../parts/focus';
import { paths } from '../route';
import { Needed, useOwn } from './Needed';

export function TicketPage({ id }: { id: string }) {
  const own = useOwn<Ticket>(() => ask(api.GET('/v1/tickets/{id}', { params: { path: { id } } })));
  return <Needed own={own}>{(ticket) => <Shown ticket={ticket} />}</Needed>;
}

function Shown({ ticket }: { ticket: Ticket }) {
  title(t.value.ticket.title, ticket.event.name);
  return (
    <article class="page narrow stack">
      <div class="ticket">
        <div class="ticket-head">
          <p class="eyebrow">{moment(ticket.event.starts_at)}</p>
          <h1>{ticket.event.name}</h1>
          <p class="soft">{ticket.event.venue}</p>
        </div>
        <Code ticket={ticket} />
        <Seat ticket={ticket} />
      </div>
      <Bound ticket={ticket} />
      <p class="row no-print">
        <button type="button" class="btn" onClick={() => print()}>
          {t.value.ticket.print}
        </button>
        <a class="btn quiet" href={paths.order(ticket.order_id)}>
          {t.value.ticket.order}
        </a>
        <a class="btn quiet" href={paths.tickets}>
          {t.value.ticket.all}
        </a>
      </p>
    </article>
  );
}

function Code({ ticket }: { ticket: Ticket }) {
  const texts = t.value.ticket;
  if (!ticket.qr)
    return (
      <p class="note fail" role="status">
        {texts.cancelledSays}
      </p>
    );
  return (
    <figure class="qr">
      {ticket.used_at && <p class="note warn">{say(texts.used, { when: moment(ticket.used_at) })}</p>}
      <img src={`data:image/svg+xml,${encodeURIComponent(ticket.qr)}`} width="320" height="320" alt={texts.code} />
      <figcaption class="small">{texts.code}</figcaption>
    </figure>
  );
}

function Seat({ ticket }: { ticket: Ticket }) {
  const texts = t.value.ticket;
  const known = typeof ticket.row === 'number' && typeof ticket.num === 'number';
  return (
    <dl class="ticket-facts num">
      <Fact name={texts.section} value={known ? ticket.section : ticket.seat_id} />
      {known && <Fact name={texts.row} value={String(ticket.row)} />}
      {known && <Fact name={texts.seat} value={String(ticket.num)} />}
      <Fact name={texts.holder} value={ticket.holder.name ?? texts.noName} wide />
      <Fact name={texts.price} value={money(ticket.price, ticket.currency)} />
      {ticket.version > 1 && <Fact name={texts.issue} value={String(ticket.version)} />}
    </dl>
  );
}

function Fact({ name, value, wide }: { name: string; value: string; wide?: boolean }) {
  return (
    <div class={wide ? 'wide' : ''}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Bound({ ticket }: { ticket: Ticket }) {
  const texts = t.value.ticket;
  if (ticket.status === 'cancelled') return null;
  const name = ticket.holder.name;
  return (
    <section class="stack tight bound">
      <h2>{texts.boundTitle}</h2>
      <p>{name ? say(texts.bound, { name }) : texts.boundNobody}</p>
      <ul>
        <li>{texts.instead}</li>
        <li>{texts.cannotCome}</li>
      </ul>
    </section>
  );
}
