// What operators did with a sale, who and why, and whether the record of it is whole.
import type { AuditEntry, AuditLog, OperatorSale } from '../shared/api';
import { number } from '../shared/format';
import { detailsOf } from './details';
import { useFetched } from './fetched';
import { Trouble } from './frame';
import { asked, operator } from './key';
import { PAGE_ROWS, Pages, placeInAddress } from './pages';
import { texts } from './texts';
import { When } from './when';

export function AuditTab({ sale }: { sale: OperatorSale }) {
  const here = placeInAddress();
  const query = { limit: String(PAGE_ROWS), ...(here ? { after: here } : {}) };
  const { value, trouble, again } = useFetched(
    () => asked(operator.GET('/v1/admin/sales/{id}/audit', { params: { path: { id: sale.sale_id }, query } })),
    [here],
  );
  return (
    <section class="stack">
      <div>
        <h2>{texts.audit.heading}</h2>
        <p class="soft">{texts.audit.lead}</p>
      </div>
      {trouble && <Trouble words={trouble} again={again} />}
      {!value && !trouble && <p class="soft">{texts.loading}</p>}
      {value && <Chain chain={value.chain} />}
      {value && (
        <ol class="audit">
          {value.entries.map((entry) => (
            <Entry key={entry.id} entry={entry} event={sale.event.event_id} />
          ))}
        </ol>
      )}
      {value && <Pages next={value.next_after} here={here} />}
    </section>
  );
}

function Chain({ chain }: { chain: AuditLog['chain'] }) {
  if (chain.state !== 'ok')
    return <p class="note fail">{texts.audit.broken(chain.broken_at ?? 0, chain.why ?? texts.none)}</p>;
  return (
    <>
      <p class="note pass">{texts.audit.ok(chain.sealed_entries)}</p>
      {chain.late_entries > 0 && <p class="note fail">{texts.audit.late(chain.late_entries)}</p>}
    </>
  );
}

function Entry({ entry, event }: { entry: AuditEntry; event: string }) {
  const details = detailsOf(entry.details);
  return (
    <li class="card">
      <div class="row between">
        <h3>{texts.audit.acts[entry.act] ?? entry.act}</h3>
        <span class="soft small">
          {entry.actor} · <When at={entry.at} event={event} seconds />
        </span>
      </div>
      {details.length > 0 && (
        <dl class="details">
          {details.map(({ name, value }) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
      <p class="soft small">
        {entry.sealed ? `${texts.audit.sealed} · ${number(entry.sealed.seq)}` : texts.audit.unsealed}
      </p>
    </li>
  );
}
