//! Tickets that are taken back: the money goes back, and the seat to the public or to the operator, who gives it free later.
//!
//! Invariant: every seat of a cancelled ticket is free, somebody else's, or held back; never two of these.

use domain::sale::CancelledSeats;
use domain::{AccountId, HoldId, Money, OrderId, Refusal, SaleId, TicketId, door};
use serde_json::{Value as Json, json};

use crate::MOST_ROWS_PER_COMMAND;
use crate::audit::{self, Act};
use crate::catalog::{answer, repeated};
use crate::change::{Change, SeatStatus};
use crate::error::{DbError, Outcome};
use crate::holds::seat;
use crate::idempotency::Key;
use crate::payment::Refund;
use crate::rows::{load_sale, lock_claim};
use crate::tx::{Lane, Query, Read, Tx, Verb, id_list, list};

/// Refunds that one look at those due returns; the next tick sees the rest.
const MOST_DUE: i64 = 100;

/// What is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Ticket(TicketId),
    /// All of its tickets that are still good, or none when one of them is in use.
    Order(OrderId),
}

pub struct CancelTickets {
    pub which: Which,
    pub reason: Option<String>,
    pub key: Option<Key>,
    /// Its subject and details are written here.
    pub act: Act,
}

/// An order with what its cancellation needs.
struct Found {
    order: OrderId,
    sale: SaleId,
    account: AccountId,
    hold: HoldId,
    currency: String,
}

struct Cancelled {
    id: TicketId,
    seat: u32,
    label: String,
    price: Money,
}

impl Verb for CancelTickets {
    /// The answer's bytes.
    type Done = Vec<u8>;
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<Vec<u8>> {
        if let Some(answer) = repeated(tx, self.key.as_ref()).await? {
            return Ok(answer);
        }
        let found = self.find(tx).await?;
        // What the account has in this sale is counted under its claim's lock.
        lock_claim(tx, found.sale, found.account).await?;
        tx.lock("select 1 from holds where id = ?1", &[found.hold.into()]).await?;
        let tickets = self.tickets(tx, &found).await?;
        let seats = load_sale(tx, found.sale).await?.terms.cancelled_seats;
        tx.execute(
            "update tickets set cancelled_at = ?1 where id in (select unhex(value) from json_each(?2))",
            &[tx.now().into(), id_list(tickets.iter().map(|ticket| ticket.id.0))],
        )
        .await?;
        give_back_seats(tx, &found, &tickets, seats).await?;
        let refunded = give_back_money(tx, &found, &tickets).await?;
        let told: Vec<Json> =
            tickets.iter().map(|ticket| json!({ "ticket_id": ticket.id, "seat_id": ticket.label })).collect();
        let details = json!({
            "order": found.order, "tickets": told, "refund": refunded, "currency": found.currency, "seats": seats,
            "reason": self.reason,
        });
        let (subject, details) = (found.sale.to_string(), details.to_string());
        audit::append(tx, &Act { subject, details, ..self.act.clone() }).await?;
        let body = json!({
            "order_id": found.order, "sale_id": found.sale, "user_id": found.account, "tickets": told,
            "refund": { "amount": refunded, "currency": found.currency }, "seats": seats,
        });
        answer(tx, self.key.as_ref(), &body).await
    }
}

impl CancelTickets {
    async fn find<T: Tx>(&self, tx: &mut T) -> Outcome<Found> {
        let (sql, id, none) = match self.which {
            Which::Ticket(ticket) => (
                "select o.id, o.sale, o.account, o.hold, o.currency from tickets t join orders o on o.id = t.order_id
                 where t.id = ?1",
                ticket.into(),
                Refusal::TicketNotFound,
            ),
            Which::Order(order) => {
                let sql = "select id, sale, account, hold, currency from orders where id = ?1";
                (sql, order.into(), Refusal::OrderNotFound)
            }
        };
        let row = tx.first(sql, &[id]).await?.ok_or(none)?;
        Ok(Found {
            order: row.id(0),
            sale: row.id(1),
            account: row.id(2),
            hold: row.id(3),
            currency: row.text(4).to_owned(),
        })
    }

    /// Those to cancel, locked: no gate lets one in meanwhile, and nobody issues one again.
    async fn tickets<T: Tx>(&self, tx: &mut T, found: &Found) -> Outcome<Vec<Cancelled>> {
        tx.lock("select 1 from tickets where order_id = ?1 order by id", &[found.order.into()]).await?;
        let rows = tx
            .query(
                "select t.id, t.seat, s.label, t.price, t.cancelled_at, t.admitted_at from tickets t
                 join seats s on s.sale = t.sale and s.num = t.seat where t.order_id = ?1 order by t.seat",
                &[found.order.into()],
            )
            .await?;
        if rows.is_empty() {
            return Err(Refusal::NoTickets.into());
        }
        let mut tickets = Vec::new();
        for row in &rows {
            let (cancelled, used) = (row.time_or_null(4).is_some(), row.time_or_null(5).is_some());
            match self.which {
                Which::Ticket(ticket) if ticket != row.id(0) => continue,
                Which::Order(_) if cancelled => continue,
                Which::Ticket(_) | Which::Order(_) => door::may_change(cancelled, used)?,
            }
            tickets.push(Cancelled {
                id: row.id(0),
                seat: seat(row, 1),
                label: row.text(2).to_owned(),
                price: Money(row.int(3)),
            });
        }
        if tickets.is_empty() { Err(Refusal::TicketCancelled.into()) } else { Ok(tickets) }
    }
}

async fn give_back_seats<T: Tx>(tx: &mut T, found: &Found, tickets: &[Cancelled], to: CancelledSeats) -> Outcome<()> {
    let nums: Vec<u32> = tickets.iter().map(|ticket| ticket.seat).collect();
    let wanted = list(&nums);
    let changed = match to {
        CancelledSeats::Public => {
            tx.execute(
                "update hold_seats set live = 0 where hold = ?1 and live = 1
                   and seat in (select cast(value as bigint) from json_each(?2))",
                &[found.hold.into(), wanted],
            )
            .await?
        }
        // To everybody else it stays what it was: not on sale.
        CancelledSeats::Held => {
            tx.execute(
                "update hold_seats set kept_at = ?3 where hold = ?1 and live = 1
                   and seat in (select cast(value as bigint) from json_each(?2))",
                &[found.hold.into(), wanted, tx.now().into()],
            )
            .await?
        }
    };
    if changed != nums.len() as u64 {
        return Err(DbError::Bug(format!("a ticket of {} has no live seat", found.order)).into());
    }
    if to == CancelledSeats::Public {
        tx.emit(Change::Seats { sale: found.sale, seats: nums, to: SeatStatus::Available });
    }
    Ok(())
}

/// What goes back in all. A ticket that cost nothing is owed nothing.
async fn give_back_money<T: Tx>(tx: &mut T, found: &Found, tickets: &[Cancelled]) -> Outcome<Money> {
    tx.execute(
        "insert into refunds (ticket, order_id, sale, amount, currency, state, at)
         select id, order_id, sale, price, ?2, 'refund_due', ?3 from tickets
         where price > 0 and id in (select unhex(value) from json_each(?1))",
        &[id_list(tickets.iter().map(|ticket| ticket.id.0)), (&found.currency).into(), tx.now().into()],
    )
    .await?;
    let sum = Money::sum(tickets.iter().map(|ticket| ticket.price));
    sum.ok_or_else(|| DbError::Bug(format!("the tickets of {} cost more than all money", found.order)).into())
}

/// Puts seats that are held back on sale again.
pub struct ReleaseHeld {
    pub sale: SaleId,
    /// `None`: all of them, as many as one command may write.
    pub seats: Option<Vec<u32>>,
    pub reason: Option<String>,
    pub key: Option<Key>,
    /// Its subject and details are written here.
    pub act: Act,
}

impl Verb for ReleaseHeld {
    /// The answer's bytes.
    type Done = Vec<u8>;
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<Vec<u8>> {
        if let Some(answer) = repeated(tx, self.key.as_ref()).await? {
            return Ok(answer);
        }
        load_sale(tx, self.sale).await?;
        // Two who release at once take turns: the second finds what the first one left.
        tx.lock("select 1 from drips where sale = ?1", &[self.sale.into()]).await?;
        let kept = tx
            .query(
                "select hs.seat, s.label from hold_seats hs join seats s on s.sale = hs.sale and s.num = hs.seat
                 where hs.sale = ?1 and hs.kept_at is not null order by hs.seat",
                &[self.sale.into()],
            )
            .await?;
        let wanted = |num: u32| self.seats.as_ref().is_none_or(|seats| seats.contains(&num));
        let chosen: Vec<(u32, &str)> = kept
            .iter()
            .map(|row| (seat(row, 0), row.text(1)))
            .filter(|(num, _)| wanted(*num))
            .take(MOST_ROWS_PER_COMMAND)
            .collect();
        if self.seats.as_ref().is_some_and(|seats| seats.len() != chosen.len()) {
            return Err(Refusal::Unavailable.into());
        }
        let nums: Vec<u32> = chosen.iter().map(|(num, _)| *num).collect();
        let labels: Vec<&str> = chosen.iter().map(|(_, label)| *label).collect();
        tx.execute(
            "update hold_seats set live = 0, kept_at = null where sale = ?1 and kept_at is not null
               and seat in (select cast(value as bigint) from json_each(?2))",
            &[self.sale.into(), list(&nums)],
        )
        .await?;
        let details = json!({ "reason": self.reason, "seats": labels }).to_string();
        audit::append(tx, &Act { subject: self.sale.to_string(), details, ..self.act.clone() }).await?;
        let left = kept.len() - chosen.len();
        let body = json!({ "sale_id": self.sale, "released": nums.len(), "seat_ids": labels, "left": left });
        if !nums.is_empty() {
            tx.emit(Change::Seats { sale: self.sale, seats: nums, to: SeatStatus::Available });
        }
        answer(tx, self.key.as_ref(), &body).await
    }
}

/// Money for cancelled tickets that the provider has not sent back yet.
pub struct RefundsDue;

impl Query for RefundsDue {
    type Out = Vec<(TicketId, Refund)>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Self::Out> {
        let rows = read
            .query(
                "select r.ticket, r.order_id, r.amount, o.payment_token from refunds r join orders o on o.id = r.order_id
                 where r.state = 'refund_due' order by r.at limit ?1",
                &[MOST_DUE.into()],
            )
            .await?;
        let refund = |row: &crate::Row| {
            let ticket: TicketId = row.id(0);
            let (amount, token) = (Money(row.int(2)), row.text(3).to_owned());
            (ticket, Refund { key: ticket.0, order: row.id(1), amount, token })
        };
        Ok(rows.iter().map(refund).collect())
    }
}

/// The provider has the money of a cancelled ticket on its way back.
pub struct TicketRefunded(pub TicketId);

impl Verb for TicketRefunded {
    type Done = ();
    const LANE: Lane = Lane::Purchases;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<()> {
        tx.execute(
            "update refunds set state = 'refunded', at = ?2 where ticket = ?1 and state = 'refund_due'",
            &[self.0.into(), tx.now().into()],
        )
        .await?;
        Ok(())
    }
}
