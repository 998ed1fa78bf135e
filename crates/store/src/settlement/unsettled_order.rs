//! An order under settlement: what it needs to know, and the rows that every ending writes.

use domain::hold::Usage;
use domain::order::{HoldState, OrderState};
use domain::waiting_room::EndedAs;
use domain::{AccountId, ClaimId, HoldId, Money, OrderId, Refusal, SaleId};

use crate::checkout::CHECKOUT;
use crate::error::{DbError, Outcome};
use crate::holds::usage;
use crate::idempotency::Key;
use crate::queue::{end_claim, end_entry};
use crate::tx::Tx;
use crate::value::Row;

/// An order with what is needed to settle it.
pub(super) struct Order {
    pub(super) id: OrderId,
    pub(super) sale: SaleId,
    pub(super) account: AccountId,
    pub(super) hold: HoldId,
    pub(super) claim: ClaimId,
    pub(super) state: OrderState,
    pub(super) total: Money,
    pub(super) currency: String,
    pub(super) attendees: Vec<String>,
    idempotency_key: String,
}

impl Order {
    pub(super) async fn load<T: Tx>(tx: &mut T, id: OrderId) -> Outcome<Self> {
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

    pub(super) fn key(&self) -> Key {
        Key {
            account: self.account,
            sale: self.sale,
            verb: CHECKOUT,
            key: self.idempotency_key.clone(),
            digest: [0; 32],
        }
    }

    pub(super) async fn stored_answer<T: Tx>(&self, tx: &mut T) -> Outcome<Vec<u8>> {
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
    pub(super) async fn forget_key<T: Tx>(&self, tx: &mut T) -> Outcome<()> {
        tx.execute(
            "delete from idempotency where account = ?1 and sale = ?2 and verb = ?3 and key = ?4 and answer is null",
            &[self.account.into(), self.sale.into(), CHECKOUT.into(), (&self.idempotency_key).into()],
        )
        .await?;
        Ok(())
    }

    pub(super) async fn settle<T: Tx>(&self, tx: &mut T, state: OrderState) -> Outcome<()> {
        tx.execute(
            "update orders set state = ?2, settled_at = ?3 where id = ?1",
            &[self.id.into(), state.name().into(), tx.now().into()],
        )
        .await?;
        Ok(())
    }

    pub(super) async fn record_payment<T: Tx>(&self, tx: &mut T, state: &'static str) -> Outcome<()> {
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
    pub(super) async fn seats_are_ours<T: Tx>(&self, tx: &mut T, hold: &Row) -> Outcome<bool> {
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
    pub(super) async fn admission_is_used<T: Tx>(&self, tx: &mut T) -> Outcome<bool> {
        let sql = "select 1 from claims where id = ?1 and ended_as = ?2";
        Ok(tx.first(sql, &[self.claim.into(), EndedAs::Bought.name().into()]).await?.is_some())
    }

    /// What the account has besides this hold.
    pub(super) async fn other_usage<T: Tx>(&self, tx: &mut T, hold: &Row) -> Outcome<Usage> {
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
    pub(super) async fn end_visit<T: Tx>(&self, tx: &mut T) -> Outcome<()> {
        let claim =
            tx.first("select position from claims where id = ?1 and ended_at is null", &[self.claim.into()]).await?;
        if let Some(claim) = claim {
            end_claim(tx, self.sale, self.account, EndedAs::Bought).await?;
            end_entry(tx, self.sale, self.account, claim.int(0), EndedAs::Bought).await?;
        }
        Ok(())
    }
}
