//! What became of those who were called, for metrics: how many are inside, ask to be called again, did not come.
//!
//! Fed by the same facts as the read model, on every node; so all nodes tell the same. Counts that only rise begin with the
//! node's start. Nothing is decided by them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::Timestamp;
use domain::waiting_room::EndedAs;

use super::places::Visit;

/// A claim in the last moment of its window may be heard of so much later from another node.
const HEARD_LATE_MS: i64 = 2_000;

#[derive(Default)]
pub struct Crowd {
    inside: AtomicI64,
    returning: AtomicI64,
    claims_begun: AtomicU64,
    /// Claims by their end.
    bought: AtomicU64,
    expired: AtomicU64,
    left: AtomicU64,
    no_shows: AtomicU64,
    marks: Mutex<Marks>,
}

/// By position: a bit for each place that was given.
#[derive(Default)]
struct Marks {
    ended: Bits,
    ended_count: i64,
    /// Went inside, or ended before: nobody waits for them any more.
    came: Bits,
    /// When the watermark stood where, once a second at most; until the window of those people is over.
    calls: VecDeque<(Timestamp, i64)>,
    /// People up to here were judged, or called before this node heard of it.
    judged: Option<i64>,
}

impl Crowd {
    pub fn inside(&self) -> i64 {
        self.inside.load(Ordering::Relaxed)
    }

    /// Came too late, and will be called again.
    pub fn returning(&self) -> i64 {
        self.returning.load(Ordering::Relaxed)
    }

    /// Places that have ended, wherever in the line.
    pub fn ended(&self) -> i64 {
        self.marks().ended_count
    }

    pub fn claims_begun(&self) -> u64 {
        self.claims_begun.load(Ordering::Relaxed)
    }

    /// Claims that ended so.
    pub fn claims_ended(&self, ended_as: EndedAs) -> u64 {
        self.claims_that(ended_as).load(Ordering::Relaxed)
    }

    /// People whose first call went by without them.
    pub fn no_shows(&self) -> u64 {
        self.no_shows.load(Ordering::Relaxed)
    }

    /// What is known of an account is this now, and was that before.
    pub(super) fn moved(&self, before: Option<&Visit>, now: Option<&Visit>) {
        for (visit, by) in [(before, -1), (now, 1)] {
            match visit {
                Some(Visit::Inside(_)) => self.inside.fetch_add(by, Ordering::Relaxed),
                Some(Visit::Returning { .. }) => self.returning.fetch_add(by, Ordering::Relaxed),
                _ => continue,
            };
        }
        match (before, now) {
            (_, Some(Visit::Inside(inside))) => {
                self.claims_begun.fetch_add(1, Ordering::Relaxed);
                self.marks().came.set(inside.claim.position);
            }
            (Some(Visit::Inside(inside)), Some(Visit::Ended { position, ended_as }))
                if inside.claim.position == *position =>
            {
                self.claims_that(*ended_as).fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
    }

    /// This place is over. May be told more than once.
    pub(super) fn place_ended(&self, position: i64) {
        let marks = &mut *self.marks();
        if marks.ended.set(position) {
            marks.ended_count += 1;
        }
        marks.came.set(position);
    }

    /// The watermark rose from `before` to `through`.
    pub(super) fn called(&self, before: i64, through: i64, at: Timestamp) {
        let marks = &mut *self.marks();
        marks.judged.get_or_insert(before);
        match marks.calls.back_mut() {
            Some((_, last)) if *last >= through => {}
            // The later time: nobody's window ends early.
            Some((when, last)) if when.millis() / 1_000 == at.millis() / 1_000 => (*when, *last) = (at, through),
            _ => marks.calls.push_back((at, through)),
        }
    }

    /// Counts those whose window is over.
    pub(super) fn judge(&self, now: Timestamp, claim_window_sec: i64) {
        let marks = &mut *self.marks();
        while let Some((at, through)) = marks.calls.front().copied() {
            if now.since_ms(at.plus_sec(claim_window_sec)) < HEARD_LATE_MS {
                return;
            }
            marks.calls.pop_front();
            let from = marks.judged.unwrap_or(through);
            let missing = (from + 1..=through).filter(|position| !marks.came.has(*position)).count();
            marks.judged = Some(through.max(from));
            self.no_shows.fetch_add(missing as u64, Ordering::Relaxed);
        }
    }

    fn claims_that(&self, ended_as: EndedAs) -> &AtomicU64 {
        match ended_as {
            EndedAs::Bought => &self.bought,
            EndedAs::Expired => &self.expired,
            EndedAs::Left => &self.left,
        }
    }

    fn marks(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A set of positions, from 1 on without many gaps.
#[derive(Default)]
struct Bits(Vec<u64>);

impl Bits {
    /// Whether it was not there.
    fn set(&mut self, position: i64) -> bool {
        let (word, bit) = Self::place(position);
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        let new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        new
    }

    fn has(&self, position: i64) -> bool {
        let (word, bit) = Self::place(position);
        self.0.get(word).is_some_and(|bits| bits & bit != 0)
    }

    fn place(position: i64) -> (usize, u64) {
        let position = usize::try_from(position).unwrap_or_default();
        (position / 64, 1 << (position % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW_SEC: i64 = 60;

    fn at_sec(sec: i64) -> Timestamp {
        Timestamp(sec * 1_000)
    }

    #[test]
    fn who_does_not_come_within_the_window_is_a_no_show_and_not_a_moment_sooner() {
        let crowd = Crowd::default();
        crowd.called(0, 3, at_sec(10));
        crowd.place_ended(2);
        crowd.judge(Timestamp(71_999), WINDOW_SEC);
        assert_eq!(crowd.no_shows(), 0);
        crowd.judge(at_sec(72), WINDOW_SEC);
        assert_eq!(crowd.no_shows(), 2);
        crowd.judge(at_sec(1_000), WINDOW_SEC);
        assert_eq!(crowd.no_shows(), 2, "nobody is judged twice");
    }

    #[test]
    fn calls_of_one_second_are_one_and_old_news_is_none() {
        let crowd = Crowd::default();
        crowd.called(5, 7, Timestamp(10_000));
        crowd.called(7, 9, Timestamp(10_800));
        crowd.called(7, 8, Timestamp(10_400));
        assert_eq!(crowd.marks().calls, [(Timestamp(10_800), 9)]);
        crowd.judge(Timestamp(72_799), WINDOW_SEC);
        assert_eq!(crowd.no_shows(), 0);
        crowd.judge(Timestamp(72_800), WINDOW_SEC);
        assert_eq!(crowd.no_shows(), 4, "who was called before this node's start is not judged");
    }

    #[test]
    fn a_place_ends_once() {
        let crowd = Crowd::default();
        for position in [1, 64, 65, 64, 1_000_000] {
            crowd.place_ended(position);
        }
        assert_eq!(crowd.ended(), 4);
    }
}
