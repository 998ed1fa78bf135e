// The checks of a run: what must never happen, then what must be fast enough, then whether the measurement can be trusted. A row
// that has more to tell opens.
import type { ComponentChildren } from 'preact';
import type { RunCheck, RunShown, RunSlo } from '../shared/api';
import { number } from '../shared/format';
import type { Report, Validity } from './report';
import { type Tone, verdictOf } from './texts';

type Line = {
  key: string;
  word: string;
  tone: Tone;
  name: string;
  limit: string;
  observed: string;
  samples: string;
  more?: ComponentChildren;
};

export function Checks({ run, report }: { run: RunShown; report: Report | undefined }) {
  const checks = report?.checks ?? run.checks;
  const slos = report?.slos ?? run.slos;
  if (checks.length === 0 && slos.length === 0) return <SoFar run={run} />;
  return (
    <section class="card checks" aria-labelledby="checks">
      <h2 id="checks">Checks</h2>
      <Group title="What must never happen" count="Looked at" lines={checks.map(invariant)} />
      <Group title="What must be fast enough" count="Samples" lines={slos.map(threshold)} />
      {report && <Group title="Can the measurement be trusted?" count="" lines={report.validity.map(validity)} />}
    </section>
  );
}

function SoFar({ run }: { run: RunShown }) {
  const soFar = run.progress?.so_far?.filter((check) => check.checked > 0) ?? [];
  if (soFar.length === 0 || run.finished_at) return null;
  const lines = soFar.map((check) => ({
    key: check.name,
    word: check.broken > 0 ? 'FAILS' : 'holds',
    tone: (check.broken > 0 ? 'fail' : 'pass') as Tone,
    name: check.name,
    limit: '0',
    observed: number(check.broken),
    samples: number(check.checked),
  }));
  return (
    <section class="card checks" aria-labelledby="checks">
      <h2 id="checks">Checks so far</h2>
      <p class="small soft">What can be judged while it runs. All the rest is judged at its end.</p>
      <Group title="So far" count="Looked at" lines={lines} />
    </section>
  );
}

function Group({ title, count, lines }: { title: string; count: string; lines: Line[] }) {
  if (lines.length === 0) return null;
  const trouble = lines.filter((line) => line.tone === 'fail').length;
  return (
    <div class="check-group">
      <h3>
        {title}{' '}
        <span class={`small ${trouble > 0 ? 'fail-text' : 'soft'}`}>
          {trouble > 0 ? `${trouble} of ${lines.length} fail` : `none of ${lines.length} fails`}
        </span>
      </h3>
      <div class="check-row check-heads small" aria-hidden="true">
        <span>State</span>
        <span>Check</span>
        <span class="n">Limit</span>
        <span class="n">Observed</span>
        <span class="n">{count}</span>
      </div>
      <ul class="check-list">
        {lines.map((line) => (
          <li key={line.key}>
            {line.more ? (
              <details>
                <summary class="check-row">
                  <Cells line={line} count={count} />
                </summary>
                <div class="check-more small">{line.more}</div>
              </details>
            ) : (
              <div class="check-row">
                <Cells line={line} count={count} />
              </div>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}

function Cells({ line, count }: { line: Line; count: string }) {
  return (
    <>
      <span>
        <span class={`badge ${line.tone}`}>{line.word}</span>
      </span>
      <span class="check-name">{line.name}</span>
      <Cell name="limit" value={line.limit} />
      <Cell name="observed" value={line.observed} />
      <Cell name={count.toLowerCase()} value={line.samples} />
    </>
  );
}

function Cell({ name, value }: { name: string; value: string }) {
  return (
    <span class="n num">
      {value !== '' && <span class="check-label">{name} </span>}
      {value}
    </span>
  );
}

function invariant(check: RunCheck): Line {
  const { word, tone } = verdictOf(check.verdict);
  const sale = check.sale ? ` (sale ${check.sale})` : '';
  const examples = check.counter_examples ?? [];
  const evidence = Object.entries(check.evidence ?? {});
  const tells = examples.length > 0 || evidence.length > 0 || check.missing;
  return {
    key: `${check.id}${sale}`,
    word,
    tone,
    name: `${check.id} · ${check.name}${sale}`,
    limit: '0',
    observed: check.verdict === 'pass' || check.verdict === 'fail' ? number(check.violations) : '–',
    samples: number(check.checked),
    ...(tells
      ? {
          more: (
            <>
              {check.missing && <p>{check.missing}</p>}
              {examples.length > 0 && (
                <ul class="examples">
                  {examples.map((example) => (
                    <li key={example}>{example}</li>
                  ))}
                </ul>
              )}
              {evidence.map(([what, count]) => (
                <p key={what}>
                  {what}: <b class="num">{number(count)}</b>
                </p>
              ))}
            </>
          ),
        }
      : {}),
  };
}

/** What is measured, its limit with the sign, and the window. */
export function parts(slo: string): { measure: string; limit: string } {
  const words = slo.split(/\s+/);
  const sign = words.findIndex((word) => ['<', '<=', '>', '>=', '=='].includes(word));
  const at = sign < 0 ? words.length : sign;
  const option = (word: string) => word === 'advisory' || (word.length > 2 && word.includes('='));
  const limit = words.slice(at).filter((word) => !option(word));
  const window = words.find((word) => word.startsWith('window='))?.slice('window='.length);
  const measure = words.slice(0, at).join(' ');
  return { measure: window ? `${measure} (${window})` : measure, limit: limit.join(' ') };
}

/** As people read it: 12.3 ms, 97.50 %, 500. */
export function quantity(value: number | null | undefined, unit: string | null | undefined): string {
  if (value === null || value === undefined) return '–';
  if (unit === 'ms') return `${number(value, 'en', 1)} ms`;
  if (unit === 'share') return `${number(value * 100, 'en', 2)} %`;
  return number(value);
}

function threshold(slo: RunSlo): Line {
  const { measure, limit } = parts(slo.slo);
  const missed = slo.verdict === 'fail' && slo.advisory;
  const { word, tone } = missed ? { word: 'missed', tone: 'warn' as Tone } : verdictOf(slo.verdict);
  const beyond = slo.verdict === 'fail' && slo.observed === null;
  const beside = slo.beside ? ` beside ${quantity(slo.beside, slo.unit)}` : '';
  return {
    key: slo.slo,
    word: slo.verdict === 'pass' ? 'pass' : word,
    tone,
    name: `${measure}${slo.advisory ? ' · advisory' : ''}`,
    limit,
    observed: beyond ? 'failures' : quantity(slo.observed, slo.unit) + beside,
    samples: number(slo.samples),
  };
}

function validity(row: Validity): Line {
  const [word, tone]: [string, Tone] = row.holds
    ? ['ok', 'pass']
    : row.advisory
      ? ['missed', 'warn']
      : ['BROKEN', 'fail'];
  return {
    key: row.name,
    word,
    tone,
    name: `${row.name}${row.advisory ? ' · advisory' : ''}`,
    limit: row.limit,
    observed: row.observed,
    samples: '',
  };
}
