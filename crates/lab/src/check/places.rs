//! Q2, Q4-Q6: every place exists once, is kept, and belongs to somebody who joined.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Evidence, Tally};
use crate::dump::{Dump, Entry};
use crate::history::{Op, Outcome, Value, Why};

/// Q2: positions are exactly 1..n, and n is what the sale says.
pub(super) fn gap_free(dump: &Dump, tally: &mut Tally) {
    let mut positions: Vec<u64> = dump.entries.iter().map(|entry| entry.position).collect();
    positions.sort_unstable();
    let mut expected = 1;
    for position in &positions {
        tally.check(*position == expected, || {
            if *position < expected {
                format!("position {position} is given twice")
            } else {
                format!("nobody has position {expected}; the next one given is {position}")
            }
        });
        if *position < expected {
            tally.count("duplicates", 1);
        } else {
            tally.count("gaps", position - expected);
        }
        expected = expected.max(position.saturating_add(1));
    }
    if !positions.is_empty() {
        let last = expected - 1;
        tally.check(last == dump.sale.last_position, || {
            format!("the sale says its last position is {}, the last entry has {last}", dump.sale.last_position)
        });
    }
}

/// Entries of the export by account, in order of position.
fn entries_by_account(dump: &Dump) -> BTreeMap<&str, Vec<&Entry>> {
    let mut accounts: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in &dump.entries {
        accounts.entry(&entry.user_id).or_default().push(entry);
    }
    for entries in accounts.values_mut() {
        entries.sort_by_key(|entry| entry.position);
    }
    accounts
}

/// Q4: every acknowledged join is in the export under its account with its position, and no later poll denied it.
pub(super) fn durable(evidence: &Evidence<'_>, tally: &mut Tally) {
    let Some(dump) = evidence.dump else { return };
    let kept: HashSet<(&str, u64)> = dump.entries.iter().map(|entry| (&*entry.user_id, entry.position)).collect();
    for (fan, records) in evidence.by_fan() {
        let mut place: Option<(u64, u64)> = None;
        for record in records {
            match &record.outcome {
                // An answer to somebody who has a place shows the old one: only what was newly given must be there.
                Outcome::Ok(Value::Join { position, .. }) if record.why != Why::Rejoin => {
                    place = Some((*position, record.received_us));
                    tally.check(kept.contains(&(evidence.account(fan), *position)), || {
                        format!(
                            "fan {fan} was acknowledged position {position} at {:.3} s; the export does not have it",
                            record.received_us as f64 / 1e6
                        )
                    });
                }
                Outcome::Refused { code, .. } if record.op == Op::Status && &**code == "not_in_queue" => {
                    let Some((position, acked)) = place else { continue };
                    tally.check(acked.saturating_add(evidence.staleness_us) >= record.sent_us, || {
                        format!(
                            "fan {fan} with acknowledged position {position} was told at {:.3} s that it is not in the queue",
                            record.received_us as f64 / 1e6
                        )
                    });
                }
                _ => {}
            }
        }
    }
}

/// Q5: each place, hold and order belongs to a fan of this run with a request for it that may have happened. What was
/// refused gave nothing.
pub(super) fn no_ghosts(evidence: &Evidence<'_>, tally: &mut Tally) {
    let Some(dump) = evidence.dump else { return };
    let fans = evidence.fans_by_account();
    let mut joins: BTreeMap<u32, u64> = BTreeMap::new();
    for record in &evidence.history.records {
        if record.op == Op::Join && record.may_have_happened() {
            *joins.entry(record.fan).or_default() += 1;
        }
    }
    for entry in &dump.entries {
        let fan = fans.get(&*entry.user_id);
        if fan.is_none() && !evidence.own_sale {
            continue;
        }
        let joined = fan.is_some_and(|fan| joins.contains_key(fan));
        tally.check(joined, || match fan {
            Some(fan) => {
                format!("position {} belongs to fan {fan}, none of whose joins can have happened", entry.position)
            }
            None => {
                format!("position {} belongs to account {}, which is no fan of this run", entry.position, entry.user_id)
            }
        });
    }
    let refused = evidence.history.records.iter().filter(|record| record.op == Op::Join && !record.may_have_happened());
    tally.count("refused joins", refused.count() as u64);
    no_place_from_a_refusal(evidence, tally);
    no_purchase_from_a_refusal(evidence, dump, &fans, tally);
}

/// Whoever was only ever refused is no known face at the next try. Of several joins at once another may have been first.
fn no_place_from_a_refusal(evidence: &Evidence<'_>, tally: &mut Tally) {
    for (fan, records) in evidence.by_fan() {
        let joins = || records.iter().filter(|record| record.op == Op::Join && record.may_have_happened());
        let Some(first) = joins().filter(|join| join.value().is_some()).min_by_key(|join| join.received_us) else {
            continue;
        };
        let others = joins().filter(|join| !std::ptr::eq(**join, *first));
        let alone = others.clone().all(|other| other.sent_us >= first.received_us);
        tally.check(!alone || !matches!(first.value(), Some(Value::Join { created: false, .. })), || {
            format!(
                "fan {fan} was answered at {:.3} s as one who has a place, though all its joins before had been refused",
                first.received_us as f64 / 1e6
            )
        });
    }
}

fn no_purchase_from_a_refusal(evidence: &Evidence<'_>, dump: &Dump, fans: &HashMap<&str, u32>, tally: &mut Tally) {
    let mut told: HashSet<(u32, &str)> = HashSet::new();
    let mut unknown: HashSet<(u32, Op)> = HashSet::new();
    for record in &evidence.history.records {
        match &record.outcome {
            Outcome::Ok(Value::Hold { hold_id: id, .. } | Value::Checkout { order_id: id, .. }) => {
                told.insert((record.fan, id));
            }
            Outcome::Unknown(_) => {
                unknown.insert((record.fan, record.op));
            }
            _ => {}
        }
    }
    let holds = dump.holds.iter().map(|hold| (Op::Hold, &hold.hold_id, &hold.user_id));
    let confirmed = dump.orders.iter().filter(|order| &*order.status == "confirmed");
    let orders = confirmed.map(|order| (Op::Checkout, &order.order_id, &order.user_id));
    for (op, id, account) in holds.chain(orders) {
        let Some(fan) = fans.get(&**account) else { continue };
        tally.check(told.contains(&(*fan, id)) || unknown.contains(&(*fan, op)), || {
            format!("the {} {id} of fan {fan} is in the export, and no answer to that fan can have made it", op.name())
        });
    }
}

/// Q5 on the export alone: whoever claimed, held or bought has a place, and a claim fits its place.
pub(super) fn no_strangers_inside(dump: &Dump, tally: &mut Tally) {
    let places: HashSet<(&str, u64)> = dump.entries.iter().map(|entry| (&*entry.user_id, entry.position)).collect();
    for claim in &dump.claims {
        tally.check(places.contains(&(&*claim.user_id, claim.position)), || {
            format!(
                "claim {} is for position {} of account {}, which has no such place",
                claim.claim_id, claim.position, claim.user_id
            )
        });
    }
    for entry in dump.entries.iter().filter(|entry| entry.claimed_at.is_some()) {
        tally.check(entry.called_at.is_some(), || {
            format!("position {} was let in without ever being called", entry.position)
        });
    }
}

/// Q6 on the export: an account's places follow one another; the next begins when the one before has ended.
pub(super) fn one_after_the_other(dump: &Dump, tally: &mut Tally) {
    for (account, entries) in entries_by_account(dump) {
        let overlap = entries.windows(2).find(|pair| pair[0].ended_at.is_none_or(|ended| ended > pair[1].joined_at));
        tally.check(overlap.is_none(), || {
            let positions = overlap.map_or((0, 0), |pair| (pair[0].position, pair[1].position));
            format!("account {account} has two places at the same time: {} and {}", positions.0, positions.1)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testkit::{self, Story};
    use super::*;

    #[test]
    fn q2_catches_gaps_doubles_and_a_wrong_last_position() {
        let of = |positions: &[u64], last: u64| {
            let mut dump = testkit::dump();
            dump.entries = positions.iter().map(|position| testkit::entry(*position, "u")).collect();
            dump.sale.last_position = last;
            testkit::of_dump(&dump, gap_free)
        };
        assert_eq!(of(&[1, 2, 3], 3).violations, 0);
        assert_eq!(of(&[2, 1, 3], 3).violations, 0);
        assert_eq!(of(&[1, 2, 2, 3], 3).evidence["duplicates"], 1);
        assert_eq!(of(&[1, 2, 2, 3], 3).violations, 1);
        assert_eq!(of(&[1, 4], 4).evidence["gaps"], 2);
        assert_eq!(of(&[1, 2], 3).violations, 1);
        assert_eq!(of(&[], 0).checked, 0);
        assert!(of(&[1, u64::MAX], u64::MAX).violations > 0, "a nonsense position is counted, not computed with");
    }

    #[test]
    fn q4_catches_a_lost_join_but_not_an_unknown_one() {
        let mut story = Story::new(2);
        story.join(0, 0, 10, 1);
        story.unknown_join(1, 0, 10);
        assert_eq!(story.tally(durable).violations, 1);
        story.dump.entries = vec![testkit::entry(1, "fan-0")];
        assert_eq!(story.tally(durable).violations, 0);
        story.dump.entries = vec![testkit::entry(1, "fan-1")];
        assert_eq!(story.tally(durable).violations, 1, "somebody else's place");
    }

    #[test]
    fn q5_catches_strangers_and_refused_joins_with_a_place() {
        let mut story = Story::new(2);
        story.unknown_join(0, 0, 10);
        story.refused_join(1, 0, 10);
        story.dump.entries = vec![testkit::entry(1, "fan-0")];
        assert_eq!(story.tally(no_ghosts).violations, 0);
        story.dump.entries.push(testkit::entry(2, "fan-1"));
        assert_eq!(story.tally(no_ghosts).violations, 1);
        story.dump.entries.push(testkit::entry(3, "stranger"));
        assert_eq!(story.tally(no_ghosts).violations, 2);
        story.own_sale = false;
        assert_eq!(story.tally(no_ghosts).violations, 1, "others may use a sale that is not the run's");
    }

    #[test]
    fn q5_catches_what_a_refusal_left_behind() {
        let mut story = Story::new(2);
        story.refused_join(0, 0, 10);
        story.join_known(0, 20, 30, 1);
        assert_eq!(story.tally(no_ghosts).violations, 1, "refused, and yet known");
        let mut story = Story::new(2);
        story.unknown_join(0, 0, 10);
        story.join_known(0, 20, 30, 1);
        story.hold(0, 40, 50, "h", &["A"]);
        story.checkout(0, 60, 70, "h", "o", &["t"]);
        story.dump.holds = vec![testkit::hold("h", "fan-0", Some("c"), &["A"], 0, "sold")];
        story.dump.orders = vec![testkit::order("o", "fan-0", "h", 1)];
        assert_eq!(story.tally(no_ghosts).violations, 0);
        story.dump.holds.push(testkit::hold("h2", "fan-1", Some("c"), &["B"], 0, "live"));
        story.dump.orders.push(testkit::order("o2", "fan-1", "h2", 1));
        assert_eq!(story.tally(no_ghosts).violations, 2);
        story.unknown_hold(1, 40, 50);
        assert_eq!(story.tally(no_ghosts).violations, 1, "that hold may have happened");
    }

    #[test]
    fn q5_of_two_joins_at_once_either_may_have_been_first() {
        let mut story = Story::new(1);
        story.join_known(0, 0, 10, 1);
        story.join(0, 5, 20, 1);
        assert_eq!(story.tally(no_place_from_a_refusal).violations, 0, "the other tab's made it");
        let mut story = Story::new(1);
        story.refused_join(0, 0, 3);
        story.join_known(0, 5, 10, 1);
        story.rejoin(0, 20, 30, 1);
        assert_eq!(story.tally(no_place_from_a_refusal).violations, 1, "what came later made nothing");
    }

    #[test]
    fn q5_by_the_rows_catches_a_claim_without_a_place() {
        let mut dump = testkit::dump();
        dump.entries = vec![Entry { called_at: Some(1), claimed_at: Some(2), ..testkit::entry(1, "a") }];
        dump.claims = vec![testkit::claim("c", "a", 1, 2)];
        assert_eq!(testkit::of_dump(&dump, no_strangers_inside).violations, 0);
        dump.claims.push(testkit::claim("d", "b", 1, 2));
        dump.entries[0].called_at = None;
        assert_eq!(testkit::of_dump(&dump, no_strangers_inside).violations, 2);
    }

    #[test]
    fn q6_by_the_rows_catches_two_places_at_once_even_if_one_has_ended_since() {
        let mut dump = testkit::dump();
        dump.entries = vec![testkit::entry(1, "a"), testkit::entry(2, "b")];
        assert_eq!(testkit::of_dump(&dump, one_after_the_other).violations, 0);
        dump.entries.push(Entry { joined_at: 50, ..testkit::entry(3, "a") });
        assert_eq!(testkit::of_dump(&dump, one_after_the_other).violations, 1);
        dump.entries[0].ended_at = Some(60);
        assert_eq!(testkit::of_dump(&dump, one_after_the_other).violations, 1);
        dump.entries[0].ended_at = Some(50);
        assert_eq!(testkit::of_dump(&dump, one_after_the_other).violations, 0);
    }
}
