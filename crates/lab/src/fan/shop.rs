//! Inside the shop: look, hold, think, pay; and the probes that must be refused.

use http::Method;
use serde_json::json;

use super::queue::Line;
use super::{Ending, Fan, Reply, Sending};
use crate::contract::Credential;
use crate::history::{Op, Outcome, Value, Why};

/// As many seats as the contract shows a shopper at once.
const SEATS_SHOWN: u32 = 200;

enum Paid {
    /// The tickets.
    Yes(Vec<Box<str>>),
    /// The hold is gone; the seats must be asked for anew.
    HoldGone,
    No(Ending),
}

impl Fan {
    /// From the admission to the ticket. A lost race is run again while the server says that seats are left.
    pub(super) async fn shop(&mut self, line: &mut Line, mut token: String) -> Option<Ending> {
        self.look(&token, Why::Journey).await?;
        if self.plan.habits.tries_over_cap {
            self.try_over_cap(&token).await?;
        }
        let mut wanted = self.plan.wants;
        for attempt in 0u32.. {
            let key = format!("{}-{}-h{attempt}", self.stage.run_tag, self.number);
            let reply = self.hold_surely(&token, wanted, &key).await?;
            match &reply.outcome {
                Outcome::Ok(Value::Hold { hold_id, .. }) => {
                    self.pause_until(reply.received_us + self.plan.think_us).await?;
                    match self.pay(&token, hold_id, reply.received_us + self.plan.think_us).await? {
                        Paid::Yes(tickets) => {
                            self.try_after_the_purchase(&token, &tickets).await?;
                            return Some(Ending::Bought);
                        }
                        Paid::No(ending) => return Some(ending),
                        Paid::HoldGone => {}
                    }
                }
                // Fewer may be left than wanted: from now on one will do.
                Outcome::Refused { code, .. } if &**code == "unavailable" => wanted = 1,
                Outcome::Refused { code, .. } if matches!(&**code, "admission_expired" | "admission_invalid") => {}
                Outcome::Refused { code, .. } => return Some(Ending::Refused(code.to_string())),
                _ => {}
            }
            line.resume(self.stage.clock.now_us());
            token = match self.wait_in(line).await? {
                Ok(fresh) => fresh,
                Err(ending) => return Some(ending),
            };
        }
        None
    }

    async fn look(&mut self, token: &str, why: Why) -> Option<Reply> {
        let credential =
            if why == Why::ProbeUnadmitted { Credential::Session(token) } else { Credential::Admission(token) };
        let path = self.sale_path(&format!("seats?status=available&limit={SEATS_SHOWN}"));
        self.call_now(Op::Seats, why, Method::GET, path, credential, None, None).await
    }

    /// Asks for `wanted` seats; an answer that never came is asked for again with the same key.
    async fn hold_surely(&mut self, token: &str, wanted: u64, key: &str) -> Option<Reply> {
        loop {
            let reply = self.hold(Credential::Admission(token), wanted, key, Why::Journey).await?;
            if !unsettled(&reply.outcome) {
                return Some(reply);
            }
            let at = self.retry_at(&reply);
            self.pause_until(at).await?;
        }
    }

    async fn hold(&mut self, credential: Credential<'_>, wanted: u64, key: &str, why: Why) -> Option<Reply> {
        let body = json!({"best_available": {"quantity": wanted}, "idempotency_key": key});
        let path = self.sale_path("holds");
        self.call_now(Op::Hold, why, Method::POST, path, credential, Some(body), Some(key)).await
    }

    async fn pay(&mut self, token: &str, hold_id: &str, mut intended_us: u64) -> Option<Paid> {
        let key = format!("{}-{}-c-{hold_id}", self.stage.run_tag, self.number);
        loop {
            let reply = self.checkout(token, hold_id, &key, intended_us, Why::Journey).await?;
            match &reply.outcome {
                Outcome::Ok(value) => {
                    if self.plan.habits.repeats_checkout {
                        self.checkout(token, hold_id, &key, reply.received_us, Why::Repeat).await?;
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
                Outcome::Refused { code, .. } => return Some(Paid::No(Ending::Refused(code.to_string()))),
                _ => return Some(Paid::No(Ending::Unfinished)),
            }
        }
    }

    async fn checkout(&mut self, token: &str, hold_id: &str, key: &str, intended_us: u64, why: Why) -> Option<Reply> {
        let body = json!({"hold_id": hold_id, "idempotency_key": key});
        self.call(Sending {
            op: Op::Checkout,
            why,
            device: 0,
            intended_us,
            method: Method::POST,
            path: self.sale_path("checkout"),
            credential: Credential::Admission(token),
            body: Some(body),
            key: Some(key),
            hold: Some(hold_id),
        })
        .await
    }

    /// Seats and a hold with a session only: both must be refused.
    pub(super) async fn try_without_admission(&mut self) -> Option<()> {
        let session = self.session.clone();
        self.look(&session, Why::ProbeUnadmitted).await?;
        let key = format!("{}-{}-p", self.stage.run_tag, self.number);
        self.hold(Credential::Session(&session), 1, &key, Why::ProbeUnadmitted).await?;
        Some(())
    }

    /// One seat over the cap must be refused; a hold that was given all the same is given back.
    async fn try_over_cap(&mut self, token: &str) -> Option<()> {
        let key = format!("{}-{}-o", self.stage.run_tag, self.number);
        let over = self.stage.cap.saturating_add(1);
        let reply = self.hold(Credential::Admission(token), over, &key, Why::ProbeOverCap).await?;
        if let Outcome::Ok(Value::Hold { hold_id, .. }) = &reply.outcome {
            let path = self.sale_path(&format!("holds/{hold_id}"));
            let now = self.stage.clock.now_us();
            self.call(Sending {
                op: Op::Release,
                why: Why::Journey,
                device: 0,
                intended_us: now,
                method: Method::DELETE,
                path,
                credential: Credential::Admission(token),
                body: None,
                key: None,
                hold: Some(hold_id),
            })
            .await?;
        }
        Some(())
    }

    /// What a sold ticket and a used admission must not be good for.
    async fn try_after_the_purchase(&mut self, token: &str, tickets: &[Box<str>]) -> Option<()> {
        if let Some(ticket) = tickets.first().filter(|_| self.plan.habits.tries_transfer) {
            self.try_transfer(ticket).await?;
        }
        if self.plan.habits.tries_unadmitted {
            let key = format!("{}-{}-r", self.stage.run_tag, self.number);
            self.hold(Credential::Admission(token), 1, &key, Why::ProbeUnadmitted).await?;
        }
        Some(())
    }

    async fn try_transfer(&mut self, ticket: &str) -> Option<()> {
        let session = self.session.clone();
        let body = json!({"ticket_id": ticket, "to": "somebody@example.test"});
        let (path, credential) = ("/v1/tickets/transfer".into(), Credential::Session(&session));
        self.call_now(Op::Transfer, Why::ProbeTransfer, Method::POST, path, credential, Some(body), None).await?;
        Some(())
    }

    /// An operation that is meant for the moment the last answer came.
    #[expect(clippy::too_many_arguments, reason = "a request has this many parts; a struct would only rename them")]
    async fn call_now(
        &mut self,
        op: Op,
        why: Why,
        method: Method,
        path: String,
        credential: Credential<'_>,
        body: Option<serde_json::Value>,
        key: Option<&str>,
    ) -> Option<Reply> {
        let intended_us = self.stage.clock.now_us();
        self.call(Sending { op, why, device: 0, intended_us, method, path, credential, body, key, hold: None }).await
    }
}

/// No answer, or "come back later": the same operation must be sent again with the same key.
fn unsettled(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Unknown(_) | Outcome::Refused { status: 429 | 503, .. })
}
