//! Who works: the one lease of an installation. Its epoch fences every earlier leader, whatever he still believes.

use domain::Timestamp;
use uuid::Uuid;

use crate::error::Outcome;
use crate::tx::{Lane, Tx, Verb};
use crate::value::{Row, Value};

const WORKER: &str = "worker";
/// A leader who has not been heard of for so long is taken for dead.
pub const LEASE_MS: i64 = 5_000;

/// Makes this process the leader, or keeps it: where nobody leads, or whoever led has not been heard of for [`LEASE_MS`].
/// To be repeated well within that time.
pub struct Lead {
    /// This life of this process.
    pub holder: Uuid,
    /// The caller knows that no other process lives, whatever the lease says.
    pub alone: bool,
}

impl Verb for Lead {
    /// The epoch of this leader, or `None` while another one leads.
    type Done = Option<i64>;
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<Option<i64>> {
        let rows = take(tx, WORKER).await?;
        let (epoch, holder, renewed_at) =
            rows.first().map_or((0, Uuid::nil(), Timestamp(0)), |row| (row.int(0), row.id(1), row.time(2)));
        let mine = holder == self.holder;
        let now = tx.now();
        // A clock that went back must not keep a dead leader for ever.
        let fresh = (0..LEASE_MS).contains(&now.since_ms(renewed_at));
        if !mine && fresh && !self.alone {
            return Ok(None);
        }
        let epoch = if mine { epoch } else { epoch + 1 };
        tx.execute(
            "update leases set holder = ?2, epoch = ?3, renewed_at = ?4 where name = ?1",
            &[WORKER.into(), Value::Id(self.holder), epoch.into(), now.into()],
        )
        .await?;
        Ok(Some(epoch))
    }
}

/// Gives the lease back, so that another worker need not wait for it to lapse.
pub struct Resign {
    pub holder: Uuid,
}

impl Verb for Resign {
    type Done = ();
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<()> {
        tx.execute(
            "update leases set renewed_at = 0 where name = ?1 and holder = ?2",
            &[WORKER.into(), Value::Id(self.holder)],
        )
        .await?;
        Ok(())
    }
}

/// Locks the row of this name until the end of the transaction, made where there is none: epoch, holder, when renewed.
pub(crate) async fn take<T: Tx>(tx: &mut T, name: &str) -> Outcome<Vec<Row>> {
    tx.execute(
        "insert into leases (name, holder, epoch, renewed_at) values (?1, ?2, 0, 0) on conflict do nothing",
        &[name.into(), Value::Id(Uuid::nil())],
    )
    .await?;
    Ok(tx.lock("select epoch, holder, renewed_at from leases where name = ?1", &[name.into()]).await?)
}

/// Whether this epoch is the leader's, and stays it until the end of the transaction.
pub(crate) async fn leads<T: Tx>(tx: &mut T, epoch: i64) -> Outcome<bool> {
    let lease = tx.lock("select epoch from leases where name = ?1", &[WORKER.into()]).await?;
    Ok(lease.first().is_some_and(|row| row.int(0) == epoch))
}
