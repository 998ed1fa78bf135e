//! Inside the shop: look, hold, think, pay; and the probes that must be refused.

use http::Method;
use serde_json::{Value as Json, json};

use super::queue::Line;
use super::{Ending, Fan, Reply, Sending};
use crate::contract::Credential;
use crate::history::{Op, Outcome, Value, Why};
use crate::plan::Abandon;

/// As many seats as the contract shows a shopper at once.
const SEATS_SHOWN: u32 = 200;
/// What a cap says to somebody who has as much as is allowed.
const CAPS: [&str; 3] = ["cap_exceeded", "cluster_cap_exceeded", "group_cap_exceeded"];

pub(super) enum Paid {
    /// The tickets.
    Yes(Vec<Box<str>>),
    /// The hold is gone; the seats must be asked for anew.
    HoldGone,
    No(Ending),
}

impl Fan {
    /// From the admission to the ticket. A lost race is run again while the server says that seats are left.
    pub(super) async fn shop(&mut self, line: &mut Line, mut token: String) -> Option<Ending> {
        self.me.stage.news.overhear(&token, false);
        self.look(Credential::Admission(&token), Why::Journey).await?;
        if self.plan.habits.tries_over_cap {
            self.try_over_cap(&token).await?;
        }
        if let Some(other) = self.plan.habits.crosses_to {
            self.try_elsewhere(other, &token).await?;
        }
        let mut wanted = self.plan.wants;
        for attempt in 0u32.. {
            let key = self.key(&format!("h{attempt}"));
            let reply = self.hold_surely(&token, wanted, &key).await?;
            match &reply.outcome {
                Outcome::Ok(Value::Hold { hold_id, .. }) => {
                    let thought_us = reply.received_us + self.plan.think_us;
                    self.pause_until(thought_us).await?;
                    if let Some(abandon) = self.plan.habits.abandons {
                        return self.give_up(abandon, &token, hold_id).await;
                    }
                    match self.pay(&token, hold_id, thought_us).await? {
                        Paid::Yes(tickets) => {
                            self.try_after_the_purchase(&token, &tickets).await?;
                            return Some(Ending::Bought);
                        }
                        Paid::No(ending) => {
                            if ending == Ending::Capped {
                                self.release(&token, hold_id).await?;
                            }
                            return Some(ending);
                        }
                        Paid::HoldGone => {}
                    }
                }
                // Fewer may be left than wanted: from now on one will do.
                Outcome::Refused { code, .. } if &**code == "unavailable" => wanted = 1,
                Outcome::Refused { code, .. } if matches!(&**code, "admission_expired" | "admission_invalid") => {}
                Outcome::Refused { code, .. } => return Some(self.refused(code)),
                _ => {}
            }
            line.resume(self.me.stage.clock.now_us());
            token = match self.wait_in(line).await? {
                Ok(fresh) => fresh,
                Err(ending) => return Some(ending),
            };
        }
        None
    }

    /// Where a no ends the journey.
    fn refused(&self, code: &str) -> Ending {
        if self.why_buy() == Why::Push && CAPS.contains(&code) {
            Ending::Capped
        } else {
            Ending::Refused(code.to_owned())
        }
    }

    /// Whether this fan's purchases are within what one person may have.
    pub(super) fn why_buy(&self) -> Why {
        if self.plan.habits.bot.is_some() || self.plan.habits.ring.is_some() { Why::Push } else { Why::Journey }
    }

    /// Unique in this run; a visit later it is another one.
    pub(super) fn key(&self, what: &str) -> String {
        let again = if self.visits > 0 { format!("v{}-", self.visits) } else { String::new() };
        format!("{}-{}-{again}{what}", self.me.stage.run_tag, self.me.number)
    }

    pub(super) async fn look(&mut self, credential: Credential<'_>, why: Why) -> Option<Reply> {
        let path = self.sale_path(&format!("seats?status=available&limit={SEATS_SHOWN}"));
        self.call(Sending { path, credential, ..self.sending(Op::Seats, why) }).await
    }

    /// Asks for `wanted` seats; an answer that never came is asked for again with the same key.
    async fn hold_surely(&mut self, token: &str, wanted: u64, key: &str) -> Option<Reply> {
        loop {
            let reply = self.call(self.to_hold(Credential::Admission(token), wanted, key, self.why_buy())).await?;
            if !unsettled(&reply.outcome) {
                return Some(reply);
            }
            let at = self.retry_at(&reply);
            self.pause_until(at).await?;
        }
    }

    pub(super) fn to_hold<'a>(&self, credential: Credential<'a>, wanted: u64, key: &str, why: Why) -> Sending<'a> {
        let body = json!({"best_available": {"quantity": wanted}, "idempotency_key": key});
        Sending {
            method: Method::POST,
            path: self.sale_path("holds"),
            credential,
            body: Some(body),
            key: Some(key.to_owned()),
            headers: self.claimed_origin(),
            ..self.sending(Op::Hold, why)
        }
    }

    pub(super) async fn pay(&mut self, token: &str, hold_id: &str, mut intended_us: u64) -> Option<Paid> {
        let key = self.key(&format!("c-{hold_id}"));
        loop {
            let first = self.to_pay(token, hold_id, &key, self.why_buy());
            let reply = self.call(Sending { intended_us, ..first }).await?;
            match &reply.outcome {
                Outcome::Ok(value) => {
                    if self.plan.habits.repeats_checkout {
                        let again = self.to_pay(token, hold_id, &key, Why::Repeat);
                        self.call(Sending { intended_us: reply.received_us, ..again }).await?;
                    }
                    let Value::Checkout { ticket_ids, .. } = value else { return Some(Paid::Yes(vec![])) };
                    return Some(Paid::Yes(ticket_ids.clone()));
                }
                Outcome::Refused { code, .. } if matches!(&**code, "hold_expired" | "hold_not_found") => {
                    return Some(Paid::HoldGone);
                }
                outcome if unsettled(outcome) || reply.refused_as("checkout_in_progress") => {
                    intended_us = self.retry_at(&reply);
                    self.pause_until(intended_us).await?;
                }
                Outcome::Refused { code, .. } => return Some(Paid::No(self.refused(code))),
                _ => return Some(Paid::No(Ending::Unfinished)),
            }
        }
    }

    pub(super) fn to_pay<'a>(&self, token: &'a str, hold_id: &str, key: &str, why: Why) -> Sending<'a> {
        Sending {
            method: Method::POST,
            path: self.sale_path("checkout"),
            credential: Credential::Admission(token),
            body: Some(self.payment(hold_id, key)),
            key: Some(key.to_owned()),
            hold: Some(hold_id.to_owned()),
            headers: self.claimed_origin(),
            ..self.sending(Op::Checkout, why)
        }
    }

    /// All accounts of a ring pay with one card.
    fn payment(&self, hold_id: &str, key: &str) -> Json {
        let mut body = json!({"hold_id": hold_id, "idempotency_key": key});
        if let Some(ring) = self.plan.habits.ring {
            body["payment"] = json!({"token": format!("sim_ok:{}-ring-{}", self.me.stage.run_tag, ring.number)});
        }
        body
    }

    /// What this fan says of where it comes from. Nobody here is a proxy: it must change nothing.
    fn claimed_origin(&self) -> Vec<(&'static str, String)> {
        let habits = &self.plan.habits;
        if !habits.bot.is_some_and(|bot| bot.forges_address) && habits.ring.is_none() {
            return vec![];
        }
        let [_, _, high, low] = self.me.number.to_be_bytes();
        vec![("x-forwarded-for", format!("203.0.{high}.{low}"))]
    }

    async fn give_up(&mut self, abandon: Abandon, token: &str, hold_id: &str) -> Option<Ending> {
        if abandon == Abandon::Releases {
            self.release(token, hold_id).await?;
        }
        Some(Ending::Abandoned)
    }

    pub(super) async fn release(&mut self, token: &str, hold_id: &str) -> Option<Reply> {
        let path = self.sale_path(&format!("holds/{hold_id}"));
        let (credential, hold) = (Credential::Admission(token), Some(hold_id.to_owned()));
        let release = self.sending(Op::Release, self.why_buy());
        self.call(Sending { method: Method::DELETE, path, credential, hold, ..release }).await
    }

    /// Seats and a hold with a session only: both must be refused.
    pub(super) async fn try_without_admission(&mut self) -> Option<()> {
        let session = self.session.clone();
        self.look(Credential::Session(&session), Why::ProbeUnadmitted).await?;
        let key = self.key("p");
        self.call(self.to_hold(Credential::Session(&session), 1, &key, Why::ProbeUnadmitted)).await?;
        Some(())
    }

    /// One seat over the cap must be refused; a hold that was given all the same is given back.
    async fn try_over_cap(&mut self, token: &str) -> Option<()> {
        let over = self.me.stage.sales[self.me.sale].cap.saturating_add(1);
        let key = self.key("o");
        let reply = self.call(self.to_hold(Credential::Admission(token), over, &key, Why::ProbeOverCap)).await?;
        if let Outcome::Ok(Value::Hold { hold_id, .. }) = &reply.outcome {
            self.release(token, hold_id).await?;
        }
        Some(())
    }

    /// What a sold ticket and a used admission must not be good for.
    pub(super) async fn try_after_the_purchase(&mut self, token: &str, tickets: &[Box<str>]) -> Option<()> {
        self.me.stage.news.overhear(token, true);
        if let Some(ticket) = tickets.first().filter(|_| self.plan.habits.tries_transfer) {
            self.try_transfer(ticket).await?;
        }
        if self.plan.habits.tries_unadmitted {
            let key = self.key("r");
            self.call(self.to_hold(Credential::Admission(token), 1, &key, Why::ProbeUnadmitted)).await?;
        }
        Some(())
    }

    pub(super) async fn try_transfer(&mut self, ticket: &str) -> Option<()> {
        let session = self.session.clone();
        let body = json!({"ticket_id": ticket, "to": "somebody@example.test"});
        let (path, credential) = ("/v1/tickets/transfer".into(), Credential::Session(&session));
        let probe = self.sending(Op::Transfer, Why::ProbeTransfer);
        self.call(Sending { method: Method::POST, path, credential, body: Some(body), ..probe }).await?;
        Some(())
    }
}

/// No answer, or "come back later": the same operation must be sent again with the same key.
pub(super) fn unsettled(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Unknown(_) | Outcome::Refused { status: 429 | 503, .. })
}
