// The orders of a sale by pages, and all of them as a table for a spreadsheet.
import { useState } from 'preact/hooks';
import type { BookedOrder, OperatorSale } from '../shared/api';
import { money } from '../shared/format';
import { useFetched } from './fetched';
import { Trouble } from './frame';
import { asked, inWords, operator } from './key';
import { PAGE_ROWS, Pages, placeInAddress } from './pages';
import { texts } from './texts';
import { When, ZoneNote } from './when';

export function OrdersTab({ sale }: { sale: OperatorSale }) {
  const here = placeInAddress();
  const query = { limit: String(PAGE_ROWS), ...(here ? { after: here } : {}) };
  const { value, trouble, again } = useFetched(
    () => asked(operator.GET('/v1/admin/sales/{id}/orders', { params: { path: { id: sale.sale_id }, query } })),
    [here],
  );
  return (
    <section class="stack">
      <div class="row between">
        <h2>{texts.orders.heading}</h2>
        <Download sale={sale.sale_id} />
      </div>
      {trouble && <Trouble words={trouble} again={again} />}
      {!value && !trouble && <p class="soft">{texts.loading}</p>}
      {value && value.orders.length === 0 && <p class="card empty soft">{texts.orders.empty}</p>}
      {value && value.orders.length > 0 && (
        <>
          <ZoneNote event={sale.event.event_id} />
          <Orders orders={value.orders} event={sale.event.event_id} />
        </>
      )}
      {value && <Pages next={value.next_after} here={here} />}
    </section>
  );
}

/** The key goes in a header, so the file is fetched here and handed on. */
function Download({ sale }: { sale: string }) {
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState('');
  const [trouble, setTrouble] = useState('');
  const download = async () => {
    if (busy) return;
    setBusy(true);
    setTrouble('');
    setSaid('');
    const answer = await asked(
      operator.GET('/v1/admin/sales/{id}/orders.csv', { params: { path: { id: sale } }, parseAs: 'text' }),
    );
    setBusy(false);
    if (!answer.ok) return setTrouble(inWords(answer));
    const table = String(answer.value ?? '');
    save(`orders-${sale}.csv`, table);
    // One line is the header. A line ends within no field: names of seats and addresses have no line ends.
    setSaid(texts.orders.downloaded(Math.max(0, table.split('\r\n').length - 2)));
  };
  return (
    <div class="row">
      <span role="status" class="soft small">
        {said}
      </span>
      {trouble && <Trouble words={trouble} />}
      <button type="button" class="btn" onClick={download} aria-disabled={busy}>
        {busy ? texts.orders.downloading : texts.orders.csv}
      </button>
    </div>
  );
}

function save(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/csv;charset=utf-8' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken it by the next turn.
  setTimeout(() => URL.revokeObjectURL(url), 0);
}

function Orders({ orders, event }: { orders: BookedOrder[]; event: string }) {
  const kinds: Record<string, string> = { confirmed: 'pass', paying: 'warn', cancelled: 'fail' };
  return (
    // A table that is wider than a phone is scrolled by keys: it takes the focus.
    <section class="card scroll-x table" aria-label={texts.orders.heading} tabindex={0}>
      <table>
        <caption class="sr-only">{texts.orders.heading}</caption>
        <thead>
          <tr>
            <th scope="col">{texts.orders.at}</th>
            <th scope="col">{texts.orders.status}</th>
            <th scope="col">{texts.orders.buyer}</th>
            <th scope="col">{texts.orders.seats}</th>
            <th scope="col" class="n">
              {texts.orders.total}
            </th>
            <th scope="col">{texts.orders.payment}</th>
            <th scope="col">{texts.orders.order}</th>
          </tr>
        </thead>
        <tbody>
          {orders.map((order) => (
            <tr key={order.order_id}>
              <td class="num">
                <When at={order.created_at} event={event} seconds bare />
              </td>
              <td>
                <span class={`badge ${kinds[order.status] ?? ''}`}>{order.status}</span>
              </td>
              <td>{order.email ?? <code>{order.user_id}</code>}</td>
              <td>
                {order.seats.map((seat) => (
                  <span key={seat} class="seat">
                    {order.cancelled.includes(seat) ? <s>{seat}</s> : seat}
                  </span>
                ))}
              </td>
              <td class="n">{money(order.total, order.currency)}</td>
              <td>
                {order.payment ?? texts.none}
                {order.refunded > 0 && (
                  <span class="soft small"> · {texts.orders.refunded(money(order.refunded, order.currency))}</span>
                )}
              </td>
              <td>
                <code>{order.order_id}</code>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
