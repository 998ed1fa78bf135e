// Paying for a hold: once, however often it has to be sent.
import { type Signal, signal } from '@preact/signals';
import { ask, type Checkout, type Confirmed, codeOf, type Hold } from '../../shared/api';
import { problemText, t } from '../language';
import { paths } from '../route';
import { keyFor, openWish, settled } from './keys';
import { isDefinite, repeated } from './repeat';
import { findHold, refused, type Shop } from './shop';

export type Card = 'sim_ok' | 'sim_decline';
export type PaymentWish = Omit<Checkout, 'idempotency_key'>;

/** `unknown`: asked several times, and nobody knows; the same wish may be sent again. */
export type Paying = { state: Signal<'ready' | 'paying' | 'asking' | 'unknown'>; problem: Signal<string | undefined> };

export const newPaying = (): Paying => ({ state: signal('ready'), problem: signal(undefined) });

const purposeOf = (hold: Hold) => `checkout:${hold.hold_id}`;

/** What was sent before a reload and has no answer yet. */
export const unanswered = (hold: Hold): PaymentWish | undefined =>
  openWish(sessionStorage, purposeOf(hold)) as PaymentWish | undefined;

export async function pay(shop: Shop, paying: Paying, wish: PaymentWish): Promise<void> {
  const hold = shop.hold.value;
  if (!hold || shop.busy.value) return;
  shop.busy.value = true;
  paying.state.value = 'paying';
  paying.problem.value = undefined;
  shop.note.value = undefined;
  const purpose = purposeOf(hold);
  const body = { ...wish, idempotency_key: keyFor(sessionStorage, purpose, wish) };
  const params = { path: { id: shop.id } };
  const send = () => ask(shop.client.POST('/v1/sales/{id}/checkout', { params, body }));
  const answer = await repeated<Confirmed>(send, () => (paying.state.value = 'asking'));
  if (isDefinite(answer)) settled(sessionStorage, purpose);
  // Leaves busy set: the page is going away.
  if (answer.ok) return location.assign(paths.order(answer.value.order_id));
  shop.busy.value = false;
  paying.state.value = isDefinite(answer) ? 'ready' : 'unknown';
  if (!isDefinite(answer)) return;
  await notPaid(shop, paying, codeOf(answer) ?? '', 'problem' in answer ? answer.problem.message : undefined);
}

async function notPaid(shop: Shop, paying: Paying, code: string, said: string | undefined): Promise<void> {
  if (code === 'hold_expired' || code === 'hold_not_found') {
    shop.hold.value = undefined;
    shop.step.value = 'choose';
    shop.note.value = { tone: 'warn', says: () => t.value.pay.expired };
  } else if (code === 'payment_refunded') {
    shop.hold.value = undefined;
    shop.step.value = 'choose';
    shop.note.value = { tone: 'warn', says: () => problemText(code, said) };
  } else if (code === 'admission_expired' || code === 'admission_used' || code === 'hold_used') refused(shop, code);
  else {
    paying.problem.value = problemText(code, said);
    if (code === 'checkout_in_progress') await findHold(shop);
  }
}
