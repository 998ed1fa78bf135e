//! The deciding clock of a transaction: the server's, read at its beginning, and moved on by this node's monotonic clock.
//!
//! The server answers before its answer is heard, so the time of a transaction lags behind the server's by one way through
//! the network at most, and never runs ahead. It goes on while the transaction waits for a lock.

use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, Timestamp};

/// Who tells the time.
#[derive(Clone)]
pub(super) struct Time {
    pub(super) clock: Arc<dyn Clock>,
    /// Only in tests: this node's clock does, from here, and the server's answer is left alone.
    pub(super) hand_driven_from: Option<Timestamp>,
}

/// The server's time, and when it was heard.
#[derive(Clone)]
pub(super) struct Heard {
    time: Time,
    server: Timestamp,
    at: Duration,
}

impl Time {
    pub(super) fn heard(&self, server: Timestamp) -> Heard {
        Heard { time: self.clone(), server, at: self.clock.monotonic() }
    }
}

impl Heard {
    pub(super) fn now(&self) -> Timestamp {
        let monotonic = self.time.clock.monotonic();
        match self.time.hand_driven_from {
            Some(from) => from + monotonic,
            None => self.server + monotonic.saturating_sub(self.at),
        }
    }

    /// The host of the database keeps its clock: it has no other. In tests the two go apart, as on one machine.
    pub(super) fn wall(&self) -> Timestamp {
        if self.time.hand_driven_from.is_some() { self.time.clock.wall() } else { self.now() }
    }
}
