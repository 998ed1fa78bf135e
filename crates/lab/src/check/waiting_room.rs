//! W1: everybody who joined is in exactly one state, in every count the server gives.

use super::{Evidence, Tally};
use crate::dump::Dump;

pub(super) fn in_every_sample(evidence: &Evidence<'_>, tally: &mut Tally) {
    for sample in evidence.samples {
        let Some(stats) = &sample.stats else { continue };
        let parts =
            [stats.waiting, stats.called, stats.returning, stats.inside, stats.bought, stats.expired, stats.left];
        let sum = parts.iter().fold(0u64, |sum, part| sum.saturating_add(*part));
        tally.check(sum == stats.joined, || {
            format!(
                "at {:.1} s {} had joined; waiting {} + called {} + returning {} + inside {} + bought {} + expired {} + left {} = {sum}",
                sample.at_us as f64 / 1e6, stats.joined, parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], parts[6]
            )
        });
    }
    if tally.checked == 0 {
        tally.missing = Some("the server did not answer: there is no sample of its counts");
    }
}

/// On the export alone: as many entries as positions given, and the watermark within the line.
pub(super) fn by_the_rows(dump: &Dump, tally: &mut Tally) {
    let entries = dump.entries.len() as u64;
    tally.check(entries == dump.sale.last_position, || {
        format!("{} places were given, {entries} are in the export", dump.sale.last_position)
    });
    tally.check(dump.sale.through <= dump.sale.last_position, || {
        format!("the watermark stands at {}, the line ends at {}", dump.sale.through, dump.sale.last_position)
    });
    let called = dump.entries.iter().filter(|entry| entry.called_at.is_some()).count() as u64;
    tally.check(called == dump.sale.through.min(entries), || {
        format!("the watermark stands at {}, {called} entries are marked as called", dump.sale.through)
    });
}

#[cfg(test)]
mod tests {
    use super::super::testkit::{self, Story};
    use super::*;

    #[test]
    fn w1_adds_up_every_sample() {
        let mut story = Story::new(1);
        assert!(story.tally(in_every_sample).missing.is_some(), "a server that never counts does not pass");
        story.sample(|stats| (stats.joined, stats.waiting, stats.bought) = (3, 2, 1));
        assert_eq!(story.tally(in_every_sample).violations, 0);
        story.sample(|stats| (stats.joined, stats.waiting, stats.bought) = (3, 2, 0));
        assert_eq!(story.tally(in_every_sample).violations, 1);
    }

    #[test]
    fn w1_by_the_rows_wants_the_watermark_within_the_line() {
        let mut dump = testkit::dump();
        dump.entries = vec![testkit::entry(1, "u")];
        dump.sale.last_position = 1;
        assert_eq!(testkit::of_dump(&dump, by_the_rows).violations, 0);
        dump.sale.through = 2;
        assert!(testkit::of_dump(&dump, by_the_rows).violations > 0);
    }
}
