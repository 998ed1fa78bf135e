//! The forms of a report: what a run writes, and what becomes of text that a hostile server put into it.

use std::fs;

use lab::{Trace, Verdict, report_html, report_table};
use serde_json::{Value, json};
use tokio::runtime::Builder;

use crate::lab_run::{SHORT, options, play};
use crate::mock::bug::Bug;
use crate::mock::{Manner, Mock};

const HOSTILE: &str = "</title></style>\"'><script>alert(1)</script><img src=x onerror=alert(1)>\u{1b}[2J\u{202e}";

/// A report with the hostile text wherever text can come from elsewhere.
fn hostile() -> Value {
    json!({
        "schema": "traffic.loadrun/1", "run_id": HOSTILE, "scenario": HOSTILE, "sale_id": HOSTILE, "verdict": "FAIL",
        "reason": HOSTILE, "started_at": HOSTILE, "finished_at": HOSTILE, "ended_early": HOSTILE, "plan_sha256": HOSTILE,
        "seed": 1,
        "checks": [
            {"id": HOSTILE, "name": HOSTILE, "verdict": "fail", "checked": 3, "violations": 9,
                "counter_examples": [HOSTILE, HOSTILE], "evidence": {HOSTILE: 4}, "missing": HOSTILE},
            {"id": "Q2", "name": "gaps", "verdict": "no_data", "checked": 0, "violations": 0, "missing": HOSTILE},
            {"id": "Q3", "name": "kept", "verdict": "not_exercised", "checked": 0, "violations": 0},
        ],
        "slos": [
            {"slo": format!("{HOSTILE} p99 < {HOSTILE}"), "verdict": "fail", "observed": 812.5, "unit": HOSTILE, "samples": 40},
            {"slo": "join p99 < 500ms", "verdict": "fail", "observed": null, "unit": "ms", "samples": 40},
            {"slo": "http_req_failed rate < 1%", "verdict": "pass", "observed": 0.0, "unit": "share", "samples": 40},
        ],
        "validity": [{"name": HOSTILE, "observed": HOSTILE, "limit": HOSTILE, "holds": false, "advisory": false}],
        "metrics": {HOSTILE: 1.0, "http_reqs": 40.0},
        "steps": [{"op": HOSTILE, "ok": 4, "response_p99_ms": 5.0}],
        "refusals": [{"op": HOSTILE, "code": HOSTILE, "expected": false, "count": 2}],
        "funnel": [[HOSTILE, 5], ["bought", 2]],
        "endings": {HOSTILE: 5},
        "series": [{"second": 0, "requests": 40, "failed": 2, "response_p99_ms": 5.0, "queue_depth": 3},
            {"second": 1, "requests": 0}, {"second": 2, "requests": 7, "response_p99_ms": 9.5, "queue_depth": 0}],
        "environment": {HOSTILE: HOSTILE, "server": {HOSTILE: [HOSTILE, 1], "limits": HOSTILE}, "cores": 2},
        "knobs": [{"name": HOSTILE, "value": HOSTILE, "origin": HOSTILE}],
        "notes": [HOSTILE],
        "plan": {"own_sale": true, "fans": 5, "wanted": 5, "habits": [[HOSTILE, 2]], "ramp_up_ms": 1_000,
            "arrivals_per_sec": [5], "sales": [{"total_seats": 4, "admit_per_minute": 60}]},
    })
}

/// The name of every element that is opened.
fn elements(page: &str) -> impl Iterator<Item = &str> {
    let opened = page.split('<').skip(1).filter(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()));
    opened.map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default())
}

#[test]
fn nothing_that_a_server_says_becomes_markup() {
    let page = report_html(&hostile().to_string()).expect("a report");
    for element in elements(&page) {
        assert!(!matches!(element, "script" | "img" | "iframe" | "object" | "embed" | "form" | "base"), "<{element}");
    }
    assert!(!page.contains("onerror=alert(1)>") && !page.contains('\u{1b}') && !page.contains('\u{202e}'));
    let told = page.matches("&lt;script&gt;alert(1)&lt;/script&gt;").count();
    assert!(told >= 30, "every text is shown, as text: {told}");
    assert_eq!(page.matches("<title>").count(), 1);
    assert_eq!(page.matches("</style>").count(), 1);
}

#[test]
fn nothing_that_a_server_says_moves_a_terminals_cursor() {
    let table = report_table(&hostile().to_string()).expect("a report");
    assert!(table.contains("alert(1)"));
    assert!(table.chars().all(|c| c == '\n' || !c.is_control()), "{table:?}");
}

#[test]
fn the_page_needs_nothing_else_and_can_be_read_without_eyes() {
    let page = report_html(&hostile().to_string()).expect("a report");
    for reference in ["src=\"", "href=\"http", "url(", "@import", "<link", "<script", "style=\""] {
        assert!(!page.contains(reference), "{reference}");
    }
    assert!(page.starts_with("<!doctype html>") && page.contains("<html lang=\"en\">"));
    assert!(page.contains("@media print") && page.contains("prefers-color-scheme: dark"));
    let tables = page.matches("<table").count();
    assert!(tables >= 7, "{tables}");
    for table in page.split("<table").skip(1) {
        let table = table.split("</table>").next().expect("its end");
        assert!(table.contains("<th scope=\"col\"") && table.contains("<th scope=\"row\""), "{table}");
    }
    assert_eq!(page.matches("<figure").count(), 6);
    for chart in page.split("<figure").skip(1) {
        let chart = chart.split("</figure>").next().expect("its end");
        assert!(chart.contains("role=\"img\"") && chart.contains("<desc") && chart.contains("<figcaption>"), "{chart}");
    }
    let ids: Vec<&str> = page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().expect("closed")).collect();
    let mut once = ids.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), ids.len(), "every id is there once: {ids:?}");
    for anchor in page.split("href=\"#").skip(1).map(|rest| rest.split('"').next().expect("closed")) {
        assert!(ids.contains(&anchor), "#{anchor} leads somewhere");
    }
}

#[test]
fn what_kept_a_run_from_passing_comes_first() {
    let page = report_html(&hostile().to_string()).expect("a report");
    let broken = page.find("What kept it from passing").expect("said");
    assert!(broken < page.find("id=\"charts\"").expect("charts"));
    assert!(page.contains("violated 9 times in 3 looks") && page.contains("and 7 more"));
    assert!(page.contains("more requests failed than the percentile leaves out"));
    let mut passed = hostile();
    passed["checks"] = json!([]);
    passed["slos"] = json!([]);
    passed["validity"] = json!([]);
    passed["verdict"] = json!("PASS");
    assert!(!report_html(&passed.to_string()).expect("a report").contains("What kept it from passing"));
}

#[test]
fn a_day_is_drawn_as_small_as_a_minute() {
    let mut report = hostile();
    let second = |second: u64| json!({"second": second, "requests": second % 97, "response_p99_ms": 3.5});
    report["series"] = (0..86_400).map(second).collect::<Vec<_>>().into();
    let page = report_html(&report.to_string()).expect("a report");
    assert!(page.len() < 400_000, "{}", page.len());
    assert!(page.contains("in steps of 600 s"));
}

#[test]
fn each_sale_of_a_run_has_its_charts() {
    let mut report = hostile();
    let page = report_html(&report.to_string()).expect("a report");
    assert!(page.contains("People in line") && !page.contains("of sale "), "one sale needs no number");

    report["series"] = (0..3).map(|second| json!({"second": second, "requests": 1, "queue_depth": 1})).collect();
    report["other_sales"] = json!([[{"second": 1, "queue_depth": 4321, "available_seats": 7, "tickets_sold": 1}]]);
    report["plan"]["sales"] = json!([
        {"total_seats": 4, "admit_per_minute": 60}, {"total_seats": 8, "admit_per_minute": 60, "opens_after_ms": 1_000}
    ]);
    let page = report_html(&report.to_string()).expect("a report");
    for title in ["People in line of sale A", "Seats of sale A", "People in line of sale B", "Seats of sale B"] {
        assert!(page.contains(title), "{title}");
    }
    assert!(page.contains("4,321"), "the second sale's figures");
    assert!(page.contains("8 seats"), "the limit is that of the second sale");
    assert!(page.contains("\"line-B"), "an address of its own");
}

#[test]
fn a_run_that_never_sent_anything_has_a_page_too() {
    let mut report = hostile();
    report["series"] = json!([]);
    assert!(report_html(&report.to_string()).expect("a report").contains("nothing to draw"));
}

#[test]
fn every_run_writes_its_page_beside_its_json() {
    let played = play(Manner::with(Bug::None), &SHORT);
    let file = |ending: &str| {
        let named = |file: &&std::path::PathBuf| file.to_string_lossy().ends_with(ending);
        fs::read_to_string(played.report.files().iter().find(named).expect("written")).expect("text")
    };
    let (json, page) = (file(".json"), file(".html"));
    assert_eq!(report_html(&json).expect("a report"), page, "the page is made from the JSON alone");
    assert_eq!(report_table(&json).expect("a report"), played.report.render_table());
    assert!(page.contains(played.report.run_id()) && page.contains("PASS"));
    let report: Value = serde_json::from_str(&json).expect("JSON");
    let environment = &report["environment"];
    assert!(environment["generator_peak_memory_mib"].as_u64().is_some_and(|mib| mib > 0), "{environment}");
    assert!(environment["kernel"].is_string() && environment["memory_mib"].is_u64(), "{environment}");
    assert_eq!(report["plan"]["fans"], 70);
    assert_eq!(report["plan"]["arrivals_per_sec"].as_array().map(Vec::len), Some(2));
    let comparison = lab::compare(&json, &json).expect("two reports");
    assert_eq!(comparison.exit_code(), 0, "{}", comparison.render());
}

#[test]
fn a_trace_is_replayed_to_a_verdict() {
    let trace = json!({"schema": "traffic.trace/1", "name": "small rush", "source": "made up", "unit": "arrivals_per_second",
        "arrivals": [30, 0, 10]});
    let trace = Trace::read(&trace.to_string()).expect("a trace");
    let mock = Mock::start(Manner::with(Bug::None));
    let dir = tempfile::tempdir().expect("a directory");
    let knobs = [("K6_TOTAL_SEATS", "40"), ("K6_STEADY", "8s"), ("K6_RAMP_DOWN", "2s"), ("DOORS_IN", "300ms")];
    let options = options(&mock.base_url, dir.path(), &knobs);
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let report = runtime.block_on(lab::replay(&options, &trace)).expect("a report");
    let table = report.render_table();
    assert_eq!(report.verdict(), Verdict::Pass, "{table}");
    assert_eq!(report.metric("joined"), Some(40.0), "{table}");
    assert!(table.contains("replays the trace \"small rush\": made up"), "{table}");
    let planned = trace.preview(&options.knobs, true).expect("a plan");
    assert_eq!(planned.plan_sha256(), report.plan_sha256());
}
