//! The model's shop: holding seats and paying for them.

use super::{Answer, Claim, Hold, Key, Model, Order};
use crate::model::script::{Fan, Id};

impl Model {
    /// The same key hears the same answer; another body under it is refused; a refusal leaves no key.
    pub(super) fn keyed(
        &mut self,
        fan: Fan,
        verb: &'static str,
        key: Id,
        body: u8,
        run: impl FnOnce(&mut Self) -> Answer,
    ) -> Answer {
        match self.keys.iter().find(|known| (known.fan, known.verb, known.key) == (fan, verb, key)) {
            Some(known) if known.body != body => Err("idempotency_key_reused".into()),
            Some(known) => Ok(known.answer.clone()),
            None => {
                let answer = run(self)?;
                let stored = if verb == "checkout" { answer.replace("charge", "paying") } else { answer.clone() };
                self.keys.push(Key { fan, verb, key, body, answer: stored });
                Ok(answer)
            }
        }
    }

    pub(super) fn hold(&mut self, fan: Fan, claim: Id, id: Id, seats: &[u32]) -> Answer {
        self.doors()?;
        match self.newest_claim(fan) {
            None => return Err("admission_invalid".into()),
            Some(newest) if newest.id != claim => return Err("admission_expired".into()),
            Some(Claim { end: Some((_, "bought" | "left")), .. }) => return Err("admission_used".into()),
            Some(newest) if newest.end.is_some() || self.now >= newest.deadline => {
                return Err("admission_expired".into());
            }
            Some(_) => {}
        }
        if seats.is_empty() {
            return Err("bad_count".into());
        }
        if self.held(fan) > 0 {
            return Err("active_hold_exists".into());
        }
        self.within_cap(self.tickets(fan), seats.len())?;
        let now = self.now;
        let over = |hold: &Hold| hold.is("live") && hold.expires <= now;
        for (at, seat) in seats.iter().enumerate() {
            let taken = self.holds.iter().any(|hold| hold.owns(*seat) && !over(hold));
            if taken || i64::from(*seat) >= self.terms.seats || seats[..at].contains(seat) {
                return Err("unavailable".into());
            }
        }
        for hold in self.holds.iter_mut().filter(|hold| over(hold)) {
            if hold.fan == fan || seats.iter().any(|seat| hold.owns(*seat)) {
                hold.end = Some((now, "expired"));
            }
        }
        let expires = now + self.terms.hold_ttl;
        let shown = expires + self.skew;
        let seats = seats.to_vec();
        let answer = format!("held {id} seats {seats:?} until {shown} for {}", seats.len() * 5_000);
        self.holds.push(Hold { id, fan, claim, seats, placed: now, expires, extended: false, end: None });
        Ok(answer)
    }

    pub(super) fn release(&mut self, fan: Fan, hold: Id) -> Answer {
        let found = self.holds.iter().position(|h| h.id == hold && h.fan == fan);
        let found = found.ok_or("hold_not_found")?;
        match self.holds[found].end {
            Some((_, "sold")) => return Err("hold_used".into()),
            Some(_) => {}
            None if self.is_paying(hold) => return Err("checkout_in_progress".into()),
            None => self.holds[found].end = Some((self.now, "released")),
        }
        Ok("released".into())
    }

    pub(super) fn begin(&mut self, fan: Fan, claim: Id, hold: Id, id: Id, key: Id) -> Answer {
        let newest = self.newest_claim(fan);
        if newest.is_some_and(|newest| newest.id == claim && newest.end.is_some_and(|(_, how)| how == "bought")) {
            return Err("admission_used".into());
        }
        let found = self.holds.iter().position(|h| (h.id, h.fan, h.claim) == (hold, fan, claim));
        let found = found.ok_or("hold_not_found")?;
        match self.holds[found].end {
            Some((_, "sold")) => return Err("hold_used".into()),
            Some(_) => return Err("hold_expired".into()),
            None if self.is_paying(hold) => return Err("checkout_in_progress".into()),
            None if self.now >= self.holds[found].expires => return Err("hold_expired".into()),
            None => {}
        }
        let seats = self.holds[found].seats.len();
        self.within_cap(self.tickets(fan) + self.held(fan) - seats, seats)?;
        let hold = &mut self.holds[found];
        if !hold.extended {
            (hold.expires, hold.extended) = (hold.expires.max(self.now + 120_000), true);
        }
        let (state, created, hold) = ("paying", self.now, hold.id);
        let (settled, tickets, payment) = (None, Vec::new(), None);
        self.orders.push(Order { id, fan, hold, claim, state, created, settled, tickets, payment, key });
        Ok(format!("charge {id}"))
    }

    pub(super) fn finish(&mut self, order: Id, captured: bool, id: Id) -> Answer {
        let at = self.orders.iter().position(|o| o.id == order).ok_or("order_not_found")?;
        let Order { fan, hold, claim, state, key, .. } = self.orders[at];
        let stored = |known: &&Key| (known.fan, known.verb, known.key) == (fan, "checkout", key);
        match state {
            "paying" => {}
            "confirmed" => return Ok(self.keys.iter().find(stored).expect("kept").answer.clone()),
            settled => return Ok(settled.into()),
        }
        let hold = self.holds.iter().position(|h| h.id == hold).expect("an order has a hold");
        let seats = self.holds[hold].seats.clone();
        let others = |seat: &u32| self.holds.iter().enumerate().any(|(other, h)| other != hold && h.owns(*seat));
        let visit = self.claims.iter().position(|c| c.id == claim).expect("an order has a claim");
        let used = self.claims[visit].end.is_some_and(|(_, how)| how == "bought");
        let counted = self.holds[hold].is("live") && self.holds[hold].expires > self.now;
        let own = if counted { seats.len() } else { 0 };
        let within_cap = self.within_cap(self.tickets(fan) + self.held(fan) - own, seats.len()).is_ok();
        let is_fine = !seats.iter().any(others) && !used && within_cap;

        self.orders[at].settled = Some(self.now);
        if !captured || !is_fine {
            self.orders[at].payment = captured.then_some((self.now, "refund_due"));
            self.orders[at].state = if captured { "refund_due" } else { "declined" };
            self.keys.retain(|known| !stored(&known));
            return Ok(self.orders[at].state.into());
        }
        self.holds[hold].end = Some((self.now, "sold"));
        if self.claims[visit].end.is_none() {
            self.end_visit(visit, "bought");
        }
        let tickets: Vec<Id> = (0..seats.len() as Id).map(|n| id * 100 + n).collect();
        let answer = format!("confirmed {order} tickets {tickets:?} for {}", seats.len() * 5_000);
        let order = &mut self.orders[at];
        (order.state, order.payment, order.tickets) = ("confirmed", Some((self.now, "captured")), tickets);
        self.keys.iter_mut().find(|known| stored(&&**known)).expect("kept since it began").answer = answer.clone();
        Ok(answer)
    }
}
