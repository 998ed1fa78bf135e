// The exceptions of a sale: who may have more than the caps give, granted and taken back.
import { useState } from 'preact/hooks';
import type { CapException, OperatorSale } from '../shared/api';
import { useFetched } from './fetched';
import { Trouble } from './frame';
import { GrantDialog } from './grant';
import { asked, inWords, operator } from './key';
import { texts } from './texts';
import { When, ZoneNote } from './when';

const say = texts.exceptions;

export function ExceptionsTab({ sale }: { sale: OperatorSale }) {
  const [granting, setGranting] = useState(false);
  const [said, setSaid] = useState('');
  const { value, trouble, again } = useFetched(
    () => asked(operator.GET('/v1/admin/sales/{id}/exceptions', { params: { path: { id: sale.sale_id } } })),
    [],
  );
  const done = (words: string) => {
    setGranting(false);
    setSaid(words);
    again();
  };
  return (
    <section class="stack">
      <div class="row between">
        <div>
          <h2>{say.heading}</h2>
          <p class="soft">{say.lead}</p>
        </div>
        <button type="button" class="btn" onClick={() => setGranting(true)}>
          {say.grant}
        </button>
      </div>
      <p role="status" class={said ? 'note pass' : 'sr-only'}>
        {said}
      </p>
      {trouble && <Trouble words={trouble} again={again} />}
      {!value && !trouble && <p class="soft">{texts.loading}</p>}
      {value && value.exceptions.length === 0 && <p class="card empty soft">{say.empty}</p>}
      {value && value.exceptions.length > 0 && (
        <>
          <ZoneNote event={sale.event.event_id} />
          <Exceptions exceptions={value.exceptions} sale={sale} done={done} />
        </>
      )}
      {granting && <GrantDialog sale={sale} done={done} close={() => setGranting(false)} />}
    </section>
  );
}

type TableProps = { exceptions: CapException[]; sale: OperatorSale; done: (words: string) => void };

function Exceptions({ exceptions, sale, done }: TableProps) {
  return (
    // A table that is wider than a phone is scrolled by keys: it takes the focus.
    <section class="card scroll-x table" aria-label={say.heading} tabindex={0}>
      <table>
        <caption class="sr-only">{say.heading}</caption>
        <thead>
          <tr>
            {[say.at, say.rule, say.allows, say.reason, say.account, say.state].map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {exceptions.map((one) => (
            <tr key={one.exception_id}>
              <td class="num">
                <When at={one.granted_at} event={sale.event.event_id} seconds bare />
              </td>
              <td>{say.rules[one.rule] ?? one.rule}</td>
              <td>{one.lift ? say.lifted : say.byTickets(one.extra_tickets)}</td>
              <td>{one.reason}</td>
              <td>
                <code>{one.user_id}</code>
              </td>
              <td>
                <State one={one} sale={sale} done={done} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function State({ one, sale, done }: { one: CapException } & Omit<TableProps, 'exceptions'>) {
  const [asking, setAsking] = useState(false);
  const [trouble, setTrouble] = useState('');
  if (one.revoked_at) return <span class="badge">{say.revokedAt}</span>;
  const revoke = async () => {
    const path = { id: sale.sale_id, exception_id: one.exception_id };
    const answer = await asked(operator.DELETE('/v1/admin/sales/{id}/exceptions/{exception_id}', { params: { path } }));
    if (answer.ok) done(say.revoked);
    else setTrouble(inWords(answer));
  };
  return (
    <span class="row">
      <span class="badge pass">{say.holds}</span>
      {trouble && <span class="wrong">{trouble}</span>}
      {asking ? (
        <>
          <button type="button" class="btn small danger" onClick={revoke}>
            {say.sure}
          </button>
          <button type="button" class="btn small" onClick={() => setAsking(false)}>
            {say.keep}
          </button>
        </>
      ) : (
        <button type="button" class="btn small" onClick={() => setAsking(true)}>
          {say.revoke}
        </button>
      )}
    </span>
  );
}
