// All runs there have been, the newest first: found by scenario and verdict, two of them chosen to be compared.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { ask, type RunInList, type RunList } from '../shared/api';
import { ago } from './ago';
import { client, refused } from './session';
import { SCENARIOS, stateOf, titleOf } from './texts';

const PAGE = 25;
const STATES = ['passed', 'failed', 'invalid', 'aborted', 'error', 'running', 'queued'];

export function Runs() {
  const filter = useSignal(new URLSearchParams(location.search));
  const runs = useSignal<RunInList[] | undefined>(undefined);
  const next = useSignal<string | undefined>(undefined);
  const fault = useSignal('');
  const chosen = useSignal<string[]>([filter.value.get('with') ?? ''].filter((id) => id !== ''));
  const scenario = filter.value.get('scenario') ?? '';
  const status = filter.value.get('status') ?? '';

  const load = async (after?: string) => {
    const query = {
      limit: String(PAGE),
      ...(after ? { after } : {}),
      ...(scenario ? { scenario } : {}),
      ...(status ? { status } : {}),
    };
    const answer = await ask(client.GET('/v1/demo/loadtests', { params: { query } }));
    if (!answer.ok) {
      if ('problem' in answer && answer.status === 401) refused.value = true;
      fault.value = 'problem' in answer ? answer.problem.detail : 'The server cannot be reached.';
      return;
    }
    const list: RunList = answer.value;
    fault.value = '';
    runs.value = after ? [...(runs.value ?? []), ...list.runs] : list.runs;
    next.value = list.next_after ?? undefined;
  };
  useEffect(() => void load(), [scenario, status]);

  const narrow = (name: string, value: string) => {
    const query = new URLSearchParams(filter.value);
    if (value) query.set(name, value);
    else query.delete(name);
    history.replaceState(null, '', query.size > 0 ? `?${query}` : location.pathname);
    runs.value = undefined;
    filter.value = query;
  };
  const toggle = (id: string) => {
    const others = chosen.value.filter((one) => one !== id);
    chosen.value = others.length < chosen.value.length ? others : [...others.slice(-1), id];
  };
  return (
    <div class="stack">
      <h1>Runs</h1>
      <div class="filters">
        <Filter
          name="Scenario"
          value={scenario}
          options={Object.keys(SCENARIOS).map((one) => [one, titleOf(one)])}
          set={(value) => narrow('scenario', value)}
        />
        <Filter
          name="Verdict"
          value={status}
          options={STATES.map((one) => [one, stateOf(one).word])}
          set={(value) => narrow('status', value)}
        />
        <Compare chosen={chosen.value} />
      </div>
      {fault.value && (
        <p class="note fail" role="alert">
          {fault.value}
        </p>
      )}
      <List runs={runs.value} chosen={chosen.value} toggle={toggle} filtered={scenario !== '' || status !== ''} />
      {next.value && (
        <div>
          <button type="button" class="btn" onClick={() => load(next.value)}>
            Older runs
          </button>
        </div>
      )}
    </div>
  );
}

type FilterProps = { name: string; value: string; options: string[][]; set: (value: string) => void };

function Filter({ name, value, options, set }: FilterProps) {
  const id = `filter-${name.toLowerCase()}`;
  return (
    <div class="field">
      <label for={id}>{name}</label>
      <select id={id} class="input" value={value} onChange={(event) => set(event.currentTarget.value)}>
        <option value="">All</option>
        {options.map(([key, text]) => (
          <option key={key} value={key}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}

function Compare({ chosen }: { chosen: string[] }) {
  const [a, b] = chosen;
  return (
    <div class="compare-act">
      <p class="small soft" role="status">
        {chosen.length === 2 ? 'Two are chosen.' : `Choose ${2 - chosen.length === 1 ? 'one more' : 'two'} to compare.`}
      </p>
      {a && b ? (
        <a class="btn primary" href={`/lab/compare?a=${a}&b=${b}`}>
          Compare
        </a>
      ) : (
        <span class="btn" aria-disabled="true">
          Compare
        </span>
      )}
    </div>
  );
}

type ListProps = { runs: RunInList[] | undefined; chosen: string[]; toggle: (id: string) => void; filtered: boolean };

function List({ runs, chosen, toggle, filtered }: ListProps) {
  if (!runs) return <p class="soft">Looking…</p>;
  if (runs.length === 0) {
    return filtered ? (
      <p class="card soft">No run is like that.</p>
    ) : (
      <p class="card">
        Nothing has been rehearsed yet. <a href="/lab">Start the first run</a>.
      </p>
    );
  }
  return (
    <ul class="runs card">
      {runs.map((run) => (
        <RunLine key={run.run_id} run={run} chosen={chosen.includes(run.run_id)} toggle={toggle} />
      ))}
    </ul>
  );
}

function RunLine({ run, chosen, toggle }: { run: RunInList; chosen: boolean; toggle: (id: string) => void }) {
  const state = stateOf(run.status);
  const name = `${titleOf(run.scenario)}, ${ago(run.asked_at)}`;
  return (
    <li>
      <input
        type="checkbox"
        checked={chosen}
        onChange={() => toggle(run.run_id)}
        aria-label={`Compare ${name}, run ${run.run_id.slice(-8)}`}
      />
      <span class={`badge ${state.tone}`}>{state.word}</span>
      <div class="run-text">
        <a href={`/lab/runs/${run.run_id}`}>
          <b>{titleOf(run.scenario)}</b>
        </a>{' '}
        <span class="small soft">
          {run.run_id.slice(-8)}
          {run.asked_by === 'command line' ? ' · command line' : ''}
          {knobs(run)}
        </span>
        <p class="small soft">{run.error ?? run.reason ?? state.says}</p>
      </div>
      <time class="small soft" dateTime={run.asked_at}>
        {ago(run.asked_at)}
      </time>
    </li>
  );
}

function knobs(run: RunInList): string {
  const fans = run.knobs['K6_VUS_MAX'];
  const seed = run.knobs['SEED'];
  return `${fans ? ` · ${fans} fans` : ''}${seed ? ` · seed ${seed}` : ''}`;
}
