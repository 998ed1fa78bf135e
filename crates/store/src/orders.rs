//! Orders as their owner reads them.

use std::collections::HashMap;

use domain::{AccountId, Money, OrderId, SaleId, TicketId, Timestamp};

use crate::error::Outcome;
use crate::tx::{Query, Read, id_list};
use crate::value::{Row, Value};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub id: OrderId,
    pub sale: SaleId,
    pub status: String,
    pub total: Money,
    /// Of its cancelled tickets: given back, or on its way.
    pub refunded: Money,
    pub currency: String,
    pub created_at: Timestamp,
    pub tickets: Vec<Ticket>,
}

/// An order as people are told of it: one that was paid and of which tickets were taken back is no longer just confirmed.
pub(crate) fn told(state: &str, tickets: usize, cancelled: usize) -> &str {
    match (state, cancelled) {
        ("confirmed", 1..) if cancelled == tickets => "cancelled",
        ("confirmed", 1..) => "partly_cancelled",
        _ => state,
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    pub id: TicketId,
    pub seat: u32,
    pub label: String,
    pub price: Money,
    pub attendee: Option<String>,
    pub cancelled_at: Option<Timestamp>,
    /// Given back, or on its way.
    pub refunded: Money,
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
        Ok(with_tickets(read, order.as_slice()).await?.pop())
    }
}

/// A page of an account's orders, the newest first, those that came to nothing too.
pub struct OwnOrders {
    pub account: AccountId,
    /// The last order of the page before.
    pub after: Option<OrderId>,
    pub limit: i64,
}

impl Query for OwnOrders {
    /// None where `after` is no order of this account.
    type Out = Option<Vec<Order>>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Option<Vec<Order>>> {
        let mut from = [i64::MAX.into(), Value::Blob(Vec::new())];
        if let Some(after) = self.after {
            let own = "select created_at from orders where id = ?1 and account = ?2";
            let Some(row) = read.first(own, &[after.into(), self.account.into()]).await? else { return Ok(None) };
            from = [row.int(0).into(), after.into()];
        }
        let [created_at, order] = from;
        let rows = read
            .query(
                "select id, sale, state, total, currency, created_at from orders
                 where account = ?1 and created_at <= ?2 and (created_at < ?2 or id < ?3)
                 order by created_at desc, id desc limit ?4",
                &[self.account.into(), created_at, order, self.limit.into()],
            )
            .await?;
        with_tickets(read, &rows).await.map(Some)
    }
}

/// `id, sale, state, total, currency, created_at` of some orders, and the tickets of all of them at once.
async fn with_tickets<R: Read>(read: &mut R, orders: &[Row]) -> Outcome<Vec<Order>> {
    let rows = read
        .query(
            "select t.order_id, t.id, t.seat, s.label, t.price, t.attendee, t.cancelled_at,
               coalesce((select amount from refunds r where r.ticket = t.id), 0)
             from json_each(?1) wanted cross join tickets t join seats s on s.sale = t.sale and s.num = t.seat
             where t.order_id = unhex(wanted.value) order by t.order_id, t.seat",
            &[id_list(orders.iter().map(|order| order.id::<OrderId>(0).0))],
        )
        .await?;
    let mut tickets: HashMap<OrderId, Vec<Ticket>> = HashMap::new();
    for row in &rows {
        tickets.entry(row.id(0)).or_default().push(Ticket {
            id: row.id(1),
            seat: crate::holds::seat(row, 2),
            label: row.text(3).to_owned(),
            price: Money(row.int(4)),
            attendee: row.text_or_null(5).map(str::to_owned),
            cancelled_at: row.time_or_null(6),
            refunded: Money(row.int(7)),
        });
    }
    let order = |row: &Row| {
        let tickets = tickets.remove(&row.id(0)).unwrap_or_default();
        let cancelled = tickets.iter().filter(|ticket| ticket.cancelled_at.is_some()).count();
        Order {
            id: row.id(0),
            sale: row.id(1),
            status: told(row.text(2), tickets.len(), cancelled).to_owned(),
            total: Money(row.int(3)),
            refunded: Money(tickets.iter().map(|ticket| ticket.refunded.0).sum()),
            currency: row.text(4).to_owned(),
            created_at: row.time(5),
            tickets,
        }
    };
    Ok(orders.iter().map(order).collect())
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
