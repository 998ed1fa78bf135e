//! Changes as text, for the other nodes. What they can read from the tables themselves is only named.

use deadpool_postgres::ClientWrapper;
use domain::admission::Claim;
use domain::waiting_room::EndedAs;
use domain::{AccountId, ClaimId, SaleId, Timestamp};
use serde::{Deserialize, Serialize};

use super::transaction::select;
use crate::change::{Change, SeatStatus};
use crate::rows::{sale_and_hall, sale_columns};
use crate::value::Row;

/// Entries of one batch of joins come with one look into the table.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Told {
    Sale(SaleId),
    /// From the first position to the last one.
    Joined(SaleId, i64, i64),
    Called(SaleId, i64, i64, i64),
    /// Position, and since when.
    Recalled(SaleId, AccountId, i64, i64),
    /// Claim, position, since when, until when.
    Claimed(SaleId, AccountId, ClaimId, i64, i64, i64),
    Returned(SaleId, AccountId, i64, i64),
    Ended(SaleId, AccountId, i64, String),
    Seats(SaleId, Vec<u32>, String),
}

/// All changes of one transaction.
pub(super) fn text(changes: &[Change]) -> String {
    let mut told: Vec<Told> = Vec::with_capacity(changes.len().min(64));
    for change in changes {
        match (change, told.last_mut()) {
            (Change::Joined { sale, position, .. }, Some(Told::Joined(of, _, last)))
                if of == sale && *last + 1 == *position =>
            {
                *last = *position;
            }
            _ => told.push(one(change)),
        }
    }
    serde_json::to_string(&told).expect("ids, numbers and text always serialise")
}

fn one(change: &Change) -> Told {
    match change {
        Change::Sale { sale, .. } => Told::Sale(sale.id),
        Change::Joined { sale, position, .. } => Told::Joined(*sale, *position, *position),
        Change::Called { sale, through, people, at } => Told::Called(*sale, *through, *people, at.millis()),
        Change::Recalled { sale, account, position, at } => Told::Recalled(*sale, *account, *position, at.millis()),
        Change::Claimed { sale, account, claim: c } => {
            Told::Claimed(*sale, *account, c.id, c.position, c.claimed_at.millis(), c.deadline.millis())
        }
        Change::Returned { sale, account, position, at } => Told::Returned(*sale, *account, *position, at.millis()),
        Change::Ended { sale, account, position, ended_as } => {
            Told::Ended(*sale, *account, *position, ended_as.name().to_owned())
        }
        Change::Seats { sale, seats, to } => Told::Seats(*sale, seats.clone(), to.name().to_owned()),
    }
}

/// What such a text tells. What a newer program may have written and this one does not know is left out.
pub(super) async fn read(client: &ClientWrapper, body: &str) -> Result<Vec<Change>, tokio_postgres::Error> {
    let told: Vec<serde_json::Value> = serde_json::from_str(body).unwrap_or_default();
    let mut changes = Vec::with_capacity(told.len());
    for one in told {
        match serde_json::from_value(one) {
            Ok(one) => whole(client, one, &mut changes).await?,
            Err(error) => tracing::error!(%error, "a change of another node cannot be read: is it a newer program?"),
        }
    }
    Ok(changes)
}

async fn whole(client: &ClientWrapper, told: Told, changes: &mut Vec<Change>) -> Result<(), tokio_postgres::Error> {
    let change = match told {
        Told::Sale(sale) => {
            let sql = concat!("select ", sale_columns!(), ", sections from sales where id = ?1");
            let rows = select(client, sql, false, &[sale.into()]).await?;
            rows.first().and_then(|row| match sale_and_hall(row) {
                Ok((sale, seating)) => Some(Change::Sale { sale: Box::new(sale), seating }),
                Err(error) => {
                    tracing::error!(%error, "a changed sale cannot be read");
                    None
                }
            })
        }
        Told::Joined(sale, first, last) => {
            let sql = "select account, position, joined_at from entries
                       where sale = ?1 and position between ?2 and ?3 order by position";
            let rows = select(client, sql, false, &[sale.into(), first.into(), last.into()]).await?;
            let joined =
                |row: &Row| Change::Joined { sale, account: row.id(0), position: row.int(1), joined_at: row.time(2) };
            changes.extend(rows.iter().map(joined));
            None
        }
        Told::Called(sale, through, people, at) => Some(Change::Called { sale, through, people, at: Timestamp(at) }),
        Told::Recalled(sale, account, position, at) => {
            Some(Change::Recalled { sale, account, position, at: Timestamp(at) })
        }
        Told::Claimed(sale, account, id, position, claimed_at, deadline) => {
            let (claimed_at, deadline) = (Timestamp(claimed_at), Timestamp(deadline));
            let claim = Claim { id, position, claimed_at, deadline, ended_as: None };
            Some(Change::Claimed { sale, account, claim })
        }
        Told::Returned(sale, account, position, at) => {
            Some(Change::Returned { sale, account, position, at: Timestamp(at) })
        }
        Told::Ended(sale, account, position, ended_as) => {
            EndedAs::parse(&ended_as).map(|ended_as| Change::Ended { sale, account, position, ended_as })
        }
        Told::Seats(sale, seats, to) => SeatStatus::parse(&to).map(|to| Change::Seats { sale, seats, to }),
    };
    changes.extend(change);
    Ok(())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_batch_of_joins_is_told_by_its_first_and_last_place() {
        let (one, two) = (SaleId(Uuid::from_u128(1)), SaleId(Uuid::from_u128(2)));
        let joined = |sale, position| Change::Joined {
            sale,
            account: AccountId(Uuid::from_u128(9)),
            position,
            joined_at: Timestamp(5),
        };
        let changes = [joined(one, 3), joined(one, 4), joined(two, 5), joined(one, 7)];
        let told: Vec<Told> = serde_json::from_str(&text(&changes)).unwrap();
        assert_eq!(told, [Told::Joined(one, 3, 4), Told::Joined(two, 5, 5), Told::Joined(one, 7, 7)]);
    }
}
