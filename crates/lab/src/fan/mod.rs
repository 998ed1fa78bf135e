//! One virtual fan: joins, waits as the server asks, and shops. All its requests go through `call`, one at a time.

mod queue;
mod shop;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;

use crate::contract::{self, Credential, Hints};
use crate::dice::{Dice, Purpose};
use crate::history::{Op, Outcome, Record, UNFINISHED, Why};
use crate::net::{Answer, Conn, NetError};
use crate::plan::FanPlan;
use crate::stage::{REQUEST_LIMIT, Stage};

/// Where a journey ended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    Bought,
    SoldOut,
    /// An acknowledged place that the server no longer knows.
    Lost,
    /// The run ended first.
    Unfinished,
    /// A definite no that the plan did not ask for.
    Refused(String),
}

impl Ending {
    pub(crate) fn name(&self) -> String {
        match self {
            Ending::Bought => "bought".into(),
            Ending::SoldOut => "sold out".into(),
            Ending::Lost => "lost".into(),
            Ending::Unfinished => "unfinished".into(),
            Ending::Refused(code) => format!("refused: {code}"),
        }
    }
}

pub(crate) struct Fan {
    stage: Stage,
    number: u32,
    session: String,
    plan: FanPlan,
    /// The fan's connections: its own, and a second device's where the plan says so.
    devices: [Conn; 2],
    backoff: Dice,
    last_answer_us: u64,
    failures_in_a_row: u32,
}

/// An operation about to be sent.
struct Sending<'a> {
    op: Op,
    why: Why,
    device: u8,
    intended_us: u64,
    method: Method,
    path: String,
    credential: Credential<'a>,
    body: Option<serde_json::Value>,
    key: Option<&'a str>,
    hold: Option<&'a str>,
}

struct Reply {
    outcome: Outcome,
    hints: Hints,
    received_us: u64,
}

impl Reply {
    fn refused_as(&self, wanted: &str) -> bool {
        matches!(&self.outcome, Outcome::Refused { code, .. } if &**code == wanted)
    }
}

/// First and longest wait after an answer that never came or a busy server.
const BACKOFF_FIRST_US: u64 = 250_000;
const BACKOFF_MOST_US: u64 = 5_000_000;
/// Two clocks on one machine agree within this: a join refused as closed earlier than that is before the doors.
const DOORS_GRACE_US: u64 = 500_000;

impl Fan {
    pub(crate) fn new(stage: Stage, number: u32, session: String, plan: FanPlan) -> Self {
        let devices = [0, 1].map(|device| Conn::of_fan(stage.target.clone(), number, device));
        let backoff = Dice::new(stage.seed, u64::from(number), Purpose::Backoff);
        Fan { stage, number, session, plan, devices, backoff, last_answer_us: 0, failures_in_a_row: 0 }
    }

    /// The whole journey.
    pub(crate) async fn run(mut self) -> Ending {
        match self.journey().await {
            Some(ending) => ending,
            None => Ending::Unfinished,
        }
    }

    /// `None` whenever the run ends underneath.
    async fn journey(&mut self) -> Option<Ending> {
        let arrival = self.stage.doors_us + self.plan.arrival_us;
        self.pause_until(arrival).await?;
        let place = match self.join(arrival).await? {
            Ok(place) => place,
            Err(ending) => return Some(ending),
        };
        if self.plan.habits.tries_unadmitted {
            self.try_without_admission().await?;
        }
        let mut line = queue::Line::new(place, self.plan.habits.rejoin_after_us);
        match self.wait_in(&mut line).await? {
            Ok(token) => self.shop(&mut line, token).await,
            Err(ending) => Some(ending),
        }
    }

    async fn pause_until(&self, at_us: u64) -> Option<()> {
        self.stage.unless_over(self.stage.clock.sleep_until(at_us)).await
    }

    /// Sends one operation and records it, whatever comes of it. `None` when the run ended before the answer.
    async fn call(&mut self, sending: Sending<'_>) -> Option<Reply> {
        let request = self.request(&sending);
        let clock = self.stage.clock;
        let sent_us = clock.now_us();
        let intended_us = sending.intended_us.min(sent_us);
        let answer = {
            let conn = &mut self.devices[usize::from(sending.device)];
            let sent = async {
                // A server's own id that fits in no path: nothing is sent, and nothing is known.
                let request = request.map_err(|error| NetError::Lost(format!("cannot be written: {error}")))?;
                conn.call(request, REQUEST_LIMIT).await
            };
            self.stage.unless_over(sent).await
        };
        let received_us = clock.now_us();
        if let Some(Err(NetError::Generator(why))) = &answer {
            self.stage.recorder.generator_error(why);
        }
        let doors_open = sent_us > self.stage.doors_us + DOORS_GRACE_US;
        let finished = answer.is_some();
        // The generator's own delay only: from when it could have been sent.
        let lag_us = sent_us.saturating_sub(intended_us.max(self.last_answer_us));
        let (outcome, hints) = contract::read(sending.op, answer.unwrap_or_else(unfinished));
        self.last_answer_us = received_us;
        self.note_failure(&outcome);
        let record = Record {
            op: sending.op,
            why: sending.why,
            fan: self.number,
            device: sending.device,
            intended_us,
            sent_us,
            received_us,
            expected_refusal: expected_refusal(sending.op, sending.why, &outcome, doors_open),
            key: sending.key.map(Into::into),
            hold: sending.hold.map(Into::into),
            outcome: outcome.clone(),
        };
        self.stage.recorder.record(record, lag_us);
        finished.then_some(Reply { outcome, hints, received_us })
    }

    fn request(&self, sending: &Sending<'_>) -> Result<Request<Full<Bytes>>, http::Error> {
        let authority = &self.stage.target.authority;
        contract::request(authority, sending.method.clone(), &sending.path, sending.credential, sending.body.clone())
    }

    fn note_failure(&mut self, outcome: &Outcome) {
        let busy = matches!(outcome, Outcome::Unknown(_) | Outcome::Refused { status: 429 | 503, .. });
        self.failures_in_a_row = if busy { self.failures_in_a_row.saturating_add(1) } else { 0 };
    }

    /// When to try again after `reply`: as the server asked, else doubling from 250 ms, drawn from the plan's stream.
    fn retry_at(&mut self, reply: &Reply) -> u64 {
        let doubled = BACKOFF_FIRST_US << self.failures_in_a_row.saturating_sub(1).min(8);
        let wait = match reply.hints.retry_after_ms {
            Some(ms) => ms.saturating_mul(1_000),
            None => doubled.min(BACKOFF_MOST_US),
        };
        reply.received_us + wait + self.backoff.below(wait / 4 + 1)
    }

    fn sale_path(&self, rest: &str) -> String {
        format!("/v1/sales/{}/{rest}", self.stage.sale_id)
    }
}

fn unfinished() -> Result<Answer, NetError> {
    Err(NetError::Lost(UNFINISHED.into()))
}

/// A no that the plan asked for, or that belongs to any sale: a lost race, a full room.
fn expected_refusal(op: Op, why: Why, outcome: &Outcome, doors_open: bool) -> bool {
    let Outcome::Refused { status, code } = outcome else { return false };
    match (why, op) {
        (Why::ProbeUnadmitted, _) => *status == 403 && code.starts_with("admission_"),
        (Why::ProbeOverCap, _) => matches!(&**code, "cap_exceeded" | "unavailable"),
        (Why::ProbeTransfer, _) => &**code == "transfer_blocked",
        (_, Op::Hold) => &**code == "unavailable",
        // Whoever has a place needs neither room nor doors.
        (Why::Journey, Op::Join) => &**code == "room_full" || (&**code == "sale_closed" && !doors_open),
        _ => false,
    }
}
