// One sale: its name and where it stands, the ways to look at it, and the one that was chosen.
import { useEffect } from 'preact/hooks';
import type { OperatorSale } from '../shared/api';
import { AuditTab } from './audit';
import { Board } from './board';
import { ExceptionsTab } from './exceptions';
import { useFetched } from './fetched';
import { Frame, PhaseBadge, Trouble } from './frame';
import { asked, operator } from './key';
import { LineTab } from './line';
import { OrdersTab } from './orders';
import { ReportTab } from './report';
import { texts } from './texts';
import { When } from './when';

export type Tab = keyof typeof texts.sale.tabs;

const TABS = Object.keys(texts.sale.tabs) as Tab[];

export function SalePage({ id, tab }: { id: string; tab: Tab }) {
  const { value, trouble, again } = useFetched(
    () => asked(operator.GET('/v1/admin/sales/{id}', { params: { path: { id } } })),
    [id],
  );
  useEffect(() => document.querySelector('[aria-current="page"].tab')?.scrollIntoView({ block: 'nearest' }), [value]);
  const title = value ? `${value.event.name} · ${texts.sale.tabs[tab]}` : texts.sale.tabs[tab];
  return (
    <Frame title={title}>
      {!value && <h1 class="sr-only">{title}</h1>}
      {trouble && <Trouble words={trouble} again={again} />}
      {!value && !trouble && <p class="soft">{texts.loading}</p>}
      {value && (tab === 'board' ? <Board first={value} /> : <Shell sale={value} tab={tab} />)}
    </Frame>
  );
}

function Shell({ sale, tab }: { sale: OperatorSale; tab: Tab }) {
  return (
    <>
      <SaleHead sale={sale} phase={sale.phase} />
      <Tabs id={sale.sale_id} tab={tab} />
      {tab === 'line' && <LineTab sale={sale} />}
      {tab === 'orders' && <OrdersTab sale={sale} />}
      {tab === 'exceptions' && <ExceptionsTab sale={sale} />}
      {tab === 'audit' && <AuditTab sale={sale} />}
      {tab === 'report' && <ReportTab sale={sale} />}
    </>
  );
}

type HeadProps = { sale: OperatorSale; phase: string; children?: preact.ComponentChildren };

export function SaleHead({ sale, phase, children }: HeadProps) {
  return (
    <div class="head sale-head">
      <div>
        <p class="soft small">
          {sale.event.venue} · <When at={sale.event.starts_at} event={sale.event.event_id} />
        </p>
        <h1>{sale.event.name}</h1>
        <p class="row">
          <PhaseBadge phase={phase} />
          {children}
        </p>
      </div>
    </div>
  );
}

export function Tabs({ id, tab }: { id: string; tab: Tab }) {
  const href = (one: Tab) => `/organiser/sales/${id}${one === 'board' ? '' : `/${one}`}`;
  return (
    <nav class="tabs" aria-label={texts.sale.tabsLabel}>
      {TABS.map((one) => (
        <a key={one} class="tab" href={href(one)} aria-current={one === tab ? 'page' : undefined}>
          {texts.sale.tabs[one]}
        </a>
      ))}
    </nav>
  );
}
