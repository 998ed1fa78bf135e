// The report of a run as the lab wrote it (`traffic.loadrun/1`), as far as these pages read it. Other versions may lack parts.
import type { RunCheck, RunSlo } from '../shared/api';
import type { Figure, Value } from './series';
import { headers } from './session';

export type Point = { second: number } & Partial<Record<Figure, Value>>;
export type Validity = { name: string; observed: string; limit: string; holds: boolean; advisory?: boolean };
export type Step = {
  op: string;
  ok: number;
  refused_as_expected: number;
  failed: number;
  held_back: number;
  response_p50_ms: number;
  response_p95_ms: number;
  response_p99_ms: number;
  service_p99_ms: number;
};
export type Refusal = { op: string; code: string; expected: boolean; count: number };
export type Knob = { name: string; value: string; origin: string };
export type Facts = { [name: string]: string | number | boolean | null | string[] | Facts };

export type Report = {
  schema: string;
  run_id: string;
  scenario: string;
  sale_id: string;
  sales?: string[];
  verdict: string;
  reason: string;
  started_at: string;
  finished_at: string;
  ended_early?: string | null;
  plan_sha256: string;
  seed: number;
  checks: RunCheck[];
  slos: RunSlo[];
  validity: Validity[];
  metrics: Record<string, number | null>;
  steps: Step[];
  refusals: Refusal[];
  funnel: [string, number][];
  endings: Record<string, number>;
  series: Point[];
  other_sales?: Point[][];
  environment: Facts;
  knobs: Knob[];
  notes: string[];
  plan?: { own_sale: boolean; fans: number; ramp_up_ms: number; steady_ms: number; ramp_down_ms: number };
};

export const SCHEMA = 'traffic.loadrun/1';

/** The report of a run that is over, or in a sentence why there is none. */
export async function fetchReport(run: string): Promise<Report | string> {
  let response: Response;
  try {
    response = await fetch(`/v1/demo/loadtest/${encodeURIComponent(run)}/report.json`, { headers: headers() });
  } catch {
    return 'The server cannot be reached.';
  }
  const told = (await response.json().catch(() => undefined)) as (Report & { detail?: string }) | undefined;
  if (!response.ok) return told?.detail ?? `The server answered ${response.status}.`;
  return told?.schema === SCHEMA ? told : 'Its report is of another version.';
}
