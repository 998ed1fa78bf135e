//! The mock's routes: a few of the contract's, answered from the sale in memory.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{Method, Request};
use serde_json::{Value, json};

use super::bug::Bug;
use super::rows::{self, seat_id};
use super::sale::{No, Sale};
use super::time::{now_ms, text};

/// Status and body of an answer.
pub(crate) type Answer = (u16, String);

pub(crate) struct World {
    pub(crate) bug: Bug,
    pub(crate) poll_ms: u64,
    pub(crate) sales: Vec<Sale>,
    accounts: usize,
    /// Connections, as the metrics tell of them.
    open: Arc<AtomicU64>,
}

/// An admission as the mock writes it: whose it is, and to which sale. A signature would only hide that.
struct Admission {
    user: String,
    sale: String,
}

impl World {
    pub(crate) fn new(bug: Bug, poll_ms: u64, open: Arc<AtomicU64>) -> Self {
        World { bug, poll_ms, sales: vec![], accounts: 0, open }
    }

    pub(crate) fn answer(&mut self, request: &Request<()>, body: &[u8], from: Ipv4Addr) -> Answer {
        let path = request.uri().path();
        // A server that cleans paths up before it looks at them, and asks for no admission there.
        let tidied = path.replace("//", "/");
        let trick = tidied != path && self.bug == Bug::PathTrickOpens;
        let path: Vec<&str> = if trick { tidied.as_str() } else { path }.trim_start_matches('/').split('/').collect();
        let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        match path[..] {
            ["health", "live"] => ok(
                &json!({"status": "ok", "instance": "mock", "started_at": text(0), "version": "0", "staleness_ms": 0}),
            ),
            ["metrics"] => (200, format!("traffic_connections_open {}\n", self.open.load(Ordering::Relaxed))),
            ["v1", "demo", ..] => refused((404, "not_found")),
            ["v1", "admin", ..] if request.headers().get("x-admin-key").is_none_or(|key| key != "key") => {
                refused((401, "admin_key_invalid"))
            }
            ["v1", "admin", "accounts", "bulk"] => self.accounts(&body),
            ["v1", "admin", "events"] => (201, json!({"event_id": "event"}).to_string()),
            ["v1", "admin", "sales"] => self.make_sale(&body),
            _ => self.of_sale(&Asked { request, path: &path, body: &body, from, trick }),
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
        let sale_id = format!("sale-{}", self.sales.len() + 1);
        self.sales.push(Sale::new(self.bug, sale_id.clone(), body));
        (201, json!({"sale_id": sale_id}).to_string())
    }

    fn of_sale(&mut self, asked: &Asked<'_>) -> Answer {
        let (bug, poll_ms, now) = (self.bug, self.poll_ms, now_ms());
        let path = asked.path;
        if let (&Method::POST, ["v1", "tickets", "transfer"]) = (asked.request.method(), path) {
            return self.transfer(asked);
        }
        let id = if path.get(1) == Some(&"admin") { path.get(3) } else { path.get(2) };
        let next_is_open = self.sales.iter().skip(1).any(|sale| now >= sale.opens_at);
        let moved = u64::from(bug == Bug::NextSaleMovesTheLine && next_is_open);
        let furthest = self.sales.iter().map(|sale| sale.last_position).max().unwrap_or(0);
        let sale = self.sales.iter_mut().find(|sale| id == Some(&sale.id.as_str()));
        let Some(sale) = sale.filter(|_| path.contains(&"sales")) else { return refused((404, "not_found")) };
        if bug == Bug::PositionsGoOnInTheNextSale && path.ends_with(&["join"]) && sale.entries.is_empty() {
            sale.last_position = furthest;
        }
        let user = asked.session();
        match (asked.request.method(), path) {
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
            (_, ["v1", "sales", _, "waiting-room", _]) if user.is_empty() => refused((401, "session_invalid")),
            (&Method::POST, ["v1", "sales", _, "waiting-room", "join"]) => match sale.join(&user, asked.from, now) {
                Ok((position, created)) => {
                    let body = json!({"position": position, "state": "waiting", "retry_after_ms": poll_ms});
                    (if created { 201 } else { 200 }, body.to_string())
                }
                Err(no) => refused(no),
            },
            (&Method::GET, ["v1", "sales", _, "waiting-room", "status"]) => status(sale, &user, now, poll_ms, moved),
            (_, ["v1", "sales", _, "seats" | "checkout" | "holds", ..]) => shop(sale, asked, now),
            _ => refused((404, "not_found")),
        }
    }

    fn transfer(&self, asked: &Asked<'_>) -> Answer {
        match self.bug {
            Bug::TransferAllowed => return ok(&json!({})),
            Bug::TransferNeverSaid => return refused((422, "invalid_field")),
            _ => {}
        }
        // Of one's own ticket; of anything else there is nothing to transfer.
        let user = asked.session();
        let orders = self.sales.iter().flat_map(|sale| &sale.orders);
        let mut mine = orders.filter(|order| order.user == user).flat_map(|order| &order.tickets);
        let found = asked.body["to"].is_string() && mine.any(|ticket| asked.body["ticket_id"] == *ticket.id);
        refused(if found { (403, "transfer_blocked") } else { (404, "ticket_not_found") })
    }
}

/// A request, taken apart.
struct Asked<'a> {
    request: &'a Request<()>,
    path: &'a [&'a str],
    body: &'a Value,
    from: Ipv4Addr,
    /// The path was tidied up.
    trick: bool,
}

impl Asked<'_> {
    fn header(&self, name: &str) -> &str {
        self.request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn session(&self) -> String {
        self.header("authorization").strip_prefix("Bearer ").unwrap_or_default().to_owned()
    }

    /// Whose admission came along, if it is good for this sale.
    fn admission(&self, sale: &Sale) -> Result<String, No> {
        let token = self.header("authorization").strip_prefix("Admission ").ok_or((403, "admission_required"))?;
        let given = token.strip_prefix("admit.").and_then(|rest| rest.split_once('.'));
        let given = given.filter(|_| token.ends_with(".signed")).ok_or((403, "admission_invalid"))?;
        let user = given.1.trim_end_matches(".signed").to_owned();
        let admission = Admission { user, sale: given.0.to_owned() };
        if admission.sale != sale.id && sale.bug != Bug::AdmissionOfOtherSale {
            return Err((403, "admission_foreign"));
        }
        let cookie = self.header("cookie");
        let own = cookie.is_empty() || cookie.contains(&format!("={};", admission.user));
        if own || sale.bug == Bug::StolenAdmissionAccepted {
            Ok(admission.user)
        } else {
            Err((403, "admission_foreign"))
        }
    }
}

fn shop(sale: &mut Sale, asked: &Asked<'_>, now: i64) -> Answer {
    let open = sale.bug == Bug::AdmissionNotChecked && asked.path[3] == "holds" || asked.trick;
    let (user, admitted) = match asked.admission(sale) {
        Ok(user) => (user, true),
        Err(_) if open => (asked.session(), false),
        Err(no) => return refused(no),
    };
    match (asked.request.method(), asked.path) {
        (&Method::GET, ["v1", "sales", _, "seats"]) => {
            let seats: Vec<Value> = sale.free().into_iter().map(|seat| json!({"id": seat_id(seat)})).collect();
            ok(&json!({"seats": seats, "version": "1"}))
        }
        (&Method::POST, ["v1", "sales", _, "holds"]) => {
            let quantity =
                usize::try_from(asked.body["best_available"]["quantity"].as_u64().unwrap_or(0)).expect("few");
            // Whoever says that it speaks for others is counted by its network.
            let [a, b, c, _] = asked.from.octets();
            let proxy = !asked.header("x-forwarded-for").is_empty();
            match if proxy { sale.may_network_hold(&user, [a, b, c], quantity) } else { Ok(()) } {
                Ok(()) => hold(sale, &user, admitted, asked.body, now),
                Err(no) => refused(no),
            }
        }
        (&Method::DELETE, ["v1", "sales", _, "holds", id]) => match sale.release(&user, id, now) {
            Ok(()) => (204, String::new()),
            Err(no) => refused(no),
        },
        (&Method::POST, ["v1", "sales", _, "checkout"]) => checkout(sale, &user, asked.body, now),
        _ => refused((404, "not_found")),
    }
}

fn status(sale: &mut Sale, user: &str, now: i64, poll_ms: u64, moved: u64) -> Answer {
    let (bug, through, sold_out) = (sale.bug, sale.through, sale.sold_out());
    let sale_id = sale.id.clone();
    let entry = match sale.poll(user, now) {
        Ok(entry) => entry,
        Err(no) => return refused(no),
    };
    let inside = entry.claimed_at.is_some() && entry.ended_at.is_none();
    let state = match () {
        () if entry.ended_at.is_some() => entry.ended_as,
        () if inside => "inside",
        () => "waiting",
    };
    let odd_one = entry.position == 30 && state == "waiting" && entry.polls > 1;
    let shown = entry.position + u64::from(odd_one && bug == Bug::StatusShowsOtherPosition) + moved;
    let rise = if odd_one && bug == Bug::PeopleAheadRise { entry.polls * 10 } else { 0 };
    ok(&json!({
        "position": shown, "ahead_count": (entry.position - 1).saturating_sub(through) + rise, "state": state,
        "admitted": inside, "admission_token": inside.then(|| format!("admit.{}.{user}.signed", sale_id)),
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

fn ok(body: &Value) -> Answer {
    (200, body.to_string())
}

fn refused((status, code): No) -> Answer {
    (status, json!({"type": "about:blank", "title": code, "status": status, "code": code, "detail": code}).to_string())
}
