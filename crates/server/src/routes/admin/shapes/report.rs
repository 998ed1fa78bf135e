//! What became of a sale.

use domain::Timestamp;
use utoipa::ToSchema;

use super::SaleFigures;

/// Where everybody went. `called` = `came_in` + `on_their_way` + `no_shows` + `left_unseen`.
#[derive(ToSchema)]
pub struct ReportPeople {
    pub joined: i64,
    pub called: i64,
    pub came_in: i64,
    pub on_their_way: i64,
    pub no_shows: i64,
    pub left_unseen: i64,
    pub bought: i64,
    pub expired: i64,
    pub left: i64,
    /// Inside at the same time, at most.
    pub most_inside: i64,
}

/// In minor units of one currency.
#[derive(ToSchema)]
pub struct ReportMoney {
    pub currency: String,
    pub captured: i64,
    pub refunded: i64,
    pub refunds: i64,
    /// Not given back yet.
    pub refund_due: i64,
}

#[derive(ToSchema)]
pub struct ReportTimes {
    #[schema(value_type = String, format = DateTime)]
    pub doors: Timestamp,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub first_call: Option<Timestamp>,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub last_call: Option<Timestamp>,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub first_ticket: Option<Timestamp>,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub last_ticket: Option<Timestamp>,
    /// Null while a seat is left.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub sold_out: Option<Timestamp>,
    /// When it ended, or will.
    #[schema(value_type = String, format = DateTime)]
    pub end: Timestamp,
}

/// From joining to the first call; all 0 where nobody was called.
#[derive(ToSchema)]
pub struct ReportWaits {
    pub people: i64,
    pub p50_ms: i64,
    pub p90_ms: i64,
    pub p95_ms: i64,
    pub p99_ms: i64,
    pub max_ms: i64,
}

/// Rows of the log of calls, by what held the drip back.
#[derive(ToSchema)]
pub struct DripBounds {
    pub rate: i64,
    pub cap: i64,
    pub stock: i64,
    pub line: i64,
}

#[derive(ToSchema)]
pub struct DripFigures {
    /// As it is set now.
    pub admit_per_minute: i64,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub first_call: Option<Timestamp>,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub last_call: Option<Timestamp>,
    pub called: i64,
    /// Calls of people who came back after their window.
    pub recalled: i64,
    /// People whom the rate would have called between the first call and the last, pauses left out.
    pub allowed: f64,
    /// Calls over what was allowed; null where there was one call or none.
    #[schema(required)]
    pub achieved: Option<f64>,
    pub bound_by: DripBounds,
}

#[derive(ToSchema)]
pub struct PauseSpan {
    /// Null: from the beginning.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub from: Option<Timestamp>,
    /// Null: it is paused now.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}

#[derive(ToSchema)]
pub struct SectionFigures {
    pub section: String,
    pub seats: i64,
    pub sold: i64,
    pub unsold: i64,
}

/// How many people have so many tickets.
#[derive(ToSchema)]
pub struct BoughtCounts {
    pub tickets: i64,
    pub people: i64,
}

#[derive(ToSchema)]
pub struct CountedCode {
    pub code: String,
    pub times: i64,
    pub accounts: i64,
}

/// The sale in figures, from one snapshot. Nobody is named.
#[derive(ToSchema)]
pub struct SaleReport {
    pub sale_id: String,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    pub phase: String,
    pub people: ReportPeople,
    pub money: Vec<ReportMoney>,
    pub times: ReportTimes,
    pub waits: ReportWaits,
    pub drip: DripFigures,
    pub pauses: Vec<PauseSpan>,
    pub sections: Vec<SectionFigures>,
    pub buyers: Vec<BoughtCounts>,
    /// What people were refused, by code.
    pub refusals: Vec<CountedCode>,
    /// What was odd about people, by code. It has decided nothing.
    pub signals: Vec<CountedCode>,
    pub stats: SaleFigures,
}
