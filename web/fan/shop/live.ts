// The seats: the whole hall once, then what has changed, for as long as somebody chooses.
import { ask, codeOf } from '../../shared/api';
import { say, t } from '../language';
import { merge, seatAt, seatTable } from './seats';
import { kept } from './selection';
import type { Shop } from './shop';

/** Changes are asked for this often; half of it at random, so that a crowd does not ask at once. */
const EVERY_MS = 2_000;
const JITTER_MS = 1_000;
const RETRY_MS = 4_000;

/** Follows the hall until the returned function is called. */
export function follow(shop: Shop): () => void {
  let timer = 0;
  let stopped = false;
  let version: string | undefined;
  const next = (ms: number) => {
    if (!stopped) timer = window.setTimeout(again, ms);
  };
  const again = async () => {
    clearTimeout(timer);
    // Nobody looks; the next look asks for all that happened meanwhile.
    if (document.hidden) return next(EVERY_MS);
    const since = shop.table.value && version;
    if (!since) performance.mark('seat-map-asked');
    const answer = await ask(
      shop.client.GET('/v1/sales/{id}/seats', { params: { path: { id: shop.id }, query: since ? { since } : {} } }),
    );
    if (stopped) return;
    shop.stale.value = !answer.ok;
    if (answer.ok) {
      version = answer.value.version;
      const changed = shop.table.value && merge(shop.table.value, answer.value);
      if (!changed && !answer.value.complete) version = undefined;
      else if (!changed) {
        shop.table.value = seatTable(answer.value.seats);
        shop.chosen.value = [];
      } else if (changed.length > 0) tell(shop);
      next(EVERY_MS + Math.random() * JITTER_MS);
    } else next(codeOf(answer)?.startsWith('admission') ? EVERY_MS : RETRY_MS);
  };
  void again();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

/** Draws anew; a chosen seat that has gone to somebody else is said. */
function tell(shop: Shop): void {
  const table = shop.table.value;
  if (!table) return;
  shop.changes.value++;
  if (shop.busy.value) return;
  const { chosen, lost } = kept(table, shop.chosen.value);
  const [first] = lost;
  if (first === undefined) return;
  shop.chosen.value = chosen;
  const seat = seatAt(table, first);
  shop.note.value = { tone: 'warn', says: () => say(t.value.shop.lost, { seat: seatName(seat) }) };
}

export function seatName({ section, row, num }: { section: string; row: number; num: number }): string {
  return say(t.value.common.seat, { section, row: String(row), num: String(num) });
}
