//! The report of a run: one JSON document (`traffic.loadrun/1`), written beside the history and the export.

mod compare;
mod html;
mod series;
mod table;
mod text;
mod view;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::LabError;
use crate::check::{CheckVerdict, Finding};
use crate::environment::Environment;
use crate::knobs::Origin;
use crate::preview::PlanFacts;
use crate::slo::SloRow;
use crate::validity::ValidityRow;
use crate::verdict::Verdict;

pub use compare::{Comparison, compare};
pub(crate) use series::{OfSale, Point, Step, metrics, of_sale, point, points, refusals, steps};
pub(crate) use text::Text;

const SCHEMA: &str = "traffic.loadrun/1";

/// What a run found. `verdict`, `exit_code` and `render_table` are for the command line, `to_json` for everybody else.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub(crate) schema: &'static str,
    pub(crate) run_id: String,
    pub(crate) scenario: String,
    pub(crate) sale_id: String,
    /// All of the run's sales, in the order of their letters; the first is `sale_id`.
    pub(crate) sales: Vec<String>,
    pub(crate) populations: Vec<&'static str>,
    pub(crate) verdict: Verdict,
    pub(crate) reason: String,
    pub(crate) started_at: String,
    pub(crate) finished_at: String,
    /// Said when the run ended before its shape did.
    pub(crate) ended_early: Option<String>,
    pub(crate) plan_sha256: String,
    pub(crate) seed: u64,
    pub(crate) checks: Vec<Finding>,
    pub(crate) slos: Vec<SloRow>,
    pub(crate) validity: Vec<ValidityRow>,
    pub(crate) metrics: BTreeMap<&'static str, f64>,
    pub(crate) steps: Vec<Step>,
    pub(crate) refusals: Vec<Refusals>,
    pub(crate) funnel: Vec<(&'static str, u64)>,
    pub(crate) endings: BTreeMap<String, u64>,
    pub(crate) series: Vec<Point>,
    /// What the server said of each of the run's other sales, in order, on the same time axis.
    pub(crate) other_sales: Vec<Vec<OfSale>>,
    pub(crate) environment: Environment,
    pub(crate) knobs: Vec<KnobRow>,
    pub(crate) notes: Vec<String>,
    pub(crate) plan: PlanFacts,
    #[serde(skip)]
    pub(crate) files: Vec<PathBuf>,
    #[serde(skip)]
    pub(crate) not_written: Option<String>,
}

/// Definite refusals of one operation with one code.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Refusals {
    pub(crate) op: &'static str,
    pub(crate) code: String,
    pub(crate) expected: bool,
    pub(crate) count: u64,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct KnobRow {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) origin: Origin,
}

impl Report {
    pub(crate) const SCHEMA: &'static str = SCHEMA;

    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Exit code of the command line: 0, 99, 98 or 105.
    pub fn exit_code(&self) -> u8 {
        self.verdict.exit_code()
    }

    /// Why the verdict is what it is, in a sentence.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    pub fn sale_id(&self) -> &str {
        &self.sale_id
    }

    /// SHA-256 of the plan: two runs with the same hash asked the same of the server.
    pub fn plan_sha256(&self) -> &str {
        &self.plan_sha256
    }

    /// Ids of the invariants that were violated.
    pub fn violated(&self) -> Vec<&'static str> {
        self.with_verdict(CheckVerdict::Fail)
    }

    /// Ids of the invariants that were exercised and held.
    pub fn held(&self) -> Vec<&'static str> {
        self.with_verdict(CheckVerdict::Pass)
    }

    fn with_verdict(&self, verdict: CheckVerdict) -> Vec<&'static str> {
        let ids = self.checks.iter().filter(|check| check.verdict == verdict).map(|check| check.id);
        // Once, also where it is judged for two sales.
        let mut once = Vec::new();
        ids.for_each(|id| {
            if !once.contains(&id) {
                once.push(id);
            }
        });
        once
    }

    /// Counter-examples of one invariant, as sentences; at most five.
    pub fn counter_examples(&self, id: &str) -> &[String] {
        let violated = |check: &&Finding| check.id == id && check.verdict == CheckVerdict::Fail;
        self.checks.iter().find(violated).map_or(&[], |check| &check.counter_examples)
    }

    /// One of the report's metrics: counts, shares of one, or milliseconds, as the name says.
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.metrics.get(name).copied()
    }

    /// The files written: report, history, export (where there was one).
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Why report, history or export could not be written; the verdict stands all the same.
    pub fn not_written(&self) -> Option<&str> {
        self.not_written.as_deref()
    }

    /// The whole report, schema `traffic.loadrun/1`.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report is numbers and text")
    }

    /// Text for a terminal: invariants, then SLOs, then validity.
    pub fn render_table(&self) -> String {
        report_table(&self.to_json()).expect(OWN_JSON)
    }

    /// The report as one HTML file that needs nothing else.
    pub fn to_html(&self) -> String {
        report_html(&self.to_json()).expect(OWN_JSON)
    }
}

const OWN_JSON: &str = "a report that was just written can be read";

/// The report of a run as text for a terminal, from its JSON.
pub fn report_table(json: &str) -> Result<String, LabError> {
    view::Run::read(json).map(|run| table::render(&run))
}

/// The report of a run as one HTML file, from its JSON: no script, nothing fetched from anywhere.
pub fn report_html(json: &str) -> Result<String, LabError> {
    view::Run::read(json).map(|run| html::page(&run))
}

pub(crate) fn check_word(verdict: CheckVerdict) -> &'static str {
    match verdict {
        CheckVerdict::Pass => "pass",
        CheckVerdict::Fail => "FAIL",
        CheckVerdict::NotExercised => "not exercised",
        CheckVerdict::NoData => "NO DATA",
    }
}

/// A value as people read it: `12.3 ms`, `97.5 %`, `500`.
pub(crate) fn shown(value: f64, unit: &str) -> String {
    match unit {
        _ if value.is_infinite() => "failures".into(),
        "ms" => format!("{value:.1} ms"),
        "share" => format!("{:.2} %", value * 100.0),
        _ => format!("{value:.0}"),
    }
}
