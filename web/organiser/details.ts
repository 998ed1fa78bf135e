// The details of an act in the audit, which are JSON of many forms, as names and values for people.
import { money, number } from '../shared/format';
import { texts } from './texts';

export type Detail = { name: string; value: string };

type Json = Record<string, unknown>;

/** In minor units of the currency beside them. */
const AMOUNTS: readonly string[] = ['refund', 'amount', 'total', 'price'];

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Nested members get a path, `{from, to}` an arrow, and what is null is left out. */
export function detailsOf(details: unknown, path = ''): Detail[] {
  if (!isObject(details))
    return details === null || details === undefined ? [] : [{ name: path || 'details', value: told(details) }];
  const { currency, ...rest } = details;
  const isPriced = typeof currency === 'string' && AMOUNTS.some((name) => typeof rest[name] === 'number');
  return Object.entries(isPriced ? rest : details).flatMap(([key, value]) => {
    const name = path ? `${path} · ${spaced(key)}` : spaced(key);
    if (value === null) return [];
    if (isPriced && AMOUNTS.includes(key) && typeof value === 'number')
      return [{ name, value: money(value, currency) }];
    if (!isObject(value)) return [{ name, value: told(value) }];
    if (isChange(value)) return [{ name, value: texts.audit.fromTo(told(value['from']), told(value['to'])) }];
    return detailsOf(value, name);
  });
}

const isChange = (value: Json): boolean => {
  const keys = Object.keys(value);
  return keys.length === 2 && 'from' in value && 'to' in value;
};

const spaced = (key: string): string => key.replaceAll('_', ' ');

function told(value: unknown): string {
  if (typeof value === 'number') return number(value, 'en', Number.isInteger(value) ? 0 : 2);
  if (typeof value === 'string') return value;
  if (value === null || value === undefined) return texts.none;
  if (Array.isArray(value)) return value.map(told).join(', ') || texts.none;
  if (isObject(value)) return Object.values(value).map(told).join(' ');
  return String(value);
}
