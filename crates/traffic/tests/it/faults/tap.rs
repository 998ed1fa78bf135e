//! Between a fan and the two nodes: sends its requests to the node it is at, holds them to their deadline, and writes down
//! what came of them, in the words of the lab's history.

use std::mem;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::tally::{Doubts, Tally, Verb};
use crate::journey::fan::Wire;
use crate::process::{Answer, Line, now};

/// Nobody waits longer. An answer takes at most 15 s, whatever is broken.
const DEADLINE: Duration = Duration::from_secs(20);

/// What all fans together have seen.
pub(super) struct Ledger {
    began: Instant,
    records: Mutex<Vec<(u64, Value)>>,
    pub(super) tally: Mutex<Tally>,
}

/// What one fan's last requests have left open.
#[derive(Default)]
pub(super) struct Trail {
    pub(super) doubts: Doubts,
    has_place: bool,
    bought: bool,
}

pub(super) struct Tap<'a> {
    pub(super) lines: &'a mut [Line; 2],
    pub(super) node: usize,
    pub(super) fan: u32,
    pub(super) ledger: &'a Ledger,
    pub(super) trail: &'a mut Trail,
}

pub(super) fn lines(addresses: [SocketAddr; 2]) -> [Line; 2] {
    addresses.map(|address| Line::with_deadline(address, DEADLINE))
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self { began: now(), records: Mutex::default(), tally: Mutex::default() }
    }

    fn clock_us(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).expect("a test is over before that")
    }

    /// What one fan has asked and heard, for whoever looks at a failure.
    pub(super) fn of(&self, fan: u32) -> String {
        let records = self.records.lock().unwrap();
        records.iter().filter(|(_, record)| record["f"] == fan).map(|(_, record)| format!("\n{record}")).collect()
    }

    /// The lab's history: a line that names the accounts, and one for each request, in the order of the answers.
    pub(super) fn history(&self, accounts: &[String]) -> Vec<u8> {
        let mut records = mem::take(&mut *self.records.lock().unwrap());
        records.sort_by_key(|(received_us, _)| *received_us);
        let header = json!({ "schema": "traffic.history/1", "accounts": accounts });
        let lines = [header].into_iter().chain(records.into_iter().map(|(_, record)| record));
        lines.flat_map(|line| format!("{line}\n").into_bytes()).collect()
    }
}

impl Wire for Tap<'_> {
    fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Option<Answer> {
        // Who reaches nobody has asked nobody.
        if !self.lines[self.node].reach() {
            return None;
        }
        let op = match path.rsplit('/').next() {
            Some("join") => "join",
            Some("status") => "status",
            Some("holds") => "hold",
            Some("checkout") => "checkout",
            Some("orders") => return self.looks_for_order(method, path, headers),
            _ => panic!("no fan asks for {path}"),
        };
        let (sent, sent_us) = (now(), self.ledger.clock_us());
        let verb = Verb::of(op).filter(|verb| !self.is_repeat(*verb));
        if let Some(verb) = verb {
            self.trail.doubts.sends(verb);
        }
        let answer = self.lines[self.node].send(method, path, headers, body);
        let received_us = self.ledger.clock_us();
        assert!(sent.elapsed() < DEADLINE, "fan {}: {op} had no answer for {:?}", self.fan, sent.elapsed());
        let text = |field: &str| body.map_or(Value::Null, |body| body[field].clone());
        let record = json!({
            "o": op, "w": self.why(op), "f": self.fan, "d": self.node, "i": sent_us, "s": sent_us, "r": received_us,
            "k": text("idempotency_key"), "h": text("hold_id"), "x": outcome(op, answer.as_ref()),
        });
        self.ledger.records.lock().unwrap().push((received_us, record));
        let mut tally = self.ledger.tally.lock().unwrap();
        tally.requests += 1;
        match verb {
            Some(verb) => self.trail.doubts.hears(verb, answer.as_ref(), &mut tally),
            None => tally.cut_elsewhere += u64::from(answer.is_none()),
        }
        self.note(op, answer.as_ref());
        answer
    }
}

impl Tap<'_> {
    /// What the checkout's answer would have told; the lab's history has no such request.
    fn looks_for_order(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> Option<Answer> {
        let sent = now();
        let answer = self.lines[self.node].send(method, path, headers, None);
        assert!(sent.elapsed() < DEADLINE, "fan {}: its orders took {:?}", self.fan, sent.elapsed());
        if answer.as_ref().is_some_and(|answer| answer.status == 200) {
            self.trail.doubts.finds_its_order(&mut self.ledger.tally.lock().unwrap());
        }
        answer
    }

    /// Asked again only to see that the answer is the same.
    fn is_repeat(&self, verb: Verb) -> bool {
        match verb {
            Verb::Join => self.trail.has_place,
            Verb::Hold => self.trail.doubts.has_answered(Verb::Hold),
            Verb::Checkout => self.trail.bought,
        }
    }

    fn why(&self, op: &str) -> &'static str {
        match op {
            "join" if self.trail.has_place => "rejoin",
            "checkout" if self.trail.bought => "repeat",
            _ => "journey",
        }
    }

    fn note(&mut self, op: &str, answer: Option<&Answer>) {
        let done = answer.is_some_and(|answer| (200..300).contains(&answer.status));
        self.trail.has_place |= done && op == "join";
        self.trail.bought |= done && op == "checkout";
    }
}

fn outcome(op: &str, answer: Option<&Answer>) -> Value {
    let Some(answer) = answer else { return json!({ "unknown": "the answer was cut off" }) };
    let (body, code) = (answer.json(), answer.code());
    match (answer.status, code.as_str()) {
        (200..300, _) => json!({ "ok": { op: value(op, &body, answer) } }),
        (_, "outcome_unknown") => json!({ "unknown": code }),
        (_, "") => json!({ "unknown": format!("status {} without a code", answer.status) }),
        (status, _) => json!({ "refused": { "status": status, "code": code } }),
    }
}

fn value(op: &str, body: &Value, answer: &Answer) -> Value {
    let of = |fields: &[&str]| -> Value {
        fields.iter().map(|field| ((*field).to_owned(), body[field].clone())).collect::<serde_json::Map<_, _>>().into()
    };
    let mut value = match op {
        "join" => of(&["position"]),
        "status" => of(&["position", "state", "phase", "admitted"]),
        "hold" => of(&["hold_id", "seat_ids", "total"]),
        _ => of(&["order_id", "ticket_ids"]),
    };
    match op {
        "join" => value["created"] = json!(answer.status == 201),
        "status" => value["ahead"] = body["ahead_count"].clone(),
        // The bytes themselves tell best whether they are the same.
        "checkout" => value["digest"] = json!(String::from_utf8_lossy(&answer.body)),
        _ => {}
    }
    value
}
