//! Time as a value. Rules take a [`Timestamp`]; only `main` and tests make a [`Clock`].

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// Where time comes from. The wall clock may jump; the monotonic one only runs.
pub trait Clock: Send + Sync + 'static {
    fn wall(&self) -> Timestamp;
    /// Time since an arbitrary fixed instant.
    fn monotonic(&self) -> Duration;
}

impl Timestamp {
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Milliseconds from `earlier` to `self`, negative when `self` comes first.
    pub const fn since_ms(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    pub const fn plus_sec(self, sec: i64) -> Self {
        self.plus_ms(sec.saturating_mul(1000))
    }

    /// Reads RFC 3339 with any offset.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|at| Self(at.as_millisecond()))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, by: Duration) -> Self {
        self.plus_ms(i64::try_from(by.as_millis()).unwrap_or(i64::MAX))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, by: Duration) -> Self {
        self.plus_ms(-i64::try_from(by.as_millis()).unwrap_or(i64::MAX))
    }
}

/// RFC 3339 UTC with milliseconds.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => write!(f, "{at:.3}"),
            Err(_) => {
                write!(f, "{}", if self.0 < 0 { "-009999-01-01T00:00:00.000Z" } else { "9999-12-31T23:59:59.999Z" })
            }
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not an RFC 3339 time such as 2026-11-23T12:00:00Z"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc_with_milliseconds_and_read_back() {
        let at = Timestamp(1_795_435_200_123);
        assert_eq!(at.to_string(), "2026-11-23T12:00:00.123Z");
        assert_eq!(Timestamp::parse("2026-11-23T17:30:00.123+05:30"), Some(at));
        assert_eq!(Timestamp::parse("tomorrow"), None);
    }

    #[test]
    fn times_beyond_the_calendar_are_shown_as_its_ends() {
        assert_eq!(Timestamp(i64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
    }
}
