//! The report as one HTML file: no script, no request to anywhere, readable on paper, on a telephone and without eyes.
//!
//! Invariant: whatever was read from the JSON is escaped; `Text` cannot be printed in another way.

mod charts;
mod facts;
mod svg;
mod tables;

use std::fmt::Write as _;

use self::svg::number;
use super::text::Text;
use super::view::{Run, Word};

const STYLE: &str = include_str!("page.css");

/// A part of the page: the name in the address, the heading, and who writes it.
type Section = (&'static str, &'static str, fn(&Run, &mut String));

const SECTIONS: [Section; 8] = [
    ("charts", "Over time", charts::section),
    ("checks", "What must never happen", tables::checks),
    ("thresholds", "What must be fast enough", tables::slos),
    ("validity", "Can the measurement be trusted?", tables::validity),
    ("steps", "Step by step", tables::steps),
    ("journeys", "How far the fans came", tables::journeys),
    ("environment", "Where it ran", facts::environment),
    ("plan", "What was asked", facts::plan),
];

pub(super) fn page(run: &Run) -> String {
    let mut out = String::with_capacity(96 << 10);
    let (scenario, verdict) = (run.scenario.html(), run.verdict.shown());
    // Writing into a `String` cannot fail, here and in all parts of the page.
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{verdict}: {scenario}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#main\">To the report</a>\n"
    );
    head(run, &mut out);
    out.push_str("<div class=\"layout\">\n<nav aria-label=\"Parts of the report\"><ul>\n");
    for (id, title, _) in SECTIONS {
        let _ = writeln!(out, "<li><a href=\"#{id}\">{title}</a></li>");
    }
    out.push_str("</ul></nav>\n<main id=\"main\">\n");
    broken(run, &mut out);
    for (id, title, write) in SECTIONS {
        let _ = write!(out, "<section id=\"{id}\" aria-labelledby=\"{id}-h\">\n<h2 id=\"{id}-h\">{title}</h2>\n");
        write(run, &mut out);
        out.push_str("</section>\n");
    }
    let _ = write!(
        out,
        "</main>\n</div>\n<footer><p>Run {} of the Traffic load lab. Made from its JSON report, which holds every figure \
         of this page; the history of all operations lies beside it.</p></footer>\n</body>\n</html>\n",
        run.run_id.html()
    );
    out
}

/// Verdict, reason, and the handful of figures that everybody asks for first.
fn head(run: &Run, out: &mut String) {
    let class = tone(run.verdict);
    let _ = write!(
        out,
        "<header class=\"{class}\"><div class=\"wide\">\n<p class=\"brand\">Traffic <span>load lab</span></p>\n\
         <div class=\"verdict\">{}<h1><span>{}</span> <small>{}</small></h1></div>\n<p class=\"reason\">{}</p>\n",
        mark(run.verdict),
        run.verdict.shown(),
        run.scenario.html(),
        run.reason.html()
    );
    let _ = write!(out, "<p class=\"when\">{} to {}.", time(&run.started_at).html(), time(&run.finished_at).html());
    if let Some(early) = &run.ended_early {
        let mut early = early.raw().to_owned();
        early.get_mut(..1).map(str::make_ascii_uppercase);
        let _ = write!(out, " {}.", Text::from(early).html());
    }
    out.push_str("</p>\n<dl class=\"key\">\n");
    let metric = |name: &str| run.metric(name);
    let stage = |name: &str| run.funnel.iter().find(|(stage, _)| stage.raw() == name).map(|(_, fans)| *fans as f64);
    let figures = [
        ("fans", stage("planned"), ""),
        ("joined", metric("joined"), ""),
        ("let in", metric("admitted"), ""),
        ("tickets sold", metric("tickets_sold"), ""),
        ("requests", metric("http_reqs"), ""),
        ("p99 of all answers", metric("http_req_duration_p99_ms"), " ms"),
        ("failed", metric("http_req_failed_rate").map(|share| share * 100.0), " %"),
    ];
    for (name, value, unit) in figures {
        let value = value.map_or("-".into(), |value| number(value) + unit);
        let _ = writeln!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    out.push_str("</dl>\n</div></header>\n");
}

/// What kept the run from passing, before anything else: with the counter-examples.
fn broken(run: &Run, out: &mut String) {
    let checks = run.checks.iter().filter(|check| matches!(check.verdict, Word::Fail | Word::NoData));
    let checks: Vec<_> = checks.collect();
    let slos: Vec<_> =
        run.slos.iter().filter(|slo| !slo.advisory && matches!(slo.verdict, Word::Fail | Word::NoData)).collect();
    let rows: Vec<_> = run.validity.iter().filter(|row| !row.holds && !row.advisory).collect();
    if checks.is_empty() && slos.is_empty() && rows.is_empty() {
        return;
    }
    out.push_str("<section class=\"broken\" aria-labelledby=\"broken-h\">\n<h2 id=\"broken-h\">What kept it from passing</h2>\n<ul>\n");
    for check in checks {
        let what = match check.verdict {
            Word::Fail => {
                format!("violated {} times in {} looks", number(check.violations as f64), number(check.checked as f64))
            }
            _ => check.missing.as_ref().map_or("there was no data".into(), |missing| missing.html().to_string()),
        };
        let _ = write!(out, "<li><strong>{} {}</strong>: {what}", check.id.html(), check.title().html());
        tables::examples(check, out);
        out.push_str("</li>\n");
    }
    for slo in slos {
        let (measure, limit) = slo.parts();
        let _ = writeln!(
            out,
            "<li><strong>{} {}</strong>: {}, of {} samples</li>",
            Text::from(measure).html(),
            Text::from(limit).html(),
            match (slo.verdict, slo.observed) {
                (Word::NoData, _) => "no data".into(),
                (_, None) => "more requests failed than the percentile leaves out".into(),
                _ => Text::from(slo.shown()).html().to_string(),
            },
            number(slo.samples as f64)
        );
    }
    for row in rows {
        let _ = writeln!(
            out,
            "<li><strong>The measurement: {}</strong> is {}, limit {}</li>",
            row.name.html(),
            row.observed.html(),
            row.limit.html()
        );
    }
    out.push_str("</ul>\n</section>\n");
}

/// `2026-11-23T12:00:03.123Z` as people read it.
fn time(stamp: &Text) -> Text {
    match stamp.raw().split_once('T') {
        Some((day, time)) => format!("{day} {} UTC", time.split(['.', 'Z']).next().unwrap_or(time)).into(),
        None => stamp.clone(),
    }
}

fn tone(word: Word) -> &'static str {
    match word {
        Word::Pass => "pass",
        Word::Fail => "fail",
        Word::Invalid | Word::Aborted | Word::NoData => "unsure",
        Word::NotExercised => "none",
    }
}

/// A shape besides the colour and the word.
fn mark(word: Word) -> &'static str {
    match word {
        Word::Pass => {
            "<svg class=\"mark\" viewBox=\"0 0 48 48\" aria-hidden=\"true\"><circle cx=\"24\" cy=\"24\" r=\"22\"/><path d=\"M14 25l7 7 14-16\"/></svg>"
        }
        Word::Fail => {
            "<svg class=\"mark\" viewBox=\"0 0 48 48\" aria-hidden=\"true\"><path class=\"solid\" d=\"M15 2h18l13 13v18L33 46H15L2 33V15z\"/><path d=\"M16 16l16 16M32 16L16 32\"/></svg>"
        }
        _ => {
            "<svg class=\"mark\" viewBox=\"0 0 48 48\" aria-hidden=\"true\"><path class=\"solid\" d=\"M24 3l22 40H2z\"/><path d=\"M24 18v12M24 35v2\"/></svg>"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shortened_to_the_second() {
        assert_eq!(time(&"2026-11-23T12:00:03.123Z".into()), "2026-11-23 12:00:03 UTC".into());
        assert_eq!(time(&"soon".into()), "soon".into());
    }
}
