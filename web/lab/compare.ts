// Two runs side by side. Better or worse is only said of like for like: the same plan, on the same kind of machine, against a
// server set up alike. The rules are those of `traffic lab compare`.
import type { Report, Step } from './report';
import { flat } from './tables';

/** Facts that make two machines another kind. Versions and commits are not among them: comparing those is what this is for. */
const CLASS = ['cpu', 'cores', 'kernel', 'lab_build', 'staleness_ms'];
const NOT_CLASS = ['server.commit', 'server.version'];
const BUILDS = ['lab_version', 'lab_commit', 'server_version', 'server.commit'];

/** A percentile is judged when so many samples lie beyond it on both sides. */
const BEYOND = 20;
/** What two runs of one build differ by. */
const NOISE_SHARE = 0.25;
const NOISE_MS = 5;

export type Change = 'better' | 'worse' | 'same' | 'too few to say';
export type Difference = { what: string; a: string; b: string };
export type Row = { name: string; a: string; b: string; change?: Change | undefined };

export type Comparison = {
  differences: Difference[];
  builds: Difference[];
  checks: Row[];
  heldInBoth: number;
  slos: Row[];
  times: Row[];
  totals: Row[];
  noiseMs: number;
  /** Nothing where they are not alike. */
  conclusion: { word: 'better' | 'worse' | 'same'; better: number; worse: number } | undefined;
};

export function compare(a: Report, b: Report): Comparison {
  const differences = differ(a, b);
  const alike = differences.length === 0;
  const late = (report: Report) => report.metrics['schedule_lag_p99_ms'] ?? 0;
  const noiseMs = Math.max(NOISE_MS, late(a), late(b));
  const judged = <T extends Row>(rows: T[]): T[] => (alike ? rows : rows.map((row) => ({ ...row, change: undefined })));
  const { rows: checks, heldInBoth } = checkRows(a, b);
  const parts = { checks: judged(checks), slos: judged(sloRows(a, b)), times: judged(timeRows(a, b, noiseMs)) };
  return {
    differences,
    builds: buildRows(a, b),
    ...parts,
    heldInBoth,
    totals: totalRows(a, b),
    noiseMs,
    conclusion: alike ? conclude([...parts.checks, ...parts.slos, ...parts.times]) : undefined,
  };
}

const NOT_KNOWN = 'not known';

/** Why the two are not like for like; empty if they are. */
function differ(a: Report, b: Report): Difference[] {
  const found: Difference[] = [];
  const note = (what: string, ofA = NOT_KNOWN, ofB = NOT_KNOWN) => {
    if (ofA !== ofB) found.push({ what, a: ofA, b: ofB });
  };
  const both = (ofA: Map<string, string>, ofB: Map<string, string>) => {
    for (const name of new Set([...ofA.keys(), ...ofB.keys()])) note(name, ofA.get(name), ofB.get(name));
  };
  note('scenario', a.scenario, b.scenario);
  const knobs = (report: Report) => new Map(report.knobs.map((knob) => [knob.name, knob.value]));
  both(knobs(a), knobs(b));
  const own = (report: Report) => (report.plan ? (report.plan.own_sale ? 'yes' : 'no') : undefined);
  note('makes its own sale', own(a), own(b));
  both(kind(a), kind(b));
  // The same knobs gave another plan: another version of the scenario.
  if (found.length === 0) note('plan', a.plan_sha256.slice(0, 12), b.plan_sha256.slice(0, 12));
  for (const [which, report] of [['A', a] as const, ['B', b] as const]) {
    const verdict = report.verdict;
    if (verdict === 'INVALID' || verdict === 'ABORTED') {
      const what = `run ${which} is ${verdict}: what it measured says nothing`;
      found.push({ what, a: a.verdict, b: b.verdict });
    }
  }
  return found;
}

function kind(report: Report): Map<string, string> {
  const belongs = (name: string) => CLASS.includes(name) || (name.startsWith('server.') && !NOT_CLASS.includes(name));
  return new Map(flat(report.environment).filter(([name]) => belongs(name)));
}

function buildRows(a: Report, b: Report): Difference[] {
  const [ofA, ofB] = [new Map(flat(a.environment)), new Map(flat(b.environment))];
  const row = (what: string) => ({ what, a: ofA.get(what) ?? NOT_KNOWN, b: ofB.get(what) ?? NOT_KNOWN });
  return BUILDS.map(row).filter((difference) => difference.a !== difference.b);
}

/** Less of a pass is worse; what was not exercised in one of them says nothing. */
export function verdicts(a: string, b: string): Change {
  if (a === 'not_exercised' || b === 'not_exercised' || (a === 'pass' && b === 'pass')) return 'same';
  if (a === 'pass') return 'worse';
  return b === 'pass' ? 'better' : 'same';
}

function checkRows(a: Report, b: Report): { rows: Row[]; heldInBoth: number } {
  const rows: Row[] = [];
  let heldInBoth = 0;
  for (const check of a.checks) {
    const other = b.checks.find((one) => one.id === check.id && (one.sale ?? null) === (check.sale ?? null));
    if (!other) continue;
    const change = verdicts(check.verdict, other.verdict);
    if (check.verdict === 'pass' && other.verdict === 'pass') {
      heldInBoth += 1;
      continue;
    }
    const shown = (verdict: string, violations: number) =>
      verdict === 'fail' ? `FAILS (${violations})` : verdict.replaceAll('_', ' ');
    const sale = check.sale ? ` (sale ${check.sale})` : '';
    const [ofA, ofB] = [shown(check.verdict, check.violations), shown(other.verdict, other.violations)];
    rows.push({ name: `${check.id} · ${check.name}${sale}`, a: ofA, b: ofB, change });
  }
  return { rows, heldInBoth };
}

function sloRows(a: Report, b: Report): Row[] {
  return a.slos.flatMap((slo): Row[] => {
    const other = b.slos.find((one) => one.slo === slo.slo);
    if (!other) return [];
    const change: Change = slo.advisory || other.advisory ? 'same' : verdicts(slo.verdict, other.verdict);
    return [{ name: slo.slo, a: observed(slo), b: observed(other), change }];
  });
}

function observed(slo: Report['slos'][number]): string {
  const { observed, unit, samples } = slo;
  if (observed === null || observed === undefined) return slo.verdict === 'fail' ? 'failures' : '–';
  const value =
    unit === 'ms' ? `${observed.toFixed(1)} ms` : unit === 'share' ? `${(observed * 100).toFixed(2)} %` : `${observed}`;
  return `${value} (${samples})`;
}

const QUANTILES: [string, number, (step: Step) => number][] = [
  ['p50', 0.5, (step) => step.response_p50_ms],
  ['p95', 0.95, (step) => step.response_p95_ms],
  ['p99', 0.99, (step) => step.response_p99_ms],
];

function timeRows(a: Report, b: Report, noiseMs: number): Row[] {
  return a.steps.flatMap((step): Row[] => {
    const other = b.steps.find((one) => one.op === step.op);
    if (!other || (step.ok === 0 && other.ok === 0)) return [];
    return QUANTILES.map(([name, quantile, of]) => ({
      name: `${step.op} ${name}`,
      a: `${of(step).toFixed(1)} ms`,
      b: `${of(other).toFixed(1)} ms`,
      change: time(quantile, noiseMs, [of(step), step.ok], [of(other), other.ok]),
    }));
  });
}

export function time(quantile: number, noiseMs: number, a: [number, number], b: [number, number]): Change {
  const [msA, countA] = a;
  const [msB, countB] = b;
  if (Math.min(countA, countB) * (1 - quantile) < BEYOND - 1e-6) return 'too few to say';
  const noise = Math.max(Math.min(msA, msB) * NOISE_SHARE, noiseMs);
  if (msB - msA > noise) return 'worse';
  return msA - msB > noise ? 'better' : 'same';
}

const TOTALS = ['http_reqs', 'http_req_failed_rate', 'joined', 'admitted', 'tickets_sold', 'unique_buyers'];

function totalRows(a: Report, b: Report): Row[] {
  const shown = (report: Report, name: string) => {
    const value = report.metrics[name];
    return value === null || value === undefined ? '–' : String(Math.round(value * 1e4) / 1e4);
  };
  return TOTALS.map((name) => ({ name: name.replaceAll('_', ' '), a: shown(a, name), b: shown(b, name) }));
}

function conclude(rows: Row[]): NonNullable<Comparison['conclusion']> {
  const count = (change: Change) => rows.filter((row) => row.change === change).length;
  const [better, worse] = [count('better'), count('worse')];
  return { word: worse > 0 ? 'worse' : better > 0 ? 'better' : 'same', better, worse };
}
