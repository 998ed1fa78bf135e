//! The model's waiting room: joining, leaving, being called, going inside.

use super::{Answer, Call, Claim, Entry, Model};
use crate::model::script::{Fan, Id};

impl Model {
    pub(super) fn join(&mut self, fan: Fan) -> String {
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

    pub(super) fn leave(&mut self, fan: Fan) -> Answer {
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

    pub(super) fn poll(&mut self, fan: Fan, id: Id) -> Answer {
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
}
