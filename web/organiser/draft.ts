// A sale as it is being typed in, what is wrong with it, and what is sent. The limits are those of the server.
import type { NewEvent, NewSale } from '../shared/api';
import { texts } from './texts';
import { meant } from './zone';

export type DraftSection = { section: string; rows: string; seats: string; price: string };

/** A time of the venue's wall clock; `second`: the later one of an hour that comes twice. */
export type DraftTime = { wall: string; second: boolean };

export type Draft = {
  /** An event that exists, or '' for a new one. */
  event_id: string;
  name: string;
  venue: string;
  group: string;
  zone: string;
  starts_at: DraftTime;
  opens_at: DraftTime;
  ends_at: DraftTime;
  by_sections: boolean;
  seating: DraftSection[];
  total_seats: string;
  price: string;
  currency: string;
  cancelled_seats: string;
  numbers: Record<NumberField, string>;
};

/** Terms that are a whole number: the least, the most, and what an empty field means. */
export const NUMBERS = {
  admit_per_minute: { least: 0, most: 1_000_000, usual: 600 },
  waiting_room_cap: { least: 0, most: 20_000_000, usual: 100_000 },
  max_tickets_per_user: { least: 1, most: 50, usual: 4 },
  hold_ttl_sec: { least: 1, most: 86_400, usual: 720 },
  claim_window_sec: { least: 1, most: 86_400, usual: 60 },
  shopping_window_sec: { least: 1, most: 86_400, usual: 600 },
  max_active: { least: 0, most: 20_000_000, usual: 0 },
  seats_per_shopper: { least: 1, most: 50, usual: 1 },
  max_tickets_per_cluster: { least: 0, most: 10_000, usual: 0 },
  max_tickets_per_group: { least: 0, most: 10_000, usual: 0 },
  max_tickets_per_group_cluster: { least: 0, most: 10_000, usual: 0 },
} as const;

export type NumberField = keyof typeof NUMBERS;
export const NUMBER_FIELDS = Object.keys(NUMBERS) as NumberField[];

const MOST_SEATS = 200_000;
const MOST_IN_LINE = 10_000;
const LONGEST_NAME = 200;
const LONGEST_SECTION = 40;
const PRICE_MAX = Math.floor(Number.MAX_SAFE_INTEGER / MOST_SEATS);

/** By the server's name of the field, such as `seating[1].rows`. */
export type Wrong = Record<string, string>;

export const emptySection = (): DraftSection => ({ section: '', rows: '', seats: '', price: '' });

export function emptyDraft(zone: string): Draft {
  const time = () => ({ wall: '', second: false });
  return {
    event_id: '',
    name: '',
    venue: '',
    group: '',
    zone,
    starts_at: time(),
    opens_at: time(),
    ends_at: time(),
    by_sections: true,
    seating: [emptySection()],
    total_seats: '2000',
    price: '',
    currency: 'USD',
    cancelled_seats: 'public',
    numbers: Object.fromEntries(NUMBER_FIELDS.map((name) => [name, String(NUMBERS[name].usual)])) as Draft['numbers'],
  };
}

/** Digits alone, a space or a comma between thousands allowed; none for everything else. */
export function wholeNumber(text: string): number | undefined {
  const plain = text.trim();
  if (!/^\d{1,3}([ ,]\d{3})+$|^\d{1,15}$/.test(plain)) return undefined;
  return Number(plain.replace(/[ ,]/g, ''));
}

/** What was typed as an amount, in minor units: `49.50` USD is 4950. None for more digits than the currency has. */
export function minorUnits(text: string, currency: string): number | undefined {
  const digits = currencyDigits(currency);
  const [, whole, fraction = ''] =
    /^(\d{1,12})(?:\.(\d+))?$/.exec(text.trim().replace(/[ ,](?=\d{3}(\D|$))/g, '')) ?? [];
  if (whole === undefined || fraction.length > digits) return undefined;
  const minor = Number(whole) * 10 ** digits + Number(fraction.padEnd(digits, '0') || '0');
  return minor <= PRICE_MAX ? minor : undefined;
}

export const currencyDigits = (currency: string): number =>
  new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2;

/** The instant that a field for a time means, or what is wrong with it. */
export function instantOf(time: DraftTime, zone: string): { at: number } | { wrong: string } {
  const found = meant(time.wall, zone);
  if (found.kind === 'one') return { at: found.instant };
  if (found.kind === 'two') return { at: found.instants[time.second ? 1 : 0] };
  if (found.kind === 'unreadable') return { wrong: time.wall ? texts.new.notATime : texts.new.timeMissing };
  return { wrong: texts.new.gap(time.wall.slice(11), zone, found.before.slice(11), found.after.slice(11)) };
}

export type Plan = { wrong: Wrong; event: NewEvent; sale: Omit<NewSale, 'event_id'>; seats: number; worth: number };

/** Everything that is wrong is told at once; what is sent is complete where nothing is. */
export function planOf(draft: Draft): Plan {
  const wrong: Wrong = {};
  const time = (name: 'starts_at' | 'opens_at' | 'ends_at'): string => {
    const found = instantOf(draft[name], draft.zone);
    if ('wrong' in found) wrong[name] = found.wrong;
    return 'at' in found ? new Date(found.at).toISOString() : '';
  };
  const event: NewEvent = { name: draft.name.trim(), venue: draft.venue.trim(), starts_at: '' };
  if (draft.event_id === '') {
    for (const name of ['name', 'venue'] as const) if (!isName(event[name])) wrong[name] = texts.new.nameWrong;
    event.starts_at = time('starts_at');
    if (draft.group.trim()) event.group = draft.group.trim();
  }
  const [opens_at, ends_at] = [time('opens_at'), time('ends_at')];
  if (opens_at && ends_at && Date.parse(ends_at) <= Date.parse(opens_at)) wrong['ends_at'] = texts.new.endsBeforeDoors;
  const { hall, seats, worth } = hallOf(draft, wrong);
  const numbers = Object.fromEntries(NUMBER_FIELDS.map((name) => [name, numberOf(draft, name, wrong)]));
  const more = { currency: draft.currency, cancelled_seats: draft.cancelled_seats };
  return { wrong, event, sale: { opens_at, ends_at, ...hall, ...numbers, ...more }, seats, worth };
}

const isName = (text: string) => text.length > 0 && [...text].length <= LONGEST_NAME;

function numberOf(draft: Draft, name: NumberField, wrong: Wrong): number {
  const { least, most, usual } = NUMBERS[name];
  const typed = draft.numbers[name].trim();
  const value = typed === '' ? usual : wholeNumber(typed);
  if (value === undefined || value < least || value > most) wrong[name] = texts.new.range(least, most);
  return value ?? usual;
}

type Hall = { hall: Partial<NewSale>; seats: number; worth: number };

function hallOf(draft: Draft, wrong: Wrong): Hall {
  if (!draft.by_sections) {
    const seats = within(draft.total_seats, 1, MOST_SEATS, 'total_seats', wrong);
    const price = priceOf(draft.price, draft.currency, 'price', wrong);
    return { hall: { total_seats: seats, price }, seats, worth: seats * price };
  }
  const names = new Set<string>();
  const seating = draft.seating.map((one, index) => {
    const field = (name: string) => `seating[${index}].${name}`;
    const section = one.section.trim().replace(/\s+/g, ' ');
    if (!section || [...section].length > LONGEST_SECTION) wrong[field('section')] = texts.new.sectionName;
    else if (section.includes('-')) wrong[field('section')] = texts.new.sectionHyphen;
    else if (names.has(section)) wrong[field('section')] = texts.new.sectionTwice;
    names.add(section);
    return {
      section,
      rows: within(one.rows, 1, MOST_IN_LINE, field('rows'), wrong),
      seats_per_row: within(one.seats, 1, MOST_IN_LINE, field('seats_per_row'), wrong),
      price: priceOf(one.price, draft.currency, field('price'), wrong),
    };
  });
  const seats = seating.reduce((sum, one) => sum + one.rows * one.seats_per_row, 0);
  const worth = seating.reduce((sum, one) => sum + one.rows * one.seats_per_row * one.price, 0);
  if (seating.length === 0) wrong['seating'] = texts.new.noSections;
  else if (seats > MOST_SEATS) wrong['seating'] = texts.new.tooManySeats(seats, MOST_SEATS);
  return { hall: { seating }, seats, worth };
}

function within(text: string, least: number, most: number, field: string, wrong: Wrong): number {
  const value = wholeNumber(text);
  if (value === undefined || value < least || value > most) wrong[field] = texts.new.range(least, most);
  return value ?? 0;
}

function priceOf(text: string, currency: string, field: string, wrong: Wrong): number {
  const value = minorUnits(text, currency);
  if (value === undefined) wrong[field] = texts.new.priceWrong(currencyDigits(currency));
  return value ?? 0;
}

/** Minutes until so many people have been called; none where nobody is. */
export const minutesFor = (people: number, perMinute: number): number | undefined =>
  perMinute > 0 ? Math.ceil(people / perMinute) : undefined;
