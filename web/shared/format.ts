// Numbers, money and times in the reader's language.

const formats = new Map<string, Intl.NumberFormat>();

function numberFormat(locale: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = locale + JSON.stringify(options);
  const found = formats.get(key) ?? new Intl.NumberFormat(locale, options);
  formats.set(key, found);
  return found;
}

export const number = (value: number, locale = 'en', digits = 0): string =>
  numberFormat(locale, { maximumFractionDigits: digits, minimumFractionDigits: digits }).format(value);

/** Minor units with their currency: 250000 INR is ₹2,500. Fractions are shown only where there are any. */
export function money(minor: number, currency: string, locale = 'en'): string {
  const exact = numberFormat(locale, { style: 'currency', currency });
  const digits = exact.resolvedOptions().maximumFractionDigits ?? 2;
  const major = minor / 10 ** digits;
  if (!Number.isInteger(major)) return exact.format(major);
  return numberFormat(locale, {
    style: 'currency',
    currency,
    minimumFractionDigits: 0,
    maximumFractionDigits: 0,
  }).format(major);
}

/** 4:07, or 1:02:09. Never below zero. */
export function countdown(ms: number): string {
  const sec = Math.max(0, Math.ceil(ms / 1_000));
  const two = (n: number) => String(n).padStart(2, '0');
  const hours = Math.floor(sec / 3_600);
  const minutes = Math.floor(sec / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(sec % 60)}` : `${minutes}:${two(sec % 60)}`;
}

/** "Sat, 18 January 2027, 19:30", in the reader's own time zone unless another is named. */
export function dateTime(instant: string, locale = 'en', timeZone?: string): string {
  const options: Intl.DateTimeFormatOptions = {
    weekday: 'short',
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
  };
  return new Intl.DateTimeFormat(locale, timeZone ? { ...options, timeZone } : options).format(new Date(instant));
}
