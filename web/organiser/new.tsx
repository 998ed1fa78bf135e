// A new sale: the event, its times, its hall, its limits, and what all of that comes to.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { OperatorEvent } from '../shared/api';
import { create } from './create';
import { type Draft, emptyDraft, type NumberField, type Plan, planOf, type Wrong } from './draft';
import { Field, idOf } from './field';
import { Frame, Trouble } from './frame';
import { asked, operator } from './key';
import { Hall } from './new-hall';
import { Means } from './new-means';
import { TimeField } from './new-time';
import { texts } from './texts';
import { keepZone, zoneOf } from './when';
import { offsetName, ownZone, zones } from './zone';

const SHOWN: NumberField[] = ['admit_per_minute', 'waiting_room_cap', 'max_tickets_per_user'];
const MORE: NumberField[] = [
  'claim_window_sec',
  'shopping_window_sec',
  'hold_ttl_sec',
  'max_active',
  'seats_per_shopper',
  'max_tickets_per_cluster',
  'max_tickets_per_group',
  'max_tickets_per_group_cluster',
];

export type Parts = { draft: Draft; wrong: Wrong; set: (change: Partial<Draft>) => void };

export function NewSalePage() {
  const [draft, setDraft] = useState(start);
  const [tried, setTried] = useState(false);
  const [told, setTold] = useState<Wrong>({});
  const [trouble, setTrouble] = useState('');
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const plan = planOf(draft);
  const wrong = tried ? { ...plan.wrong, ...told } : told;

  const set = (change: Partial<Draft>) => {
    setDraft((before) => ({ ...before, ...change }));
    setTold({});
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    setTried(true);
    setTrouble('');
    if (busy) return;
    if (Object.keys(plan.wrong).length > 0) return requestAnimationFrame(() => focusFirst(form.current));
    setBusy(true);
    const made = await create(plan, draft.event_id);
    if ('sale' in made) {
      keepZone(made.event, draft.zone);
      location.assign(`/organiser/sales/${made.sale}`);
      return;
    }
    setBusy(false);
    if ('trouble' in made) return setTrouble(made.trouble);
    setTold(made.wrong);
    // A field that this form does not have still has words.
    const there = Object.keys(made.wrong).some((name) => document.getElementById(idOf(name)));
    if (!there) setTrouble(Object.values(made.wrong).join(' '));
    requestAnimationFrame(() => focusFirst(form.current));
  };

  const parts = { draft, wrong, set };
  return (
    <Frame title={texts.new.heading} here="new">
      <div class="head">
        <div>
          <h1>{texts.new.heading}</h1>
          <p class="soft">{texts.new.lead}</p>
        </div>
      </div>
      <form class="create" ref={form} onSubmit={submit} noValidate>
        <div class="stack">
          <EventPart {...parts} />
          <TimesPart {...parts} />
          <Hall {...parts} />
          <LinePart {...parts} />
        </div>
        <Aside plan={plan} draft={draft} wrong={wrong} trouble={trouble} busy={busy} />
      </form>
    </Frame>
  );
}

function start(): Draft {
  const event = new URLSearchParams(location.search).get('event') ?? '';
  return { ...emptyDraft(event ? zoneOf(event) : ownZone()), event_id: event };
}

function focusFirst(form: HTMLFormElement | null): void {
  const field = form?.querySelector<HTMLElement>('[aria-invalid="true"]');
  field?.closest('details')?.setAttribute('open', '');
  field?.focus();
}

type AsideProps = { plan: Plan; draft: Draft; wrong: Wrong; trouble: string; busy: boolean };

function Aside({ plan, draft, wrong, trouble, busy }: AsideProps) {
  const count = Object.keys(wrong).length;
  return (
    <aside class="card stack means" aria-label={texts.new.summary}>
      <h2>{texts.new.summary}</h2>
      <Means plan={plan} draft={draft} />
      {count > 0 && (
        <p class="note fail" role="status">
          {texts.new.wrongSome(count)}
        </p>
      )}
      {trouble && <Trouble words={trouble} />}
      <button class="btn primary" type="submit" aria-disabled={busy}>
        {busy ? texts.new.submitting : texts.new.submit}
      </button>
    </aside>
  );
}

function EventPart({ draft, wrong, set }: Parts) {
  const [events, setEvents] = useState<OperatorEvent[]>([]);
  useEffect(() => {
    asked(operator.GET('/v1/admin/events')).then((answer) => {
      if (answer.ok) setEvents(answer.value.events);
    });
  }, []);
  const choose = (id: string) => set({ event_id: id, ...(id ? { zone: zoneOf(id) } : {}) });
  const text = (name: 'name' | 'venue' | 'group', hint?: string) => (
    <Field name={name} label={texts.new[name]} hint={hint} wrong={wrong[name]}>
      {(said) => (
        <input class="input" value={draft[name]} onInput={(e) => set({ [name]: e.currentTarget.value })} {...said} />
      )}
    </Field>
  );
  return (
    <fieldset class="card stack">
      <legend>{texts.new.event}</legend>
      {(events.length > 0 || draft.event_id) && (
        <Field name="event_id" label={texts.new.which} wrong={wrong['event_id']}>
          {(said) => (
            <select class="input" value={draft.event_id} onChange={(e) => choose(e.currentTarget.value)} {...said}>
              <option value="">{texts.new.newEvent}</option>
              {events.map((event) => (
                <option key={event.event_id} value={event.event_id}>
                  {event.name} · {event.venue}
                </option>
              ))}
            </select>
          )}
        </Field>
      )}
      {draft.event_id === '' && (
        <div class="fields">
          {text('name')}
          {text('venue')}
          {text('group', texts.new.groupHint)}
        </div>
      )}
    </fieldset>
  );
}

function TimesPart(parts: Parts) {
  const { draft, set } = parts;
  const hint = texts.new.zoneHint(offsetName(Date.parse(`${draft.opens_at.wall || '2027-01-01T00:00'}Z`), draft.zone));
  return (
    <fieldset class="card stack">
      <legend>{texts.new.times}</legend>
      <Field name="zone" label={texts.new.zone} hint={hint}>
        {(said) => (
          <select class="input" value={draft.zone} onChange={(e) => set({ zone: e.currentTarget.value })} {...said}>
            {zones().map((zone) => (
              <option key={zone} value={zone}>
                {zone.replaceAll('_', ' ')}
              </option>
            ))}
          </select>
        )}
      </Field>
      <div class="fields times">
        <TimeField name="opens_at" label={texts.new.opensAt} {...parts} />
        <TimeField name="ends_at" label={texts.new.endsAt} {...parts} />
        {draft.event_id === '' && <TimeField name="starts_at" label={texts.new.startsAt} {...parts} />}
      </div>
    </fieldset>
  );
}

function LinePart({ draft, wrong, set }: Parts) {
  const fields = (names: NumberField[]) =>
    names.map((name) => {
      const [label, hint] = texts.new.numbers[name] ?? [name, ''];
      const put = (typed: string) => set({ numbers: { ...draft.numbers, [name]: typed } });
      return (
        <Field key={name} name={name} label={label} hint={hint} wrong={wrong[name]}>
          {(said) => (
            <input
              class="input num"
              inputMode="numeric"
              value={draft.numbers[name]}
              onInput={(e) => put(e.currentTarget.value)}
              {...said}
            />
          )}
        </Field>
      );
    });
  return (
    <fieldset class="card stack">
      <legend>{texts.new.line}</legend>
      <div class="fields">{fields(SHOWN)}</div>
      <details class="more">
        <summary>{texts.new.more}</summary>
        <div class="fields">
          {fields(MORE)}
          <Field name="cancelled_seats" label={texts.new.cancelled} wrong={wrong['cancelled_seats']}>
            {(said) => (
              <select
                class="input"
                value={draft.cancelled_seats}
                onChange={(e) => set({ cancelled_seats: e.currentTarget.value })}
                {...said}
              >
                <option value="public">{texts.new.cancelledPublic}</option>
                <option value="held">{texts.new.cancelledHeld}</option>
              </select>
            )}
          </Field>
        </div>
      </details>
    </fieldset>
  );
}
