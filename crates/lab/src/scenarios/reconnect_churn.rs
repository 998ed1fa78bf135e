//! `reconnect_churn`: connections are cut before, during and after the answer, and people come back from elsewhere. Stands
//! for a lost connection that loses the place.

use std::collections::BTreeSet;

use super::Scenario;
use super::parts::{self, active_us, cut_join, cuts, lasting_rate, person, unless_called, usual_slos};
use crate::check::{OwnCheck, Tally, Whole};
use crate::history::{CUT, Op, Outcome, Record, Value, Why};
use crate::knobs::Knobs;
use crate::nodes::{Connections, SLACK};
use crate::plan::{Plan, SalePlan, Shape, draw};

pub(super) const SCENARIO: Scenario =
    Scenario { plan, slos, checks: &[SAME_PLACE, CONNECTIONS_CLOSED], ..Scenario::PLAIN };

pub(super) const SAME_PLACE: OwnCheck =
    OwnCheck { id: "C1", name: "whoever comes back has the place he had", judge: same_place };
pub(super) const CONNECTIONS_CLOSED: OwnCheck =
    OwnCheck { id: "C2", name: "cut connections are closed on the server too", judge: connections_closed };

/// Fans who lose the connection while they join.
const CUT_JOINS: (u64, usize) = (30, 30);

fn plan(knobs: &Knobs) -> Plan {
    let (seed, shape, fans) = (knobs.seed(), Shape::from(knobs), parts::fans(knobs));
    let rate = lasting_rate(knobs, fans, active_us(shape) * 3 / 4);
    let sale = SalePlan { admit_per_minute: rate, ..SalePlan::from(knobs) };
    let within_us = shape.steady_us / 2;
    let fan = |number| {
        let mut fan = person(seed, number, "churners", (0, shape.ramp_up_us));
        fan.habits.while_waiting = cuts(seed, number, within_us);
        fan
    };
    let mut plan = parts::plan("reconnect_churn", knobs, vec![sale], (0..fans).map(fan).collect());
    for number in draw(seed, CUT_JOINS.0, fans, CUT_JOINS.1) {
        plan.fans[number].habits.cuts_join = Some(cut_join(seed, number, within_us));
    }
    plan
}

fn slos(_: &Knobs, plan: &Plan, _: bool) -> Vec<String> {
    let mut slos = usual_slos(plan);
    slos.push(format!("back p99 < 500ms min_samples=1{}", unless_called(plan)));
    slos.push("status p99 < 200ms min_samples=1".into());
    slos
}

/// C1: one account, one place: before the cut and after it, and where the join itself was cut.
fn same_place(whole: &Whole<'_>, tally: &mut Tally) {
    let (mut back, mut cut_joins, mut cut_polls) = (0, 0, 0);
    for evidence in whole.sales {
        let entries = evidence.dump.into_iter().flat_map(|dump| &dump.entries);
        let entries: Vec<(&str, u64)> = entries.map(|entry| (&*entry.user_id, entry.position)).collect();
        for (fan, records) in evidence.by_fan() {
            let cut = |op| records.iter().any(|record| record.op == op && is_cut(record));
            let returned = || records.iter().filter(|record| record.why == Why::Return);
            let plan = whole.plan.fans.get(fan as usize);
            if plan.is_some_and(|plan| plan.habits.bot.is_some()) || (!cut(Op::Join) && returned().next().is_none()) {
                continue;
            }
            (cut_joins, cut_polls) = (cut_joins + u64::from(cut(Op::Join)), cut_polls + u64::from(cut(Op::Status)));
            back += returned().filter(|record| record.value().is_some()).count() as u64;
            let shown: BTreeSet<u64> = records.iter().filter_map(|record| position(record)).collect();
            let account = evidence.account(fan);
            let kept: Vec<u64> = entries.iter().filter(|(user, _)| *user == account).map(|(_, place)| *place).collect();
            let denied = returned()
                .find(|record| matches!(&record.outcome, Outcome::Refused { code, .. } if &**code == "not_in_queue"));
            tally.check(shown.len() <= 1 && kept.len() <= 1 && denied.is_none(), || {
                format!(
                    "fan {fan} lost the connection, and was shown the positions {shown:?}; the export has {kept:?}{}",
                    if denied.is_some() { ", and it was told that it had none" } else { "" }
                )
            });
        }
    }
    tally.control("people who came back", back);
    tally.count("joins cut", cut_joins);
    tally.count("people whose poll was cut", cut_polls);
    tally.control("people cut off in the middle of a request", cut_joins + cut_polls);
}

fn is_cut(record: &Record) -> bool {
    matches!(&record.outcome, Outcome::Unknown(why) if &**why == CUT)
}

fn position(record: &Record) -> Option<u64> {
    match record.value() {
        Some(Value::Join { position, .. } | Value::Status { position, .. }) => Some(*position),
        _ => None,
    }
}

/// C2: once all are gone, the server has no more connections than before they came.
fn connections_closed(whole: &Whole<'_>, tally: &mut Tally) {
    // Several nodes count by themselves: unless each was asked, nobody says which one did.
    let samples = || whole.sales.iter().flat_map(|evidence| evidence.samples);
    let instances: BTreeSet<&str> = samples().filter_map(|sample| Some(&*sample.live.as_ref()?.instance)).collect();
    let known = whole.connections.filter(|connections| connections.of_every_node || instances.len() == 1);
    let Some(Connections { before, after, .. }) = known else {
        tally.does_not_apply();
        return;
    };
    tally.count("connections before", before);
    tally.count("connections after", after);
    tally.check(after <= before + SLACK, || {
        format!("the server had {before} connections before the fans came and {after} after they had gone")
    });
}

#[cfg(test)]
mod tests {
    use super::super::parts::tests::{SHORT, knobs};
    use super::*;
    use crate::check::CheckVerdict;
    use crate::check::testkit::Story;

    #[test]
    fn everybody_loses_the_connection_and_some_while_they_join() {
        let plan = plan(&knobs(&SHORT));
        assert!(plan.fans.iter().all(|fan| !fan.habits.while_waiting.is_empty()));
        assert_eq!(plan.fans.iter().filter(|fan| fan.habits.cuts_join.is_some()).count(), 45);
    }

    /// No sample tells who answered, as behind a balancer.
    #[test]
    fn connections_are_judged_where_every_node_was_asked() {
        let (plan, story) = (plan(&knobs(&SHORT)), Story::new(2));
        let judged = |after, of_every_node| {
            story.own_with(&plan, &CONNECTIONS_CLOSED, Some(Connections { before: 9, after, of_every_node })).verdict
        };
        assert_eq!(judged(9 + SLACK, true), CheckVerdict::Pass);
        assert_eq!(judged(10 + SLACK, true), CheckVerdict::Fail);
        assert_eq!(judged(10 + SLACK, false), CheckVerdict::NotExercised);
    }

    #[test]
    fn golden_plan_hash() {
        assert_eq!(plan(&knobs(&[])).sha256(), "00e33bef7cb15f8b3ffb66c6c9633887893b526bf37eee0b529180888500659e");
    }
}
