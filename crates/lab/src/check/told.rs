//! Q3, Q6: what one fan is told about its place stays the same, however often and by however many devices it asks.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Evidence, Tally};
use crate::history::{Op, Outcome, Record, Value, Why};

/// When a fan was shown one position.
struct Shown<'a> {
    first: &'a Record,
    /// The latest sending of an answer that showed it, and the first such answer.
    last_sent_us: u64,
    first_received_us: u64,
    answers: u64,
}

/// Q3: every answer to one fan shows one position, unless the export shows that the earlier place had ended, and the fan
/// joined anew after it. Answers that overlap may come in any order.
pub(super) fn immutable(evidence: &Evidence<'_>, tally: &mut Tally) {
    let entries = evidence.dump.iter().flat_map(|dump| &dump.entries);
    let ended = entries.filter(|entry| entry.ended_at.is_some()).map(|entry| (&*entry.user_id, entry.position));
    let ended: BTreeSet<(&str, u64)> = ended.collect();
    for (fan, records) in evidence.by_fan() {
        let shown = shown(&records);
        // All but the first answer of each place say the same as another one.
        let same: u64 = shown.values().map(|shown| shown.answers - 1).sum();
        (0..same).for_each(|_| tally.check(true, String::new));
        for ((before, earlier), (after, later)) in shown.iter().zip(shown.iter().skip(1)) {
            let was_over = ended.contains(&(evidence.account(fan), *before));
            let went_back = earlier.last_sent_us > later.first_received_us.saturating_add(evidence.staleness_us);
            let anew = records.iter().any(|record| may_have_made(record, *after, earlier, later));
            tally.check(was_over && anew && !went_back, || {
                let (before, after, at) = match earlier.first.sent_us <= later.first.sent_us {
                    true => (before, after, later.first),
                    false => (after, before, earlier.first),
                };
                format!(
                    "fan {fan} was shown position {before}, then {after} in the answer to its {} sent at {:.3} s",
                    at.op.name(),
                    at.sent_us as f64 / 1e6
                )
            });
        }
    }
}

fn shown<'a>(records: &[&'a Record]) -> BTreeMap<u64, Shown<'a>> {
    let mut shown: BTreeMap<u64, Shown<'_>> = BTreeMap::new();
    for record in records {
        let Some(Value::Join { position, .. } | Value::Status { position, .. }) = record.value() else { continue };
        let (sent_us, received_us) = (record.sent_us, record.received_us);
        let new = Shown { first: record, last_sent_us: sent_us, first_received_us: received_us, answers: 0 };
        let one = shown.entry(*position).or_insert(new);
        one.last_sent_us = one.last_sent_us.max(sent_us);
        one.first_received_us = one.first_received_us.min(received_us);
        one.answers += 1;
    }
    shown
}

/// A join that can have been acted upon after the earlier place was last shown, and before the later one was first.
fn may_have_made(record: &Record, position: u64, earlier: &Shown<'_>, later: &Shown<'_>) -> bool {
    let in_time = record.op == Op::Join && record.sent_us <= later.first_received_us;
    in_time
        && match &record.outcome {
            Outcome::Ok(Value::Join { position: made, .. }) => {
                *made == position && record.received_us >= earlier.last_sent_us
            }
            // What was never answered may have been acted upon at any time after it was sent.
            Outcome::Unknown(_) => true,
            _ => false,
        }
}

/// Too busy, out of room to write, not yet or no longer serving: a no that denies no place.
const TOO_BUSY: [&str; 4] = ["overloaded", "storage_full", "starting", "draining"];

/// Q6: a join of somebody who has a place is answered 200 with that place.
pub(super) fn idempotent_rejoin(evidence: &Evidence<'_>, tally: &mut Tally) {
    let expired = expired(evidence);
    let mut rejoined = BTreeSet::new();
    let mut tried = 0;
    for (fan, records) in evidence.by_fan() {
        for again in records.iter().filter(|record| record.why == Why::Rejoin) {
            tried += 1;
            let Some(first) = place_before(&records, again) else { continue };
            let gone = expired.get(evidence.account(fan)).is_some_and(|positions| positions.contains(&first));
            if gone || may_be_over(&records, again) {
                continue;
            }
            match &again.outcome {
                Outcome::Ok(Value::Join { position, created }) => {
                    rejoined.insert(fan);
                    tally.check(*position == first && !created, || {
                        let made = if *created { "a new place" } else { "the place" };
                        format!("fan {fan} with position {first} joined again and was given {made} {position}")
                    });
                }
                Outcome::Refused { status, code } => {
                    tally.check(*status == 429 || TOO_BUSY.contains(&&**code), || {
                        format!("fan {fan} with position {first} joined again and was refused: {status} {code}")
                    });
                }
                _ => {}
            }
        }
    }
    tally.count("fans that joined again", rejoined.len() as u64);
    tally.needs("no second join was answered", tried, rejoined.len() as u64);
}

/// Places whose time ran out: nobody told the fan when.
fn expired<'a>(evidence: &Evidence<'a>) -> HashMap<&'a str, BTreeSet<u64>> {
    let mut expired: HashMap<&str, BTreeSet<u64>> = HashMap::new();
    let entries = evidence.dump.into_iter().flat_map(|dump| &dump.entries);
    for entry in entries.filter(|entry| entry.ended_as.as_deref() == Some("expired")) {
        expired.entry(&entry.user_id).or_default().insert(entry.position);
    }
    expired
}

/// The place that the fan had been told of before this was sent: by the latest such answer to a join for a place.
fn place_before(records: &[&Record], again: &Record) -> Option<u64> {
    let told = records.iter().filter(|record| record.received_us <= again.sent_us && record.why != Why::Rejoin);
    let joins = told.filter_map(|record| match record.value() {
        Some(Value::Join { position, .. }) => Some((record.received_us, *position)),
        _ => None,
    });
    joins.max().map(|(_, position)| position)
}

/// Something may have ended the place before this was answered: a purchase, or an answer that says so.
fn may_be_over(records: &[&Record], again: &Record) -> bool {
    records.iter().filter(|record| record.sent_us < again.received_us).any(|record| match &record.outcome {
        Outcome::Ok(Value::Status { state, .. }) => state.is_over(),
        Outcome::Ok(_) | Outcome::Unknown(_) => record.op == Op::Checkout,
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::super::testkit::{self, Story};
    use super::*;
    use crate::words::State;

    #[test]
    fn q3_catches_a_change_and_allows_a_new_place_after_an_ended_one() {
        let mut story = Story::new(1);
        story.join(0, 0, 10, 1);
        story.status(0, 20, 30, 2, State::Waiting, None);
        assert_eq!(story.tally(immutable).violations, 1);
        story.dump.entries = vec![testkit::entry(1, "fan-0"), testkit::entry(2, "fan-0")];
        assert_eq!(story.tally(immutable).violations, 1);
        story.dump.entries[0].ended_at = Some(15);
        assert_eq!(story.tally(immutable).violations, 1, "moved to the end without a word");
        let mut anew = Story::new(1);
        anew.dump.entries = story.dump.entries.clone();
        anew.join(0, 0, 10, 1);
        anew.unknown_join(0, 12, 15);
        anew.status(0, 20, 30, 2, State::Waiting, None);
        assert_eq!(anew.tally(immutable).violations, 0, "joined anew after the old place had ended");
    }

    #[test]
    fn q3_answers_of_two_tabs_may_come_in_another_order() {
        let mut story = Story::new(1);
        story.dump.entries = vec![testkit::entry(1, "fan-0"), testkit::entry(2, "fan-0")];
        story.dump.entries[0].ended_at = Some(15);
        story.join(0, 0, 10, 1);
        story.status(0, 20, 100, 1, State::Waiting, None);
        story.join(0, 50, 60, 2);
        story.status(0, 55, 65, 2, State::Waiting, None);
        assert_eq!(story.tally(immutable).violations, 0, "the poll with the old place was under way");
        story.status(0, 70, 80, 1, State::Waiting, None);
        let tally = story.tally(immutable);
        assert_eq!(tally.violations, 1, "back again");
        assert!(tally.examples[0].contains("position 1, then 2"), "{:?}", tally.examples);
    }

    #[test]
    fn q6_catches_another_position_and_a_second_place() {
        let mut story = Story::new(1);
        story.join(0, 0, 10, 1);
        story.dump.entries = vec![testkit::entry(1, "fan-0")];
        assert!(story.tally(idempotent_rejoin).vacuous, "nobody joined again");
        story.rejoin(0, 20, 30, 1);
        assert_eq!(story.tally(idempotent_rejoin).violations, 0);
        story.rejoin(0, 40, 50, 9);
        assert_eq!(story.tally(idempotent_rejoin).violations, 1);
        story.refused_rejoin(0, 60, 70, 503, "overloaded");
        assert_eq!(story.tally(idempotent_rejoin).violations, 1, "too busy denies no place");
        story.refused_rejoin(0, 60, 70, 503, "room_full");
        assert_eq!(story.tally(idempotent_rejoin).violations, 2, "whoever has a place needs no room");
    }

    #[test]
    fn q6_every_one_of_many_tabs_is_judged_and_a_purchase_ends_it() {
        let mut story = Story::new(1);
        story.join(0, 0, 10, 1);
        (0..5).for_each(|tab| story.rejoin(0, 20 + tab, 30 - tab, 1));
        assert_eq!(story.tally(idempotent_rejoin).checked, 5);
        story.rejoin(0, 22, 33, 7);
        assert_eq!(story.tally(idempotent_rejoin).violations, 1);
        let mut bought = Story::new(1);
        bought.join(0, 0, 10, 1);
        bought.checkout(0, 20, 40, "h", "o", &["t"]);
        bought.rejoin(0, 30, 50, 2);
        assert_eq!(bought.tally(idempotent_rejoin).checked, 0, "the purchase may have come first");
    }
}
