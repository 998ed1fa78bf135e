// Idempotency keys: one for each wish, kept until its answer is definite, so that a repeat is the same wish.

type Store = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
type Kept = { key: string; wish: string };

const name = (purpose: string) => `traffic:${purpose}`;

/** The key of this wish: the kept one where it is the same wish, a new one otherwise. */
export function keyFor(store: Store, purpose: string, wish: unknown, fresh = () => crypto.randomUUID()): string {
  const text = JSON.stringify(wish);
  const known = kept(store, purpose);
  if (known?.wish === text) return known.key;
  const key = fresh();
  store.setItem(name(purpose), JSON.stringify({ key, wish: text } satisfies Kept));
  return key;
}

/** The answer is definite: the next wish is another one. */
export const settled = (store: Store, purpose: string): void => store.removeItem(name(purpose));

/** A wish whose answer nobody has seen yet. */
export function openWish(store: Store, purpose: string): unknown {
  const known = kept(store, purpose);
  return known && JSON.parse(known.wish);
}

function kept(store: Store, purpose: string): Kept | undefined {
  const text = store.getItem(name(purpose));
  if (text === null) return undefined;
  try {
    return JSON.parse(text) as Kept;
  } catch {
    return undefined;
  }
}
