// Moves the focus to what is new on the page, so that nobody is left where something has gone.
import type { RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

/** A heading that takes the focus when it appears, but for the first thing on a page that has just been loaded. */
export function useArrival(arrives: boolean): RefObject<HTMLHeadingElement> {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (arrives) heading.current?.focus();
  }, [arrives]);
  return heading;
}

export function title(...words: string[]): void {
  document.title = [...words, 'Traffic'].join(' · ');
}
