//! Forgets idempotency keys, and what was counted of people, thirty days after their sale, and one-time codes after their end.

use store::counts::{Book, ForgetCounts};
use store::idempotency::{Forget, OutlivedKeys};
use store::login_codes::ForgetCodes;
use store::{Failure, Verb};

use crate::app::{App, KEPT_AFTER_END_SEC};

/// Commands of a thousand rows of a kind in one run: a sale that goes on beside it must not notice.
const COMMANDS_MAX: usize = 50;

pub async fn tick(app: &App) -> Result<(), Failure> {
    for _ in 0..COMMANDS_MAX {
        let keys = app.store.read(OutlivedKeys { kept_sec: KEPT_AFTER_END_SEC }).await?;
        if keys.is_empty() {
            break;
        }
        app.store.run(Forget(keys)).await?;
    }
    for book in [Book::Refusals, Book::Signals] {
        repeat(app, || ForgetCounts { book, kept_sec: KEPT_AFTER_END_SEC }).await?;
    }
    repeat(app, || ForgetCodes).await
}

/// Until nothing is left, or for this time it is enough.
async fn repeat<V: Verb<Done = u64>>(app: &App, verb: impl Fn() -> V) -> Result<(), Failure> {
    for _ in 0..COMMANDS_MAX {
        if app.store.run(verb()).await? == 0 {
            break;
        }
    }
    Ok(())
}
