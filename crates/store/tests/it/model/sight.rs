//! All that can be seen of a sale, as lines of text: as the model has it, and as the product exports it.

use domain::{SaleId, Timestamp};
use serde_json::Value as Json;
use store::export::Export;
use store::stats::{SaleStats, Stats};
use store::{Outcome, Query, Read};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::rules::{End, Model};

/// More lines than a case can make: an export that had to wait for its reader would wait for ever.
const MOST_LINES: usize = 4_096;

fn dash(value: Option<impl ToString>) -> String {
    value.map_or("-".into(), |value| value.to_string())
}

fn end(end: End) -> String {
    end.map_or("-".into(), |(at, how)| format!("{how} at {at}"))
}

impl Model {
    pub(crate) fn sight(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "sale {} paused {} closed {} last {} through {}",
            self.phase(self.seats_in("sold") as i64 == self.terms.seats),
            self.paused,
            dash(self.closed_at),
            self.entries.len(),
            self.through
        )];
        for (seq, (until, paused)) in (1..).zip(&self.changes) {
            lines.push(format!("terms {seq} until {until} paused {paused}"));
        }
        for (position, e) in (1..).zip(&self.entries) {
            let claimed = self.claims.iter().find(|claim| claim.position == position).map(|claim| claim.at);
            let times = [e.called, e.returned, e.recalled, claimed].map(dash).join(" ");
            let (fan, state, joined) = (e.fan, self.state(position), e.joined);
            lines.push(format!("entry {position} fan {fan} {state} joined {joined} then {times} end {}", end(e.end)));
        }
        for (seq, c) in (1..).zip(&self.calls) {
            let people = format!("called {} recalled {} through {}", c.called, c.recalled, c.through);
            lines.push(format!("call {seq} at {} {people} credit {} by {}", c.at, c.credit_ms, c.bound));
        }
        for c in &self.claims {
            let (id, fan, at) = (c.id, c.fan, c.position);
            lines.push(format!("claim {id} fan {fan} entry {at} from {} to {} end {}", c.at, c.deadline, end(c.end)));
        }
        for seat in 0..self.terms.seats as u32 {
            let owner = self.holds.iter().find(|hold| hold.owns(seat));
            let status = owner.map_or("available", |hold| if hold.is("sold") { "sold" } else { "held" });
            lines.push(format!("seat {seat} {status}"));
        }
        for h in &self.holds {
            let (mut seats, price) = (h.seats.clone(), h.seats.len() * 5_000);
            seats.sort_unstable();
            let end = h.end.map_or("live -".into(), |(at, how)| format!("{how} {at}"));
            let from = format!("fan {} claim {} for {price} from {}", h.fan, h.claim, h.placed);
            lines.push(format!("hold {} seats {seats:?} {from} to {} {end}", h.id, h.expires));
        }
        for o in &self.orders {
            let seats = self.holds.iter().find(|hold| hold.id == o.hold).expect("an order has a hold").seats.clone();
            let total = seats.len() * 5_000;
            let of = format!("fan {} hold {} claim {} for {total}", o.fan, o.hold, o.claim);
            lines.push(format!("order {} {of} {} from {} settled {}", o.id, o.state, o.created, dash(o.settled)));
            let mut sold = seats;
            sold.sort_unstable();
            for (ticket, seat) in o.tickets.iter().zip(sold) {
                let issued = o.settled.expect("settled with its tickets");
                lines.push(format!("ticket {ticket} order {} fan {} seat {seat} for 5000 at {issued}", o.id, o.fan));
            }
            if let Some((at, state)) = o.payment {
                lines.push(format!("payment {} for {total} {state} at {at}", o.id));
            }
        }
        lines.extend(self.figures());
        lines.sort_unstable();
        lines
    }

    fn phase(&self, sold_out: bool) -> &'static str {
        match () {
            () if self.has_ended() => "ended",
            () if self.wall() < self.terms.opens => "scheduled",
            () if sold_out => "sold_out",
            () if self.paused => "paused",
            () => "open",
        }
    }

    fn figures(&self) -> Vec<String> {
        let people = |state| (1..=self.entries.len()).filter(|position| self.state(*position) == state).count();
        let payments = |state| self.orders.iter().filter(move |o| o.payment.is_some_and(|(_, is)| is == state));
        let tickets = |order: &super::rules::Order| order.tickets.len() * 5_000;
        let holds = self.holds.iter().filter(|hold| hold.is("live")).count();
        let mut buyers: Vec<u32> = payments("captured").map(|order| order.fan).collect();
        buyers.sort_unstable();
        buyers.dedup();
        let mut lines = vec![format!("figure phase {}", self.phase(self.free() == 0 && holds == 0))];
        let figures = [
            ("total_seats", self.terms.seats as usize),
            ("tickets_sold", self.seats_in("sold")),
            ("orders", self.orders.iter().filter(|order| order.state == "confirmed").count()),
            ("unique_buyers", buyers.len()),
            ("joined", self.entries.len()),
            ("waiting", self.waiting()),
            ("called", people("called")),
            ("called_in_window", self.coming()),
            ("returning", people("returning")),
            ("inside", people("inside")),
            ("bought", people("bought")),
            ("expired", people("expired")),
            ("left", people("left")),
            ("holds", holds),
            ("held_seats", self.seats_in("live")),
            ("available_seats", self.free() as usize),
            ("through", self.through),
            ("last_position", self.entries.len()),
            ("captured_total", payments("captured").map(tickets).sum()),
            ("refund_due", payments("refund_due").count()),
            // Nobody cancels in the model's cases.
            ("held_back_seats", 0),
            ("cancelled_tickets", 0),
            ("refunded_total", 0),
            ("paying", self.orders.iter().filter(|order| order.state == "paying").count()),
        ];
        lines.extend(figures.map(|(name, value)| format!("figure {name} {value}")));
        lines
    }
}

/// The export and the figures of one sale, from one snapshot.
pub(crate) struct Look(pub(crate) SaleId);

impl Query for Look {
    type Out = (Vec<Json>, Stats);

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Self::Out> {
        let (sink, mut lines) = mpsc::channel(MOST_LINES);
        Export { sale: self.0, sink }.run(read).await?;
        let mut export = Vec::new();
        while let Ok(line) = lines.try_recv() {
            export.push(serde_json::from_slice(&line).expect("a line of JSON"));
        }
        Ok((export, SaleStats(self.0).run(read).await?))
    }
}

/// The number that a case gave to what has this id.
pub(crate) fn number(id: Uuid) -> u64 {
    id.as_u64_pair().1 & 0xFFFF_FFFF
}

/// `GA-1-3` is seat 2.
pub(crate) fn seat(label: &str) -> u32 {
    label.strip_prefix("GA-1-").and_then(|num| num.parse::<u32>().ok()).expect("a hall of one row") - 1
}

/// What the product shows, in the words of the model. `began`: the moment that the case calls 0.
pub(crate) fn sight((export, stats): &(Vec<Json>, Stats), began: Timestamp) -> Vec<String> {
    let mut lines: Vec<String> =
        export.iter().filter(|line| line["type"] != "end").map(|line| Line { line, began }.text()).collect();
    let Json::Object(figures) = serde_json::to_value(stats).expect("figures") else { panic!("figures have names") };
    for (name, value) in figures.iter().filter(|(name, _)| *name != "sale_id" && *name != "at") {
        lines.push(format!("figure {name} {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
    }
    lines.sort_unstable();
    lines
}

struct Line<'a> {
    line: &'a Json,
    began: Timestamp,
}

impl Line<'_> {
    /// A field as the model writes it: ids as numbers, seats as numbers, times since the case began.
    fn get(&self, field: &str) -> String {
        match &self.line[field] {
            Json::Null => "-".into(),
            Json::String(text) => {
                if let Ok(id) = text.parse::<Uuid>() {
                    number(id).to_string()
                } else if let Some(at) = Timestamp::parse(text) {
                    at.since_ms(self.began).to_string()
                } else if field == "seat_id" {
                    seat(text).to_string()
                } else {
                    text.clone()
                }
            }
            Json::Array(labels) => {
                let mut seats: Vec<u32> = labels.iter().map(|label| seat(label.as_str().expect("a label"))).collect();
                seats.sort_unstable();
                format!("{seats:?}")
            }
            other => other.to_string(),
        }
    }

    fn end(&self) -> String {
        if self.line["ended_at"].is_null() {
            return "-".into();
        }
        format!("{} at {}", self.get("ended_as"), self.get("ended_at"))
    }

    /// `words`: a sentence with the names of fields in brackets.
    fn say(&self, words: &str) -> String {
        let mut text = String::new();
        for part in words.split('{') {
            match part.split_once('}') {
                Some((field, rest)) => text.extend([self.get(field).as_str(), rest]),
                None => text.push_str(part),
            }
        }
        text
    }

    fn text(&self) -> String {
        let kind = self.line["type"].as_str().expect("a type");
        let words = match kind {
            "sale" => "sale {phase} paused {paused} closed {closed_at} last {last_position} through {through}",
            "entry" => {
                let words = "entry {position} fan {user_id} {state} joined {joined_at} then {called_at} {returned_at} \
                             {recalled_at} {claimed_at}";
                return format!("{} end {}", self.say(words), self.end());
            }
            "call" => {
                "call {seq} at {at} called {called} recalled {recalled} through {through} credit {credit_ms} by {bound_by}"
            }
            "claim" => {
                let words = "claim {claim_id} fan {user_id} entry {position} from {claimed_at} to {deadline}";
                return format!("{} end {}", self.say(words), self.end());
            }
            "terms" => "terms {seq} until {until} paused {paused}",
            "seat" => "seat {seat_id} {status}",
            "hold" => {
                "hold {hold_id} seats {seat_ids} fan {user_id} claim {claim_id} for {total} from {placed_at} \
                 to {expires_at} {state} {ended_at}"
            }
            "order" => {
                "order {order_id} fan {user_id} hold {hold_id} claim {claim_id} for {total} {status} \
                 from {created_at} settled {settled_at}"
            }
            "ticket" => "ticket {ticket_id} order {order_id} fan {user_id} seat {seat_id} for {price} at {issued_at}",
            "payment" => "payment {order_id} for {amount} {state} at {at}",
            other => panic!("a line of type {other}"),
        };
        self.say(words)
    }
}
