// Better or worse is only said of like for like, and only beyond what two runs of one build differ by.
import { describe, expect, test } from 'vitest';
import { compare, time, verdicts } from './compare';
import type { Report } from './report';

function run(change: (report: Report) => void = () => {}): Report {
  const step = { op: 'join', ok: 2_000, refused_as_expected: 0, failed: 0, held_back: 0 };
  const report = {
    schema: 'traffic.loadrun/1',
    run_id: 'r',
    scenario: 'launch_spike',
    sale_id: 's',
    verdict: 'PASS',
    reason: 'well',
    plan_sha256: 'abc',
    seed: 1,
    checks: [{ id: 'Q1', name: 'order', verdict: 'pass', checked: 9, violations: 0 }],
    slos: [{ slo: 'join p99 < 500ms', verdict: 'pass', observed: 20, unit: 'ms', samples: 2_000 }],
    steps: [{ ...step, response_p50_ms: 10, response_p95_ms: 20, response_p99_ms: 40, service_p99_ms: 30 }],
    knobs: [{ name: 'K6_VUS_MAX', value: '500', origin: 'default' }],
    environment: { cpu: 'x', server_version: '1', server: { engine: 'sqlite', commit: 'aa' } },
    metrics: {},
  } as unknown as Report;
  change(report);
  return report;
}

const p99 = (ms: number) => (report: Report) => {
  const [step] = report.steps;
  if (step) step.response_p99_ms = ms;
};

describe('like for like', () => {
  test('the same run is the same', () => {
    expect(compare(run(), run()).conclusion).toEqual({ word: 'same', better: 0, worse: 0 });
  });
  test('a slower one is worse, a faster one better', () => {
    expect(compare(run(), run(p99(80))).conclusion?.word).toBe('worse');
    expect(compare(run(), run(p99(20))).conclusion?.word).toBe('better');
  });
  test('a check that breaks is worse, and is shown with its count', () => {
    const found = compare(
      run(),
      run((report) => {
        report.checks = [{ id: 'Q1', name: 'order', verdict: 'fail', checked: 9, violations: 2 }];
      }),
    );
    expect(found.conclusion?.word).toBe('worse');
    expect(found.checks).toEqual([{ name: 'Q1 · order', a: 'pass', b: 'FAILS (2)', change: 'worse' }]);
    expect(found.heldInBoth).toBe(0);
  });
  test('an advisory threshold is shown and not judged', () => {
    const missed = run((report) => {
      report.slos = [
        { slo: 'join p99 < 500ms', verdict: 'fail', observed: 900, unit: 'ms', samples: 9, advisory: true },
      ];
    });
    expect(compare(run(), missed).conclusion?.word).toBe('same');
  });
  test('a build may differ, and is told', () => {
    const found = compare(
      run(),
      run((report) => {
        report.environment = { ...report.environment, server_version: '2', server: { engine: 'sqlite', commit: 'bb' } };
      }),
    );
    expect(found.conclusion?.word).toBe('same');
    expect(found.builds.map((build) => build.what)).toEqual(['server_version', 'server.commit']);
  });
});

describe('not like for like', () => {
  const changes: [string, (report: Report) => void][] = [
    ['scenario', (report) => Object.assign(report, { scenario: 'late_surge' })],
    ['K6_VUS_MAX', (report) => Object.assign(report, { knobs: [{ name: 'K6_VUS_MAX', value: '501', origin: '' }] })],
    ['cpu', (report) => Object.assign(report.environment, { cpu: 'y' })],
    ['server.engine', (report) => Object.assign(report.environment, { server: { engine: 'postgresql' } })],
    ['plan', (report) => Object.assign(report, { plan_sha256: 'def' })],
    ['run B is INVALID: what it measured says nothing', (report) => Object.assign(report, { verdict: 'INVALID' })],
  ];
  test.each(changes)('%s: nothing is judged, everything is shown', (what, change) => {
    const found = compare(
      run(),
      run((report) => {
        p99(4_000)(report);
        change(report);
      }),
    );
    expect(found.differences.map((difference) => difference.what)).toContain(what);
    expect(found.conclusion).toBeUndefined();
    expect(found.times.map((row) => row.change)).toEqual([undefined, undefined, undefined]);
    expect(found.times.at(-1)?.b).toBe('4000.0 ms');
  });
});

test('what is less than the noise or the own delay of the generator is no difference', () => {
  expect(time(0.99, 5, [10, 2_000], [14.9, 2_000])).toBe('same');
  expect(time(0.99, 5, [10, 2_000], [15.1, 2_000])).toBe('worse');
  expect(time(0.99, 5, [100, 2_000], [124, 2_000])).toBe('same');
  expect(time(0.99, 5, [10, 1_999], [900, 9_999])).toBe('too few to say');
  const late = (report: Report) => Object.assign(report.metrics, { schedule_lag_p99_ms: 45 });
  const found = compare(
    run(),
    run((report) => {
      p99(80)(report);
      late(report);
    }),
  );
  expect([found.noiseMs, found.conclusion?.word]).toEqual([45, 'same']);
});

test('what was not exercised in one of them says nothing', () => {
  expect(verdicts('not_exercised', 'fail')).toBe('same');
  expect(verdicts('pass', 'no_data')).toBe('worse');
  expect(verdicts('fail', 'pass')).toBe('better');
  expect(verdicts('fail', 'no_data')).toBe('same');
});
