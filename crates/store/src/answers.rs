//! The answers that are stored with their effect, so that a repeat returns the same bytes.

use domain::money::Currency;
use domain::{HoldId, Money, OrderId, TicketId, Timestamp};
use serde::Serialize;

use crate::error::DbError;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HoldAnswer {
    pub hold_id: HoldId,
    pub seat_ids: Vec<String>,
    pub expires_at: Timestamp,
    pub total: Money,
    pub currency: Currency,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OrderAnswer {
    pub order_id: OrderId,
    pub ticket_ids: Vec<TicketId>,
    pub status: &'static str,
    pub total: Money,
    pub currency: Currency,
}

impl HoldAnswer {
    pub fn to_bytes(&self) -> Vec<u8> {
        bytes(self)
    }
}

impl OrderAnswer {
    pub fn to_bytes(&self) -> Vec<u8> {
        bytes(self)
    }
}

fn bytes<T: Serialize>(answer: &T) -> Vec<u8> {
    serde_json::to_vec(answer).expect("ids, numbers and text always serialise")
}

pub(crate) fn currency(code: &str) -> Result<Currency, DbError> {
    Currency::parse(code).ok_or_else(|| DbError::Bug(format!("unreadable currency `{code}`")))
}
