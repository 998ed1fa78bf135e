//! The read model of the waiting room: what a poll is answered from, without the store.
//!
//! It is fed by the store's committed changes: this node's own before the callers get their answers, in commit order; those
//! of other nodes a moment later. Alone on its store a node is complete: who is not in it is not in line. Where others write
//! too, a "no" is said only after a look at what they wrote: [`crate::app::App::surely`].

pub mod crowd;
pub mod fill;
pub mod joins;
pub mod listeners;
pub mod places;
pub mod room;
pub mod stock;
pub mod ticks;

use std::sync::Arc;

use domain::SaleId;
use domain::sale::Sale;
use domain::seat_map::Seating;
use store::{Change, Observer};

use crate::redis::Hints;

pub use places::Visit;
pub use room::Room;

/// The rooms of all live sales.
#[derive(Default)]
pub struct Rooms {
    by_sale: papaya::HashMap<SaleId, Arc<Room>>,
    hints: Arc<Hints>,
}

impl Rooms {
    /// What is committed here is hinted at there.
    pub fn new(hints: Arc<Hints>) -> Self {
        Self { hints, ..Self::default() }
    }

    pub fn get(&self, sale: SaleId) -> Option<Arc<Room>> {
        self.by_sale.pin().get(&sale).cloned()
    }

    pub fn all(&self) -> Vec<Arc<Room>> {
        self.by_sale.pin().values().cloned().collect()
    }

    /// The room of a sale, made when it is new. What is known of the sale already stays.
    pub fn open(&self, sale: &Sale, seating: &Seating) -> Arc<Room> {
        let rooms = self.by_sale.pin();
        Arc::clone(rooms.get_or_insert_with(sale.id, || Arc::new(Room::new(sale.clone(), seating))))
    }
}

impl Observer for Rooms {
    fn committed(&self, changes: &[Change]) {
        for change in changes {
            if let Change::Sale { sale, seating } = change {
                self.open(sale, seating).set_sale(Sale::clone(sale));
            } else if let Some(room) = self.get(change.sale()) {
                room.apply(change);
            }
        }
    }

    fn others_must_look(&self, changes: &[Change]) {
        let mut last = None;
        for sale in changes.iter().map(Change::sale) {
            // A batch of a thousand joins is one hint.
            if last.replace(sale) != Some(sale) {
                self.hints.changed(sale);
            }
        }
    }
}
