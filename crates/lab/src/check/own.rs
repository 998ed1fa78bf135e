//! Checks that belong to a scenario: beside the invariants of every run, what this one is about.

use super::{Evidence, Finding, Tally};
use crate::nodes::Connections;
use crate::plan::Plan;

/// What the checks of a scenario may look at: all sales of the run, and what was planned.
pub(crate) struct Whole<'a> {
    pub(crate) plan: &'a Plan,
    /// In the order of the plan.
    pub(crate) sales: &'a [Evidence<'a>],
    /// When the doors of each open.
    pub(crate) doors_us: &'a [u64],
    /// Of the server.
    pub(crate) connections: Option<Connections>,
}

/// Of fewer fans than this it may be chance that nobody came to what a scenario is about: then the row says so, and does
/// not block.
const FANS_ENOUGH: usize = 50;

/// A check that belongs to a scenario.
pub(crate) struct OwnCheck {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) judge: fn(&Whole<'_>, &mut Tally),
}

/// Judges what is a scenario's own.
pub(crate) fn own(checks: &[OwnCheck], whole: &Whole<'_>) -> Vec<Finding> {
    let judged = checks.iter().map(|check| {
        let mut tally = Tally::default();
        (check.judge)(whole, &mut tally);
        if whole.plan.fans.len() < FANS_ENOUGH && tally.is_vacuous() {
            tally.does_not_apply();
        }
        tally.finish_own(check.id, check.name)
    });
    judged.collect()
}
