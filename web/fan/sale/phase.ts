// The phase of a sale at this moment: the server's word, moved on by the clock.
import type { SaleFacts } from '../../shared/api';

/** Doors open, and a sale ends, without being asked about. */
export function phaseNow(sale: Pick<SaleFacts, 'phase' | 'opens_at' | 'ends_at'>, nowMs: number): string {
  if (nowMs >= Date.parse(sale.ends_at)) return 'ended';
  return sale.phase === 'scheduled' && nowMs >= Date.parse(sale.opens_at) ? 'open' : sale.phase;
}
