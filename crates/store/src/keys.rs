//! Secrets that were made here because none was configured.

use crate::error::Outcome;
use crate::tx::{Lane, Tx, Verb};

/// Keeps `fresh` under this name, unless there is one already; returns the one that counts.
pub struct KeepSecret {
    pub name: &'static str,
    pub fresh: Vec<u8>,
}

impl Verb for KeepSecret {
    type Done = Vec<u8>;
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<Vec<u8>> {
        tx.execute(
            "insert into signing_keys (name, secret, created_at) values (?1, ?2, ?3) on conflict do nothing",
            &[self.name.into(), self.fresh.as_slice().into(), tx.now().into()],
        )
        .await?;
        let row = tx.first("select secret from signing_keys where name = ?1", &[self.name.into()]).await?;
        Ok(row.map_or_else(|| self.fresh.clone(), |row| row.bytes(0).to_vec()))
    }
}
