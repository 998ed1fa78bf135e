// Runs the waiting page: asks how it goes as often as the server says, and writes the answer into the same places that the
// server has filled.
import { type Answer, chanceOf, clock, stateOf, waitOf } from './view';

// Nobody asks more often, whatever happens; after failures less and less, up to the longest.
const SHORTEST_MS = 1_000;
const LONGEST_MS = 60_000;
const ANSWER_MS = 15_000;

const { body } = document;
const data = body.dataset as Record<string, string>;
const lang = document.documentElement.lang;
const event = document.querySelector('h1')?.textContent ?? '';
const shown = new Intl.NumberFormat(lang).format;

let timer = 0;
let askedAt = 0;
// The server said when; who wakes up meanwhile waits all the same.
let notBefore = 0;
let failures = 0;
let asking = false;
let sound: AudioContext | undefined;

const fill = (name: string, text: string) => {
  for (const place of document.querySelectorAll(`[data-f=${name}]`)) place.textContent = text;
};

// The offset of the server's clock from this one.
let offset = Date.parse(data['now'] ?? '') - Date.now();

function heading(): string {
  const all = [...document.querySelectorAll<HTMLElement>('.card h2')];
  return all.find((one) => one.offsetParent)?.textContent ?? '';
}

// Every second: the countdown, and the title that is read from another tab.
function tick(): void {
  const state = data['state'] ?? '';
  const left = clock(Date.parse(data['deadline'] ?? '') - Date.now() - offset);
  if (state === 'inside') fill('left', left);
  const first = { inside: left, waiting: shown(+(data['ahead'] ?? 0)), still: shown(+(data['ahead'] ?? 0)) }[state];
  document.title = [first, ...(first && state !== 'inside' ? [] : [heading()]), event].filter(Boolean).join(' · ');
}

function beep(): void {
  for (const [at, pitch] of [
    [0, 660],
    [0.25, 880],
  ] as const) {
    if (!sound) return;
    const tone = sound.createOscillator();
    const gain = sound.createGain();
    gain.gain.value = 0.2;
    tone.frequency.value = pitch;
    tone.connect(gain).connect(sound.destination);
    tone.start(sound.currentTime + at);
    tone.stop(sound.currentTime + at + 0.2);
  }
}

function become(state: string): void {
  const before = data['state'];
  data['state'] = state;
  tick();
  if (state === before) return;
  fill('said', heading());
  if (state !== 'inside') return;
  beep();
  document.getElementById('go')?.focus();
}

function show(answer: Answer, sentAt: number): void {
  const { position, seats_left: seats } = answer;
  // People ahead only become fewer. An older answer of another node is not believed.
  const known = +(data['position'] ?? 0) === position ? +(data['ahead'] ?? 0) : Infinity;
  const ahead = Math.min(known, answer.ahead_count);
  offset = Date.parse(answer.server_time) - (sentAt + Date.now()) / 2;
  const [wait, low, high] = waitOf(answer.estimated_wait_range_sec);
  Object.assign(data, { position, ahead, wait, deadline: answer.deadline ?? '' });
  data['band'] = seats.band;
  data['chance'] = chanceOf(seats.at_least, ahead, +(data['cap'] ?? 1));
  for (const [name, n] of Object.entries({ ahead, position, low, high, at_least: seats.at_least }))
    fill(name, shown(n));
  const bar = document.querySelector('progress');
  if (bar) Object.assign(bar, { max: position, value: position - ahead });
  become(stateOf(answer));
}

const isOver = () => ['bought', 'expired', 'left', 'ended', 'signed_out'].includes(data['state'] ?? '');

function plan(ms: number): void {
  clearTimeout(timer);
  timer = window.setTimeout(ask, Math.max(ms, SHORTEST_MS - (Date.now() - askedAt), notBefore - Date.now()));
}

// After what nobody can answer for: later each time, and not all at once.
function fail(retryAfterSec: number): void {
  failures += 1;
  data['net'] = 'off';
  if (retryAfterSec) notBefore = Date.now() + retryAfterSec * 1_000;
  plan(Math.min(LONGEST_MS, SHORTEST_MS * 2 ** failures) * (0.75 + Math.random() / 2));
}

function heard(answer: Answer, sentAt: number): void {
  failures = 0;
  data['net'] = '';
  show(answer, sentAt);
  // The server spreads people already. Who does not look gets by with less, and is still there within the window of a call.
  if (!isOver()) plan(document.hidden ? Math.min(2 * answer.retry_after_ms, 25_000) : answer.retry_after_ms);
}

async function ask(): Promise<void> {
  if (asking) return;
  asking = true;
  const sentAt = Date.now();
  askedAt = sentAt;
  try {
    const response = await fetch(`/v1/sales/${data['sale']}/waiting-room/status`, {
      cache: 'no-store',
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    if (response.ok) heard(await response.json(), sentAt);
    else if (response.status === 401) become('signed_out');
    else if (response.status === 404) become('left');
    else fail(+(response.headers.get('Retry-After') ?? 0));
  } catch {
    fail(0);
  }
  asking = false;
}

// Awake again, online again, back from another page: what is shown may be old.
const wake = () => {
  if (!document.hidden) plan(0);
};
for (const name of ['online', 'pageshow', 'focus']) addEventListener(name, wake);
for (const name of ['visibilitychange', 'resume']) document.addEventListener(name, wake);
addEventListener('offline', () => {
  data['net'] = 'off';
});

document.getElementById('sound')?.addEventListener('change', ({ target }) => {
  sound?.close();
  sound = (target as HTMLInputElement).checked ? new AudioContext() : undefined;
  beep();
});

const starts = document.querySelector('time');
if (starts) {
  const style = {
    weekday: 'short',
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
  } as const;
  starts.textContent = new Intl.DateTimeFormat(lang, style).format(new Date(starts.dateTime));
}
data['js'] = 'on';
setInterval(tick, SHORTEST_MS);
tick();
if (!isOver()) plan(+(data['poll'] ?? 5_000));
