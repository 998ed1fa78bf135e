//! Orders as their owner reads them.

use domain::{AccountId, Money, OrderId, SaleId, TicketId, Timestamp};

use crate::error::Outcome;
use crate::tx::{Query, Read};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub id: OrderId,
    pub sale: SaleId,
    pub status: String,
    pub total: Money,
    pub currency: String,
    pub created_at: Timestamp,
    pub tickets: Vec<Ticket>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    pub id: TicketId,
    pub seat: u32,
    pub label: String,
    pub price: Money,
    pub attendee: Option<String>,
}

/// One order of one account; another's is not found.
pub struct OwnOrder {
    pub account: AccountId,
    pub order: OrderId,
}

impl Query for OwnOrder {
    type Out = Option<Order>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Option<Order>> {
        let order = read
            .first(
                "select id, sale, state, total, currency, created_at from orders where id = ?1 and account = ?2",
                &[self.order.into(), self.account.into()],
            )
            .await?;
        let Some(order) = order else { return Ok(None) };
        let tickets = read
            .query(
                "select t.id, t.seat, s.label, t.price, t.attendee from tickets t
                 join seats s on s.sale = t.sale and s.num = t.seat where t.order_id = ?1 order by t.seat",
                &[self.order.into()],
            )
            .await?;
        Ok(Some(Order {
            id: order.id(0),
            sale: order.id(1),
            status: order.text(2).to_owned(),
            total: Money(order.int(3)),
            currency: order.text(4).to_owned(),
            created_at: order.time(5),
            tickets: tickets
                .iter()
                .map(|row| Ticket {
                    id: row.id(0),
                    seat: crate::holds::seat(row, 1),
                    label: row.text(2).to_owned(),
                    price: Money(row.int(3)),
                    attendee: row.text_or_null(4).map(str::to_owned),
                })
                .collect(),
        }))
    }
}

/// What a repeat of a checkout's key waits for: the stored answer, or how the order ended without one.
pub struct CheckoutResult {
    pub account: AccountId,
    pub order: OrderId,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckoutState {
    Paying,
    Confirmed(Vec<u8>),
    Declined,
    RefundDue,
}

impl Query for CheckoutResult {
    type Out = Option<CheckoutState>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Option<CheckoutState>> {
        let row = read
            .first(
                "select o.state, i.answer from orders o left join idempotency i
                   on i.account = o.account and i.sale = o.sale and i.verb = 'checkout' and i.key = o.idempotency_key
                 where o.id = ?1 and o.account = ?2",
                &[self.order.into(), self.account.into()],
            )
            .await?;
        Ok(row.map(|row| match (row.text(0), row.bytes_or_null(1)) {
            ("confirmed", Some(answer)) => CheckoutState::Confirmed(answer.to_vec()),
            ("declined", _) => CheckoutState::Declined,
            ("refund_due", _) => CheckoutState::RefundDue,
            _ => CheckoutState::Paying,
        }))
    }
}
