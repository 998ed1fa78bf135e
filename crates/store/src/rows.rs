//! Rows that several verbs read, turned into what the rules take.

use domain::admission::{Bound, Claim, Drip};
use domain::caps::{Caps, ClusterBy};
use domain::money::Currency;
use domain::sale::{CancelledSeats, Sale, Terms};
use domain::seat_map::{Seating, Section};
use domain::waiting_room::{EndedAs, Entry};
use domain::{AccountId, Money, Refusal, SaleId};
use serde_json::{Value as Json, json};

use crate::error::{DbError, Outcome};
use crate::tx::{Read, Tx};
use crate::value::{Row, Value};

/// The columns of [`sale`], in order; what comes after them is the statement's own.
macro_rules! sale_columns {
    () => {
        "id, event, opens_at, ends_at, total_seats, admit_per_minute, waiting_room_cap, max_tickets_per_user, \
         max_active, hold_ttl_sec, claim_window_sec, shopping_window_sec, seats_per_shopper, price, currency, \
         paused, closed_at, built_at, cancelled_seats, max_tickets_per_cluster, max_tickets_per_group, \
         max_tickets_per_group_cluster, cluster_by"
    };
}
pub(crate) use sale_columns;

/// A sale and its hall: `sections` follows the columns of the sale. Verbs that need no hall do not read it.
pub(crate) fn sale_and_hall(row: &Row) -> Result<(Sale, Seating), DbError> {
    let bug = |what: &str| DbError::Bug(format!("sale {}: {what}", row.id::<SaleId>(0)));
    let sections = sections(row.text(23)).ok_or_else(|| bug("unreadable sections"))?;
    let seating = Seating::restore(sections, row.int(4)).map_err(|error| bug(&error.to_string()))?;
    Ok((sale(row)?, seating))
}

pub(crate) fn sale(row: &Row) -> Result<Sale, DbError> {
    let currency = Currency::parse(row.text(14))
        .ok_or_else(|| DbError::Bug(format!("sale {}: unreadable currency", row.id::<SaleId>(0))))?;
    let cancelled_seats = CancelledSeats::parse(row.text(18))
        .ok_or_else(|| DbError::Bug(format!("sale {}: unreadable cancelled_seats", row.id::<SaleId>(0))))?;
    let cluster_by = ClusterBy::parse(row.text(22).split(','))
        .map_err(|error| DbError::Bug(format!("sale {}: {error}", row.id::<SaleId>(0))))?;
    let terms = Terms {
        opens_at: row.time(2),
        ends_at: row.time(3),
        total_seats: row.int(4),
        admit_per_minute: row.int(5),
        waiting_room_cap: row.int(6),
        max_tickets_per_user: row.int(7),
        caps: Caps { per_cluster: row.int(19), per_group: row.int(20), per_group_cluster: row.int(21), cluster_by },
        max_active: row.int(8),
        hold_ttl_sec: row.int(9),
        claim_window_sec: row.int(10),
        shopping_window_sec: row.int(11),
        seats_per_shopper: row.int(12),
        price: Money(row.int(13)),
        currency,
        cancelled_seats,
    };
    Ok(Sale {
        id: row.id(0),
        event: row.id(1),
        terms,
        paused: row.flag(15),
        closed_at: row.time_or_null(16),
        built_at: row.time_or_null(17),
    })
}

pub(crate) async fn load_sale<R: Read>(read: &mut R, sale: SaleId) -> Outcome<Sale> {
    let row = read
        .first(concat!("select ", sale_columns!(), " from sales where id = ?1"), &[sale.into()])
        .await?
        .ok_or(Refusal::SaleNotFound)?;
    Ok(self::sale(&row)?)
}

pub(crate) fn sections_json(sections: &[Section]) -> Value {
    let rows = sections.iter().map(|s| json!([s.name, s.rows, s.seats_per_row, s.price.0]));
    Value::Text(Json::Array(rows.collect()).to_string())
}

fn sections(text: &str) -> Option<Vec<Section>> {
    let rows: Vec<(String, u32, u32, i64)> = serde_json::from_str(text).ok()?;
    let section = |(name, rows, seats_per_row, price)| Section { name, rows, seats_per_row, price: Money(price) };
    Some(rows.into_iter().map(section).collect())
}

pub(crate) fn ended_as(row: &Row, column: usize) -> Option<EndedAs> {
    row.text_or_null(column).and_then(EndedAs::parse)
}

/// The account's newest claim in this sale. The first one, which stays the first, is the account's mutex.
pub(crate) async fn lock_claim<T: Tx>(tx: &mut T, sale: SaleId, account: AccountId) -> Outcome<Option<Claim>> {
    let rows = tx
        .locked(
            "select 1 from claims where sale = ?1 and account = ?2 order by claimed_at, position limit 1",
            "select id, position, claimed_at, deadline, ended_as from claims
             where sale = ?1 and account = ?2 order by claimed_at desc, position desc limit 1",
            &[sale.into(), account.into()],
        )
        .await?;
    Ok(rows.first().map(claim))
}

/// The account's place in line, locked: who comes in and who leaves take turns there, since before the first claim there is
/// no other row. `position, returned_at, recalled_at, ended_as`
pub(crate) async fn lock_entry<T: Tx>(tx: &mut T, sale: SaleId, account: AccountId) -> Outcome<Option<Row>> {
    let rows = tx
        .lock(
            "select position, returned_at, recalled_at, ended_as from entries
             where sale = ?1 and account = ?2 and ended_at is null",
            &[sale.into(), account.into()],
        )
        .await?;
    Ok(rows.into_iter().next())
}

/// `id, position, claimed_at, deadline, ended_as`
pub(crate) fn claim(row: &Row) -> Claim {
    Claim {
        id: row.id(0),
        position: row.int(1),
        claimed_at: row.time(2),
        deadline: row.time(3),
        ended_as: ended_as(row, 4),
    }
}

/// `through, credit, last_tick_at, bound_by`
pub(crate) fn drip(row: &Row) -> Drip {
    Drip {
        through: row.int(0),
        credit: row.int(1),
        last_tick_at: row.time(2),
        bound_by: row.text_or_null(3).and_then(Bound::parse),
    }
}

/// `position, returned_at, recalled_at, ended_as`; whether a claim lives is the caller's to say.
pub(crate) fn entry(row: &Row, inside: bool) -> Entry {
    Entry {
        position: row.int(0),
        returned_at: row.time_or_null(1),
        recalled_at: row.time_or_null(2),
        ended_as: ended_as(row, 3),
        inside,
    }
}
