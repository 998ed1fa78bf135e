//! The words of the contract that the lab decides on: states of an entry and phases of a sale.

use serde::{Deserialize, Serialize};

/// State of a place in the waiting room. A word the lab does not know is kept as `Other`: it decides nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Waiting,
    Called,
    Returning,
    Inside,
    Bought,
    Expired,
    Left,
    #[serde(other)]
    Other,
}

impl State {
    /// The place is gone; joining again gives a new one at the end.
    pub(crate) fn is_over(self) -> bool {
        matches!(self, State::Bought | State::Expired | State::Left)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    Building,
    Scheduled,
    Open,
    Paused,
    SoldOut,
    Ended,
    #[default]
    #[serde(other)]
    Other,
}
