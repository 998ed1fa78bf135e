// The tables of a report: each step's times, what was refused, how far the fans came, and what was asked for.
import type { ComponentChildren } from 'preact';
import { number } from '../shared/format';
import type { Facts, Report } from './report';

function Wide({ id, title, children }: { id: string; title: string; children: ComponentChildren }) {
  return (
    <section class="card" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="scroll-x" tabIndex={0} aria-labelledby={id}>
        {children}
      </section>
    </section>
  );
}

const ms = (value: number): string => number(value, 'en', 1);

export function Steps({ report }: { report: Report }) {
  return (
    <Wide id="steps" title="Steps">
      <p class="small soft">
        Whole run, milliseconds. Response counts from when a request was due; service from when it was sent.
      </p>
      <table>
        <thead>
          <tr>
            <th>Step</th>
            {['ok', 'refused, expected', 'failed', 'held back', 'p50', 'p95', 'p99', 'service p99'].map((head) => (
              <th class="n" key={head}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {report.steps.map((step) => (
            <tr key={step.op}>
              <td>{step.op}</td>
              <td class="n">{number(step.ok)}</td>
              <td class="n">{number(step.refused_as_expected)}</td>
              <td class={`n ${step.failed > 0 ? 'fail-text' : ''}`}>{number(step.failed)}</td>
              <td class="n">{number(step.held_back)}</td>
              {[step.response_p50_ms, step.response_p95_ms, step.response_p99_ms, step.service_p99_ms].map(
                (value, at) => (
                  <td class="n" key={at}>
                    {step.ok > 0 ? ms(value) : '–'}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </Wide>
  );
}

export function Refusals({ report }: { report: Report }) {
  return (
    <Wide id="refusals" title="Refusals">
      {report.refusals.length === 0 ? (
        <p class="soft">Nothing was refused.</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th>Step</th>
              <th>Why</th>
              <th>Kind</th>
              <th class="n">Count</th>
            </tr>
          </thead>
          <tbody>
            {report.refusals.map((row) => (
              <tr key={`${row.op} ${row.code} ${row.expected}`}>
                <td>{row.op}</td>
                <td>{row.code.replaceAll('_', ' ')}</td>
                <td class={row.expected ? 'soft' : 'fail-text'}>{row.expected ? 'expected' : 'UNEXPECTED'}</td>
                <td class="n">{number(row.count)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Wide>
  );
}

export function Funnel({ report }: { report: Report }) {
  const most = Math.max(1, ...report.funnel.map(([, count]) => count));
  return (
    <section class="card" aria-labelledby="funnel">
      <h2 id="funnel">How far they came</h2>
      <dl class="funnel num">
        {report.funnel.map(([stage, count]) => (
          <div key={stage}>
            <dt>{stage}</dt>
            <dd>{number(count)}</dd>
            <i aria-hidden="true">
              <span style={{ width: `${(count / most) * 100}%` }} />
            </i>
          </div>
        ))}
      </dl>
      <p class="small soft">
        Ended:{' '}
        {Object.entries(report.endings)
          .map(([ending, count]) => `${ending} ${number(count)}`)
          .join(', ')}
        .
      </p>
    </section>
  );
}

export function Knobs({ report }: { report: Report }) {
  return (
    <details class="card">
      <summary>
        <h2 class="in-summary">What was asked, and where it ran</h2>
      </summary>
      <div class="pair part">
        <dl class="facts small num">
          {report.knobs.map((knob) => (
            <div key={knob.name}>
              <dt>{knob.name}</dt>
              <dd>
                {knob.value} <span class="soft">({knob.origin})</span>
              </dd>
            </div>
          ))}
        </dl>
        <dl class="facts small num">
          {flat(report.environment).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      </div>
      {report.notes.map((note) => (
        <p key={note} class="small soft">
          {note}
        </p>
      ))}
      <p class="small soft">Plan {report.plan_sha256}</p>
    </details>
  );
}

/** Facts within facts get their path as a name; what is not known is left out. */
export function flat(facts: Facts, prefix = ''): [string, string][] {
  return Object.entries(facts).flatMap(([name, value]): [string, string][] => {
    if (value === null) return [];
    if (Array.isArray(value)) return [[prefix + name, value.join(', ')]];
    if (typeof value === 'object') return flat(value, `${prefix}${name}.`);
    if (typeof value === 'number' && !Number.isInteger(value)) return [[prefix + name, value.toFixed(3)]];
    return [[prefix + name, String(value)]];
  });
}
