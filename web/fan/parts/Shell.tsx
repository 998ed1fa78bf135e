// What surrounds every page of a fan: the name, the way to one's tickets, and the languages.
import type { ComponentChildren } from 'preact';
import { choose, LANGUAGES, type Language, language, t } from '../language';
import { paths } from '../route';

export function Shell({ children }: { children: ComponentChildren }) {
  const { common } = t.value;
  return (
    <>
      <a class="skip" href="#content">
        {common.skip}
      </a>
      <header class="top">
        <a class="brand" href={paths.sales}>
          <Mark />
          Traffic
        </a>
        <nav>
          <a href={paths.tickets}>{common.tickets}</a>
        </nav>
      </header>
      <main id="content" tabIndex={-1}>
        {children}
      </main>
      <Foot />
    </>
  );
}

const Mark = () => (
  <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
    <circle cx="6" cy="16" r="4" opacity=".4" />
    <circle cx="16" cy="16" r="4" opacity=".7" />
    <circle class="first" cx="26" cy="16" r="4" />
  </svg>
);

function Foot() {
  const names = Object.entries(LANGUAGES) as [Language, string][];
  return (
    <footer class="foot">
      <fieldset class="languages">
        <legend class="sr-only">{t.value.common.language}</legend>
        {names.map(([code, name]) => (
          <button
            key={code}
            type="button"
            lang={code}
            class="btn quiet small"
            aria-pressed={language.value === code}
            onClick={() => void choose(code)}
          >
            {name}
          </button>
        ))}
      </fieldset>
    </footer>
  );
}
