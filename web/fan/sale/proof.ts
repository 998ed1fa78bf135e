// Gets a challenge from the server and has it solved beside the page, so that nothing stalls.
import { ask, type Challenge } from '../../shared/api';

type Asked = Parameters<typeof ask<Challenge | undefined>>[0];

/** The proof, or undefined where none is needed or none was found. */
export async function proofFor(challenge: Asked): Promise<string | undefined> {
  const answer = await ask(challenge);
  if (!answer.ok || answer.status === 204 || !answer.value) return undefined;
  const number = await solveBeside(answer.value);
  return number === undefined ? undefined : proof(answer.value, number);
}

/** As JSON in base64, in ALTCHA's form. */
export function proof({ algorithm, challenge, salt, signature }: Challenge, number: number): string {
  return btoa(JSON.stringify({ algorithm, challenge, number, salt, signature }));
}

function solveBeside(challenge: Challenge): Promise<number | undefined> {
  const worker = new Worker(new URL('./proof-worker.ts', import.meta.url), { type: 'module' });
  return new Promise<number | undefined>((resolve) => {
    worker.onmessage = (event: MessageEvent<number | undefined>) => resolve(event.data);
    worker.onerror = () => resolve(undefined);
    worker.postMessage(challenge);
  }).finally(() => worker.terminate());
}
