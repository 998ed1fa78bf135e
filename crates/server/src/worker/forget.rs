//! Forgets idempotency keys thirty days after their sale.

use store::Failure;
use store::idempotency::{Forget, OutlivedKeys};

use crate::app::{App, KEPT_AFTER_END_SEC};

pub async fn tick(app: &App) -> Result<(), Failure> {
    let ended_before = app.clock.wall().plus_sec(-KEPT_AFTER_END_SEC);
    loop {
        let keys = app.store.read(OutlivedKeys(ended_before)).await?;
        if keys.is_empty() {
            return Ok(());
        }
        app.store.run(Forget(keys)).await?;
    }
}
