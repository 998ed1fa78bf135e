// The quick way: so many seats together, the best that are left.
import { useSignal } from '@preact/signals';
import type { SaleFacts } from '../../shared/api';
import { money, say, t } from '../language';
import { place } from './holding';
import { type SectionFacts, sectionFacts } from './seats';
import type { Shop } from './shop';

export function Best({ shop, sale }: { shop: Shop; sale: SaleFacts }) {
  const { shop: texts } = t.value;
  const cap = sale.max_tickets_per_user;
  const quantity = useSignal(Math.min(2, cap));
  const section = useSignal('');
  // Reading the count of changes draws anew when seats come or go.
  const sections = shop.changes.value >= 0 && shop.table.value ? sectionFacts(shop.table.value) : [];
  const hold = (event: Event) => {
    event.preventDefault();
    const wanted = section.value === '' ? {} : { section: section.value };
    void place(shop, { best_available: { quantity: quantity.value, ...wanted } });
  };
  const change = (by: number) => {
    quantity.value = Math.min(cap, Math.max(1, quantity.value + by));
  };
  return (
    <form class="card best stack" onSubmit={hold}>
      <div class="stack tight">
        <h2>{texts.best}</h2>
        <p class="small soft">{texts.bestHint}</p>
      </div>
      <div class="best-wish">
        <fieldset class="field">
          <legend>{texts.howMany}</legend>
          <div class="stepper">
            <button
              type="button"
              class="btn"
              aria-label={texts.fewer}
              aria-disabled={quantity.value <= 1}
              onClick={() => change(-1)}
            >
              −
            </button>
            <output class="num" aria-live="polite">
              {quantity.value}
            </output>
            <button
              type="button"
              class="btn"
              aria-label={texts.moreTickets}
              aria-disabled={quantity.value >= cap}
              onClick={() => change(1)}
            >
              +
            </button>
          </div>
        </fieldset>
        <div class="field">
          <label for="best-section">{texts.section}</label>
          <select
            id="best-section"
            class="input"
            value={section.value}
            onChange={(event) => (section.value = event.currentTarget.value)}
          >
            <option value="">{texts.anySection}</option>
            {sections.map((one) => (
              <option key={one.name} value={one.name} disabled={one.free === 0}>
                {one.name} · {money(one.min, sale.price.currency)}
              </option>
            ))}
          </select>
        </div>
      </div>
      <p class="best-total num">
        <span class="soft">{texts.total}</span>{' '}
        <strong>{priceOf(sale, quantity.value, section.value, sections)}</strong>
      </p>
      <button
        type="submit"
        class={shop.chosen.value.length > 0 ? 'btn large' : 'btn primary large'}
        aria-disabled={shop.busy.value}
      >
        {shop.busy.value ? texts.holding : texts.holdBest}
      </button>
    </form>
  );
}

/** Exact for a section of one price; else from the cheapest to the dearest. */
export function priceOf(sale: SaleFacts, quantity: number, section: string, sections: SectionFacts[]): string {
  const chosen = sections.find((one) => one.name === section);
  const { min, max } = chosen ?? sale.price;
  const from = money(min * quantity, sale.price.currency);
  if (min === max) return from;
  return say(t.value.shop.totalRange, { from, to: money(max * quantity, sale.price.currency) });
}
