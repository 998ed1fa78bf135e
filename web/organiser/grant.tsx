// Grants an exception: to whom, from which rule, and how much.
import { useState } from 'preact/hooks';
import type { Answer, OperatorSale } from '../shared/api';
import { ActDialog } from './act-dialog';
import { wholeNumber } from './draft';
import { Field } from './field';
import { asked, operator } from './key';
import { texts } from './texts';

const say = texts.exceptions;
const EXTRA_MAX = 50;

type Props = { sale: OperatorSale; done: (words: string) => void; close: () => void };

export function GrantDialog({ sale, done, close }: Props) {
  const [who, setWho] = useState('');
  const [whoWrong, setWhoWrong] = useState('');
  const [rule, setRule] = useState('cap_exceeded');
  const [typed, setTyped] = useState('1');
  const extra = wholeNumber(typed);
  const lift = typed.trim() === '';
  const extraWrong = !lift && (extra === undefined || extra < 1 || extra > EXTRA_MAX);

  const send = async (reason: string): Promise<Answer<unknown>> => {
    setWhoWrong('');
    const found = await accountOf(sale.sale_id, who.trim());
    if (!found.ok) return found;
    if (found.value === undefined) {
      setWhoWrong(say.notInLine);
      return { ok: true, value: undefined, status: 200 };
    }
    const many = lift ? { lift: true } : { extra_tickets: extra ?? 0 };
    const body = { user_id: found.value, rule, reason, ...many };
    const answer = await asked(
      operator.POST('/v1/admin/sales/{id}/exceptions', { params: { path: { id: sale.sale_id } }, body }),
    );
    if (answer.ok) done(say.granted);
    return answer;
  };

  return (
    <ActDialog title={say.grant} about={say.lead} send={send} close={close} isWrong={who.trim() === '' || extraWrong}>
      {(tried) => (
        <>
          <Field
            name="who"
            label={say.account}
            hint={say.accountHint}
            wrong={whoWrong || (tried && who.trim() === '' ? say.accountMissing : undefined)}
          >
            {(said) => <input class="input" value={who} onInput={(e) => setWho(e.currentTarget.value)} {...said} />}
          </Field>
          <Field name="rule" label={say.rule}>
            {(said) => (
              <select class="input" value={rule} onChange={(e) => setRule(e.currentTarget.value)} {...said}>
                {Object.entries(say.rules).map(([code, label]) => (
                  <option key={code} value={code}>
                    {label}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <Field
            name="extra"
            label={say.extra}
            hint={say.extraHint}
            wrong={tried && extraWrong ? say.extraWrong : undefined}
          >
            {(said) => (
              <input
                class="input num"
                inputMode="numeric"
                value={typed}
                onInput={(e) => setTyped(e.currentTarget.value)}
                {...said}
              />
            )}
          </Field>
        </>
      )}
    </ActDialog>
  );
}

/** An id is taken as it is; an address is looked up in the line. None: nobody there has it. */
async function accountOf(sale: string, who: string): Promise<Answer<string | undefined>> {
  if (!who.includes('@')) return { ok: true, value: who, status: 200 };
  const answer = await asked(
    operator.GET('/v1/admin/sales/{id}/queue-entries', { params: { path: { id: sale }, query: { who } } }),
  );
  return answer.ok ? { ...answer, value: answer.value.entries[0]?.user_id } : answer;
}
