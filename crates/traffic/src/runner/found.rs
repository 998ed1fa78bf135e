//! What came of a run, in the words of the server's list: a status, why, what failed, and the files.

use std::path::{Path, PathBuf};

use lab::{LabError, Report, Verdict};
use serde_json::{Map, Value, json};

/// What the server takes of it, with room for what is around it. The whole is in the report itself.
const OUTCOME_BYTES_MAX: usize = 200 << 10;
const TEXT_BYTES_MAX: usize = 2_000;
const FAILURES_MAX: usize = 50;

/// The endings of files, and what the server calls them. The small ones first: they say the most.
const FILES: [(&str, &str); 4] = [
    (".json", "report.json"),
    (".html", "report.html"),
    (".history.ndjson.gz", "history.ndjson.gz"),
    (".export.ndjson.gz", "export.ndjson.gz"),
];

/// One run that is over.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) status: &'static str,
    pub(crate) error: Option<String>,
    pub(crate) outcome: Value,
    pub(crate) sale_id: Option<String>,
    /// Names, and where they lie.
    pub(crate) files: Vec<(&'static str, PathBuf)>,
}

impl Found {
    fn of(report: &Report) -> Self {
        let status = match report.verdict() {
            Verdict::Pass => "passed",
            Verdict::Fail => "failed",
            Verdict::Invalid => "invalid",
            Verdict::Aborted => "aborted",
        };
        let written: Value = serde_json::from_str(&report.to_json()).unwrap_or_default();
        let files = FILES.iter().filter_map(|(ending, name)| {
            let plain =
                |path: &&PathBuf| !FILES.iter().any(|(other, _)| other.len() > ending.len() && ends(path, other));
            Some((*name, report.files().iter().filter(|path| ends(path, ending)).find(plain)?.clone()))
        });
        Self {
            status,
            error: report.not_written().map(shortened),
            outcome: outcome(&written),
            sale_id: Some(report.sale_id().to_owned()),
            files: files.collect(),
        }
    }

    /// There was no run: it could not be prepared, or this process failed it.
    pub(crate) fn none(why: &str) -> Self {
        Self { status: "error", error: Some(shortened(why)), outcome: json!({}), sale_id: None, files: Vec::new() }
    }

    pub(crate) fn from(done: &Result<Report, LabError>) -> Self {
        match done {
            Ok(report) => Self::of(report),
            Err(error) => Self::none(&error.to_string()),
        }
    }
}

fn ends(path: &Path, ending: &str) -> bool {
    path.to_str().is_some_and(|path| path.ends_with(ending))
}

fn shortened(text: &str) -> String {
    let fits = |end: &usize| *end <= TEXT_BYTES_MAX;
    let ends = text.char_indices().map(|(at, letter)| at + letter.len_utf8());
    text[..ends.take_while(fits).last().unwrap_or(0)].to_owned()
}

/// What the server shows without opening the report.
fn outcome(report: &Value) -> Value {
    let mut outcome = Map::new();
    for name in ["reason", "checks", "slos", "metrics", "plan_sha256", "seed"] {
        outcome.insert(name.to_owned(), report[name].clone());
    }
    outcome.insert("lab_run_id".to_owned(), report["run_id"].clone());
    outcome.insert("failures".to_owned(), failures(report).into());
    let whole = Value::Object(outcome.clone());
    if whole.to_string().len() <= OUTCOME_BYTES_MAX {
        return whole;
    }
    // Too many examples to be told twice.
    outcome.remove("checks");
    outcome.remove("slos");
    Value::Object(outcome)
}

/// A sentence for each check, threshold and condition that kept the run from passing.
fn failures(report: &Value) -> Vec<String> {
    let rows = |name: &str| report[name].as_array().into_iter().flatten();
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let mut failures = Vec::new();
    for check in rows("checks").filter(|check| check["verdict"] == "fail" || check["verdict"] == "no_data") {
        let example =
            check["counter_examples"][0].as_str().or(check["missing"].as_str()).unwrap_or("there was no data");
        failures.push(format!("{} ({}): {example}", text(check, "id"), text(check, "name")));
    }
    let blocks = |row: &&Value| row["advisory"] != true;
    for slo in rows("slos").filter(blocks).filter(|slo| slo["verdict"] == "fail" || slo["verdict"] == "no_data") {
        let observed = match slo["observed"].as_f64() {
            Some(value) => format!("observed {value:.3}"),
            None => "no data".to_owned(),
        };
        failures.push(format!("{}: {observed}", text(slo, "slo")));
    }
    for row in rows("validity").filter(blocks).filter(|row| row["holds"] == false) {
        failures.push(format!("{} is {}, limit {}", text(row, "name"), text(row, "observed"), text(row, "limit")));
    }
    failures.truncate(FAILURES_MAX);
    failures.iter().map(|failure| shortened(failure)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_that_blocks_is_a_failure_and_no_other() {
        let report = json!({
            "run_id": "launch_spike-1", "reason": "S1 ..",
            "checks": [
                { "id": "S1", "name": "no seat is sold twice", "verdict": "fail", "counter_examples": ["seat A", "B"] },
                { "id": "Q1", "name": "order", "verdict": "pass", "counter_examples": [] },
                { "id": "Q2", "name": "no gap", "verdict": "no_data", "counter_examples": [], "missing": "no export" },
                { "id": "Q3", "name": "one place", "verdict": "not_exercised", "counter_examples": [] },
            ],
            "slos": [
                { "slo": "join p99 < 500ms", "verdict": "fail", "observed": 612.5, "advisory": false },
                { "slo": "status p99 < 200ms", "verdict": "fail", "observed": 300.0, "advisory": true },
                { "slo": "drip >= 95%", "verdict": "no_data", "observed": null, "advisory": false },
            ],
            "validity": [
                { "name": "schedule lag p99", "observed": "80 ms", "limit": "50 ms", "holds": false, "advisory": false },
                { "name": "errors", "observed": "0", "limit": "0", "holds": true, "advisory": false },
            ],
        });
        assert_eq!(
            outcome(&report)["failures"],
            json!([
                "S1 (no seat is sold twice): seat A",
                "Q2 (no gap): no export",
                "join p99 < 500ms: observed 612.500",
                "drip >= 95%: no data",
                "schedule lag p99 is 80 ms, limit 50 ms",
            ])
        );
        assert_eq!(outcome(&report)["lab_run_id"], "launch_spike-1");
    }

    #[test]
    fn what_is_too_long_for_the_list_is_left_to_the_report() {
        let check = json!({ "id": "S1", "verdict": "fail", "counter_examples": ["x".repeat(OUTCOME_BYTES_MAX)] });
        let short = outcome(&json!({ "checks": [check], "reason": "r" }));
        assert!(short["checks"].is_null() && short["reason"] == "r");
        assert_eq!(short["failures"][0].as_str().map(str::len), Some(TEXT_BYTES_MAX));
        assert!(short.to_string().len() < OUTCOME_BYTES_MAX);
        assert_eq!(shortened(&"é".repeat(2_000)).len(), TEXT_BYTES_MAX, "no character is cut in two");
    }
}
