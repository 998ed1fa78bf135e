// Asks again while nobody knows whether it happened. The same key makes that safe.
import { type Answer, codeOf } from '../../shared/api';

const TRIES = 5;
const PAUSE_MS = 800;

/** Whether the server has said for certain what happened. A proxy's page and a full lane are no such answers. */
export function isDefinite(answer: Answer<unknown>): boolean {
  const code = codeOf(answer);
  if (code === undefined) return true;
  if (code === 'unreachable' || code === 'outcome_unknown' || code.startsWith('http_5')) return false;
  return !['overloaded', 'draining', 'starting'].includes(code);
}

type Pause = (ms: number) => Promise<void>;
const sleep: Pause = (ms) => new Promise((wake) => setTimeout(wake, ms));

/** The definite answer, or the last one after some tries. `again` is told before each repeat. */
export async function repeated<T>(
  ask: () => Promise<Answer<T>>,
  again: () => void = () => undefined,
  pause: Pause = sleep,
): Promise<Answer<T>> {
  for (let tries = 1; ; tries++) {
    const answer = await ask();
    if (isDefinite(answer) || tries >= TRIES) return answer;
    again();
    const wanted = 'retryAfterSec' in answer ? (answer.retryAfterSec ?? 0) * 1_000 : 0;
    await pause(Math.max(wanted, PAUSE_MS * tries));
  }
}
