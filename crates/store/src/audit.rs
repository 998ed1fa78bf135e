//! The audit log: every act of an operator, in the act's own transaction, and how it is read.

use domain::Timestamp;
use uuid::Uuid;

use crate::error::Outcome;
use crate::tx::{Lane, Query, Read, Tx, Verb};
use crate::value::{Row, Value};

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
            Value::Id(act.id),
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

/// What was noticed, and is nobody's act. Writing it again writes nothing.
pub struct Note {
    pub acts: Vec<Act>,
}

impl Verb for Note {
    type Done = ();
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<()> {
        for act in &self.acts {
            append(tx, act).await?;
        }
        Ok(())
    }
}

/// One act as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: Uuid,
    pub at: Timestamp,
    pub actor: String,
    pub act: String,
    pub subject: String,
    pub details: String,
}

/// `id, at, actor, act, subject, details`
pub(crate) fn entry(row: &Row) -> Entry {
    Entry {
        id: row.id(0),
        at: row.time(1),
        actor: row.text(2).to_owned(),
        act: row.text(3).to_owned(),
        subject: row.text(4).to_owned(),
        details: row.text(5).to_owned(),
    }
}

/// The seal that an entry lies under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    pub seq: i64,
    /// `None` where there is no such seal: the chain is broken.
    pub digest: Option<Vec<u8>>,
}

/// Entries, each with its seal.
macro_rules! sealed_entries {
    () => {
        "select a.id, a.at, a.actor, a.act, a.subject, a.details, a.seal, s.digest \
         from audit_log a left join audit_seals s on s.seq = a.seal "
    };
}

/// A page of the log in order of id, of all subjects or of one.
pub struct AuditPage {
    pub subject: Option<String>,
    pub after: Uuid,
    pub limit: i64,
}

impl Query for AuditPage {
    type Out = Vec<(Entry, Option<Seal>)>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Self::Out> {
        let (after, limit) = (Value::Id(self.after), self.limit.into());
        let rows = match &self.subject {
            Some(subject) => {
                let one = concat!(sealed_entries!(), "where a.subject = ?1 and a.id > ?2 order by a.id limit ?3");
                read.query(one, &[subject.into(), after, limit]).await?
            }
            None => {
                let all = concat!(sealed_entries!(), "where a.id > ?1 order by a.id limit ?2");
                read.query(all, &[after, limit]).await?
            }
        };
        Ok(rows.iter().map(|row| (entry(row), seal(row))).collect())
    }
}

fn seal(row: &Row) -> Option<Seal> {
    let seq = row.int_or_null(6)?;
    Some(Seal { seq, digest: row.bytes_or_null(7).map(<[u8]>::to_vec) })
}
