//! What a case is made of: the terms of a sale and the commands of its fans, its operator, its clock and its machine.

use super::rules::Model;

pub(crate) type Fan = u32;
/// Claims, holds, orders and keys are numbered by the step that made them; nothing has the number 0.
pub(crate) type Id = u64;

pub(crate) const FANS: Fan = 4;
pub(crate) const SEATS: u32 = 5;
/// Further than any expiry, and further than a slewed clock goes.
pub(crate) const HOUR: i64 = 3_600_000;

/// The terms of a case, in milliseconds since it began.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Terms {
    pub(crate) opens: i64,
    pub(crate) ends: i64,
    pub(crate) seats: i64,
    /// People a minute.
    pub(crate) rate: i64,
    pub(crate) room: usize,
    pub(crate) max_active: i64,
    pub(crate) tickets_per_fan: usize,
    pub(crate) seats_per_shopper: i64,
    pub(crate) hold_ttl: i64,
    pub(crate) claim_window: i64,
    pub(crate) shopping_window: i64,
}

impl Terms {
    /// Open, with a seat for everybody, and ten people a second.
    pub(crate) const EASY: Self = Self {
        opens: -10_000,
        ends: 24 * HOUR,
        seats: SEATS as i64,
        rate: 600,
        room: 100,
        max_active: 0,
        tickets_per_fan: 3,
        seats_per_shopper: 1,
        hold_ttl: 8_000,
        claim_window: 5_000,
        shopping_window: 20_000,
    };
}

/// A command as a case writes it: `nth` counts back from the newest of what there is when its turn comes, so that a
/// case that lost a step still makes sense.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    Join(Vec<Fan>),
    Leave(Fan),
    Poll(Fan),
    Tick,
    /// Under the `nth` newest claim, by its fan, or by another who has got hold of the admission.
    Hold {
        nth: usize,
        thief: Option<Fan>,
        seats: Vec<u32>,
    },
    Release {
        nth: usize,
        by: Who,
    },
    Checkout {
        nth: usize,
        by: Who,
    },
    /// A hold or a checkout once more, under the same key.
    Again {
        nth: usize,
        other_body: bool,
    },
    Pay {
        nth: usize,
        captured: bool,
    },
    Refunded(usize),
    ExpireHolds,
    ExpireClaims,
    Pause,
    Resume,
    Close,
    Pass(i64),
    /// To the next moment at which something ends or begins, or the millisecond beside it.
    PassTo {
        nth: usize,
        off_by: i64,
    },
    SetWall(i64),
    Restart,
}

/// Who comes with a hold.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Who {
    Owner,
    /// The owner, with the admission of the newest visit.
    Later,
    Another,
}

/// A command with its numbers: the same one for the model and for the product.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    Join(Vec<Fan>),
    Leave(Fan),
    Poll { fan: Fan, id: Id },
    Tick,
    Hold { fan: Fan, claim: Id, id: Id, seats: Vec<u32>, key: Id, body: u8 },
    Release { fan: Fan, hold: Id },
    Begin { fan: Fan, claim: Id, hold: Id, id: Id, key: Id, body: u8 },
    Finish { order: Id, captured: bool, id: Id },
    Refunded(Id),
    SweepHolds,
    SweepClaims,
    Pause(bool),
    Close,
    Pass(i64),
    SetWall(i64),
    Restart,
}

#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) terms: Terms,
    pub(crate) commands: Vec<Command>,
}

/// Counted back from the newest.
fn newest<T>(of: &[T], nth: usize) -> Option<&T> {
    if of.is_empty() { None } else { of.get(of.len() - 1 - nth % of.len()) }
}

impl Command {
    /// What it means now. `id` is the number of whatever it makes; `before`: the deeds with a key so far.
    pub(crate) fn deed(&self, model: &Model, before: &[Deed], id: Id) -> Deed {
        match *self {
            Self::Join(ref fans) => Deed::Join(fans.clone()),
            Self::Leave(fan) => Deed::Leave(fan),
            Self::Poll(fan) => Deed::Poll { fan, id },
            Self::Tick => Deed::Tick,
            Self::Hold { nth, thief, ref seats } => {
                let (owner, claim) = newest(&model.claims, nth).map_or((0, 0), |claim| (claim.fan, claim.id));
                Deed::Hold { fan: thief.unwrap_or(owner), claim, id, seats: seats.clone(), key: id, body: 0 }
            }
            Self::Release { nth, by } => {
                let (fan, _, hold) = whose(model, nth, by);
                Deed::Release { fan, hold }
            }
            Self::Checkout { nth, by } => {
                let (fan, claim, hold) = whose(model, nth, by);
                Deed::Begin { fan, claim, hold, id, key: id, body: 0 }
            }
            Self::Again { nth, other_body } => again(newest(before, nth), other_body, id),
            Self::Pay { nth, captured } => {
                let order = newest(&model.orders, nth).map_or(0, |order| order.id);
                Deed::Finish { order, captured, id }
            }
            Self::Refunded(nth) => Deed::Refunded(newest(&model.orders, nth).map_or(0, |order| order.id)),
            Self::ExpireHolds => Deed::SweepHolds,
            Self::ExpireClaims => Deed::SweepClaims,
            Self::Pause => Deed::Pause(true),
            Self::Resume => Deed::Pause(false),
            Self::Close => Deed::Close,
            Self::Pass(ms) => Deed::Pass(ms),
            Self::PassTo { nth, off_by } => {
                let moments = moments(model);
                let at = if moments.is_empty() { model.now + 200 } else { moments[nth.min(moments.len() - 1)] };
                Deed::Pass((at + off_by - model.now).max(0))
            }
            Self::SetWall(ms) => Deed::SetWall(ms),
            Self::Restart => Deed::Restart,
        }
    }
}

/// Who comes, under which claim, with which hold.
fn whose(model: &Model, nth: usize, by: Who) -> (Fan, Id, Id) {
    let Some(hold) = newest(&model.holds, nth) else { return (0, 0, 0) };
    let latest = |fan| model.claims.iter().rev().find(|claim| claim.fan == fan).map_or(0, |claim| claim.id);
    match by {
        Who::Owner => (hold.fan, hold.claim, hold.id),
        Who::Later => (hold.fan, latest(hold.fan), hold.id),
        Who::Another => ((hold.fan + 1) % FANS, latest((hold.fan + 1) % FANS), hold.id),
    }
}

/// The same request again: what it would make has a number of its own.
fn again(before: Option<&Deed>, other_body: bool, new: Id) -> Deed {
    let mut deed = before.cloned().unwrap_or(Deed::Tick);
    if let Deed::Hold { id, body, .. } | Deed::Begin { id, body, .. } = &mut deed {
        *id = new;
        *body = u8::from(other_body);
    }
    deed
}

/// What lies ahead: doors, windows, deadlines, expiries. The nearest first.
fn moments(model: &Model) -> Vec<i64> {
    let terms = &model.terms;
    let doors = [terms.opens - model.skew, terms.ends - model.skew];
    let live = model.entries.iter().filter(|entry| entry.end.is_none());
    let windows = live.filter_map(|entry| entry.called.max(entry.recalled)).map(|call| call + terms.claim_window);
    let deadlines = model.claims.iter().filter(|claim| claim.end.is_none()).map(|claim| claim.deadline);
    let expiries = model.holds.iter().filter(|hold| hold.is("live")).map(|hold| hold.expires);
    let all = doors.into_iter().chain(windows).chain(deadlines).chain(expiries);
    let mut ahead: Vec<i64> = all.filter(|at| (model.now + 1..model.now + HOUR).contains(at)).collect();
    ahead.sort_unstable();
    ahead.dedup();
    ahead
}
