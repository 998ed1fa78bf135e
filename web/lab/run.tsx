// One run, while it lasts and for ever after: its verdict and why, its checks, charts and tables, and what can be done with it.
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { ask, type RunShown } from '../shared/api';
import { dateTime, number } from '../shared/format';
import type { Phases } from './chart';
import { Charts } from './charts';
import { Checks } from './checks';
import type { Report } from './report';
import { missingAtFront, ofReport } from './series';
import { client, headers, opened } from './session';
import { Funnel, Knobs, Refusals, Steps } from './tables';
import { isOver, stateOf, titleOf } from './texts';
import type { Watched } from './watch';

export function Run({ id, watched }: { id: string; watched: Watched }) {
  const { run, link } = watched;
  if (link === 'missing') return <Missing />;
  if (!run) return <p class="soft">Looking for this run…</p>;
  return (
    <div class="stack run">
      <Head id={id} run={run} link={link} />
      <Verdict run={run} watched={watched} />
      <Charting watched={watched} />
      <Checks run={run} report={watched.report} />
      {watched.report && (
        <>
          <div class="pair">
            <Funnel report={watched.report} />
            <Refusals report={watched.report} />
          </div>
          <Steps report={watched.report} />
          <Knobs report={watched.report} />
        </>
      )}
      {watched.noReport && <p class="note warn">{watched.noReport}</p>}
    </div>
  );
}

function Missing() {
  return (
    <div class="stack">
      <h1>There is no such run</h1>
      <p>The list remembers the last 10,000. This one is older, or its address is not whole.</p>
      <p>
        <a href="/lab/runs">All runs</a>
      </p>
    </div>
  );
}

function Head({ id, run, link }: { id: string; run: RunShown; link: Watched['link'] }) {
  return (
    <div class="run-head">
      <div>
        <p class="eyebrow">Run {id.slice(-8)}</p>
        <h1>{titleOf(run.scenario)}</h1>
        <p class="small soft">
          {run.asked_by === 'command line' ? 'From the command line' : 'Asked for'} {dateTime(run.asked_at)}
          {run.runner ? ` · by ${run.runner}` : ''}
        </p>
      </div>
      <Acts id={id} run={run} link={link} />
    </div>
  );
}

const FILES: Record<string, string> = {
  'report.html': 'Report (HTML)',
  'report.json': 'Report (JSON)',
  'history.ndjson.gz': 'History',
  'export.ndjson.gz': 'Export',
};

function Acts({ id, run, link }: { id: string; run: RunShown; link: Watched['link'] }) {
  const fault = useSignal('');
  const asked = useSignal(false);
  const stop = async () => {
    if (asked.value || run.stopping) return;
    asked.value = true;
    const answer = await ask(client.POST('/v1/demo/loadtest/{run_id}/stop', { params: { path: { run_id: id } } }));
    if (answer.ok) return;
    asked.value = false;
    fault.value = 'problem' in answer ? answer.problem.detail : 'The server cannot be reached: it may go on.';
  };
  const over = link === 'over';
  return (
    <div class="acts">
      {!over && (
        <button type="button" class="btn danger" onClick={stop} aria-disabled={asked.value || run.stopping}>
          {asked.value || run.stopping ? 'Stopping…' : 'Stop this run'}
        </button>
      )}
      {over && (
        <a class="btn" href={`/lab?again=${id}`}>
          Run again
        </a>
      )}
      {over && (
        <a class="btn" href={`/lab/runs?with=${id}`}>
          Compare
        </a>
      )}
      {run.files.map((file) => (
        <Download key={file.name} id={id} name={file.name} bytes={file.bytes} />
      ))}
      <p role="alert" class={fault.value ? 'note fail' : ''}>
        {fault.value}
      </p>
    </div>
  );
}

/** A plain link where the browser may send the key itself; else it is fetched with the header, and handed over. */
function Download({ id, name, bytes }: { id: string; name: string; bytes: number }) {
  const path = `/v1/demo/loadtest/${id}/${name}`;
  const address = opened(path);
  const text = `${FILES[name] ?? name}, ${size(bytes)}`;
  if (address) {
    return (
      <a class="btn small" href={address} {...(name.endsWith('.html') ? {} : { download: `${id}.${name}` })}>
        {text}
      </a>
    );
  }
  const fetched = async () => {
    const response = await fetch(path, { headers: headers() });
    const link = document.createElement('a');
    link.href = URL.createObjectURL(await response.blob());
    link.download = `${id}.${name}`;
    link.click();
    URL.revokeObjectURL(link.href);
  };
  return (
    <button type="button" class="btn small" onClick={fetched}>
      {text}
    </button>
  );
}

const size = (bytes: number): string =>
  bytes >= 1 << 20 ? `${number(bytes / (1 << 20), 'en', 1)} MB` : `${number(Math.max(1, bytes / 1_024))} kB`;

function Verdict({ run, watched }: { run: RunShown; watched: Watched }) {
  const state = stateOf(run.status);
  const stale = watched.link === 'stale';
  return (
    <section class={`verdict ${state.tone}`} aria-label="Verdict">
      <p class="verdict-line" role="status">
        <span class={`badge large ${state.tone}`}>{state.word}</span>
        <span class="verdict-reason">{sentence(run)}</span>
        {stale && <span class="badge warn">STALE</span>}
      </p>
      {run.failures.length > 0 && (
        <ul class="failures">
          {run.failures.map((failure) => (
            <li key={failure}>{failure}</li>
          ))}
        </ul>
      )}
      {watched.report && <Sale report={watched.report} />}
    </section>
  );
}

/** Only what changes with its state: it is read aloud. */
function sentence(run: RunShown): string {
  if (run.status === 'queued') {
    const before = run.waiting_before ?? 0;
    return before === 0 ? 'It is next: it begins when the one before is over.' : `${before} wait before it.`;
  }
  if (run.status === 'running') {
    if (run.stopping) return 'It has been asked to stop, and hands over what it has found.';
    const broken = run.progress?.so_far?.filter((check) => check.broken > 0) ?? [];
    if (broken.length > 0) return `Broken already: ${broken.map((check) => check.name).join(', ')}.`;
    return `It is under way: ${phaseWord(run)}.`;
  }
  if (run.error) return `${run.error[0]?.toUpperCase() ?? ''}${run.error.slice(1)}.`;
  const reason = run.reason ?? stateOf(run.status).says;
  return /[.!?]$/.test(reason) ? reason : `${reason}.`;
}

const phaseWord = (run: RunShown): string => {
  const phase = run.progress?.phase ?? 'preparing';
  return phase.startsWith('doors in') ? 'the doors open in a moment' : phase;
};

function Sale({ report }: { report: Report }) {
  const { metrics } = report;
  const count = (name: string) => number(metrics[name] ?? 0);
  return (
    <p class="small soft">
      {count('tickets_sold')} tickets to {count('unique_buyers')} fans of {count('joined')} who joined, with{' '}
      {count('http_reqs')} requests. Seed {report.seed}.{' '}
      {report.ended_early ? `${report.ended_early[0]?.toUpperCase() ?? ''}${report.ended_early.slice(1)}.` : ''}
    </p>
  );
}

function Charting({ watched }: { watched: Watched }) {
  const { run, report } = watched;
  const sale = useSignal(0);
  const heading = useRef<HTMLHeadingElement>(null);
  const of = useRef({ report, sale: -1, series: watched.series });
  if (report && (of.current.report !== report || of.current.sale !== sale.value)) {
    of.current = { report, sale: sale.value, series: ofReport(report, sale.value) };
  }
  useEffect(() => {
    sale.value = 0;
  }, [run?.run_id]);
  if (!run || run.status === 'queued') return null;
  const series = report ? of.current.series : watched.series;
  const frame = run.progress?.frame;
  const sales = report?.sales ?? [];
  const missing = missingAtFront(series);
  const knob = (name: string) => report?.knobs.find((one) => one.name === name)?.value;
  const own = report?.plan?.own_sale;
  const rate = frame?.admit_per_minute ?? (own ? Number(knob('K6_ADMIT_PER_MIN')) : undefined);
  const seats = frame?.total_seats ?? (own ? Number(knob('K6_TOTAL_SEATS')) : undefined);
  return (
    <section class="stack" aria-labelledby="charts">
      <div class="section-head">
        <h2 id="charts" ref={heading}>
          Second by second
        </h2>
        {sales.length > 1 && (
          <fieldset class="row small">
            <legend class="sr-only">Which sale the line, the seats and the fans are of</legend>
            {sales.map((id, index) => (
              <label key={id} class="row choice">
                <input type="radio" name="sale" checked={sale.value === index} onChange={() => (sale.value = index)} />
                Sale {letter(index)}
              </label>
            ))}
          </fieldset>
        )}
      </div>
      {(frame?.sales ?? sales.length) > 1 && (
        <p class="small soft">
          The line, seats and fans are those of sale {letter(sale.value)}; requests and times are of both.
          {report ? '' : ' The other one can be chosen when the run is over.'}
        </p>
      )}
      {missing > 0 && !report && (
        <p class="small soft">
          The first {missing} s were before this page came; the report completes them when the run is over.
        </p>
      )}
      <Charts
        series={series}
        phases={phases(run, report)}
        slos={report?.slos.map((slo) => slo.slo) ?? frame?.slos ?? []}
        admitPerMinute={sale.value === 0 ? rate : undefined}
        seats={sale.value === 0 ? seats : undefined}
      />
    </section>
  );
}

const letter = (index: number): string => String.fromCharCode(65 + index);

export function phases(run: RunShown, report: Report | undefined): Phases {
  const shape = run.progress?.frame ?? report?.plan;
  if (!shape) return [];
  const [up, steady, down] = [shape.ramp_up_ms, shape.steady_ms, shape.ramp_down_ms].map((ms) => ms / 1_000) as [
    number,
    number,
    number,
  ];
  const all = [
    { name: 'ramp up', fromSec: 0, toSec: up },
    { name: 'steady', fromSec: up, toSec: up + steady },
    { name: 'ramp down', fromSec: up + steady, toSec: up + steady + down },
  ];
  // A run that ended early has no time axis beyond its end.
  const last = report && isOver(run.status) ? report.series.length : undefined;
  if (last === undefined) return all;
  return all.filter((phase) => phase.fromSec < last).map((phase) => ({ ...phase, toSec: Math.min(phase.toSec, last) }));
}
