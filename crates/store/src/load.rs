//! What a node reads at its start to fill its read model.

use domain::admission::Claim;
use domain::sale::Sale;
use domain::seat_map::Seating;
use domain::waiting_room::Entry;
use domain::{AccountId, SaleId, Timestamp};

use crate::change::SeatStatus;
use crate::error::Outcome;
use crate::holds::seat;
use crate::rows::{self, sale_columns};
use crate::tx::{Query, Read};

/// Entries read at a time: a million must not be in memory twice.
const PAGE: i64 = 10_000;

/// Sales that have not been over for long.
pub struct LiveSales {
    /// Sales that ended before this are left alone.
    pub ended_after: Timestamp,
}

impl Query for LiveSales {
    type Out = Vec<(Sale, Seating)>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Vec<(Sale, Seating)>> {
        let sql = concat!("select ", sale_columns!(), ", sections from sales where ends_at > ?1 order by created_at");
        let rows = read.query(sql, &[self.ended_after.into()]).await?;
        rows.iter().map(|row| rows::sale_and_hall(row).map_err(Into::into)).collect()
    }
}

/// The line and the stock of one sale. A page of entries after `after`; the rest comes with the first page.
pub struct Line {
    pub sale: SaleId,
    pub after: i64,
}

/// One account's place.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub account: AccountId,
    pub joined_at: Timestamp,
    pub entry: Entry,
}

impl Query for Line {
    type Out = Vec<Place>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Vec<Place>> {
        let rows = read
            .query(
                "select position, returned_at, recalled_at, ended_as, account, joined_at from entries
                 where sale = ?1 and position > ?2 order by position limit ?3",
                &[self.sale.into(), self.after.into(), PAGE.into()],
            )
            .await?;
        Ok(rows
            .iter()
            .map(|row| Place { account: row.id(4), joined_at: row.time(5), entry: rows::entry(row, false) })
            .collect())
    }
}

/// Everything of a sale but its entries.
pub struct Shop {
    pub sale: SaleId,
    /// Calls after this make the pace of the line.
    pub calls_after: Timestamp,
}

#[derive(Clone, Debug, Default)]
pub struct ShopState {
    pub through: i64,
    pub last_position: i64,
    /// Time and number of people of each recent call.
    pub calls: Vec<(Timestamp, i64)>,
    pub claims: Vec<(AccountId, Claim)>,
    pub seats: Vec<(u32, SeatStatus)>,
}

impl Query for Shop {
    type Out = ShopState;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<ShopState> {
        let sale = self.sale.into();
        let head = read
            .first(
                "select d.through, q.last_position from drips d join queue_heads q on q.sale = d.sale where d.sale = ?1",
                std::slice::from_ref(&sale),
            )
            .await?;
        let calls = read
            .query(
                "select at, called + recalled from admission_log where sale = ?1 and at > ?2 order by seq",
                &[sale.clone(), self.calls_after.into()],
            )
            .await?;
        let claims = read
            .query(
                "select id, position, claimed_at, deadline, ended_as, account from claims
                 where sale = ?1 and ended_at is null",
                std::slice::from_ref(&sale),
            )
            .await?;
        let seats = read
            .query(
                "select hs.seat, case when h.state = 'sold' then 1 else 0 end from hold_seats hs
                 join holds h on h.id = hs.hold where hs.sale = ?1 and hs.live = 1",
                std::slice::from_ref(&sale),
            )
            .await?;
        Ok(ShopState {
            through: head.as_ref().map_or(0, |row| row.int(0)),
            last_position: head.as_ref().map_or(0, |row| row.int(1)),
            calls: calls.iter().map(|row| (row.time(0), row.int(1))).collect(),
            claims: claims.iter().map(|row| (row.id(5), rows::claim(row))).collect(),
            seats: seats
                .iter()
                .map(|row| (seat(row, 0), if row.flag(1) { SeatStatus::Sold } else { SeatStatus::Held }))
                .collect(),
        })
    }
}
