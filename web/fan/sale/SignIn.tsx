// Signing in with a password or a mailed code, or making an account, on the page that needs it.
import { type Signal, useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { problemText, say, t } from '../language';
import { Field, focusWrong } from '../parts/Field';
import { type Credentials, type Failed, logIn, register, sendCode, verifyCode, wrongFields } from './account';

type Way = 'password' | 'code' | 'new';
type Props = { says: string; onSignedIn: () => Promise<void> };

export function SignIn({ says, onSignedIn }: Props) {
  const { sign } = t.value;
  const way = useSignal<Way>('password');
  const ways: [Way, string][] = [
    ['password', sign.byPassword],
    ['code', sign.byCode],
    ['new', sign.up],
  ];
  return (
    <div class="stack sign-in">
      <p class="strong">{says}</p>
      <fieldset class="tabs">
        <legend class="sr-only">{sign.in}</legend>
        {ways.map(([name, label]) => (
          <label key={name}>
            <input type="radio" name="way" checked={way.value === name} onChange={() => (way.value = name)} />
            <span>{label}</span>
          </label>
        ))}
      </fieldset>
      <SignInForm key={way.value} way={way.value} onSignedIn={onSignedIn} />
    </div>
  );
}

function SignInForm({ way, onSignedIn }: { way: Way; onSignedIn: () => Promise<void> }) {
  const form = useRef<HTMLFormElement>(null);
  const typed = useSignal<Credentials>({ email: '', password: '', code: '' });
  const codeId = useSignal<string | undefined>(undefined);
  const failed = useSignal<Failed>({});
  const busy = useSignal(false);

  const send = async () => {
    if (way === 'password') return logIn(typed.value);
    if (way === 'new') return register(typed.value);
    if (codeId.value !== undefined) return verifyCode(codeId.value, typed.value.code);
    const sent = await sendCode(typed.value.email);
    if ('codeId' in sent) codeId.value = sent.codeId;
    return 'codeId' in sent ? 'code-sent' : sent;
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy.value) return;
    failed.value = wrongFields(way, codeId.value !== undefined, typed.value);
    if (Object.keys(failed.value).length > 0) return focusWrong(form.current);
    busy.value = true;
    const outcome = await send();
    if (outcome === 'signed-in') await onSignedIn();
    busy.value = false;
    if (typeof outcome === 'object') {
      failed.value = outcome;
      focusWrong(form.current);
    }
    if (outcome === 'code-sent') requestAnimationFrame(() => document.getElementById('code')?.focus());
  };
  return (
    <form class="stack" ref={form} noValidate onSubmit={(event) => void submit(event)}>
      <Fields way={way} typed={typed} failed={failed} codeId={codeId} />
      {failed.value.form && (
        <p class="note fail" role="alert">
          {problemText(failed.value.form, failed.value.said)}
        </p>
      )}
      <button type="submit" class="btn primary large" aria-disabled={busy.value}>
        {busy.value ? t.value.sign.busy : submitText(way, codeId.value !== undefined)}
      </button>
    </form>
  );
}

function submitText(way: Way, sent: boolean): string {
  const { sign } = t.value;
  if (way === 'new') return sign.create;
  if (way === 'password') return sign.in;
  return sent ? sign.useCode : sign.sendCode;
}

type FieldsProps = {
  way: Way;
  typed: Signal<Credentials>;
  failed: Signal<Failed>;
  codeId: Signal<string | undefined>;
};

function Fields({ way, typed, failed, codeId }: FieldsProps) {
  const { sign } = t.value;
  const { email, password, code } = typed.value;
  const set = (change: Partial<Credentials>) => {
    typed.value = { ...typed.value, ...change };
  };
  const wrong = (field: 'email' | 'password' | 'code') => {
    const what = failed.value[field];
    return what && problemText(what, failed.value.said);
  };
  if (way === 'code' && codeId.value !== undefined)
    return (
      <>
        <p class="note accent" role="status">
          {say(sign.codeSent, { email })}
        </p>
        <Field
          name="code"
          label={sign.code}
          hint={sign.codeHint}
          wrong={wrong('code')}
          value={code}
          onValue={(code) => set({ code })}
          autocomplete="one-time-code"
          inputMode="numeric"
          maxLength={20}
        />
        <button type="button" class="btn quiet" onClick={() => (codeId.value = undefined)}>
          {sign.otherAddress}
        </button>
      </>
    );
  return (
    <>
      <Field
        name="email"
        label={sign.email}
        hint={way === 'new' ? sign.emailHint : undefined}
        wrong={wrong('email')}
        value={email}
        onValue={(email) => set({ email })}
        type="email"
        autocomplete="email"
        inputMode="email"
      />
      {way !== 'code' && (
        <Field
          name="password"
          label={way === 'new' ? sign.newPassword : sign.password}
          hint={way === 'new' ? sign.newPasswordHint : undefined}
          wrong={wrong('password')}
          value={password}
          onValue={(password) => set({ password })}
          type="password"
          autocomplete={way === 'new' ? 'new-password' : 'current-password'}
          maxLength={128}
        />
      )}
    </>
  );
}
