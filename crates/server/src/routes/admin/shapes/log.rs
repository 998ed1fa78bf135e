//! The audit with its seals, and what is told of single accounts: refusals, signals, exceptions.

use domain::Timestamp;
use serde_json::Value;
use utoipa::ToSchema;

#[derive(ToSchema)]
pub struct AuditSeal {
    pub seq: i64,
    /// In hex.
    #[schema(required)]
    pub digest: Option<String>,
}

#[derive(ToSchema)]
pub struct AuditEntry {
    pub id: String,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    pub actor: String,
    pub act: String,
    pub subject: String,
    /// What was done, by act: JSON.
    pub details: Value,
    /// Null: it waits for the next seal.
    #[schema(required)]
    pub sealed: Option<AuditSeal>,
}

/// Whether anybody has touched the record.
#[derive(ToSchema)]
pub struct SealChain {
    /// `ok` or `broken`.
    pub state: String,
    /// The first seal that does not hold.
    #[schema(required)]
    pub broken_at: Option<i64>,
    #[schema(required)]
    pub why: Option<String>,
    pub seals: i64,
    pub sealed_entries: i64,
    pub unsealed_entries: i64,
    #[schema(required)]
    pub digest: Option<String>,
    /// Entries that claim to be older than a seal that does not have them.
    pub late_entries: i64,
    pub late: Vec<String>,
}

#[derive(ToSchema)]
pub struct AuditLog {
    pub entries: Vec<AuditEntry>,
    #[schema(required)]
    pub next_after: Option<String>,
    pub chain: SealChain,
}

#[derive(ToSchema)]
pub struct RefusedMinute {
    pub sale_id: String,
    pub code: String,
    #[schema(value_type = String, format = DateTime)]
    pub minute: Timestamp,
    pub times: i64,
}

#[derive(ToSchema)]
pub struct CapException {
    pub exception_id: String,
    pub user_id: String,
    pub rule: String,
    pub extra_tickets: i64,
    pub lift: bool,
    pub reason: String,
    #[schema(value_type = String, format = DateTime)]
    pub granted_at: Timestamp,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

#[derive(ToSchema)]
pub struct ExceptionList {
    pub exceptions: Vec<CapException>,
}

#[derive(ToSchema)]
pub struct ExceptionGranted {
    pub exception_id: String,
}

#[derive(ToSchema)]
pub struct AccountRefusals {
    pub user_id: String,
    pub refusals: Vec<RefusedMinute>,
    pub exceptions: Vec<CapException>,
}

#[derive(ToSchema)]
pub struct SignalMinute {
    pub sale_id: String,
    pub signal: String,
    #[schema(value_type = String, format = DateTime)]
    pub minute: Timestamp,
}

#[derive(ToSchema)]
pub struct AccountSignals {
    pub user_id: String,
    pub signals: Vec<SignalMinute>,
}

#[derive(ToSchema)]
pub struct SignalsOfAccount {
    pub user_id: String,
    pub signal: String,
    /// In how many minutes.
    pub minutes: i64,
    #[schema(value_type = String, format = DateTime)]
    pub last_minute: Timestamp,
}

#[derive(ToSchema)]
pub struct SaleSignals {
    pub signals: Vec<SignalsOfAccount>,
}
