//! What is true of the engine for many nodes only: locks, races between nodes, news of each other, faults of the server.

mod faults;
mod locks;
mod look;
mod news;
mod plans;
mod servers;
mod standby;
mod statements;

use std::sync::{Arc, Mutex};

use store::{Change, Observer, SeatStatus, Store};

use crate::world::{World, open, postgres};

/// Keeps what a node was told.
#[derive(Default)]
struct Ear(Mutex<Vec<Change>>);

impl Observer for Ear {
    fn committed(&self, changes: &[Change]) {
        self.0.lock().expect("told one by one").extend_from_slice(changes);
    }
}

impl Ear {
    fn positions(&self) -> Vec<i64> {
        let told = self.0.lock().expect("told one by one");
        let joined = told.iter().filter_map(|change| match change {
            Change::Joined { position, .. } => Some(*position),
            _ => None,
        });
        joined.collect()
    }

    fn calls(&self) -> Vec<i64> {
        let told = self.0.lock().expect("told one by one");
        let called = told.iter().filter_map(|change| match change {
            Change::Called { through, .. } => Some(*through),
            _ => None,
        });
        called.collect()
    }

    /// The last that was told of a seat.
    fn seat(&self, seat: u32) -> Option<SeatStatus> {
        let told = self.0.lock().expect("told one by one");
        told.iter().rev().find_map(|change| match change {
            Change::Seats { seats, to, .. } if seats.contains(&seat) => Some(*to),
            _ => None,
        })
    }

    fn clear(&self) {
        self.0.lock().expect("told one by one").clear();
    }
}

/// A world on PostgreSQL, and a second node on the same database.
async fn two_nodes() -> (World, Store, Arc<Ear>) {
    let w = World::new(postgres).await;
    let ear = Arc::new(Ear::default());
    let other = open(w.url.clone(), &w.hands, Arc::clone(&ear) as Arc<dyn Observer>).await.expect("a second node");
    (w, other, ear)
}
