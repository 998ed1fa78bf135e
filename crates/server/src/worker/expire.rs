//! Frees holds and ends claims whose time is over. Holds first: a hold keeps its claim alive.

use store::Failure;
use store::admissions::ExpireClaims;
use store::holds::ExpireHolds;

use crate::app::App;

/// Sweeps in one tick; what is left waits for the next, so that purchases get their turn.
const SWEEPS_MAX: usize = 10;

pub async fn tick(app: &App) -> Result<(), Failure> {
    for _ in 0..SWEEPS_MAX {
        let expired = app.store.run(ExpireHolds).await?;
        if expired == 0 {
            break;
        }
        app.metrics.holds_expired(expired.unsigned_abs());
    }
    for _ in 0..SWEEPS_MAX {
        if app.store.run(ExpireClaims).await? == 0 {
            break;
        }
    }
    Ok(())
}
