//! The plan of a run: every virtual fan, its arrival and its habits, fixed before anything is sent.
//!
//! Invariant: integers only, so the same scenario, knobs and seed give the same bytes on every machine.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::dice::{Dice, Purpose};
use crate::knobs::Knobs;

/// All times are microseconds from the first doors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Plan {
    pub(crate) scenario: String,
    pub(crate) seed: u64,
    pub(crate) shape: Shape,
    /// When something comes over the fans that the plan wants to see the effect of: what was before is compared with what
    /// comes after.
    pub(crate) surge_us: Option<u64>,
    pub(crate) sales: Vec<SalePlan>,
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

/// A sale the run makes for itself; of a given sale the cap is read from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct SalePlan {
    pub(crate) opens_after_us: u64,
    pub(crate) total_seats: u64,
    pub(crate) admit_per_minute: u64,
    pub(crate) waiting_room_cap: u64,
    pub(crate) max_tickets_per_user: u64,
    /// Of accounts that share a card or a network; 0: no such cap.
    pub(crate) max_tickets_per_cluster: u64,
    /// People inside or called at once; 0: no limit.
    pub(crate) max_active: u64,
    pub(crate) seats_per_shopper: u64,
    pub(crate) hold_ttl_sec: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FanPlan {
    /// Fans who do alike: thresholds can ask for one population alone.
    pub(crate) population: &'static str,
    /// Which of the plan's sales this fan comes for.
    pub(crate) sale: usize,
    pub(crate) arrival_us: u64,
    /// Tickets this fan wants; it takes fewer when fewer are left.
    pub(crate) wants: u64,
    pub(crate) think_us: u64,
    pub(crate) habits: Habits,
}

/// What a fan does besides the plain journey.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Habits {
    /// What it does while it waits, each so long after its join was acknowledged; in order of time.
    pub(crate) while_waiting: Vec<Pastime>,
    /// Sends every other poll over a second connection from another address.
    pub(crate) second_connection: bool,
    /// Sends its paid checkout again with the same key.
    pub(crate) repeats_checkout: bool,
    pub(crate) tries_transfer: bool,
    /// Asks for seats and a hold while it is still waiting.
    pub(crate) tries_unadmitted: bool,
    /// Once inside, asks for one seat more than the cap allows.
    pub(crate) tries_over_cap: bool,
    /// Polls at this many percent of the interval that the server asks for; 0 is 100.
    pub(crate) poll_percent: u64,
    /// Sends its join when that of this fan has been acknowledged.
    pub(crate) joins_after: Option<u32>,
    /// Hangs up so long after sending its first join, and comes back from elsewhere.
    pub(crate) cuts_join: Option<Cut>,
    /// Is never seen again once it has a place.
    pub(crate) no_show: bool,
    /// Gives up with seats in hand.
    pub(crate) abandons: Option<Abandon>,
    pub(crate) bot: Option<Bot>,
    pub(crate) ring: Option<Ring>,
    /// Once inside, tries what it has at this other sale.
    pub(crate) crosses_to: Option<usize>,
    /// Comes for nothing but ways around the line: so many tries of each kind.
    pub(crate) attacks: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Pastime {
    pub(crate) after_us: u64,
    pub(crate) what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum What {
    Rejoin,
    /// So many tabs at once, joins and polls in turn.
    Refresh {
        tabs: u8,
    },
    Cut(Cut),
    /// Joins this other sale too, and asks there how it goes.
    Visit {
        sale: usize,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Cut {
    pub(crate) when: CutWhen,
    /// Comes back, from another address, after this long.
    pub(crate) away_us: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum CutWhen {
    /// The connection is made and lost again before anything was asked.
    Before,
    /// So long after the request was sent.
    During { after_us: u64 },
    /// When the answer had come.
    After,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Abandon {
    Releases,
    WalksAway,
}

/// A scripted buyer: no time to think, many requests at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Bot {
    /// Holds of a full cap, asked for at once.
    pub(crate) holds: u8,
    /// Checkouts of one hold, sent at once: with one key, and with as many other keys.
    pub(crate) checkouts: u8,
    /// How often it joins anew after a purchase.
    pub(crate) comes_again: u8,
    /// Says of itself that it comes from elsewhere.
    pub(crate) forges_address: bool,
}

/// Accounts of one hand: they pay with one card and come from one network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Ring {
    pub(crate) number: u32,
    pub(crate) member: u32,
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

    /// Names of its populations, in the order of their first fans.
    pub(crate) fn populations(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for fan in &self.fans {
            if !names.contains(&fan.population) {
                names.push(fan.population);
            }
        }
        names
    }

    /// Fans who come for a place in line.
    pub(crate) fn joiners(&self) -> u64 {
        self.fans.iter().filter(|fan| fan.habits.attacks.is_none()).count() as u64
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
            opens_after_us: 0,
            total_seats: knobs.total_seats(),
            admit_per_minute: knobs.admit_per_minute(),
            waiting_room_cap: knobs.waiting_room_cap(),
            max_tickets_per_user: knobs.max_tickets_per_user(),
            max_tickets_per_cluster: 0,
            max_active: 0,
            seats_per_shopper: 1,
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
