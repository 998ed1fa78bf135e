// Holding seats, and giving them back.
import { ask, codeOf, type Wish } from '../../shared/api';
import { t } from '../language';
import { keyFor, settled } from './keys';
import { isDefinite, repeated } from './repeat';
import { adopt, findHold, refused, type Shop } from './shop';

/** Holds these seats or the best ones. Sent again with the same key until it is known what happened. */
export async function place(shop: Shop, wish: Omit<Wish, 'idempotency_key'>): Promise<void> {
  if (shop.busy.value) return;
  shop.busy.value = true;
  shop.note.value = undefined;
  const purpose = `hold:${shop.id}`;
  const body = { ...wish, idempotency_key: keyFor(sessionStorage, purpose, wish) };
  const path = { id: shop.id };
  const answer = await repeated(() => ask(shop.client.POST('/v1/sales/{id}/holds', { params: { path }, body })));
  if (isDefinite(answer)) settled(sessionStorage, purpose);
  shop.busy.value = false;
  if (answer.ok) return adopt(shop, answer.value);
  const code = codeOf(answer) ?? 'unreachable';
  // Seats are held already: in another tab, or by a request whose answer was lost.
  if (code === 'active_hold_exists' || !isDefinite(answer)) await findHold(shop);
  if (code !== 'active_hold_exists') refused(shop, code, 'problem' in answer ? answer.problem.message : undefined);
}

export async function giveBack(shop: Shop): Promise<void> {
  const hold = shop.hold.value;
  if (!hold || shop.busy.value) return;
  shop.busy.value = true;
  const path = { id: shop.id, hold_id: hold.hold_id };
  const answer = await repeated(() => ask(shop.client.DELETE('/v1/sales/{id}/holds/{hold_id}', { params: { path } })));
  shop.busy.value = false;
  const code = codeOf(answer);
  if (code === undefined || code === 'hold_not_found') {
    shop.hold.value = undefined;
    shop.step.value = 'choose';
    shop.note.value = { tone: 'pass', says: () => t.value.pay.released };
  } else refused(shop, code);
}
