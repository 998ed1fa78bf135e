// The line by pages, in order of position, and the way to one place in it.
import { useState } from 'preact/hooks';
import type { LineEntry, OperatorSale } from '../shared/api';
import { number } from '../shared/format';
import { wholeNumber } from './draft';
import { useFetched } from './fetched';
import { Field } from './field';
import { Trouble } from './frame';
import { asked, operator } from './key';
import { PAGE_ROWS, Pages, placeInAddress } from './pages';
import { texts } from './texts';
import { When, ZoneNote } from './when';

export function LineTab({ sale }: { sale: OperatorSale }) {
  const here = placeInAddress();
  const who = new URLSearchParams(location.search).get('who') ?? '';
  const query = who ? { who } : { limit: String(PAGE_ROWS), ...(here ? { after: here } : {}) };
  const { value, trouble, again } = useFetched(
    () => asked(operator.GET('/v1/admin/sales/{id}/queue-entries', { params: { path: { id: sale.sale_id }, query } })),
    [here, who],
  );
  return (
    <section class="stack">
      <h2>{texts.line.heading}</h2>
      <div class="row finders">
        <ToPosition />
        <ToPerson who={who} />
      </div>
      {trouble && <Trouble words={trouble} again={again} />}
      {!value && !trouble && <p class="soft">{texts.loading}</p>}
      {value && value.entries.length === 0 && (
        <p class="card empty soft">{who ? texts.line.notInLine : here ? texts.line.emptyPage : texts.line.empty}</p>
      )}
      {value && value.entries.length > 0 && (
        <>
          <ZoneNote event={sale.event.event_id} />
          <Entries entries={value.entries} event={sale.event.event_id} />
        </>
      )}
      {value && <Pages next={value.next_after} here={here || who} />}
    </section>
  );
}

function ToPosition() {
  const [wrong, setWrong] = useState('');
  const go = (event: Event) => {
    event.preventDefault();
    const typed = new FormData(event.currentTarget as HTMLFormElement).get('position');
    const position = wholeNumber(String(typed ?? ''));
    if (position === undefined || position < 1) return setWrong(texts.line.badPosition);
    location.assign(`${location.pathname}?after=${position - 1}`);
  };
  return (
    <form class="finder" onSubmit={go} noValidate>
      <Field name="position" label={texts.line.find} wrong={wrong}>
        {(said) => <input class="input num" name="position" inputMode="numeric" {...said} />}
      </Field>
      <button class="btn" type="submit">
        {texts.line.go}
      </button>
    </form>
  );
}

function ToPerson({ who }: { who: string }) {
  const go = (event: Event) => {
    event.preventDefault();
    const typed = String(new FormData(event.currentTarget as HTMLFormElement).get('who') ?? '').trim();
    location.assign(typed ? `${location.pathname}?who=${encodeURIComponent(typed)}` : location.pathname);
  };
  return (
    <form class="finder wide-one" onSubmit={go} noValidate>
      <Field name="who" label={texts.line.findPerson}>
        {(said) => <input class="input" name="who" defaultValue={who} placeholder={texts.line.findHint} {...said} />}
      </Field>
      <button class="btn" type="submit">
        {texts.line.go}
      </button>
    </form>
  );
}

function Entries({ entries, event }: { entries: LineEntry[]; event: string }) {
  const when = (at: string | null) => (at ? <When at={at} event={event} seconds bare /> : texts.none);
  const head = ['position', 'state', 'joined', 'called', 'cameIn', 'ended', 'account'] as const;
  return (
    // A table that is wider than a phone is scrolled by keys: it takes the focus.
    <section class="card scroll-x table" aria-label={texts.line.heading} tabindex={0}>
      <table>
        <caption class="sr-only">{texts.line.heading}</caption>
        <thead>
          <tr>
            {head.map((name) => (
              <th key={name} scope="col" class={name === 'position' ? 'n' : ''}>
                {texts.line[name]}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <tr key={entry.position}>
              <td class="n">{number(entry.position)}</td>
              <td>
                <span class={`badge ${entry.state === 'bought' ? 'pass' : entry.state === 'inside' ? 'accent' : ''}`}>
                  {texts.state[entry.state] ?? entry.state}
                </span>
              </td>
              <td class="num">{when(entry.joined_at)}</td>
              <td class="num">{when(entry.called_at)}</td>
              <td class="num">{when(entry.claimed_at)}</td>
              <td class="num">{when(entry.ended_at)}</td>
              <td>
                <code>{entry.user_id}</code>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
