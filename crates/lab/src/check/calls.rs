//! Q7: people are called in the order in which they stand, returners too.

use std::collections::{BTreeMap, BTreeSet};

use super::order::{by_position, seconds};
use super::{Evidence, STAMP_SLACK_MS, Tally};
use crate::dump::{Dump, Entry, format_ms};
use crate::history::Value;
use crate::words::State;

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
    let before = tally.checked;
    let mut next = 0;
    let mut furthest: Option<(u64, u64, u32)> = None;
    for (sent_us, position, fan) in waiting {
        while next < admitted.len() && admitted[next].0.saturating_add(evidence.staleness_us) < sent_us {
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
    let compared = tally.checked - before;
    tally.count("polls still waiting after an admission", compared);
    tally.vacuous |= compared == 0;
}

/// Q7 on the export: `called_at` never falls with position, nobody is skipped or let in before the call, and returners
/// re-enter by position.
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
    let_in_after_the_call(dump, tally);
    returners_in_order(dump, tally);
}

/// Whoever is let in out of order claims before the watermark has come to them. (Never called at all is Q5's matter.)
fn let_in_after_the_call(dump: &Dump, tally: &mut Tally) {
    for entry in &dump.entries {
        let Some((claimed_at, called_at)) = entry.claimed_at.zip(entry.called_at.max(entry.recalled_at)) else {
            continue;
        };
        tally.check(claimed_at >= called_at - STAMP_SLACK_MS, || {
            format!(
                "position {} was let in at {}, though its call came at {}",
                entry.position,
                format_ms(claimed_at),
                format_ms(called_at)
            )
        });
    }
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

#[cfg(test)]
mod tests {
    use super::super::testkit::{self, Story};
    use super::*;

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
        let let_in = |claimed: i64, recalled: Option<i64>| {
            let mut dump = testkit::dump();
            let (called_at, claimed_at) = (Some(5_000), Some(claimed));
            dump.entries = vec![Entry { called_at, recalled_at: recalled, claimed_at, ..testkit::entry(1, "u") }];
            testkit::of_dump(&dump, called_in_order_by_log).violations
        };
        assert_eq!(let_in(5_000, None), 0);
        assert_eq!(let_in(3_999, None), 1, "let in before the call, beyond the slack");
        assert_eq!(let_in(7_999, Some(9_000)), 1, "a returner comes in at the second call");
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
}
