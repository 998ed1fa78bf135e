// Puts values into a text, and chooses the form that fits a number.
import type { Plural } from './texts/en';

export type Values = Record<string, string | number>;

/** `{name}` in the text is its value; numbers are written as the language does. Forms are chosen by `count`. */
export function sayIn(locale: string, text: string | Plural, values: Values = {}): string {
  return form(locale, text, values).replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === 'number' ? new Intl.NumberFormat(locale).format(value) : value;
  });
}

function form(locale: string, text: string | Plural, values: Values): string {
  if (typeof text === 'string') return text;
  const rule = new Intl.PluralRules(locale).select(Number(values['count'] ?? 0));
  return rule === 'one' ? text.one : text.other;
}
