//! Can the measurement be trusted? Looks at the generator only: a slow server is never INVALID.

use std::collections::HashSet;

use serde::Serialize;

use crate::history::{Op, Outcome, Record, Value, Why};
use crate::operator::Live;
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
    /// Of each sale, in order.
    pub(crate) samples: &'a [&'a [Sample]],
    /// The instance that was prepared for the run.
    pub(crate) first_instance: &'a str,
    /// When that was, by the server's clock.
    pub(crate) prepared_ms: Option<i64>,
    pub(crate) planned_fans: u64,
    /// CPU time of the generator's thread over the load's duration; `None` where the system does not tell.
    pub(crate) cpu_share: Option<f64>,
    pub(crate) own_sale: bool,
    /// Of each sale.
    pub(crate) caps: &'a [u64],
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
        no_restart(facts),
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

/// Several nodes may answer, one after the other. A node that started later than the run was prepared took the place of one
/// that was measured before.
fn no_restart(facts: &Facts<'_>) -> ValidityRow {
    let later = |live: &&Live| match (live.started_at, facts.prepared_ms) {
        (Some(started), Some(prepared)) => started > prepared,
        _ => true,
    };
    let others = facts.samples.iter().flat_map(|samples| samples.iter()).filter_map(|sample| sample.live.as_ref());
    let others = others.filter(|live| live.instance != facts.first_instance);
    let started: HashSet<&str> = others.filter(later).map(|live| &*live.instance).collect();
    ValidityRow::new("servers started meanwhile", started.len().to_string(), "0", started.is_empty())
}

/// acknowledged <= the server's count <= acknowledged + unknown. Only where nobody else uses the sale.
fn counts(facts: &Facts<'_>) -> Vec<ValidityRow> {
    if !facts.own_sale {
        return vec![];
    }
    let sales = (0u8..).zip(facts.samples.iter().zip(facts.caps));
    sales.flat_map(|(sale, (samples, cap))| counts_of(facts, sale, samples, *cap)).collect()
}

fn counts_of(facts: &Facts<'_>, sale: u8, samples: &[Sample], cap: u64) -> Vec<ValidityRow> {
    // Only the last sample was taken after every answer.
    // A server that is silent by then is its own fault, not the generator's: the verdict says so.
    let Some(stats) = samples.last().and_then(|sample| sample.stats.as_ref()) else { return vec![] };
    let records = || facts.recorded.records.iter().filter(move |record| record.sale == sale);
    let unknown =
        |op| records().filter(|record| record.op == op && matches!(record.outcome, Outcome::Unknown(_))).count() as u64;
    let row = |names: [&'static str; 2], low: u64, count: u64, high: u64| {
        let name = names[usize::from(sale > 0)];
        ValidityRow::new(name, count.to_string(), format!("{low} to {high}"), (low..=high).contains(&count))
    };
    let joined = records().filter_map(place).collect::<HashSet<(u32, u64)>>().len() as u64;
    let sold = records().flat_map(tickets).collect::<HashSet<&str>>().len() as u64;
    vec![
        row(
            ["joined, by the server", "joined the second sale, by the server"],
            joined,
            stats.joined,
            joined + unknown(Op::Join),
        ),
        row(
            ["tickets sold, by the server", "tickets of the second sale, by the server"],
            sold,
            stats.tickets_sold,
            sold.saturating_add(unknown(Op::Checkout).saturating_mul(cap)),
        ),
    ]
}

fn tickets(record: &Record) -> impl Iterator<Item = &str> {
    let ids = match record.value() {
        Some(Value::Checkout { ticket_ids, .. }) => ticket_ids.as_slice(),
        _ => &[],
    };
    ids.iter().map(|id| &**id)
}

fn place(record: &Record) -> Option<(u32, u64)> {
    match record.value() {
        Some(Value::Join { position, .. }) if record.why != Why::Rejoin => Some((record.fan, *position)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::Stats;

    const PREPARED_MS: i64 = 1_000;

    fn judged(change: impl FnOnce(&mut Stats, &mut Recorded)) -> Vec<&'static str> {
        judged_among(&[], change)
    }

    /// With further nodes that answered, and when they had started.
    fn judged_among(
        others: &[(&str, Option<i64>)],
        change: impl FnOnce(&mut Stats, &mut Recorded),
    ) -> Vec<&'static str> {
        let mut recorded = Recorded { reached: vec![Reached::Joined], ..Recorded::default() };
        let joined = Outcome::Ok(Value::Join { position: 1, created: true });
        recorded.records.push(Record { received_us: 1, ..Record::of(Op::Join, Why::Journey, joined) });
        let mut stats = Stats { joined: 1, ..Stats::default() };
        change(&mut stats, &mut recorded);
        let live = |instance: &str, started_at| {
            Some(Live { instance: instance.into(), started_at, version: String::new(), staleness_ms: 0 })
        };
        let others = others.iter().map(|(instance, started_at)| live(instance, *started_at));
        let nodes = others.chain([live("one", Some(PREPARED_MS - 1))]);
        let samples: Vec<Sample> =
            nodes.map(|live| Sample { at_us: 0, until_us: 0, stats: Some(stats.clone()), live }).collect();
        let facts = Facts {
            recorded: &recorded,
            samples: &[samples.as_slice()],
            first_instance: "one",
            prepared_ms: Some(PREPARED_MS),
            planned_fans: 1,
            cpu_share: Some(0.5),
            own_sale: true,
            caps: &[4],
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

    #[test]
    fn many_nodes_are_no_restart_and_a_later_one_is() {
        let blocked = |others: &[(&str, Option<i64>)]| judged_among(others, |_, _| ());
        assert_eq!(blocked(&[("two", Some(PREPARED_MS)), ("three", Some(0))]), Vec::<&str>::new());
        assert_eq!(blocked(&[("two", Some(PREPARED_MS + 1))]), ["servers started meanwhile"]);
        assert_eq!(blocked(&[("two", None)]), ["servers started meanwhile"], "nothing shows that it was there before");
    }
}
