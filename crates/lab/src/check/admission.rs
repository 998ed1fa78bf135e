//! S4: nobody buys without a hold, nobody holds without an admission.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Evidence, Tally, holds_by_id};
use crate::dump::{Dump, Hold, format_ms};
use crate::history::{Op, Outcome, Value, Why};

/// S4 on the export: ticket -> order -> hold -> claim -> place, all of one account, each before the next.
pub(super) fn by_the_rows(dump: &Dump, tally: &mut Tally) {
    let claims: HashMap<&str, _> = dump.claims.iter().map(|claim| (&*claim.claim_id, claim)).collect();
    for hold in &dump.holds {
        let claim = hold.claim_id.as_deref().and_then(|id| claims.get(id));
        tally.check(
            claim.is_some_and(|claim| claim.user_id == hold.user_id && claim.claimed_at <= hold.placed_at),
            || match claim {
                None => format!("hold {} of account {} has no admission", hold.hold_id, hold.user_id),
                Some(claim) => format!(
                    "hold {} of account {} stands on the admission of account {}, {} ms before it was given",
                    hold.hold_id,
                    hold.user_id,
                    claim.user_id,
                    claim.claimed_at - hold.placed_at
                ),
            },
        );
    }
    for hold in &dump.holds {
        let Some(claim) = hold.claim_id.as_deref().and_then(|id| claims.get(id)) else { continue };
        let over_at = claim.ended_at.map_or(claim.deadline - 1, |ended_at| ended_at.min(claim.deadline - 1));
        tally.check(hold.placed_at <= over_at, || {
            format!(
                "hold {} of account {} was placed at {}; its admission {} was over after {}",
                hold.hold_id,
                hold.user_id,
                format_ms(hold.placed_at),
                claim.claim_id,
                format_ms(over_at)
            )
        });
    }
    let holds = holds_by_id(dump);
    one_order_an_admission(dump, &holds, tally);
    for order in dump.orders.iter().filter(|order| &*order.status == "confirmed") {
        let hold = order.hold_id.as_deref().and_then(|id| holds.get(id));
        tally.check(hold.is_some_and(|hold| hold.user_id == order.user_id && &*hold.state == "sold"), || match hold {
            None => format!("order {} is confirmed without a hold", order.order_id),
            Some(hold) => format!(
                "order {} of account {} is confirmed on hold {} of account {}, which is {}",
                order.order_id, order.user_id, hold.hold_id, hold.user_id, hold.state
            ),
        });
    }
    let sold_to: HashMap<&str, &str> =
        dump.orders.iter().map(|order| (&*order.order_id, order.hold_id.as_deref().unwrap_or_default())).collect();
    for ticket in dump.live_tickets() {
        let hold = sold_to.get(&*ticket.order_id).and_then(|id| holds.get(id));
        tally.check(hold.is_some_and(|hold| hold.seat_ids.contains(&ticket.seat_id)), || {
            format!("ticket {} is for seat {}, which its order's hold does not have", ticket.ticket_id, ticket.seat_id)
        });
    }
}

fn one_order_an_admission(dump: &Dump, holds: &HashMap<&str, &Hold>, tally: &mut Tally) {
    let mut used: HashMap<&str, &str> = HashMap::new();
    for order in dump.orders.iter().filter(|order| &*order.status == "confirmed") {
        let of_hold = || holds.get(order.hold_id.as_deref()?)?.claim_id.as_deref();
        let Some(claim) = order.claim_id.as_deref().or_else(of_hold) else { continue };
        let other = used.insert(claim, &order.order_id);
        tally.check(other.is_none(), || {
            format!(
                "orders {} and {} are both confirmed on admission {claim}",
                other.unwrap_or_default(),
                order.order_id
            )
        });
    }
}

/// S4 as the fans saw it: no probe got through, and nobody held or bought before being let in.
pub(super) fn as_the_fans_saw_it(evidence: &Evidence<'_>, tally: &mut Tally) {
    let mut let_in: BTreeMap<u32, u64> = BTreeMap::new();
    for record in &evidence.history.records {
        if let Some(Value::Status { admitted: true, .. }) = record.value() {
            let first = let_in.entry(record.fan).or_insert(record.sent_us);
            *first = (*first).min(record.sent_us);
        }
    }
    let (mut attempts, mut honest) = (0, 0);
    let mut held = HashSet::new();
    for record in &evidence.history.records {
        if record.why == Why::ProbeUnadmitted {
            // Only an answer about the admission says anything: too busy, or unavailable, is none.
            let refused = matches!(&record.outcome, Outcome::Refused { code, .. } if code.starts_with("admission_"));
            if !refused && record.value().is_none() {
                continue;
            }
            attempts += u64::from(refused);
            tally.check(record.value().is_none(), || {
                format!(
                    "fan {} asked for {} without an admission at {:.3} s and got it",
                    record.fan,
                    record.op.name(),
                    record.sent_us as f64 / 1e6
                )
            });
            continue;
        }
        match record.value() {
            Some(Value::Hold { hold_id, .. }) => {
                honest += 1;
                held.insert((record.fan, &**hold_id));
                tally.check(let_in.get(&record.fan).is_some_and(|first| *first < record.received_us), || {
                    format!("fan {} was given hold {hold_id} without having been let in", record.fan)
                });
            }
            Some(Value::Checkout { order_id, .. }) if record.op == Op::Checkout => {
                let hold = record.hold.as_deref().unwrap_or_default();
                tally.check(held.contains(&(record.fan, hold)) || may_hold(evidence, record.fan), || {
                    format!("fan {} was sold order {order_id} on hold {hold}, which it never had", record.fan)
                });
            }
            _ => {}
        }
    }
    tally.count("attempts without admission", attempts);
    tally.count("holds of admitted fans", honest);
    tally.needs("no attempt without admission was refused as such", evidence.owed.unadmitted, attempts);
    // The positive control; that anybody buys at all is the threshold `sold`.
    tally.vacuous |= honest == 0;
}

/// A hold of unknown outcome may be the one a later checkout was for.
fn may_hold(evidence: &Evidence<'_>, fan: u32) -> bool {
    let holds = evidence.history.records.iter().filter(|record| record.fan == fan && record.op == Op::Hold);
    holds.into_iter().any(|record| matches!(record.outcome, Outcome::Unknown(_)))
}

#[cfg(test)]
mod tests {
    use super::super::testkit::{self, Story};
    use super::*;
    use crate::words::State;

    #[test]
    fn s4_catches_a_hold_without_admission() {
        let mut story = Story::new(2);
        story.status(0, 0, 10, 1, State::Inside, None);
        story.hold(0, 20, 30, "h0", &["A"]);
        assert!(story.tally(as_the_fans_saw_it).vacuous, "nobody tried without");
        story.probe(
            Op::Hold,
            Why::ProbeUnadmitted,
            1,
            20,
            Outcome::Refused { status: 403, code: "admission_required".into() },
        );
        let tally = story.tally(as_the_fans_saw_it);
        assert_eq!((tally.violations, tally.vacuous), (0, false));
        let checked = tally.checked;
        let busy = Outcome::Refused { status: 503, code: "overloaded".into() };
        story.probe(Op::Hold, Why::ProbeUnadmitted, 1, 30, busy);
        assert_eq!(story.tally(as_the_fans_saw_it).checked, checked, "too busy is no word about admissions");
        let given = Value::Hold { hold_id: "h1".into(), seat_ids: vec![], total: 0 };
        story.probe(Op::Hold, Why::ProbeUnadmitted, 1, 40, Outcome::Ok(given));
        assert_eq!(story.tally(as_the_fans_saw_it).violations, 1);
        story.hold(1, 50, 60, "h2", &["B"]);
        assert_eq!(story.tally(as_the_fans_saw_it).violations, 2);
    }

    #[test]
    fn s4_by_the_rows_wants_the_whole_chain() {
        let mut dump = testkit::dump();
        dump.claims = vec![testkit::claim("c", "u", 1, 5)];
        dump.holds = vec![testkit::hold("h", "u", Some("c"), &["A"], 6, "sold")];
        dump.orders = vec![testkit::order("o", "u", "h", 10)];
        dump.tickets = vec![testkit::ticket("t", "o", "u", "A", 10)];
        assert_eq!(testkit::of_dump(&dump, by_the_rows).violations, 0);
        let broken = |change: fn(&mut Dump)| {
            let mut dump = dump.clone();
            change(&mut dump);
            testkit::of_dump(&dump, by_the_rows).violations
        };
        assert_eq!(broken(|dump| dump.holds[0].claim_id = None), 1);
        assert_eq!(broken(|dump| dump.claims[0].user_id = "v".into()), 1);
        assert_eq!(broken(|dump| dump.claims[0].claimed_at = 7), 1);
        assert_eq!(broken(|dump| dump.orders[0].user_id = "v".into()), 1);
        assert_eq!(broken(|dump| dump.holds[0].state = "expired".into()), 1);
        assert_eq!(broken(|dump| dump.tickets[0].seat_id = "B".into()), 1);
        // Expired, used, and used twice.
        assert_eq!(broken(|dump| dump.claims[0].deadline = 7), 0);
        assert_eq!(broken(|dump| dump.claims[0].deadline = 6), 1);
        assert_eq!(broken(|dump| dump.claims[0].ended_at = Some(6)), 0);
        assert_eq!(broken(|dump| dump.claims[0].ended_at = Some(5)), 1);
        let again = |dump: &mut Dump| {
            dump.holds.push(testkit::hold("h2", "u", Some("c"), &["B"], 6, "sold"));
            dump.orders.push(testkit::order("o2", "u", "h2", 10));
        };
        assert_eq!(broken(again), 1);
    }
}
