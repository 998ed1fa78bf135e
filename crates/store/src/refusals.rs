//! How often an account was told "no": counted by the nodes in memory, by account, sale, code and minute, and written in
//! bulk now and then. A node that is killed takes its last counts with it; nothing is decided by them.

use domain::{AccountId, SaleId};
use serde::Serialize;
use serde_json::json;

use crate::MOST_ROWS_PER_COMMAND;
use crate::error::Outcome;
use crate::tx::{Lane, Query, Read, Tx, Verb, bulk, hex};
use crate::value::Row;

/// Minutes told of one account.
const MOST_TOLD: i64 = 1_000;

/// Counts of one minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    pub account: AccountId,
    pub sale: SaleId,
    pub code: String,
    /// Of the wall clock, since 1970.
    pub minute: i64,
    pub times: i64,
}

/// Adds at most [`crate::MOST_ROWS_PER_COMMAND`] of them to what is there, each account, sale, code and minute once.
pub struct AddRefusals(pub Vec<Counted>);

impl Verb for AddRefusals {
    type Done = ();
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<()> {
        // In one order on every node, so that two of them do not wait in a ring.
        let mut counts: Vec<&Counted> = self.0.iter().collect();
        counts.sort_by_key(|one| (one.account.0, one.sale.0, &one.code, one.minute));
        let rows = counts
            .into_iter()
            .map(|one| [hex(one.account.0), hex(one.sale.0), json!(one.code), json!(one.minute), json!(one.times)]);
        tx.execute(
            "insert into refusals (account, sale, code, minute, times)
             select unhex(value ->> 0), unhex(value ->> 1), value ->> 2, cast(value ->> 3 as bigint),
                 cast(value ->> 4 as bigint) from json_each(?1) where true
             on conflict (account, sale, code, minute) do update set times = refusals.times + excluded.times",
            &[bulk(rows)],
        )
        .await?;
        Ok(())
    }
}

/// Forgets a part of the counts of sales that have been over for so long. Repeat until 0.
pub struct ForgetRefusals {
    pub kept_sec: i64,
}

impl Verb for ForgetRefusals {
    /// How many there were.
    type Done = u64;
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<u64> {
        let most = i64::try_from(MOST_ROWS_PER_COMMAND).unwrap_or(i64::MAX);
        let over_before = tx.wall().min(tx.now()).plus_sec(-self.kept_sec);
        let forgotten = tx
            .execute(
                "delete from refusals where (account, sale, code, minute) in
                 (select r.account, r.sale, r.code, r.minute from sales s join refusals r on r.sale = s.id
                  where coalesce(s.closed_at, s.ends_at) < ?1 limit ?2)",
                &[over_before.into(), most.into()],
            )
            .await?;
        Ok(forgotten)
    }
}

/// What an account was refused, the newest minutes first: in one sale or in all.
pub struct RefusalsOf {
    pub account: AccountId,
    pub sale: Option<SaleId>,
}

impl Query for RefusalsOf {
    type Out = Vec<Counted>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Vec<Counted>> {
        let rows = match self.sale {
            Some(sale) => {
                let one = "select account, sale, code, minute, times from refusals
                           where account = ?1 and sale = ?2 order by minute desc, code limit ?3";
                read.query(one, &[self.account.into(), sale.into(), MOST_TOLD.into()]).await?
            }
            None => {
                let all = "select account, sale, code, minute, times from refusals
                           where account = ?1 order by minute desc, sale, code limit ?2";
                read.query(all, &[self.account.into(), MOST_TOLD.into()]).await?
            }
        };
        Ok(rows.iter().map(counted).collect())
    }
}

fn counted(row: &Row) -> Counted {
    Counted { account: row.id(0), sale: row.id(1), code: row.text(2).to_owned(), minute: row.int(3), times: row.int(4) }
}

/// Of a whole sale, by code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    pub code: String,
    pub times: i64,
    pub accounts: i64,
}

pub(crate) async fn of_sale<R: Read>(read: &mut R, sale: SaleId) -> Outcome<Vec<Refused>> {
    let rows = read
        .query(
            "select code, sum(times), count(distinct account) from refusals where sale = ?1 group by code order by code",
            &[sale.into()],
        )
        .await?;
    let refused = |row: &Row| Refused { code: row.text(0).to_owned(), times: row.int(1), accounts: row.int(2) };
    Ok(rows.iter().map(refused).collect())
}
