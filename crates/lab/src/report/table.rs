//! The report as text: invariants first, then SLOs, then validity; limit beside value, every row with its count.

use std::fmt::Write;

use super::{Report, check_word, shown};
use crate::slo::SloVerdict;

/// Writing into a `String` cannot fail.
macro_rules! line {
    ($text:expr $(, $arg:expr)*) => { let _ = writeln!($text $(, $arg)*); };
}

pub(super) fn render(report: &Report) -> String {
    let mut text = String::new();
    line!(
        text,
        "{}  seed {}  plan {}  sale {}",
        report.scenario,
        report.seed,
        &report.plan_sha256[..12],
        report.sale_id
    );
    if let Some(early) = &report.ended_early {
        line!(text, "{early}");
    }
    invariants(report, &mut text);
    slos(report, &mut text);
    validity(report, &mut text);
    steps(report, &mut text);
    journeys(report, &mut text);
    for note in &report.notes {
        line!(text, "note: {note}");
    }
    line!(text, "\n{}: {}", report.verdict, report.reason);
    text
}

fn invariants(report: &Report, text: &mut String) {
    line!(text, "\n{:<14} {:<52} {:>9} {:>10}", "INVARIANT", "", "checked", "violations");
    for check in &report.checks {
        let sale = check.sale.map(|sale| format!(" (sale {sale})")).unwrap_or_default();
        let name = format!("{} {}{sale}", check.id, check.name);
        line!(text, "{:<14} {name:<52} {:>9} {:>10}", check_word(check.verdict), check.checked, check.violations);
        if let Some(missing) = check.missing {
            line!(text, "{:<14}    {missing}", "");
        }
        for (what, count) in &check.evidence {
            line!(text, "{:<14}    {what}: {count}", "");
        }
        for example in &check.counter_examples {
            line!(text, "{:<14} !! {example}", "");
        }
    }
}

fn slos(report: &Report, text: &mut String) {
    line!(text, "\n{:<14} {:<52} {:>9} {:>10}", "SLO", "", "samples", "observed");
    for row in &report.slos {
        let word = match row.verdict {
            SloVerdict::Pass => "pass",
            SloVerdict::Fail if row.advisory => "missed",
            SloVerdict::Fail => "FAIL",
            SloVerdict::NoData if row.advisory => "no data",
            SloVerdict::NoData => "NO DATA",
            SloVerdict::NotExercised => "not exercised",
        };
        let observed = row.observed.map_or("-".into(), |value| shown(value, row.unit));
        let advisory = if row.advisory && !row.slo.contains("advisory") { "  (advisory)" } else { "" };
        line!(text, "{word:<14} {:<52} {:>9} {observed:>10}{advisory}", row.slo, row.samples);
    }
}

fn validity(report: &Report, text: &mut String) {
    line!(text, "\n{:<14} {:<39} {:>22} {:>10}", "VALIDITY", "", "limit", "observed");
    for row in &report.validity {
        let word = match (row.holds, row.advisory) {
            (true, _) => "ok",
            (false, true) => "missed",
            (false, false) => "BROKEN",
        };
        let advisory = if row.advisory { "  (advisory)" } else { "" };
        line!(text, "{word:<14} {:<39} {:>22} {:>10}{advisory}", row.name, row.limit, row.observed);
    }
}

fn steps(report: &Report, text: &mut String) {
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
    for step in &report.steps {
        line!(
            text,
            "{:<10} {:>8} {:>9} {:>7} {:>9} {:>10.1} {:>10.1} {:>10.1} {:>12.1}",
            step.op,
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
    for row in &report.refusals {
        let expected = if row.expected { "expected" } else { "UNEXPECTED" };
        line!(text, "refused    {:<10} {:<28} {expected:<10} {:>8}", row.op, row.code, row.count);
    }
}

fn journeys(report: &Report, text: &mut String) {
    let funnel: Vec<String> = report.funnel.iter().map(|(stage, count)| format!("{stage} {count}")).collect();
    line!(text, "\nfans: {}", funnel.join(" > "));
    let endings: Vec<String> = report.endings.iter().map(|(ending, count)| format!("{ending} {count}")).collect();
    line!(text, "journeys ended: {}", endings.join(", "));
}
