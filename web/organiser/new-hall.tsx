// The hall: sections with rows, seats and a price, or so many places at one price.
import { useMemo, useRef } from 'preact/hooks';
import { type DraftSection, emptySection, wholeNumber } from './draft';
import { Field, idOf } from './field';
import type { Parts } from './new';
import { texts } from './texts';

export function Hall(parts: Parts) {
  const { draft, wrong, set } = parts;
  const kind = (by_sections: boolean, label: string) => (
    <label class="choice">
      <input
        type="radio"
        name="hall"
        checked={draft.by_sections === by_sections}
        onChange={() => set({ by_sections })}
      />
      {label}
    </label>
  );
  return (
    <fieldset class="card stack">
      <legend>{texts.new.hall}</legend>
      <div class="row between">
        <div class="row">
          {kind(true, texts.new.bySections)}
          {kind(false, texts.new.plain)}
        </div>
        <Currency {...parts} />
      </div>
      {wrong['seating'] && (
        <p class="note fail" role="alert">
          {wrong['seating']}
        </p>
      )}
      {draft.by_sections ? <Sections {...parts} /> : <Plain {...parts} />}
    </fieldset>
  );
}

function Currency({ draft, wrong, set }: Parts) {
  const names = useMemo(() => new Intl.DisplayNames('en', { type: 'currency' }), []);
  return (
    <Field name="currency" label={texts.new.currency} wrong={wrong['currency']} class="inline">
      {(said) => (
        <select
          class="input"
          value={draft.currency}
          onChange={(e) => set({ currency: e.currentTarget.value })}
          {...said}
        >
          {Intl.supportedValuesOf('currency').map((code) => (
            <option key={code} value={code}>
              {code} · {names.of(code)}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

function Plain({ draft, wrong, set }: Parts) {
  const text = (name: 'total_seats' | 'price', label: string) => (
    <Field name={name} label={label} wrong={wrong[name]}>
      {(said) => (
        <input
          class="input num"
          inputMode="decimal"
          value={draft[name]}
          onInput={(e) => set({ [name]: e.currentTarget.value })}
          {...said}
        />
      )}
    </Field>
  );
  return (
    <div class="fields">
      {text('total_seats', texts.new.totalSeats)}
      {text('price', texts.new.priceEach)}
    </div>
  );
}

function Sections({ draft, wrong, set }: Parts) {
  const list = useRef<HTMLOListElement>(null);
  const add = () => {
    set({ seating: [...draft.seating, emptySection()] });
    const field = idOf(`seating[${draft.seating.length}].section`);
    requestAnimationFrame(() => document.getElementById(field)?.focus());
  };
  const remove = (index: number) => {
    set({ seating: draft.seating.filter((_, at) => at !== index) });
    requestAnimationFrame(() => list.current?.querySelector<HTMLElement>('input')?.focus());
  };
  const change = (index: number, part: Partial<DraftSection>) =>
    set({ seating: draft.seating.map((one, at) => (at === index ? { ...one, ...part } : one)) });
  return (
    <>
      <ol class="sections" ref={list}>
        {draft.seating.map((one, index) => {
          const field = (key: keyof DraftSection, name: string, label: string) => (
            <Field name={`seating[${index}].${name}`} label={label} wrong={wrong[`seating[${index}].${name}`]}>
              {(said) => (
                <input
                  class={`input ${key === 'section' ? '' : 'num'}`}
                  inputMode={key === 'section' ? 'text' : 'decimal'}
                  value={one[key]}
                  onInput={(e) => change(index, { [key]: e.currentTarget.value })}
                  {...said}
                />
              )}
            </Field>
          );
          return (
            // Sections have no name but their place until they are sent.
            <li key={index}>
              {field('section', 'section', texts.new.section)}
              {field('rows', 'rows', texts.new.rows)}
              {field('seats', 'seats_per_row', texts.new.seatsPerRow)}
              {field('price', 'price', texts.new.price)}
              <div class="section-end">
                <span class="soft small num">{texts.new.seatsOf(seatsIn(one))}</span>
                {draft.seating.length > 1 && (
                  <button
                    type="button"
                    class="btn quiet small"
                    aria-label={texts.new.removeSection(one.section)}
                    onClick={() => remove(index)}
                  >
                    ×
                  </button>
                )}
              </div>
            </li>
          );
        })}
      </ol>
      <div>
        <button type="button" class="btn small" onClick={add}>
          {texts.new.addSection}
        </button>
      </div>
    </>
  );
}

const seatsIn = (one: DraftSection): number => (wholeNumber(one.rows) ?? 0) * (wholeNumber(one.seats) ?? 0);
