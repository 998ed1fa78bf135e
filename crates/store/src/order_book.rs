//! The orders of a sale as the operator reads them, a page at a time.

use domain::{AccountId, Money, OrderId, Refusal, SaleId, Timestamp};

use crate::error::Outcome;
use crate::orders::told;
use crate::rows::load_sale;
use crate::tx::{Query, Read};
use crate::value::Row;

/// One order, whatever became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRow {
    pub id: OrderId,
    pub created_at: Timestamp,
    pub settled_at: Option<Timestamp>,
    pub status: String,
    pub account: AccountId,
    pub email: Option<String>,
    /// Labels in order of the hall, those of cancelled tickets too.
    pub seats: Vec<String>,
    /// Labels of cancelled tickets.
    pub cancelled: Vec<String>,
    /// For cancelled tickets: given back, or on its way.
    pub refunded: Money,
    pub total: Money,
    pub currency: String,
    /// `None`: no money has moved.
    pub payment: Option<String>,
}

/// Orders in the order in which they were made, after one that is known.
pub struct OrderPage {
    pub sale: SaleId,
    pub after: Option<OrderId>,
    pub limit: i64,
}

impl Query for OrderPage {
    type Out = Vec<OrderRow>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Vec<OrderRow>> {
        load_sale(read, self.sale).await?;
        let (created_at, id) = match self.after {
            None => (Timestamp(i64::MIN), OrderId(uuid::Uuid::nil())),
            Some(id) => {
                let sql = "select created_at from orders where id = ?1 and sale = ?2";
                let row = read.first(sql, &[id.into(), self.sale.into()]).await?.ok_or(Refusal::OrderNotFound)?;
                (row.time(0), id)
            }
        };
        let rows = read
            .query(
                "select o.id, o.created_at, o.settled_at, o.state, o.account, a.email, o.total, o.currency, p.state,
                   (select json_group_array(s.label order by s.num) from hold_seats hs
                    join seats s on s.sale = hs.sale and s.num = hs.seat where hs.hold = o.hold),
                   (select json_group_array(s.label order by s.num) from tickets t
                    join seats s on s.sale = t.sale and s.num = t.seat
                    where t.order_id = o.id and t.cancelled_at is not null),
                   (select coalesce(sum(amount), 0) from refunds r where r.order_id = o.id)
                 from orders o left join accounts a on a.id = o.account left join payments p on p.order_id = o.id
                 where o.sale = ?1 and (o.created_at, o.id) > (?2, ?3) order by o.created_at, o.id limit ?4",
                &[self.sale.into(), created_at.into(), id.into(), self.limit.into()],
            )
            .await?;
        Ok(rows.iter().map(order).collect())
    }
}

fn order(row: &Row) -> OrderRow {
    let labels = |column| serde_json::from_str::<Vec<String>>(row.text(column)).unwrap_or_default();
    let (seats, cancelled) = (labels(9), labels(10));
    OrderRow {
        id: row.id(0),
        created_at: row.time(1),
        settled_at: row.time_or_null(2),
        status: told(row.text(3), seats.len(), cancelled.len()).to_owned(),
        account: row.id(4),
        email: row.text_or_null(5).map(str::to_owned),
        total: Money(row.int(6)),
        currency: row.text(7).to_owned(),
        payment: row.text_or_null(8).map(str::to_owned),
        seats,
        cancelled,
        refunded: Money(row.int(11)),
    }
}
