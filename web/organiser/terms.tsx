// The other terms of a sale: those that may change now, and why the rest may not. What is not touched is not sent.
import { useState } from 'preact/hooks';
import type { ChangedSale, ChangedTerms, OperatorSale } from '../shared/api';
import { ActDialog } from './act-dialog';
import { type DialogProps, doneWords } from './acts';
import { type DraftTime, instantOf, NUMBERS, type NumberField, wholeNumber } from './draft';
import { Field } from './field';
import { asked, operator } from './key';
import { texts } from './texts';
import { zoneOf } from './when';
import { wallOf } from './zone';

const FIELDS: NumberField[] = [
  'waiting_room_cap',
  'max_tickets_per_user',
  'max_active',
  'hold_ttl_sec',
  'claim_window_sec',
  'shopping_window_sec',
  'seats_per_shopper',
  'max_tickets_per_cluster',
  'max_tickets_per_group',
  'max_tickets_per_group_cluster',
];
const TIMES = ['opens_at', 'ends_at'] as const;
/** What was announced holds once the doors are open. */
const ANNOUNCED: readonly string[] = ['opens_at', 'claim_window_sec'];

type Typed = Record<string, string>;
type Found = { wrong: Typed; changed: ChangedTerms };

export function TermsDialog({ sale, phase, finish, close }: DialogProps & { phase: string }) {
  const zone = zoneOf(sale.event.event_id);
  const [typed, setTyped] = useState<Typed>({});
  const isOpen = phase !== 'scheduled' && phase !== 'building';
  const { wrong, changed } = changes(sale, typed, zone);
  const same = Object.keys(changed).length === 0;
  const send = async (reason: string) => {
    const answer = await asked<ChangedSale>(
      operator.PATCH('/v1/admin/sales/{id}', { params: { path: { id: sale.sale_id } }, body: { ...changed, reason } }),
    );
    if (answer.ok) finish(doneWords(answer, texts.act.done.terms));
    return answer;
  };
  const field = (name: string, label: string, now: string, type: string) => (
    <Field
      key={name}
      name={name}
      label={label}
      wrong={wrong[name]}
      hint={isOpen && ANNOUNCED.includes(name) ? texts.act.fixedNow : undefined}
    >
      {(said) => (
        <input
          class="input num"
          type={type}
          inputMode={type === 'text' ? 'numeric' : undefined}
          disabled={isOpen && ANNOUNCED.includes(name)}
          value={typed[name] ?? now}
          onInput={(e) => setTyped({ ...typed, [name]: e.currentTarget.value })}
          {...said}
        />
      )}
    </Field>
  );
  const isWrong = same || Object.keys(wrong).length > 0;
  return (
    <ActDialog title={texts.act.terms} about={texts.act.about.terms} send={send} close={close} isWrong={isWrong}>
      {(tried) => (
        <>
          <div class="fields two">
            {field('opens_at', texts.act.opensLabel(zone), wallOf(Date.parse(sale.opens_at), zone), 'datetime-local')}
            {field('ends_at', texts.act.endsLabel(zone), wallOf(Date.parse(sale.ends_at), zone), 'datetime-local')}
            {FIELDS.map((name) => field(name, texts.new.numbers[name]?.[0] ?? name, String(sale[name] ?? 0), 'text'))}
          </div>
          <p class="soft small">{texts.act.fixed}</p>
          {tried && same && Object.keys(wrong).length === 0 && (
            <p class="note warn" role="alert">
              {texts.act.same}
            </p>
          )}
        </>
      )}
    </ActDialog>
  );
}

function changes(sale: OperatorSale, typed: Typed, zone: string): Found {
  const wrong: Typed = {};
  const changed: ChangedTerms = {};
  for (const name of TIMES) {
    const wall = typed[name];
    if (wall === undefined || wall === wallOf(Date.parse(sale[name]), zone)) continue;
    const time: DraftTime = { wall, second: false };
    const found = instantOf(time, zone);
    if ('wrong' in found) wrong[name] = found.wrong;
    else changed[name] = new Date(found.at).toISOString();
  }
  for (const name of FIELDS) {
    const text = typed[name];
    if (text === undefined) continue;
    const value = wholeNumber(text);
    const { least, most } = NUMBERS[name];
    if (value === undefined || value < least || value > most) wrong[name] = texts.new.range(least, most);
    else if (value !== (sale[name] ?? 0)) changed[name] = value;
  }
  return { wrong, changed };
}
