// What each address shows.

export type Route =
  | { page: 'list' }
  | { page: 'sale'; id: string }
  | { page: 'seats'; id: string }
  | { page: 'order'; id: string }
  | { page: 'tickets' }
  | { page: 'ticket'; id: string }
  | { page: 'nothing' };

export function route(path: string): Route {
  const [first, second, third, ...rest] = path.split('/').filter((part) => part !== '');
  if (rest.length > 0) return { page: 'nothing' };
  if (first === undefined) return { page: 'list' };
  if (first !== 'fan') return { page: 'nothing' };
  if (second === undefined) return { page: 'list' };
  if (second === 'tickets') return third === undefined ? { page: 'tickets' } : { page: 'ticket', id: third };
  if (second === 'orders') return third === undefined ? { page: 'nothing' } : { page: 'order', id: third };
  if (third === undefined) return { page: 'sale', id: second };
  return third === 'seats' ? { page: 'seats', id: second } : { page: 'nothing' };
}

export const paths = {
  sales: '/fan',
  sale: (id: string) => `/fan/${id}`,
  line: (id: string) => `/fan/${id}/line`,
  seats: (id: string) => `/fan/${id}/seats`,
  order: (id: string) => `/fan/orders/${id}`,
  tickets: '/fan/tickets',
  ticket: (id: string) => `/fan/tickets/${id}`,
};
