//! A place in line: what state it is in, how many are ahead, how long that may take, when to ask again.

use serde::Serialize;

use crate::clock::Timestamp;
use crate::ids::AccountId;

/// What an entry is right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Waiting,
    Called,
    Returning,
    Inside,
    Bought,
    Expired,
    Left,
}

/// How an entry or a claim came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedAs {
    Bought,
    Expired,
    Left,
}

impl EndedAs {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bought => "bought",
            Self::Expired => "expired",
            Self::Left => "left",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [Self::Bought, Self::Expired, Self::Left].into_iter().find(|end| end.name() == name)
    }

    pub const fn state(self) -> State {
        match self {
            Self::Bought => State::Bought,
            Self::Expired => State::Expired,
            Self::Left => State::Left,
        }
    }
}

impl State {
    /// The entry has ended; nothing will happen to it any more.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Bought | Self::Expired | Self::Left)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Called => "called",
            Self::Returning => "returning",
            Self::Inside => "inside",
            Self::Bought => "bought",
            Self::Expired => "expired",
            Self::Left => "left",
        }
    }
}

/// The facts about one entry that decide its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub position: i64,
    pub returned_at: Option<Timestamp>,
    pub recalled_at: Option<Timestamp>,
    pub ended_as: Option<EndedAs>,
    /// A live claim exists.
    pub inside: bool,
}

impl Entry {
    /// Asked again after its window and has not been called again since.
    pub fn is_returning(&self) -> bool {
        self.returned_at.is_some_and(|returned| self.recalled_at.is_none_or(|recalled| recalled < returned))
    }

    pub fn state(&self, through: i64) -> State {
        match self.ended_as {
            Some(end) => end.state(),
            None if self.inside => State::Inside,
            None if self.position > through => State::Waiting,
            None if self.is_returning() => State::Returning,
            None => State::Called,
        }
    }

    /// What a poll of this entry does. `called_at`: when the watermark reached it.
    pub fn poll(&self, through: i64, called_at: Option<Timestamp>, now: Timestamp, claim_window_sec: i64) -> Poll {
        let state = self.state(through);
        let last_call = self.recalled_at.max(called_at);
        match (state, last_call) {
            (State::Called, Some(call)) if now < call.plus_sec(claim_window_sec) => Poll::Claim,
            (State::Called, _) => Poll::Return,
            _ => Poll::Nothing,
        }
    }
}

/// The one write that a poll may cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll {
    Nothing,
    /// In time: go inside.
    Claim,
    /// Too late: ask to be called again.
    Return,
}

/// People called in the last stretch of time, the only honest basis for an estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    pub called: i64,
    pub over_ms: i64,
}

/// Seconds until the call: the middle and a range of a quarter either way. `None` when the line did not move.
pub fn estimate_wait_sec(ahead: i64, pace: Pace) -> Option<(i64, [i64; 2])> {
    if pace.called <= 0 || pace.over_ms <= 0 {
        return None;
    }
    let sec = |ahead: i64, part: i64| {
        let ms = i128::from(ahead + 1) * i128::from(pace.over_ms) * i128::from(part) / (i128::from(pace.called) * 100);
        i64::try_from((ms + 999) / 1000).unwrap_or(i64::MAX)
    };
    Some((sec(ahead, 100), [sec(ahead, 80), sec(ahead, 125)]))
}

/// Who is this close to the call should ask every second.
const SOON_MS: i64 = 10_000;
/// In the first seconds after the doors nothing is known of the pace yet.
const FIRST_RUSH_MS: i64 = 10_000;
/// A line short enough to let everybody ask every second during the rush.
const SHORT_LINE: i64 = 5_000;
const SHORTEST_INTERVAL_MS: i64 = 1_000;
/// With the spread of a fifth this stays below 20 s, and idle connections live 30 s.
const LONGEST_INTERVAL_MS: i64 = 15_000;

/// A number for [`retry_after_ms`] that differs from person to person and, for one person, from second to second: those
/// who came together once do not come together again.
pub const fn spread(account: AccountId, now: Timestamp) -> u64 {
    let second = now.millis().unsigned_abs() / 1000;
    // 2^64 over the golden ratio (Knuth, volume 3, 6.4): neighbours land far apart.
    ((account.0.as_u128() ^ second as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u64
}

/// When to ask again. `spread` (any number; taken modulo 401) moves the answer by up to a fifth either way, so that a
/// crowd that arrived together does not come back together.
pub fn retry_after_ms(ahead: i64, admit_per_minute: i64, open_for_ms: i64, line: i64, spread: u64) -> i64 {
    let until_call_ms = if admit_per_minute > 0 { ahead.saturating_mul(60_000) / admit_per_minute } else { i64::MAX };
    let rush = open_for_ms < FIRST_RUSH_MS && line < SHORT_LINE;
    if rush || until_call_ms <= SOON_MS {
        return SHORTEST_INTERVAL_MS;
    }
    let middle = (until_call_ms / 10).clamp(SHORTEST_INTERVAL_MS, LONGEST_INTERVAL_MS);
    let thousandths = 800 + i64::try_from(spread % 401).unwrap_or(200);
    middle * thousandths / 1000
}

/// How much is left, without telling a scalper the exact count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Band {
    Plenty,
    Some,
    Few,
    None,
}

/// The band, and a number that is never above what is true: the free seats rounded down to one leading digit.
pub fn seats_left(free: i64, total: i64) -> (Band, i64) {
    let band = match free {
        _ if free <= 0 => Band::None,
        _ if free * 20 <= total => Band::Few,
        _ if free * 4 <= total => Band::Some,
        _ => Band::Plenty,
    };
    let mut unit = 1;
    while free / unit >= 10 {
        unit *= 10;
    }
    (band, (free.max(0) / unit) * unit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ENTRY: Entry = Entry { position: 10, returned_at: None, recalled_at: None, ended_as: None, inside: false };

    #[test]
    fn an_entry_waits_until_the_watermark_reaches_it() {
        assert_eq!(ENTRY.state(9), State::Waiting);
        assert_eq!(ENTRY.state(10), State::Called);
        assert_eq!(Entry { inside: true, ..ENTRY }.state(10), State::Inside);
        assert_eq!(Entry { ended_as: Some(EndedAs::Left), ..ENTRY }.state(9), State::Left);
    }

    #[test]
    fn a_poll_in_the_window_claims_and_one_after_it_returns() {
        let call = Some(Timestamp(100_000));
        let poll = |now| ENTRY.poll(10, call, Timestamp(now), 60);
        assert_eq!(poll(100_000), Poll::Claim);
        assert_eq!(poll(159_999), Poll::Claim);
        assert_eq!(poll(160_000), Poll::Return);
        assert_eq!(ENTRY.poll(9, None, Timestamp(0), 60), Poll::Nothing);
    }

    #[test]
    fn a_returner_waits_for_a_second_call_and_then_has_a_whole_window() {
        let returned = Entry { returned_at: Some(Timestamp(170_000)), ..ENTRY };
        assert_eq!(returned.state(10), State::Returning);
        assert_eq!(returned.poll(10, Some(Timestamp(100_000)), Timestamp(171_000), 60), Poll::Nothing);
        let recalled = Entry { recalled_at: Some(Timestamp(200_000)), ..returned };
        assert_eq!(recalled.state(10), State::Called);
        assert_eq!(recalled.poll(10, Some(Timestamp(100_000)), Timestamp(259_999), 60), Poll::Claim);
        assert_eq!(recalled.poll(10, Some(Timestamp(100_000)), Timestamp(260_000), 60), Poll::Return);
    }

    #[test]
    fn a_line_that_does_not_move_has_no_estimate() {
        assert_eq!(estimate_wait_sec(5, Pace { called: 0, over_ms: 60_000 }), None);
        assert_eq!(estimate_wait_sec(99, Pace { called: 100, over_ms: 60_000 }), Some((60, [48, 75])));
    }

    #[test]
    fn seats_left_never_promises_more_than_there_are() {
        assert_eq!(seats_left(0, 100), (Band::None, 0));
        assert_eq!(seats_left(5, 100), (Band::Few, 5));
        assert_eq!(seats_left(25, 100), (Band::Some, 20));
        assert_eq!(seats_left(3199, 4000), (Band::Plenty, 3000));
    }

    #[test]
    fn those_about_to_be_called_ask_every_second() {
        assert_eq!(retry_after_ms(1000, 6000, 3_600_000, 90_000, 7), 1000);
        assert_eq!(retry_after_ms(4000, 60, 9_999, 4_999, 7), 1000);
        assert!(retry_after_ms(4000, 60, 10_000, 4_999, 7) > 1000);
    }

    /// Accounts made in one go, and accounts made over a day: a thousand of them at one moment, and one at many.
    #[test]
    fn intervals_are_spread_over_the_crowd() {
        let in_a_row = |n: u128| 0x0199_0000_0000_7000_8000_0000_0000_0000 | n;
        let over_a_day = |n: u128| (0x0199_0000_0000 + n * 86_400) << 80 | 0x7000_8000_0000_0000_0000 | (n * n) << 7;
        let account = |id: u128| AccountId(uuid::Uuid::from_u128(id));
        let noon = Timestamp(1_795_435_200_000);
        let crowds: [Vec<u64>; 3] = [
            (0..1_000).map(|n| spread(account(in_a_row(n)), noon)).collect(),
            (0..1_000).map(|n| spread(account(over_a_day(n)), noon)).collect(),
            (0..1_000).map(|n| spread(account(in_a_row(1)), noon.plus_sec(n * 15))).collect(),
        ];
        for crowd in crowds {
            let told: Vec<i64> =
                crowd.into_iter().map(|spread| retry_after_ms(90_000, 6_000, 60_000, 90_000, spread)).collect();
            assert!(told.iter().all(|ms| (12_000..=18_000).contains(ms)), "a fifth either way of 15 s: {told:?}");
            let mean = told.iter().sum::<i64>() / 1_000;
            assert!((14_800..=15_200).contains(&mean), "the crowd as a whole comes every 15 s: {mean}");
            for tenth in 0..10 {
                let from = 12_000 + tenth * 600;
                let together = told.iter().filter(|ms| (from..from + 600).contains(*ms)).count();
                assert!((60..=140).contains(&together), "{together} come between {from} and {} ms", from + 600);
            }
        }
    }

    proptest! {
        #[test]
        fn nobody_is_told_to_stay_away_longer_than_connections_live(
            ahead in 0..20_000_000i64, rate in 0..1_000_000i64, open in 0..100_000i64, spread: u64
        ) {
            let ms = retry_after_ms(ahead, rate, open, ahead, spread);
            prop_assert!((800..=20_000).contains(&ms), "{ms}");
        }

        #[test]
        fn an_estimate_lies_in_its_range(ahead in 0..20_000_000i64, called in 1..1_000_000i64, over_ms in 1..60_000i64) {
            let (middle, [low, high]) = estimate_wait_sec(ahead, Pace { called, over_ms }).expect("it moves");
            prop_assert!(low <= middle && middle <= high);
        }

        #[test]
        fn at_least_is_true(free in 0..200_000i64, total in 1..200_000i64) {
            prop_assert!(seats_left(free, total).1 <= free);
        }
    }
}
