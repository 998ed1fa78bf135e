// The shop: choose seats, hold them, pay. Who is not inside is told so, with the way on.
import { useEffect, useMemo } from 'preact/hooks';
import { countdown } from '../../shared/format';
import { problemText, t } from '../language';
import { title, useArrival } from '../parts/focus';
import { Nothing } from '../parts/Nothing';
import { now } from '../parts/tick';
import { paths } from '../route';
import { Checkout } from './Checkout';
import { Choose } from './Choose';
import { enter, newShop, type Shop } from './shop';

export function SeatsPage({ id }: { id: string }) {
  const shop = useMemo(() => newShop(id), [id]);
  useEffect(() => enter(shop), [shop]);
  const { shop: texts } = t.value;
  const sale = shop.sale.value;
  title(texts.title, ...(sale ? [sale.event.name] : []));
  switch (shop.step.value) {
    case 'asking':
      return <p class="page soft">{t.value.common.loading}</p>;
    case 'choose':
      return sale ? <Choose shop={shop} sale={sale} /> : null;
    case 'pay':
      return sale ? <Checkout shop={shop} sale={sale} /> : null;
    case 'bought':
      return <Out says={texts.outBought} to={paths.tickets} label={t.value.join.toTickets} />;
    case 'expired':
      return <Out says={texts.outExpired} to={paths.sale(id)} label={texts.toSale} />;
    case 'problem':
      return <Problem code={shop.problem.value ?? 'unreachable'} />;
  }
}

function Out({ says, to, label }: { says: string; to: string; label: string }) {
  const heading = useArrival(true);
  return (
    <section class="page narrow stack">
      <h1 ref={heading} tabIndex={-1}>
        {says}
      </h1>
      <p>
        <a class="btn primary large" href={to}>
          {label}
        </a>
      </p>
    </section>
  );
}

function Problem({ code }: { code: string }) {
  if (code === 'sale_not_found') return <Nothing text={problemText(code)} />;
  return (
    <section class="page narrow stack" role="alert">
      <h1>{problemText(code)}</h1>
      <p class="soft">{t.value.common.loading}</p>
    </section>
  );
}

/** What happened, said once to those who listen and shown to those who look. */
export function Told({ shop }: { shop: Shop }) {
  const note = shop.note.value;
  return (
    <div role="status" class="told">
      {note && <p class={`note ${note.tone}`}>{note.says()}</p>}
    </div>
  );
}

/** Until an instant of the server's clock. Amber in the last minute, and said so. */
export function Left({ until, label }: { until: string; label: string }) {
  const ms = Date.parse(until) - now.value;
  const soon = ms < 60_000;
  return (
    <div class={soon ? 'left soon' : 'left'}>
      <span class="small">{label}</span>
      <span class="num left-time" role="timer">
        {countdown(ms)}
      </span>
      <span class="sr-only" role="status">
        {soon ? t.value.pay.soon : ''}
      </span>
    </div>
  );
}
