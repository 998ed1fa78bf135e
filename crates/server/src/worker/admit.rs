//! Calls the next people of every open sale.

use store::Failure;
use store::admissions::{Tick, TickDone};

use crate::app::App;

pub async fn tick(app: &App) -> Result<(), Failure> {
    let wall = app.clock.wall();
    for room in app.rooms.all() {
        let sale = room.sale();
        room.refresh(wall);
        if sale.built_at.is_none() || wall < sale.terms.opens_at || sale.has_ended(wall) {
            continue;
        }
        let ticked = app.store.run(Tick { sale: room.id, epoch: app.epoch }).await?;
        if ticked == TickDone::NotLeader {
            tracing::error!("another process has taken the lease: this one calls nobody");
            return Ok(());
        }
    }
    Ok(())
}
