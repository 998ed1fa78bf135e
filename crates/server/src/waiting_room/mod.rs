//! The read model of the waiting room: what a poll is answered from, without the store.
//!
//! It is fed by the store's committed changes, in commit order, before the callers get their answers. On one node it is
//! complete: who is not in it is not in line.

pub mod joins;
pub mod listeners;
pub mod room;
pub mod stock;

use std::sync::Arc;

use domain::SaleId;
use domain::sale::Sale;
use domain::seat_map::Seating;
use store::{Change, Observer};

pub use room::{Room, Visit};

/// The rooms of all live sales.
#[derive(Default)]
pub struct Rooms {
    by_sale: papaya::HashMap<SaleId, Arc<Room>>,
}

impl Rooms {
    pub fn get(&self, sale: SaleId) -> Option<Arc<Room>> {
        self.by_sale.pin().get(&sale).cloned()
    }

    pub fn all(&self) -> Vec<Arc<Room>> {
        self.by_sale.pin().values().cloned().collect()
    }

    /// The room of a sale, made when it is new.
    pub fn open(&self, sale: &Sale, seating: &Seating) -> Arc<Room> {
        let rooms = self.by_sale.pin();
        let room = Arc::clone(rooms.get_or_insert_with(sale.id, || Arc::new(Room::new(sale.clone(), seating))));
        room.set_sale(sale.clone());
        room
    }
}

impl Observer for Rooms {
    fn committed(&self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Sale { sale, seating } => drop(self.open(sale, seating)),
                Change::Joined { sale, .. }
                | Change::Called { sale, .. }
                | Change::Recalled { sale, .. }
                | Change::Claimed { sale, .. }
                | Change::Returned { sale, .. }
                | Change::Ended { sale, .. }
                | Change::Seats { sale, .. } => {
                    if let Some(room) = self.get(*sale) {
                        room.apply(change);
                    }
                }
            }
        }
    }
}
