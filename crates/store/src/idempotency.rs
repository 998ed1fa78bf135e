//! A key makes a write repeatable: the answer is stored with the effect, and the same key returns the same bytes.

use domain::{AccountId, OrderId, Refusal, SaleId};
use serde_json::json;

use crate::MOST_ROWS_PER_COMMAND;
use crate::error::Outcome;
use crate::tx::{Lane, Query, Read, Tx, Verb, bulk, hex};

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

/// The scope of a key whose time is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlived {
    account: AccountId,
    sale: SaleId,
    verb: String,
    key: String,
}

/// Keys of sales that have been over for so long, and keys of no sale that are older: as many as one command forgets.
/// Looks at every key, so it is a reading, not the writer's work.
pub struct OutlivedKeys {
    pub kept_sec: i64,
}

impl Query for OutlivedKeys {
    type Out = Vec<Outlived>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Vec<Outlived>> {
        let most = i64::try_from(MOST_ROWS_PER_COMMAND).unwrap_or(i64::MAX);
        // A wall clock that is set ahead for a while must not cost anybody a key.
        let over_before = read.wall().min(read.now()).plus_sec(-self.kept_sec);
        let rows = read
            .query(
                "select i.account, i.sale, i.verb, i.key from idempotency i left join sales s on s.id = i.sale
                 where coalesce(s.closed_at, s.ends_at, i.created_at) < ?1 limit ?2",
                &[over_before.into(), most.into()],
            )
            .await?;
        let outlived = |row: &crate::Row| Outlived {
            account: row.id(0),
            sale: row.id(1),
            verb: row.text(2).to_owned(),
            key: row.text(3).to_owned(),
        };
        Ok(rows.iter().map(outlived).collect())
    }
}

/// After this a repeat of such a request is a new one.
pub struct Forget(pub Vec<Outlived>);

impl Verb for Forget {
    /// How many there were.
    type Done = u64;
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<u64> {
        let scopes = self.0.iter().map(|k| [hex(k.account.0), hex(k.sale.0), json!(k.verb), json!(k.key)]);
        let forgotten = tx
            .execute(
                "delete from idempotency where (account, sale, verb, key) in
                 (select unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3 from json_each(?1))",
                &[bulk(scopes)],
            )
            .await?;
        Ok(forgotten)
    }
}
