//! The model: a whole sale in plain vectors, written from the promises and sharing no code with the product. Times are
//! milliseconds since the case began, ids small numbers; an answer is a line of text.

mod line;
mod shop;

use super::script::{Deed, Fan, Id, Terms};

pub(crate) type Answer = Result<String, String>;

#[derive(Default)]
pub(crate) struct Model {
    pub(crate) terms: Terms,
    /// The clock that decides, and how far the wall clock has been set away from it.
    pub(crate) now: i64,
    pub(crate) skew: i64,
    pub(crate) paused: bool,
    pub(crate) closed_at: Option<i64>,
    /// When the operator changed the sale, and whether it was paused before.
    pub(crate) changes: Vec<(i64, bool)>,
    pub(crate) through: usize,
    credit: i64,
    last_tick: i64,
    bound: Option<&'static str>,
    /// By position, the first one is 1.
    pub(crate) entries: Vec<Entry>,
    pub(crate) calls: Vec<Call>,
    pub(crate) claims: Vec<Claim>,
    pub(crate) holds: Vec<Hold>,
    pub(crate) orders: Vec<Order>,
    keys: Vec<Key>,
}

/// When something ended, and how.
pub(crate) type End = Option<(i64, &'static str)>;

pub(crate) struct Entry {
    pub(crate) fan: Fan,
    pub(crate) joined: i64,
    pub(crate) called: Option<i64>,
    pub(crate) returned: Option<i64>,
    pub(crate) recalled: Option<i64>,
    pub(crate) returning: bool,
    pub(crate) end: End,
}

pub(crate) struct Call {
    pub(crate) at: i64,
    pub(crate) through: usize,
    pub(crate) called: usize,
    pub(crate) recalled: usize,
    pub(crate) credit_ms: i64,
    pub(crate) bound: &'static str,
}

pub(crate) struct Claim {
    pub(crate) id: Id,
    pub(crate) fan: Fan,
    pub(crate) position: usize,
    pub(crate) at: i64,
    pub(crate) deadline: i64,
    pub(crate) end: End,
}

pub(crate) struct Hold {
    pub(crate) id: Id,
    pub(crate) fan: Fan,
    pub(crate) claim: Id,
    pub(crate) seats: Vec<u32>,
    pub(crate) placed: i64,
    pub(crate) expires: i64,
    extended: bool,
    /// None while it lives.
    pub(crate) end: End,
}

pub(crate) struct Order {
    pub(crate) id: Id,
    pub(crate) fan: Fan,
    pub(crate) hold: Id,
    pub(crate) claim: Id,
    pub(crate) state: &'static str,
    pub(crate) created: i64,
    pub(crate) settled: Option<i64>,
    pub(crate) tickets: Vec<Id>,
    pub(crate) payment: End,
    key: Id,
}

struct Key {
    fan: Fan,
    verb: &'static str,
    key: Id,
    body: u8,
    answer: String,
}

fn already() -> Answer {
    Ok("already".into())
}

fn done() -> Answer {
    Ok("done".into())
}

impl Hold {
    pub(crate) fn is(&self, state: &str) -> bool {
        self.end.map_or("live", |(_, how)| how) == state
    }

    pub(crate) fn owns(&self, seat: u32) -> bool {
        (self.is("live") || self.is("sold")) && self.seats.contains(&seat)
    }
}

impl Model {
    /// A sale that has just been made, and ticked once.
    pub(crate) fn new(terms: Terms) -> Self {
        let mut model = Self { terms, ..Self::default() };
        model.tick();
        model
    }

    /// What everybody may do, and what they hear.
    pub(crate) fn apply(&mut self, deed: &Deed) -> Answer {
        match *deed {
            Deed::Join(ref fans) => {
                let answers: Vec<String> = fans.iter().map(|fan| self.join(*fan)).collect();
                Ok(answers.join(", "))
            }
            Deed::Leave(fan) => self.leave(fan),
            Deed::Poll { fan, id } => self.poll(fan, id),
            Deed::Tick => Ok(self.tick()),
            Deed::Hold { fan, claim, id, ref seats, key, body } => {
                self.keyed(fan, "hold", key, body, |model| model.hold(fan, claim, id, seats))
            }
            Deed::Release { fan, hold } => self.release(fan, hold),
            Deed::Begin { fan, claim, hold, id, key, body } => {
                self.keyed(fan, "checkout", key, body, |model| model.begin(fan, claim, hold, id, key))
            }
            Deed::Finish { order, captured, id } => self.finish(order, captured, id),
            Deed::Refunded(order) => {
                let payment = self.orders.iter_mut().find(|o| o.id == order).and_then(|order| order.payment.as_mut());
                if let Some(payment) = payment.filter(|payment| payment.1 == "refund_due") {
                    *payment = (self.now, "refunded");
                }
                done()
            }
            Deed::SweepHolds => {
                let now = self.now;
                let over = self.holds.iter_mut().filter(|hold| hold.is("live") && hold.expires <= now);
                Ok(format!("swept {}", over.map(|hold| hold.end = Some((now, "expired"))).count()))
            }
            Deed::SweepClaims => {
                let over = |claim: &Claim| claim.end.is_none() && claim.deadline <= self.now;
                let over = |claim: &Claim| over(claim) && self.live_hold(claim.fan).is_none();
                let over: Vec<usize> = (0..self.claims.len()).filter(|at| over(&self.claims[*at])).collect();
                over.iter().for_each(|claim| self.end_visit(*claim, "expired"));
                Ok(format!("swept {}", over.len()))
            }
            Deed::Pause(_) if self.has_ended() => Err("sale_ended".into()),
            Deed::Pause(paused) if self.paused == paused => already(),
            Deed::Pause(paused) => {
                self.changes.push((self.now, self.paused));
                self.paused = paused;
                done()
            }
            Deed::Close if self.has_ended() => already(),
            Deed::Close => {
                self.changes.push((self.now, self.paused));
                self.closed_at = Some(self.wall());
                done()
            }
            Deed::Pass(ms) => {
                self.now += ms;
                done()
            }
            Deed::SetWall(ms) => {
                self.skew += ms;
                done()
            }
            Deed::Restart => done(),
        }
    }

    pub(crate) fn wall(&self) -> i64 {
        self.now + self.skew
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.wall() >= self.terms.ends || self.closed_at.is_some()
    }

    fn doors(&self) -> Result<(), String> {
        match self.terms.opens {
            _ if self.has_ended() => Err("sale_closed".into()),
            opens if self.wall() < opens => Err(format!("sale_closed until {opens}")),
            _ => Ok(()),
        }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.entries[self.through..].iter().filter(|entry| entry.end.is_none()).count()
    }

    /// Called, the window still running, never been inside.
    pub(crate) fn coming(&self) -> usize {
        let in_window = |at: Option<i64>| at.is_some_and(|at| at > self.now - self.terms.claim_window);
        let coming = |(position, entry): (usize, &Entry)| {
            entry.end.is_none()
                && in_window(entry.called.max(entry.recalled))
                && !self.claims.iter().any(|claim| claim.position == position)
        };
        (1..).zip(&self.entries).filter(|entry| coming(*entry)).count()
    }

    pub(crate) fn seats_in(&self, state: &str) -> usize {
        self.holds.iter().filter(|hold| hold.is(state)).map(|hold| hold.seats.len()).sum()
    }

    pub(crate) fn free(&self) -> i64 {
        self.terms.seats - (self.seats_in("live") + self.seats_in("sold")) as i64
    }

    fn live_hold(&self, fan: Fan) -> Option<usize> {
        self.holds.iter().position(|hold| hold.fan == fan && hold.is("live"))
    }

    fn is_paying(&self, hold: Id) -> bool {
        self.orders.iter().any(|order| order.hold == hold && order.state == "paying")
    }

    fn newest_claim(&self, fan: Fan) -> Option<&Claim> {
        self.claims.iter().rev().find(|claim| claim.fan == fan)
    }

    fn tickets(&self, fan: Fan) -> usize {
        self.holds.iter().filter(|hold| hold.fan == fan && hold.is("sold")).map(|hold| hold.seats.len()).sum()
    }

    fn held(&self, fan: Fan) -> usize {
        let counts = |hold: &&Hold| hold.fan == fan && hold.is("live") && hold.expires > self.now;
        self.holds.iter().filter(counts).map(|hold| hold.seats.len()).sum()
    }

    fn within_cap(&self, already: usize, more: usize) -> Result<(), String> {
        let cap = self.terms.tickets_per_fan;
        if already + more > cap { Err(format!("cap_exceeded {cap} {already}")) } else { Ok(()) }
    }

    /// The claim is over, and the place with it.
    fn end_visit(&mut self, claim: usize, how: &'static str) {
        let claim = &mut self.claims[claim];
        claim.end = Some((self.now, how));
        self.entries[claim.position - 1].end = Some((self.now, how));
    }
}
