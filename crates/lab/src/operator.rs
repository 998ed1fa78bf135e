//! The operator's side of a run: makes the sale and the accounts, takes samples and the export. Nothing here is measured.

use std::time::Duration;

use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::LabError;
use crate::contract::{Credential, request};
use crate::dump::{format_ms, maybe_ms};
use crate::net::{Answer, Conn, NetError};
use crate::plan::SalePlan;

/// A sale of 100,000 seats takes the server up to 10 s; an export of a million entries longer.
pub(crate) const OPERATOR_LIMIT: Duration = Duration::from_secs(60);
/// A sample older than this is worth nothing.
pub(crate) const SAMPLE_LIMIT: Duration = Duration::from_secs(5);
/// The contract's limit of one bulk call.
const BULK_LIMIT: usize = 10_000;
/// The made sale and its event end a day after the doors: long after any run.
const SALE_LENGTH_MS: i64 = 24 * 60 * 60 * 1_000;

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Account {
    pub(crate) user_id: Box<str>,
    pub(crate) token: String,
}

/// `GET .../stats`: one snapshot of the server's own counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Stats {
    /// By the server's clock; in epoch milliseconds, like every time here.
    #[serde(default, deserialize_with = "maybe_ms")]
    pub(crate) at: Option<i64>,
    pub(crate) total_seats: u64,
    pub(crate) tickets_sold: u64,
    pub(crate) joined: u64,
    pub(crate) waiting: u64,
    pub(crate) called: u64,
    #[serde(default)]
    pub(crate) called_in_window: u64,
    pub(crate) returning: u64,
    pub(crate) inside: u64,
    pub(crate) bought: u64,
    pub(crate) expired: u64,
    pub(crate) left: u64,
    #[serde(default)]
    pub(crate) held_seats: u64,
    pub(crate) available_seats: u64,
    #[serde(default)]
    pub(crate) captured_total: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Live {
    pub(crate) instance: String,
    #[serde(default, deserialize_with = "maybe_ms")]
    pub(crate) started_at: Option<i64>,
    #[serde(default)]
    pub(crate) version: String,
    #[serde(default)]
    pub(crate) staleness_ms: u64,
}

/// What the lab needs to know of a sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SaleFacts {
    pub(crate) sale_id: String,
    pub(crate) max_tickets_per_user: u64,
}

pub(crate) struct Operator {
    conn: Conn,
    admin_key: String,
}

impl Operator {
    pub(crate) fn new(conn: Conn, admin_key: &str) -> Self {
        Operator { conn, admin_key: admin_key.to_owned() }
    }

    pub(crate) async fn live(&mut self) -> Result<Live, String> {
        parse(&self.send(Method::GET, "/health/live", None, SAMPLE_LIMIT).await?)
    }

    pub(crate) async fn stats(&mut self, sale_id: &str, limit: Duration) -> Result<Stats, String> {
        parse(&self.send(Method::GET, &format!("/v1/admin/sales/{sale_id}/stats"), None, limit).await?)
    }

    /// The whole export, as bytes of NDJSON.
    pub(crate) async fn export(&mut self, sale_id: &str) -> Result<bytes::Bytes, String> {
        let path = format!("/v1/admin/sales/{sale_id}/export");
        accepted(self.send(Method::GET, &path, None, OPERATOR_LIMIT).await?).map(|answer| answer.body)
    }

    /// Makes an event and its sale with doors at `opens_at_ms`.
    pub(crate) async fn make_sale(
        &mut self,
        name: &str,
        plan: &SalePlan,
        opens_at_ms: i64,
        shopping_window_sec: Option<u64>,
    ) -> Result<SaleFacts, LabError> {
        #[derive(Deserialize)]
        struct Event {
            event_id: String,
        }
        #[derive(Deserialize)]
        struct Sale {
            sale_id: String,
        }
        let ends_at = format_ms(opens_at_ms.saturating_add(SALE_LENGTH_MS));
        let event = json!({"name": name, "venue": "Load lab", "starts_at": ends_at});
        let event: Event = self.post("/v1/admin/events", &event).await.map_err(at_step("making the event"))?;
        let mut sale = json!({
            "event_id": event.event_id, "opens_at": format_ms(opens_at_ms), "ends_at": ends_at,
            "total_seats": plan.total_seats, "admit_per_minute": plan.admit_per_minute,
            "waiting_room_cap": plan.waiting_room_cap, "max_tickets_per_user": plan.max_tickets_per_user,
            "max_active": plan.max_active, "seats_per_shopper": plan.seats_per_shopper,
            "hold_ttl_sec": plan.hold_ttl_sec,
        });
        if plan.max_tickets_per_cluster > 0 {
            sale["max_tickets_per_cluster"] = plan.max_tickets_per_cluster.into();
            sale["cluster_by"] = json!(["payment", "address"]);
        }
        if let Some(sec) = shopping_window_sec {
            sale["shopping_window_sec"] = sec.into();
        }
        let sale: Sale = self.post("/v1/admin/sales", &sale).await.map_err(at_step("making the sale"))?;
        Ok(SaleFacts { sale_id: sale.sale_id, max_tickets_per_user: plan.max_tickets_per_user })
    }

    /// Open connections of the server, by its metrics. The lab's own to the operator's side are among them.
    pub(crate) async fn open_connections(&mut self) -> Option<u64> {
        let answer = self.send(Method::GET, "/metrics", None, SAMPLE_LIMIT).await.ok()?;
        let text = String::from_utf8_lossy(&answer.body);
        let line = text.lines().find(|line| line.starts_with("traffic_connections_open "))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }

    /// Looks at a sale that is there; it must be open.
    pub(crate) async fn find_sale(&mut self, sale_id: &str) -> Result<SaleFacts, LabError> {
        #[derive(Deserialize)]
        struct Sale {
            phase: crate::words::Phase,
            max_tickets_per_user: u64,
        }
        let found = self.send(Method::GET, &format!("/v1/sales/{sale_id}"), None, OPERATOR_LIMIT).await;
        let sale: Sale = found.and_then(|answer| parse(&answer)).map_err(at_step("looking at the sale"))?;
        if sale.phase != crate::words::Phase::Open {
            return Err(LabError::BadPlan(format!(
                "sale {sale_id} is not open ({:?}); a run needs an open sale",
                sale.phase
            )));
        }
        Ok(SaleFacts { sale_id: sale_id.to_owned(), max_tickets_per_user: sale.max_tickets_per_user })
    }

    /// Makes the sale the one the dashboard shows. Where the lab is off there is no dashboard, and that is fine.
    pub(crate) async fn adopt(&mut self, sale_id: &str) -> Result<(), String> {
        let body = json!({"sale_id": sale_id});
        let answer = self.send(Method::POST, "/v1/demo/adopt", Some(body), OPERATOR_LIMIT).await?;
        if answer.status == 404 { Ok(()) } else { accepted(answer).map(|_| ()) }
    }

    pub(crate) async fn make_accounts(&mut self, count: usize, prefix: &str) -> Result<Vec<Account>, LabError> {
        #[derive(Deserialize)]
        struct Bulk {
            accounts: Vec<Account>,
        }
        let mut accounts = Vec::with_capacity(count);
        while accounts.len() < count {
            let batch = (count - accounts.len()).min(BULK_LIMIT);
            let body = json!({"count": batch, "prefix": format!("{prefix}-{}", accounts.len())});
            let bulk: Bulk =
                self.post("/v1/admin/accounts/bulk", &body).await.map_err(at_step("making the accounts"))?;
            if bulk.accounts.len() != batch {
                let detail = format!("{batch} accounts asked for, {} made", bulk.accounts.len());
                return Err(LabError::setup("making the accounts", detail));
            }
            accounts.extend(bulk.accounts);
        }
        Ok(accounts)
    }

    async fn post<T: DeserializeOwned>(&mut self, path: &str, body: &serde_json::Value) -> Result<T, String> {
        parse(&self.send(Method::POST, path, Some(body.clone()), OPERATOR_LIMIT).await?)
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Option<serde_json::Value>,
        limit: Duration,
    ) -> Result<Answer, String> {
        let admin = Credential::AdminKey(&self.admin_key);
        let credential = if path.starts_with("/health") { Credential::None } else { admin };
        let request = request(self.conn.authority(), method, path, credential, body, &[])
            .map_err(|error| format!("the request cannot be written: {error}"))?;
        self.conn.call(request, limit).await.map_err(|error| match error {
            NetError::Generator(why) | NetError::Lost(why) => why,
        })
    }
}

/// Refuses what cannot stand in a path or a header, before anything is sent.
pub(crate) fn check_words(sale_id: Option<&str>, admin_key: &str) -> Result<(), LabError> {
    let plain =
        |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if let Some(id) = sale_id.filter(|id| !plain(id)) {
        return Err(LabError::BadPlan(format!("{id:?} is no id of a sale: letters, digits and - only")));
    }
    if http::HeaderValue::from_str(admin_key).is_err() {
        return Err(LabError::BadPlan("the admin key has characters that cannot be sent".into()));
    }
    Ok(())
}

fn at_step(step: &'static str) -> impl FnOnce(String) -> LabError {
    move |detail| LabError::setup(step, detail)
}

fn accepted(answer: Answer) -> Result<Answer, String> {
    if (200..300).contains(&answer.status) {
        return Ok(answer);
    }
    let text: String = String::from_utf8_lossy(&answer.body).chars().take(300).collect();
    Err(format!("status {}: {text}", answer.status))
}

fn parse<T: DeserializeOwned>(answer: &Answer) -> Result<T, String> {
    let answer = accepted(answer.clone())?;
    serde_json::from_slice(&answer.body).map_err(|error| format!("the answer is not in the contract: {error}"))
}
