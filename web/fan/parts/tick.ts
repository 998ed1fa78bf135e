// The server's time as a signal, once a second: what counts down reads it.
import { signal } from '@preact/signals';
import { serverNow } from '../../shared/clock';

const TICK_MS = 1_000;

export const now = signal(serverNow());

const tick = () => {
  now.value = serverNow();
};
setInterval(tick, TICK_MS);
// A page that slept is right at once.
document.addEventListener('visibilitychange', tick);
addEventListener('pageshow', tick);
