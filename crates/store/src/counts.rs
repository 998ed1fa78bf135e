//! How often something happened with an account, of which single cases are not kept: what it was refused, and what was odd
//! about it. Counted by the nodes in memory, by account, sale, code and minute, and written in bulk now and then. A node
//! that is killed takes its last counts with it; nothing is decided by them.

use domain::{AccountId, SaleId};
use serde::Serialize;
use serde_json::json;

use crate::MOST_ROWS_PER_COMMAND;
use crate::error::Outcome;
use crate::tx::{Lane, Query, Read, Tx, Verb, bulk, hex};
use crate::value::Row;

/// Minutes told of one account, and accounts told of one sale.
const MOST_TOLD: i64 = 1_000;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Book {
    /// Every "no" in the shop.
    Refusals,
    /// What people hardly do. It decides nothing.
    Signals,
}

/// The statements of one book.
struct Sql {
    add: &'static str,
    forget: &'static str,
    of_account: &'static str,
    of_account_in_sale: &'static str,
    of_sale: &'static str,
    accounts: &'static str,
}

macro_rules! sql {
    ($table:literal) => {
        Sql {
            // An account and a sale, and then the rest, is the key: rows are inserted in that order on every node.
            add: concat!(
                "insert into ",
                $table,
                " (account, sale, code, minute, times)
                 select unhex(value ->> 0), unhex(value ->> 1), value ->> 2, cast(value ->> 3 as bigint),
                     cast(value ->> 4 as bigint) from json_each(?1) where true
                 on conflict (account, sale, code, minute) do update set times = ",
                $table,
                ".times + excluded.times"
            ),
            forget: concat!(
                "delete from ",
                $table,
                " where (account, sale, code, minute) in
                 (select c.account, c.sale, c.code, c.minute from sales s join ",
                $table,
                " c on c.sale = s.id where coalesce(s.closed_at, s.ends_at) < ?1 limit ?2)"
            ),
            of_account: concat!(
                "select account, sale, code, minute, times from ",
                $table,
                " where account = ?1 order by minute desc, sale, code limit ?2"
            ),
            of_account_in_sale: concat!(
                "select account, sale, code, minute, times from ",
                $table,
                " where account = ?1 and sale = ?2 order by minute desc, code limit ?3"
            ),
            of_sale: concat!(
                "select code, sum(times), count(distinct account) from ",
                $table,
                " where sale = ?1 group by code order by code"
            ),
            accounts: concat!(
                "select account, code, sum(times), count(*), max(minute) from ",
                $table,
                " where sale = ?1 group by account, code order by 4 desc, account, code limit ?2"
            ),
        }
    };
}

impl Book {
    const fn sql(self) -> Sql {
        match self {
            Self::Refusals => sql!("refusals"),
            Self::Signals => sql!("signals"),
        }
    }
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
        tx.execute(self.book.sql().add, &[bulk(rows)]).await?;
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
        Ok(tx.execute(self.book.sql().forget, &[over_before.into(), most.into()]).await?)
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
        let sql = self.book.sql();
        let rows = match self.sale {
            Some(sale) => {
                read.query(sql.of_account_in_sale, &[self.account.into(), sale.into(), MOST_TOLD.into()]).await?
            }
            None => read.query(sql.of_account, &[self.account.into(), MOST_TOLD.into()]).await?,
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
        let rows = read.query(self.book.sql().accounts, &[self.sale.into(), MOST_TOLD.into()]).await?;
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
    let rows = read.query(book.sql().of_sale, &[sale.into()]).await?;
    let of_sale = |row: &Row| OfSale { code: row.text(0).to_owned(), times: row.int(1), accounts: row.int(2) };
    Ok(rows.iter().map(of_sale).collect())
}
