//! The mock's clock and how it writes times.

use std::time::{SystemTime, UNIX_EPOCH};

#[expect(clippy::disallowed_methods, reason = "the mock server is a process of its own, with a clock of its own")]
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("before the year 292,000,000")
}

pub(crate) fn text(ms: i64) -> String {
    format!("{:.3}", jiff::Timestamp::from_millisecond(ms).expect("a time of our days"))
}

pub(crate) fn parse(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().expect("RFC 3339").as_millisecond()
}

#[expect(clippy::disallowed_methods, reason = "the mock server measures itself")]
pub(crate) fn monotonic() -> std::time::Instant {
    std::time::Instant::now()
}
