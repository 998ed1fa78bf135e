// A date and a time as the venue's clocks show them: with UTC beside it, and a choice where it comes twice.
import { type DraftTime, instantOf } from './draft';
import { Field } from './field';
import type { Parts } from './new';
import { texts } from './texts';
import { clockText } from './when';
import { meant, offsetName } from './zone';

type Name = 'starts_at' | 'opens_at' | 'ends_at';

export function TimeField({ name, label, draft, wrong, set }: Parts & { name: Name; label: string }) {
  const time = draft[name];
  const found = instantOf(time, draft.zone);
  const put = (change: Partial<DraftTime>) => set({ [name]: { ...time, ...change } });
  const hint = 'at' in found ? texts.new.utc(clockText(found.at, 'UTC')) : undefined;
  // An hour that does not exist is told at once: it looks right to whoever typed it.
  const said = wrong[name] ?? ('wrong' in found && time.wall ? found.wrong : undefined);
  return (
    <div class="stack tight">
      <Field name={name} label={label} hint={hint} wrong={said}>
        {(tied) => (
          <input
            class="input num"
            type="datetime-local"
            value={time.wall}
            onInput={(e) => put({ wall: e.currentTarget.value })}
            {...tied}
          />
        )}
      </Field>
      <Twice name={name} time={time} zone={draft.zone} choose={(second) => put({ second })} />
    </div>
  );
}

type TwiceProps = { name: Name; time: DraftTime; zone: string; choose: (second: boolean) => void };

function Twice({ name, time, zone, choose }: TwiceProps) {
  const found = meant(time.wall, zone);
  if (found.kind !== 'two') return null;
  const radio = (second: boolean, label: string) => (
    <label class="choice">
      <input type="radio" name={`${name}-which`} checked={time.second === second} onChange={() => choose(second)} />
      {label}
    </label>
  );
  const [first, later] = found.instants.map((instant) => offsetName(instant, zone));
  return (
    <fieldset class="note warn">
      <legend class="sr-only">{texts.new.twice}</legend>
      <span aria-hidden="true">{texts.new.twice}</span>
      {radio(false, texts.new.firstOfTwo(first ?? ''))}
      {radio(true, texts.new.secondOfTwo(later ?? ''))}
    </fieldset>
  );
}
