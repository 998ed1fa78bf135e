// Values in texts, and forms by number.
import { expect, test } from 'vitest';
import { chosenLanguage } from './language';
import { route } from './route';
import { sayIn } from './say';

const SEATS = { one: '{count} seat', other: '{count} seats' };

test('the form fits the number, and the number is written as the language does', () => {
  expect(sayIn('en', SEATS, { count: 1 })).toBe('1 seat');
  expect(sayIn('en', SEATS, { count: 0 })).toBe('0 seats');
  expect(sayIn('en', SEATS, { count: 70_000 })).toBe('70,000 seats');
  expect(sayIn('de', SEATS, { count: 70_000 })).toBe('70.000 seats');
  expect(sayIn('hi', SEATS, { count: 1_234_567 })).toBe('12,34,567 seats');
  // In Hindi nothing is one of them.
  expect(sayIn('hi', SEATS, { count: 0 })).toBe('0 seat');
});

test('a value with braces of its own is not looked into', () => {
  expect(sayIn('en', 'For {name}, {seat}', { name: '{seat}', seat: 'A' })).toBe('For {seat}, A');
});

test('the cookie decides the language, then the browser, then English', () => {
  expect(chosenLanguage('a=b; traffic_lang=hi', ['de-AT'])).toBe('hi');
  expect(chosenLanguage('traffic_lang=xx', ['fr', 'de-AT', 'en'])).toBe('de');
  expect(chosenLanguage('', ['fr'])).toBe('en');
  expect(chosenLanguage('not_traffic_lang=hi', [])).toBe('en');
});

test('each address has its page', () => {
  expect(route('/')).toEqual({ page: 'list' });
  expect(route('/fan/')).toEqual({ page: 'list' });
  expect(route('/fan/x')).toEqual({ page: 'sale', id: 'x' });
  expect(route('/fan/x/seats')).toEqual({ page: 'seats', id: 'x' });
  expect(route('/fan/tickets')).toEqual({ page: 'tickets' });
  expect(route('/fan/tickets/y')).toEqual({ page: 'ticket', id: 'y' });
  expect(route('/fan/orders/z')).toEqual({ page: 'order', id: 'z' });
  for (const path of ['/fan/orders', '/fan/x/y', '/fan/x/seats/1', '/lab'])
    expect(route(path).page, path).toBe('nothing');
});
