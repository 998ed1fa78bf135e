// Takes a place in line. Safe to repeat: who has a place gets the same one.
import { type Answer, api, ask, codeOf } from '../../shared/api';
import { proofFor } from './proof';

const TRIES = 4;
const PAUSE_MS = 700;

export type Refused = { code: string; said?: string; wait?: number };

/** Undefined once there is a place. `working` is called when a sum must be solved first. */
export async function join(id: string, working: () => void): Promise<Refused | undefined> {
  let proof: string | undefined;
  let refused: Refused = { code: 'unreachable' };
  for (let tries = 0; tries < TRIES; tries++) {
    const answer = await post(id, proof);
    if (answer.ok) return undefined;
    refused = told(answer);
    if (refused.code.startsWith('proof_of_work_')) {
      working();
      proof = await proofFor(api.GET('/v1/sales/{id}/waiting-room/challenge', { params: { path: { id } } }));
    } else if (refused.code === 'unreachable' || refused.code === 'outcome_unknown') {
      await new Promise((wake) => setTimeout(wake, PAUSE_MS * (1 + Math.random())));
    } else return refused;
  }
  return refused;
}

const post = (id: string, proof: string | undefined) =>
  ask(
    api.POST('/v1/sales/{id}/waiting-room/join', {
      params: { path: { id } },
      headers: proof ? { 'X-Proof-Of-Work': proof } : {},
    }),
  );

function told(answer: Answer<unknown>): Refused {
  const code = codeOf(answer) ?? 'unreachable';
  if (answer.ok || 'unreachable' in answer) return { code };
  const said = { code, said: answer.problem.message };
  return code === 'room_full' && answer.retryAfterSec ? { ...said, wait: answer.retryAfterSec } : said;
}
