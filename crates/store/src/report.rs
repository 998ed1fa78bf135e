//! What became of a sale: its figures and times, from one snapshot, without anybody's name.

mod pace;
mod waits;

use domain::sale::Sale;
use domain::seat_map::{SeatMap, Seating};
use domain::{Refusal, SaleId, Timestamp};
use serde::Serialize;
use serde_json::json;

use crate::counts::{self, Book, OfSale};
use crate::error::Outcome;
use crate::rows::{self, sale_columns};
use crate::stats::{SaleStats, Stats};
use crate::tx::{Query, Read, bulk};

pub use pace::{Drip, Pause};
pub use waits::Waits;

/// Times are as people's clocks showed them; amounts are minor units.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub people: People,
    pub money: Vec<Money>,
    pub times: Times,
    /// From joining to the first call, of everybody who was called.
    pub waits: Waits,
    pub drip: Drip,
    pub pauses: Vec<Pause>,
    pub sections: Vec<Section>,
    pub buyers: Vec<Buyers>,
    /// What people were refused, by code.
    pub refusals: Vec<OfSale>,
    /// What was odd about people, by code. It has decided nothing.
    pub signals: Vec<OfSale>,
    pub stats: Stats,
}

/// Where everybody went. `called` = `came_in` + `on_their_way` + `no_shows` + `left_unseen`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct People {
    pub joined: i64,
    /// The watermark has reached them.
    pub called: i64,
    pub came_in: i64,
    /// Called, the claim window still running.
    pub on_their_way: i64,
    /// Called, and not come in time.
    pub no_shows: i64,
    /// The watermark has passed them, and they left without ever coming in.
    pub left_unseen: i64,
    pub bought: i64,
    pub expired: i64,
    pub left: i64,
    /// Inside at the same time, at most.
    pub most_inside: i64,
}

/// In one currency. Every order of a sale has the sale's, so there is one of these, or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Money {
    pub currency: String,
    pub captured: i64,
    pub refunded: i64,
    pub refunds: i64,
    /// For seats that were lost and for cancelled tickets, and not given back yet.
    pub refund_due: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Times {
    pub doors: Timestamp,
    pub first_call: Option<Timestamp>,
    pub last_call: Option<Timestamp>,
    pub first_ticket: Option<Timestamp>,
    pub last_ticket: Option<Timestamp>,
    /// When the last seat was sold; `None` while a seat is left.
    pub sold_out: Option<Timestamp>,
    /// When it ended, or will.
    pub end: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Section {
    pub section: String,
    pub seats: i64,
    pub sold: i64,
    pub unsold: i64,
}

/// How many people have so many tickets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Buyers {
    pub tickets: i64,
    pub people: i64,
}

pub struct SaleReport(pub SaleId);

impl Query for SaleReport {
    type Out = Report;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Report> {
        let row = read
            .first(concat!("select ", sale_columns!(), ", sections from sales where id = ?1"), &[self.0.into()])
            .await?
            .ok_or(Refusal::SaleNotFound)?;
        let (sale, seating) = rows::sale_and_hall(&row)?;
        let stats = SaleStats(self.0).run(read).await?;
        let (drip, pauses) = pace::of(read, &sale, stats.through).await?;
        Ok(Report {
            people: people(read, &stats).await?,
            money: money(read, self.0).await?,
            times: times(read, &sale, &stats, &drip).await?,
            waits: waits::of(read, self.0, stats.through).await?,
            drip,
            pauses,
            sections: sections(read, self.0, &seating).await?,
            buyers: buyers(read, self.0).await?,
            refusals: counts::of_sale(read, Book::Refusals, self.0).await?,
            signals: counts::of_sale(read, Book::Signals, self.0).await?,
            stats,
        })
    }
}

async fn people<R: Read>(read: &mut R, stats: &Stats) -> Outcome<People> {
    let row = read
        .first(
            "select (select count(*) from claims where sale = ?1),
               (select count(*) from entries e where sale = ?1 and ended_at is not null and position <= ?2
                  and not exists (select 1 from claims c where c.sale = ?1 and c.position = e.position)),
               -- Who leaves in a millisecond has left before the one who comes in it.
               (select coalesce(max(inside), 0) from (select sum(step) over (order by at, step) as inside from
                  (select claimed_at as at, 1 as step from claims where sale = ?1 union all
                   select ended_at, -1 from claims where sale = ?1 and ended_at is not null) steps) sums)",
            &[stats.sale_id.into(), stats.through.into()],
        )
        .await?;
    let (came_in, left_unseen, most_inside) = row.map_or((0, 0, 0), |row| (row.int(0), row.int(1), row.int(2)));
    Ok(People {
        joined: stats.joined,
        called: stats.through,
        came_in,
        on_their_way: stats.called_in_window,
        no_shows: stats.called + stats.returning - stats.called_in_window,
        left_unseen,
        bought: stats.bought,
        expired: stats.expired,
        left: stats.left,
        most_inside,
    })
}

async fn money<R: Read>(read: &mut R, sale: SaleId) -> Outcome<Vec<Money>> {
    let rows = read
        .query(
            "select currency,
               coalesce(sum(case when state = 'captured' then amount else 0 end), 0),
               coalesce(sum(case when state = 'refunded' then amount else 0 end), 0),
               coalesce(sum(case when state = 'refunded' then 1 else 0 end), 0),
               coalesce(sum(case when state = 'refund_due' then amount else 0 end), 0)
             from (select currency, state, amount from payments where sale = ?1 union all
               select currency, state, amount from refunds where sale = ?1) moved group by currency order by currency",
            &[sale.into()],
        )
        .await?;
    let money = |row: &crate::Row| Money {
        currency: row.text(0).to_owned(),
        captured: row.int(1),
        refunded: row.int(2),
        refunds: row.int(3),
        refund_due: row.int(4),
    };
    Ok(rows.iter().map(money).collect())
}

async fn times<R: Read>(read: &mut R, sale: &Sale, stats: &Stats, drip: &Drip) -> Outcome<Times> {
    let sql = "select min(issued_at), max(issued_at) from tickets where sale = ?1 and cancelled_at is null";
    let row = read.first(sql, &[sale.id.into()]).await?;
    let (first, last) = row.map_or((None, None), |row| (row.time_or_null(0), row.time_or_null(1)));
    let last_ticket = last.map(|at| read.shown(at));
    Ok(Times {
        doors: sale.terms.opens_at,
        first_call: drip.first_call,
        last_call: drip.last_call,
        first_ticket: first.map(|at| read.shown(at)),
        last_ticket,
        sold_out: last_ticket.filter(|_| stats.tickets_sold == stats.total_seats),
        end: sale.closed_at.map_or(sale.terms.ends_at, |at| at.min(sale.terms.ends_at)),
    })
}

/// Seats are numbered section by section.
async fn sections<R: Read>(read: &mut R, sale: SaleId, seating: &Seating) -> Outcome<Vec<Section>> {
    let map = SeatMap::new(seating);
    let ranges: Vec<_> = seating
        .sections()
        .iter()
        .filter_map(|section| Some((section.name.clone(), map.section(&section.name)?)))
        .collect();
    let asked = bulk(ranges.iter().map(|(_, range)| [json!(range.start), json!(range.end)]));
    let rows = read
        .query(
            "select cast(value ->> 0 as bigint), (select count(*) from tickets t where t.sale = ?1
                 and t.cancelled_at is null and t.seat >= cast(value ->> 0 as bigint)
                 and t.seat < cast(value ->> 1 as bigint))
             from json_each(?2)",
            &[sale.into(), asked],
        )
        .await?;
    let sold = |from: u32| rows.iter().find(|row| row.int(0) == i64::from(from)).map_or(0, |row| row.int(1));
    let section = |(name, range): (String, std::ops::Range<u32>)| {
        let (seats, sold) = (i64::from(range.end - range.start), sold(range.start));
        Section { section: name, seats, sold, unsold: seats - sold }
    };
    Ok(ranges.into_iter().map(section).collect())
}

async fn buyers<R: Read>(read: &mut R, sale: SaleId) -> Outcome<Vec<Buyers>> {
    let rows = read
        .query(
            "select tickets, count(*) from (select account, count(*) as tickets from tickets
                 where sale = ?1 and cancelled_at is null group by account) each_one
             group by tickets order by tickets",
            &[sale.into()],
        )
        .await?;
    Ok(rows.iter().map(|row| Buyers { tickets: row.int(0), people: row.int(1) }).collect())
}
