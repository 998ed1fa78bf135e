//! Every business "no", with a stable code that clients may depend on.

use std::fmt;

use crate::caps::{self, Shared};
use crate::clock::Timestamp;

/// A definite refusal: nothing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    SaleNotFound,
    EventNotFound,
    OrderNotFound,
    TicketNotFound,
    HoldNotFound,
    EmailTaken,
    /// E-mail and password do not match an account; deliberately does not say which.
    LoginFailed,
    /// Before the doors (`opens_at` is given) or after the end.
    SaleClosed {
        opens_at: Option<Timestamp>,
    },
    SaleBuilding,
    /// The operator wants to change a sale that has ended.
    SaleEnded,
    /// The operator wants to change what is fixed once the doors are open.
    TooLate {
        field: &'static str,
    },
    RoomFull,
    NotInQueue,
    /// No credential of the kind "Admission" came with the request.
    AdmissionRequired,
    /// Not signed by this installation, or mangled.
    AdmissionInvalid,
    AdmissionExpired,
    /// Another sale's, or another account's.
    AdmissionForeign,
    /// Its one order is made, or its fan has left.
    AdmissionUsed,
    /// A wanted seat is taken or does not exist, or too few seats are left.
    Unavailable,
    ActiveHoldExists,
    CapExceeded {
        cap: i64,
        already: i64,
    },
    /// Accounts that share something have enough together.
    ClusterCapExceeded {
        by: Shared,
        cap: i64,
        already: i64,
    },
    /// Over all sales of a group of events; `by` where a cluster is counted.
    GroupCapExceeded {
        by: Option<Shared>,
        cap: i64,
        already: i64,
    },
    /// One account came with more cards, phones and addresses than are followed.
    TooManyShared {
        most: usize,
    },
    ExceptionNotFound,
    BadCount {
        most: i64,
    },
    /// More names than the hold has seats.
    TooManyNames {
        seats: i64,
    },
    HoldUsed,
    HoldExpired,
    CheckoutInProgress,
    PaymentDeclined,
    /// The payment came through after the seats were lost; it is given back.
    PaymentRefunded,
    IdempotencyKeyReused,
    TransferBlocked,
    /// The operator wants to change a ticket that is cancelled already.
    TicketCancelled,
    /// Its holder was let in: the seat is in use.
    TicketUsed,
    /// The order is not paid, so there is nothing to cancel.
    NoTickets,
}

impl Refusal {
    /// The stable name that clients may match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::SaleNotFound => "sale_not_found",
            Self::EventNotFound => "event_not_found",
            Self::OrderNotFound => "order_not_found",
            Self::TicketNotFound => "ticket_not_found",
            Self::HoldNotFound => "hold_not_found",
            Self::EmailTaken => "email_taken",
            Self::LoginFailed => "login_failed",
            Self::SaleClosed { .. } => "sale_closed",
            Self::SaleBuilding => "sale_building",
            Self::SaleEnded => "sale_ended",
            Self::TooLate { .. } => "too_late",
            Self::RoomFull => "room_full",
            Self::NotInQueue => "not_in_queue",
            Self::AdmissionRequired => "admission_required",
            Self::AdmissionInvalid => "admission_invalid",
            Self::AdmissionExpired => "admission_expired",
            Self::AdmissionForeign => "admission_foreign",
            Self::AdmissionUsed => "admission_used",
            Self::Unavailable => "unavailable",
            Self::ActiveHoldExists => "active_hold_exists",
            Self::CapExceeded { .. } => "cap_exceeded",
            Self::ClusterCapExceeded { .. } => "cluster_cap_exceeded",
            Self::GroupCapExceeded { .. } => "group_cap_exceeded",
            Self::TooManyShared { .. } => "too_many_cards",
            Self::ExceptionNotFound => "exception_not_found",
            Self::BadCount { .. } => "bad_count",
            Self::TooManyNames { .. } => "too_many_names",
            Self::HoldUsed => "hold_used",
            Self::HoldExpired => "hold_expired",
            Self::CheckoutInProgress => "checkout_in_progress",
            Self::PaymentDeclined => "payment_declined",
            Self::PaymentRefunded => "payment_refunded",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
            Self::TransferBlocked => "transfer_blocked",
            Self::TicketCancelled => "ticket_cancelled",
            Self::TicketUsed => "ticket_used",
            Self::NoTickets => "no_tickets",
        }
    }
}

/// What to tell the person, in plain words.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::SaleNotFound => "There is no sale with this id.",
            Self::EventNotFound => "There is no event with this id.",
            Self::OrderNotFound => "There is no order with this id.",
            Self::TicketNotFound => "There is no ticket with this id.",
            Self::HoldNotFound => "You have no hold with this id.",
            Self::EmailTaken => "An account with this e-mail address exists already.",
            Self::LoginFailed => "E-mail address and password do not match.",
            Self::SaleClosed { opens_at: Some(at) } => return write!(f, "The doors open at {at}."),
            Self::SaleClosed { opens_at: None } => "This sale has ended.",
            Self::SaleBuilding => "The seats of this sale are still being made.",
            Self::SaleEnded => "This sale has ended: it can no longer be changed.",
            Self::TooLate { field } => return write!(f, "{field}: fixed since the doors opened."),
            Self::RoomFull => "The waiting room is full. Try again in a moment.",
            Self::NotInQueue => "You have no place in this line. Join first.",
            Self::AdmissionRequired => "This needs an admission: wait for your turn in the waiting room.",
            Self::AdmissionInvalid => "This admission was not issued here.",
            Self::AdmissionExpired => "This admission has expired.",
            Self::AdmissionForeign => "This admission belongs to another sale or another account.",
            Self::AdmissionUsed => "This admission has been used: one admission is one order.",
            Self::Unavailable => "At least one of these seats is not available.",
            Self::ActiveHoldExists => "You hold seats already. Pay for them or give them back first.",
            Self::CapExceeded { cap, already } => {
                return write!(f, "One person may have {cap} tickets in this sale; you have or hold {already}.");
            }
            Self::ClusterCapExceeded { by, cap, already } => {
                return f.write_str(&caps::told(*by, *cap, *already, "this sale"));
            }
            Self::GroupCapExceeded { by: Some(by), cap, already } => {
                return f.write_str(&caps::told(*by, *cap, *already, "all sales of this tour"));
            }
            Self::GroupCapExceeded { by: None, cap, already } => {
                return write!(
                    f,
                    "One person may have {cap} tickets in all sales of this tour; you have or hold {already}."
                );
            }
            Self::TooManyShared { most } => {
                return write!(f, "At most {most} different cards, phones and addresses of one account in one sale.");
            }
            Self::ExceptionNotFound => "There is no exception with this id in this sale.",
            Self::BadCount { most } => return write!(f, "Ask for 1 to {most} different seats."),
            Self::TooManyNames { seats } => {
                return write!(f, "attendees: one name for each seat, and this hold has {seats}.");
            }
            Self::HoldUsed => "This hold has been paid for already.",
            Self::HoldExpired => "This hold has expired and its seats are free again.",
            Self::CheckoutInProgress => "A payment for this hold is under way.",
            Self::PaymentDeclined => "The payment was declined. Your seats are still held.",
            Self::PaymentRefunded => "The payment came after the seats were lost; it will be given back.",
            Self::IdempotencyKeyReused => "This idempotency key was used before with another request.",
            Self::TransferBlocked => "Tickets carry the buyer's name and cannot be transferred.",
            Self::TicketCancelled => "This ticket is cancelled already.",
            Self::TicketUsed => "This ticket was let in at the door: it is in use.",
            Self::NoTickets => "This order has no tickets: it was not paid, or its payment is under way.",
        };
        f.write_str(text)
    }
}

impl std::error::Error for Refusal {}
