// Every language says everything, with a place for the same numbers.
import { expect, test } from 'vitest';
import { de } from './de';
import { en } from './en';
import { hi } from './hi';

const slots = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();

test('every text of every language has the places of the English one', () => {
  for (const texts of [de, hi]) {
    for (const [key, text] of Object.entries(en)) {
      const other = texts[key as keyof typeof en];
      expect(other.trim(), key).not.toBe('');
      expect(slots(other), key).toEqual(slots(text));
    }
  }
});
