// The Load Control Center: which page this address is, and what its sidebar follows.
import { signal } from '@preact/signals';
import { render } from 'preact';
import { useEffect, useMemo } from 'preact/hooks';
import { ask, type RunShown } from '../shared/api';
import '../shared/base.css';
import { boardOfRun, boardOfSale } from './board';
import { Compared } from './comparison';
import * as home from './home';
import './lab.css';
import { Run } from './run';
import { Runs } from './runs';
import { client } from './session';
import { Shell } from './shell';
import { Start } from './start';
import { titleOf } from './texts';
import { Watch } from './watch';
import { usual, type Wish } from './wish';

const again = signal<Wish | undefined>(undefined);
const againFrom = new URLSearchParams(location.search).get('again');

function Home() {
  useEffect(() => {
    void home.readConfig().then(prepare);
    void home.follow();
  }, []);
  const { value: config } = home.config;
  const watched = home.running.value?.state.value;
  const sale = home.sale.value;
  const board = watched
    ? boardOfRun(watched)
    : sale && boardOfSale(sale.now, sale.history.slice(-home.LOOKS_OF_NOW), sale.history, sale.link);
  return (
    <Shell withBoard board={board} href={home.running.value && `/lab/runs/${home.running.value.id}`}>
      {home.off.value && <p class="note warn">The lab is off on this server.</p>}
      {config && (!againFrom || again.value) && (
        <Start config={config} list={home.list.value} server={home.server.value} again={again.value} />
      )}
    </Shell>
  );
}

/** `?again=`: the fields of a run that there was. */
async function prepare(): Promise<void> {
  const config = home.config.value;
  if (!againFrom || !config) return;
  const answer = await ask(client.GET('/v1/demo/loadtest/{run_id}', { params: { path: { run_id: againFrom } } }));
  again.value = answer.ok ? ofRun(answer.value, usual(config, answer.value.scenario)) : usual(config, 'launch_spike');
}

function ofRun(run: RunShown, base: Wish): Wish {
  const given = (name: string, other: string) => run.knobs[name] ?? other;
  const length = (name: string, other: string) =>
    given(name, other)
      .replace(/^(\d+)000ms$/, '$1')
      .replace(/^(\d+)s$/, '$1');
  return {
    scenario: run.scenario,
    vus: given('K6_VUS_MAX', base.vus),
    rampUp: length('K6_RAMP_UP', base.rampUp),
    steady: length('K6_STEADY', base.steady),
    rampDown: length('K6_RAMP_DOWN', base.rampDown),
    seed: given('SEED', base.seed),
    admitPerMinute: given('K6_ADMIT_PER_MIN', base.admitPerMinute),
    cap: given('K6_WAITING_ROOM_CAP', base.cap),
    seats: given('K6_TOTAL_SEATS', base.seats),
    sale: '',
  };
}

function RunPage({ id }: { id: string }) {
  const watch = useMemo(() => new Watch(id), [id]);
  useEffect(() => () => watch.stop(), [watch]);
  const watched = watch.state.value;
  useEffect(() => {
    if (watched.run) document.title = `${titleOf(watched.run.scenario)}: ${watched.run.status} · Traffic`;
  }, [watched.run?.status]);
  return (
    <Shell withBoard board={boardOfRun(watched)}>
      <Run id={id} watched={watched} />
    </Shell>
  );
}

function Page() {
  const run = /^\/lab\/runs\/([^/]+)$/.exec(location.pathname)?.[1];
  if (run) return <RunPage id={decodeURIComponent(run)} />;
  if (location.pathname === '/lab/runs') return <Shell withBoard={false}>{<Runs />}</Shell>;
  if (location.pathname === '/lab/compare') return <Shell withBoard={false}>{<Compared />}</Shell>;
  return <Home />;
}

const app = document.getElementById('app');
if (app) render(<Page />, app);
