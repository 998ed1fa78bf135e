//! The plan of a run: every virtual fan, its arrival and its habits, fixed before anything is sent.
//!
//! Invariant: integers only, so the same scenario, knobs and seed give the same bytes on every machine.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::dice::{Dice, Purpose};
use crate::knobs::Knobs;

/// All times are microseconds from the doors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Plan {
    pub(crate) scenario: String,
    pub(crate) seed: u64,
    pub(crate) shape: Shape,
    pub(crate) sale: SalePlan,
    pub(crate) fans: Vec<FanPlan>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Shape {
    pub(crate) ramp_up_us: u64,
    pub(crate) steady_us: u64,
    pub(crate) ramp_down_us: u64,
}

impl Shape {
    pub(crate) fn total_us(&self) -> u64 {
        self.ramp_up_us + self.steady_us + self.ramp_down_us
    }

    /// Name of the phase `at_us` after the doors.
    pub(crate) fn phase(&self, at_us: u64) -> &'static str {
        if at_us < self.ramp_up_us {
            "ramp up"
        } else if at_us < self.ramp_up_us + self.steady_us {
            "steady"
        } else {
            "ramp down"
        }
    }
}

/// The sale the run makes for itself; with a given sale only `max_tickets` and the rest are read from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct SalePlan {
    pub(crate) total_seats: u64,
    pub(crate) admit_per_minute: u64,
    pub(crate) waiting_room_cap: u64,
    pub(crate) max_tickets_per_user: u64,
    pub(crate) hold_ttl_sec: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FanPlan {
    pub(crate) arrival_us: u64,
    /// Tickets this fan wants; it takes fewer when fewer are left.
    pub(crate) wants: u64,
    pub(crate) think_us: u64,
    pub(crate) habits: Habits,
}

/// What a fan does besides the plain journey.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Habits {
    /// Joins again this long after its join was acknowledged.
    pub(crate) rejoin_after_us: Option<u64>,
    /// Sends every other poll over a second connection from another address.
    pub(crate) second_connection: bool,
    /// Sends its paid checkout again with the same key.
    pub(crate) repeats_checkout: bool,
    pub(crate) tries_transfer: bool,
    /// Asks for seats and a hold while it is still waiting.
    pub(crate) tries_unadmitted: bool,
    /// Once inside, asks for one seat more than the cap allows.
    pub(crate) tries_over_cap: bool,
}

impl Plan {
    /// SHA-256 of the plan's canonical JSON, in hex.
    pub(crate) fn sha256(&self) -> String {
        let canonical = serde_json::to_vec(self).expect("a plan is integers, booleans and one name");
        hex(&Sha256::digest(&canonical))
    }

    /// Tickets all fans together want.
    pub(crate) fn wanted(&self) -> u64 {
        self.fans.iter().map(|fan| fan.wants).sum()
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl From<&Knobs> for Shape {
    fn from(knobs: &Knobs) -> Self {
        Shape {
            ramp_up_us: knobs.ramp_up_ms() * 1_000,
            steady_us: knobs.steady_ms() * 1_000,
            ramp_down_us: knobs.ramp_down_ms() * 1_000,
        }
    }
}

impl From<&Knobs> for SalePlan {
    fn from(knobs: &Knobs) -> Self {
        SalePlan {
            total_seats: knobs.total_seats(),
            admit_per_minute: knobs.admit_per_minute(),
            waiting_room_cap: knobs.waiting_room_cap(),
            max_tickets_per_user: knobs.max_tickets_per_user(),
            hold_ttl_sec: knobs.hold_ttl_sec(),
        }
    }
}

/// Draws `percent` of `fans` (rounded up, so that a small run has at least one) for population number `population`.
pub(crate) fn draw(seed: u64, population: u64, fans: usize, percent: usize) -> Vec<usize> {
    let mut order = Dice::new(seed, population, Purpose::Population).shuffled(fans);
    order.truncate((fans * percent).div_ceil(100));
    order
}
