// One visit to the shop: whether this fan is inside, what is held, and what is told meanwhile.
// The admission is asked for with the status, kept in memory alone, and kept fresh by asking again.
import { type Signal, signal } from '@preact/signals';
import { api, ask, codeOf, type Hold, type SaleFacts, type Status, withHeaders } from '../../shared/api';
import { msUntil, setServerTime } from '../../shared/clock';
import { problemText, t } from '../language';
import { paths } from '../route';
import { askSale } from '../sale/visit';
import type { SeatTable } from './seats';

export type Step = 'asking' | 'choose' | 'pay' | 'expired' | 'bought' | 'problem';
export type Note = { tone: 'pass' | 'warn' | 'fail' | 'accent'; says: () => string };

export type Shop = {
  id: string;
  step: Signal<Step>;
  sale: Signal<SaleFacts | undefined>;
  problem: Signal<string | undefined>;
  note: Signal<Note | undefined>;
  /** Until then the fan is inside. */
  deadline: Signal<string | undefined>;
  hold: Signal<Hold | undefined>;
  table: Signal<SeatTable | undefined>;
  /** Counts the changes of the table. */
  changes: Signal<number>;
  chosen: Signal<number[]>;
  stale: Signal<boolean>;
  /** A hold or a payment is under way: nothing else may move the page. */
  busy: Signal<boolean>;
  /** Asks with the admission. */
  client: ReturnType<typeof withHeaders>;
  token: { value: string };
};

const RETRY_MS = 3_000;
const JITTER = 0.2;

export function newShop(id: string): Shop {
  const token = { value: '' };
  return {
    id,
    step: signal<Step>('asking'),
    sale: signal(undefined),
    problem: signal(undefined),
    note: signal(undefined),
    deadline: signal(undefined),
    hold: signal(undefined),
    table: signal(undefined),
    changes: signal(0),
    chosen: signal([]),
    stale: signal(false),
    busy: signal(false),
    client: withHeaders(() => ({ Authorization: `Admission ${token.value}` })),
    token,
  };
}

/** Goes in, and stays in until the returned function is called. */
export function enter(shop: Shop): () => void {
  let timer = 0;
  let stopped = false;
  const again = async (thoroughly: boolean) => {
    clearTimeout(timer);
    const waitMs = await look(shop, thoroughly);
    clearTimeout(timer);
    if (!stopped) timer = window.setTimeout(again, waitMs * (1 + (Math.random() - 0.5) * JITTER), false);
  };
  const back = () => {
    if (!document.hidden) void again(true);
  };
  void askSale(shop.id).then((answer) => {
    if (answer.ok) shop.sale.value = answer.value;
  });
  void again(true);
  document.addEventListener('visibilitychange', back);
  addEventListener('pageshow', back);
  return () => {
    stopped = true;
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', back);
    removeEventListener('pageshow', back);
  };
}

/** Asks how it stands, and answers when to ask again. Thoroughly: whether a hold has come or gone elsewhere, too. */
async function look(shop: Shop, thoroughly: boolean): Promise<number> {
  const sentAt = Date.now();
  const answer = await ask(api.GET('/v1/sales/{id}/waiting-room/status', { params: { path: { id: shop.id } } }));
  if (answer.ok) {
    setServerTime(answer.value.server_time, sentAt);
    await stand(shop, answer.value, thoroughly);
    return answer.value.retry_after_ms;
  }
  const code = codeOf(answer) ?? 'unreachable';
  if (code === 'session_invalid' || code === 'not_in_queue') away(shop, `${paths.sale(shop.id)}?problem=${code}`);
  else if (shop.step.value === 'asking' || shop.step.value === 'problem') {
    shop.problem.value = code;
    shop.step.value = 'problem';
  }
  const wait = 'retryAfterSec' in answer ? (answer.retryAfterSec ?? 0) * 1_000 : 0;
  return Math.max(RETRY_MS, wait);
}

async function stand(shop: Shop, status: Status, thoroughly: boolean): Promise<void> {
  shop.deadline.value = status.deadline ?? undefined;
  if (status.admitted && status.admission_token) {
    shop.token.value = status.admission_token;
    if ((thoroughly || !settledIn(shop)) && !shop.busy.value) await findHold(shop);
  } else if (shop.busy.value) {
    // What is under way says itself how it ended.
  } else if (status.state === 'bought') shop.step.value = 'bought';
  else if (status.state === 'expired') shop.step.value = 'expired';
  else if (status.state === 'left') away(shop, paths.sale(shop.id));
  else away(shop, paths.line(shop.id));
}

/** Known to choose, or to hold seats whose time is not over. */
function settledIn(shop: Shop): boolean {
  const hold = shop.hold.value;
  return hold ? msUntil(hold.expires_at) > 0 : shop.step.value === 'choose';
}

/** A hold may have been placed in another tab, or before a reload; or it is over. */
export async function findHold(shop: Shop): Promise<void> {
  const answer = await ask(shop.client.GET('/v1/sales/{id}/holds', { params: { path: { id: shop.id } } }));
  if (shop.busy.value) return;
  if (answer.ok) {
    if (shop.step.value === 'choose') shop.note.value = { tone: 'accent', says: () => t.value.pay.adopted };
    adopt(shop, answer.value);
  } else if (codeOf(answer) === 'hold_not_found') lose(shop);
}

export function adopt(shop: Shop, hold: Hold): void {
  const known = shop.hold.value;
  if (known?.hold_id !== hold.hold_id || known.expires_at !== hold.expires_at) shop.hold.value = hold;
  shop.chosen.value = [];
  shop.step.value = 'pay';
}

function lose(shop: Shop): void {
  if (shop.step.value === 'pay') shop.note.value = { tone: 'warn', says: () => t.value.pay.expired };
  shop.hold.value = undefined;
  shop.step.value = 'choose';
}

/** Says what was refused; where the fan is not inside any more, the page says so. */
export function refused(shop: Shop, code: string, said?: string): void {
  if (code === 'admission_expired') shop.step.value = 'expired';
  else if (code === 'admission_used' || code === 'hold_used') shop.step.value = 'bought';
  else shop.note.value = { tone: 'fail', says: () => problemText(code, said) };
}

function away(shop: Shop, to: string): void {
  shop.step.value = 'asking';
  location.replace(to);
}
