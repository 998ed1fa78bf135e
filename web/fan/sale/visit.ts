// What the sale page knows: the sale, who is signed in, and the place that this fan has.
import { type Signal, signal } from '@preact/signals';
import { type Answer, api, ask, codeOf, type Me, type SaleFacts, type Status } from '../../shared/api';
import { setServerTime } from '../../shared/clock';

/** The facts are asked for again so often, while the page is looked at: a pause or an end is seen. */
const REFRESH_MS = 20_000;
const REFRESH_JITTER_MS = 10_000;

export type Visit = {
  id: string;
  sale: Signal<SaleFacts | undefined>;
  /** null: nobody is signed in. */
  me: Signal<Me | null | undefined>;
  /** null: no place in this line. */
  place: Signal<Status | null | undefined>;
  /** Why there is no sale to show. */
  problem: Signal<string | undefined>;
};

export function newVisit(id: string): Visit {
  return { id, sale: signal(undefined), me: signal(undefined), place: signal(undefined), problem: signal(undefined) };
}

/** Everything at once; the three questions do not wait for each other. */
export async function arrive(visit: Visit): Promise<void> {
  await Promise.all([loadSale(visit), loadMe(visit), loadPlace(visit)]);
}

export async function loadSale(visit: Visit): Promise<void> {
  const answer = await askSale(visit.id);
  if (answer.ok) {
    visit.sale.value = answer.value;
    visit.problem.value = undefined;
  } else if (!visit.sale.value) visit.problem.value = codeOf(answer);
}

export async function askSale(id: string): Promise<Answer<SaleFacts>> {
  const sentAt = Date.now();
  const answer = await ask(api.GET('/v1/sales/{id}', { params: { path: { id } } }));
  if (answer.ok) setServerTime(answer.value.server_time, sentAt);
  return answer;
}

export async function loadMe(visit: Visit): Promise<void> {
  const answer = await ask(api.GET('/v1/me'));
  if (answer.ok) visit.me.value = answer.value;
  else if (visit.me.value === undefined || codeOf(answer) === 'session_invalid') visit.me.value = null;
}

export async function loadPlace(visit: Visit): Promise<void> {
  const answer = await ask(api.GET('/v1/sales/{id}/waiting-room/status', { params: { path: { id: visit.id } } }));
  if (answer.ok) visit.place.value = answer.value;
  else if (visit.place.value === undefined || codeOf(answer) !== 'unreachable') visit.place.value = null;
}

/** Keeps the facts fresh until the returned function is called. */
export function keepFresh(visit: Visit): () => void {
  let timer = 0;
  const wait = () => REFRESH_MS + Math.random() * REFRESH_JITTER_MS;
  const again = async () => {
    if (!document.hidden) await loadSale(visit);
    timer = window.setTimeout(again, wait());
  };
  const back = () => {
    if (!document.hidden) void loadSale(visit);
  };
  timer = window.setTimeout(again, wait());
  document.addEventListener('visibilitychange', back);
  return () => {
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', back);
  };
}
