// A labelled input with its hint, and with what is wrong with it.
type Props = {
  name: string;
  label: string;
  hint?: string | undefined;
  wrong?: string | undefined;
  value: string;
  onValue: (value: string) => void;
  type?: string;
  autocomplete?: 'email' | 'name' | 'current-password' | 'new-password' | 'one-time-code' | 'off';
  inputMode?: 'email' | 'numeric' | 'text';
  maxLength?: number;
};

export function Field({ name, label, hint, wrong, value, onValue, type, autocomplete, inputMode, maxLength }: Props) {
  const about = [hint && `${name}-hint`, wrong && `${name}-wrong`].filter(Boolean).join(' ');
  return (
    <div class="field">
      <label for={name}>{label}</label>
      <input
        id={name}
        name={name}
        class="input"
        type={type ?? 'text'}
        autoComplete={autocomplete ?? 'off'}
        inputMode={inputMode ?? 'text'}
        maxLength={maxLength ?? 254}
        value={value}
        aria-invalid={wrong ? 'true' : 'false'}
        aria-describedby={about || undefined}
        onInput={(event) => onValue(event.currentTarget.value)}
      />
      {hint && (
        <p class="hint" id={`${name}-hint`}>
          {hint}
        </p>
      )}
      {wrong && (
        <p class="wrong" id={`${name}-wrong`}>
          {wrong}
        </p>
      )}
    </div>
  );
}

/** Puts the cursor into the first field that is wrong, once it says so. */
export function focusWrong(form: HTMLElement | null): void {
  requestAnimationFrame(() => form?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
}
