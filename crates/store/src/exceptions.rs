//! Exceptions: what an operator allows one account over a cap of one sale, granted and taken back with an entry in the audit
//! log, and honoured by the rule itself, in the transaction of the purchase.

use domain::caps::{Allowances, Rule};
use domain::{AccountId, Refusal, SaleId, Timestamp};
use serde_json::json;
use uuid::Uuid;

use crate::audit::{self, Act};
use crate::catalog::{answer, repeated};
use crate::error::{DbError, Outcome, Stop};
use crate::idempotency::Key;
use crate::rows::load_sale;
use crate::tx::{Lane, Query, Read, Tx, Verb};
use crate::value::{Row, Value};

/// Exceptions on one page.
const MOST_EXCEPTIONS: i64 = 1_000;

/// One exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    pub id: Uuid,
    pub sale: SaleId,
    pub account: AccountId,
    pub rule: Rule,
    pub extra_tickets: i64,
    /// The rule does not hold for this account at all.
    pub lifted: bool,
    pub reason: String,
    pub granted_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

pub struct GrantException {
    pub id: Uuid,
    pub sale: SaleId,
    pub account: AccountId,
    pub rule: Rule,
    pub extra_tickets: i64,
    pub lifted: bool,
    pub reason: String,
    pub key: Option<Key>,
    /// Its details are written here.
    pub act: Act,
}

impl Verb for GrantException {
    /// The answer's bytes.
    type Done = Vec<u8>;
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<Vec<u8>> {
        if let Some(answer) = repeated(tx, self.key.as_ref()).await? {
            return Ok(answer);
        }
        load_sale(tx, self.sale).await?;
        let details = json!({
            "exception_id": self.id, "user_id": self.account, "rule": self.rule, "extra_tickets": self.extra_tickets,
            "lift": self.lifted, "reason": self.reason,
        });
        audit::append(tx, &Act { details: details.to_string(), ..self.act.clone() }).await?;
        tx.execute(
            "insert into exceptions (id, sale, account, rule, extra_tickets, lifted, reason, granted_at)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            &[
                Value::Id(self.id),
                self.sale.into(),
                self.account.into(),
                self.rule.name().into(),
                self.extra_tickets.into(),
                self.lifted.into(),
                (&self.reason).into(),
                tx.now().into(),
            ],
        )
        .await?;
        answer(tx, self.key.as_ref(), &json!({ "exception_id": self.id })).await
    }
}

/// Takes it back. What is held under it may still be paid. One that is taken back already stays so.
pub struct RevokeException {
    pub id: Uuid,
    pub sale: SaleId,
    /// Its details are written here.
    pub act: Act,
}

impl Verb for RevokeException {
    type Done = ();
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<()> {
        let rows = tx
            .lock(
                "select account, rule, revoked_at from exceptions where id = ?1 and sale = ?2",
                &[Value::Id(self.id), self.sale.into()],
            )
            .await?;
        let row = rows.first().ok_or(Refusal::ExceptionNotFound)?;
        let changed = row.time_or_null(2).is_none();
        let details = json!({
            "exception_id": self.id, "user_id": row.id::<AccountId>(0), "rule": row.text(1), "changed": changed,
        });
        audit::append(tx, &Act { details: details.to_string(), ..self.act.clone() }).await?;
        tx.execute(
            "update exceptions set revoked_at = ?2 where id = ?1 and revoked_at is null",
            &[Value::Id(self.id), tx.now().into()],
        )
        .await?;
        Ok(())
    }
}

/// The newest exceptions of a sale, of everybody or of one account.
pub struct Exceptions {
    pub sale: SaleId,
    pub account: Option<AccountId>,
}

impl Query for Exceptions {
    type Out = Vec<Exception>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Vec<Exception>> {
        load_sale(read, self.sale).await?;
        let rows = match self.account {
            Some(account) => {
                let one = "select id, sale, account, rule, extra_tickets, lifted, reason, granted_at, revoked_at
                           from exceptions where sale = ?1 and account = ?2 order by granted_at desc, id desc limit ?3";
                read.query(one, &[self.sale.into(), account.into(), MOST_EXCEPTIONS.into()]).await?
            }
            None => {
                let all = "select id, sale, account, rule, extra_tickets, lifted, reason, granted_at, revoked_at
                           from exceptions where sale = ?1 order by granted_at desc, id desc limit ?2";
                read.query(all, &[self.sale.into(), MOST_EXCEPTIONS.into()]).await?
            }
        };
        rows.iter().map(exception).collect()
    }
}

fn exception(row: &Row) -> Outcome<Exception> {
    let rule = Rule::parse(row.text(3)).ok_or_else(|| DbError::Bug(format!("no rule is named {}", row.text(3))))?;
    Ok(Exception {
        id: row.id(0),
        sale: row.id(1),
        account: row.id(2),
        rule,
        extra_tickets: row.int(4),
        lifted: row.flag(5),
        reason: row.text(6).to_owned(),
        granted_at: row.time(7),
        revoked_at: row.time_or_null(8),
    })
}

/// What the account is allowed now, or was when it began what it goes on with at `since`.
pub(crate) async fn allowed<T: Tx>(
    tx: &mut T,
    sale: SaleId,
    account: AccountId,
    since: Timestamp,
) -> Outcome<Allowances> {
    let rows = tx
        .query(
            "select rule, extra_tickets, lifted from exceptions
             where sale = ?1 and account = ?2 and (revoked_at is null or revoked_at > ?3)",
            &[sale.into(), account.into(), since.into()],
        )
        .await?;
    let mut allowed = Allowances::default();
    for row in &rows {
        if let Some(rule) = Rule::parse(row.text(0)) {
            allowed.of(rule).add(row.int(1), row.flag(2));
        }
    }
    Ok(allowed)
}

/// Judges without exceptions, which hardly anybody has, and with them where a cap says no.
pub(crate) async fn judged<T: Tx, D>(
    tx: &mut T,
    (sale, account): (SaleId, AccountId),
    since: Timestamp,
    judge: impl Fn(Allowances) -> Result<D, Refusal> + Send,
) -> Result<D, Stop> {
    match judge(Allowances::default()) {
        Err(Refusal::CapExceeded { .. } | Refusal::ClusterCapExceeded { .. } | Refusal::GroupCapExceeded { .. }) => {
            let allowed = allowed(tx, sale, account, since).await?;
            Ok(judge(allowed)?)
        }
        other => Ok(other?),
    }
}
