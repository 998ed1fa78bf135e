// Every language says everything, with the same values in it.
import { expect, test } from 'vitest';
import { de } from './de';
import { en } from './en';
import { hi } from './hi';

/** Path of each text, and the names in braces. */
function slots(value: unknown, path = ''): [string, string][] {
  if (typeof value === 'string') {
    if (value.trim() === '') throw new Error(`${path} is empty`);
    const names = [...value.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '');
    return [[path, [...new Set(names)].sort().join(' ')]];
  }
  return Object.entries(value as object).flatMap(([key, inner]) => slots(inner, `${path}.${key}`));
}

test.each([
  ['German', de],
  ['Hindi', hi],
])('%s has every text of English, with the same values', (_, texts) => {
  expect(slots(texts).sort()).toEqual(slots(en).sort());
});

test('Hindi is written in Devanagari, and German is not English', () => {
  const same = (texts: unknown) => {
    const english = new Map(plain(en));
    return plain(texts).filter(
      ([path, text]) => text === english.get(path) && /\w{3}/.test(text.replace(/\{\w+\}/g, '')),
    );
  };
  expect(same(hi).map(([path]) => path)).toEqual([]);
  // A ticket is a ticket.
  expect(same(de).map(([path]) => path)).toEqual(['.shop.howMany', '.ticket.title']);
});

function plain(value: unknown, path = ''): [string, string][] {
  if (typeof value === 'string') return [[path, value]];
  return Object.entries(value as object).flatMap(([key, inner]) => plain(inner, `${path}.${key}`));
}
