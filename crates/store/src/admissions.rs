//! The drip and the claims: who is called, who comes in time, who comes late, whose time is over.

use domain::admission::{self, Bound, Claim, Drip, Tick as Ticked};
use domain::sale::Sale;
use domain::waiting_room::{EndedAs, Poll, State};
use domain::{AccountId, ClaimId, Refusal, SaleId, Timestamp};

use crate::change::Change;
use crate::crowd::{MOST_RECALLED, crowd};
use crate::error::{DbError, Outcome};
use crate::holds::own_live;
use crate::lease::leads;
use crate::queue::{end_claim, end_entry};
use crate::rows::{self, load_sale};
use crate::tx::{Lane, Tx, Verb, list};

/// The longest way of an answer through the network.
const HEARD_LATE_MS: i64 = 1_000;
/// Claims that one sweep ends; a claim writes two rows.
const MOST_EXPIRED: i64 = 400;

/// Moves one sale's watermark by what the rate, the crowd, the stock and the line allow.
///
/// Invariant: only the leader's tick moves the watermark, and each log row follows from the one before.
pub struct Tick {
    pub sale: SaleId,
    pub epoch: i64,
}

/// What a tick did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TickDone {
    /// Another process leads.
    NotLeader,
    /// The sale calls nobody now.
    Idle,
    Called {
        through: i64,
        called: i64,
        recalled: i64,
        bound_by: Bound,
    },
}

impl Verb for Tick {
    type Done = TickDone;
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<TickDone> {
        if !leads(tx, self.epoch).await? {
            return Ok(TickDone::NotLeader);
        }
        let drip = tx
            .lock("select through, credit, last_tick_at, bound_by from drips where sale = ?1", &[self.sale.into()])
            .await?;
        let Some(drip) = drip.first().map(rows::drip) else { return Err(Refusal::SaleBuilding.into()) };
        let sale = load_sale(tx, self.sale).await?;
        if !sale.may_call(tx.wall()) {
            let idle = admission::idle(drip, tx.now());
            if !drip.rests(&idle) {
                self.save(tx, drip, idle).await?;
            }
            return Ok(TickDone::Idle);
        }
        let crowd = crowd(tx, &sale, drip).await?;
        let open_for_ms = tx.wall().since_ms(sale.terms.opens_at);
        let now = not_before(drip.last_tick_at, tx.now());
        let ticked = admission::tick(&sale.terms, drip, crowd, now, open_for_ms);
        self.apply(tx, drip, ticked).await
    }
}

impl Tick {
    async fn apply<T: Tx>(&self, tx: &mut T, before: Drip, ticked: Ticked) -> Outcome<TickDone> {
        let recalled = self.recall(tx, ticked.recalled).await?;
        if recalled > 0 || !before.rests(&ticked.drip) {
            self.save(tx, before, ticked.drip).await?;
        }
        let bound_by = ticked.drip.bound_by.unwrap_or(Bound::Line);
        let people = ticked.called + recalled;
        if people > 0 || ticked.drip.bound_by != before.bound_by {
            self.log(tx, ticked, recalled, bound_by).await?;
        }
        if people > 0 {
            tx.emit(Change::Called {
                sale: self.sale,
                through: ticked.drip.through,
                people,
                at: ticked.drip.last_tick_at,
            });
        }
        Ok(TickDone::Called { through: ticked.drip.through, called: ticked.called, recalled, bound_by })
    }

    /// Calls returners again, lowest position first.
    async fn recall<T: Tx>(&self, tx: &mut T, most: i64) -> Outcome<i64> {
        if most == 0 {
            return Ok(0);
        }
        let rows = tx
            .lock(
                "select position, account from entries
                 where sale = ?1 and returned_at >= 0 and ended_at is null
                   and (recalled_at is null or recalled_at < returned_at)
                 order by position limit ?2",
                &[self.sale.into(), most.min(MOST_RECALLED).into()],
            )
            .await?;
        let positions = list(rows.iter().map(|row| row.int(0)));
        let recalled = tx
            .execute(
                "update entries set recalled_at = ?2 where sale = ?1
                 and position in (select cast(value as bigint) from json_each(?3))",
                &[self.sale.into(), tx.now().into(), positions],
            )
            .await?;
        for row in &rows {
            tx.emit(Change::Recalled { sale: self.sale, account: row.id(1), position: row.int(0), at: tx.now() });
        }
        Ok(i64::try_from(recalled).unwrap_or(i64::MAX))
    }

    /// Under the drip's lock nothing else moves the watermark, so exactly this row changes.
    async fn save<T: Tx>(&self, tx: &mut T, before: Drip, after: Drip) -> Outcome<()> {
        let saved = tx
            .execute(
                "update drips set through = ?3, credit = ?4, last_tick_at = ?5, bound_by = ?6, epoch = ?7
             where sale = ?1 and through = ?2 and epoch <= ?7",
                &[
                    self.sale.into(),
                    before.through.into(),
                    after.through.into(),
                    after.credit.into(),
                    after.last_tick_at.into(),
                    after.bound_by.map(Bound::name).into(),
                    self.epoch.into(),
                ],
            )
            .await?;
        if saved == 1 {
            Ok(())
        } else {
            Err(DbError::Bug(format!("the drip of {} was moved by another", self.sale)).into())
        }
    }

    async fn log<T: Tx>(&self, tx: &mut T, ticked: Ticked, recalled: i64, bound_by: Bound) -> Outcome<()> {
        tx.execute(
            "insert into admission_log (sale, seq, at, through, called, recalled, credit_ms, bound_by)
             select ?1, coalesce(max(seq), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7 from admission_log where sale = ?1",
            &[
                self.sale.into(),
                ticked.drip.last_tick_at.into(),
                ticked.drip.through.into(),
                ticked.called.into(),
                recalled.into(),
                ticked.credit_ms.into(),
                bound_by.name().into(),
            ],
        )
        .await?;
        Ok(())
    }
}

/// Two workers hear the time of one clock a little late each: a new leader's may lie just before the old one's last tick,
/// and nothing may be credited twice. A clock that was set back for good is believed.
fn not_before(last: Timestamp, now: Timestamp) -> Timestamp {
    if (0..HEARD_LATE_MS).contains(&last.since_ms(now)) { last } else { now }
}

/// A poll of a called entry: goes inside in time, asks to be called again when late. Idempotent.
pub struct PollCalled {
    pub sale: SaleId,
    pub account: AccountId,
    /// For the claim that this may make.
    pub claim: ClaimId,
}

/// What the poll found, or did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled {
    Inside(Claim),
    /// Neither inside nor called; the entry as it stands.
    Stands {
        position: i64,
        state: State,
    },
}

impl Verb for PollCalled {
    type Done = Polled;
    const LANE: Lane = Lane::Purchases;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<Polled> {
        let newest = rows::lock_claim(tx, self.sale, self.account).await?;
        if let Some(claim) = newest.filter(|claim| claim.ended_as.is_none()) {
            return Ok(Polled::Inside(claim));
        }
        let Some(row) = rows::lock_entry(tx, self.sale, self.account).await? else { return self.ended(tx).await };
        let entry = rows::entry(&row, false);
        let sale = load_sale(tx, self.sale).await?;
        let through = through(tx, self.sale).await?;
        let called_at = called_at(tx, self.sale, entry.position).await?;
        let poll = if sale.may_shop(tx.wall()).is_ok() {
            entry.poll(through, called_at, tx.now(), sale.terms.claim_window_sec)
        } else {
            Poll::Nothing
        };
        match poll {
            Poll::Nothing => Ok(Polled::Stands { position: entry.position, state: entry.state(through) }),
            Poll::Claim => self.claim(tx, &sale, entry.position).await,
            Poll::Return => self.return_to_line(tx, entry.position).await,
        }
    }
}

impl PollCalled {
    async fn claim<T: Tx>(&self, tx: &mut T, sale: &Sale, position: i64) -> Outcome<Polled> {
        let claim = Claim {
            id: self.claim,
            position,
            claimed_at: tx.now(),
            deadline: tx.now().plus_sec(sale.terms.shopping_window_sec),
            ended_as: None,
        };
        let inserted = tx
            .execute(
                "insert into claims (id, sale, account, position, claimed_at, deadline) values (?1, ?2, ?3, ?4, ?5, ?6)
                 on conflict do nothing",
                &[
                    claim.id.into(),
                    self.sale.into(),
                    self.account.into(),
                    position.into(),
                    claim.claimed_at.into(),
                    claim.deadline.into(),
                ],
            )
            .await?;
        if inserted == 0 {
            // Another poll of the same fan was first: its claim is the one.
            let first = rows::lock_claim(tx, self.sale, self.account).await?;
            return first.map(Polled::Inside).ok_or_else(|| Refusal::NotInQueue.into());
        }
        tx.emit(Change::Claimed { sale: self.sale, account: self.account, claim });
        Ok(Polled::Inside(claim))
    }

    async fn return_to_line<T: Tx>(&self, tx: &mut T, position: i64) -> Outcome<Polled> {
        tx.execute(
            "update entries set returned_at = ?3 where sale = ?1 and position = ?2 and ended_at is null",
            &[self.sale.into(), position.into(), tx.now().into()],
        )
        .await?;
        tx.emit(Change::Returned { sale: self.sale, account: self.account, position, at: tx.now() });
        Ok(Polled::Stands { position, state: State::Returning })
    }

    async fn ended<T: Tx>(&self, tx: &mut T) -> Outcome<Polled> {
        let row = tx
            .first(
                "select position, ended_as from entries where sale = ?1 and account = ?2
                 order by position desc limit 1",
                &[self.sale.into(), self.account.into()],
            )
            .await?
            .ok_or(Refusal::NotInQueue)?;
        let ended = rows::ended_as(&row, 1).ok_or(Refusal::NotInQueue)?;
        Ok(Polled::Stands { position: row.int(0), state: ended.state() })
    }
}

async fn through<T: Tx>(tx: &mut T, sale: SaleId) -> Outcome<i64> {
    let row = tx.first("select through from drips where sale = ?1", &[sale.into()]).await?;
    Ok(row.map_or(0, |row| row.int(0)))
}

async fn called_at<T: Tx>(tx: &mut T, sale: SaleId, position: i64) -> Outcome<Option<Timestamp>> {
    let row = tx
        .first(
            "select at from admission_log where sale = ?1 and through >= ?2 order by through, at limit 1",
            &[sale.into(), position.into()],
        )
        .await?;
    Ok(row.map(|row| row.time(0)))
}

/// Ends claims past their deadline that no live hold keeps alive. One bounded sweep; the count tells whether to go on.
pub struct ExpireClaims;

impl Verb for ExpireClaims {
    type Done = i64;
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<i64> {
        let rows = tx
            .query(
                "select c.sale, c.account, c.position from claims c
                 where c.ended_at is null and c.deadline <= ?1 and not exists
                   (select 1 from holds h where h.sale = c.sale and h.account = c.account and h.state = 'live')
                 order by c.deadline limit ?2",
                &[tx.now().into(), MOST_EXPIRED.into()],
            )
            .await?;
        let mut ended = 0;
        for row in &rows {
            let (sale, account) = (row.id::<SaleId>(0), row.id::<AccountId>(1));
            let claim = rows::lock_claim(tx, sale, account).await?;
            let same = claim.is_some_and(|claim| claim.ended_as.is_none() && claim.position == row.int(2));
            // Under the lock: a hold may have been placed in the last moment.
            if same && own_live(tx, sale, account).await?.is_none() {
                end_claim(tx, sale, account, EndedAs::Expired).await?;
                end_entry(tx, sale, account, row.int(2), EndedAs::Expired).await?;
                ended += 1;
            }
        }
        Ok(ended)
    }
}
