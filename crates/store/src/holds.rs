//! Holds: seats kept for one fan for a short time.
//!
//! Invariant: a seat belongs to at most one live hold or ticket; the index on live seats says so too.

use std::net::IpAddr;

use domain::hold::{self, Ask, Usage};
use domain::order::HoldState;
use domain::{AccountId, ClaimId, HoldId, Money, Refusal, SaleId, Timestamp};
use uuid::Uuid;

use crate::answers::HoldAnswer;
use crate::caps::{Circles, Judged, Offered};
use crate::change::{Change, SeatStatus};
use crate::error::{DbError, Outcome};
use crate::exceptions;
use crate::idempotency::{Key, Known};
use crate::rows::{load_sale, lock_claim};
use crate::tx::{Lane, Query, Read, Tx, Verb, list};
use crate::value::{Row, Value};

/// Rows that one sweep writes: the holds and their seats. A hold has at most 50 seats.
const MOST_SWEPT_ROWS: i64 = 900;

/// Takes exactly these seats, all or none.
pub struct PlaceHold {
    pub id: HoldId,
    pub sale: SaleId,
    pub account: AccountId,
    /// The claim that the admission names.
    pub claim: ClaimId,
    /// Distinct seat numbers, in the order asked.
    pub seats: Vec<u32>,
    /// Where the request came from, if that is known.
    pub address: Option<IpAddr>,
    pub key: Key,
}

impl Verb for PlaceHold {
    /// The answer's bytes, the same for every repeat of the key.
    type Done = Vec<u8>;
    const LANE: Lane = Lane::Purchases;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<Vec<u8>> {
        if let Known::Answered(answer) = self.key.take(tx).await? {
            return Ok(answer);
        }
        let sale = load_sale(tx, self.sale).await?;
        let offered = Offered { card: None, address: self.address };
        let circles = Circles::lock(tx, &sale, self.account, offered).await?;
        circles.within_bound()?;
        let claim = lock_claim(tx, self.sale, self.account).await?;
        let free = self.free_lapsed(tx).await?;
        let usage = usage(tx, self.sale, self.account).await?;
        let counted = circles.count(tx, &sale, self.account, HoldId(Uuid::nil()), Judged::All).await?;
        let seats = if free { self.seats(tx).await? } else { Vec::new() };
        let prices: Vec<Option<Money>> = if free {
            self.seats.iter().map(|num| find(&seats, *num).map(|row| Money(row.int(2)))).collect()
        } else {
            vec![None; self.seats.len()]
        };
        let (now, wall) = (tx.now(), tx.wall());
        let decide = |allowed| {
            hold::decide(&Ask {
                sale: &sale,
                claim: claim.as_ref(),
                named: self.claim,
                usage,
                counted: &counted,
                allowed,
                prices: &prices,
                now,
                wall,
            })
        };
        let total = exceptions::judged(tx, (self.sale, self.account), now, decide).await?;
        let expires_at = tx.now().plus_sec(sale.terms.hold_ttl_sec);
        self.write(tx, total, expires_at).await?;

        let labels = self.seats.iter().filter_map(|num| find(&seats, *num)).map(|row| row.text(1).to_owned()).collect();
        let shown = tx.shown(expires_at);
        let answer =
            HoldAnswer { hold_id: self.id, seat_ids: labels, expires_at: shown, total, currency: sale.terms.currency };
        let answer = answer.to_bytes();
        self.key.answer(tx, &answer).await?;
        Ok(answer)
    }
}

impl PlaceHold {
    fn wanted(&self) -> Value {
        list(&self.seats)
    }

    /// Frees holds past their time that stand in the way, this fan's own and others'. False: a living one does.
    async fn free_lapsed<T: Tx>(&self, tx: &mut T) -> Outcome<bool> {
        let standing = tx
            .lock(
                "select h.id, h.state, h.expires_at from holds h where h.id in
                     (select hs.hold from json_each(?2) wanted cross join hold_seats hs
                      where hs.sale = ?1 and hs.seat = cast(wanted.value as bigint) and hs.live = 1
                      union all
                      select id from holds where sale = ?1 and account = ?3 and state = 'live' and expires_at <= ?4)
                 order by h.id",
                &[self.sale.into(), self.wanted(), self.account.into(), tx.now().into()],
            )
            .await?;
        let mut free = true;
        for row in &standing {
            match HoldState::parse(row.text(1)) {
                Some(HoldState::Live) if row.time(2) <= tx.now() => {
                    release(tx, row.id(0), self.sale, HoldState::Expired).await?;
                }
                Some(HoldState::Live | HoldState::Sold) | None => free = false,
                // Ended while this waited for it.
                Some(_) => {}
            }
        }
        Ok(free)
    }

    async fn seats<T: Tx>(&self, tx: &mut T) -> Outcome<Vec<Row>> {
        Ok(tx
            .query(
                "select s.num, s.label, s.price from json_each(?2) wanted cross join seats s
                 where s.sale = ?1 and s.num = cast(wanted.value as bigint) order by s.num",
                &[self.sale.into(), self.wanted()],
            )
            .await?)
    }

    async fn write<T: Tx>(&self, tx: &mut T, total: Money, expires_at: Timestamp) -> Outcome<()> {
        let count = i64::try_from(self.seats.len()).unwrap_or(i64::MAX);
        let placed = tx
            .execute(
                "insert into holds (id, sale, account, claim, seats, total, placed_at, expires_at, state)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'live') on conflict do nothing",
                &[
                    self.id.into(),
                    self.sale.into(),
                    self.account.into(),
                    self.claim.into(),
                    count.into(),
                    total.0.into(),
                    tx.now().into(),
                    expires_at.into(),
                ],
            )
            .await?;
        if placed == 0 {
            return Err(Refusal::ActiveHoldExists.into());
        }
        let taken = tx
            .execute(
                "insert into hold_seats (sale, seat, hold, live)
                 select ?1, cast(value as bigint), ?2, 1 from json_each(?3) where true
                 order by cast(value as bigint) on conflict do nothing",
                &[self.sale.into(), self.id.into(), self.wanted()],
            )
            .await?;
        if taken != self.seats.len() as u64 {
            return Err(Refusal::Unavailable.into());
        }
        tx.emit(Change::Seats { sale: self.sale, seats: self.seats.clone(), to: SeatStatus::Held });
        Ok(())
    }
}

fn find(seats: &[Row], num: u32) -> Option<&Row> {
    seats.binary_search_by_key(&i64::from(num), |row| row.int(0)).ok().map(|at| &seats[at])
}

/// Tickets, and seats in holds whose time is not over.
pub(crate) async fn usage<T: Tx>(tx: &mut T, sale: SaleId, account: AccountId) -> Outcome<Usage> {
    let row = tx
        .first(
            "select
               (select count(*) from tickets where sale = ?1 and account = ?2 and cancelled_at is null),
               (select coalesce(sum(seats), 0) from holds
                where sale = ?1 and account = ?2 and state = 'live' and expires_at > ?3)",
            &[sale.into(), account.into(), tx.now().into()],
        )
        .await?;
    Ok(row.map_or(Usage::default(), |row| Usage { tickets: row.int(0), held: row.int(1) }))
}

/// Ends a live hold and frees its seats.
pub(crate) async fn release<T: Tx>(tx: &mut T, hold: HoldId, sale: SaleId, to: HoldState) -> Outcome<()> {
    let ended = tx
        .execute(
            "update holds set state = ?2, ended_at = ?3 where id = ?1 and state = 'live'",
            &[hold.into(), to.name().into(), tx.now().into()],
        )
        .await?;
    if ended == 0 {
        return Ok(());
    }
    let seats = tx.query("select seat from hold_seats where hold = ?1 and live = 1", &[hold.into()]).await?;
    tx.execute("update hold_seats set live = 0 where hold = ?1 and live = 1", &[hold.into()]).await?;
    tx.emit(Change::Seats { sale, seats: seats.iter().map(|row| seat(row, 0)).collect(), to: SeatStatus::Available });
    Ok(())
}

pub(crate) fn seat(row: &Row, column: usize) -> u32 {
    u32::try_from(row.int(column)).expect("seat numbers are made from 0 to 200,000")
}

/// The fan's live hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnHold {
    pub id: HoldId,
    pub expires_at: Timestamp,
}

pub(crate) async fn own_live<T: Tx>(tx: &mut T, sale: SaleId, account: AccountId) -> Outcome<Option<OwnHold>> {
    let row = tx
        .first(
            "select id, expires_at from holds where sale = ?1 and account = ?2 and state = 'live'",
            &[sale.into(), account.into()],
        )
        .await?;
    Ok(row.map(|row| OwnHold { id: row.id(0), expires_at: row.time(1) }))
}

pub(crate) async fn is_paying<T: Tx>(tx: &mut T, hold: HoldId) -> Result<bool, DbError> {
    // The first condition is the index's own, word for word: without it SQLite reads every order there is.
    let row = tx
        .first(
            "select 1 from orders where hold = ?1 and state in ('paying', 'confirmed') and state = 'paying'",
            &[hold.into()],
        )
        .await?;
    Ok(row.is_some())
}

/// Gives held seats back. Another's hold is not found.
pub struct ReleaseHold {
    pub sale: SaleId,
    pub account: AccountId,
    pub hold: HoldId,
}

impl Verb for ReleaseHold {
    type Done = ();
    const LANE: Lane = Lane::Purchases;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<()> {
        lock_claim(tx, self.sale, self.account).await?;
        let row = tx
            .first(
                "select state from holds where id = ?1 and sale = ?2 and account = ?3",
                &[self.hold.into(), self.sale.into(), self.account.into()],
            )
            .await?
            .ok_or(Refusal::HoldNotFound)?;
        match HoldState::parse(row.text(0)) {
            Some(HoldState::Sold) => return Err(Refusal::HoldUsed.into()),
            Some(HoldState::Live) => {}
            // Its seats are free already, which is what was asked for.
            _ => return Ok(()),
        }
        if is_paying(tx, self.hold).await? {
            return Err(Refusal::CheckoutInProgress.into());
        }
        release(tx, self.hold, self.sale, HoldState::Released).await
    }
}

/// Frees holds past their time, of all sales. One bounded sweep; the count tells whether to go on.
pub struct ExpireHolds;

impl Verb for ExpireHolds {
    type Done = i64;
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<i64> {
        let rows = tx
            .lock(
                "select id, sale, account, seats from holds where state = 'live' and expires_at <= ?1 and id in
                   (select id from holds where state = 'live' and expires_at <= ?1 order by expires_at limit 300)
                 order by id",
                &[tx.now().into()],
            )
            .await?;
        let (mut written, mut expired) = (0, 0);
        for row in &rows {
            written += 1 + row.int(3);
            if written > MOST_SWEPT_ROWS && expired > 0 {
                break;
            }
            release(tx, row.id(0), row.id(1), HoldState::Expired).await?;
            expired += 1;
        }
        Ok(expired)
    }
}

/// The fan's live hold as `GET holds` shows it.
pub struct OwnHoldQuery {
    pub sale: SaleId,
    pub account: AccountId,
}

impl Query for OwnHoldQuery {
    type Out = Option<HoldAnswer>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Option<HoldAnswer>> {
        let hold = read
            .first(
                "select h.id, h.expires_at, h.total, s.currency from holds h join sales s on s.id = h.sale
                 where h.sale = ?1 and h.account = ?2 and h.state = 'live' and h.expires_at + 0 > ?3",
                &[self.sale.into(), self.account.into(), read.now().into()],
            )
            .await?;
        let Some(hold) = hold else { return Ok(None) };
        let seats = read
            .query(
                "select s.label from hold_seats hs join seats s on s.sale = hs.sale and s.num = hs.seat
                 where hs.hold = ?1 and hs.live = 1 order by s.num",
                &[hold.id::<HoldId>(0).into()],
            )
            .await?;
        Ok(Some(HoldAnswer {
            hold_id: hold.id(0),
            seat_ids: seats.iter().map(|row| row.text(0).to_owned()).collect(),
            expires_at: read.shown(hold.time(1)),
            total: Money(hold.int(2)),
            currency: crate::answers::currency(hold.text(3))?,
        }))
    }
}
