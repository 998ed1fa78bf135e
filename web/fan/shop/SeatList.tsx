// The same seats as a table, row by row: for the keyboard, for screen readers, and for whoever likes it better.
import { useSignal } from '@preact/signals';
import type { SaleFacts } from '../../shared/api';
import { money, say, t } from '../language';
import { seatName } from './live';
import { freeRows, type RowFacts, type SeatTable, seatAt } from './seats';
import type { Shop } from './shop';

const ROWS_AT_ONCE = 25;

type Props = { shop: Shop; sale: SaleFacts; table: SeatTable; onSeat: (seat: number) => void };

const keyOf = (row: RowFacts): string => `${row.section}-${row.row}-${row.price}`;

export function SeatList({ shop, sale, table, onSeat }: Props) {
  const { shop: texts } = t.value;
  const section = useSignal<number | undefined>(undefined);
  const price = useSignal<number | undefined>(undefined);
  const most = useSignal(ROWS_AT_ONCE);
  const open = useSignal<string | undefined>(undefined);
  const rows = shop.changes.value >= 0 ? freeRows(table, section.value, price.value) : [];
  const shown = rows.slice(0, most.value);
  const rowProps = { shop, sale, table, onSeat, open };
  return (
    <div class="stack tight">
      <div class="filters">
        <Filter
          id="list-section"
          label={texts.section}
          any={texts.anySection}
          options={table.sections.map((name, index) => [index, name])}
          onPick={(picked) => (section.value = picked)}
        />
        <Filter
          id="list-price"
          label={texts.filterPrice}
          any={texts.anyPrice}
          options={prices(table).map((one) => [one, money(one, sale.price.currency)])}
          onPick={(picked) => (price.value = picked)}
        />
      </div>
      {rows.length === 0 && <p class="note">{texts.nothingFree}</p>}
      {rows.length > 0 && (
        <table class="rows">
          <caption class="sr-only">{texts.seats}</caption>
          <thead>
            <tr>
              <th scope="col">{texts.section}</th>
              <th scope="col" class="n">
                {texts.row}
              </th>
              <th scope="col" class="n">
                {texts.price}
              </th>
              <th scope="col" class="n">
                {texts.seats}
              </th>
              <th scope="col">
                <span class="sr-only">{texts.pick}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <Row key={keyOf(row)} row={row} {...rowProps} />
            ))}
          </tbody>
        </table>
      )}
      {rows.length > shown.length && (
        <p class="row">
          <button type="button" class="btn" onClick={() => (most.value += ROWS_AT_ONCE)}>
            {t.value.common.more}
          </button>
          <span class="small soft num">{say(texts.rowsShown, { shown: shown.length, count: rows.length })}</span>
        </p>
      )}
    </div>
  );
}

const prices = (table: SeatTable): number[] => [...new Set(table.price)].sort((a, b) => a - b);

type FilterProps = {
  id: string;
  label: string;
  any: string;
  options: [number, string][];
  onPick: (value: number | undefined) => void;
};

function Filter({ id, label, any, options, onPick }: FilterProps) {
  const pick = (text: string) => onPick(text === '' ? undefined : Number(text));
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} class="input" onChange={(event) => pick(event.currentTarget.value)}>
        <option value="">{any}</option>
        {options.map(([value, name]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </select>
    </div>
  );
}

type RowProps = Props & { row: RowFacts; open: { value: string | undefined } };

function Row({ row, shop, sale, table, onSeat, open }: RowProps) {
  const { shop: texts } = t.value;
  const name = table.sections[row.section] ?? '';
  const isOpen = open.value === keyOf(row);
  const toggle = () => {
    open.value = isOpen ? undefined : keyOf(row);
  };
  return (
    <>
      <tr>
        <th scope="row">{name}</th>
        <td class="n">{row.row}</td>
        <td class="n">{money(row.price, sale.price.currency)}</td>
        <td class="n">{row.free.length}</td>
        <td class="n">
          <button
            type="button"
            class="btn small"
            aria-expanded={isOpen}
            aria-label={isOpen ? texts.closeRow : say(texts.pickIn, { section: name, row: String(row.row) })}
            onClick={toggle}
          >
            {isOpen ? texts.closeRow : texts.pick}
          </button>
        </td>
      </tr>
      {isOpen && (
        <tr class="open-row">
          <td colSpan={5}>
            <Seats row={row} shop={shop} table={table} onSeat={onSeat} />
          </td>
        </tr>
      )}
    </>
  );
}

function Seats({ row, shop, table, onSeat }: { row: RowFacts } & Pick<Props, 'shop' | 'table' | 'onSeat'>) {
  return (
    <fieldset class="seat-boxes">
      <legend class="sr-only">{t.value.shop.seats}</legend>
      {row.free.map((at) => {
        const seat = seatAt(table, at);
        return (
          <label key={seat.id} class="seat-box num">
            <input
              type="checkbox"
              checked={shop.chosen.value.includes(at)}
              aria-label={seatName(seat)}
              onChange={(event) => {
                onSeat(at);
                // What was refused stays unticked.
                event.currentTarget.checked = shop.chosen.value.includes(at);
              }}
            />
            <span class="seat-face">{seat.num}</span>
          </label>
        );
      })}
    </fieldset>
  );
}
