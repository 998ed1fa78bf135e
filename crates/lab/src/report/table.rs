//! The report as text: invariants first, then SLOs, then validity; limit beside value, every row with its count.

use std::fmt::Write;

use super::text::Text;
use super::view::{Run, Word};

/// Writing into a `String` cannot fail.
macro_rules! line {
    ($text:expr $(, $arg:expr)*) => { let _ = writeln!($text $(, $arg)*); };
}

pub(super) fn render(run: &Run) -> String {
    let mut text = String::new();
    let hash: String = run.plan_sha256.line().chars().take(12).collect();
    line!(text, "{}  seed {}  plan {hash}  sale {}", run.scenario.line(), run.seed, run.sale_id.line());
    if let Some(early) = &run.ended_early {
        line!(text, "{}", early.line());
    }
    invariants(run, &mut text);
    slos(run, &mut text);
    validity(run, &mut text);
    steps(run, &mut text);
    journeys(run, &mut text);
    for note in &run.notes {
        line!(text, "note: {}", note.line());
    }
    line!(text, "\n{}: {}", run.verdict.shown(), run.reason.line());
    text
}

/// Words in capitals keep a run from passing.
fn check_word(verdict: Word) -> &'static str {
    if verdict == Word::Pass { "pass" } else { verdict.shown() }
}

fn invariants(run: &Run, text: &mut String) {
    line!(text, "\n{:<14} {:<52} {:>9} {:>10}", "INVARIANT", "", "checked", "violations");
    for check in &run.checks {
        let name = format!("{} {}", check.id.line(), check.title().line());
        line!(text, "{:<14} {name:<52} {:>9} {:>10}", check_word(check.verdict), check.checked, check.violations);
        if let Some(missing) = &check.missing {
            line!(text, "{:<14}    {}", "", missing.line());
        }
        for (what, count) in &check.evidence {
            line!(text, "{:<14}    {}: {count}", "", what.line());
        }
        for example in &check.counter_examples {
            line!(text, "{:<14} !! {}", "", example.line());
        }
    }
}

fn slos(run: &Run, text: &mut String) {
    line!(text, "\n{:<14} {:<52} {:>9} {:>10}", "SLO", "", "samples", "observed");
    for row in &run.slos {
        let word = if row.verdict == Word::Pass { "pass" } else { row.word() };
        let advisory = if row.advisory && !row.slo.raw().contains("advisory") { "  (advisory)" } else { "" };
        line!(text, "{word:<14} {:<52} {:>9} {:>10}{advisory}", row.slo.line(), row.samples, row.shown());
    }
}

fn validity(run: &Run, text: &mut String) {
    line!(text, "\n{:<14} {:<39} {:>22} {:>10}", "VALIDITY", "", "limit", "observed");
    for row in &run.validity {
        let advisory = if row.advisory { "  (advisory)" } else { "" };
        let (name, limit, observed) = (row.name.line(), row.limit.line(), row.observed.line());
        line!(text, "{:<14} {name:<39} {limit:>22} {observed:>10}{advisory}", row.word());
    }
}

fn steps(run: &Run, text: &mut String) {
    line!(
        text,
        "\n{:<10} {:>8} {:>9} {:>7} {:>9} {:>10} {:>10} {:>10} {:>12}",
        "STEP",
        "ok",
        "expected",
        "failed",
        "held back",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "service p99"
    );
    for step in &run.steps {
        line!(
            text,
            "{:<10} {:>8} {:>9} {:>7} {:>9} {:>10.1} {:>10.1} {:>10.1} {:>12.1}",
            step.op.line(),
            step.ok,
            step.refused_as_expected,
            step.failed,
            step.held_back,
            step.response_p50_ms,
            step.response_p95_ms,
            step.response_p99_ms,
            step.service_p99_ms
        );
    }
    for row in &run.refusals {
        let expected = if row.expected { "expected" } else { "UNEXPECTED" };
        line!(text, "refused    {:<10} {:<28} {expected:<10} {:>8}", row.op.line(), row.code.line(), row.count);
    }
}

fn journeys(run: &Run, text: &mut String) {
    let listed = |(what, count): (&Text, &u64)| format!("{} {count}", what.line());
    let funnel: Vec<String> = run.funnel.iter().map(|(stage, count)| listed((stage, count))).collect();
    line!(text, "\nfans: {}", funnel.join(" > "));
    let endings: Vec<String> = run.endings.iter().map(listed).collect();
    line!(text, "journeys ended: {}", endings.join(", "));
}
