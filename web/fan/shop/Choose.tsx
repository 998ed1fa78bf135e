// Choosing: the best seats in one step, or one's own on the map or in the list.
import { useComputed, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { SaleFacts } from '../../shared/api';
import { money, say, t } from '../language';
import { useArrival } from '../parts/focus';
import { Best } from './Best';
import { place } from './holding';
import { follow, seatName } from './live';
import { SeatList } from './SeatList';
import { SeatMap } from './SeatMap';
import { Left, Told } from './SeatsPage';
import { type SeatTable, seatAt } from './seats';
import { toggle, total } from './selection';
import type { Shop } from './shop';

type Props = { shop: Shop; sale: SaleFacts };

export function Choose({ shop, sale }: Props) {
  useEffect(() => follow(shop), [shop]);
  const heading = useArrival(true);
  const { shop: texts } = t.value;
  return (
    <div class="page choose">
      <div class="choose-head">
        <div>
          <p class="eyebrow">{sale.event.name}</p>
          <h1 ref={heading} tabIndex={-1}>
            {texts.title}
          </h1>
        </div>
        {shop.deadline.value && <Left until={shop.deadline.value} label={texts.timeLeft} />}
      </div>
      <Told shop={shop} />
      <Best shop={shop} sale={sale} />
      <Own shop={shop} sale={sale} />
      <Basket shop={shop} sale={sale} />
    </div>
  );
}

function Own({ shop, sale }: Props) {
  const { shop: texts } = t.value;
  const view = useSignal<'map' | 'list'>('map');
  const table = shop.table.value;
  const choose = (seat: number) => pick(shop, sale, seat);
  return (
    <section class="card own stack" aria-label={texts.view}>
      <fieldset class="tabs">
        <legend class="sr-only">{texts.view}</legend>
        {(['map', 'list'] as const).map((name) => (
          <label key={name}>
            <input type="radio" name="view" checked={view.value === name} onChange={() => (view.value = name)} />
            <span>{texts[name]}</span>
          </label>
        ))}
      </fieldset>
      {shop.stale.value && (
        <p class="note warn" role="status">
          {texts.stale}
        </p>
      )}
      {!table && <div class="map loading soft">{texts.loading}</div>}
      {table && view.value === 'map' && <SeatMap shop={shop} sale={sale} table={table} onSeat={choose} />}
      {table && view.value === 'list' && <SeatList shop={shop} sale={sale} table={table} onSeat={choose} />}
    </section>
  );
}

function pick(shop: Shop, sale: SaleFacts, seat: number): void {
  const table = shop.table.value;
  if (!table || shop.busy.value) return;
  const cap = sale.max_tickets_per_user;
  const choice = toggle(table, shop.chosen.value, seat, cap);
  shop.chosen.value = choice.chosen;
  const { shop: texts } = t.value;
  const says =
    choice.refused === 'cap'
      ? () => say(texts.capReached, { count: cap })
      : () => say(texts.seatTaken, { seat: seatName(seatAt(table, seat)) });
  shop.note.value = choice.refused ? { tone: 'warn', says } : undefined;
}

/** What is chosen, what it costs in all, and the button that holds it. */
function Basket({ shop, sale }: Props) {
  const { shop: texts } = t.value;
  const table = shop.table.value;
  const empty = useComputed(() => shop.chosen.value.length === 0);
  const chosen = shop.chosen.value;
  const hold = () => {
    if (table && !empty.value) void place(shop, { seat_ids: chosen.map((seat) => seatAt(table, seat).id) });
  };
  return (
    <section class={empty.value ? 'basket empty' : 'basket'} aria-label={texts.yours}>
      {table && !empty.value && <Chosen shop={shop} sale={sale} table={table} />}
      <div class="basket-sum">
        <p role="status">
          {empty.value ? (
            <span class="soft">{texts.none}</span>
          ) : (
            <>
              {say(texts.chosen, { count: chosen.length })} ·{' '}
              <strong class="num">{table && money(total(table, chosen), sale.price.currency)}</strong>
              <span class="more">{texts.allIn}</span>
            </>
          )}
        </p>
        <button type="button" class="btn primary large" aria-disabled={empty.value || shop.busy.value} onClick={hold}>
          {shop.busy.value ? texts.holding : texts.hold}
        </button>
      </div>
    </section>
  );
}

function Chosen({ shop, sale, table }: Props & { table: SeatTable }) {
  const { shop: texts, common } = t.value;
  return (
    <ul class="chosen">
      {shop.chosen.value.map((at) => {
        const seat = seatAt(table, at);
        return (
          <li key={seat.id}>
            <span class="num">{say(common.seatShort, { ...seat, row: String(seat.row), num: String(seat.num) })}</span>
            <span class="num">{money(seat.price, sale.price.currency)}</span>
            <button
              type="button"
              class="btn quiet small"
              aria-label={say(texts.remove, { seat: seatName(seat) })}
              onClick={() => pick(shop, sale, at)}
            >
              ×
            </button>
          </li>
        );
      })}
    </ul>
  );
}
