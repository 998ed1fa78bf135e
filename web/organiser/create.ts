// Makes the event and its sale. The same form sent twice makes one sale: its keys are kept until the answer is definite.
import { type Answer, codeOf } from '../shared/api';
import type { Plan, Wrong } from './draft';
import { asked, inWords, operator } from './key';

export type Created = { sale: string; event: string } | { wrong: Wrong } | { trouble: string };

/** The key of exactly this request; another one as soon as anything in it differs. */
function keyFor(what: 'event' | 'sale', body: unknown): string {
  const name = `traffic_new_${what}`;
  const said = JSON.stringify(body);
  const kept: unknown = JSON.parse(sessionStorage.getItem(name) ?? 'null');
  if (isKept(kept) && kept.said === said) return kept.key;
  const key = [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');
  sessionStorage.setItem(name, JSON.stringify({ said, key }));
  return key;
}

const isKept = (value: unknown): value is { said: string; key: string } =>
  typeof value === 'object' && value !== null && 'said' in value && 'key' in value && typeof value.key === 'string';

export async function create(plan: Plan, eventId: string): Promise<Created> {
  let event = eventId;
  if (event === '') {
    const body = { ...plan.event, idempotency_key: keyFor('event', plan.event) };
    const answer = await asked(operator.POST('/v1/admin/events', { body }));
    if (!answer.ok) return refused(answer);
    event = answer.value.event_id;
  }
  const sale = { ...plan.sale, event_id: event };
  const body = { ...sale, idempotency_key: keyFor('sale', sale) };
  const answer = await asked(operator.POST('/v1/admin/sales', { body }));
  if (!answer.ok) return refused(answer);
  for (const what of ['event', 'sale']) sessionStorage.removeItem(`traffic_new_${what}`);
  return { sale: answer.value.sale_id, event };
}

/** A refusal that names a field is shown there. */
function refused(answer: Answer<unknown>): Created {
  const field = codeOf(answer) === 'invalid_field' && 'problem' in answer ? answer.problem.field : undefined;
  const words = inWords(answer);
  return field ? { wrong: { [field]: words } } : { trouble: words };
}
