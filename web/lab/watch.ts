// A run as it goes: told once a second by the server, asked for where no stream gets through, and honest about being late.
import { signal } from '@preact/signals';
import { ask, type RunShown } from '../shared/api';
import { fetchReport, type Report } from './report';
import { empty, merged, ofReport, type Series } from './series';
import { client, opened, refused } from './session';
import { isOver } from './texts';

const EVERY_MS = 1_000;
/** Three that did not come. */
const STALE_MS = 3_000;
/** Then the stream is tried again. */
const POLLS_BEFORE_STREAM = 10;

export type Link = 'connecting' | 'live' | 'stale' | 'over' | 'missing';

export type Watched = {
  run: RunShown | undefined;
  series: Series;
  report: Report | undefined;
  /** Why there is no report, once the run is over. */
  noReport: string | undefined;
  link: Link;
};

/** Watches one run until it is over or `stop` is called. Its state is a signal. */
export class Watch {
  readonly state = signal<Watched>({
    run: undefined,
    series: empty(),
    report: undefined,
    noReport: undefined,
    link: 'connecting',
  });
  private stream: EventSource | undefined;
  private timer: number | undefined;
  private heardAt = Date.now();
  private ended = false;

  constructor(readonly id: string) {
    this.listen();
    this.timer = window.setInterval(() => this.judge(), EVERY_MS);
  }

  stop(): void {
    this.ended = true;
    this.stream?.close();
    window.clearInterval(this.timer);
  }

  private listen(): void {
    const address = opened(`/v1/demo/loadtest/${encodeURIComponent(this.id)}/events`);
    if (!address || this.ended) return void this.poll(Number.POSITIVE_INFINITY);
    const stream = new EventSource(address);
    this.stream = stream;
    stream.addEventListener('run', (event) => this.hear(JSON.parse((event as MessageEvent<string>).data) as RunShown));
    stream.onerror = () => {
      stream.close();
      if (!this.ended) void this.poll(POLLS_BEFORE_STREAM);
    };
  }

  /** Asks once a second, so many times, and then tries the stream again. */
  private async poll(times: number): Promise<void> {
    for (let asked = 0; asked < times && !this.ended; asked++) {
      const answer = await ask(client.GET('/v1/demo/loadtest/{run_id}', { params: { path: { run_id: this.id } } }));
      if (answer.ok) this.hear(answer.value);
      else if ('problem' in answer && answer.status === 404) this.end('missing');
      else if ('problem' in answer && answer.status === 401) refused.value = true;
      await new Promise((wake) => window.setTimeout(wake, EVERY_MS));
    }
    if (!this.ended) this.listen();
  }

  private hear(run: RunShown): void {
    if (this.ended) return;
    this.heardAt = Date.now();
    const before = this.state.value;
    const told = run.progress?.series;
    const series = told ? merged(before.series, told) : before.series;
    this.state.value = { ...before, run, series, link: isOver(run.status) ? 'over' : 'live' };
    if (isOver(run.status)) {
      this.end('over');
      void this.read(run);
    }
  }

  private end(link: Link): void {
    this.stop();
    this.state.value = { ...this.state.value, link };
  }

  /** The whole, in place of what was told on the way. */
  private async read(run: RunShown): Promise<void> {
    const kept = run.files.some((file) => file.name === 'report.json');
    const report = kept ? await fetchReport(this.id) : 'No report was kept of this run.';
    if (typeof report === 'string') this.state.value = { ...this.state.value, noReport: report };
    else this.state.value = { ...this.state.value, report, series: ofReport(report) };
  }

  private judge(): void {
    const { link } = this.state.value;
    if (link === 'live' && Date.now() - this.heardAt > STALE_MS)
      this.state.value = { ...this.state.value, link: 'stale' };
  }
}
