// What all pages of the lab stand in: the head with its links, the sidebar, and the question for a key where one is needed.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Board } from './board';
import { refused, useKey } from './session';
import { Sidebar } from './sidebar';

const LINKS = [
  { href: '/lab', name: 'Rehearse' },
  { href: '/lab/runs', name: 'Runs' },
  { href: '/docs', name: 'API' },
];

type Props = { board?: Board | undefined; href?: string | undefined; withBoard: boolean; children: ComponentChildren };

export function Shell({ board, href, withBoard, children }: Props) {
  return (
    <div class={withBoard ? 'lab with-board' : 'lab'}>
      <a class="skip" href="#main">
        To the content
      </a>
      {withBoard && <Sidebar board={board} href={href} />}
      <div class="lab-page">
        <header class="lab-head">
          <a class="brand" href="/lab">
            Traffic <span>Load Control Center</span>
          </a>
          <nav aria-label="Pages">
            {LINKS.map((link) => (
              <a
                key={link.href}
                href={link.href}
                {...(link.href === location.pathname ? { 'aria-current': 'page' } : {})}
              >
                {link.name}
              </a>
            ))}
          </nav>
        </header>
        <main id="main" tabIndex={-1}>
          {refused.value ? <KeyForm /> : children}
        </main>
      </div>
    </div>
  );
}

function KeyForm() {
  const [kind, setKind] = useState<'demo' | 'admin'>('demo');
  const [value, setValue] = useState('');
  const submit = (event: Event) => {
    event.preventDefault();
    if (value.trim() === '') return;
    useKey(kind, value.trim());
    location.reload();
  };
  return (
    <form class="card key-form stack" onSubmit={submit}>
      <h1>A key, please</h1>
      <p class="soft">Rehearsals put real load on this server, so it asks for a key. It is kept in this tab only.</p>
      <div class="field">
        <label for="key">Key</label>
        <input
          id="key"
          class="input"
          type="password"
          autocomplete="off"
          value={value}
          onInput={(event) => setValue(event.currentTarget.value)}
        />
      </div>
      <fieldset class="row">
        <legend class="sr-only">Which key</legend>
        {(['demo', 'admin'] as const).map((one) => (
          <label key={one} class="row choice">
            <input type="radio" name="kind" checked={kind === one} onChange={() => setKind(one)} />
            {one === 'demo' ? 'Demo key, for testers' : 'Admin key, for operators'}
          </label>
        ))}
      </fieldset>
      <div>
        <button class="btn primary" type="submit">
          Open the lab
        </button>
      </div>
    </form>
  );
}
