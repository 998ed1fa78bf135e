//! Seals what the operators did since the last tick. The newest digest goes to the log, which is not in the database.

use store::Failure;
use store::audit_chain::{SealAudit, in_hex};

use crate::app::App;

/// Seals in one tick; what is left waits for the next, so that purchases get their turn.
const SEALS_MAX: usize = 10;

pub async fn tick(app: &App, epoch: i64) -> Result<(), Failure> {
    for _ in 0..SEALS_MAX {
        let Some(sealed) = app.store.run(SealAudit { epoch }).await? else { break };
        let digest = in_hex(&sealed.digest);
        tracing::info!(seal = sealed.seq, entries = sealed.entries, %digest, "the audit log was sealed");
    }
    Ok(())
}
