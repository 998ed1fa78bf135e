//! Thresholds in k6's manner: `join p99 < 500ms`, `http_req_failed rate < 1%`, `window=steady`, `min_samples=30`, `advisory`.
//! Of one population: `join{population:late} p99 < 500ms`. Beside another: `join{population:b} p99 <= 1.25x
//! join{population:a} or 500ms`, which fails only where both limits are broken, with enough samples on both sides.
//!
//! Parsed and refused before the run; judged after it. Without enough samples a threshold is `no_data`, not a pass.

use serde::Serialize;

use crate::history::Op;
use crate::knobs::parse_duration_ms;
use crate::metrics::{Metrics, Observed};
use crate::names::closest;

/// Below this many samples a high percentile is one unlucky request.
const MIN_SAMPLES: u64 = 30;
/// Two percentiles of fewer samples differ by a quarter by chance alone.
const RATIO_SAMPLES: u64 = 2_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Window {
    Whole,
    Steady,
    /// Before and after the plan's surge.
    Before,
    After,
}

impl Window {
    const NAMES: [&'static str; 4] = ["whole", "steady", "before", "after"];

    fn named(name: &str) -> Option<Self> {
        match name {
            "whole" => Some(Window::Whole),
            "steady" => Some(Window::Steady),
            "before" => Some(Window::Before),
            "after" => Some(Window::After),
            _ => None,
        }
    }
}

/// What a threshold is about: a metric, of everybody or of one population, in a part of the run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Subject {
    pub(crate) metric: Metric,
    pub(crate) population: Option<String>,
    pub(crate) window: Window,
}

impl Subject {
    /// `join`, `join{population:late}`, `status{population:early,window:before}`.
    fn parse(text: &str, populations: &[&str]) -> Result<Self, String> {
        let (name, labels) = match text.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').ok_or("a label ends with }")?),
            None => (text, ""),
        };
        let metric = Metric::named(name).ok_or_else(|| unknown("metric", name, &Metric::NAMES))?;
        let mut subject = Subject { metric, population: None, window: Window::Whole };
        for label in labels.split(',').filter(|label| !label.is_empty()) {
            match label.split_once(':') {
                Some(("population", name)) if populations.contains(&name) => subject.population = Some(name.into()),
                Some(("population", name)) => return Err(unknown("population", name, populations)),
                Some(("window", name)) => {
                    subject.window = Window::named(name).ok_or_else(|| unknown("window", name, &Window::NAMES))?;
                }
                _ => return Err(unknown("label", label, &["population:NAME", "window:NAME"])),
            }
        }
        let of_some = subject.population.is_some() || subject.window != Window::Whole;
        if of_some && !metric.is_of_requests() {
            return Err(format!("{name} is of the whole run and of everybody: it has no labels"));
        }
        Ok(subject)
    }
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
    /// Of those who were let in and meant to buy: how many did.
    CheckoutSuccess,
    /// Response time of the first poll of somebody who had lost the connection.
    Back,
}

impl Metric {
    const NAMES: [&'static str; 17] = [
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
        "trick",
        "checkout_success",
        "back",
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
            "checkout_success" => Some(Metric::CheckoutSuccess),
            "back" => Some(Metric::Back),
            _ => None,
        }
    }

    fn stats(self) -> &'static [&'static str] {
        match self {
            Metric::Duration(_) | Metric::Back => &["p50", "p90", "p95", "p99", "p999", "avg", "max", "count"],
            Metric::Failed | Metric::HeldBack | Metric::Joins | Metric::CheckoutSuccess => &["rate", "count"],
            Metric::Sold => &["count"],
            Metric::FirstAdmission => &["value"],
            Metric::Drip => &["rate"],
        }
    }

    /// Measured in time, so a noisy machine can break it without anything being wrong.
    pub(crate) fn is_timed(self) -> bool {
        matches!(self, Metric::Duration(_) | Metric::FirstAdmission | Metric::Drip | Metric::HeldBack | Metric::Back)
    }

    /// Counted from requests or from fans, so that some of them can be asked for alone.
    fn is_of_requests(self) -> bool {
        matches!(self, Metric::Duration(_) | Metric::Failed | Metric::CheckoutSuccess | Metric::Back)
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
    pub(crate) subject: Subject,
    pub(crate) stat: &'static str,
    compare: Compare,
    /// Milliseconds, a share of one, or a count, as the stat has it.
    limit: f64,
    /// So many times this one is allowed too.
    beside: Option<(f64, Subject)>,
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
    /// What it was compared with, in the same unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) beside: Option<f64>,
}

impl SloRow {
    /// Keeps the run from passing.
    pub(crate) fn blocks(&self) -> bool {
        !self.advisory && matches!(self.verdict, SloVerdict::Fail | SloVerdict::NoData)
    }
}

impl Slo {
    /// Parses one line; the error names what is wrong and the nearest right word.
    pub(crate) fn parse(text: &str, populations: &[&str]) -> Result<Self, String> {
        let refuse = |why: String| format!("threshold \"{text}\": {why}");
        let mut words = text.split_whitespace().peekable();
        let (Some(subject), Some(stat), Some(sign), Some(limit)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(refuse("write it as: join p99 < 500ms".into()));
        };
        let mut subject = Subject::parse(subject, populations).map_err(&refuse)?;
        let metric = subject.metric;
        let known = metric.stats().iter().find(|known| **known == stat);
        let stat = known.ok_or_else(|| refuse(unknown("stat", stat, metric.stats())))?;
        let compare = match sign {
            "<" => Compare::Less,
            "<=" => Compare::AtMost,
            ">" => Compare::Greater,
            ">=" => Compare::AtLeast,
            "==" => Compare::Equal,
            other => return Err(refuse(format!("{other} is not one of < <= > >= =="))),
        };
        let times = limit.strip_suffix('x').and_then(|times| times.parse::<f64>().ok());
        let (limit, beside) = match times {
            None => (limit, None),
            Some(times) => {
                let (Some(other), Some("or"), Some(limit)) = (words.next(), words.next(), words.next()) else {
                    let form = "write a ratio as: join{population:b} p99 <= 1.25x join{population:a} or 500ms";
                    return Err(refuse(form.into()));
                };
                let other = Subject::parse(other, populations).map_err(&refuse)?;
                if other.metric != metric || !matches!(compare, Compare::Less | Compare::AtMost) {
                    return Err(refuse("a ratio is at most so many times the same metric".into()));
                }
                (limit, Some((times, other)))
            }
        };
        let limit = parse_limit(unit_of(metric, stat), limit).map_err(&refuse)?;
        let (mut min_samples, mut advisory) = (default_samples(metric, stat), false);
        for word in words {
            match word.split_once('=') {
                None if word == "advisory" => advisory = true,
                Some(("window", name)) => {
                    let near = || refuse(unknown("option", word, &["window=steady", "window=whole", "window=before"]));
                    subject.window = Window::named(name).ok_or_else(near)?;
                }
                Some(("min_samples", n)) => {
                    min_samples = n.parse().map_err(|_| refuse(format!("min_samples={n} is not a number")))?;
                }
                _ => {
                    let known = ["window=steady", "window=whole", "min_samples=30", "advisory"];
                    return Err(refuse(unknown("option", word, &known)));
                }
            }
        }
        Ok(Slo { text: text.to_owned(), subject, stat, compare, limit, beside, min_samples, advisory })
    }

    /// With `judge_times` off, what is measured in time is printed but does not block.
    pub(crate) fn judge(&self, metrics: &Metrics<'_>, judge_times: bool) -> SloRow {
        let Observed { value, samples, exercised } = metrics.observe(&self.subject, self.stat);
        let metric = self.subject.metric;
        let mut advisory = self.advisory || (metric.is_timed() && self.stat != "count" && !judge_times);
        let other = self.beside.as_ref().map(|(times, other)| (*times, metrics.observe(other, self.stat)));
        if let Some((_, other)) = &other {
            advisory |= samples < RATIO_SAMPLES || other.samples < RATIO_SAMPLES;
        }
        let beside = other.and_then(|(times, other)| other.value.map(|value| (times * value, value)));
        let verdict = match value {
            _ if !exercised => SloVerdict::NotExercised,
            Some(value) if samples >= self.min_samples => {
                // Of a ratio either limit will do.
                let by_ratio = beside.is_some_and(|(limit, _)| self.compare.holds(value, limit));
                if by_ratio || self.compare.holds(value, self.limit) { SloVerdict::Pass } else { SloVerdict::Fail }
            }
            _ => SloVerdict::NoData,
        };
        SloRow {
            slo: self.text.clone(),
            verdict,
            observed: value,
            unit: unit_of(metric, self.stat),
            samples,
            advisory,
            beside: beside.map(|(_, value)| value),
        }
    }
}

fn default_samples(metric: Metric, stat: &str) -> u64 {
    match (metric, stat) {
        (_, "count") => 0,
        (Metric::Duration(_) | Metric::Back, _) => MIN_SAMPLES,
        _ => 1,
    }
}

fn unit_of(metric: Metric, stat: &str) -> &'static str {
    match (metric, stat) {
        (_, "count") => "count",
        (_, "rate") => "share",
        (Metric::Duration(_) | Metric::FirstAdmission | Metric::Back, _) => "ms",
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

    fn parse(text: &str) -> Result<Slo, String> {
        Slo::parse(text, &["early", "late"])
    }

    #[test]
    fn k6_like_lines_are_understood() {
        let slo = parse("join p99 < 500ms window=steady min_samples=100 advisory").expect("a threshold");
        assert_eq!((slo.stat, slo.limit, slo.subject.window), ("p99", 500.0, Window::Steady));
        assert_eq!((slo.min_samples, slo.advisory), (100, true));
        assert!((parse("http_req_failed rate < 1%").expect("a rate").limit - 0.01).abs() < 1e-9);
        assert!((parse("checkout p99 < 1s").expect("seconds").limit - 1_000.0).abs() < 1e-9);
    }

    #[test]
    fn one_population_and_a_ratio_are_understood() {
        let slo = parse("join{population:late} p99 < 500ms").expect("a threshold");
        assert_eq!(slo.subject.population.as_deref(), Some("late"));
        let text = "status{population:early,window:after} p99 <= 2x status{population:early,window:before} or 200ms";
        let slo = parse(text).expect("a ratio");
        assert_eq!((slo.limit, slo.subject.window), (200.0, Window::After));
        let (times, other) = slo.beside.expect("the other side");
        assert_eq!((times, other.window), (2.0, Window::Before));
    }

    #[test]
    fn wrong_names_are_refused_with_a_suggestion() {
        let refused = |text| parse(text).expect_err("refused");
        assert_eq!(
            refused("jion p99 < 1s"),
            "threshold \"jion p99 < 1s\": there is no metric jion; did you mean join?"
        );
        assert!(refused("join p9 < 1s").contains("did you mean p9"));
        assert!(refused("join p99 < 500").contains("needs a unit"));
        assert!(refused("join p99 ~ 500ms").contains("not one of"));
        assert!(refused("join p99 < 500ms window=steedy").contains("did you mean window=steady?"));
        assert!(refused("join").contains("write it as"));
        assert!(refused("join{population:erly} p99 < 1s").contains("no population erly; did you mean early?"));
        assert!(refused("join{window:befor} p99 < 1s").contains("did you mean before?"));
        assert!(refused("join{people:early} p99 < 1s").contains("no label people:early"));
        assert!(refused("join p99 <= 2x join").contains("write a ratio as"));
        assert!(refused("join p99 <= 2x status or 1s").contains("the same metric"));
        assert!(refused("sold{population:late} count > 0").contains("no labels"));
    }
}
