// The key that opens the lab, and the client that sends it. It is kept for this tab alone, and leaves the address at once.
import { signal } from '@preact/signals';
import { withHeaders } from '../shared/api';

type Key = { kind: 'demo' | 'admin'; value: string };

const STORED = 'traffic_lab_key';

/** The key that was typed or came with the address; none where none is needed. */
export const key = signal<Key | undefined>(stored());
/** Set when the server asked for a key, or did not take the one it got. */
export const refused = signal(false);

export const client = withHeaders(headers);

export function headers(): Record<string, string> {
  if (!key.value) return {};
  return { [key.value.kind === 'demo' ? 'X-Demo-Key' : 'X-Admin-Key']: key.value.value };
}

export function useKey(kind: Key['kind'], value: string): void {
  key.value = { kind, value };
  refused.value = false;
  sessionStorage.setItem(STORED, JSON.stringify(key.value));
}

/** An address that the browser itself opens: a stream, a download. The operator's key is never put into one. */
export function opened(path: string): string | undefined {
  if (!key.value) return path;
  return key.value.kind === 'demo' ? `${path}?demo_key=${encodeURIComponent(key.value.value)}` : undefined;
}

function stored(): Key | undefined {
  const address = new URL(location.href);
  const given = address.searchParams.get('demo_key');
  if (given) {
    sessionStorage.setItem(STORED, JSON.stringify({ kind: 'demo', value: given }));
    address.searchParams.delete('demo_key');
    history.replaceState(history.state, '', address);
  }
  const text = sessionStorage.getItem(STORED);
  return text ? (JSON.parse(text) as Key) : undefined;
}
