// Wall clocks at the days on which they are changed, and where they differ from UTC by odd amounts.
import { describe, expect, test } from 'vitest';
import { meant, offsetName, wallOf, zones } from './zone';

const NEW_YORK = 'America/New_York';
const at = (text: string) => Date.parse(text);

describe('a wall-clock time', () => {
  test('means one instant on a common day', () => {
    expect(meant('2027-01-18T19:30', 'Asia/Kolkata')).toEqual({ kind: 'one', instant: at('2027-01-18T14:00:00Z') });
    expect(meant('2027-07-01T20:00', 'Europe/Berlin')).toEqual({ kind: 'one', instant: at('2027-07-01T18:00:00Z') });
    expect(meant('2027-01-01T20:00', 'Europe/Berlin')).toEqual({ kind: 'one', instant: at('2027-01-01T19:00:00Z') });
    expect(meant('2027-06-01T12:00', 'Asia/Kathmandu')).toEqual({ kind: 'one', instant: at('2027-06-01T06:15:00Z') });
  });

  test('that the clocks jump over means nothing, and its neighbours are told', () => {
    const none = { kind: 'none', before: '2027-03-14T02:00', after: '2027-03-14T03:00' };
    for (const wall of ['2027-03-14T02:00', '2027-03-14T02:30', '2027-03-14T02:59'])
      expect(meant(wall, NEW_YORK)).toEqual(none);
    expect(meant('2027-03-14T01:59', NEW_YORK)).toEqual({ kind: 'one', instant: at('2027-03-14T06:59:00Z') });
    expect(meant('2027-03-14T03:00', NEW_YORK)).toEqual({ kind: 'one', instant: at('2027-03-14T07:00:00Z') });
  });

  test('of an hour that comes twice means two instants, the earlier one first', () => {
    const two = { kind: 'two', instants: [at('2027-11-07T05:30:00Z'), at('2027-11-07T06:30:00Z')] };
    expect(meant('2027-11-07T01:30', NEW_YORK)).toEqual(two);
    expect(meant('2027-11-07T02:00', NEW_YORK)).toEqual({ kind: 'one', instant: at('2027-11-07T07:00:00Z') });
    expect(meant('2027-11-07T00:59', NEW_YORK)).toEqual({ kind: 'one', instant: at('2027-11-07T04:59:00Z') });
  });

  test('is found where clocks move by half an hour, and at a gap of the southern spring', () => {
    const two = meant('2027-04-04T01:45', 'Australia/Lord_Howe');
    expect(two).toEqual({ kind: 'two', instants: [at('2027-04-03T14:45:00Z'), at('2027-04-03T15:15:00Z')] });
    const none = meant('2027-10-03T02:10', 'Australia/Lord_Howe');
    expect(none).toEqual({ kind: 'none', before: '2027-10-03T02:00', after: '2027-10-03T02:30' });
  });

  test('that is no date is unreadable', () => {
    for (const wall of ['', '2027-02-30T10:00', '2027-13-01T10:00', '2027-01-01', 'soon'])
      expect(meant(wall, 'UTC')).toEqual({ kind: 'unreadable' });
  });
});

test('an instant is shown as the zone has it, with its distance from UTC', () => {
  expect(wallOf(at('2027-01-18T14:00:00Z'), 'Asia/Kolkata')).toBe('2027-01-18T19:30');
  expect(offsetName(at('2027-01-18T14:00:00Z'), 'Asia/Kolkata')).toBe('UTC+05:30');
  expect(offsetName(at('2027-07-01T00:00:00Z'), NEW_YORK)).toBe('UTC−04:00');
  expect(offsetName(at('2027-01-01T00:00:00Z'), 'UTC')).toBe('UTC+00:00');
  expect(zones()).toContain('UTC');
});
