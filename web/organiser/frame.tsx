// What is around every page: the way between them, the way out, and the way past both.
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { signOut } from './key';
import { texts } from './texts';

type Props = { title: string; here?: 'sales' | 'new'; children: ComponentChildren };

export function Frame({ title, here, children }: Props) {
  useEffect(() => {
    document.title = `${title} · ${texts.title} · ${texts.brand}`;
  }, [title]);
  const link = (page: 'sales' | 'new', href: string) => (
    <a href={href} aria-current={here === page ? 'page' : undefined}>
      {texts.nav[page]}
    </a>
  );
  return (
    <>
      <a class="skip" href="#content">
        {texts.skip}
      </a>
      <header class="top">
        <div class="wide">
          <a class="brand" href="/organiser">
            {texts.brand} <span>{texts.title}</span>
          </a>
          <nav aria-label={texts.title}>
            {link('sales', '/organiser')}
            {link('new', '/organiser/new')}
          </nav>
          <button type="button" class="btn quiet small" onClick={signOut}>
            {texts.signOut}
          </button>
        </div>
      </header>
      <main class="wide" id="content" tabindex={-1}>
        {children}
      </main>
    </>
  );
}

/** Where a sale stands, as a word with a colour. */
export function PhaseBadge({ phase }: { phase: string }) {
  const kinds: Record<string, string> = { open: 'pass', paused: 'warn', scheduled: 'accent', sold_out: 'accent' };
  return <span class={`badge ${kinds[phase] ?? ''}`}>{texts.phase[phase] ?? phase}</span>;
}

/** What went wrong while something was fetched, and how to ask again. */
export function Trouble({ words, again }: { words: string; again?: () => void }) {
  return (
    <div class="note fail row" role="alert">
      <span>{words}</span>
      {again && (
        <button type="button" class="btn small" onClick={again}>
          {texts.retry}
        </button>
      )}
    </div>
  );
}
