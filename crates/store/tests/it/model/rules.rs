//! The model: a whole sale in plain vectors, written from the promises and sharing no code with the product. Times are
//! milliseconds since the case began, ids small numbers; an answer is a line of text.

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
    pub(crate) fn wall(&self) -> i64 {
        self.now + self.skew
    }
    pub(crate) fn has_ended(&self) -> bool {
        self.wall() >= self.terms.ends || self.closed_at.is_some_and(|at| self.wall() >= at)
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
                Ok("done".into())
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
            Deed::Pause(paused) => {
                self.paused = paused;
                Ok("done".into())
            }
            Deed::Close => {
                self.closed_at = Some(self.wall());
                Ok("done".into())
            }
            Deed::Pass(ms) => {
                self.now += ms;
                Ok("done".into())
            }
            Deed::SetWall(ms) => {
                self.skew += ms;
                Ok("done".into())
            }
            Deed::Restart => Ok("done".into()),
        }
    }

    fn join(&mut self, fan: Fan) -> String {
        if let Some(at) = self.entries.iter().position(|entry| entry.fan == fan && entry.end.is_none()) {
            return format!("known {} since {}", at + 1, self.entries[at].joined);
        }
        let room = if self.waiting() < self.terms.room { Ok(()) } else { Err("room_full".into()) };
        if let Err(no) = self.doors().and(room) {
            return format!("refused {no}");
        }
        let (joined, called, returned, recalled) = (self.now, None, None, None);
        self.entries.push(Entry { fan, joined, called, returned, recalled, returning: false, end: None });
        format!("new {} since {}", self.entries.len(), self.now)
    }

    fn leave(&mut self, fan: Fan) -> Answer {
        let live = |entry: &Entry| entry.fan == fan && entry.end.is_none();
        let Some(at) = self.entries.iter().position(live) else { return Err("not_in_queue".into()) };
        if let Some(hold) = self.live_hold(fan) {
            if self.is_paying(self.holds[hold].id) {
                return Err("checkout_in_progress".into());
            }
            self.holds[hold].end = Some((self.now, "released"));
        }
        self.entries[at].end = Some((self.now, "left"));
        if let Some(claim) = self.claims.iter().position(|claim| claim.fan == fan && claim.end.is_none()) {
            self.end_visit(claim, "left");
        }
        Ok(format!("left {}", at + 1))
    }

    pub(crate) fn state(&self, position: usize) -> &'static str {
        let entry = &self.entries[position - 1];
        match entry.end {
            Some((_, how)) => how,
            None if self.claims.iter().any(|claim| claim.position == position && claim.end.is_none()) => "inside",
            None if position > self.through => "waiting",
            None if entry.returning => "returning",
            None => "called",
        }
    }

    fn poll(&mut self, fan: Fan, id: Id) -> Answer {
        let Some(at) = self.entries.iter().rposition(|entry| entry.fan == fan) else {
            return Err("not_in_queue".into());
        };
        let position = at + 1;
        if self.state(position) == "called" && self.doors().is_ok() {
            let call = self.entries[at].called.max(self.entries[at].recalled).expect("called at some time");
            if self.now < call + self.terms.claim_window {
                let deadline = self.now + self.terms.shopping_window;
                self.claims.push(Claim { id, fan, position, at: self.now, deadline, end: None });
            } else {
                self.entries[at].returned = Some(self.now);
                self.entries[at].returning = true;
            }
        }
        match (self.state(position), self.newest_claim(fan)) {
            ("inside", Some(Claim { id, at, deadline, .. })) => {
                Ok(format!("inside {position} claim {id} from {at} to {deadline}"))
            }
            (state, _) => Ok(format!("{state} {position}")),
        }
    }

    /// One whole person is 60,000 of credit: so many milliseconds at one person a minute.
    pub(crate) fn tick(&mut self) -> String {
        if self.doors().is_err() || self.paused {
            if self.bound.take().is_some() {
                self.last_tick = self.now;
            }
            return "idle".into();
        }
        let most = if matches!(self.bound, None | Some("line")) { 200 } else { 2_000 };
        let credit_ms = (self.now - self.last_tick).min(self.wall() - self.terms.opens).clamp(0, most);
        let credit = self.credit + credit_ms * self.terms.rate;

        let asking: Vec<usize> = (0..self.entries.len()).filter(|at| self.state(at + 1) == "returning").collect();
        let line = asking.len() + self.entries.len() - self.through;
        let inside: Vec<&Claim> = self.claims.iter().filter(|claim| claim.end.is_none()).collect();
        let empty_handed = inside.iter().filter(|claim| self.live_hold(claim.fan).is_none()).count();
        let coming = self.coming() as i64;
        let cap = if self.terms.max_active > 0 { self.terms.max_active } else { i64::MAX };
        let mut allowed = [
            (credit / 60_000, "rate"),
            (cap - inside.len() as i64 - coming, "cap"),
            (self.free() / self.terms.seats_per_shopper - empty_handed as i64 - coming, "stock"),
            (line as i64, "line"),
        ];
        allowed.sort_by_key(|(people, _)| *people);
        let bound = if line == 0 { "line" } else { allowed[0].1 };
        let people = allowed[0].0.max(0) as usize;

        let recalled = people.min(asking.len());
        for at in &asking[..recalled] {
            self.entries[*at].recalled = Some(self.now);
            self.entries[*at].returning = false;
        }
        let called = people - recalled;
        self.entries[self.through..self.through + called].iter_mut().for_each(|entry| entry.called = Some(self.now));
        self.through += called;
        if people > 0 || self.bound != Some(bound) {
            self.calls.push(Call { at: self.now, through: self.through, called, recalled, credit_ms, bound });
        }
        // A tick without news is as if it had not been.
        if people > 0 || bound == "rate" || self.bound != Some(bound) {
            self.credit = (credit - people as i64 * 60_000).min(59_999);
            (self.last_tick, self.bound) = (self.now, Some(bound));
        }
        format!("{bound}-bound {called}+{recalled} through {}", self.through)
    }

    /// The same key hears the same answer; another body under it is refused; a refusal leaves no key.
    fn keyed(
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

    fn hold(&mut self, fan: Fan, claim: Id, id: Id, seats: &[u32]) -> Answer {
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

    fn release(&mut self, fan: Fan, hold: Id) -> Answer {
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

    fn begin(&mut self, fan: Fan, claim: Id, hold: Id, id: Id, key: Id) -> Answer {
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

    fn finish(&mut self, order: Id, captured: bool, id: Id) -> Answer {
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
