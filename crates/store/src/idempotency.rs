//! A key makes a write repeatable: the answer is stored with the effect, and the same key returns the same bytes.

use domain::{AccountId, OrderId, Refusal, SaleId};

use crate::error::Outcome;
use crate::tx::Tx;

/// A client's key within its scope, and what it asked under it.
#[derive(Clone, Debug)]
pub struct Key {
    /// Nil for the operator.
    pub account: AccountId,
    /// Nil where there is no sale yet.
    pub sale: SaleId,
    pub verb: &'static str,
    pub key: String,
    /// A digest of the request: another body under the same key is refused.
    pub digest: [u8; 32],
}

/// What is known of a key.
#[derive(Debug, PartialEq, Eq)]
pub enum Known {
    /// Taken by this run; the caller goes on and stores its answer, or is rolled back with the key.
    Fresh,
    Answered(Vec<u8>),
    /// A checkout under this key waits for its payment.
    Paying(OrderId),
}

impl Key {
    /// Always the first statement of its verb.
    pub(crate) async fn take<T: Tx>(&self, tx: &mut T) -> Outcome<Known> {
        let scope = [self.account.into(), self.sale.into(), self.verb.into(), (&self.key).into()];
        let [account, sale, verb, key] = scope.clone();
        let inserted = tx
            .execute(
                "insert into idempotency (account, sale, verb, key, digest, created_at)
                 values (?1, ?2, ?3, ?4, ?5, ?6) on conflict do nothing",
                &[account, sale, verb, key, self.digest.as_slice().into(), tx.now().into()],
            )
            .await?;
        if inserted == 1 {
            return Ok(Known::Fresh);
        }
        let rows = tx
            .query(
                "select digest, answer, order_id from idempotency
                 where account = ?1 and sale = ?2 and verb = ?3 and key = ?4",
                &scope,
            )
            .await?;
        let Some(row) = rows.first() else { return Err(Refusal::IdempotencyKeyReused.into()) };
        if row.bytes(0) != self.digest {
            return Err(Refusal::IdempotencyKeyReused.into());
        }
        match (row.bytes_or_null(1), row.id_or_null(2)) {
            (Some(answer), _) => Ok(Known::Answered(answer.to_vec())),
            (None, Some(order)) => Ok(Known::Paying(order)),
            (None, None) => Err(Refusal::IdempotencyKeyReused.into()),
        }
    }

    pub(crate) async fn answer<T: Tx>(&self, tx: &mut T, answer: &[u8]) -> Outcome<()> {
        tx.execute(
            "update idempotency set answer = ?5 where account = ?1 and sale = ?2 and verb = ?3 and key = ?4",
            &[self.account.into(), self.sale.into(), self.verb.into(), (&self.key).into(), answer.into()],
        )
        .await?;
        Ok(())
    }
}
