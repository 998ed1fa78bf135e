//! Calls the next people of every open sale.

use store::Failure;
use store::admissions::{Tick, TickDone};

use crate::app::App;

pub async fn tick(app: &App) -> Result<(), Failure> {
    let wall = app.clock.wall();
    let mut failed = None;
    for room in app.rooms.all() {
        let sale = room.sale();
        room.refresh(wall);
        if sale.built_at.is_none() || wall < sale.terms.opens_at || sale.has_ended(wall) {
            continue;
        }
        match app.store.run(Tick { sale: room.id, epoch: app.epoch }).await {
            Ok(TickDone::NotLeader) => {
                tracing::error!("another process has taken the lease: this one calls nobody");
                return Ok(());
            }
            Ok(_) => {}
            // The other sales go on.
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(()), Err)
}
