//! Mails as files in a folder: for development and rehearsals.

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use lettre::{AsyncFileTransport, AsyncTransport as _, Message, Tokio1Executor};

use super::{SendError, Sender};

/// One `.eml` file for each mail.
pub(super) struct Folder {
    path: PathBuf,
    files: AsyncFileTransport<Tokio1Executor>,
}

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), files: AsyncFileTransport::new(path) }
    }
}

impl Sender for Folder {
    fn send(&self, message: Message) -> Pin<Box<dyn Future<Output = Result<(), SendError>> + Send + '_>> {
        Box::pin(async move {
            // Made when it is needed: most nodes never send a mail. Where that fails, writing tells why.
            let _ = fs::create_dir_all(&self.path);
            let id = self.files.send(message).await?;
            tracing::info!(file = %self.path.join(format!("{id}.eml")).display(), "a mail was written");
            Ok(())
        })
    }
}
