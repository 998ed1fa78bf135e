// Something fetched when a page opens: there, on its way, or why not.
import { useCallback, useEffect, useState } from 'preact/hooks';
import type { Answer } from '../shared/api';
import { inWords } from './key';

export type Fetched<T> = { value?: T; trouble?: string; again: () => void };

/** Asks again whenever `on` changes; an answer to an older question is dropped. */
export function useFetched<T>(call: () => Promise<Answer<T>>, on: readonly unknown[]): Fetched<T> {
  const [state, setState] = useState<{ value?: T; trouble?: string }>({});
  const [times, setTimes] = useState(0);
  useEffect(() => {
    let current = true;
    setState({});
    call().then((answer) => {
      if (current) setState(answer.ok ? { value: answer.value } : { trouble: inWords(answer) });
    });
    return () => {
      current = false;
    };
    // `call` is new at each rendering; `on` says when it asks for something else.
  }, [...on, times]);
  const again = useCallback(() => setTimes((n) => n + 1), []);
  return { ...state, again };
}
