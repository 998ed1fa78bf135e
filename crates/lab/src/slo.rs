//! Thresholds in k6's manner: `join p99 < 500ms`, `http_req_failed rate < 1%`, `window=steady`, `min_samples=30`, `advisory`.
//!
//! Parsed and refused before the run; judged after it. Without enough samples a threshold is `no_data`, not a pass.

use serde::Serialize;

use crate::history::Op;
use crate::knobs::parse_duration_ms;
use crate::metrics::{Metrics, Observed};
use crate::names::closest;

/// Below this many samples a high percentile is one unlucky request.
const MIN_SAMPLES: u64 = 30;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Window {
    Whole,
    Steady,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Metric {
    /// Response time of an operation, or of all of them.
    Duration(Option<Op>),
    Failed,
    HeldBack,
    /// Fans with an acknowledged place.
    Joins,
    /// Tickets of acknowledged checkouts.
    Sold,
    FirstAdmission,
    Drip,
}

impl Metric {
    const NAMES: [&'static str; 14] = [
        "join",
        "status",
        "seats",
        "hold",
        "release",
        "checkout",
        "transfer",
        "http_req_duration",
        "http_req_failed",
        "held_back",
        "joins",
        "sold",
        "first_admission",
        "drip",
    ];

    fn named(name: &str) -> Option<Self> {
        if let Some(op) = Op::ALL.into_iter().find(|op| op.name() == name) {
            return Some(Metric::Duration(Some(op)));
        }
        match name {
            "http_req_duration" => Some(Metric::Duration(None)),
            "http_req_failed" => Some(Metric::Failed),
            "held_back" => Some(Metric::HeldBack),
            "joins" => Some(Metric::Joins),
            "sold" => Some(Metric::Sold),
            "first_admission" => Some(Metric::FirstAdmission),
            "drip" => Some(Metric::Drip),
            _ => None,
        }
    }

    fn stats(self) -> &'static [&'static str] {
        match self {
            Metric::Duration(_) => &["p50", "p90", "p95", "p99", "p999", "avg", "max", "count"],
            Metric::Failed | Metric::HeldBack | Metric::Joins => &["rate", "count"],
            Metric::Sold => &["count"],
            Metric::FirstAdmission => &["value"],
            Metric::Drip => &["rate"],
        }
    }

    /// Measured in time, so a noisy machine can break it without anything being wrong.
    pub(crate) fn is_timed(self) -> bool {
        matches!(self, Metric::Duration(_) | Metric::FirstAdmission | Metric::Drip | Metric::HeldBack)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    Less,
    AtMost,
    Greater,
    AtLeast,
    Equal,
}

impl Compare {
    fn holds(self, observed: f64, limit: f64) -> bool {
        match self {
            Compare::Less => observed < limit,
            Compare::AtMost => observed <= limit,
            Compare::Greater => observed > limit,
            Compare::AtLeast => observed >= limit,
            Compare::Equal => (observed - limit).abs() < f64::EPSILON,
        }
    }
}

/// One parsed threshold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Slo {
    pub(crate) text: String,
    pub(crate) metric: Metric,
    pub(crate) stat: &'static str,
    compare: Compare,
    /// Milliseconds, a share of one, or a count, as the stat has it.
    limit: f64,
    pub(crate) window: Window,
    min_samples: u64,
    pub(crate) advisory: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SloVerdict {
    Pass,
    Fail,
    NoData,
    NotExercised,
}

/// A judged threshold: one row of the report.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SloRow {
    pub(crate) slo: String,
    pub(crate) verdict: SloVerdict,
    pub(crate) observed: Option<f64>,
    pub(crate) unit: &'static str,
    pub(crate) samples: u64,
    pub(crate) advisory: bool,
}

impl SloRow {
    /// Keeps the run from passing.
    pub(crate) fn blocks(&self) -> bool {
        !self.advisory && matches!(self.verdict, SloVerdict::Fail | SloVerdict::NoData)
    }
}

impl Slo {
    /// Parses one line; the error names what is wrong and the nearest right word.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let refuse = |why: String| format!("threshold \"{text}\": {why}");
        let mut words = text.split_whitespace();
        let (Some(name), Some(stat), Some(sign), Some(limit)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(refuse("write it as: join p99 < 500ms".into()));
        };
        let metric = Metric::named(name).ok_or_else(|| refuse(unknown("metric", name, &Metric::NAMES)))?;
        let stat = metric
            .stats()
            .iter()
            .find(|known| **known == stat)
            .ok_or_else(|| refuse(unknown("stat", stat, metric.stats())))?;
        let compare = match sign {
            "<" => Compare::Less,
            "<=" => Compare::AtMost,
            ">" => Compare::Greater,
            ">=" => Compare::AtLeast,
            "==" => Compare::Equal,
            other => return Err(refuse(format!("{other} is not one of < <= > >= =="))),
        };
        let limit = parse_limit(unit_of(metric, stat), limit).map_err(&refuse)?;
        let (mut window, mut min_samples, mut advisory) = (Window::Whole, default_samples(metric, stat), false);
        for word in words {
            match word.split_once('=') {
                None if word == "advisory" => advisory = true,
                Some(("window", "whole")) => window = Window::Whole,
                Some(("window", "steady")) => window = Window::Steady,
                Some(("min_samples", n)) => {
                    min_samples = n.parse().map_err(|_| refuse(format!("min_samples={n} is not a number")))?;
                }
                _ => {
                    return Err(refuse(unknown(
                        "option",
                        word,
                        &["window=steady", "window=whole", "min_samples=30", "advisory"],
                    )));
                }
            }
        }
        Ok(Slo { text: text.to_owned(), metric, stat, compare, limit, window, min_samples, advisory })
    }

    /// With `judge_times` off, what is measured in time is printed but does not block.
    pub(crate) fn judge(&self, metrics: &Metrics<'_>, judge_times: bool) -> SloRow {
        let Observed { value, samples, exercised } = metrics.observe(self.metric, self.stat, self.window);
        let verdict = match value {
            _ if !exercised => SloVerdict::NotExercised,
            Some(value) if samples >= self.min_samples => {
                if self.compare.holds(value, self.limit) {
                    SloVerdict::Pass
                } else {
                    SloVerdict::Fail
                }
            }
            _ => SloVerdict::NoData,
        };
        let advisory = self.advisory || (self.metric.is_timed() && self.stat != "count" && !judge_times);
        SloRow {
            slo: self.text.clone(),
            verdict,
            observed: value,
            unit: unit_of(self.metric, self.stat),
            samples,
            advisory,
        }
    }
}

fn default_samples(metric: Metric, stat: &str) -> u64 {
    match (metric, stat) {
        (_, "count") => 0,
        (Metric::Duration(_), _) => MIN_SAMPLES,
        _ => 1,
    }
}

fn unit_of(metric: Metric, stat: &str) -> &'static str {
    match (metric, stat) {
        (_, "count") => "count",
        (_, "rate") => "share",
        (Metric::Duration(_) | Metric::FirstAdmission, _) => "ms",
        _ => "count",
    }
}

fn parse_limit(unit: &str, text: &str) -> Result<f64, String> {
    let number = |text: &str| text.parse::<f64>().map_err(|_| format!("{text} is not a number"));
    match unit {
        "ms" if text.ends_with(|c: char| c.is_ascii_alphabetic()) => Ok(parse_duration_ms(text)? as f64),
        "ms" => Err(format!("{text} needs a unit, as in 500ms or 2s")),
        "share" => match text.strip_suffix('%') {
            Some(percent) => Ok(number(percent)? / 100.0),
            None => number(text),
        },
        _ => number(text),
    }
}

fn unknown(what: &str, word: &str, known: &[&str]) -> String {
    let hint = closest(word, known.iter().copied()).map(|near| format!("; did you mean {near}?"));
    format!("there is no {what} {word}{}", hint.unwrap_or_else(|| format!("; there are {}", known.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k6_like_lines_are_understood() {
        let slo = Slo::parse("join p99 < 500ms window=steady min_samples=100 advisory").expect("a threshold");
        assert_eq!((slo.stat, slo.limit, slo.window), ("p99", 500.0, Window::Steady));
        assert_eq!((slo.min_samples, slo.advisory), (100, true));
        assert!((Slo::parse("http_req_failed rate < 1%").expect("a rate").limit - 0.01).abs() < 1e-9);
        assert!((Slo::parse("checkout p99 < 1s").expect("seconds").limit - 1_000.0).abs() < 1e-9);
    }

    #[test]
    fn wrong_names_are_refused_with_a_suggestion() {
        let refused = |text| Slo::parse(text).expect_err("refused");
        assert_eq!(
            refused("jion p99 < 1s"),
            "threshold \"jion p99 < 1s\": there is no metric jion; did you mean join?"
        );
        assert!(refused("join p9 < 1s").contains("did you mean p9"));
        assert!(refused("join p99 < 500").contains("needs a unit"));
        assert!(refused("join p99 ~ 500ms").contains("not one of"));
        assert!(refused("join p99 < 500ms window=steedy").contains("did you mean window=steady?"));
        assert!(refused("join").contains("write it as"));
    }
}
