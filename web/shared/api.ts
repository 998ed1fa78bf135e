// How the pages ask the server. Types come from openapi.json (`npm run types`); a refusal is a value, not an exception.
import createClient from 'openapi-fetch';
import type { Problem, paths } from './api-types';

export type * from './api-types';
export type { paths } from './api-types';

/** Asks with the session's cookie. Headers (an admission, an admin key, a demo key) go with each call or with `withHeaders`. */
export const api = createClient<paths>({ baseUrl: '' });

/** A client that sends these headers with every call. They are asked for anew each time. */
export function withHeaders(headers: () => Record<string, string>) {
  const client = createClient<paths>({ baseUrl: '' });
  client.use({
    onRequest: ({ request }) => {
      for (const [name, value] of Object.entries(headers())) request.headers.set(name, value);
      return request;
    },
  });
  return client;
}

/** What was asked, or why not. `unreachable`: no answer came, so nobody knows whether it happened. */
export type Answer<T> =
  | { ok: true; value: T; status: number }
  | { ok: false; problem: Problem; status: number; retryAfterSec?: number }
  | { ok: false; unreachable: true };

type Fetched<T> = { data?: T; error?: unknown; response: Response };

/** `await ask(api.GET('/v1/sales'))`. Never throws. */
export async function ask<T>(call: Promise<Fetched<T>>): Promise<Answer<T>> {
  let fetched: Fetched<T>;
  try {
    fetched = await call;
  } catch {
    return { ok: false, unreachable: true };
  }
  const { data, error, response } = fetched;
  if (response.ok) return { ok: true, value: data as T, status: response.status };
  const retryAfter = Number(response.headers.get('Retry-After') ?? Number.NaN);
  const answer = { ok: false as const, problem: asProblem(error, response), status: response.status };
  return Number.isFinite(retryAfter) ? { ...answer, retryAfterSec: retryAfter } : answer;
}

/** The code of a refusal, `unreachable` where no answer came, and nothing after a yes. */
export function codeOf(answer: Answer<unknown>): string | undefined {
  if (answer.ok) return undefined;
  return 'unreachable' in answer ? 'unreachable' : answer.problem.code;
}

// A proxy in between may answer with a page of its own.
function asProblem(error: unknown, response: Response): Problem {
  if (typeof error === 'object' && error !== null && 'code' in error) return error as Problem;
  const said = `The server answered ${response.status}.`;
  return {
    type: 'about:blank',
    title: response.statusText,
    status: response.status,
    detail: said,
    message: said,
    code: `http_${response.status}`,
    request_id: '',
  };
}
