//! Q8: never more people let through than the rate allows, in any window; nor more inside than the cap.

use super::{Evidence, Tally};
use crate::dump::{Dump, format_ms};
use crate::history::{Op, Value};
use crate::words::State;

/// The bucket holds two seconds of credit, so a pause is caught up by at most that (design D5).
const CREDIT_MS: u64 = 2_000;
/// Times in the export are cut to milliseconds: a window may be this much longer than it looks.
const TRUNCATION_MS: u64 = 1;
const MS_PER_MIN: i128 = 60_000;

/// Q8 from the admission log: through(t2) - through(t1) <= rate x (t2 - t1) + max(rate x 2 s, 1), over closed windows.
/// In sixty-thousandths of a person, so that nothing is rounded.
pub(super) fn by_the_log(dump: &Dump, tally: &mut Tally) {
    let per_min = i128::from(dump.sale.admit_per_minute);
    let room = (per_min * i128::from(CREDIT_MS)).max(MS_PER_MIN) + per_min * i128::from(TRUNCATION_MS);
    let mut through_before = 0;
    // Least of (people before a row, less what the rate gave until it): the worst window that can start here.
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
        let given = per_min * i128::from(row.at);
        let start = (i128::from(through_before) * MS_PER_MIN - given, row.at, through_before);
        worst = worst.into_iter().chain([start]).min();
        let (least, since, people) = worst.unwrap_or(start);
        let used = i128::from(row.through) * MS_PER_MIN - given - least;
        tally.check(used <= room, || {
            format!(
                "{} people were called between {} and {} ({} ms) at a rate of {} a minute",
                row.through.saturating_sub(people),
                format_ms(since),
                format_ms(row.at),
                row.at - since,
                dump.sale.admit_per_minute
            )
        });
        through_before = row.through;
    }
}

/// Q8 as the fans saw it, and the cap on people inside in every sample.
pub(super) fn as_the_fans_saw_it(evidence: &Evidence<'_>, tally: &mut Tally) {
    for sample in evidence.samples {
        let Some(stats) = sample.stats.as_ref().filter(|_| evidence.max_active > 0) else { continue };
        let inside = stats.inside + stats.called_in_window;
        tally.check(inside <= evidence.max_active, || {
            format!(
                "{inside} people inside or called at {:.1} s; the cap is {}",
                sample.at_us as f64 / 1e6,
                evidence.max_active
            )
        });
        tally.count("samples against the cap", 1);
    }
    let Some(dump) = evidence.dump.filter(|_| evidence.own_sale) else { return };
    first_admissions(evidence, dump.sale.admit_per_minute, tally);
}

/// First admissions in any window W <= rate x (W + p) + max(rate x 2 s, 1), with p the longest gap between two polls of a waiting fan.
fn first_admissions(evidence: &Evidence<'_>, per_minute: u64, tally: &mut Tally) {
    let mut admitted = Vec::new();
    let mut longest_gap_us = 0;
    for records in evidence.by_fan().values() {
        let mut last_sent_us: Option<u64> = None;
        for record in records {
            if record.op != Op::Join && record.op != Op::Status {
                continue;
            }
            // Counted to the answer: the call may have come at any moment since the poll before.
            let gap = last_sent_us.map_or(0, |sent| record.received_us - sent);
            last_sent_us = Some(record.sent_us);
            match record.value() {
                Some(Value::Status { admitted: true, .. }) => {
                    longest_gap_us = longest_gap_us.max(gap);
                    admitted.push(record.received_us);
                    break;
                }
                Some(Value::Status { state: State::Waiting | State::Called, .. } | Value::Join { .. }) => {
                    longest_gap_us = longest_gap_us.max(gap);
                }
                _ => {}
            }
        }
    }
    admitted.sort_unstable();
    let per_us = per_minute as f64 / 60e6;
    let room = per_us * longest_gap_us as f64 + (per_us * CREDIT_MS as f64 * 1_000.0).max(1.0);
    let mut least = f64::INFINITY;
    for (index, at) in admitted.iter().enumerate() {
        let given = per_us * *at as f64;
        least = least.min(index as f64 - given);
        let used = (index + 1) as f64 - given - least;
        tally.check(used <= room + 1e-6, || {
            format!(
                "by {:.3} s fans saw {used:.1} admissions more than the rate of {per_minute} a minute gives; with polls up to {:.1} s apart {room:.1} are possible",
                *at as f64 / 1e6,
                longest_gap_us as f64 / 1e6
            )
        });
    }
    tally.count("first admissions seen", admitted.len() as u64);
}

#[cfg(test)]
mod tests {
    use super::super::testkit::{self, Story};
    use super::*;
    use crate::dump::BoundBy;

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
        // 600 a minute is ten a second: twenty of credit, then one every 100 ms.
        assert_eq!(logged(&[(20, 0), (10, 1_000), (10, 2_000)], 600).violations, 0);
        assert_eq!(logged(&[(21, 0)], 600).violations, 1);
        assert_eq!(logged(&[(20, 0), (11, 1_000)], 600).violations, 1);
        // A slow rate gives whole people: one a minute may come at once, two may not.
        assert_eq!(logged(&[(1, 0), (1, 60_000)], 1).violations, 0);
        assert_eq!(logged(&[(2, 0)], 1).violations, 1);
    }

    #[test]
    fn q8_finds_the_burst_in_the_middle_of_a_slow_log() {
        let mut rows: Vec<(u64, i64)> = (0..50).map(|second| (1, second * 1_000)).collect();
        rows.push((25, 50_000));
        assert_eq!(logged(&rows, 600).violations, 1);
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
    fn q8_looks_at_the_cap_in_every_sample() {
        let mut story = Story::new(1);
        story.max_active = 5;
        story.sample(|stats| {
            stats.inside = 3;
            stats.called_in_window = 2;
        });
        assert_eq!(story.tally(as_the_fans_saw_it).violations, 0);
        story.sample(|stats| stats.inside = 6);
        assert_eq!(story.tally(as_the_fans_saw_it).violations, 1);
    }
}
