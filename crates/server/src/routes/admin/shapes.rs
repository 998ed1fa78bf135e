//! What operators are answered, as the description of the interface has it. The answers themselves are made where the rows
//! are read; a test holds every one of them against these.

mod log;
mod report;

use domain::Timestamp;
use utoipa::ToSchema;

pub use log::{
    AccountRefusals, AccountSignals, AuditEntry, AuditLog, AuditSeal, CapException, ExceptionGranted, ExceptionList,
    RefusedMinute, SaleSignals, SealChain, SignalMinute, SignalsOfAccount,
};
pub use report::{
    BoughtCounts, CountedCode, DripBounds, DripFigures, PauseSpan, ReportMoney, ReportPeople, ReportTimes, ReportWaits,
    SaleReport, SectionFigures,
};

#[derive(ToSchema)]
pub struct EventCreated {
    pub event_id: String,
}

#[derive(ToSchema)]
pub struct SaleCreated {
    pub sale_id: String,
}

#[derive(ToSchema)]
pub struct OperatorEvent {
    pub event_id: String,
    pub name: String,
    pub venue: String,
    #[schema(value_type = String, format = DateTime)]
    pub starts_at: Timestamp,
    /// The tour that it belongs to.
    #[schema(required)]
    pub group: Option<String>,
}

#[derive(ToSchema)]
pub struct OperatorEvents {
    pub events: Vec<OperatorEvent>,
}

#[derive(ToSchema)]
pub struct SeatingSection {
    pub section: String,
    pub rows: i64,
    pub seats_per_row: i64,
    /// In minor units.
    pub price: i64,
}

/// A sale with all its terms.
#[derive(ToSchema)]
pub struct OperatorSale {
    pub sale_id: String,
    pub event: OperatorEvent,
    /// `building`, `scheduled`, `open`, `paused`, `sold_out` or `ended`.
    pub phase: String,
    #[schema(value_type = String, format = DateTime)]
    pub opens_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Timestamp,
    pub total_seats: i64,
    pub admit_per_minute: i64,
    pub waiting_room_cap: i64,
    pub max_tickets_per_user: i64,
    /// Null: no such cap, as of the next two.
    #[schema(required)]
    pub max_tickets_per_cluster: Option<i64>,
    #[schema(required)]
    pub max_tickets_per_group: Option<i64>,
    #[schema(required)]
    pub max_tickets_per_group_cluster: Option<i64>,
    pub cluster_by: Vec<String>,
    /// 0: no limit.
    pub max_active: i64,
    pub hold_ttl_sec: i64,
    pub claim_window_sec: i64,
    pub shopping_window_sec: i64,
    pub seats_per_shopper: i64,
    /// In minor units.
    pub price: i64,
    pub currency: String,
    /// `public` or `held`.
    pub cancelled_seats: String,
    pub paused: bool,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub closed_at: Option<Timestamp>,
    pub seating: Vec<SeatingSection>,
}

#[derive(ToSchema)]
pub struct OperatorSales {
    pub sales: Vec<OperatorSale>,
}

#[derive(ToSchema)]
pub struct ChangedSale {
    #[serde(flatten)]
    pub sale: OperatorSale,
    /// False where all was so already.
    pub changed: bool,
}

/// From one snapshot. joined = waiting + called + returning + inside + bought + expired + left.
#[derive(ToSchema)]
pub struct SaleFigures {
    pub sale_id: String,
    /// When the snapshot was taken.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    pub phase: String,
    pub total_seats: i64,
    pub tickets_sold: i64,
    pub orders: i64,
    pub unique_buyers: i64,
    pub joined: i64,
    pub waiting: i64,
    pub called: i64,
    /// Of them those whose window still runs.
    pub called_in_window: i64,
    pub returning: i64,
    pub inside: i64,
    pub bought: i64,
    pub expired: i64,
    pub left: i64,
    pub holds: i64,
    /// In live holds, or held back.
    pub held_seats: i64,
    /// Of cancelled tickets, kept by the operator.
    pub held_back_seats: i64,
    pub available_seats: i64,
    /// Everybody up to this position has been called.
    pub through: i64,
    pub last_position: i64,
    pub captured_total: i64,
    pub cancelled_tickets: i64,
    pub refunded_total: i64,
    /// Refunds that the provider has not confirmed.
    pub refund_due: i64,
    pub paying: i64,
}

#[derive(ToSchema)]
pub struct SaleStatsAnswer {
    #[serde(flatten)]
    pub figures: SaleFigures,
    /// How old this node's news of the others is.
    pub staleness_ms: u64,
}

/// A place in line, and what became of it.
#[derive(ToSchema)]
pub struct LineEntry {
    pub position: i64,
    pub user_id: String,
    #[schema(value_type = String, format = DateTime)]
    pub joined_at: Timestamp,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub called_at: Option<Timestamp>,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub returned_at: Option<Timestamp>,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub recalled_at: Option<Timestamp>,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub claimed_at: Option<Timestamp>,
    /// The same as `claimed_at`.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub admitted_at: Option<Timestamp>,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    #[schema(required)]
    pub ended_as: Option<String>,
    /// `waiting`, `called`, `returning`, `inside`, `bought`, `expired` or `left`.
    pub state: String,
}

#[derive(ToSchema)]
pub struct LinePage {
    pub entries: Vec<LineEntry>,
    /// What to ask the next page with; null after the last one.
    #[schema(required)]
    pub next_after: Option<i64>,
}

/// An order, whatever became of it.
#[derive(ToSchema)]
pub struct BookedOrder {
    pub order_id: String,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub settled_at: Option<Timestamp>,
    pub status: String,
    pub user_id: String,
    #[schema(required)]
    pub email: Option<String>,
    pub seats: Vec<String>,
    pub quantity: i64,
    pub total: i64,
    pub currency: String,
    /// Null: no money has moved.
    #[schema(required)]
    pub payment: Option<String>,
    /// Seats of cancelled tickets.
    pub cancelled: Vec<String>,
    pub refunded: i64,
}

#[derive(ToSchema)]
pub struct OrderBook {
    pub orders: Vec<BookedOrder>,
    #[schema(required)]
    pub next_after: Option<String>,
}

#[derive(ToSchema)]
pub struct SeatsReleased {
    pub sale_id: String,
    pub released: i64,
    pub seat_ids: Vec<String>,
    /// Still held back.
    pub left: i64,
}

#[derive(ToSchema)]
pub struct TicketReissued {
    pub ticket_id: String,
    pub sale_id: String,
    pub seat_id: String,
    pub version: i64,
    #[schema(required)]
    pub attendee: Option<String>,
    pub user_id: String,
}

#[derive(ToSchema)]
pub struct CancelledTicket {
    pub ticket_id: String,
    pub seat_id: String,
}

#[derive(ToSchema)]
pub struct TicketRefund {
    pub amount: i64,
    pub currency: String,
}

#[derive(ToSchema)]
pub struct TicketsCancelled {
    pub order_id: String,
    pub sale_id: String,
    pub user_id: String,
    pub tickets: Vec<CancelledTicket>,
    pub refund: TicketRefund,
    /// `public` or `held`.
    pub seats: String,
}

#[derive(ToSchema)]
pub struct RehearsalAccount {
    pub user_id: String,
    pub email: String,
    pub token: String,
}

#[derive(ToSchema)]
pub struct RehearsalAccounts {
    pub accounts: Vec<RehearsalAccount>,
}
