//! A report read back from its JSON: what every form for people (table, HTML, comparison) is made from, so that none can
//! show what the JSON does not hold. Fields that other versions lack are empty, not errors.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::text::Text;
use crate::LabError;
use crate::preview::PlanFacts;

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Run {
    schema: String,
    pub(crate) run_id: Text,
    pub(crate) scenario: Text,
    #[serde(default)]
    pub(crate) sale_id: Text,
    pub(crate) verdict: Word,
    pub(crate) reason: Text,
    #[serde(default)]
    pub(crate) started_at: Text,
    #[serde(default)]
    pub(crate) finished_at: Text,
    #[serde(default)]
    pub(crate) ended_early: Option<Text>,
    pub(crate) plan_sha256: Text,
    pub(crate) seed: u64,
    pub(crate) checks: Vec<Check>,
    pub(crate) slos: Vec<Slo>,
    pub(crate) validity: Vec<Validity>,
    #[serde(default)]
    pub(crate) metrics: BTreeMap<Text, Option<f64>>,
    #[serde(default)]
    pub(crate) steps: Vec<Step>,
    #[serde(default)]
    pub(crate) refusals: Vec<Refusals>,
    #[serde(default)]
    pub(crate) funnel: Vec<(Text, u64)>,
    #[serde(default)]
    pub(crate) endings: BTreeMap<Text, u64>,
    #[serde(default)]
    pub(crate) series: Vec<super::Point>,
    #[serde(default)]
    pub(crate) other_sales: Vec<Vec<super::OfSale>>,
    #[serde(default)]
    pub(crate) environment: Map<String, Value>,
    #[serde(default)]
    pub(crate) knobs: Vec<Knob>,
    #[serde(default)]
    pub(crate) notes: Vec<Text>,
    #[serde(default)]
    pub(crate) plan: Option<PlanFacts>,
}

/// The verdict of a run, a check or a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Word {
    #[serde(alias = "PASS", alias = "pass")]
    Pass,
    #[serde(alias = "FAIL", alias = "fail")]
    Fail,
    #[serde(alias = "INVALID")]
    Invalid,
    #[serde(alias = "ABORTED")]
    Aborted,
    #[serde(alias = "no_data")]
    NoData,
    #[serde(alias = "not_exercised")]
    NotExercised,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Check {
    pub(crate) id: Text,
    pub(crate) name: Text,
    /// Which of several sales it was judged for.
    #[serde(default)]
    pub(crate) sale: Option<Text>,
    pub(crate) verdict: Word,
    pub(crate) checked: u64,
    pub(crate) violations: u64,
    #[serde(default)]
    pub(crate) counter_examples: Vec<Text>,
    #[serde(default)]
    pub(crate) evidence: BTreeMap<Text, u64>,
    #[serde(default)]
    pub(crate) missing: Option<Text>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Slo {
    pub(crate) slo: Text,
    pub(crate) verdict: Word,
    /// Nothing where more failed than the percentile leaves out: JSON has no number beyond every number.
    pub(crate) observed: Option<f64>,
    /// What was observed of the other side, where the limit is a ratio.
    #[serde(default)]
    pub(crate) beside: Option<f64>,
    #[serde(default)]
    pub(crate) unit: Text,
    pub(crate) samples: u64,
    #[serde(default)]
    pub(crate) advisory: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Validity {
    pub(crate) name: Text,
    pub(crate) observed: Text,
    pub(crate) limit: Text,
    pub(crate) holds: bool,
    #[serde(default)]
    pub(crate) advisory: bool,
}

/// Times in milliseconds.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Step {
    pub(crate) op: Text,
    pub(crate) ok: u64,
    pub(crate) refused_as_expected: u64,
    pub(crate) failed: u64,
    pub(crate) held_back: u64,
    pub(crate) response_p50_ms: f64,
    pub(crate) response_p95_ms: f64,
    pub(crate) response_p99_ms: f64,
    pub(crate) response_max_ms: f64,
    pub(crate) service_p50_ms: f64,
    pub(crate) service_p99_ms: f64,
    pub(crate) lag_p99_ms: f64,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Refusals {
    pub(crate) op: Text,
    pub(crate) code: Text,
    pub(crate) expected: bool,
    pub(crate) count: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Knob {
    pub(crate) name: Text,
    pub(crate) value: Text,
    #[serde(default)]
    pub(crate) origin: Text,
}

impl Run {
    /// Refuses what is no report of a run, naming the field.
    pub(crate) fn read(json: &str) -> Result<Self, LabError> {
        let no_report = |why: String| LabError::BadPlan(format!("this is no report of a run: {why}"));
        let value: Value = serde_json::from_str(json).map_err(|error| no_report(format!("it is not JSON: {error}")))?;
        match value.get("schema").and_then(Value::as_str) {
            Some(super::SCHEMA) => {}
            Some(other) => {
                let other = Text::from(other).line();
                return Err(no_report(format!("its schema is \"{other}\", and {} is understood", super::SCHEMA)));
            }
            None => return Err(no_report(format!("it has no field \"schema\" that says {}", super::SCHEMA))),
        }
        let run: Run = serde_json::from_value(value).map_err(|error| no_report(error.to_string()))?;
        debug_assert_eq!(run.schema, super::SCHEMA);
        Ok(run)
    }

    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        self.metrics.get(&Text::from(name)).copied().flatten()
    }

    /// The environment as rows: objects within it are joined with a dot, what is not known is left out.
    pub(crate) fn facts(&self) -> Vec<(Text, Text)> {
        let mut rows = Vec::new();
        flatten("", &self.environment, &mut rows);
        rows
    }
}

fn flatten(prefix: &str, object: &Map<String, Value>, rows: &mut Vec<(Text, Text)>) {
    for (key, value) in object {
        let key = format!("{prefix}{key}");
        match value {
            Value::Null => {}
            Value::Object(inner) => flatten(&format!("{key}."), inner, rows),
            Value::String(text) => rows.push((key.into(), text.as_str().into())),
            Value::Array(items) => {
                let items: Vec<String> = items.iter().map(plain).collect();
                rows.push((key.into(), items.join(", ").into()));
            }
            // A share of a core: more digits say nothing.
            Value::Number(number) if number.is_f64() => {
                let text = format!("{:.3}", number.as_f64().unwrap_or_default());
                rows.push((key.into(), text.into()));
            }
            other => rows.push((key.into(), other.to_string().into())),
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl Word {
    pub(crate) fn shown(self) -> &'static str {
        match self {
            Word::Pass => "PASS",
            Word::Fail => "FAIL",
            Word::Invalid => "INVALID",
            Word::Aborted => "ABORTED",
            Word::NoData => "NO DATA",
            Word::NotExercised => "not exercised",
        }
    }
}

impl Check {
    /// The name, and the sale where there is more than one.
    pub(crate) fn title(&self) -> Text {
        match &self.sale {
            Some(sale) => format!("{} (sale {})", self.name.raw(), sale.raw()).into(),
            None => self.name.clone(),
        }
    }
}

impl Slo {
    /// What is measured, and the limit with its sign; options such as `min_samples` are in neither.
    pub(crate) fn parts(&self) -> (String, String) {
        let words: Vec<&str> = self.slo.raw().split_whitespace().collect();
        let sign = words.iter().position(|word| matches!(*word, "<" | "<=" | ">" | ">=" | "==")).unwrap_or(words.len());
        let option = |word: &&&str| word.contains('=') && word.len() > 2 || **word == "advisory";
        let (measure, limit) = words.split_at(sign);
        let plain: Vec<&str> = limit.iter().filter(|word| !option(word)).copied().collect();
        let window: Vec<&str> = limit.iter().filter_map(|word| word.strip_prefix("window=")).collect();
        let window = window.first().map(|window| format!(" ({window})")).unwrap_or_default();
        (measure.join(" ") + &window, plain.join(" "))
    }

    pub(crate) fn shown(&self) -> String {
        match (self.observed, self.verdict) {
            (Some(value), _) => {
                let beside = self.beside.map(|other| format!(" beside {}", super::shown(other, self.unit.raw())));
                super::shown(value, self.unit.raw()) + &beside.unwrap_or_default()
            }
            (None, Word::Fail) => super::shown(f64::INFINITY, self.unit.raw()),
            (None, _) => "-".into(),
        }
    }

    /// What kept the run from passing, or would have.
    pub(crate) fn word(&self) -> &'static str {
        match self.verdict {
            Word::Fail if self.advisory => "missed",
            Word::NoData if self.advisory => "no data",
            other => other.shown(),
        }
    }
}

impl Validity {
    pub(crate) fn word(&self) -> &'static str {
        match (self.holds, self.advisory) {
            (true, _) => "ok",
            (false, true) => "missed",
            (false, false) => "BROKEN",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slo(text: &str, verdict: Word, observed: Option<f64>) -> Slo {
        Slo { slo: text.into(), verdict, observed, beside: None, unit: "ms".into(), samples: 40, advisory: false }
    }

    #[test]
    fn what_is_no_report_is_refused_by_its_field() {
        let refused = |json: &str| Run::read(json).map(|_| ()).map_err(|error| error.to_string()).unwrap_err();
        assert!(refused("{").contains("not JSON"));
        assert!(refused("[]").contains("no field \"schema\""));
        assert!(refused(r#"{"schema": "other/1"}"#).contains("\"other/1\""));
        assert!(refused(r#"{"schema": "traffic.loadrun/1"}"#).contains("missing field `run_id`"));
        assert!(refused(r#"{"schema": "traffic.loadrun/1", "run_id": 7}"#).contains("invalid type"));
    }

    #[test]
    fn a_threshold_is_shown_as_what_and_limit() {
        let parts = |text| slo(text, Word::Pass, Some(1.0)).parts();
        assert_eq!(parts("join p99 < 500ms min_samples=30"), ("join p99".into(), "< 500ms".into()));
        assert_eq!(parts("status p99 <= 2s window=steady advisory"), ("status p99 (steady)".into(), "<= 2s".into()));
        assert_eq!(parts("sold count == 500"), ("sold count".into(), "== 500".into()));
        assert_eq!(
            parts("join{population:b} p99 <= 1.25x join{population:a} or 500ms"),
            ("join{population:b} p99".into(), "<= 1.25x join{population:a} or 500ms".into())
        );
    }

    #[test]
    fn a_percentile_beyond_all_answers_is_told_as_failures() {
        assert_eq!(slo("join p99 < 1s", Word::Fail, None).shown(), "failures");
        assert_eq!(slo("join p99 < 1s", Word::NoData, None).shown(), "-");
    }

    #[test]
    fn of_a_ratio_both_sides_are_shown_and_a_check_names_its_sale() {
        let ratio = Slo { beside: Some(10.0), ..slo("join p99 <= 1.25x join", Word::Pass, Some(12.0)) };
        assert_eq!(ratio.shown(), "12.0 ms beside 10.0 ms");
        let check = r#"{"id": "Q1", "name": "order", "sale": "B", "verdict": "pass", "checked": 1, "violations": 0}"#;
        let check: Check = serde_json::from_str(check).expect("a check");
        assert_eq!(check.title(), "order (sale B)".into());
    }
}
