// The admin key of this tab, and how the server is asked with it.
import { signal } from '@preact/signals';
import { type Answer, ask, codeOf, withHeaders } from '../shared/api';
import { texts } from './texts';

const KEPT_AS = 'traffic_admin_key';

export const key = signal(sessionStorage.getItem(KEPT_AS) ?? '');
/** Why the key is asked for again. */
export const keyEnded = signal(false);

/** Asks with the key of this tab. */
export const operator = withHeaders(() => ({ 'X-Admin-Key': key.value }));

export function keepKey(typed: string): void {
  sessionStorage.setItem(KEPT_AS, typed);
  keyEnded.value = false;
  key.value = typed;
}

export function signOut(): void {
  sessionStorage.removeItem(KEPT_AS);
  key.value = '';
}

/** As `ask`; a key that is no longer taken is asked for again. */
export async function asked<T>(call: Parameters<typeof ask<T>>[0]): Promise<Answer<T>> {
  const answer = await ask(call);
  if (codeOf(answer) === 'admin_key_invalid' && key.value !== '') {
    signOut();
    keyEnded.value = true;
  }
  return answer;
}

/** Nothing where the key is right, else what is wrong in words. */
export async function tryKey(typed: string): Promise<string | undefined> {
  // A header takes no other characters, and no key of a server has them.
  if (!/^[\x21-\x7e]+$/.test(typed)) return texts.gate.wrong;
  const client = withHeaders(() => ({ 'X-Admin-Key': typed }));
  const answer = await ask(client.GET('/v1/admin/server'));
  if (codeOf(answer) === 'admin_key_invalid') return texts.gate.wrong;
  return answer.ok ? undefined : inWords(answer);
}

/** Why not, for people. Most problems say it themselves. */
export function inWords(answer: Answer<unknown>): string {
  if (answer.ok) return '';
  if ('unreachable' in answer) return texts.say.unreachable;
  if (answer.problem.code === 'outcome_unknown') return texts.say.unknown;
  const { retryAfterSec } = answer;
  return [answer.problem.detail, retryAfterSec && texts.say.later(retryAfterSec)].filter(Boolean).join(' ');
}
