//! Q1, Q7, Q9: the line is in order, is called in order, and only ever moves forward.

use std::collections::{BTreeMap, BTreeSet};

use super::{Evidence, Tally};
use crate::dump::{Dump, Entry, format_ms};
use crate::history::{Op, Outcome, Value};
use crate::words::State;

/// Two writes of one server within this may be stamped in either order (the tick reads its clock before it commits).
const STAMP_SLACK_MS: i64 = 1_000;

/// What is certain about one place: it cannot have been given before `sent`, and was there at `acked`.
struct Place {
    fan: u32,
    position: u64,
    sent_us: u64,
    acked_us: u64,
}

/// The places fans were told of. A place's earliest moment is the fan's first join that may have given it; joins sent
/// after another place of the same fan was acknowledged are taken to be for the later one.
fn places(evidence: &Evidence<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    for (fan, records) in evidence.by_fan() {
        let mut known: BTreeMap<u64, usize> = BTreeMap::new();
        let mut earliest: Option<u64> = None;
        for record in records {
            if record.op != Op::Join || !record.may_have_happened() {
                continue;
            }
            let sent_us = *earliest.get_or_insert(record.sent_us);
            let Some(Value::Join { position, .. }) = record.value() else { continue };
            known.entry(*position).or_insert_with(|| {
                places.push(Place { fan, position: *position, sent_us, acked_us: record.received_us });
                places.len() - 1
            });
            earliest = None;
        }
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

fn by_position(dump: &Dump) -> Vec<&Entry> {
    let mut entries: Vec<&Entry> = dump.entries.iter().collect();
    entries.sort_by_key(|entry| entry.position);
    entries
}

/// Q7: nobody is still waiting in an answer to a poll that was sent after somebody behind was let in.
pub(super) fn called_in_order(evidence: &Evidence<'_>, tally: &mut Tally) {
    let mut admissions: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    let mut waiting = Vec::new();
    for record in &evidence.history.records {
        let Some(Value::Status { position, state, admitted, .. }) = record.value() else { continue };
        if *admitted {
            let first = admissions.entry(record.fan).or_insert((record.received_us, *position));
            *first = (*first).min((record.received_us, *position));
        } else if *state == State::Waiting {
            waiting.push((record.sent_us, *position, record.fan));
        }
    }
    let mut admitted: Vec<(u64, u64, u32)> =
        admissions.iter().map(|(fan, (at, position))| (*at, *position, *fan)).collect();
    admitted.sort_unstable();
    waiting.sort_unstable();
    let mut next = 0;
    let mut furthest: Option<(u64, u64, u32)> = None;
    for (sent_us, position, fan) in waiting {
        while next < admitted.len() && admitted[next].0 + evidence.staleness_us < sent_us {
            furthest = furthest.into_iter().chain([admitted[next]]).max_by_key(|(_, position, _)| *position);
            next += 1;
        }
        let Some((at, ahead, other)) = furthest else { continue };
        tally.check(ahead < position, || {
            format!(
                "fan {fan} at position {position} was still waiting in a poll sent at {:.3} s, though fan {other} at position {ahead} had been let in at {:.3} s",
                seconds(sent_us), seconds(at)
            )
        });
    }
}

/// Q7 on the export: `called_at` never falls with position, nobody is skipped, and returners re-enter by position.
pub(super) fn called_in_order_by_log(dump: &Dump, tally: &mut Tally) {
    let mut latest: Option<&Entry> = None;
    for entry in by_position(dump).into_iter().rev() {
        // From the back: whoever stands before somebody called must have been called no later.
        if let (Some(behind), Some(behind_at)) = (latest, latest.and_then(|entry| entry.called_at)) {
            tally.check(entry.called_at.is_some_and(|at| at <= behind_at), || {
                let at = entry.called_at.map_or("not at all".into(), format_ms);
                format!(
                    "position {} was called {at}, position {} behind it at {}",
                    entry.position,
                    behind.position,
                    format_ms(behind_at)
                )
            });
        }
        if let Some(at) = entry.called_at
            && latest.and_then(|entry| entry.called_at).is_none_or(|earliest| at < earliest)
        {
            latest = Some(entry);
        }
    }
    returners_in_order(dump, tally);
}

/// Sweep over time: at each second call, nobody with a lower position may have been back for longer than the slack.
fn returners_in_order(dump: &Dump, tally: &mut Tally) {
    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    enum Event {
        Gone,
        Recalled,
        Back,
    }
    let mut events = Vec::new();
    for entry in &dump.entries {
        let Some(returned_at) = entry.returned_at else { continue };
        events.push((returned_at + STAMP_SLACK_MS, Event::Back, entry.position));
        if let Some(recalled_at) = entry.recalled_at {
            events.push((recalled_at, Event::Recalled, entry.position));
        }
        if let Some(gone_at) = entry.recalled_at.into_iter().chain(entry.ended_at).min() {
            events.push((gone_at, Event::Gone, entry.position));
        }
    }
    events.sort_unstable();
    let mut gone = BTreeSet::new();
    let mut back = BTreeSet::new();
    for (at, event, position) in events {
        match event {
            Event::Gone => {
                gone.insert(position);
                back.remove(&position);
            }
            Event::Back if !gone.contains(&position) => {
                back.insert(position);
            }
            Event::Back => {}
            Event::Recalled => tally.check(back.first().is_none_or(|first| *first > position), || {
                let first = back.first().copied().unwrap_or_default();
                format!(
                    "position {position} was called again at {}, position {first} before it was back and was not",
                    format_ms(at)
                )
            }),
        }
    }
}

/// Q9: people ahead do not rise between two polls of one place, the second sent after the first was answered.
pub(super) fn people_ahead_never_rise(evidence: &Evidence<'_>, tally: &mut Tally) {
    for (fan, records) in evidence.by_fan() {
        let mut lowest: BTreeMap<u64, Vec<(u64, u64)>> = BTreeMap::new();
        for record in records {
            let Outcome::Ok(Value::Status { position, ahead: Some(ahead), state: State::Waiting, .. }) = record.outcome
            else {
                continue;
            };
            let earlier = lowest.entry(position).or_default();
            let settled = earlier.partition_point(|(received, _)| received + evidence.staleness_us < record.sent_us);
            if let Some((received, least)) = settled.checked_sub(1).map(|last| earlier[last]) {
                tally.check(ahead <= least, || {
                    format!(
                        "fan {fan} at position {position} had {least} people ahead at {:.3} s and {ahead} in a poll sent at {:.3} s",
                        seconds(received), seconds(record.sent_us)
                    )
                });
            }
            // Running minimum, so that the last settled one is the least of all settled.
            let least = earlier.last().map_or(ahead, |(_, least)| ahead.min(*least));
            earlier.push((record.received_us, least));
        }
    }
}

fn seconds(us: u64) -> f64 {
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
    fn q7_catches_overtaking_and_allows_staleness() {
        let mut story = Story::new(2);
        story.status(1, 0, 10, 2, State::Inside, None);
        story.status(0, 20, 30, 1, State::Waiting, Some(0));
        assert_eq!(story.tally(called_in_order).violations, 1);
        story.staleness_us = 10;
        assert_eq!(story.tally(called_in_order).violations, 0);
        let mut story = Story::new(2);
        story.status(0, 0, 10, 1, State::Inside, None);
        story.status(1, 20, 30, 2, State::Waiting, Some(0));
        let tally = story.tally(called_in_order);
        assert_eq!((tally.violations, tally.checked), (0, 1));
    }

    #[test]
    fn q7_by_the_rows_catches_the_skipped_and_the_overtaken_returner() {
        let called = |times: &[Option<i64>]| {
            let mut dump = testkit::dump();
            dump.entries = times
                .iter()
                .zip(1..)
                .map(|(at, position)| Entry { called_at: *at, ..testkit::entry(position, "u") })
                .collect();
            testkit::of_dump(&dump, called_in_order_by_log)
        };
        assert_eq!(called(&[Some(1), Some(1), Some(2), None]).violations, 0);
        assert_eq!(called(&[Some(2), Some(1)]).violations, 1);
        assert_eq!(called(&[None, Some(1)]).violations, 1);
        let mut dump = testkit::dump();
        let returner = |position, returned, recalled| Entry {
            called_at: Some(0),
            returned_at: Some(returned),
            recalled_at: recalled,
            ..testkit::entry(position, "u")
        };
        dump.entries = vec![returner(1, 100, Some(9_000)), returner(2, 100, Some(5_000))];
        assert_eq!(testkit::of_dump(&dump, called_in_order_by_log).violations, 1);
        dump.entries = vec![returner(1, 4_500, Some(9_000)), returner(2, 100, Some(5_000))];
        assert_eq!(testkit::of_dump(&dump, called_in_order_by_log).violations, 0, "within the slack");
        dump.entries = vec![returner(1, 100, Some(5_000)), returner(2, 100, Some(5_000))];
        assert_eq!(testkit::of_dump(&dump, called_in_order_by_log).violations, 0, "called together");
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
