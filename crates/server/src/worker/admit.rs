//! Calls the next people of every open sale.

use store::Failure;
use store::admissions::{Tick, TickDone};

use crate::app::App;

pub async fn tick(app: &App, epoch: i64) -> Result<(), Failure> {
    let wall = app.clock.wall();
    let mut failed = None;
    for room in app.rooms.all() {
        let sale = room.sale();
        if sale.built_at.is_none() || wall < sale.terms.opens_at || sale.has_ended(wall) {
            room.ticks.note(None);
            continue;
        }
        match app.store.run(Tick { sale: room.id, epoch }).await {
            Ok(TickDone::NotLeader) => {
                app.leadership.lost(epoch);
                break;
            }
            Ok(TickDone::Idle) => room.ticks.note(None),
            Ok(TickDone::Called { bound_by, .. }) => room.ticks.note(Some(bound_by)),
            // The other sales go on.
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(()), Err)
}
