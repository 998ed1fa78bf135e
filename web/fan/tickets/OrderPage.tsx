// An order: what was bought, for how much, and the way to each ticket.
import { api, ask, type OrderFacts, type SaleFacts, type TicketFacts } from '../../shared/api';
import { moment, money, t } from '../language';
import { title } from '../parts/focus';
import { paths } from '../route';
import { Needed, useOwn } from './Needed';
import { seatText } from './seat';

type Both = { order: OrderFacts; sale: SaleFacts | undefined };

export function OrderPage({ id }: { id: string }) {
  const own = useOwn<Both>(async () => {
    const answer = await ask(api.GET('/v1/orders/{id}', { params: { path: { id } } }));
    if (!answer.ok) return answer;
    const sale = await ask(api.GET('/v1/sales/{id}', { params: { path: { id: answer.value.sale_id } } }));
    return { ...answer, value: { order: answer.value, sale: sale.ok ? sale.value : undefined } };
  });
  return <Needed own={own}>{(both) => <Order {...both} />}</Needed>;
}

function Order({ order, sale }: Both) {
  const texts = t.value.order;
  const heading = order.status === 'cancelled' ? texts.cancelledTitle : texts.title;
  title(heading);
  return (
    <article class="page narrow stack">
      <div class="stack tight">
        <p>{status(order)}</p>
        <h1 class="display">{heading}</h1>
        {sale && (
          <p class="lead soft">
            {sale.event.name} · {sale.event.venue}
            <br />
            {moment(sale.event.starts_at)}
          </p>
        )}
      </div>
      <ul class="card ticket-rows">
        {order.tickets.map((ticket) => (
          <TicketRow key={ticket.ticket_id} ticket={ticket} currency={order.currency} />
        ))}
      </ul>
      <dl class="facts num">
        <div>
          <dt>{texts.paid}</dt>
          <dd>{money(order.total, order.currency)}</dd>
        </div>
        {order.refunded > 0 && (
          <div>
            <dt>{texts.refunded}</dt>
            <dd>{money(order.refunded, order.currency)}</dd>
          </div>
        )}
        <div>
          <dt>{texts.ordered}</dt>
          <dd>{moment(order.created_at)}</dd>
        </div>
        <div>
          <dt>{texts.number}</dt>
          <dd class="id">{order.order_id}</dd>
        </div>
      </dl>
      <p class="small soft">{t.value.facts.bound}</p>
      <p>
        <a class="btn" href={paths.tickets}>
          {t.value.ticket.all}
        </a>
      </p>
    </article>
  );
}

function status({ status }: OrderFacts) {
  const texts = t.value.order;
  if (status === 'cancelled') return <span class="badge fail">{texts.cancelled}</span>;
  if (status === 'partly_cancelled') return <span class="badge warn">{texts.partly}</span>;
  return <span class="badge pass">{texts.confirmed}</span>;
}

function TicketRow({ ticket, currency }: { ticket: TicketFacts; currency: string }) {
  const seat = seatText(ticket);
  return (
    <li class="ticket-row">
      <div>
        <p class="strong num">{seat}</p>
        <p class="soft small">
          {ticket.attendee ?? t.value.ticket.noName} · <span class="num">{money(ticket.price, currency)}</span>
        </p>
      </div>
      {ticket.status === 'cancelled' ? (
        <span class="badge fail">{t.value.ticket.cancelled}</span>
      ) : (
        <a class="btn" href={paths.ticket(ticket.ticket_id)}>
          {t.value.order.show}
          <span class="sr-only"> {seat}</span>
        </a>
      )}
    </li>
  );
}
