//! One request of one fan over one of its devices: written, sent, answered or not, and recorded.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;

use crate::contract::{self, Credential, Hints};
use crate::history::{CUT, Op, Outcome, Record, UNFINISHED, Why};
use crate::net::{Answer, Conn, NetError, ring_address, source_address};
use crate::plan::Ring;
use crate::stage::{REQUEST_LIMIT, Stage};

/// Who is asking.
pub(super) struct Me {
    pub(super) stage: Stage,
    pub(super) number: u32,
    /// The sale this fan comes for.
    pub(super) sale: usize,
    pub(super) ring: Option<Ring>,
}

/// An operation about to be sent.
pub(super) struct Sending<'a> {
    pub(super) op: Op,
    pub(super) why: Why,
    pub(super) sale: usize,
    pub(super) device: usize,
    pub(super) intended_us: u64,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) credential: Credential<'a>,
    pub(super) body: Option<serde_json::Value>,
    pub(super) key: Option<String>,
    pub(super) hold: Option<String>,
    pub(super) headers: Vec<(&'static str, String)>,
    /// Hangs up so long after sending, whatever has come by then.
    pub(super) cut_after_us: Option<u64>,
}

impl Sending<'_> {
    pub(super) fn new(op: Op, why: Why, sale: usize, device: usize, intended_us: u64) -> Self {
        Sending {
            op,
            why,
            sale,
            device,
            intended_us,
            method: Method::GET,
            path: String::new(),
            credential: Credential::None,
            body: None,
            key: None,
            hold: None,
            headers: vec![],
            cut_after_us: None,
        }
    }
}

pub(super) struct Reply {
    pub(super) outcome: Outcome,
    pub(super) hints: Hints,
    pub(super) received_us: u64,
}

impl Reply {
    pub(super) fn refused_as(&self, wanted: &str) -> bool {
        matches!(&self.outcome, Outcome::Refused { code, .. } if &**code == wanted)
    }
}

/// Two clocks on one machine agree within this: a join refused as closed earlier than that is before the doors.
const DOORS_GRACE_US: u64 = 500_000;

impl Me {
    /// A connection of this fan's `number`-th device.
    pub(super) fn device(&self, number: usize) -> Conn {
        let source = match self.ring {
            Some(ring) => ring_address(ring.number, ring.member, number),
            None => source_address(self.number, number),
        };
        Conn::of_fan(self.stage.target.clone(), source, self.stage.spare.clone())
    }

    /// `None` when the run ended before the answer; it is recorded all the same. `free_us`: when the fan had its last answer.
    pub(super) async fn exchange(&self, conn: &mut Conn, sending: Sending<'_>, free_us: u64) -> Option<Reply> {
        let request = self.request(&sending);
        let clock = self.stage.clock;
        let sent_us = clock.now_us();
        let intended_us = sending.intended_us.min(sent_us);
        let answer = self.stage.unless_over(Box::pin(answered(conn, request, sending.cut_after_us))).await;
        let received_us = clock.now_us();
        if let Some(Err(NetError::Generator(why))) = &answer {
            self.stage.recorder.generator_error(why);
        }
        let doors_open = sent_us > self.stage.sales[sending.sale].doors_us + DOORS_GRACE_US;
        let finished = answer.is_some();
        // The generator's own delay only: from when it could have been sent.
        let lag_us = sent_us.saturating_sub(intended_us.max(free_us));
        let (outcome, hints) = contract::read(sending.op, answer.unwrap_or_else(unfinished));
        let record = Record {
            op: sending.op,
            why: sending.why,
            fan: self.number,
            device: u8::try_from(sending.device).unwrap_or(u8::MAX),
            sale: u8::try_from(sending.sale).unwrap_or(u8::MAX),
            intended_us,
            sent_us,
            received_us,
            expected_refusal: is_expected(sending.op, sending.why, &outcome, doors_open),
            key: sending.key.map(Into::into),
            hold: sending.hold.map(Into::into),
            outcome: outcome.clone(),
        };
        self.stage.recorder.record(record, lag_us);
        finished.then_some(Reply { outcome, hints, received_us })
    }

    fn request(&self, sending: &Sending<'_>) -> Result<Request<Full<Bytes>>, http::Error> {
        let authority = &self.stage.target.authority;
        let (method, body) = (sending.method.clone(), sending.body.clone());
        contract::request(authority, method, &sending.path, sending.credential, body, &sending.headers)
    }
}

async fn answered(
    conn: &mut Conn,
    request: Result<Request<Full<Bytes>>, http::Error>,
    cut_after_us: Option<u64>,
) -> Result<Answer, NetError> {
    // A server's own id that fits in no path: nothing is sent, and nothing is known.
    let request = request.map_err(|error| NetError::Lost(format!("cannot be written: {error}")))?;
    let Some(cut_after_us) = cut_after_us else { return conn.call(request, REQUEST_LIMIT).await };
    let seen = tokio::time::timeout(Duration::from_micros(cut_after_us), conn.call(request, REQUEST_LIMIT)).await;
    conn.close();
    match seen {
        Ok(Err(error @ NetError::Generator(_))) => Err(error),
        // Whoever hangs up has not read what may have come.
        _ => Err(NetError::Lost(CUT.into())),
    }
}

fn unfinished() -> Result<Answer, NetError> {
    Err(NetError::Lost(UNFINISHED.into()))
}

/// What stops somebody who asks for more than is allowed: limits, caps, and the one hold and one order that each has.
const STOPS: [&str; 11] = [
    "rate_limited",
    "unavailable",
    "active_hold_exists",
    "cap_exceeded",
    "cluster_cap_exceeded",
    "checkout_in_progress",
    "hold_used",
    "hold_expired",
    "hold_not_found",
    "admission_used",
    "admission_expired",
];

/// A no that the plan asked for, or that belongs to any sale: a lost race, a full room; and an answer not waited for.
fn is_expected(op: Op, why: Why, outcome: &Outcome, doors_open: bool) -> bool {
    let (status, code) = match outcome {
        Outcome::Refused { status, code } => (*status, &**code),
        Outcome::Unknown(why) => return &**why == CUT,
        _ => return false,
    };
    match (why, op) {
        (Why::ProbeUnadmitted, _) => status == 403 && code.starts_with("admission_"),
        (Why::ProbeOverCap, _) => matches!(code, "cap_exceeded" | "unavailable"),
        (Why::ProbeTransfer, _) => code == "transfer_blocked",
        (Why::Attack(attack), _) => code == "rate_limited" || attack.is_documented(status, code),
        (Why::Push, _) => STOPS.contains(&code),
        (_, Op::Hold) => code == "unavailable",
        // Whoever has a place needs neither room nor doors.
        (Why::Journey, Op::Join) => code == "room_full" || (code == "sale_closed" && !doors_open),
        _ => false,
    }
}
