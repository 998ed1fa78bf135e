//! Checkout in three steps: begin (order `paying`), the provider's call outside any transaction, finish.
//!
//! Invariant: an order is settled once; whoever comes second hears what the first one wrote.

use domain::hold::Usage;
use domain::order::{self, Captured, HoldState, OrderState, Payable};
use domain::sale::Sale;
use domain::waiting_room::EndedAs;
use domain::{AccountId, ClaimId, HoldId, Money, OrderId, Refusal, SaleId, TicketId};
use serde_json::json;

use crate::answers::{OrderAnswer, currency};
use crate::change::{Change, SeatStatus};
use crate::error::{DbError, Outcome};
use crate::holds::{is_paying, seat, usage};
use crate::idempotency::{Key, Known};
use crate::payment::Charge;
use crate::queue::{end_claim, end_entry};
use crate::rows::{load_sale, lock_claim};
use crate::tx::{Lane, Query, Read, Tx, Verb, bulk, hex};
use crate::value::Row;

/// Orders that one look at the unsettled returns; the next tick sees the rest.
const MOST_UNSETTLED: i64 = 100;
/// The name of checkout's keys.
pub const CHECKOUT: &str = "checkout";

pub struct BeginCheckout {
    pub order: OrderId,
    pub sale: SaleId,
    pub account: AccountId,
    /// The claim that the admission names.
    pub claim: ClaimId,
    pub hold: HoldId,
    pub payment_token: String,
    /// A name for each seat in order, or fewer.
    pub attendees: Vec<String>,
    pub key: Key,
}

/// What to do next.
#[derive(Clone, Debug)]
pub enum Begun {
    Answered(Vec<u8>),
    /// This run made the order: charge it.
    Charge(Charge),
    /// An earlier run with this key made the order and waits for the provider.
    Paying(OrderId),
}

impl Verb for BeginCheckout {
    type Done = Begun;
    const LANE: Lane = Lane::Purchases;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<Begun> {
        match self.key.take(tx).await? {
            Known::Answered(answer) => return Ok(Begun::Answered(answer)),
            Known::Paying(order) => return Ok(Begun::Paying(order)),
            Known::Fresh => {}
        }
        let sale = load_sale(tx, self.sale).await?;
        let claim = lock_claim(tx, self.sale, self.account).await?;
        let hold = tx
            .lock(
                "select state, expires_at, seats, total, claim, extended from holds
                 where id = ?1 and sale = ?2 and account = ?3",
                &[self.hold.into(), self.sale.into(), self.account.into()],
            )
            .await?;
        // One admission is one order, whatever hold is named.
        if claim.is_some_and(|claim| claim.id == self.claim && claim.ended_as == Some(EndedAs::Bought)) {
            return Err(Refusal::AdmissionUsed.into());
        }
        let hold = hold.first().filter(|hold| hold.id::<ClaimId>(4) == self.claim).ok_or(Refusal::HoldNotFound)?;
        order::begin(&Payable {
            sale: &sale,
            state: HoldState::parse(hold.text(0)).unwrap_or(HoldState::Expired),
            expires_at: hold.time(1),
            seats: hold.int(2),
            paying: is_paying(tx, self.hold).await?,
            usage: usage(tx, self.sale, self.account).await?,
            now: tx.now(),
        })?;
        self.write(tx, hold, &sale).await
    }
}

impl BeginCheckout {
    async fn write<T: Tx>(&self, tx: &mut T, hold: &Row, sale: &Sale) -> Outcome<Begun> {
        let total = Money(hold.int(3));
        let kept = order::kept_until(hold.time(1), tx.now(), hold.flag(5));
        tx.execute(
            "update holds set expires_at = ?2, extended = 1 where id = ?1 and state = 'live'",
            &[self.hold.into(), kept.into()],
        )
        .await?;
        tx.execute(
            "insert into orders (id, sale, account, hold, claim, state, total, currency, payment_token, attendees,
                 idempotency_key, created_at)
             values (?1, ?2, ?3, ?4, ?5, 'paying', ?6, ?7, ?8, ?9, ?10, ?11)",
            &[
                self.order.into(),
                self.sale.into(),
                self.account.into(),
                self.hold.into(),
                self.claim.into(),
                total.0.into(),
                sale.terms.currency.as_str().into(),
                (&self.payment_token).into(),
                json!(self.attendees).to_string().into(),
                (&self.key.key).into(),
                tx.now().into(),
            ],
        )
        .await?;
        tx.execute(
            "update idempotency set order_id = ?5 where account = ?1 and sale = ?2 and verb = ?3 and key = ?4",
            &[
                self.key.account.into(),
                self.key.sale.into(),
                self.key.verb.into(),
                (&self.key.key).into(),
                self.order.into(),
            ],
        )
        .await?;
        Ok(Begun::Charge(Charge { order: self.order, amount: total, token: self.payment_token.clone() }))
    }
}

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
    const LANE: Lane = Lane::Purchases;

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
        let hold = tx.lock("select state, seats from holds where id = ?1", &[order.hold.into()]).await?;
        let hold = hold.first().ok_or_else(|| DbError::Bug(format!("{} has no hold", order.id)))?;
        let sale = load_sale(tx, order.sale).await?;
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

/// An order with what is needed to settle it.
struct Order {
    id: OrderId,
    sale: SaleId,
    account: AccountId,
    hold: HoldId,
    claim: ClaimId,
    state: OrderState,
    total: Money,
    currency: String,
    attendees: Vec<String>,
    idempotency_key: String,
}

impl Order {
    async fn load<T: Tx>(tx: &mut T, id: OrderId) -> Outcome<Self> {
        let row = tx
            .first(
                "select sale, account, hold, claim, state, total, currency, attendees, idempotency_key
                 from orders where id = ?1",
                &[id.into()],
            )
            .await?
            .ok_or(Refusal::OrderNotFound)?;
        let state = OrderState::parse(row.text(4)).ok_or_else(|| DbError::Bug(format!("state of order {id}")))?;
        Ok(Self {
            id,
            sale: row.id(0),
            account: row.id(1),
            hold: row.id(2),
            claim: row.id(3),
            state,
            total: Money(row.int(5)),
            currency: row.text(6).to_owned(),
            attendees: serde_json::from_str(row.text(7)).unwrap_or_default(),
            idempotency_key: row.text(8).to_owned(),
        })
    }

    fn key(&self) -> Key {
        Key {
            account: self.account,
            sale: self.sale,
            verb: CHECKOUT,
            key: self.idempotency_key.clone(),
            digest: [0; 32],
        }
    }

    async fn stored_answer<T: Tx>(&self, tx: &mut T) -> Outcome<Vec<u8>> {
        let row = tx
            .first(
                "select answer from idempotency where account = ?1 and sale = ?2 and verb = ?3 and key = ?4",
                &[self.account.into(), self.sale.into(), CHECKOUT.into(), (&self.idempotency_key).into()],
            )
            .await?;
        row.and_then(|row| row.bytes_or_null(0).map(<[u8]>::to_vec))
            .ok_or_else(|| DbError::Bug(format!("order {} has no stored answer", self.id)).into())
    }

    /// A refusal stores nothing: the same key may try again.
    async fn forget_key<T: Tx>(&self, tx: &mut T) -> Outcome<()> {
        tx.execute(
            "delete from idempotency where account = ?1 and sale = ?2 and verb = ?3 and key = ?4 and answer is null",
            &[self.account.into(), self.sale.into(), CHECKOUT.into(), (&self.idempotency_key).into()],
        )
        .await?;
        Ok(())
    }

    async fn settle<T: Tx>(&self, tx: &mut T, state: OrderState) -> Outcome<()> {
        tx.execute(
            "update orders set state = ?2, settled_at = ?3 where id = ?1",
            &[self.id.into(), state.name().into(), tx.now().into()],
        )
        .await?;
        Ok(())
    }

    async fn record_payment<T: Tx>(&self, tx: &mut T, state: &'static str) -> Outcome<()> {
        tx.execute(
            "insert into payments (order_id, sale, amount, currency, state, at) values (?1, ?2, ?3, ?4, ?5, ?6)",
            &[
                self.id.into(),
                self.sale.into(),
                self.total.0.into(),
                (&self.currency).into(),
                state.into(),
                tx.now().into(),
            ],
        )
        .await?;
        Ok(())
    }

    /// Seats of a hold whose time ran out during the payment may be free still: then they are ours again.
    async fn seats_are_ours<T: Tx>(&self, tx: &mut T, hold: &Row) -> Outcome<bool> {
        if hold.text(0) == HoldState::Live.name() {
            return Ok(true);
        }
        let row = tx
            .first(
                "select count(*) from hold_seats mine join hold_seats other
                   on other.sale = mine.sale and other.seat = mine.seat and other.live = 1
                 where mine.hold = ?1",
                &[self.hold.into()],
            )
            .await?;
        Ok(row.is_some_and(|row| row.int(0) == 0))
    }

    /// One admission is one order: another one under the same claim was confirmed first.
    async fn admission_is_used<T: Tx>(&self, tx: &mut T) -> Outcome<bool> {
        let sql = "select 1 from claims where id = ?1 and ended_as = ?2";
        Ok(tx.first(sql, &[self.claim.into(), EndedAs::Bought.name().into()]).await?.is_some())
    }

    /// What the account has besides this hold.
    async fn other_usage<T: Tx>(&self, tx: &mut T, hold: &Row) -> Outcome<Usage> {
        let all = usage(tx, self.sale, self.account).await?;
        let counted = tx
            .first(
                "select count(*) from holds where id = ?1 and state = 'live' and expires_at > ?2",
                &[self.hold.into(), tx.now().into()],
            )
            .await?;
        let own = if counted.is_some_and(|row| row.int(0) == 1) { hold.int(1) } else { 0 };
        Ok(Usage { held: all.held - own, ..all })
    }

    /// One admission is one order: the claim and the place in line end here.
    async fn end_visit<T: Tx>(&self, tx: &mut T) -> Outcome<()> {
        let claim =
            tx.first("select position from claims where id = ?1 and ended_at is null", &[self.claim.into()]).await?;
        if let Some(claim) = claim {
            end_claim(tx, self.sale, self.account, EndedAs::Bought).await?;
            end_entry(tx, self.sale, self.account, claim.int(0), EndedAs::Bought).await?;
        }
        Ok(())
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
                "select o.id, o.total, o.payment_token, o.state from orders o
                 where (o.state = 'paying' and o.created_at <= ?1)
                    or (o.state = 'refund_due' and exists
                        (select 1 from payments p where p.order_id = o.id and p.state = 'refund_due'))
                 order by o.created_at limit ?2",
                &[before.into(), MOST_UNSETTLED.into()],
            )
            .await?;
        Ok(rows
            .iter()
            .map(|row| UnsettledOrder {
                charge: Charge { order: row.id(0), amount: Money(row.int(1)), token: row.text(2).to_owned() },
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
    const LANE: Lane = Lane::Purchases;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<()> {
        tx.execute(
            "update payments set state = 'refunded', at = ?2 where order_id = ?1 and state = 'refund_due'",
            &[self.order.into(), tx.now().into()],
        )
        .await?;
        Ok(())
    }
}
