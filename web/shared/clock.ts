// The server's time, as far as this browser can tell: doors and deadlines are the server's, whatever the phone's clock says.

let aheadMs = 0;

/** Takes `server_time` of an answer that was asked for at `sentAt` (by `Date.now()`): half the way there is taken off. */
export function setServerTime(serverTime: string, sentAt: number, receivedAt = Date.now()): void {
  const server = Date.parse(serverTime);
  if (!Number.isNaN(server)) aheadMs = server - (sentAt + receivedAt) / 2;
}

/** Milliseconds since 1970, by the server. */
export const serverNow = (): number => Date.now() + aheadMs;

/** Milliseconds until then; negative afterwards. */
export const msUntil = (instant: string): number => Date.parse(instant) - serverNow();
