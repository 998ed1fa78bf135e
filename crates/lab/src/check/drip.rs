//! Q8: never more people let through than the rate allows, in any window; nor more inside than the cap.

use super::{Evidence, Tally};
use crate::dump::{Dump, format_ms};
use crate::history::{Record, Value};

/// A late tick is credited two seconds, so a pause is caught up by at most that (design D5, ADR 0001).
const CREDIT_MS: u64 = 2_000;
/// After a rest, at the doors or when a pause ends, a tick is credited no more than this.
const CREDIT_AFTER_A_REST_MS: u64 = 200;
/// Doors go by the wall, calls by the clock that decides: these may differ by this much.
const CLOCKS_MS: i64 = 2_000;
/// Times in the export are cut to milliseconds: a window may be this much longer than it looks.
const TRUNCATION_MS: u64 = 1;
const MS_PER_MIN: i128 = 60_000;

/// Q8 from the admission log: through(t2) - through(t1) <= rate x (t2 - t1) + rate x 2 s + 1 person, over closed windows.
/// Where an operator changed the rate, each stretch has its own; a pause is a rate of 0, in which nobody at all is called, and
/// after it the credit is a tick's. Nobody is called before the doors or after the end.
/// The person: a tick may carry up to a whole one, less the smallest unit of credit, on top of the time it credits.
/// In sixty-thousandths of a person, so that nothing is rounded.
pub(super) fn by_the_log(dump: &Dump, tally: &mut Tally) {
    let rates = dump.rates();
    let credit_of = |per_min: u64, ms: u64| i128::from(per_min) * i128::from(ms + TRUNCATION_MS);
    let credit = |per_min: u64| credit_of(per_min, CREDIT_MS);
    let (opens_at, ends_at) = dump.open_times();
    let mut rests = dump.resumed();
    rests.sort_unstable();
    let mut rests = rests.into_iter().peekable();
    let mut through_before = 0;
    // Least of (people before a row, less what the rate gave until it, and the credit it may start with): the worst
    // window that can start here.
    let mut worst: Option<(i128, i64, u64)> = None;
    for row in &dump.calls {
        // A row that called nobody only says what bound the tick.
        if row.called == 0 && row.recalled == 0 && row.through == through_before {
            continue;
        }
        tally.check(row.through >= through_before && row.through <= dump.sale.last_position, || {
            format!(
                "call {} moved the watermark from {through_before} to {}, with {} places given",
                row.seq, row.through, dump.sale.last_position
            )
        });
        tally.check(!dump.is_paused_at(row.at), || {
            format!("call {} was made at {}, while the sale was paused", row.seq, format_ms(row.at))
        });
        let open = opens_at.saturating_sub(CLOCKS_MS) <= row.at && row.at <= ends_at.saturating_add(CLOCKS_MS);
        tally
            .check(open, || format!("call {} was made at {}, while the sale was not open", row.seq, format_ms(row.at)));
        let given_at = |at: i64| rates.given(at) + credit(rates.raised(at));
        let given = given_at(row.at);
        let before = i128::from(through_before) * MS_PER_MIN;
        while let Some(resumed) = rests.next_if(|resumed| *resumed <= row.at) {
            let rested = credit_of(rates.at(resumed), CREDIT_AFTER_A_REST_MS);
            worst = worst.into_iter().chain([(before - given_at(resumed) + rested, resumed, through_before)]).min();
        }
        let start = (before - given + credit(rates.at(row.at)), row.at, through_before);
        worst = worst.into_iter().chain([start]).min();
        let (least, since, people) = worst.unwrap_or(start);
        let used = i128::from(row.through) * MS_PER_MIN - given - least;
        tally.check(used <= MS_PER_MIN, || {
            format!(
                "{} people were called between {} and {} ({} ms) though the rate gave {:.1}",
                row.through.saturating_sub(people),
                format_ms(since),
                format_ms(row.at),
                row.at.saturating_sub(since),
                rates.people(since, row.at)
            )
        });
        through_before = row.through;
    }
}

/// Q8 as the fans saw it, and the cap on people inside in every sample.
pub(super) fn as_the_fans_saw_it(evidence: &Evidence<'_>, tally: &mut Tally) {
    if let Some(dump) = evidence.dump {
        people_inside(evidence, dump, tally);
    }
    let Some(dump) = evidence.dump.filter(|_| evidence.own_sale) else { return };
    first_admissions(evidence, dump.highest_rate(), tally);
}

/// Each sample against the caps that held since the one before. A cap that was lowered calls nobody out: over it there may be
/// as many as there were, and no more.
fn people_inside(evidence: &Evidence<'_>, dump: &Dump, tally: &mut Tally) {
    let first_joined = dump.entries.iter().map(|entry| entry.joined_at).min().unwrap_or(i64::MAX);
    let (mut since, mut before) = (first_joined, 0);
    for sample in evidence.samples {
        let Some(stats) = &sample.stats else { continue };
        let now = stats.at.unwrap_or(i64::MAX);
        let inside = stats.inside.saturating_add(stats.called_in_window);
        if let Some(cap) = dump.max_active_within(since.min(now), now) {
            tally.check(inside <= cap.max(before), || {
                format!("{inside} people inside or called at {:.1} s; the cap is {cap}", sample.at_us as f64 / 1e6)
            });
            tally.count("samples against the cap", 1);
        }
        (since, before) = (now, inside);
    }
}

/// A call that a fan saw: it came between the last answer that denied it and the answer that told of it.
struct Seen {
    not_before_us: u64,
    by_us: u64,
}

/// Calls that certainly came within a window W <= rate x W + rate x 2 s + 1 person. A window begins where one of the
/// calls may have come at the earliest, so each fan's own gap between polls widens only the windows it belongs to.
fn first_admissions(evidence: &Evidence<'_>, per_minute: u64, tally: &mut Tally) {
    let mut seen: Vec<Seen> =
        evidence.by_fan().values().filter_map(|records| first_call(records, evidence.staleness_us)).collect();
    seen.sort_unstable_by_key(|call| call.by_us);
    let per_us = per_minute as f64 / 60e6;
    let room = per_us * CREDIT_MS as f64 * 1_000.0 + 1.0;
    for first in &seen {
        let since = first.not_before_us;
        let within = seen.iter().filter(|call| call.not_before_us >= since);
        let over = |(before, call): (usize, &Seen)| {
            let given = per_us * call.by_us.saturating_sub(since) as f64;
            ((before + 1) as f64 - given, before + 1, call.by_us)
        };
        let worst = within.enumerate().map(over).max_by(|a, b| a.0.total_cmp(&b.0));
        let (used, people, until) = worst.unwrap_or_default();
        tally.check(used <= room + 1e-6, || {
            format!(
                "{people} fans were called between {:.3} s and {:.3} s at a rate of {per_minute} a minute",
                since as f64 / 1e6,
                until as f64 / 1e6
            )
        });
    }
    tally.count("first admissions seen", seen.len() as u64);
}

/// When a fan was first called: not before the latest poll that was sent before and still answered with waiting. Answers of
/// several devices may come in any order.
fn first_call(records: &[&Record], staleness_us: u64) -> Option<Seen> {
    let let_in = |record: &&&Record| matches!(record.value(), Some(Value::Status { admitted: true, .. }));
    let by_us = records.iter().filter(let_in).map(|record| record.received_us).min()?;
    let denies =
        |record: &&&Record| matches!(record.value(), Some(Value::Status { admitted: false, .. } | Value::Join { .. }));
    let denied = records.iter().filter(denies).map(|record| record.sent_us.saturating_sub(staleness_us));
    let not_before_us = denied.filter(|sent_us| *sent_us < by_us).max().unwrap_or(0);
    Some(Seen { not_before_us: not_before_us.max(records.first()?.sent_us), by_us })
}

#[cfg(test)]
mod tests {
    use super::super::testkit::{self, Story};
    use super::*;
    use crate::dump::BoundBy;
    use crate::words::State;

    fn logged(rows: &[(u64, i64)], per_minute: u64) -> Tally {
        let mut dump = testkit::dump();
        dump.sale.admit_per_minute = per_minute;
        dump.sale.last_position = 1_000;
        let mut through = 0;
        for (seq, (called, at)) in (1..).zip(rows) {
            through += called;
            dump.calls.push(crate::dump::Call { through, ..testkit::call(seq, *called, *at, BoundBy::Rate) });
        }
        testkit::of_dump(&dump, by_the_log)
    }

    #[test]
    fn q8_allows_two_seconds_of_credit_and_not_one_person_more() {
        // 600 a minute is ten a second: twenty of credit and the person carried, then one every 100 ms.
        assert_eq!(logged(&[(21, 0), (10, 1_000), (10, 2_000)], 600).violations, 0);
        assert_eq!(logged(&[(22, 0)], 600).violations, 1);
        assert_eq!(logged(&[(21, 0), (11, 1_000)], 600).violations, 1);
        // A slow rate gives whole people: one a minute may come at once, two may not.
        assert_eq!(logged(&[(1, 0), (1, 60_000)], 1).violations, 0);
        assert_eq!(logged(&[(2, 0)], 1).violations, 1);
        // Carried almost a person, then late by two seconds: what the real drip gives at 100 a minute.
        assert_eq!(logged(&[(4, 0)], 100).violations, 0);
        assert_eq!(logged(&[(5, 0)], 100).violations, 1);
    }

    #[test]
    fn q8_finds_the_burst_in_the_middle_of_a_slow_log() {
        let mut rows: Vec<(u64, i64)> = (0..50).map(|second| (1, second * 1_000)).collect();
        rows.push((25, 50_000));
        assert_eq!(logged(&rows, 600).violations, 1);
    }

    /// Ten a second until second 2, a pause until second 62, then twenty a second.
    fn changed(rows: &[(u64, i64)]) -> u64 {
        let mut dump = testkit::dump();
        (dump.sale.admit_per_minute, dump.sale.last_position) = (1_200, 1_000);
        for (until, paused) in [(2_000, false), (62_000, true)] {
            let terms = crate::dump::Terms {
                until,
                admit_per_minute: 600,
                max_tickets_per_user: 4,
                max_active: 0,
                hold_ttl_sec: 30,
                opens_at: None,
                ends_at: None,
                paused,
            };
            dump.terms.push(terms);
        }
        let mut through = 0;
        for (seq, (called, at)) in (1..).zip(rows) {
            through += called;
            dump.calls.push(crate::dump::Call { through, ..testkit::call(seq, *called, *at, BoundBy::Rate) });
        }
        testkit::of_dump(&dump, by_the_log).violations
    }

    #[test]
    fn q8_judges_each_stretch_by_its_own_rate() {
        assert_eq!(changed(&[(10, 1_000), (10, 2_000), (4, 62_200), (20, 63_200), (20, 64_200)]), 0);
        assert!(changed(&[(10, 1_000), (40, 2_000)]) > 0, "today's rate excuses nothing of yesterday's");
        assert!(changed(&[(10, 1_000), (100, 62_200)]) > 0, "credit saved up in the pause");
        // Twenty a second: 0.2 s since the pause, 0.2 s of credit, and the person carried.
        assert_eq!(changed(&[(10, 1_000), (9, 62_200)]), 0);
        assert!(changed(&[(10, 1_000), (10, 62_200)]) > 0, "a late tick's credit belongs to no pause");
    }

    #[test]
    fn q8_finds_a_call_in_a_pause() {
        assert_eq!(changed(&[(1, 2_000), (1, 62_000)]), 0, "in the millisecond of a change either may come first");
        assert_eq!(changed(&[(1, 30_000)]), 1);
    }

    #[test]
    fn q8_finds_a_call_outside_the_opening_hours_and_a_burst_at_the_doors() {
        let violations = |called: u64, at: i64| {
            let mut dump = testkit::dump();
            (dump.sale.admit_per_minute, dump.sale.last_position) = (600, 1_000);
            (dump.sale.opens_at, dump.sale.ends_at) = (Some(10_000), Some(60_000));
            dump.sale.closed_at = Some(50_000);
            dump.calls.push(crate::dump::Call { through: called, ..testkit::call(1, called, at, BoundBy::Rate) });
            testkit::of_dump(&dump, by_the_log).violations
        };
        assert_eq!([violations(1, 7_999), violations(1, 8_000)], [1, 0]);
        assert_eq!([violations(1, 52_000), violations(1, 52_001)], [0, 1]);
        assert_eq!(
            [violations(5, 10_200), violations(6, 10_200)],
            [0, 1],
            "0.4 s at ten a second, and the one carried"
        );
    }

    #[test]
    fn q8_refuses_a_watermark_beyond_the_line() {
        let mut dump = testkit::dump();
        dump.sale.last_position = 3;
        dump.calls.push(crate::dump::Call { through: 4, ..testkit::call(1, 1, 0, BoundBy::Line) });
        assert!(testkit::of_dump(&dump, by_the_log).violations > 0);
    }

    #[test]
    fn q8_as_seen_catches_a_double_rate_without_the_log() {
        let seen = |gap_us: u64| {
            let mut story = Story::new(100);
            story.dump.sale.admit_per_minute = 600;
            for fan in 0..100u32 {
                let at = u64::from(fan) * gap_us;
                story.status(fan, at, at + 1_000, u64::from(fan) + 1, State::Inside, None);
            }
            story.tally(as_the_fans_saw_it)
        };
        assert_eq!(seen(100_000).violations, 0);
        assert!(seen(50_000).violations > 0);
    }

    #[test]
    fn q8_one_fans_long_gap_excuses_no_burst_among_the_others() {
        let mut story = Story::new(100);
        story.dump.sale.admit_per_minute = 600;
        story.status(99, 0, 1_000, 100, State::Waiting, None);
        for fan in 0..60 {
            story.status(fan, 29_000_000, 29_001_000, u64::from(fan) + 1, State::Waiting, None);
            story.status(fan, 30_000_000, 30_001_000, u64::from(fan) + 1, State::Inside, None);
        }
        story.lost_poll(99, 40_000_000, 41_000_000);
        story.status(99, 60_000_000, 60_001_000, 100, State::Inside, None);
        assert!(story.tally(as_the_fans_saw_it).violations > 0, "sixty within a second, at ten a second");
    }

    #[test]
    fn q8_of_two_tabs_the_first_answer_that_lets_in_counts() {
        let mut story = Story::new(1);
        story.status(0, 0, 1_000, 1, State::Waiting, None);
        story.status(0, 2_000, 9_000, 1, State::Inside, None);
        story.status(0, 3_000, 4_000, 1, State::Inside, None);
        story.status(0, 3_500, 5_000, 1, State::Waiting, None);
        let records: Vec<&Record> = story.records().iter().collect();
        let seen = first_call(&records, 0).expect("was let in");
        assert_eq!((seen.not_before_us, seen.by_us), (3_500, 4_000));
    }

    #[test]
    fn q8_looks_at_the_cap_in_every_sample() {
        let mut story = Story::new(1);
        story.dump.sale.max_active = 5;
        story.sample(|stats| {
            stats.inside = 3;
            stats.called_in_window = 2;
        });
        assert_eq!(story.tally(as_the_fans_saw_it).violations, 0);
        story.sample(|stats| (stats.at, stats.inside) = (Some(2_000), 6));
        assert_eq!(story.tally(as_the_fans_saw_it).violations, 1);
        // Without a cap until second 3, then five: those who are inside may stay, and nobody comes.
        let mut story = Story::new(1);
        story.dump.sale.max_active = 5;
        let (until, max_active) = (3_000, 0);
        story.dump.terms.push(crate::dump::Terms {
            until,
            admit_per_minute: 60,
            max_tickets_per_user: 4,
            max_active,
            hold_ttl_sec: 30,
            opens_at: None,
            ends_at: None,
            paused: false,
        });
        story.dump.entries = vec![testkit::entry(1, "u")];
        story.sample(|stats| (stats.at, stats.inside) = (Some(2_000), 9));
        story.sample(|stats| (stats.at, stats.inside) = (Some(4_000), 9));
        story.sample(|stats| (stats.at, stats.inside) = (Some(5_000), 8));
        assert_eq!(story.tally(as_the_fans_saw_it).violations, 0);
        story.sample(|stats| (stats.at, stats.inside) = (Some(6_000), 9));
        assert_eq!(story.tally(as_the_fans_saw_it).violations, 1);
    }
}
