// The reader's language: which one, its texts, and how numbers and times are written in it.
import { computed, signal } from '@preact/signals';
import { money as moneyIn } from '../shared/format';
import { sayIn, type Values } from './say';
import type { Plural, Texts } from './texts/en';

export const LANGUAGES = { en: 'English', de: 'Deutsch', hi: 'हिन्दी' } as const;
export type Language = keyof typeof LANGUAGES;

const FILES: Record<Language, () => Promise<Texts>> = {
  en: async () => (await import('./texts/en')).en,
  de: async () => (await import('./texts/de')).de,
  hi: async () => (await import('./texts/hi')).hi,
};
const COOKIE = 'traffic_lang';
const YEAR_SEC = 31_536_000;

const isLanguage = (name: string): name is Language => name in LANGUAGES;

/** The cookie's language, else the first of the browser's that there is, else English. */
export function chosenLanguage(cookies: string, wanted: readonly string[]): Language {
  const kept = new RegExp(`(?:^|; )${COOKIE}=(\\w+)`).exec(cookies)?.[1];
  const names = [kept ?? '', ...wanted.map((tag) => tag.split('-')[0]?.toLowerCase() ?? '')];
  return names.find(isLanguage) ?? 'en';
}

const current = signal<{ language: Language; texts: Texts } | undefined>(undefined);

/** The texts. Nothing is drawn before `speak` has loaded some. */
export const t = computed((): Texts => {
  if (!current.value) throw new Error('no language is loaded');
  return current.value.texts;
});
export const language = computed((): Language => current.value?.language ?? 'en');

/** How numbers and dates are written: as in the reader's own country, where that is one of this language. */
export const locale = computed((): string => {
  const tags = typeof navigator === 'undefined' ? [] : navigator.languages;
  return tags.find((tag) => tag.split('-')[0] === language.value) ?? language.value;
});

export async function speak(wanted: Language): Promise<void> {
  const texts = await FILES[wanted]();
  document.documentElement.lang = wanted;
  current.value = { language: wanted, texts };
}

/** Changes the language, for this and all later pages. */
export async function choose(wanted: Language): Promise<void> {
  // biome-ignore lint/suspicious/noDocumentCookie: the server reads it, and the cookie store is not in every browser.
  document.cookie = `${COOKIE}=${wanted}; Path=/; Max-Age=${YEAR_SEC}; SameSite=Lax`;
  await speak(wanted);
}

export const say = (text: string | Plural, values: Values = {}): string => sayIn(locale.value, text, values);

export const money = (minor: number, currency: string): string => moneyIn(minor, currency, locale.value);

/** "Sat, 18 January 2027, 19:30 IST", in the reader's zone, which is named. */
export function moment(instant: string): string {
  return new Intl.DateTimeFormat(locale.value, {
    weekday: 'short',
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    timeZoneName: 'short',
  }).format(new Date(instant));
}

export const clockTime = (instant: string): string =>
  new Intl.DateTimeFormat(locale.value, { hour: '2-digit', minute: '2-digit' }).format(new Date(instant));

export const zone = (): string => new Intl.DateTimeFormat(locale.value).resolvedOptions().timeZone;

/** What to tell the fan: in this language where it is known, else as the server says it. */
export function problemText(code: string, said?: string): string {
  const known: Record<string, string> = t.value.problems;
  return known[code] ?? said ?? t.value.common.offline;
}
