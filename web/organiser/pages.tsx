// The way through a list that comes by pages: on, and back to the beginning. The address keeps the place.
import { texts } from './texts';

export const PAGE_ROWS = 100;

/** Where a page begins: what the page before ended with. */
export const placeInAddress = (): string => new URLSearchParams(location.search).get('after') ?? '';

export function Pages({ next, here }: { next: string | number | null; here: string }) {
  if (next === null && here === '') return null;
  return (
    <nav class="row" aria-label={texts.next}>
      {here !== '' && (
        <a class="btn small" href={location.pathname}>
          {texts.first}
        </a>
      )}
      {next !== null && (
        <a class="btn small" href={`${location.pathname}?after=${encodeURIComponent(String(next))}`}>
          {texts.next}
        </a>
      )}
    </nav>
  );
}
