// What an answer of the server means for the page: one state, one kind of estimate, one outlook on the seats. The server says
// the same for a page without scripts; both are held to waiting/cases.json.

export type Answer = {
  position: number;
  ahead_count: number;
  estimated_wait_range_sec: [number, number] | null;
  state: string;
  phase: string;
  seats_left: { band: string; at_least: number };
  deadline?: string;
  server_time: string;
  retry_after_ms: number;
};

// In the order of page.html: each shows what is marked with its name, and nothing else.
export const STATES = [
  'waiting',
  'still',
  'paused',
  'sold_out',
  'ended',
  'called',
  'returning',
  'inside',
  'bought',
  'expired',
  'left',
  'signed_out',
];
export const WAITS = ['soon', 'min', 'hour'];
export const BANDS = ['plenty', 'some', 'few', 'none'];
export const CHANCES = ['enough', 'tight', 'short', 'empty'];

const OVER = ['bought', 'expired', 'left'];

/** What the page shows. What is over stays over, whatever the sale does; who was called comes in, paused or not. */
export function stateOf({ state, phase, estimated_wait_range_sec: range }: Answer): string {
  if (OVER.includes(state)) return state;
  if (phase === 'ended') return phase;
  if (state === 'inside' || state === 'called') return state;
  if (phase === 'sold_out') return phase;
  if (state === 'returning') return state;
  if (phase === 'paused') return phase;
  return range ? state : 'still';
}

/** The estimate in the unit that people would use, never narrower than it is. */
export function waitOf(range: [number, number] | null): [unit: string, low: number, high: number] {
  if (!range) return ['', 0, 0];
  const [low, high] = range;
  if (high <= 60) return ['soon', 0, 1];
  const [unit, sec] = high <= 7_200 ? ['min', 60] : ['hour', 3_600];
  return [unit as string, Math.max(1, Math.floor(low / (sec as number))), Math.ceil(high / (sec as number))];
}

/** What is left for this place, if everybody ahead takes all they may. `atLeast` keeps one digit, so less than twice of it is left. */
export function chanceOf(atLeast: number, ahead: number, cap: number): string {
  if (atLeast <= 0) return 'empty';
  if (atLeast >= (ahead + 1) * cap) return 'enough';
  return ahead >= 2 * atLeast ? 'short' : 'tight';
}

/** 4:07, or 1:02:09. */
export function clock(ms: number): string {
  const sec = Math.max(0, Math.ceil(ms / 1_000));
  const parts = [Math.floor(sec / 60) % 60, sec % 60].map((n) => `0${n}`.slice(-2));
  const hours = Math.floor(sec / 3_600);
  return (hours ? [hours, ...parts] : parts).join(':').replace(/^0/, '');
}
