// One's own things: asked for by the session, with the way to sign in where there is none.
import { type Signal, useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useCallback, useEffect } from 'preact/hooks';
import { type Answer, codeOf } from '../../shared/api';
import { problemText, t } from '../language';
import { Nothing } from '../parts/Nothing';
import { SignIn } from '../sale/SignIn';

export type Own<T> = { value: Signal<T | undefined>; code: Signal<string | undefined>; load: () => Promise<void> };

/** Asks once the page is there, and again when `load` is called. */
export function useOwn<T>(question: () => Promise<Answer<T>>): Own<T> {
  const value = useSignal<T | undefined>(undefined);
  const code = useSignal<string | undefined>(undefined);
  const load = useCallback(async () => {
    const answer = await question();
    code.value = codeOf(answer);
    if (answer.ok) value.value = answer.value;
  }, []);
  useEffect(() => void load(), []);
  return { value, code, load };
}

const MISSING = ['ticket_not_found', 'order_not_found'];

export function Needed<T>({ own, children }: { own: Own<T>; children: (value: T) => ComponentChildren }) {
  const code = own.code.value;
  if (code === 'session_invalid')
    return (
      <section class="page narrow stack">
        <h1>{t.value.sign.in}</h1>
        <div class="card">
          <SignIn says={t.value.sign.needed} onSignedIn={own.load} />
        </div>
      </section>
    );
  if (own.value.value !== undefined) return <>{children(own.value.value)}</>;
  if (code === undefined) return null;
  if (MISSING.includes(code)) return <Nothing text={problemText(code)} />;
  return (
    <section class="page narrow stack" role="alert">
      <h1>{problemText(code)}</h1>
      <p>
        <button type="button" class="btn" onClick={() => void own.load()}>
          {t.value.common.again}
        </button>
      </p>
    </section>
  );
}
