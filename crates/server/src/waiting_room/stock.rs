//! The seats as everybody sees them: one byte each, a version, and what changed lately.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use store::SeatStatus;

/// Changed seats remembered for `?since=`: some minutes of a fast sale. Who is further behind gets the whole map.
const CHANGES_MAX: usize = 20_000;

/// Free, and never told otherwise: what was read at the start still counts.
const UNTOLD: u8 = 0;
const AVAILABLE: u8 = 1;
const HELD: u8 = 2;
const SOLD: u8 = 3;

pub struct Stock {
    statuses: Box<[AtomicU8]>,
    free: AtomicI64,
    held: AtomicI64,
    /// Counted on its own: a seat on its way between free and held must not look like an empty shop.
    sold: AtomicI64,
    version: AtomicU64,
    /// Version and seat, in order.
    changes: Mutex<VecDeque<(u64, u32)>>,
}

impl Stock {
    pub fn new(seats: u32) -> Self {
        Self {
            statuses: (0..seats).map(|_| AtomicU8::new(UNTOLD)).collect(),
            free: AtomicI64::new(seats.into()),
            held: AtomicI64::new(0),
            sold: AtomicI64::new(0),
            version: AtomicU64::new(1),
            changes: Mutex::default(),
        }
    }

    /// In the order of the commits. A status that a seat has already is no change.
    pub fn set(&self, seats: &[u32], to: SeatStatus) {
        self.change(seats.iter().map(|seat| (*seat, to)), |_| true);
    }

    /// What was read at the node's start. A seat that was told of meanwhile knows better.
    pub fn restore(&self, seats: &[(u32, SeatStatus)]) {
        self.change(seats.iter().copied(), |before| before == UNTOLD);
    }

    fn change(&self, seats: impl Iterator<Item = (u32, SeatStatus)>, counts: impl Fn(u8) -> bool) {
        // One writer at a time.
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let version = self.version.load(Ordering::Relaxed) + 1;
        let mut changed = false;
        for (seat, to) in seats {
            let Some(status) = self.statuses.get(seat as usize) else { continue };
            let before = status.load(Ordering::Relaxed);
            if !counts(before) {
                continue;
            }
            status.store(byte(to), Ordering::Relaxed);
            if shown(before) == to {
                continue;
            }
            self.count(shown(before), -1);
            self.count(to, 1);
            if changes.len() == CHANGES_MAX {
                changes.pop_front();
            }
            changes.push_back((version, seat));
            changed = true;
        }
        if changed {
            self.version.store(version, Ordering::Release);
        }
    }

    fn count(&self, status: SeatStatus, by: i64) {
        match status {
            SeatStatus::Available => self.free.fetch_add(by, Ordering::Relaxed),
            SeatStatus::Held => self.held.fetch_add(by, Ordering::Relaxed),
            SeatStatus::Sold => self.sold.fetch_add(by, Ordering::Relaxed),
        };
    }

    /// A seat that is not there is nobody's to have.
    pub fn status(&self, seat: u32) -> SeatStatus {
        self.statuses.get(seat as usize).map_or(SeatStatus::Sold, |status| shown(status.load(Ordering::Relaxed)))
    }

    pub fn is_free(&self, seat: u32) -> bool {
        self.status(seat) == SeatStatus::Available
    }

    pub fn free(&self) -> i64 {
        self.free.load(Ordering::Relaxed)
    }

    pub fn held(&self) -> i64 {
        self.held.load(Ordering::Relaxed)
    }

    pub fn sold(&self) -> i64 {
        self.sold.load(Ordering::Relaxed)
    }

    pub fn seats(&self) -> u32 {
        u32::try_from(self.statuses.len()).unwrap_or(u32::MAX)
    }

    /// No seat is free and none is held.
    pub fn is_sold_out(&self) -> bool {
        self.sold.load(Ordering::Relaxed) == i64::from(self.seats())
    }

    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Seats that changed after `version`, and the version now; `None` when that is too long ago to know.
    pub fn since(&self, version: u64) -> Option<(Vec<u32>, u64)> {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.version();
        let forgotten = changes.len() == CHANGES_MAX && changes.front().is_some_and(|(first, _)| *first > version);
        if version > now || forgotten {
            return None;
        }
        let from = changes.partition_point(|(at, _)| *at <= version);
        let mut seats: Vec<u32> = changes.range(from..).map(|(_, seat)| *seat).collect();
        seats.sort_unstable();
        seats.dedup();
        Some((seats, now))
    }
}

const fn byte(status: SeatStatus) -> u8 {
    match status {
        SeatStatus::Available => AVAILABLE,
        SeatStatus::Held => HELD,
        SeatStatus::Sold => SOLD,
    }
}

const fn shown(byte: u8) -> SeatStatus {
    match byte {
        UNTOLD | AVAILABLE => SeatStatus::Available,
        HELD => SeatStatus::Held,
        _ => SeatStatus::Sold,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_follow_every_change_of_status() {
        let stock = Stock::new(10);
        stock.set(&[1, 2, 3], SeatStatus::Held);
        stock.set(&[1], SeatStatus::Sold);
        stock.set(&[2], SeatStatus::Available);
        assert_eq!((stock.free(), stock.held()), (8, 1));
        assert!(stock.is_free(2) && !stock.is_free(1) && !stock.is_free(10));
    }

    #[test]
    fn only_no_free_and_no_held_seat_is_sold_out() {
        let stock = Stock::new(1);
        stock.set(&[0], SeatStatus::Held);
        assert!(!stock.is_sold_out());
        stock.set(&[0], SeatStatus::Sold);
        assert!(stock.is_sold_out());
    }

    #[test]
    fn changes_since_a_version_are_told_once() {
        let stock = Stock::new(10);
        let before = stock.version();
        stock.set(&[4], SeatStatus::Held);
        stock.set(&[4, 5], SeatStatus::Sold);
        assert_eq!(stock.since(before), Some((vec![4, 5], stock.version())));
        assert_eq!(stock.since(stock.version()), Some((vec![], stock.version())));
        assert_eq!(stock.since(stock.version() + 1), None, "a version of another life");
    }

    #[test]
    fn who_is_too_far_behind_gets_the_whole_map() {
        let stock = Stock::new(1);
        let before = stock.version();
        for _ in 0..=CHANGES_MAX / 2 {
            stock.set(&[0], SeatStatus::Held);
            stock.set(&[0], SeatStatus::Available);
        }
        assert_eq!(stock.since(before), None);
    }

    #[test]
    fn a_status_that_a_seat_has_already_is_no_change() {
        let stock = Stock::new(3);
        stock.set(&[1], SeatStatus::Held);
        let (before, figures) = (stock.version(), (stock.free(), stock.held()));
        stock.set(&[1], SeatStatus::Held);
        stock.set(&[0], SeatStatus::Available);
        assert_eq!((stock.version(), (stock.free(), stock.held())), (before, figures));
        stock.set(&[0, 1], SeatStatus::Held);
        assert_eq!(stock.since(before), Some((vec![0], stock.version())));
    }

    #[test]
    fn what_was_read_at_the_start_gives_way_to_what_was_told_since() {
        let stock = Stock::new(4);
        stock.set(&[0], SeatStatus::Held);
        stock.set(&[0], SeatStatus::Available);
        stock.set(&[1], SeatStatus::Sold);
        stock.set(&[3], SeatStatus::Available);
        stock.restore(&[(0, SeatStatus::Held), (1, SeatStatus::Held), (2, SeatStatus::Sold), (3, SeatStatus::Sold)]);
        let statuses: Vec<SeatStatus> = (0..4).map(|seat| stock.status(seat)).collect();
        let (free, sold) = (SeatStatus::Available, SeatStatus::Sold);
        assert_eq!(statuses, [free, sold, sold, free]);
        assert_eq!((stock.free(), stock.held(), stock.is_sold_out()), (2, 0, false));
    }
}
