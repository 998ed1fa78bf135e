//! Connections whose warnings are heard: one of them turns a COMMIT that has succeeded into one of which nobody knows.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use deadpool_postgres::Connect;
use tokio::task::JoinHandle;
use tokio_postgres::error::DbError;
use tokio_postgres::{AsyncMessage, Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Where PostgreSQL says that a COMMIT has waited in vain for its standby: it is in this server's log and nowhere else,
/// and yet the server calls it done. The name of the place is the same in every language.
const WAITED_IN_VAIN: &str = "SyncRepWaitForLSN";

/// How often a connection of this pool was told that.
#[derive(Clone, Default)]
pub(super) struct InVain(Arc<AtomicU64>);

impl InVain {
    /// It has risen before the answer to the COMMIT in question comes.
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn hear(&self, notice: &DbError) {
        if notice.routine() == Some(WAITED_IN_VAIN) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

pub(super) struct Heeding {
    pub(super) tls: MakeRustlsConnect,
    pub(super) in_vain: InVain,
}

type Connected<'a> = Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + 'a>>;

impl Connect for Heeding {
    fn connect(&self, config: &Config) -> Connected<'_> {
        let config = config.clone();
        Box::pin(async move {
            let (client, mut connection) = config.connect(self.tls.clone()).await?;
            let in_vain = self.in_vain.clone();
            let task = tokio::spawn(async move {
                while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
                    match message {
                        Ok(AsyncMessage::Notice(notice)) => in_vain.hear(&notice),
                        Ok(_) => {}
                        // Whoever waits for an answer hears of it too.
                        Err(error) => return tracing::warn!(%error, "a connection to the database has ended"),
                    }
                }
            });
            Ok((client, task))
        })
    }
}
