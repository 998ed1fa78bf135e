//! Q1, Q9: the line is in order, and only ever moves forward.

use std::collections::BTreeMap;

use super::{Evidence, Tally};
use crate::dump::{Dump, Entry, format_ms};
use crate::history::{Op, Outcome, Value};
use crate::words::State;

/// What is certain about one place: it cannot have been given before `sent`, and was there at `acked`.
struct Place {
    fan: u32,
    position: u64,
    sent_us: u64,
    acked_us: u64,
}

/// The places fans were told of. A place cannot be older than the first join of its fan that showed it, or that was never
/// answered and may have made it; and it was there when the first answer had come that shows it.
fn places(evidence: &Evidence<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    for (fan, records) in evidence.by_fan() {
        let mut known: BTreeMap<u64, Place> = BTreeMap::new();
        let mut unanswered = Vec::new();
        for record in records.into_iter().filter(|record| record.op == Op::Join) {
            match record.outcome {
                Outcome::Ok(Value::Join { position, .. }) => {
                    let (sent_us, acked_us) = (record.sent_us, record.received_us);
                    let place = known.entry(position).or_insert(Place { fan, position, sent_us, acked_us });
                    place.acked_us = place.acked_us.min(acked_us);
                }
                Outcome::Unknown(_) => unanswered.push(record.sent_us),
                _ => {}
            }
        }
        for place in known.values_mut() {
            let before = unanswered.iter().filter(|sent_us| **sent_us < place.acked_us);
            place.sent_us = before.copied().fold(place.sent_us, u64::min);
        }
        places.extend(known.into_values());
    }
    places
}

/// Q1: if A was acknowledged before B was sent, A stands before B. Sweep by position, keeping the largest send time of
/// all lower places: a violation is a place acknowledged before that send. Equal positions are Q2's matter.
pub(super) fn first_come_first_in_line(evidence: &Evidence<'_>, tally: &mut Tally) {
    let mut places = places(evidence);
    places.sort_by_key(|place| (place.position, place.sent_us));
    let mut latest_lower: Option<&Place> = None;
    let mut start = 0;
    while start < places.len() {
        let position = places[start].position;
        let end = start + places[start..].iter().take_while(|place| place.position == position).count();
        for place in &places[start..end] {
            let Some(lower) = latest_lower else { continue };
            tally.check(place.acked_us >= lower.sent_us, || {
                format!(
                    "fan {} was acknowledged at {:.3} s, before fan {} sent its join at {:.3} s, yet fan {} stands at {} and fan {} at {}",
                    place.fan, seconds(place.acked_us), lower.fan, seconds(lower.sent_us),
                    place.fan, place.position, lower.fan, lower.position,
                )
            });
        }
        latest_lower = latest_lower.into_iter().chain(&places[start..end]).max_by_key(|place| place.sent_us);
        start = end;
    }
    let pairs = ordered_pairs(&places);
    tally.count("pairs that did not overlap", pairs);
    tally.vacuous |= pairs == 0;
}

/// How many pairs have an order at all: for each place, those acknowledged before it was sent.
fn ordered_pairs(places: &[Place]) -> u64 {
    let mut acked: Vec<u64> = places.iter().map(|place| place.acked_us).collect();
    acked.sort_unstable();
    places.iter().map(|place| acked.partition_point(|acked| *acked < place.sent_us) as u64).sum()
}

/// Q1 on the export alone: `joined_at` is given under the queue's lock and never falls with position.
pub(super) fn joined_in_order(dump: &Dump, tally: &mut Tally) {
    let mut latest: Option<&Entry> = None;
    for entry in by_position(dump) {
        if let Some(before) = latest {
            tally.check(entry.joined_at >= before.joined_at, || {
                format!(
                    "position {} joined at {}, before position {} at {}",
                    entry.position,
                    format_ms(entry.joined_at),
                    before.position,
                    format_ms(before.joined_at)
                )
            });
        }
        latest = latest.into_iter().chain([entry]).max_by_key(|entry| entry.joined_at);
    }
}

pub(super) fn by_position(dump: &Dump) -> Vec<&Entry> {
    let mut entries: Vec<&Entry> = dump.entries.iter().collect();
    entries.sort_by_key(|entry| entry.position);
    entries
}

/// Q9: people ahead do not rise between two polls of one place, the second sent after the first was answered.
pub(super) fn people_ahead_never_rise(evidence: &Evidence<'_>, tally: &mut Tally) {
    for (fan, records) in evidence.by_fan() {
        let mut places: BTreeMap<u64, Vec<Told>> = BTreeMap::new();
        for record in records {
            if let Outcome::Ok(Value::Status { position, ahead: Some(ahead), state: State::Waiting, .. }) =
                record.outcome
            {
                let told = Told { sent_us: record.sent_us, received_us: record.received_us, ahead };
                places.entry(position).or_default().push(told);
            }
        }
        for (position, told) in places {
            let rises = Rises { fan, position, staleness_us: evidence.staleness_us };
            rises.judge(&told, tally);
        }
    }
}

/// An answer to a poll.
struct Told {
    sent_us: u64,
    received_us: u64,
    ahead: u64,
}

struct Rises {
    fan: u32,
    position: u64,
    staleness_us: u64,
}

impl Rises {
    /// `told` in the order of sending; answers may have come in another.
    fn judge(&self, told: &[Told], tally: &mut Tally) {
        let mut answered: Vec<&Told> = told.iter().collect();
        answered.sort_by_key(|told| told.received_us);
        let mut answered = answered.into_iter().peekable();
        let mut least: Option<&Told> = None;
        for next in told {
            let settled = |earlier: &&Told| earlier.received_us.saturating_add(self.staleness_us) < next.sent_us;
            while let Some(earlier) = answered.next_if(settled) {
                least = least.into_iter().chain([earlier]).min_by_key(|told| told.ahead);
            }
            let Some(least) = least else { continue };
            tally.check(next.ahead <= least.ahead, || {
                format!(
                    "fan {} at position {} had {} people ahead at {:.3} s and {} in a poll sent at {:.3} s",
                    self.fan,
                    self.position,
                    least.ahead,
                    seconds(least.received_us),
                    next.ahead,
                    seconds(next.sent_us)
                )
            });
        }
    }
}

pub(super) fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::super::testkit::{self, Story};
    use super::*;

    #[test]
    fn q1_catches_a_late_joiner_ahead_and_pardons_an_overlap() {
        let told = |joins: &[(u32, u64, u64, u64)]| {
            let mut story = Story::new(4);
            for (fan, sent, received, position) in joins {
                story.join(*fan, *sent, *received, *position);
            }
            story.tally(first_come_first_in_line)
        };
        assert_eq!(told(&[(0, 0, 10, 1), (1, 20, 30, 2)]).violations, 0);
        let bad = told(&[(0, 0, 10, 2), (1, 20, 30, 1)]);
        assert_eq!(bad.violations, 1);
        assert!(bad.examples[0].contains("fan 0 stands at 2 and fan 1 at 1"), "{:?}", bad.examples);
        assert_eq!(told(&[(0, 0, 25, 2), (1, 20, 30, 1)]).violations, 0, "they overlap");
        assert!(told(&[(0, 0, 25, 2), (1, 20, 30, 1)]).vacuous, "no pair had an order");
        assert_eq!(told(&[(0, 0, 10, 1), (1, 20, 30, 1)]).violations, 0, "a double is Q2's");
    }

    #[test]
    fn q1_counts_an_unknown_join_as_the_possible_start_of_a_place() {
        let mut story = Story::new(2);
        story.unknown_join(1, 0, 5);
        story.join(0, 10, 20, 2);
        story.join(1, 30, 40, 1);
        assert_eq!(story.tally(first_come_first_in_line).violations, 0, "fan 1's first try may have got the place");
    }

    #[test]
    fn q1_is_not_confused_by_a_rejoin() {
        let mut story = Story::new(2);
        story.join(0, 0, 10, 1);
        story.join(1, 20, 30, 2);
        story.join(0, 40, 50, 1);
        assert_eq!(story.tally(first_come_first_in_line).violations, 0);
    }

    #[test]
    fn q9_catches_a_rise_but_not_between_overlapping_polls() {
        let mut story = Story::new(1);
        story.status(0, 0, 10, 5, State::Waiting, Some(3));
        story.status(0, 20, 30, 5, State::Waiting, Some(2));
        assert_eq!(story.tally(people_ahead_never_rise).violations, 0);
        story.status(0, 40, 50, 5, State::Waiting, Some(3));
        assert_eq!(story.tally(people_ahead_never_rise).violations, 1);
        story.staleness_us = 100;
        assert_eq!(story.tally(people_ahead_never_rise).checked, 0);
    }

    #[test]
    fn q1_of_several_tabs_takes_the_first_answer_and_the_first_request() {
        let mut story = Story::new(2);
        story.join(0, 0, 50, 2);
        story.join(0, 1, 10, 2);
        story.join(1, 20, 30, 1);
        assert_eq!(story.tally(first_come_first_in_line).violations, 1, "acknowledged in one tab is acknowledged");
        let mut story = Story::new(2);
        story.join(0, 0, 50, 1);
        story.join(1, 5, 10, 2);
        story.join(0, 20, 30, 1);
        assert_eq!(story.tally(first_come_first_in_line).violations, 0, "the first tab's may have made it");
    }

    #[test]
    fn q1_a_new_place_may_be_as_old_as_an_unanswered_join() {
        let mut story = Story::new(2);
        story.unknown_join(0, 0, 500);
        story.join(0, 5, 10, 1);
        story.join(1, 20, 30, 9);
        story.join(0, 40, 50, 8);
        assert_eq!(story.tally(first_come_first_in_line).violations, 0);
    }

    #[test]
    fn q9_polls_of_two_tabs_may_be_answered_in_another_order() {
        let mut story = Story::new(1);
        story.status(0, 0, 100, 5, State::Waiting, Some(3));
        story.status(0, 10, 20, 5, State::Waiting, Some(4));
        assert_eq!(story.tally(people_ahead_never_rise).checked, 0, "they overlap");
        story.status(0, 30, 40, 5, State::Waiting, Some(4));
        assert_eq!(story.tally(people_ahead_never_rise).violations, 0, "the one with three was still under way");
        story.status(0, 110, 120, 5, State::Waiting, Some(4));
        assert_eq!(story.tally(people_ahead_never_rise).violations, 1);
    }

    #[test]
    fn joined_at_that_falls_with_position_is_an_inversion() {
        let mut dump = testkit::dump();
        dump.entries = vec![testkit::entry(1, "a"), testkit::entry(2, "b")];
        dump.entries[0].joined_at = 5;
        dump.entries[1].joined_at = 5;
        assert_eq!(testkit::of_dump(&dump, joined_in_order).violations, 0);
        dump.entries[1].joined_at = 4;
        assert_eq!(testkit::of_dump(&dump, joined_in_order).violations, 1);
    }
}
