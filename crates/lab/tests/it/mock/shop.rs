//! The mock's shop: holds and orders over the seats of its sale.

use super::bug::Bug;
use super::sale::{Hold, No, Order, Sale, Seat, Ticket};

impl Sale {
    /// `admitted`: the request carried this account's admission. Without one only a bug leads here.
    pub(crate) fn hold(&mut self, user: &str, admitted: bool, quantity: usize, now: i64) -> Result<usize, No> {
        if !admitted && !matches!(self.bug, Bug::AdmissionNotChecked | Bug::PathTrickOpens) {
            return Err((403, "admission_required"));
        }
        if admitted {
            self.may_shop(user, now)?;
        }
        if self.live_hold(user).is_some() {
            return Err((409, "active_hold_exists"));
        }
        let cap = self.max_tickets + usize::from(self.bug == Bug::CapOffByOne);
        let has = if self.bug == Bug::ReplayedAdmissionAccepted { 0 } else { self.tickets_of(user) };
        if quantity + has > cap {
            return Err(if self.bug == Bug::CapNeverSaid { (409, "unavailable") } else { (403, "cap_exceeded") });
        }
        let mut seats = self.free();
        if seats.len() < quantity {
            return Err((409, "unavailable"));
        }
        seats.truncate(quantity);
        self.plant_in_hold(&mut seats);
        for seat in &seats {
            if self.seats[*seat] == Seat::Free {
                self.seats[*seat] = Seat::Held;
            }
        }
        // Rows have milliseconds: a hold in the very one of the order would not be seen to come after it.
        let used_at = self.orders.iter().filter(|order| order.user == user).map(|order| order.at).max();
        let placed_at = used_at.map_or(now, |used_at| now.max(used_at + 1));
        let id = format!("hold-{}", self.holds.len());
        let claim = admitted.then(|| self.claim_of(user));
        self.holds.push(Hold { id, user: user.into(), claim, seats, placed_at, ended_at: None, state: "live" });
        if self.bug == Bug::RefusedHoldKept && self.holds.len() == 20 {
            return Err((409, "unavailable"));
        }
        Ok(self.holds.len() - 1)
    }

    /// The account's latest place must be one that is inside.
    fn may_shop(&self, user: &str, now: i64) -> Result<(), No> {
        if matches!(self.bug, Bug::ReplayedAdmissionAccepted | Bug::AdmissionOfOtherSale) {
            return Ok(());
        }
        let entry = self.place_of.get(user).map(|place| &self.entries[*place]);
        match entry.and_then(|entry| entry.claimed_at.map(|at| (at, entry.ended_at))) {
            Some((_, Some(_))) => Err((403, "admission_used")),
            Some((claimed_at, None)) if now - claimed_at >= self.shopping_ms => Err((403, "admission_expired")),
            Some(_) => Ok(()),
            None => Err((403, "admission_invalid")),
        }
    }

    fn tickets_of(&self, user: &str) -> usize {
        self.orders.iter().filter(|order| order.user == user).map(|order| order.tickets.len()).sum()
    }

    /// All accounts of a network have one cap together.
    pub(crate) fn may_network_hold(&mut self, user: &str, network: [u8; 3], quantity: usize) -> Result<(), No> {
        let members = self.networks.entry(network).or_default();
        members.insert(user.into());
        let members = members.clone();
        let held = |user: &String| self.live_hold(user).map_or(0, |hold| hold.seats.len());
        let has: usize = members.iter().map(|member| self.tickets_of(member) + held(member)).sum();
        let over = self.max_tickets_of_network > 0 && has + quantity > self.max_tickets_of_network;
        if over && self.bug != Bug::ClusterCapIgnored { Err((403, "cluster_cap_exceeded")) } else { Ok(()) }
    }

    /// Names the claim of the account's latest place.
    fn claim_of(&self, user: &str) -> String {
        let place = self.place_of.get(user).map_or(0, |place| self.entries[*place].position);
        format!("claim-{user}-{place}")
    }

    fn plant_in_hold(&mut self, seats: &mut [usize]) {
        let wanted = match self.bug {
            Bug::OversellByOne => Seat::Sold,
            Bug::SharedHold => Seat::Held,
            _ => return,
        };
        if let Some(taken) = self.seats.iter().position(|seat| *seat == wanted)
            && self.once("seat")
        {
            seats[0] = taken;
        }
    }

    pub(crate) fn release(&mut self, user: &str, id: &str, now: i64) -> Result<(), No> {
        let hold =
            self.holds.iter().position(|hold| hold.id == id && hold.user == user).ok_or((404, "hold_not_found"))?;
        self.end_hold(hold, if self.bug == Bug::ReleasedHoldStaysLive { "live" } else { "released" }, now);
        if self.bug == Bug::ReleasedHoldStaysLive {
            self.holds[hold].ended_at = None;
        }
        Ok(())
    }

    fn end_hold(&mut self, hold: usize, state: &'static str, now: i64) {
        let hold = &mut self.holds[hold];
        (hold.state, hold.ended_at) = (state, Some(now));
        for seat in &hold.seats {
            if self.seats[*seat] == Seat::Held {
                self.seats[*seat] = Seat::Free;
            }
        }
    }

    pub(crate) fn checkout(&mut self, user: &str, hold_id: &str, now: i64) -> Result<usize, No> {
        let hold = self
            .holds
            .iter()
            .position(|hold| hold.id == hold_id && hold.user == user)
            .ok_or((404, "hold_not_found"))?;
        match self.holds[hold].state {
            "live" => {}
            "sold" if self.bug == Bug::DoubleSubmitMakesTwoOrders => {}
            "sold" => return Err((409, "hold_used")),
            _ => return Err((410, "hold_expired")),
        }
        let seats = self.holds[hold].seats.clone();
        for seat in &seats {
            if self.seats[*seat] == Seat::Sold && self.bug == Bug::SharedHold {
                self.end_hold(hold, "expired", now);
                return Err((410, "hold_expired"));
            }
            self.seats[*seat] = Seat::Sold;
        }
        (self.holds[hold].state, self.holds[hold].ended_at) = ("sold", Some(now));
        let number = self.orders.len();
        let tickets = seats.iter().map(|seat| Ticket { id: format!("ticket-{number}-{seat}"), seat: *seat }).collect();
        let (hold, claim) = (hold_id.into(), self.claim_of(user));
        self.orders.push(Order { id: format!("order-{number}"), user: user.into(), hold, claim, tickets, at: now });
        if let Some(place) = self.place_of.get(user) {
            self.entries[*place].ended_at = Some(now);
        }
        Ok(number)
    }
}
