//! The line: joining it, a batch at a time, and leaving it.

use std::collections::HashMap;

use domain::waiting_room::EndedAs;
use domain::{AccountId, Refusal, SaleId, Timestamp};

use crate::change::Change;
use crate::error::Outcome;
use crate::holds;
use crate::rows::{self, load_sale};
use crate::tx::{Lane, Tx, Verb, id_list};

/// Everybody who joined one sale while the batch before was written. Accounts are distinct, and at most
/// [`crate::MOST_ROWS_PER_COMMAND`].
///
/// Invariant: positions are 1..n without a gap, in the order of the batch, and `joined_at` never falls.
pub struct JoinBatch {
    pub sale: SaleId,
    pub accounts: Vec<AccountId>,
}

/// What one account hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    New { position: i64, joined_at: Timestamp },
    Known { position: i64, joined_at: Timestamp },
    Refused(Refusal),
}

impl Verb for JoinBatch {
    type Done = Vec<Joined>;
    const LANE: Lane = Lane::Joins;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<Vec<Joined>> {
        let head = tx
            .lock("select last_position, last_joined_at from queue_heads where sale = ?1", &[self.sale.into()])
            .await?;
        // Under the lock: who closes the doors waits for it, so nobody comes in behind him.
        let sale = load_sale(tx, self.sale).await?;
        let Some(head) = head.first() else { return Err(Refusal::SaleBuilding.into()) };
        let (last, last_joined_at) = (head.int(0), head.time(1));
        let known = self.known(tx).await?;

        let mut room = match sale.may_join(tx.wall()) {
            Ok(()) => Ok(self.room(tx, sale.terms.waiting_room_cap, last).await?),
            Err(refusal) => Err(refusal),
        };
        let joined_at = tx.now().max(last_joined_at);
        let mut newest = last;
        let mut answers = Vec::with_capacity(self.accounts.len());
        let mut joining = Vec::new();
        for account in &self.accounts {
            // Who has a place always gets it, whatever the doors and the room say.
            answers.push(match (known.get(account), &mut room) {
                (Some(&(position, joined_at)), _) => Joined::Known { position, joined_at },
                (None, Err(refusal)) => Joined::Refused(*refusal),
                (None, Ok(0)) => Joined::Refused(Refusal::RoomFull),
                (None, Ok(room)) => {
                    *room -= 1;
                    newest += 1;
                    joining.push((newest, *account));
                    Joined::New { position: newest, joined_at }
                }
            });
        }
        if !joining.is_empty() {
            self.write(tx, &joining, joined_at).await?;
        }
        Ok(answers)
    }
}

impl JoinBatch {
    async fn known<T: Tx>(&self, tx: &mut T) -> Outcome<HashMap<AccountId, (i64, Timestamp)>> {
        let rows = tx
            .query(
                "select e.account, e.position, e.joined_at from json_each(?2) asked cross join entries e
                 where e.sale = ?1 and e.account = unhex(asked.value) and e.ended_at is null",
                &[self.sale.into(), id_list(self.accounts.iter().map(|account| account.0))],
            )
            .await?;
        Ok(rows.iter().map(|row| (row.id(0), (row.int(1), row.time(2)))).collect())
    }

    /// How many more may wait. The ended are counted only where it matters: near the cap.
    async fn room<T: Tx>(&self, tx: &mut T, cap: i64, last: i64) -> Outcome<i64> {
        let wanted = i64::try_from(self.accounts.len()).unwrap_or(i64::MAX);
        let row = tx.first("select through from drips where sale = ?1", &[self.sale.into()]).await?;
        let through = row.map_or(0, |row| row.int(0));
        let waiting = last - through;
        if cap - waiting >= wanted {
            return Ok(wanted);
        }
        let row = tx
            .first(
                "select count(*) from entries where sale = ?1 and position > ?2 and ended_at is not null",
                &[self.sale.into(), through.into()],
            )
            .await?;
        let left = row.map_or(0, |row| row.int(0));
        Ok((cap - waiting + left).clamp(0, wanted))
    }

    async fn write<T: Tx>(&self, tx: &mut T, joining: &[(i64, AccountId)], joined_at: Timestamp) -> Outcome<()> {
        // Without a gap, so that the first position and the order say all.
        let first = joining.first().map_or(0, |(position, _)| *position);
        let accounts = id_list(joining.iter().map(|(_, account)| account.0));
        tx.execute(
            "insert into entries (sale, position, account, joined_at)
             select ?1, ?4 + key, unhex(value), ?2 from json_each(?3)",
            &[self.sale.into(), joined_at.into(), accounts, first.into()],
        )
        .await?;
        let newest = joining.last().map_or(0, |(position, _)| *position);
        tx.execute(
            "update queue_heads set last_position = ?2, last_joined_at = ?3 where sale = ?1",
            &[self.sale.into(), newest.into(), joined_at.into()],
        )
        .await?;
        for &(position, account) in joining {
            tx.emit(Change::Joined { sale: self.sale, account, position, joined_at });
        }
        Ok(())
    }
}

/// Gives the place up. A later join starts at the end.
pub struct Leave {
    pub sale: SaleId,
    pub account: AccountId,
}

impl Verb for Leave {
    /// The position that was given up.
    type Done = i64;
    const LANE: Lane = Lane::Purchases;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<i64> {
        let mut claim = rows::lock_claim(tx, self.sale, self.account).await?;
        let Some(entry) = rows::lock_entry(tx, self.sale, self.account).await? else {
            return Err(Refusal::NotInQueue.into());
        };
        if claim.is_none() {
            // Whoever made the first one meanwhile had locked the place, and is done.
            claim = rows::lock_claim(tx, self.sale, self.account).await?;
        }
        let hold = holds::own_live(tx, self.sale, self.account).await?;
        if let Some(hold) = &hold {
            if holds::is_paying(tx, hold.id).await? {
                return Err(Refusal::CheckoutInProgress.into());
            }
            holds::release(tx, hold.id, self.sale, domain::order::HoldState::Released).await?;
        }
        if claim.is_some_and(|claim| claim.ended_as.is_none()) {
            end_claim(tx, self.sale, self.account, EndedAs::Left).await?;
        }
        end_entry(tx, self.sale, self.account, entry.int(0), EndedAs::Left).await?;
        Ok(entry.int(0))
    }
}

/// Ends the live claim. The caller has locked it.
pub(crate) async fn end_claim<T: Tx>(tx: &mut T, sale: SaleId, account: AccountId, end: EndedAs) -> Outcome<()> {
    tx.execute(
        "update claims set ended_at = ?3, ended_as = ?4 where sale = ?1 and account = ?2 and ended_at is null",
        &[sale.into(), account.into(), tx.now().into(), end.name().into()],
    )
    .await?;
    Ok(())
}

/// Ends the live entry. It keeps its position for ever.
pub(crate) async fn end_entry<T: Tx>(
    tx: &mut T,
    sale: SaleId,
    account: AccountId,
    position: i64,
    ended_as: EndedAs,
) -> Outcome<()> {
    let ended = tx
        .execute(
            "update entries set ended_at = ?3, ended_as = ?4 where sale = ?1 and position = ?2 and ended_at is null",
            &[sale.into(), position.into(), tx.now().into(), ended_as.name().into()],
        )
        .await?;
    if ended == 1 {
        tx.emit(Change::Ended { sale, account, position, ended_as });
    }
    Ok(())
}
