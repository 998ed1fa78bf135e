//! One-time codes: each is good for one login, for its time and a few tries.

use std::time::Duration;

use domain::AccountId;
use uuid::Uuid;

use crate::error::Outcome;
use crate::tx::{Lane, Tx, Verb};
use crate::value::Value;

/// What the store keeps of a code: nobody who reads the rows can tell the code.
pub type Hash = [u8; 32];

/// A code that is about to be mailed.
pub struct NewCode {
    pub id: Uuid,
    pub account: AccountId,
    pub hash: Hash,
    pub tries: u8,
    pub life: Duration,
}

impl Verb for NewCode {
    type Done = ();
    const LANE: Lane = Lane::Accounts;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<()> {
        tx.execute(
            "insert into login_codes (id, account, hash, tries_left, expires_at) values (?1, ?2, ?3, ?4, ?5)",
            &[
                Value::Id(self.id),
                self.account.into(),
                self.hash.as_slice().into(),
                i64::from(self.tries).into(),
                (tx.now() + self.life).into(),
            ],
        )
        .await?;
        Ok(())
    }
}

/// A try. The right one ends the code; so do too many wrong ones.
pub struct UseCode {
    pub id: Uuid,
    pub hash: Hash,
}

impl Verb for UseCode {
    /// Whose code it was; `None` for a wrong one, and for one that is not there any more. Not a refusal, because a wrong try
    /// is counted.
    type Done = Option<AccountId>;
    const LANE: Lane = Lane::Accounts;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<Option<AccountId>> {
        let code = Value::Id(self.id);
        let found = tx
            .locked(
                "select id from login_codes where id = ?1 and expires_at > ?2",
                "select account, hash, tries_left from login_codes where id = ?1 and expires_at > ?2",
                &[code.clone(), tx.now().into()],
            )
            .await?;
        let Some(found) = found.first() else { return Ok(None) };
        let right = found.bytes(1) == self.hash;
        if right || found.int(2) <= 1 {
            tx.execute("delete from login_codes where id = ?1", &[code]).await?;
        } else {
            tx.execute("update login_codes set tries_left = tries_left - 1 where id = ?1", &[code]).await?;
        }
        Ok(right.then(|| found.id(0)))
    }
}

/// Removes codes whose time is over, at most [`crate::MOST_ROWS_PER_COMMAND`] at once.
pub struct ForgetCodes;

impl Verb for ForgetCodes {
    /// How many there were.
    type Done = u64;
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<u64> {
        let forgotten = tx
            .execute(
                "delete from login_codes where id in
                 (select id from login_codes where expires_at <= ?1 order by expires_at limit ?2)",
                &[tx.now().into(), (crate::MOST_ROWS_PER_COMMAND as i64).into()],
            )
            .await?;
        Ok(forgotten)
    }
}
