// A question before an act: what it does, what it needs, and why it is done. Escape and Cancel do nothing.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Answer } from '../shared/api';
import { Field } from './field';
import { inWords } from './key';
import { texts } from './texts';

const REASON_CHARS_MAX = 500;

type Props = {
  title: string;
  about: string;
  danger?: boolean;
  /** Something else than the reason is wrong. */
  isWrong?: boolean;
  children?: (tried: boolean) => ComponentChildren;
  send: (reason: string) => Promise<Answer<unknown>>;
  close: () => void;
};

export function ActDialog({ title, about, danger, isWrong, children, send, close }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [reason, setReason] = useState('');
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState('');
  useEffect(() => {
    dialog.current?.showModal();
    dialog.current?.querySelector<HTMLElement>('input, select')?.focus();
  }, []);

  const why = reason.trim();
  const reasonWrong = !why
    ? texts.act.reasonMissing
    : [...why].length > REASON_CHARS_MAX
      ? texts.act.reasonLong
      : undefined;
  const submit = async (event: Event) => {
    event.preventDefault();
    setTried(true);
    setTrouble('');
    if (busy) return;
    if (isWrong || reasonWrong) {
      requestAnimationFrame(() => dialog.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
      return;
    }
    setBusy(true);
    const answer = await send(why);
    setBusy(false);
    if (!answer.ok) setTrouble(inWords(answer));
  };

  return (
    <dialog ref={dialog} class="ask" aria-labelledby="ask-title" onClose={close}>
      <form class="stack" onSubmit={submit} noValidate>
        <h2 id="ask-title">{title}</h2>
        <p class={danger ? 'note fail' : 'soft'}>{about}</p>
        {children?.(tried)}
        <Field
          name="reason"
          label={texts.act.reason}
          hint={texts.act.reasonHint}
          wrong={tried ? reasonWrong : undefined}
        >
          {(said) => <input class="input" value={reason} onInput={(e) => setReason(e.currentTarget.value)} {...said} />}
        </Field>
        {trouble && (
          <p class="note fail" role="alert">
            {trouble}
          </p>
        )}
        <div class="row end">
          <button type="button" class="btn" onClick={() => dialog.current?.close()}>
            {texts.act.cancel}
          </button>
          <button type="submit" class={`btn ${danger ? 'danger solid' : 'primary'}`} aria-disabled={busy}>
            {busy ? texts.act.working : title}
          </button>
        </div>
      </form>
    </dialog>
  );
}
