//! Filling the read model at a node's start, while other nodes write.

use domain::Timestamp;
use store::{Failure, Store, load};

use super::Rooms;
use crate::app::KEPT_AFTER_END_SEC;

/// How far back the pace of a line is read at a start.
const PACE_SEC: i64 = 60;

/// The read model of every sale that is not long over. Changes are told from before the first reading on, so what is read
/// may be older than what was told: rooms bear that.
pub async fn fill(store: &Store, rooms: &Rooms, wall: Timestamp) -> Result<(), Failure> {
    let ended_after = wall.plus_sec(-KEPT_AFTER_END_SEC);
    for (sale, seating) in store.read(load::LiveSales { ended_after }).await? {
        let room = rooms.open(&sale, &seating);
        let shop = store.read(load::Shop { sale: sale.id, calls_after: wall.plus_sec(-PACE_SEC) }).await?;
        room.restore(&shop);
        let mut places = store.read(load::Line { sale: sale.id, after: 0 }).await?;
        while let Some(last) = places.last() {
            let next = load::Line { sale: sale.id, after: last.entry.position };
            // A page is read on a thread of its own while the one before goes into the room.
            let fill = async { places.iter().for_each(|place| room.restore_place(place)) };
            let (next, ()) = tokio::join!(biased; store.read(next), fill);
            places = next?;
        }
        for (account, claim) in shop.claims {
            room.restore_claim(account, claim);
        }
    }
    store.catch_up().await
}
