// A named field with its hint and what is wrong with it, tied together for those who do not see them side by side.
import type { ComponentChildren } from 'preact';

type Said = { id: string; 'aria-invalid'?: 'true'; 'aria-describedby'?: string };

type Props = {
  name: string;
  label: string;
  hint?: string | undefined;
  wrong?: string | undefined;
  class?: string;
  children: (said: Said) => ComponentChildren;
};

/** Letters and digits: `seating[1].rows` is no name that a selector takes. */
export const idOf = (name: string): string => `f-${name.replace(/[^a-z0-9_]+/gi, '-')}`;

export function Field({ name, label, hint, wrong, class: more, children }: Props) {
  const id = idOf(name);
  const told = [hint && `${id}-hint`, wrong && `${id}-wrong`].filter(Boolean).join(' ');
  const said: Said = { id };
  if (wrong) said['aria-invalid'] = 'true';
  if (told) said['aria-describedby'] = told;
  return (
    <div class={`field ${more ?? ''}`}>
      <label for={id}>{label}</label>
      {children(said)}
      {hint && (
        <span class="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
      {wrong && (
        <span class="wrong" id={`${id}-wrong`} role="alert">
          {wrong}
        </span>
      )}
    </div>
  );
}
