//! Handing over what came of a run: the files in parts, then the verdict; again and again while the server is away, and not
//! for ever.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::desk::{Claimed, Desk, Refused, Silent};
use super::found::Found;

/// As large as the server takes them.
const PART_BYTES: usize = 256 << 10;
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Why something was not delivered.
enum Failed {
    /// The server does not want this one; the rest may go on.
    Unwanted(String),
    /// The run is not ours any more.
    Lost,
}

/// Everything, in order. To be dropped by whoever has no more patience.
pub(crate) async fn deliver(desk: &Desk, run: &Claimed, found: &Found) {
    let mut left_out = Vec::new();
    for (name, path) in &found.files {
        match file(desk, run, name, path).await {
            Ok(()) => {}
            Err(Failed::Lost) => return lost(run),
            Err(Failed::Unwanted(why)) => {
                tracing::warn!(run = run.run_id, file = name, why, "the server does not keep this file");
                left_out.push(format!("{name}: {why}"));
            }
        }
    }
    let mut outcome = found.outcome.clone();
    outcome["not_kept"] = json!(left_out);
    let end = json!({ "status": found.status, "error": found.error, "outcome": outcome, "sale_id": found.sale_id });
    match until_heard(desk, "finish", run, end).await {
        Ok(answer) if answer["status"] == found.status => {
            tracing::info!(run = run.run_id, status = found.status, "the run is delivered");
        }
        Ok(answer) => {
            tracing::warn!(run = run.run_id, found = found.status, stands = %answer["status"], "the run was ended before");
        }
        Err(Failed::Lost) => lost(run),
        Err(Failed::Unwanted(why)) => {
            tracing::error!(run = run.run_id, why, "the server does not take what was found");
        }
    }
}

fn lost(run: &Claimed) {
    tracing::warn!(run = run.run_id, "the server has given this run up: what it found is not delivered");
}

async fn file(desk: &Desk, run: &Claimed, name: &str, path: &Path) -> Result<(), Failed> {
    let unread = |error: std::io::Error| Failed::Unwanted(format!("it cannot be read: {error}"));
    let mut file = File::open(path).map_err(unread)?;
    let size = file.metadata().map_err(unread)?.len();
    let parts = size.div_ceil(PART_BYTES as u64);
    for part in 0..parts {
        let mut bytes = Vec::with_capacity(PART_BYTES);
        (&mut file).take(PART_BYTES as u64).read_to_end(&mut bytes).map_err(unread)?;
        let data = STANDARD.encode(&bytes);
        until_heard(desk, "part", run, json!({ "file": name, "part": part, "parts": parts, "data": data })).await?;
    }
    Ok(())
}

async fn until_heard(desk: &Desk, what: &str, run: &Claimed, more: Value) -> Result<Value, Failed> {
    loop {
        match desk.tell(what, run, more.clone()).await {
            Ok(answer) => return Ok(answer),
            Err(Silent::Refused(Refused { status: 404 | 409, .. })) => return Err(Failed::Lost),
            Err(Silent::Refused(refused)) => return Err(Failed::Unwanted(refused.detail)),
            Err(Silent::Unheard(why)) => {
                tracing::debug!(%why, "said again in a second");
                sleep(TRY_AGAIN_AFTER).await;
            }
        }
    }
}
