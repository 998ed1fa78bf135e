//! A fan who goes on after every crash where the last answer left off, and remembers all that was acknowledged.
//!
//! A request without an answer is sent again with the same key: its effect may be there or not, but never twice.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::process::{Answer, Line, now};

/// Younger than the ninety seconds that an admission lives.
const ADMISSION_IS_FRESH: Duration = Duration::from_secs(60);
/// Within the limit of polls for one account, however long the line stands.
const POLL_EVERY: Duration = Duration::from_millis(20);
/// Left paying in one round, aged in the next, settled at the start of the one after.
const ROUNDS_TO_SETTLE: u64 = 2;

pub(crate) struct Fan {
    pub(crate) account: String,
    pub(crate) sale: String,
    session: String,
    pub(crate) number: u64,
    /// Requests whose answer never came.
    unanswered: Unanswered,
    pub(crate) position: Option<i64>,
    polled: Option<Instant>,
    /// What the line says of it.
    has_bought: bool,
    admission: Option<(String, Instant)>,
    pub(crate) hold: Option<Kept>,
    /// The round that left the order paying.
    pub(crate) paying_since: Option<u64>,
    pub(crate) declined: bool,
    pub(crate) order: Option<Kept>,
}

#[derive(Default)]
struct Unanswered {
    join: bool,
    hold: bool,
    checkout: bool,
}

/// An acknowledged answer, to the byte.
pub(crate) struct Kept {
    pub(crate) body: Vec<u8>,
    pub(crate) json: Value,
}

/// What all rounds together have seen: a loop that saw nothing proves nothing.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) joins: AtomicU64,
    pub(crate) holds: AtomicU64,
    pub(crate) orders: AtomicU64,
    pub(crate) declines: AtomicU64,
    /// Checkouts whose payment gave no answer.
    pub(crate) left_paying: AtomicU64,
    /// Orders that a crash left paying, for want of an answer or between two commits, and the same key has led to since.
    pub(crate) settled: AtomicU64,
    /// Writes whose answer was cut off.
    pub(crate) cut: AtomicU64,
    /// Of them, those that the same request has resolved since.
    pub(crate) resolved: AtomicU64,
    /// Keys that were sent again and brought the same bytes.
    pub(crate) repeats: AtomicU64,
}

/// Why a request brought nothing.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// No whole answer: nobody knows what happened.
    Cut,
    /// An answer that the journey does not allow for.
    Refused(Answer),
}

type Step = Result<(), Trouble>;

/// The way of a fan's requests to a server.
pub(crate) trait Wire {
    /// `None` when no whole answer came: nobody knows what happened.
    fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Option<Answer>;
}

impl Wire for Line {
    fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Option<Answer> {
        Line::send(self, method, path, headers, body)
    }
}

impl Seen {
    pub(crate) fn acknowledged(&self) -> u64 {
        self.joins.load(Relaxed) + self.holds.load(Relaxed) + self.orders.load(Relaxed)
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

impl Kept {
    fn of(answer: Answer) -> Self {
        Self { json: answer.json(), body: answer.body }
    }

    pub(crate) fn text(&self, field: &str) -> &str {
        self.json[field].as_str().unwrap()
    }

    /// The ids in a list, in order.
    pub(crate) fn list(&self, field: &str) -> Vec<&str> {
        let mut list: Vec<&str> = self.json[field].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        list.sort_unstable();
        list
    }
}

impl Fan {
    pub(crate) fn new(number: u64, sale: &str, (account, session): (String, String)) -> Self {
        Self {
            account,
            sale: sale.to_owned(),
            session,
            number,
            unanswered: Unanswered::default(),
            position: None,
            polled: None,
            has_bought: false,
            admission: None,
            hold: None,
            paying_since: None,
            declined: false,
            order: None,
        }
    }

    /// Nothing to do now: done, polled a moment ago, or left with an order that is not settled yet.
    pub(crate) fn rests(&self, round: u64) -> bool {
        let polled = self.admission().is_none() && self.polled.is_some_and(|polled| polled.elapsed() < POLL_EVERY);
        polled || self.order.is_some() || self.paying_since.is_some_and(|since| round < since + ROUNDS_TO_SETTLE)
    }

    /// Its last write has had no answer.
    pub(crate) fn is_in_doubt(&self) -> bool {
        let Unanswered { join, hold, checkout } = self.unanswered;
        join || hold || checkout
    }

    pub(crate) fn is_inside(&self) -> bool {
        self.admission.is_some() && self.order.is_none()
    }

    /// How far the journey has come: what was acknowledged.
    pub(crate) fn told(&self) -> usize {
        [self.position.is_some(), self.admission.is_some(), self.hold.is_some(), self.declined, self.order.is_some()]
            .into_iter()
            .filter(|told| *told)
            .count()
    }

    /// The next request of the journey.
    pub(crate) fn step(&mut self, line: &mut dyn Wire, round: u64, seen: &Seen) -> Step {
        if self.position.is_none() {
            self.join(line, seen)
        } else if self.admission().is_none() {
            self.poll(line)?;
            if self.has_bought { self.find_order(line, seen) } else { Ok(()) }
        } else if self.hold.is_none() {
            self.place_hold(line, seen)
        } else {
            self.check_out(line, round, seen)
        }
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/sales/{}/{rest}", self.sale)
    }

    fn admission(&self) -> Option<String> {
        let fresh = self.admission.as_ref().filter(|(_, got)| got.elapsed() < ADMISSION_IS_FRESH);
        fresh.map(|(token, _)| format!("Admission {token}"))
    }

    fn join(&mut self, line: &mut dyn Wire, seen: &Seen) -> Step {
        let bearer = format!("Bearer {}", self.session);
        let answer = line.send("POST", &self.path("waiting-room/join"), &[("authorization", &bearer)], None);
        let Some(answer) = answer else {
            self.unanswered.join = true;
            count(&seen.cut);
            return Err(Trouble::Cut);
        };
        let known = answer.status == 200 && self.unanswered.join;
        if answer.status != 201 && !known {
            return Err(self.refused(answer, |unanswered| &mut unanswered.join));
        }
        self.position = answer.json()["position"].as_i64();
        assert!(self.position.is_some(), "{answer:?}");
        resolve(&mut self.unanswered.join, seen);
        count(&seen.joins);
        Ok(())
    }

    /// Who has a place and joins again is told the same one.
    pub(crate) fn join_again(&mut self, line: &mut dyn Wire) -> Step {
        let bearer = format!("Bearer {}", self.session);
        let answer = line.send("POST", &self.path("waiting-room/join"), &[("authorization", &bearer)], None);
        let answer = answer.ok_or(Trouble::Cut)?;
        if answer.status != 200 {
            return Err(Trouble::Refused(answer));
        }
        assert_eq!(answer.json()["position"].as_i64(), self.position, "{}: {answer:?}", self.account);
        Ok(())
    }

    /// An answer that leaves it open counts as none.
    fn refused(&mut self, answer: Answer, what: fn(&mut Unanswered) -> &mut bool) -> Trouble {
        if answer.code() == "outcome_unknown" {
            *what(&mut self.unanswered) = true;
        }
        Trouble::Refused(answer)
    }

    /// The line, as it shows itself to this fan: the place never changes.
    pub(crate) fn poll(&mut self, line: &mut dyn Wire) -> Step {
        self.polled = Some(now());
        let bearer = format!("Bearer {}", self.session);
        let answer = line.send("GET", &self.path("waiting-room/status"), &[("authorization", &bearer)], None);
        let answer = answer.ok_or(Trouble::Cut)?;
        if answer.status != 200 {
            return Err(Trouble::Refused(answer));
        }
        let status = answer.json();
        assert_eq!(status["position"].as_i64(), self.position, "{}: {status}", self.account);
        self.has_bought = status["state"] == "bought";
        if let Some(token) = status["admission_token"].as_str() {
            self.admission = Some((token.to_owned(), now()));
        }
        Ok(())
    }

    /// The answer to the checkout never came, and without an admission the key cannot be sent again: the order is among
    /// one's own.
    fn find_order(&mut self, line: &mut dyn Wire, seen: &Seen) -> Step {
        let bearer = format!("Bearer {}", self.session);
        let answer = line.send("GET", "/v1/orders", &[("authorization", &bearer)], None).ok_or(Trouble::Cut)?;
        if answer.status != 200 {
            return Err(Trouble::Refused(answer));
        }
        let orders = answer.json();
        let mut confirmed = orders["orders"].as_array().unwrap().iter().filter(|order| order["status"] == "confirmed");
        let order = confirmed.next().unwrap_or_else(|| panic!("{} has bought nothing: {orders}", self.account));
        let tickets: Vec<&Value> =
            order["tickets"].as_array().unwrap().iter().map(|ticket| &ticket["ticket_id"]).collect();
        let json = json!({ "order_id": order["order_id"], "ticket_ids": tickets });
        self.order = Some(Kept { body: answer.body, json });
        self.pays_no_more(seen);
        Ok(())
    }

    fn pays_no_more(&mut self, seen: &Seen) {
        resolve(&mut self.unanswered.checkout, seen);
        count(&seen.orders);
        if self.paying_since.take().is_some() {
            count(&seen.settled);
        }
    }

    fn ask_for_seats(&self, line: &mut dyn Wire) -> Option<Answer> {
        let wish = json!({
            "best_available": { "quantity": 1 + self.number % 2 }, "idempotency_key": format!("hold-{}", self.number),
        });
        line.send("POST", &self.path("holds"), &[("authorization", &self.admission().unwrap())], Some(&wish))
    }

    fn place_hold(&mut self, line: &mut dyn Wire, seen: &Seen) -> Step {
        let Some(answer) = self.ask_for_seats(line) else {
            self.unanswered.hold = true;
            count(&seen.cut);
            return Err(Trouble::Cut);
        };
        match (answer.status, answer.code().as_str()) {
            (200, _) => {
                self.hold = Some(Kept::of(answer));
                resolve(&mut self.unanswered.hold, seen);
                count(&seen.holds);
            }
            // Others were faster, three times in a row.
            (409, "unavailable") => {}
            _ => return Err(self.refused(answer, |unanswered| &mut unanswered.hold)),
        }
        if self.number.is_multiple_of(3) { self.repeat(line, seen) } else { Ok(()) }
    }

    /// Some payments lose their answer, some are declined at first.
    fn payment(&self) -> &'static str {
        match self.number % 8 {
            1 | 5 => "sim_timeout",
            2 if !self.declined => "sim_decline",
            _ => "sim_ok",
        }
    }

    fn pay(&self, line: &mut dyn Wire) -> Option<Answer> {
        let second = if self.declined { "-again" } else { "" };
        let body = json!({
            "hold_id": self.hold.as_ref().unwrap().text("hold_id"), "payment": { "token": self.payment() },
            "idempotency_key": format!("buy-{}{second}", self.number),
        });
        line.send("POST", &self.path("checkout"), &[("authorization", &self.admission().unwrap())], Some(&body))
    }

    fn check_out(&mut self, line: &mut dyn Wire, round: u64, seen: &Seen) -> Step {
        let Some(answer) = self.pay(line) else {
            self.unanswered.checkout = true;
            count(&seen.cut);
            return Err(Trouble::Cut);
        };
        match (answer.status, answer.code().as_str()) {
            (200, _) => {
                self.order = Some(Kept::of(answer));
                self.pays_no_more(seen);
            }
            (402, "payment_declined") if self.payment() == "sim_decline" => {
                self.declined = true;
                self.paying_since = None;
                resolve(&mut self.unanswered.checkout, seen);
                count(&seen.declines);
            }
            (503, "outcome_unknown") if self.payment() == "sim_timeout" && self.paying_since.is_none() => {
                self.paying_since = Some(round);
                count(&seen.left_paying);
            }
            _ => return Err(self.refused(answer, |unanswered| &mut unanswered.checkout)),
        }
        if self.order.is_some() && self.number.is_multiple_of(3) { self.repeat(line, seen) } else { Ok(()) }
    }

    /// The last key that was answered, once more: the same bytes, not a second effect.
    pub(crate) fn repeat(&self, line: &mut dyn Wire, seen: &Seen) -> Step {
        // Who has no fresh admission any more cannot ask.
        if self.admission().is_none() || self.hold.is_none() {
            return Ok(());
        }
        let (kept, answer) = match &self.order {
            Some(order) => (order, self.pay(line)),
            None => (self.hold.as_ref().unwrap(), self.ask_for_seats(line)),
        };
        let answer = answer.ok_or(Trouble::Cut)?;
        if answer.status != 200 {
            return Err(Trouble::Refused(answer));
        }
        assert_eq!(answer.body, kept.body, "the same key brings the same bytes");
        count(&seen.repeats);
        Ok(())
    }
}

fn resolve(unanswered: &mut bool, seen: &Seen) {
    if std::mem::take(unanswered) {
        count(&seen.resolved);
    }
}
