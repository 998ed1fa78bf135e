//! The mock's routes: a few of the contract's, answered from the sale in memory.

use http::{Method, Request};
use serde_json::{Value, json};

use super::bug::Bug;
use super::rows::{self, seat_id};
use super::sale::{No, Sale};
use super::time::{now_ms, parse, text};

/// Status and body of an answer.
pub(crate) type Answer = (u16, String);

pub(crate) struct World {
    pub(crate) bug: Bug,
    pub(crate) poll_ms: u64,
    pub(crate) sale: Option<Sale>,
    accounts: usize,
}

impl World {
    pub(crate) fn new(bug: Bug, poll_ms: u64) -> Self {
        World { bug, poll_ms, sale: None, accounts: 0 }
    }

    pub(crate) fn answer(&mut self, request: &Request<()>, body: &[u8]) -> Answer {
        let path: Vec<&str> = request.uri().path().trim_matches('/').split('/').collect();
        let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        match path[..] {
            ["health", "live"] => ok(
                &json!({"status": "ok", "instance": "mock", "started_at": text(0), "version": "0", "staleness_ms": 0}),
            ),
            ["v1", "demo", ..] => refused((404, "not_found")),
            ["v1", "admin", ..] if request.headers().get("x-admin-key").is_none_or(|key| key != "key") => {
                refused((401, "admin_key_invalid"))
            }
            ["v1", "admin", "accounts", "bulk"] => self.accounts(&body),
            ["v1", "admin", "events"] => (201, json!({"event_id": "event"}).to_string()),
            ["v1", "admin", "sales"] => self.make_sale(&body),
            _ => self.of_sale(request, &path, &body),
        }
    }

    fn accounts(&mut self, body: &Value) -> Answer {
        let count = body["count"].as_u64().expect("a count");
        let accounts: Vec<Value> = (0..count)
            .map(|_| {
                self.accounts += 1;
                let user = format!("user-{}", self.accounts);
                json!({"user_id": user, "email": "", "token": user})
            })
            .collect();
        ok(&json!({"accounts": accounts}))
    }

    fn make_sale(&mut self, body: &Value) -> Answer {
        let seats = usize::try_from(body["total_seats"].as_u64().expect("seats")).expect("few");
        let rate = body["admit_per_minute"].as_i64().expect("a rate");
        let opens_at = parse(body["opens_at"].as_str().expect("a time"));
        self.sale = Some(Sale::new(self.bug, "sale-1".into(), seats, rate, opens_at));
        (201, json!({"sale_id": "sale-1"}).to_string())
    }

    fn of_sale(&mut self, request: &Request<()>, path: &[&str], body: &Value) -> Answer {
        let bug = self.bug;
        let poll_ms = self.poll_ms;
        let Some(sale) = &mut self.sale else { return refused((404, "sale_not_found")) };
        let credential =
            request.headers().get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let admitted = credential.starts_with("Admission ");
        let user = credential.split(' ').nth(1).unwrap_or_default().trim_start_matches("admit-").to_owned();
        let now = now_ms();
        match (request.method(), path) {
            (&Method::GET, ["v1", "admin", "sales", _, "stats"]) if bug == Bug::NoStats => refused((500, "internal")),
            (&Method::GET, ["v1", "admin", "sales", _, "stats" | "export"])
                if bug == Bug::SilentAtTheEnd && sale.sold_out() =>
            {
                refused((503, "overloaded"))
            }
            (&Method::GET, ["v1", "admin", "sales", _, "stats"]) => ok(&rows::stats(sale)),
            (&Method::GET, ["v1", "admin", "sales", _, "export"]) => (200, rows::export(sale)),
            (&Method::GET, ["v1", "sales", _]) => {
                ok(&json!({"sale_id": sale.id, "phase": "open", "max_tickets_per_user": sale.max_tickets}))
            }
            (&Method::POST, ["v1", "sales", _, "waiting-room", "join"]) => match sale.join(&user, now) {
                Ok((position, created)) => {
                    let body = json!({"position": position, "state": "waiting", "retry_after_ms": poll_ms});
                    (if created { 201 } else { 200 }, body.to_string())
                }
                Err(no) => refused(no),
            },
            (&Method::GET, ["v1", "sales", _, "waiting-room", "status"]) => status(sale, &user, now, poll_ms),
            (&Method::POST, ["v1", "tickets", "transfer"]) if bug == Bug::TransferAllowed => ok(&json!({})),
            (&Method::POST, ["v1", "tickets", "transfer"]) if bug == Bug::TransferNeverSaid => {
                refused((422, "invalid_field"))
            }
            (&Method::POST, ["v1", "tickets", "transfer"]) => transfer(sale, &user, body),
            (_, ["v1", "sales", _, "seats" | "checkout" | "holds", ..])
                if !(admitted || path[3] == "holds" && bug == Bug::AdmissionNotChecked) =>
            {
                refused((403, "admission_required"))
            }
            (&Method::GET, ["v1", "sales", _, "seats"]) => {
                let seats: Vec<Value> = sale.free().into_iter().map(|seat| json!({"id": seat_id(seat)})).collect();
                ok(&json!({"seats": seats, "version": "1"}))
            }
            (&Method::POST, ["v1", "sales", _, "holds"]) => hold(sale, &user, admitted, body, now),
            (&Method::DELETE, ["v1", "sales", _, "holds", id]) => match sale.release(&user, id, now) {
                Ok(()) => (204, String::new()),
                Err(no) => refused(no),
            },
            (&Method::POST, ["v1", "sales", _, "checkout"]) => checkout(sale, &user, body, now),
            _ => refused((404, "not_found")),
        }
    }
}

fn status(sale: &mut Sale, user: &str, now: i64, poll_ms: u64) -> Answer {
    let (bug, through, sold_out) = (sale.bug, sale.through, sale.sold_out());
    let entry = match sale.poll(user, now) {
        Ok(entry) => entry,
        Err(no) => return refused(no),
    };
    let inside = entry.claimed_at.is_some() && entry.ended_at.is_none();
    let state = match () {
        () if entry.ended_at.is_some() => "bought",
        () if inside => "inside",
        () => "waiting",
    };
    let odd_one = entry.position == 30 && state == "waiting" && entry.polls > 1;
    let shown = entry.position + u64::from(odd_one && bug == Bug::StatusShowsOtherPosition);
    let rise = if odd_one && bug == Bug::PeopleAheadRise { entry.polls * 10 } else { 0 };
    ok(&json!({
        "position": shown, "ahead_count": (entry.position - 1).saturating_sub(through) + rise, "state": state,
        "admitted": inside, "admission_token": inside.then(|| format!("admit-{user}")),
        "phase": if sold_out { "sold_out" } else { "open" }, "retry_after_ms": poll_ms, "message": "",
    }))
}

fn hold(sale: &mut Sale, user: &str, admitted: bool, body: &Value, now: i64) -> Answer {
    let key = (user.to_owned(), format!("hold {}", body["idempotency_key"]));
    if let Some(answer) = sale.answers.get(&key) {
        return (200, answer.clone());
    }
    let quantity = usize::try_from(body["best_available"]["quantity"].as_u64().unwrap_or(0)).expect("few");
    match sale.hold(user, admitted, quantity, now) {
        Ok(number) => {
            let hold = &sale.holds[number];
            let seats: Vec<String> = hold.seats.iter().map(|seat| seat_id(*seat)).collect();
            let answer = json!({
                "hold_id": hold.id, "seat_ids": seats, "expires_at": text(now + sale.hold_ttl_sec * 1_000),
                "total": sale.price * i64::try_from(seats.len()).expect("few"), "currency": "USD",
            });
            sale.answers.insert(key, answer.to_string());
            ok(&answer)
        }
        Err(no) => refused(no),
    }
}

fn checkout(sale: &mut Sale, user: &str, body: &Value, now: i64) -> Answer {
    let key = (user.to_owned(), format!("checkout {}", body["idempotency_key"]));
    if let Some(answer) = sale.answers.get(&key) {
        if sale.bug == Bug::RepeatNeverAnswered {
            return refused((503, "overloaded"));
        }
        let forgets = sale.bug == Bug::ForgottenKey;
        return (200, if forgets { answer.replace("order-", "another-order-") } else { answer.clone() });
    }
    match sale.checkout(user, body["hold_id"].as_str().unwrap_or_default(), now) {
        Ok(number) => {
            let order = &sale.orders[number];
            let tickets: Vec<&String> = order.tickets.iter().map(|ticket| &ticket.id).collect();
            let total = sale.price * i64::try_from(tickets.len()).expect("few");
            let answer = json!({
                "order_id": order.id, "ticket_ids": tickets, "status": "confirmed", "total": total, "currency": "USD",
            });
            sale.answers.insert(key, answer.to_string());
            ok(&answer)
        }
        Err(no) => refused(no),
    }
}

/// Of one's own ticket; of anything else there is nothing to transfer.
fn transfer(sale: &Sale, user: &str, body: &Value) -> Answer {
    let mine = sale.orders.iter().filter(|order| order.user == user).flat_map(|order| &order.tickets);
    let found = body["to"].is_string() && mine.into_iter().any(|ticket| body["ticket_id"] == *ticket.id);
    refused(if found { (403, "transfer_blocked") } else { (404, "ticket_not_found") })
}

fn ok(body: &Value) -> Answer {
    (200, body.to_string())
}

fn refused((status, code): No) -> Answer {
    (status, json!({"type": "about:blank", "title": code, "status": status, "code": code, "detail": code}).to_string())
}
