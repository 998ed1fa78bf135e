// The first page: pick what could go wrong, give the run its shape and its sale, look before, start.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { ask, type DemoConfig, type RunList, type ScenarioShown } from '../shared/api';
import { number } from '../shared/format';
import { ago } from './ago';
import { Curve } from './curve';
import { type Point, preflight, type Ready, reason } from './preflight';
import { Reset } from './reset';
import { client } from './session';
import { PRESETS, SCENARIOS, stateOf, titleOf } from './texts';
import { body, estimate, type Field, simLine, usual, type Wish, type Wrong, wrong } from './wish';

const LABELS: Record<Field, string> = {
  vus: 'Fans at the peak',
  rampUp: 'Ramp up, seconds',
  steady: 'Steady, seconds',
  rampDown: 'Ramp down, seconds',
  seed: 'Seed',
  admitPerMinute: 'Let in a minute',
  cap: 'Room for, waiting',
  seats: 'Seats',
  sale: 'An open sale, by its id',
};

type Props = { config: DemoConfig; list: RunList | undefined; server: Ready | undefined; again: Wish | undefined };

export function Start({ config, list, server, again }: Props) {
  const wish = useSignal<Wish>(again ?? usual(config, PRESETS[0]?.scenario ?? 'launch_spike'));
  const fault = useSignal<{ field?: string; says: string } | undefined>(undefined);
  const sending = useSignal(false);
  const found = wrong(wish.value, config);
  const facts = list?.scenarios.find((one) => one.name === wish.value.scenario);
  const points = preflight(server, list, config, Number(wish.value.vus) || 0);
  const why = reason(points, fieldsOf(found));
  const set = (field: keyof Wish, value: string) => {
    fault.value = undefined;
    wish.value = { ...wish.value, [field]: value };
  };
  const pick = (scenario: string) => {
    const own = list?.scenarios.find((one) => one.name === scenario)?.own_sale_only;
    fault.value = undefined;
    wish.value = { ...wish.value, scenario, ...(own ? { sale: '' } : {}) };
  };
  const start = async (event: Event) => {
    event.preventDefault();
    if (why || sending.value) return;
    sending.value = true;
    const answer = await ask(client.POST('/v1/demo/loadtest', { body: body(wish.value) }));
    sending.value = false;
    if (answer.ok) location.assign(`/lab/runs/${answer.value.run_id}`);
    else if ('unreachable' in answer)
      fault.value = { says: 'The server cannot be reached. Nothing is known of this run; look at Runs.' };
    else fault.value = { says: answer.problem.detail };
  };
  return (
    <form onSubmit={start} noValidate>
      <h1 class="sr-only">Rehearse a sale</h1>
      <Pick list={list} scenario={wish.value.scenario} pick={pick} />
      <div class="setup">
        <section class="card" aria-labelledby="shape">
          <h2 class="eyebrow" id="shape">
            2 · Shape
          </h2>
          <Knobs fields={['vus', 'rampUp', 'steady', 'rampDown', 'seed']} wish={wish.value} found={found} set={set} />
          <Curve wish={wish.value} />
        </section>
        <section class="card" aria-labelledby="system">
          <h2 class="eyebrow" id="system">
            3 · The sale
          </h2>
          {wish.value.sale.trim() ? (
            <p class="small soft part">The run uses that sale as it is: its own rate, room and seats.</p>
          ) : (
            <Knobs fields={['admitPerMinute', 'cap', 'seats']} wish={wish.value} found={found} set={set} />
          )}
          {facts?.own_sale_only ? (
            <p class="small soft part">{titleOf(wish.value.scenario)} makes its own sales: none can be named.</p>
          ) : (
            <details class="part" open={wish.value.sale !== ''}>
              <summary class="small">Use a sale that is there</summary>
              <Knobs fields={['sale']} wish={wish.value} found={found} set={set} />
            </details>
          )}
          <Reset wish={wish.value} wrong={found} />
        </section>
        <section class="card" aria-labelledby="before">
          <h2 class="eyebrow" id="before">
            4 · Before it starts
          </h2>
          <Expected wish={wish.value} />
          <Points points={points} />
        </section>
      </div>
      <div class="go card">
        <button
          class="btn primary"
          type="submit"
          aria-disabled={why !== undefined || sending.value}
          aria-describedby="why"
        >
          {sending.value ? 'Asking…' : `Start ${titleOf(wish.value.scenario)}`}
        </button>
        <p id="why" class="go-why">
          {why ?? `${number(Number(wish.value.vus))} fans, about ${Math.round(estimate(wish.value).durationSec)} s.`}
        </p>
        <SimLine line={simLine(wish.value, config)} />
        <p role="alert" class={fault.value ? 'note fail go-fault' : ''}>
          {fault.value?.says}
        </p>
      </div>
    </form>
  );
}

const fieldsOf = (found: Wrong): string[] => (Object.keys(found) as Field[]).map((field) => LABELS[field]);

type PickProps = { list: RunList | undefined; scenario: string; pick: (scenario: string) => void };

function Pick({ list, scenario, pick }: PickProps) {
  const last = (name: string) => list?.scenarios.find((one) => one.name === name)?.last ?? undefined;
  return (
    <section class="pick" aria-labelledby="pick">
      <h2 class="eyebrow" id="pick">
        1 · What could go wrong
      </h2>
      <div class="presets">
        {PRESETS.map((preset) => (
          <button
            key={preset.id}
            type="button"
            class="chip"
            aria-pressed={scenario === preset.scenario}
            title={preset.says}
            onClick={() => pick(preset.scenario)}
          >
            {preset.title}
          </button>
        ))}
      </div>
      <fieldset class="cards">
        <legend class="sr-only">Scenario</legend>
        {Object.entries(SCENARIOS).map(([name, texts]) => (
          <label key={name} class={`scenario ${scenario === name ? 'on' : ''}`}>
            <input type="radio" name="scenario" value={name} checked={scenario === name} onChange={() => pick(name)} />
            <b>{texts.title}</b>
            <span class="small scenario-attacks">{texts.attacks}</span>
            <span class="small soft scenario-fans">{texts.fans}</span>
            <Last last={last(name)} />
          </label>
        ))}
      </fieldset>
    </section>
  );
}

function Last({ last }: { last: ScenarioShown['last'] | undefined }) {
  if (!last) return <span class="small soft scenario-last">Not run yet</span>;
  const state = stateOf(last.status);
  return (
    <span class="small scenario-last">
      <span class={`badge ${state.tone}`}>{state.word}</span> {last.finished_at ? ago(last.finished_at) : ''}
    </span>
  );
}

type KnobsProps = { fields: Field[]; wish: Wish; found: Wrong; set: (field: Field, value: string) => void };

function Knobs({ fields, wish, found, set }: KnobsProps) {
  return (
    <div class="knobs">
      {fields.map((field) => (
        <div key={field} class={`knob ${field === 'sale' ? 'wide' : ''}`}>
          <label for={`knob-${field}`}>{LABELS[field]}</label>
          <span class="knob-value">
            <input
              id={`knob-${field}`}
              class="input num"
              inputMode={field === 'sale' ? 'text' : 'numeric'}
              autocomplete="off"
              spellcheck={false}
              value={wish[field]}
              aria-invalid={found[field] !== undefined}
              aria-describedby={found[field] ? `wrong-${field}` : undefined}
              onInput={(event) => set(field, event.currentTarget.value)}
            />
          </span>
          {found[field] && (
            <p class="wrong" id={`wrong-${field}`}>
              {found[field]}
            </p>
          )}
        </div>
      ))}
    </div>
  );
}

function Expected({ wish }: { wish: Wish }) {
  const { durationSec, arrivalsPerSec, requests } = estimate(wish);
  const drain = (Number(wish.vus) / Math.max(1, Number(wish.admitPerMinute))) * 60;
  return (
    <dl class="facts num">
      <div>
        <dt>Takes, at most</dt>
        <dd>{Math.round(durationSec)} s</dd>
      </div>
      <div>
        <dt>Arrivals at the peak</dt>
        <dd>≈ {number(Math.round(arrivalsPerSec))}/s</dd>
      </div>
      <div>
        <dt>Requests, roughly</dt>
        <dd>{number(rounded(requests))}</dd>
      </div>
      {!wish.sale.trim() && Number.isFinite(drain) && (
        <div>
          <dt>To let all in</dt>
          <dd>≈ {number(Math.ceil(drain))} s</dd>
        </div>
      )}
    </dl>
  );
}

/** Two digits: the rest would be made up. */
const rounded = (value: number): number => (value > 0 ? Number(value.toPrecision(2)) : 0);

const WORDS = { ok: 'ok', warning: 'look', blocks: 'no' } as const;
const TONES = { ok: 'pass', warning: 'warn', blocks: 'fail' } as const;

function Points({ points }: { points: Point[] }) {
  return (
    <ul class="points small">
      {points.map((point) => (
        <li key={point.name}>
          <span class={`badge ${TONES[point.state]}`}>{WORDS[point.state]}</span>
          <span>
            <b>{point.name}</b> <span class="soft">{point.says}</span>
          </span>
        </li>
      ))}
    </ul>
  );
}

function SimLine({ line }: { line: string }) {
  const said = useSignal('');
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(line);
      said.value = 'Copied';
    } catch {
      said.value = 'Select it and copy';
    }
  };
  useEffect(() => {
    said.value = '';
  }, [line]);
  return (
    <div class="sim">
      <code>{line}</code>
      <button type="button" class="btn small" onClick={copy}>
        {said.value || 'Copy'}
      </button>
    </div>
  );
}
