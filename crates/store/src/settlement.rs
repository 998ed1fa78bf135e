//! The last step of checkout: what the provider said becomes tickets, a decline or a refund.
//!
//! Invariant: an order is settled once; whoever comes second hears what the first one wrote.

mod unsettled_order;

use domain::order::{self, Captured, OrderState};
use domain::{Money, OrderId, TicketId};
use serde_json::json;

use crate::answers::{OrderAnswer, currency};
use crate::change::{Change, SeatStatus};
use crate::error::{DbError, Outcome};
use crate::holds::seat;
use crate::payment::Charge;
use crate::rows::{load_sale, lock_claim};
use crate::sale_changes::with_cap_since;
use crate::tx::{Lane, Query, Read, Tx, Verb, bulk, hex};
use unsettled_order::Order;

/// Orders that one look at the unsettled returns; the next tick sees the rest.
const MOST_UNSETTLED: i64 = 100;

/// Writes what the provider said.
pub struct FinishCheckout {
    pub order: OrderId,
    pub captured: bool,
    /// For the tickets; at least as many as the hold has seats.
    pub tickets: Vec<TicketId>,
}

/// How an order ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finished {
    Confirmed(Vec<u8>),
    Declined,
    /// Captured after the seats were lost.
    RefundDue,
}

impl Verb for FinishCheckout {
    type Done = Finished;
    const LANE: Lane = Lane::Settlements;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<Finished> {
        let found = Order::load(tx, self.order).await?;
        lock_claim(tx, found.sale, found.account).await?;
        // Under the lock: somebody else may have settled it meanwhile.
        let order = Order::load(tx, self.order).await?;
        match order.state {
            OrderState::Paying => {}
            OrderState::Confirmed => return order.stored_answer(tx).await.map(Finished::Confirmed),
            OrderState::Declined => return Ok(Finished::Declined),
            OrderState::RefundDue => return Ok(Finished::RefundDue),
        }
        if !self.captured {
            order.settle(tx, OrderState::Declined).await?;
            order.forget_key(tx).await?;
            return Ok(Finished::Declined);
        }
        let hold = tx.lock("select state, seats, placed_at from holds where id = ?1", &[order.hold.into()]).await?;
        let hold = hold.first().ok_or_else(|| DbError::Bug(format!("{} has no hold", order.id)))?;
        let sale = load_sale(tx, order.sale).await?;
        let sale = with_cap_since(tx, sale, hold.time(2)).await?;
        // Two payments of one visit can cross when the first outlasts its hold.
        let ours = order.seats_are_ours(tx, hold).await? && !order.admission_is_used(tx).await?;
        let others = order.other_usage(tx, hold).await?;
        match order::captured(&sale, ours, others, hold.int(1)) {
            Captured::Confirm => self.confirm(tx, &order).await.map(Finished::Confirmed),
            Captured::Refund => {
                order.settle(tx, OrderState::RefundDue).await?;
                order.record_payment(tx, "refund_due").await?;
                order.forget_key(tx).await?;
                Ok(Finished::RefundDue)
            }
        }
    }
}

impl FinishCheckout {
    async fn confirm<T: Tx>(&self, tx: &mut T, order: &Order) -> Outcome<Vec<u8>> {
        tx.execute(
            "update holds set state = 'sold', ended_at = ?2 where id = ?1",
            &[order.hold.into(), tx.now().into()],
        )
        .await?;
        tx.execute("update hold_seats set live = 1 where hold = ?1 and live = 0", &[order.hold.into()]).await?;
        let seats = tx
            .query(
                "select hs.seat, s.price from hold_seats hs join seats s on s.sale = hs.sale and s.num = hs.seat
                 where hs.hold = ?1 order by hs.seat",
                &[order.hold.into()],
            )
            .await?;
        if seats.len() > self.tickets.len() {
            return Err(DbError::Bug("fewer ticket ids than seats".to_owned()).into());
        }
        let rows = seats.iter().zip(&self.tickets).enumerate().map(|(at, (row, ticket))| {
            [hex(ticket.0), json!(row.int(0)), json!(row.int(1)), json!(order.attendees.get(at))]
        });
        tx.execute(
            "insert into tickets (id, order_id, sale, seat, account, price, attendee, issued_at)
             select unhex(value ->> 0), ?1, ?2, cast(value ->> 1 as bigint), ?3, cast(value ->> 2 as bigint),
                 value ->> 3, ?4 from json_each(?5)",
            &[order.id.into(), order.sale.into(), order.account.into(), tx.now().into(), bulk(rows)],
        )
        .await?;
        order.settle(tx, OrderState::Confirmed).await?;
        order.record_payment(tx, "captured").await?;
        order.end_visit(tx).await?;
        tx.emit(Change::Seats {
            sale: order.sale,
            seats: seats.iter().map(|row| seat(row, 0)).collect(),
            to: SeatStatus::Sold,
        });
        let answer = OrderAnswer {
            order_id: order.id,
            ticket_ids: self.tickets[..seats.len()].to_vec(),
            status: OrderState::Confirmed.name(),
            total: order.total,
            currency: currency(&order.currency)?,
        }
        .to_bytes();
        order.key().answer(tx, &answer).await?;
        Ok(answer)
    }
}

/// Orders to ask the provider about: paying for longer than this, or with money to give back.
pub struct Unsettled {
    pub older_than_ms: i64,
}

/// One order that is not settled.
#[derive(Clone, Debug)]
pub struct UnsettledOrder {
    pub charge: Charge,
    pub refund: bool,
}

impl Query for Unsettled {
    type Out = Vec<UnsettledOrder>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Vec<UnsettledOrder>> {
        let before = read.now().plus_ms(-self.older_than_ms);
        let rows = read
            .query(
                "select o.id, o.total, o.payment_token, o.state, (select h.seats from holds h where h.id = o.hold)
                 from orders o
                 where o.state in ('paying', 'refund_due')
                   and ((o.state = 'paying' and o.created_at <= ?1)
                     or (o.state = 'refund_due' and exists
                        (select 1 from payments p where p.order_id = o.id and p.state = 'refund_due')))
                 order by o.state, o.created_at limit ?2",
                &[before.into(), MOST_UNSETTLED.into()],
            )
            .await?;
        Ok(rows
            .iter()
            .map(|row| UnsettledOrder {
                charge: Charge {
                    order: row.id(0),
                    amount: Money(row.int(1)),
                    token: row.text(2).to_owned(),
                    seats: usize::try_from(row.int(4)).unwrap_or(0),
                },
                refund: row.text(3) == OrderState::RefundDue.name(),
            })
            .collect())
    }
}

/// The provider has the money on its way back.
pub struct Refunded {
    pub order: OrderId,
}

impl Verb for Refunded {
    type Done = ();
    const LANE: Lane = Lane::Settlements;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<()> {
        tx.execute(
            "update payments set state = 'refunded', at = ?2 where order_id = ?1 and state = 'refund_due'",
            &[self.order.into(), tx.now().into()],
        )
        .await?;
        Ok(())
    }
}
