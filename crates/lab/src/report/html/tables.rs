//! The tables of a report: each has headers, says what its limit is beside the value, and how much it looked at.

use std::fmt::Write as _;

use super::svg::number;
use super::tone;
use crate::report::text::Text;
use crate::report::view::{Check, Run, Word};

fn open(label: &str, heads: &[(&str, &str)], out: &mut String) {
    let _ =
        write!(out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{label}\"><table><thead><tr>");
    for (class, head) in heads {
        let _ = write!(out, "<th scope=\"col\" class=\"{class}\">{head}</th>");
    }
    out.push_str("</tr></thead><tbody>\n");
}

const CLOSE: &str = "</tbody></table></div>\n";

fn chip(tone: &str, word: &str) -> String {
    format!("<span class=\"chip {tone}\">{word}</span>")
}

fn count(value: u64) -> String {
    number(value as f64)
}

pub(super) fn checks(run: &Run, out: &mut String) {
    let held = run.checks.iter().filter(|check| check.verdict == Word::Pass).count();
    let _ = writeln!(
        out,
        "<p class=\"lead\">Zero tolerance: one counter-example is enough to fail. {held} of {} were exercised and held. A check \
         that looked at nothing proves nothing, and says so.</p>",
        run.checks.len()
    );
    open(
        "Checks",
        &[("", "Verdict"), ("", "Check"), ("n", "Looked at"), ("n", "Violations"), ("n wide-only", "Allowed")],
        out,
    );
    for check in &run.checks {
        let _ = write!(
            out,
            "<tr class=\"{0}\"><td>{1}</td><th scope=\"row\"><b>{2}</b> {3}",
            tone(check.verdict),
            chip(tone(check.verdict), &check.verdict.shown().to_lowercase()),
            check.id.html(),
            check.title().html()
        );
        if let Some(missing) = &check.missing {
            let _ = write!(out, "<p class=\"more\">{}</p>", missing.html());
        }
        if !check.evidence.is_empty() {
            let evidence: Vec<String> =
                check.evidence.iter().map(|(what, n)| format!("{}: {}", what.html(), count(*n))).collect();
            let _ = write!(out, "<p class=\"more\">{}</p>", evidence.join(" · "));
        }
        examples(check, out);
        let _ = writeln!(
            out,
            "</th><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n wide-only\">0</td></tr>",
            count(check.checked),
            count(check.violations)
        );
    }
    out.push_str(CLOSE);
}

pub(super) fn examples(check: &Check, out: &mut String) {
    if check.counter_examples.is_empty() {
        return;
    }
    out.push_str("<ul class=\"examples\">");
    for example in &check.counter_examples {
        let _ = write!(out, "<li>{}</li>", example.html());
    }
    let shown = check.counter_examples.len() as u64;
    if check.violations > shown {
        let _ = write!(out, "<li class=\"more\">and {} more</li>", count(check.violations - shown));
    }
    out.push_str("</ul>");
}

pub(super) fn slos(run: &Run, out: &mut String) {
    out.push_str(
        "<p class=\"lead\">Response times count from when a request should have been sent, so a server that stalls cannot hide \
         it. Without enough samples there is no data, which is not a pass. What is advisory does not decide.</p>\n",
    );
    open("Thresholds", &[("", "Verdict"), ("", "Threshold"), ("n", "Limit"), ("n", "Observed"), ("n", "Samples")], out);
    for slo in &run.slos {
        let (measure, limit) = slo.parts();
        // What is advisory and missed is told, and does not look like a failure.
        let tone = if slo.advisory && slo.verdict != Word::Pass { "none" } else { tone(slo.verdict) };
        let advisory = if slo.advisory { " <span class=\"more\">advisory</span>" } else { "" };
        let _ = writeln!(
            out,
            "<tr class=\"{tone}\"><td>{}</td><th scope=\"row\">{}{advisory}</th><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td></tr>",
            chip(tone, &slo.word().to_lowercase()),
            Text::from(measure).html(),
            Text::from(limit).html(),
            Text::from(slo.shown()).html(),
            count(slo.samples)
        );
    }
    out.push_str(CLOSE);
}

pub(super) fn validity(run: &Run, out: &mut String) {
    out.push_str(
        "<p class=\"lead\">Looks at the load generator, never at the server: a slow server fails, a slow generator makes the \
         run invalid.</p>\n",
    );
    open("Validity", &[("", "Verdict"), ("", "Of the generator"), ("n", "Limit"), ("n", "Observed")], out);
    for row in &run.validity {
        let tone = match (row.holds, row.advisory) {
            (true, _) => "pass",
            (false, true) => "none",
            (false, false) => "unsure",
        };
        let advisory = if row.advisory { " <span class=\"more\">advisory</span>" } else { "" };
        let _ = writeln!(
            out,
            "<tr class=\"{tone}\"><td>{}</td><th scope=\"row\">{}{advisory}</th><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            chip(tone, &row.word().to_lowercase()),
            row.name.html(),
            row.limit.html(),
            row.observed.html()
        );
    }
    out.push_str(CLOSE);
    generator(run, out);
}

/// What the generator itself cost, which has no limit of its own.
fn generator(run: &Run, out: &mut String) {
    let fact = |name: &str| run.environment.get(name).and_then(serde_json::Value::as_f64);
    let requests = run.metric("http_reqs").filter(|requests| *requests > 0.0);
    let mut said = Vec::new();
    if let Some(share) = fact("generator_cpu_share") {
        said.push(format!("{:.0} % of a core", share * 100.0));
    }
    if let Some(mib) = fact("generator_peak_memory_mib") {
        said.push(format!("{} MiB of memory at its peak", number(mib)));
    }
    if let Some(lag) = run.metric("schedule_lag_p99_ms") {
        said.push(format!("p99 of its own delay {lag:.1} ms"));
    }
    if let Some(requests) = requests {
        said.push(format!("{} requests", number(requests)));
    }
    let _ = writeln!(out, "<p class=\"more\">The generator: {}.</p>", said.join(" · "));
}

pub(super) fn steps(run: &Run, out: &mut String) {
    out.push_str(
        "<p class=\"lead\">Milliseconds. Response counts from the intended start, service from when it was sent, lag is the \
         generator's own delay.</p>\n",
    );
    let heads = [
        ("", "Step"),
        ("n", "ok"),
        ("n", "refused as expected"),
        ("n", "failed"),
        ("n", "held back"),
        ("n", "p50"),
        ("n", "p95"),
        ("n", "p99"),
        ("n", "max"),
        ("n", "service p50"),
        ("n", "service p99"),
        ("n", "lag p99"),
    ];
    open("Steps", &heads, out);
    for step in &run.steps {
        let _ = write!(out, "<tr><th scope=\"row\">{}</th>", step.op.html());
        for value in [step.ok, step.refused_as_expected, step.failed, step.held_back] {
            let _ = write!(out, "<td class=\"n\">{}</td>", count(value));
        }
        let times = [
            step.response_p50_ms,
            step.response_p95_ms,
            step.response_p99_ms,
            step.response_max_ms,
            step.service_p50_ms,
            step.service_p99_ms,
            step.lag_p99_ms,
        ];
        for ms in times {
            let _ = write!(out, "<td class=\"n\">{ms:.1}</td>");
        }
        out.push_str("</tr>\n");
    }
    out.push_str(CLOSE);
    refusals(run, out);
}

fn refusals(run: &Run, out: &mut String) {
    out.push_str("<h3>Refusals</h3>\n");
    if run.refusals.is_empty() {
        out.push_str("<p class=\"none\">Nothing was refused.</p>\n");
        return;
    }
    out.push_str(
        "<p class=\"lead\">A refusal is expected where the plan asked for it: a probe that must be turned away, a lost race for \
         a seat. The others count as failures.</p>\n",
    );
    open("Refusals", &[("", "Step"), ("", "Code"), ("", "Expected"), ("n", "Times")], out);
    for row in &run.refusals {
        let word = if row.expected { chip("none", "expected") } else { chip("fail", "unexpected") };
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td><code>{}</code></td><td>{word}</td><td class=\"n\">{}</td></tr>",
            row.op.html(),
            row.code.html(),
            count(row.count)
        );
    }
    out.push_str(CLOSE);
}

pub(super) fn journeys(run: &Run, out: &mut String) {
    let all = run.funnel.iter().map(|(_, fans)| *fans).max().unwrap_or(0).max(1) as f64;
    open("Funnel", &[("", "Stage"), ("n", "Fans"), ("bar", "Of all")], out);
    for (stage, fans) in &run.funnel {
        let percent = *fans as f64 * 100.0 / all;
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"bar\"><svg width=\"100%\" height=\"14\" role=\"img\" \
             aria-label=\"{percent:.0} %\"><rect class=\"track\" width=\"100%\" height=\"14\" rx=\"2\"/>\
             <rect class=\"f1\" width=\"{percent:.1}%\" height=\"14\" rx=\"2\"/></svg><span>{percent:.0} %</span></td></tr>",
            stage.html(),
            count(*fans)
        );
    }
    out.push_str(CLOSE);
    if !run.endings.is_empty() {
        let endings: Vec<String> =
            run.endings.iter().map(|(ending, fans)| format!("{} {}", ending.html(), count(*fans))).collect();
        let _ = writeln!(out, "<p>Journeys ended: {}.</p>", endings.join(" · "));
    }
}
