//! Finishes halls whose making broke off.

use store::Failure;
use store::catalog::BuildSeats;

use crate::app::App;

/// Commands for one sale in one tick.
const STEPS_MAX: usize = 20;

pub async fn tick(app: &App) -> Result<(), Failure> {
    for room in app.rooms.all().into_iter().filter(|room| room.sale().built_at.is_none()) {
        for _ in 0..STEPS_MAX {
            if app.store.run(BuildSeats { sale: room.id }).await? {
                break;
            }
        }
    }
    Ok(())
}
