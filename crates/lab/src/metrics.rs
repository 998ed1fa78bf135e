//! What a threshold can be about, computed from what was recorded and from the admission log.

use std::collections::BTreeSet;

use crate::dump::{BoundBy, Dump};
use crate::history::{Op, Record, Why};
use crate::latency::Latencies;
use crate::plan::Plan;
use crate::record::{Reached, Recorded};
use crate::slo::{Metric, Subject, Window};

/// Fewer pairs of rows than this say nothing about a rate.
const DRIP_ROWS: u64 = 10;

pub(crate) struct Metrics<'a> {
    pub(crate) recorded: &'a Recorded,
    pub(crate) plan: &'a Plan,
    /// Of the first sale.
    pub(crate) dump: Option<&'a Dump>,
    pub(crate) doors_us: u64,
    /// False where the run came to a sale that was already open.
    pub(crate) own_doors: bool,
    /// Fans whose journey the end of the run cut off.
    pub(crate) unfinished: &'a BTreeSet<u32>,
}

/// Milliseconds, a share, or a count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Observed {
    pub(crate) value: Option<f64>,
    pub(crate) samples: u64,
    pub(crate) exercised: bool,
}

impl Observed {
    fn new(value: f64, samples: u64) -> Self {
        Observed { value: (samples > 0).then_some(value), samples, exercised: true }
    }

    fn not_exercised(samples: u64) -> Self {
        Observed { value: None, samples, exercised: false }
    }
}

impl Metrics<'_> {
    pub(crate) fn observe(&self, subject: &Subject, stat: &str) -> Observed {
        match subject.metric {
            Metric::Duration(Some(op)) => duration(self.of(subject, Some(op)), stat),
            Metric::Duration(None) => {
                let mut all = self.of(subject, None);
                all.response.add(&all.refused).expect("both grow as needed");
                duration(all, stat)
            }
            Metric::Failed => {
                let all = self.of(subject, None);
                share_or_count(all.failed.len(), all.requests(), stat)
            }
            Metric::HeldBack => {
                let all = self.of(subject, None);
                share_or_count(all.held_back, all.requests() + all.held_back, stat)
            }
            Metric::Joins => share_or_count(self.recorded.count(Reached::Joined), self.plan.joiners(), stat),
            Metric::Sold => {
                Observed { value: Some(self.recorded.tickets as f64), samples: self.recorded.tickets, exercised: true }
            }
            Metric::FirstAdmission if !self.own_doors => Observed::not_exercised(0),
            Metric::FirstAdmission => match self.recorded.first_admission_us {
                Some(at) => Observed::new(at.saturating_sub(self.doors_us) as f64 / 1_000.0, 1),
                None => Observed { value: None, samples: 0, exercised: true },
            },
            Metric::Drip => self.dump.map_or(Observed::not_exercised(0), achieved_drip),
            Metric::CheckoutSuccess => {
                let (bought, meant_to) = self.success(subject);
                share_or_count(bought, meant_to, stat)
            }
            Metric::Back => {
                let back = |record: &&Record| record.why == Why::Return && self.is_about(subject, record);
                duration(latencies(self.recorded.records.iter().filter(back)), stat)
            }
        }
    }

    /// What was kept while the run went on, where that is asked for; else counted from the records.
    fn of(&self, subject: &Subject, op: Option<Op>) -> Latencies {
        let kept = match subject {
            Subject { population: None, window: Window::Whole, .. } => Some(&self.recorded.whole),
            Subject { population: None, window: Window::Steady, .. } => Some(&self.recorded.steady),
            _ => None,
        };
        match (kept, op) {
            (Some(kept), Some(op)) => kept.of(op).clone(),
            (Some(kept), None) => kept.all(),
            (None, _) => {
                let of = |record: &&Record| op.is_none_or(|op| record.op == op) && self.is_about(subject, record);
                latencies(self.recorded.records.iter().filter(of))
            }
        }
    }

    fn is_about(&self, subject: &Subject, record: &Record) -> bool {
        let since_doors = record.intended_us.saturating_sub(self.doors_us);
        let within = match (subject.window, self.plan.surge_us) {
            (Window::Whole, _) => true,
            (Window::Steady, _) => self.plan.shape.phase(since_doors) == "steady",
            (Window::Before, Some(surge_us)) => since_doors < surge_us,
            (Window::After, Some(surge_us)) => since_doors >= surge_us,
            // Without a surge there is no before and after.
            (Window::Before | Window::After, None) => false,
        };
        within && self.is_of(subject, record.fan)
    }

    fn is_of(&self, subject: &Subject, fan: u32) -> bool {
        let population = self.plan.fans.get(fan as usize).map_or("", |fan| fan.population);
        subject.population.as_deref().is_none_or(|wanted| wanted == population)
    }

    /// Of the fans who were let in, meant to buy and had the time: how many bought, and how many there were.
    fn success(&self, subject: &Subject) -> (u64, u64) {
        let (mut bought, mut meant_to) = (0, 0);
        for ((number, fan), reached) in (0u32..).zip(&self.plan.fans).zip(&self.recorded.reached) {
            let gives_up = fan.habits.abandons.is_some() || self.unfinished.contains(&number);
            let has_bought = *reached >= Reached::Bought;
            if self.is_of(subject, number) && *reached >= Reached::Admitted && (has_bought || !gives_up) {
                meant_to += 1;
                bought += u64::from(has_bought);
            }
        }
        (bought, meant_to)
    }
}

/// The generator's own delay is not in the records: it is a matter of validity, not of thresholds.
fn latencies<'a>(records: impl Iterator<Item = &'a Record>) -> Latencies {
    let mut latencies = Latencies::default();
    records.for_each(|record| latencies.add(record, 0));
    latencies
}

fn share_or_count(part: u64, whole: u64, stat: &str) -> Observed {
    if stat == "count" {
        return Observed { value: Some(part as f64), samples: whole, exercised: true };
    }
    Observed::new(part as f64 / (whole as f64).max(1.0), whole)
}

/// A failure counts as slower than any limit; what the end of the run cut off counts with the time it had taken by then.
fn duration(of: Latencies, stat: &str) -> Observed {
    let failed = of.failed.len() - of.cut.len();
    let mut answered = of.response;
    answered.add(&of.cut).expect("both grow as needed");
    let samples = answered.len() + failed;
    let quantile = match stat {
        "p50" => 0.50,
        "p90" => 0.90,
        "p95" => 0.95,
        "p99" => 0.99,
        "p999" => 0.999,
        "max" => 1.0,
        "avg" => return Observed::new(answered.mean() / 1_000.0, samples),
        _ => return Observed { value: Some(samples as f64), samples, exercised: true },
    };
    // Rank over all of them: of the answered alone it is a higher quantile, and beyond them a failure.
    let of_answered = quantile * samples as f64 / answered.len() as f64;
    // The margin is for rounding.
    let value = if answered.is_empty() || of_answered > 1.0 + 1e-9 {
        f64::INFINITY
    } else {
        answered.value_at_quantile(of_answered) as f64 / 1_000.0
    };
    Observed::new(value, samples)
}

/// People called over people the rate allowed, over consecutive rows of the log that were both bound by the rate.
pub(crate) fn achieved_drip(dump: &Dump) -> Observed {
    let rates = dump.rates();
    let (mut called, mut allowed, mut rows) = (0u64, 0.0, 0u64);
    for pair in dump.calls.windows(2) {
        if pair.iter().all(|row| row.bound_by == BoundBy::Rate) {
            called = called.saturating_add(pair[1].called).saturating_add(pair[1].recalled);
            allowed += rates.people(pair[0].at, pair[1].at);
            rows += 1;
        }
    }
    if rows < DRIP_ROWS {
        return Observed::not_exercised(rows);
    }
    Observed::new(called as f64 / allowed.max(f64::MIN_POSITIVE), rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::testkit;
    use crate::latency::note;

    #[test]
    fn failures_are_slower_than_any_limit_and_what_was_cut_off_is_not() {
        let with = |answered: u64, failed: u64, cut: u64| {
            let mut of = Latencies::default();
            (0..answered).for_each(|_| note(&mut of.response, 10_000));
            (0..failed + cut).for_each(|_| note(&mut of.failed, 1_000));
            (0..cut).for_each(|_| note(&mut of.cut, 1_000));
            duration(of, "p99")
        };
        let slow = |observed: Observed| observed.value.expect("a value") > 1e9;
        assert!(!slow(with(99, 1, 0)));
        assert!(slow(with(98, 2, 0)), "two of a hundred never came");
        assert!(slow(with(0, 1, 0)), "nothing came at all");
        assert_eq!(with(98, 2, 0).samples, 100);
        assert!(!slow(with(98, 0, 2)));
        assert_eq!(with(0, 0, 0), Observed { value: None, samples: 0, exercised: true });
    }

    fn poll(fan: u32, at_us: u64, took_us: u64) -> Record {
        let answered = crate::history::Outcome::Ok(crate::history::Value::Seats { listed: 0 });
        let (intended_us, sent_us, received_us) = (at_us, at_us, at_us + took_us);
        Record { fan, intended_us, sent_us, received_us, ..Record::of(Op::Status, Why::Journey, answered) }
    }

    /// Polls of fan 0 ("early") before and after a surge at 100 s, and of fan 1 ("late") after it.
    fn judged(polls: usize, slow_us: u64, line: &str) -> (crate::slo::SloVerdict, bool, u64) {
        let scenario = crate::scenarios::find("late_surge").expect("ready");
        let mut plan = (scenario.plan)(&crate::knobs::Knobs::default());
        plan.surge_us = Some(100_000_000);
        (plan.fans[0].population, plan.fans[1].population) = ("early", "late");
        let mut recorded = Recorded::default();
        for _ in 0..polls {
            recorded.records.push(poll(0, 1_000_000, 10_000));
            recorded.records.push(poll(0, 101_000_000, slow_us));
            recorded.records.push(poll(1, 101_000_000, 50_000));
        }
        let unfinished = BTreeSet::new();
        let metrics = Metrics {
            recorded: &recorded,
            plan: &plan,
            dump: None,
            doors_us: 0,
            own_doors: true,
            unfinished: &unfinished,
        };
        let slo = crate::slo::Slo::parse(line, &["early", "late"]).expect("a threshold");
        let row = slo.judge(&metrics, true);
        (row.verdict, row.advisory, row.samples)
    }

    #[test]
    fn a_population_and_a_window_are_judged_by_themselves() {
        use crate::slo::SloVerdict::{Fail, Pass};
        assert_eq!(judged(50, 10_000, "status{population:late} p99 < 20ms"), (Fail, false, 50));
        assert_eq!(judged(50, 10_000, "status{population:early} p99 < 20ms"), (Pass, false, 100));
        assert_eq!(judged(50, 30_000, "status{population:early,window:after} p99 < 20ms"), (Fail, false, 50));
        assert_eq!(judged(50, 30_000, "status{population:early} p99 < 20ms window=before"), (Pass, false, 50));
    }

    #[test]
    fn a_ratio_fails_where_both_limits_are_broken_and_blocks_with_enough_samples() {
        use crate::slo::SloVerdict::{Fail, Pass};
        let line = "status{population:early,window:after} p99 <= 2x status{population:early,window:before} or 200ms";
        assert_eq!(judged(2_000, 300_000, line), (Fail, false, 2_000));
        assert_eq!(judged(2_000, 150_000, line), (Pass, false, 2_000), "slower by fifteen times, and fast enough");
        assert_eq!(judged(1_999, 300_000, line), (Fail, true, 1_999), "too few to block");
        let wide = line.replace("2x", "40x");
        assert_eq!(judged(2_000, 300_000, &wide), (Pass, false, 2_000), "slow, and no slower than allowed beside it");
    }

    #[test]
    fn drip_counts_only_neighbouring_rows_bound_by_the_rate() {
        let mut dump = testkit::dump();
        dump.sale.admit_per_minute = 600;
        // Ten people a second: two every 200 ms, and one row bound by the cap that must not count.
        for tick in 0..13i64 {
            let bound = if tick == 0 { BoundBy::Cap } else { BoundBy::Rate };
            let called = if tick == 0 { 100 } else { 2 };
            dump.calls.push(testkit::call(u64::try_from(tick).expect("small"), called, tick * 200, bound));
        }
        let observed = achieved_drip(&dump);
        assert_eq!(observed.samples, 11);
        assert!((observed.value.expect("rows enough") - 1.0).abs() < 1e-9);
        dump.calls.truncate(9);
        assert!(!achieved_drip(&dump).exercised);
    }
}
