//! How often something happened with an account, of which single cases are not kept: what it was refused, and what was odd
//! about it. Counted by the nodes in memory, by account, sale, code and minute, and written in bulk now and then. A node
//! that is killed takes its last counts with it; nothing is decided by them.

use domain::{AccountId, SaleId, Timestamp};
use serde::Serialize;
use serde_json::json;

use crate::MOST_ROWS_PER_COMMAND;
use crate::error::Outcome;
use crate::tx::{Lane, Query, Read, Tx, Verb, bulk, hex};
use crate::value::Row;

/// Minutes told of one account, and accounts told of one sale.
const MOST_TOLD: i64 = 1_000;
const MINUTE_MS: i64 = 60_000;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Book {
    /// Every "no" in the shop.
    Refusals,
    /// What people hardly do. It decides nothing.
    Signals,
}

impl Book {
    /// In the rows.
    const fn name(self) -> &'static str {
        match self {
            Self::Refusals => "refusals",
            Self::Signals => "signals",
        }
    }
}

/// The minute of this time, as it is counted by.
pub const fn minute_of(wall: Timestamp) -> i64 {
    wall.0.div_euclid(MINUTE_MS)
}

/// When a minute began.
pub const fn minute_began(minute: i64) -> Timestamp {
    Timestamp(minute.saturating_mul(MINUTE_MS))
}

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
pub struct AddCounts {
    pub book: Book,
    pub counts: Vec<Counted>,
}

impl Verb for AddCounts {
    type Done = ();
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<()> {
        // In one order on every node, so that two of them do not wait in a ring.
        let mut counts: Vec<&Counted> = self.counts.iter().collect();
        counts.sort_by_key(|one| (one.account.0, one.sale.0, &one.code, one.minute));
        let rows = counts
            .into_iter()
            .map(|one| [hex(one.account.0), hex(one.sale.0), json!(one.code), json!(one.minute), json!(one.times)]);
        tx.execute(
            "insert into counts (book, account, sale, code, minute, times)
             select ?2, unhex(value ->> 0), unhex(value ->> 1), value ->> 2, cast(value ->> 3 as bigint),
                 cast(value ->> 4 as bigint) from json_each(?1) where true
             on conflict (account, sale, book, code, minute) do update set times = counts.times + excluded.times",
            &[bulk(rows), self.book.name().into()],
        )
        .await?;
        Ok(())
    }
}

/// Forgets a part of the counts of sales that have been over for so long. Repeat until 0.
pub struct ForgetCounts {
    pub book: Book,
    pub kept_sec: i64,
}

impl Verb for ForgetCounts {
    /// How many there were.
    type Done = u64;
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<u64> {
        let most = i64::try_from(MOST_ROWS_PER_COMMAND).unwrap_or(i64::MAX);
        let over_before = tx.wall().min(tx.now()).plus_sec(-self.kept_sec);
        let forgotten = tx
            .execute(
                "delete from counts where (account, sale, book, code, minute) in
                 (select c.account, c.sale, c.book, c.code, c.minute from sales s join counts c on c.sale = s.id
                  where c.book = ?3 and coalesce(s.closed_at, s.ends_at) < ?1 limit ?2)",
                &[over_before.into(), most.into(), self.book.name().into()],
            )
            .await?;
        Ok(forgotten)
    }
}

/// What was counted of an account, the newest minutes first: in one sale or in all.
pub struct CountsOf {
    pub book: Book,
    pub account: AccountId,
    pub sale: Option<SaleId>,
}

impl Query for CountsOf {
    type Out = Vec<Counted>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Vec<Counted>> {
        let (account, book) = (self.account.into(), self.book.name().into());
        let rows = match self.sale {
            Some(sale) => {
                let one = "select account, sale, code, minute, times from counts
                           where account = ?1 and book = ?2 and sale = ?3 order by minute desc, code limit ?4";
                read.query(one, &[account, book, sale.into(), MOST_TOLD.into()]).await?
            }
            None => {
                let all = "select account, sale, code, minute, times from counts
                           where account = ?1 and book = ?2 order by minute desc, sale, code limit ?3";
                read.query(all, &[account, book, MOST_TOLD.into()]).await?
            }
        };
        Ok(rows.iter().map(counted).collect())
    }
}

fn counted(row: &Row) -> Counted {
    Counted { account: row.id(0), sale: row.id(1), code: row.text(2).to_owned(), minute: row.int(3), times: row.int(4) }
}

/// One code of one account in a sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfAccount {
    pub account: AccountId,
    pub code: String,
    pub times: i64,
    pub minutes: i64,
    pub last_minute: i64,
}

/// Accounts of a sale, those of most minutes first.
pub struct Accounts {
    pub book: Book,
    pub sale: SaleId,
}

impl Query for Accounts {
    type Out = Vec<OfAccount>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Vec<OfAccount>> {
        let rows = read
            .query(
                "select account, code, sum(times), count(*), max(minute) from counts
                 where sale = ?1 and book = ?2 group by account, code order by 4 desc, account, code limit ?3",
                &[self.sale.into(), self.book.name().into(), MOST_TOLD.into()],
            )
            .await?;
        let of_account = |row: &Row| OfAccount {
            account: row.id(0),
            code: row.text(1).to_owned(),
            times: row.int(2),
            minutes: row.int(3),
            last_minute: row.int(4),
        };
        Ok(rows.iter().map(of_account).collect())
    }
}

/// Of a whole sale, by code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OfSale {
    pub code: String,
    pub times: i64,
    pub accounts: i64,
}

pub(crate) async fn of_sale<R: Read>(read: &mut R, book: Book, sale: SaleId) -> Outcome<Vec<OfSale>> {
    let rows = read
        .query(
            "select code, sum(times), count(distinct account) from counts where sale = ?1 and book = ?2
             group by code order by code",
            &[sale.into(), book.name().into()],
        )
        .await?;
    let of_sale = |row: &Row| OfSale { code: row.text(0).to_owned(), times: row.int(1), accounts: row.int(2) };
    Ok(rows.iter().map(of_sale).collect())
}
