// Runs beside the page: tries numbers until one fits.
import type { Challenge } from '../../shared/api';
import { solve } from './solve';

self.onmessage = (event: MessageEvent<Challenge>) => {
  self.postMessage(solve(event.data.challenge, event.data.salt, event.data.maxnumber));
};
