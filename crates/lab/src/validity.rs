//! Can the measurement be trusted? Looks at the generator only: a slow server is never INVALID.

use std::collections::HashSet;

use serde::Serialize;

use crate::history::{Op, Outcome, Record, Value, Why};
use crate::record::{Reached, Recorded};
use crate::sampler::Sample;

/// A generator later than this on its own account measures itself.
const LAG_P99_LIMIT_MS: f64 = 50.0;
/// Above this share of a core the one thread of the generator queues its own work.
const CPU_LIMIT: f64 = 0.85;

#[derive(Debug, Clone, Serialize)]
pub(crate) struct ValidityRow {
    pub(crate) name: &'static str,
    pub(crate) observed: String,
    pub(crate) limit: String,
    pub(crate) holds: bool,
    pub(crate) advisory: bool,
}

impl ValidityRow {
    pub(crate) fn new(name: &'static str, observed: impl Into<String>, limit: impl Into<String>, holds: bool) -> Self {
        ValidityRow { name, observed: observed.into(), limit: limit.into(), holds, advisory: false }
    }

    fn advisory_if(mut self, advisory: bool) -> Self {
        self.advisory = advisory;
        self
    }

    pub(crate) fn blocks(&self) -> bool {
        !self.holds && !self.advisory
    }
}

pub(crate) struct Facts<'a> {
    pub(crate) recorded: &'a Recorded,
    pub(crate) samples: &'a [Sample],
    /// The instance that was prepared for the run.
    pub(crate) first_instance: &'a str,
    pub(crate) planned_fans: u64,
    /// CPU time of the generator's thread over the load's duration; `None` where the system does not tell.
    pub(crate) cpu_share: Option<f64>,
    pub(crate) own_sale: bool,
    pub(crate) cap: u64,
    pub(crate) judge_times: bool,
}

pub(crate) fn judge(facts: &Facts<'_>) -> Vec<ValidityRow> {
    let recorded = facts.recorded;
    let lag_ms = recorded.whole.all().lag.value_at_quantile(0.99) as f64 / 1_000.0;
    let arrived = recorded.count(Reached::Arrived);
    let errors: u64 = recorded.generator_errors.values().sum();
    let mut rows = vec![
        ValidityRow::new(
            "schedule lag p99",
            format!("{lag_ms:.1} ms"),
            format!("{LAG_P99_LIMIT_MS} ms"),
            lag_ms < LAG_P99_LIMIT_MS,
        )
        .advisory_if(!facts.judge_times),
        ValidityRow::new(
            "planned arrivals sent",
            arrived.to_string(),
            facts.planned_fans.to_string(),
            arrived == facts.planned_fans,
        ),
        cpu(facts.cpu_share).advisory_if(!facts.judge_times || facts.cpu_share.is_none()),
        ValidityRow::new("generator errors", errors.to_string(), "0", errors == 0),
        same_instance(facts),
    ];
    rows.extend(counts(facts));
    rows
}

fn cpu(share: Option<f64>) -> ValidityRow {
    let observed = share.map_or("not known".into(), |share| format!("{:.0} % of a core", share * 100.0));
    ValidityRow::new(
        "generator CPU",
        observed,
        format!("{:.0} %", CPU_LIMIT * 100.0),
        share.is_none_or(|share| share < CPU_LIMIT),
    )
}

fn same_instance(facts: &Facts<'_>) -> ValidityRow {
    let later = facts.samples.iter().filter_map(|sample| sample.live.as_ref()).map(|live| &*live.instance);
    let instances: HashSet<&str> = later.chain([facts.first_instance]).collect();
    ValidityRow::new("server instances seen", instances.len().to_string(), "1", instances.len() == 1)
}

/// acknowledged <= the server's count <= acknowledged + unknown. Only where nobody else uses the sale.
fn counts(facts: &Facts<'_>) -> Vec<ValidityRow> {
    if !facts.own_sale {
        return vec![];
    }
    // Only the last sample was taken after every answer.
    // A server that is silent by then is its own fault, not the generator's: the verdict says so.
    let Some(stats) = facts.samples.last().and_then(|sample| sample.stats.as_ref()) else { return vec![] };
    let records = &facts.recorded.records;
    let places: HashSet<(u32, u64)> = records.iter().filter_map(place).collect();
    let unknown = |op| {
        records.iter().filter(|record| record.op == op && matches!(record.outcome, Outcome::Unknown(_))).count() as u64
    };
    let row = |name, low: u64, count: u64, high: u64| {
        ValidityRow::new(name, count.to_string(), format!("{low} to {high}"), (low..=high).contains(&count))
    };
    let joined = places.len() as u64;
    let sold = facts.recorded.tickets;
    vec![
        row("joined, by the server", joined, stats.joined, joined + unknown(Op::Join)),
        row(
            "tickets sold, by the server",
            sold,
            stats.tickets_sold,
            sold.saturating_add(unknown(Op::Checkout).saturating_mul(facts.cap)),
        ),
    ]
}

fn place(record: &Record) -> Option<(u32, u64)> {
    match record.value() {
        Some(Value::Join { position, .. }) if record.why == Why::Journey => Some((record.fan, *position)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::{Live, Stats};

    fn judged(change: impl FnOnce(&mut Stats, &mut Recorded)) -> Vec<&'static str> {
        let mut recorded = Recorded { reached: vec![Reached::Joined], ..Recorded::default() };
        recorded.records.push(Record {
            op: Op::Join,
            why: Why::Journey,
            fan: 0,
            device: 0,
            intended_us: 0,
            sent_us: 0,
            received_us: 1,
            expected_refusal: false,
            key: None,
            hold: None,
            outcome: Outcome::Ok(Value::Join { position: 1, created: true }),
        });
        let mut stats = Stats { joined: 1, ..Stats::default() };
        change(&mut stats, &mut recorded);
        let live = Live { instance: "one".into(), version: String::new(), staleness_ms: 0 };
        let samples = [Sample { at_us: 0, stats: Some(stats), live: Some(live) }];
        let facts = Facts {
            recorded: &recorded,
            samples: &samples,
            first_instance: "one",
            planned_fans: 1,
            cpu_share: Some(0.5),
            own_sale: true,
            cap: 4,
            judge_times: true,
        };
        judge(&facts).into_iter().filter(|row| row.blocks()).map(|row| row.name).collect()
    }

    #[test]
    fn a_quiet_run_is_valid_and_each_fault_has_its_row() {
        assert_eq!(judged(|_, _| ()), Vec::<&str>::new());
        assert_eq!(judged(|stats, _| stats.joined = 2), ["joined, by the server"]);
        assert_eq!(judged(|stats, _| stats.tickets_sold = 1), ["tickets sold, by the server"]);
        assert_eq!(judged(|_, recorded| recorded.reached = vec![Reached::Planned]), ["planned arrivals sent"]);
        assert_eq!(
            judged(|_, recorded| {
                recorded.generator_errors.insert("files".into(), 1);
            }),
            ["generator errors"]
        );
    }
}
