// The held seats, who comes, and the payment: one press, once, safe to repeat.
import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { Hold, SaleFacts } from '../../shared/api';
import { money, say, t } from '../language';
import { Field, focusWrong } from '../parts/Field';
import { useArrival } from '../parts/focus';
import { giveBack } from './holding';
import { type Card, newPaying, type Paying, type PaymentWish, pay, unanswered } from './paying';
import { Left, Told } from './SeatsPage';
import { seatOf } from './seat-id';
import type { Shop } from './shop';

const NAME_CHARS_MAX = 100;

type Props = { shop: Shop; sale: SaleFacts };

export function Checkout({ shop, sale }: Props) {
  const hold = shop.hold.value;
  return hold ? <Held key={hold.hold_id} shop={shop} sale={sale} hold={hold} /> : null;
}

const nameOf = (id: string): string => say(t.value.common.seat, seatOf(id));

function Held({ shop, sale, hold }: Props & { hold: Hold }) {
  const texts = t.value.pay;
  const heading = useArrival(true);
  const paying = useMemo(newPaying, []);
  const wish = useMemo(() => unanswered(hold), []);
  const names = useSignal<string[]>(hold.seat_ids.map((_, at) => wish?.attendees?.[at] ?? ''));
  const card = useSignal<Card>(wish?.payment?.token === 'sim_decline' ? 'sim_decline' : 'sim_ok');
  useEffect(() => {
    if (!wish) return;
    shop.note.value = { tone: 'accent', says: () => t.value.pay.resumed };
    void pay(shop, paying, wish);
  }, []);
  return (
    <div class="page pay">
      <div class="choose-head">
        <div>
          <p class="eyebrow">{sale.event.name}</p>
          <h1 ref={heading} tabIndex={-1}>
            {texts.title}
          </h1>
        </div>
        <Left until={hold.expires_at} label={texts.timeLeft} />
      </div>
      <Told shop={shop} />
      <PayForm shop={shop} hold={hold} paying={paying} names={names} card={card} />
      <aside class="card stack held">
        <h2>{texts.held}</h2>
        <ul class="held-seats num">
          {hold.seat_ids.map((id) => (
            <li key={id}>{say(t.value.common.seatShort, seatOf(id))}</li>
          ))}
        </ul>
        <p class="held-total">
          <span>
            {t.value.shop.total}
            <span class="more">{t.value.shop.allIn}</span>
          </span>
          <strong class="num">{money(hold.total, hold.currency)}</strong>
        </p>
        <GiveBack shop={shop} />
      </aside>
    </div>
  );
}

type FormProps = { shop: Shop; hold: Hold; paying: Paying; names: Signal<string[]>; card: Signal<Card> };

function PayForm({ shop, hold, paying, names, card }: FormProps) {
  const texts = t.value.pay;
  const form = useRef<HTMLFormElement>(null);
  const checked = useSignal(false);
  const submit = (event: Event) => {
    event.preventDefault();
    if (paying.state.value !== 'ready' || shop.busy.value) return;
    checked.value = true;
    if (names.value.some((name) => nameProblem(name))) return focusWrong(form.current);
    void pay(shop, paying, wishOf(hold, names.value, card.value));
  };
  const rename = (at: number, name: string) => {
    names.value = names.value.map((other, i) => (i === at ? name : other));
  };
  return (
    <form class="stack pay-form" ref={form} noValidate onSubmit={submit}>
      <fieldset class="card stack" disabled={paying.state.value !== 'ready'}>
        <legend class="sr-only">{texts.names}</legend>
        <div class="stack tight">
          <h2>{texts.names}</h2>
          <p class="small soft">{texts.namesHint}</p>
        </div>
        {hold.seat_ids.map((id, at) => (
          <Field
            key={id}
            name={`name-${at}`}
            label={say(texts.name, { seat: nameOf(id) })}
            value={names.value[at] ?? ''}
            onValue={(name) => rename(at, name)}
            wrong={checked.value ? nameProblem(names.value[at] ?? '') : undefined}
            autocomplete={at === 0 ? 'name' : 'off'}
          />
        ))}
      </fieldset>
      <Cards card={card} disabled={paying.state.value !== 'ready'} />
      <State shop={shop} hold={hold} paying={paying} />
      {paying.state.value !== 'unknown' && (
        <button type="submit" class="btn primary large" aria-disabled={paying.state.value !== 'ready'}>
          {paying.state.value === 'ready'
            ? say(texts.button, { total: money(hold.total, hold.currency) })
            : texts.paying}
        </button>
      )}
    </form>
  );
}

const wishOf = (hold: Hold, names: string[], token: Card): PaymentWish => ({
  hold_id: hold.hold_id,
  attendees: names.map((name) => name.trim()),
  payment: { token },
});

function nameProblem(name: string): string | undefined {
  const texts = t.value.pay;
  const chars = [...name.trim()].length;
  if (chars === 0) return texts.nameMissing;
  return chars > NAME_CHARS_MAX ? texts.nameLong : undefined;
}

function Cards({ card, disabled }: { card: Signal<Card>; disabled: boolean }) {
  const texts = t.value.pay;
  const cards: [Card, string][] = [
    ['sim_ok', texts.card],
    ['sim_decline', texts.declinedCard],
  ];
  return (
    <fieldset class="card stack" disabled={disabled}>
      <legend class="sr-only">{texts.payment}</legend>
      <div class="stack tight">
        <h2>{texts.payment}</h2>
        <p class="small soft">{texts.paymentHint}</p>
      </div>
      <div class="cards">
        {cards.map(([token, label]) => (
          <label key={token} class="radio-card">
            <input type="radio" name="card" checked={card.value === token} onChange={() => (card.value = token)} />
            <span>{label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

/** What the payment is doing, and the way on when nobody knows. */
function State({ shop, hold, paying }: { shop: Shop; hold: Hold; paying: Paying }) {
  const texts = t.value.pay;
  const state = paying.state.value;
  const again = () => {
    const wish = unanswered(hold);
    if (wish) void pay(shop, paying, wish);
  };
  return (
    <>
      <div role="status">{state === 'asking' && <p class="note accent">{texts.asking}</p>}</div>
      <div role="alert" class="stack">
        {paying.problem.value && <p class="note fail">{paying.problem.value}</p>}
        {state === 'unknown' && <p class="note warn">{texts.unknown}</p>}
      </div>
      {state === 'unknown' && (
        <button type="button" class="btn primary large" onClick={again}>
          {texts.askAgain}
        </button>
      )}
    </>
  );
}

function GiveBack({ shop }: { shop: Shop }) {
  const texts = t.value.pay;
  const asked = useSignal(false);
  if (!asked.value)
    return (
      <button type="button" class="btn quiet" aria-disabled={shop.busy.value} onClick={() => (asked.value = true)}>
        {texts.release}
      </button>
    );
  return (
    <div class="stack tight" role="alert">
      <p>{texts.releaseSure}</p>
      <div class="row">
        <button type="button" class="btn danger" onClick={() => void giveBack(shop)}>
          {texts.releaseYes}
        </button>
        <button type="button" class="btn" onClick={() => (asked.value = false)}>
          {texts.releaseNo}
        </button>
      </div>
    </div>
  );
}
