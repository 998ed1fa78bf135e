//! Two runs side by side. Better or worse is only said of like for like: the same plan, on the same kind of machine, against
//! a server set up alike. Otherwise what differs is listed, and nothing is judged.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::text::Text;
use super::view::{Run, Step, Word};
use crate::LabError;

/// Facts that make two machines or servers another kind. Versions and commits are not among them: to compare two of those is
/// what a comparison is for.
const CLASS: [&str; 5] = ["cpu", "cores", "kernel", "lab_build", "staleness_ms"];
/// All that the server says of its settings, but not which build of it this is.
const SERVER: &str = "server.";
const NOT_CLASS: [&str; 2] = ["server.commit", "server.version"];

/// A percentile is compared when so many samples lie beyond it on both sides: 40 for p50, 400 for p95, 2,000 for p99.
const BEYOND: f64 = 20.0;
/// Two runs of the same build on a machine with other work differ by this much, in share and in milliseconds; and by as much
/// as the generator itself was late (p99), because what keeps it waiting keeps the server waiting too.
const NOISE_SHARE: f64 = 0.25;
const NOISE_MS: f64 = 5.0;

/// Its name, itself, and where a step has it.
type Quantile = (&'static str, f64, fn(&Step) -> f64);

const QUANTILES: [Quantile; 3] = [
    ("p50", 0.50, |step| step.response_p50_ms),
    ("p95", 0.95, |step| step.response_p95_ms),
    ("p99", 0.99, |step| step.response_p99_ms),
];

/// What a comparison found, as text and as an exit code.
#[derive(Debug, Clone)]
pub struct Comparison {
    text: String,
    alike: bool,
    worse: u32,
}

impl Comparison {
    /// 0: like for like, and nothing is worse. 99: something is worse. 98: not like for like, nothing is judged.
    pub fn exit_code(&self) -> u8 {
        match (self.alike, self.worse) {
            (false, _) => 98,
            (true, 0) => 0,
            (true, _) => 99,
        }
    }

    /// Text for a terminal.
    pub fn render(&self) -> &str {
        &self.text
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Better,
    Worse,
    Same,
    TooFew,
}

/// Compares the JSON reports of two runs. A refusal says which of them is none.
pub fn compare(a: &str, b: &str) -> Result<Comparison, LabError> {
    let read =
        |which: &str, json| Run::read(json).map_err(|error| LabError::BadPlan(format!("the {which} report: {error}")));
    let (a, b) = (read("first", a)?, read("second", b)?);
    let differences = differences(&a, &b);
    let late = |run: &Run| run.metric("schedule_lag_p99_ms").unwrap_or(0.0);
    let noise_ms = NOISE_MS.max(late(&a)).max(late(&b));
    let mut side = Side { text: String::new(), judged: differences.is_empty(), noise_ms, better: 0, worse: 0 };
    side.head(&a, &b);
    side.differences(&differences);
    side.builds(&a, &b);
    side.checks(&a, &b);
    side.slos(&a, &b);
    side.latencies(&a, &b);
    side.totals(&a, &b);
    side.conclude();
    Ok(Comparison { text: side.text, alike: side.judged, worse: side.worse })
}

/// Why the two are not like for like; empty if they are.
fn differences(a: &Run, b: &Run) -> Vec<String> {
    let mut found = Vec::new();
    let mut differ = |what: &str, a: String, b: String| {
        if a != b {
            found.push(format!("{what}: {a} | {b}"));
        }
    };
    differ("scenario", a.scenario.line(), b.scenario.line());
    let knobs = |run: &Run| -> BTreeMap<String, String> {
        run.knobs.iter().map(|knob| (knob.name.line(), knob.value.line())).collect()
    };
    let (of_a, of_b) = (knobs(a), knobs(b));
    for name in of_a.keys().chain(of_b.keys()).collect::<BTreeSet<_>>() {
        differ(name, known(of_a.get(name)), known(of_b.get(name)));
    }
    let own = |run: &Run| run.plan.as_ref().map(|plan| plan.own_sale.to_string());
    differ("makes its own sale", known(own(a).as_ref()), known(own(b).as_ref()));
    let (of_a, of_b) = (class(a), class(b));
    for name in of_a.keys().chain(of_b.keys()).collect::<BTreeSet<_>>() {
        differ(name, known(of_a.get(name)), known(of_b.get(name)));
    }
    if found.is_empty() {
        // The same knobs gave another plan: another version of the scenario.
        let hash = |run: &Run| run.plan_sha256.line().chars().take(12).collect::<String>();
        if a.plan_sha256 != b.plan_sha256 {
            found.push(format!("plan: {} | {}", hash(a), hash(b)));
        }
    }
    for (which, run) in [("first", a), ("second", b)] {
        if matches!(run.verdict, Word::Invalid | Word::Aborted) {
            found.push(format!("the {which} run is {}: what it measured says nothing", run.verdict.shown()));
        }
    }
    found
}

fn known(value: Option<&String>) -> String {
    value.cloned().unwrap_or_else(|| "not known".into())
}

fn class(run: &Run) -> BTreeMap<String, String> {
    let belongs = |key: &str| CLASS.contains(&key) || (key.starts_with(SERVER) && !NOT_CLASS.contains(&key));
    run.facts()
        .into_iter()
        .filter(|(key, _)| belongs(key.raw()))
        .map(|(key, value)| (key.line(), value.line()))
        .collect()
}

struct Side {
    text: String,
    judged: bool,
    noise_ms: f64,
    better: u32,
    worse: u32,
}

impl Side {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// The word for a change, counted; nothing where nothing is judged.
    fn word(&mut self, change: Change) -> &'static str {
        if !self.judged {
            return "";
        }
        self.better += u32::from(change == Change::Better);
        self.worse += u32::from(change == Change::Worse);
        match change {
            Change::Better => "better",
            Change::Worse => "WORSE",
            Change::Same => "same",
            Change::TooFew => "too few to say",
        }
    }

    fn head(&mut self, a: &Run, b: &Run) {
        for (which, run) in [("A", a), ("B", b)] {
            let line = format!(
                "{which}  {}  {}  seed {}  {}",
                run.run_id.line(),
                run.verdict.shown(),
                run.seed,
                run.started_at.line()
            );
            self.line(&line);
        }
    }

    fn differences(&mut self, differences: &[String]) {
        if !differences.is_empty() {
            self.line("\nNot like for like, so nothing is judged (A | B):");
            differences.iter().for_each(|difference| self.line(&format!("  {difference}")));
        }
    }

    /// What may differ, and is worth knowing.
    fn builds(&mut self, a: &Run, b: &Run) {
        let of = |run: &Run| run.facts().into_iter().map(|(key, value)| (key.line(), value.line()));
        let (of_a, of_b): (BTreeMap<_, _>, BTreeMap<_, _>) = (of(a).collect(), of(b).collect());
        for key in ["lab_version", "lab_commit", "server_version", "server.commit"] {
            let (a, b) = (known(of_a.get(key)), known(of_b.get(key)));
            if a != b {
                self.line(&format!("  {key}: {a} | {b}"));
            }
        }
    }

    fn checks(&mut self, a: &Run, b: &Run) {
        self.line(&format!("\n{:<44} {:>14} {:>14}", "CHECK", "A", "B"));
        let of_b: BTreeMap<_, _> = b.checks.iter().map(|check| ((&check.id, &check.sale), check)).collect();
        for check in &a.checks {
            let Some(other) = of_b.get(&(&check.id, &check.sale)) else { continue };
            let change = verdicts(check.verdict, other.verdict);
            if change == Change::Same && check.verdict == Word::Pass {
                continue;
            }
            let word = self.word(change);
            let name: String = format!("{} {}", check.id.line(), check.title().line()).chars().take(44).collect();
            let shown = |word: Word, violations: u64| match word {
                Word::Fail => format!("FAIL ({violations})"),
                other => other.shown().to_lowercase(),
            };
            let (a, b) = (shown(check.verdict, check.violations), shown(other.verdict, other.violations));
            self.line(&format!("{name:<44} {a:>14} {b:>14}   {word}"));
        }
        let both = a.checks.iter().filter(|check| {
            check.verdict == Word::Pass
                && of_b.get(&(&check.id, &check.sale)).is_some_and(|other| other.verdict == Word::Pass)
        });
        self.line(&format!("{:<44} {:>14}", "held in both", both.count()));
    }

    fn slos(&mut self, a: &Run, b: &Run) {
        self.line(&format!("\n{:<44} {:>14} {:>14}", "THRESHOLD", "A", "B"));
        for slo in &a.slos {
            let Some(other) = b.slos.iter().find(|other| other.slo == slo.slo) else { continue };
            let word = self.word(if slo.advisory || other.advisory {
                Change::Same
            } else {
                verdicts(slo.verdict, other.verdict)
            });
            let (measure, limit) = slo.parts();
            let name: String = Text::from(format!("{measure} {limit}")).line().chars().take(44).collect();
            let shown = |slo: &super::view::Slo| format!("{} ({})", Text::from(slo.shown()).line(), slo.samples);
            self.line(&format!("{name:<44} {:>14} {:>14}   {word}", shown(slo), shown(other)));
        }
    }

    fn latencies(&mut self, a: &Run, b: &Run) {
        let noise = self.noise_ms;
        if self.judged {
            self.line(&format!("\nOf times, less than a quarter or {noise:.0} ms counts as the same."));
        }
        self.line(&format!(
            "\n{:<20} {:>12} {:>12} {:>9} {:>10} {:>10}",
            "RESPONSE, ms", "A", "B", "B / A", "count A", "count B"
        ));
        for step in &a.steps {
            let Some(other) = b.steps.iter().find(|other| other.op == step.op) else { continue };
            if step.ok == 0 && other.ok == 0 {
                continue;
            }
            for (name, quantile, of) in QUANTILES {
                let (x, y) = (of(step), of(other));
                let word = self.word(latency(quantile, self.noise_ms, (x, step.ok), (y, other.ok)));
                let ratio = if x > 0.0 { format!("{:.2}", y / x) } else { "-".into() };
                let name = format!("{} {name}", step.op.line());
                self.line(&format!(
                    "{name:<20} {x:>12.1} {y:>12.1} {ratio:>9} {:>10} {:>10}   {word}",
                    step.ok, other.ok
                ));
            }
        }
    }

    fn totals(&mut self, a: &Run, b: &Run) {
        self.line(&format!("\n{:<44} {:>14} {:>14}", "TOTAL", "A", "B"));
        for name in ["http_reqs", "http_req_failed_rate", "joined", "admitted", "tickets_sold", "unique_buyers"] {
            let shown =
                |run: &Run| run.metric(name).map_or("-".into(), |value| format!("{}", (value * 1e4).round() / 1e4));
            self.line(&format!("{name:<44} {:>14} {:>14}", shown(a), shown(b)));
        }
    }

    fn conclude(&mut self) {
        let line = match (self.judged, self.worse, self.better) {
            (false, _, _) => "\nNOT COMPARED: the runs are not like for like".into(),
            (true, 0, 0) => "\nSAME: like for like, no difference beyond what two runs of one build show".into(),
            (true, 0, better) => format!("\nBETTER: like for like, {better} better and nothing worse"),
            (true, worse, better) => format!("\nWORSE: like for like, {worse} worse and {better} better"),
        };
        let _ = writeln!(self.text, "{line}");
    }
}

/// Less of a pass is worse; what was not exercised in one of them says nothing.
fn verdicts(a: Word, b: Word) -> Change {
    match (a, b) {
        (Word::NotExercised, _) | (_, Word::NotExercised) => Change::Same,
        (Word::Pass, Word::Pass) => Change::Same,
        (Word::Pass, _) => Change::Worse,
        (_, Word::Pass) => Change::Better,
        _ => Change::Same,
    }
}

fn latency(quantile: f64, noise_ms: f64, (a, count_a): (f64, u64), (b, count_b): (f64, u64)) -> Change {
    if (count_a.min(count_b) as f64) * (1.0 - quantile) < BEYOND - 1e-6 {
        return Change::TooFew;
    }
    let noise = (a.min(b) * NOISE_SHARE).max(noise_ms);
    match b - a {
        more if more > noise => Change::Worse,
        more if more < -noise => Change::Better,
        _ => Change::Same,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn run(change: impl FnOnce(&mut Value)) -> String {
        let mut report = json!({
            "schema": "traffic.loadrun/1", "run_id": "r", "scenario": "launch_spike", "verdict": "PASS", "reason": "well",
            "plan_sha256": "abc", "seed": 1,
            "checks": [{"id": "Q1", "name": "order", "verdict": "pass", "checked": 9, "violations": 0}],
            "slos": [{"slo": "join p99 < 500ms", "verdict": "pass", "observed": 20.0, "unit": "ms", "samples": 2_000}],
            "validity": [],
            "steps": [{"op": "join", "ok": 2_000, "response_p50_ms": 10.0, "response_p95_ms": 20.0, "response_p99_ms": 40.0}],
            "knobs": [{"name": "K6_VUS_MAX", "value": "500", "origin": "default"}],
            "environment": {"cpu": "x", "server_version": "1", "server": {"engine": "sqlite", "commit": "aa"}},
        });
        change(&mut report);
        report.to_string()
    }

    fn compared(change: impl FnOnce(&mut Value)) -> (u8, String) {
        let comparison = compare(&run(|_| ()), &run(change)).expect("two reports");
        (comparison.exit_code(), comparison.render().to_owned())
    }

    #[test]
    fn the_same_run_is_the_same() {
        let (code, text) = compared(|_| ());
        assert_eq!(code, 0, "{text}");
        assert!(
            text.ends_with("SAME: like for like, no difference beyond what two runs of one build show\n"),
            "{text}"
        );
    }

    #[test]
    fn a_slower_or_broken_run_is_worse_and_a_faster_one_better() {
        let (code, text) = compared(|run| run["steps"][0]["response_p99_ms"] = json!(80.0));
        assert!(code == 99 && text.contains("WORSE: like for like, 1 worse and 0 better"), "{text}");
        let (code, text) = compared(|run| run["steps"][0]["response_p99_ms"] = json!(20.0));
        assert!(code == 0 && text.contains("BETTER"), "{text}");
        let (code, text) = compared(|run| run["checks"][0]["verdict"] = json!("fail"));
        assert!(code == 99 && text.contains("FAIL (0)"), "{text}");
        let (code, _) = compared(|run| run["slos"][0]["verdict"] = json!("fail"));
        assert_eq!(code, 99);
    }

    #[test]
    fn a_build_may_differ_and_is_told() {
        let (code, text) = compared(|run| {
            run["environment"]["server"]["commit"] = json!("bb");
            run["environment"]["server_version"] = json!("2");
        });
        assert!(
            code == 0 && text.contains("server.commit: aa | bb") && text.contains("server_version: 1 | 2"),
            "{text}"
        );
    }

    #[test]
    fn nothing_is_judged_of_what_is_not_alike() {
        type Changed = (fn(&mut Value), &'static str);
        let changes: [Changed; 6] = [
            (|run| run["scenario"] = json!("late_surge"), "scenario: launch_spike | late_surge"),
            (|run| run["knobs"][0]["value"] = json!("501"), "K6_VUS_MAX: 500 | 501"),
            (|run| run["environment"]["cpu"] = json!("y"), "cpu: x | y"),
            (|run| run["environment"]["server"]["engine"] = json!("postgresql"), "server.engine: sqlite | postgresql"),
            (|run| run["plan_sha256"] = json!("def"), "plan: abc | def"),
            (|run| run["verdict"] = json!("INVALID"), "the second run is INVALID"),
        ];
        for (change, said) in changes {
            let (code, text) = compared(|run| {
                change(run);
                run["steps"][0]["response_p99_ms"] = json!(4_000.0);
            });
            assert!(code == 98 && text.contains(said), "{said}: {text}");
            assert!(!text.contains("WORSE") && !text.contains("better"), "{text}");
            assert!(text.contains("100.00") && text.contains("2000"), "the figures are shown all the same: {text}");
        }
    }

    #[test]
    fn what_is_less_than_the_generators_own_delay_is_no_difference() {
        let (_, worse) = compared(|run| run["steps"][0]["response_p99_ms"] = json!(80.0));
        assert!(worse.contains("WORSE"), "{worse}");
        let (code, text) = compared(|run| {
            run["steps"][0]["response_p99_ms"] = json!(80.0);
            run["metrics"] = json!({"schedule_lag_p99_ms": 45.0});
        });
        assert!(code == 0 && text.contains("45 ms"), "{text}");
    }

    #[test]
    fn a_percentile_of_few_is_not_judged() {
        let few = |run: &mut Value, ms: f64| {
            run["steps"][0]["ok"] = json!(1_999);
            run["steps"][0]["response_p99_ms"] = json!(ms);
        };
        let comparison = compare(&run(|run| few(run, 10.0)), &run(|run| few(run, 900.0))).expect("two reports");
        assert!(
            comparison.exit_code() == 0 && comparison.render().contains("too few to say"),
            "{}",
            comparison.render()
        );
    }

    #[test]
    fn the_report_that_is_none_is_named() {
        let refused = compare(&run(|_| ()), "{}").expect_err("no report");
        assert!(refused.exit_code() == 104 && refused.to_string().starts_with("the second report: "), "{refused}");
    }
}
