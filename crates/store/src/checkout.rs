//! The first step of checkout: an order that is `paying`, with its hold kept for the time of the payment.
//!
//! The provider is asked outside any transaction; `settlement` writes what it said.

use std::net::IpAddr;

use domain::order::{self, HoldState, Payable};
use domain::sale::Sale;
use domain::waiting_room::EndedAs;
use domain::{AccountId, ClaimId, HoldId, Money, OrderId, Refusal, SaleId};
use serde_json::json;

use crate::caps::{Circles, Judged, Offered};
use crate::error::Outcome;
use crate::exceptions;
use crate::holds::{is_paying, usage};
use crate::idempotency::{Key, Known};
use crate::payment::{Charge, fingerprint};
use crate::rows::{load_sale, lock_claim};
use crate::sale_changes::with_cap_since;
use crate::tx::{Lane, Tx, Verb};
use crate::value::Row;

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
    /// Where the request came from, if that is known.
    pub address: Option<IpAddr>,
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
        let offered = Offered { card: fingerprint(&self.payment_token), address: self.address };
        let circles = Circles::lock(tx, &sale, self.account, offered).await?;
        circles.within_bound()?;
        let claim = lock_claim(tx, self.sale, self.account).await?;
        let hold = tx
            .lock(
                "select state, expires_at, seats, total, claim, extended, placed_at from holds
                 where id = ?1 and sale = ?2 and account = ?3",
                &[self.hold.into(), self.sale.into(), self.account.into()],
            )
            .await?;
        // One admission is one order, whatever hold is named.
        if claim.is_some_and(|claim| claim.id == self.claim && claim.ended_as == Some(EndedAs::Bought)) {
            return Err(Refusal::AdmissionUsed.into());
        }
        let hold = hold.first().filter(|hold| hold.id::<ClaimId>(4) == self.claim).ok_or(Refusal::HoldNotFound)?;
        let counted = circles.count(tx, &sale, self.account, self.hold, Judged::New).await?;
        let sale = with_cap_since(tx, sale, hold.time(6)).await?;
        let (paying, usage) = (is_paying(tx, self.hold).await?, usage(tx, self.sale, self.account).await?);
        let now = tx.now();
        let begin = |allowed| {
            order::begin(&Payable {
                sale: &sale,
                state: HoldState::parse(hold.text(0)).unwrap_or(HoldState::Expired),
                expires_at: hold.time(1),
                seats: hold.int(2),
                paying,
                usage,
                counted: &counted,
                allowed,
                names: self.attendees.len(),
                now,
            })
        };
        exceptions::judged(tx, (self.sale, self.account), hold.time(6), begin).await?;
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
        let seats = usize::try_from(hold.int(2)).unwrap_or(0);
        Ok(Begun::Charge(Charge { order: self.order, amount: total, token: self.payment_token.clone(), seats }))
    }
}
