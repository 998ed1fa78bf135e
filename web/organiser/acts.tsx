// What an operator does to a sale: each asks why, and the one that cannot be undone asks for the sale's name.
import { useState } from 'preact/hooks';
import type { Answer, ChangedSale, OperatorSale } from '../shared/api';
import { ActDialog } from './act-dialog';
import { NUMBERS, wholeNumber } from './draft';
import { Field } from './field';
import { asked, operator } from './key';
import { TermsDialog } from './terms';
import { texts } from './texts';

type Act = 'pause' | 'resume' | 'rate' | 'terms' | 'close' | 'release';
type Props = { sale: OperatorSale; phase: string; heldBack: number; done: () => void };

export function Acts({ sale, phase, heldBack, done }: Props) {
  const [open, setOpen] = useState<Act>();
  const [said, setSaid] = useState('');
  const button = (act: Act, kind = '') => (
    <button type="button" class={`btn ${kind}`} onClick={() => setOpen(act)}>
      {texts.act[act]}
    </button>
  );
  const finish = (words: string) => {
    setOpen(undefined);
    setSaid(words);
    done();
  };
  const close = () => setOpen(undefined);
  return (
    <div class="acts">
      {phase !== 'ended' && (
        <div class="row">
          {sale.paused ? button('resume', 'primary') : button('pause')}
          {button('rate')}
          {button('terms')}
          {heldBack > 0 && button('release')}
          {button('close', 'danger')}
        </div>
      )}
      {phase === 'ended' && heldBack > 0 && <div class="row">{button('release')}</div>}
      <p role="status" class={said ? 'note pass' : 'sr-only'}>
        {said}
      </p>
      {(open === 'pause' || open === 'resume') && <PauseDialog sale={sale} act={open} finish={finish} close={close} />}
      {open === 'rate' && <RateDialog sale={sale} finish={finish} close={close} />}
      {open === 'close' && <CloseDialog sale={sale} finish={finish} close={close} />}
      {open === 'release' && <ReleaseDialog sale={sale} finish={finish} close={close} />}
      {open === 'terms' && <TermsDialog sale={sale} phase={phase} finish={finish} close={close} />}
    </div>
  );
}

export type DialogProps = { sale: OperatorSale; finish: (said: string) => void; close: () => void };

/** What to say of a change, or that there was nothing to do. */
export const doneWords = (answer: Answer<ChangedSale>, words: string): string =>
  answer.ok && !answer.value.changed ? texts.act.done.already : words;

function PauseDialog({ sale, act, finish, close }: DialogProps & { act: 'pause' | 'resume' }) {
  const send = async (reason: string) => {
    const asking = { params: { path: { id: sale.sale_id } }, body: { reason } };
    const call =
      act === 'pause'
        ? operator.POST('/v1/admin/sales/{id}/pause', asking)
        : operator.POST('/v1/admin/sales/{id}/resume', asking);
    const answer = await asked<ChangedSale>(call);
    if (answer.ok) finish(doneWords(answer, texts.act.done[act]));
    return answer;
  };
  return <ActDialog title={texts.act[act]} about={texts.act.about[act]} send={send} close={close} />;
}

function RateDialog({ sale, finish, close }: DialogProps) {
  const [typed, setTyped] = useState(String(sale.admit_per_minute));
  const { least, most } = NUMBERS.admit_per_minute;
  const rate = wholeNumber(typed);
  const wrong = rate === undefined || rate < least || rate > most ? texts.new.range(least, most) : undefined;
  const send = async (reason: string) => {
    const body = { admit_per_minute: rate ?? 0, reason };
    const answer = await asked<ChangedSale>(
      operator.PATCH('/v1/admin/sales/{id}', { params: { path: { id: sale.sale_id } }, body }),
    );
    if (answer.ok) finish(doneWords(answer, texts.act.done.rate(answer.value.admit_per_minute)));
    return answer;
  };
  return (
    <ActDialog
      title={texts.act.rate}
      about={texts.act.about.rate}
      send={send}
      close={close}
      isWrong={wrong !== undefined}
    >
      {(tried) => (
        <Field name="rate" label={texts.act.rateLabel} wrong={tried ? wrong : undefined}>
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
      )}
    </ActDialog>
  );
}

function CloseDialog({ sale, finish, close }: DialogProps) {
  const [typed, setTyped] = useState('');
  const isRight = typed.trim() === sale.event.name;
  const send = async (reason: string) => {
    const answer = await asked<ChangedSale>(
      operator.POST('/v1/admin/sales/{id}/close', { params: { path: { id: sale.sale_id } }, body: { reason } }),
    );
    if (answer.ok) finish(doneWords(answer, texts.act.done.close));
    return answer;
  };
  return (
    <ActDialog
      title={texts.act.close}
      about={texts.act.about.close}
      send={send}
      close={close}
      isWrong={!isRight}
      danger
    >
      {(tried) => (
        <Field
          name="name"
          label={texts.act.nameLabel(sale.event.name)}
          wrong={tried && !isRight ? texts.act.nameWrong : undefined}
        >
          {(said) => (
            <input
              class="input"
              autocomplete="off"
              spellcheck={false}
              value={typed}
              onInput={(e) => setTyped(e.currentTarget.value)}
              {...said}
            />
          )}
        </Field>
      )}
    </ActDialog>
  );
}

function ReleaseDialog({ sale, finish, close }: DialogProps) {
  const send = async (reason: string) => {
    const answer = await asked(
      operator.POST('/v1/admin/sales/{id}/release-held', { params: { path: { id: sale.sale_id } }, body: { reason } }),
    );
    if (answer.ok) finish(texts.act.done.release(answer.value.released));
    return answer;
  };
  return <ActDialog title={texts.act.release} about={texts.act.about.release} send={send} close={close} />;
}
