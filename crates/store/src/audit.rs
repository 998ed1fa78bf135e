//! The audit log: every act of an operator, in the act's own transaction.

use uuid::Uuid;

use crate::error::Outcome;
use crate::tx::Tx;

/// Who did what to what.
#[derive(Clone, Debug)]
pub struct Act {
    /// Time-ordered; made by the caller.
    pub id: Uuid,
    pub actor: String,
    pub act: &'static str,
    pub subject: String,
    /// JSON.
    pub details: String,
}

pub(crate) async fn append<T: Tx>(tx: &mut T, act: &Act) -> Outcome<()> {
    tx.execute(
        "insert into audit_log (id, at, actor, act, subject, details) values (?1, ?2, ?3, ?4, ?5, ?6)
         on conflict do nothing",
        &[
            crate::Value::Id(act.id),
            tx.now().into(),
            (&act.actor).into(),
            act.act.into(),
            (&act.subject).into(),
            (&act.details).into(),
        ],
    )
    .await?;
    Ok(())
}
