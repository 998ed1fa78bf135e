// Asks for the admin key. Nothing else is shown without it.
import { useEffect, useRef, useState } from 'preact/hooks';
import { Field } from './field';
import { keepKey, keyEnded, tryKey } from './key';
import { texts } from './texts';

export function Gate() {
  const [wrong, setWrong] = useState(keyEnded.value ? texts.gate.ended : '');
  const [busy, setBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    document.title = `${texts.title} · ${texts.brand}`;
    if (keyEnded.value) field.current?.focus();
  }, []);

  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    const typed = field.current?.value.trim() ?? '';
    setBusy(true);
    setWrong('');
    const why = typed ? await tryKey(typed) : texts.gate.empty;
    setBusy(false);
    if (why === undefined) return keepKey(typed);
    setWrong(why);
    field.current?.focus();
  };

  return (
    <main class="gate">
      <form class="card stack" onSubmit={submit} noValidate>
        <p class="eyebrow">
          {texts.brand} · {texts.title}
        </p>
        <h1>{texts.gate.heading}</h1>
        <p class="soft">{texts.gate.lead}</p>
        <Field name="key" label={texts.gate.label} hint={texts.gate.hint} wrong={wrong}>
          {(said) => <input ref={field} class="input" type="password" autocomplete="current-password" {...said} />}
        </Field>
        <button class="btn primary" type="submit" aria-disabled={busy}>
          {busy ? texts.gate.checking : texts.gate.enter}
        </button>
      </form>
    </main>
  );
}
