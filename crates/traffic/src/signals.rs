//! Ctrl-C and SIGTERM, as a value that turns true.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Turns true at the first SIGTERM or SIGINT. Call within a runtime.
pub(crate) fn shutdown() -> io::Result<watch::Receiver<bool>> {
    shutdown_too().map(|(_, shutdown)| shutdown)
}

/// The same for what may also be ended by somebody else, with the sender.
pub(crate) fn shutdown_too() -> io::Result<(watch::Sender<bool>, watch::Receiver<bool>)> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (asked, shutdown) = watch::channel(false);
    let too = asked.clone();
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "shutting down");
        asked.send_replace(true);
        // Dropping the sender would look like a second reason to stop; it is kept until nobody listens.
        asked.closed().await;
    });
    Ok((too, shutdown))
}
