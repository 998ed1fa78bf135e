//! The embedded engine: one writer thread with group commit, a pool of readers, one file.

pub mod inspect;
mod lanes;
mod migrate;
#[cfg(test)]
mod plans;
mod pragmas;
mod readers;
mod source;
mod time;
mod transaction;
mod writer;

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use domain::{Clock, Timestamp};
use tokio::sync::{oneshot, watch};

use self::lanes::Lanes;
use self::readers::Readers;
pub(crate) use self::source::Source;
#[cfg(test)]
pub(crate) use self::source::tables_of_the_newest_schema;
use self::time::DecidingClock;
use self::writer::{Pending, Writer};
use crate::change::Observer;
use crate::error::{Failure, OpenError};
use crate::figures::{Commits, OfEngine};
use crate::tx::{Query, Verb};

#[derive(Clone)]
pub(crate) struct Sqlite {
    inner: Arc<Inner>,
}

struct Inner {
    lanes: Arc<Lanes>,
    readers: Readers,
    commits: Arc<Commits>,
    broken: watch::Receiver<bool>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Held for as long as the store lives: one server per data folder.
    _lock: File,
}

impl Sqlite {
    pub(crate) fn open(
        path: &Path,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
        readers: usize,
    ) -> Result<Self, OpenError> {
        let lock = lock_file(path)?;
        let mut connection = pragmas::open_writer(path).map_err(OpenError::Database)?;
        pragmas::check_version()?;
        migrate::migrate(&mut connection)?;
        let clock = Arc::new(DecidingClock::load(&connection, clock).map_err(OpenError::Database)?);
        let readers = Readers::open(path, readers, Arc::clone(&clock)).map_err(OpenError::Database)?;
        let lanes = Arc::new(Lanes::new());
        let (broken_tx, broken) = watch::channel(false);
        let commits = Arc::<Commits>::default();
        let writer = Writer::new(connection, Arc::clone(&lanes), clock, observer, Arc::clone(&commits), broken_tx);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|source| OpenError::Path { path: path.display().to_string(), source })?;
        let writer = Mutex::new(Some(thread));
        Ok(Self { inner: Arc::new(Inner { lanes, readers, commits, broken, writer, _lock: lock }) })
    }

    pub(crate) async fn run<V: Verb>(&self, verb: V) -> Result<V::Done, Failure> {
        let (reply, answer) = oneshot::channel();
        self.inner.lanes.offer(V::LANE, Box::new(Pending::new(verb, reply)))?;
        // The writer answers every job it took; a lost answer means that it died with the job in hand.
        answer.await.unwrap_or(Err(Failure::Unknown))
    }

    pub(crate) async fn read<Q: Query>(&self, query: Q) -> Result<Q::Out, Failure> {
        self.inner.readers.read(query).await
    }

    pub(crate) fn shown(&self, at: Timestamp) -> Timestamp {
        self.inner.readers.shown(at)
    }

    pub(crate) fn figures(&self) -> OfEngine {
        let Inner { lanes, readers, commits, .. } = self.inner.as_ref();
        let (pool, reads) = readers.figures();
        let mut lined = lanes.lined();
        lined.push(reads);
        OfEngine { commits: commits.took(), commands: Some(commits.commands()), lanes: lined, pool }
    }

    pub(crate) fn broken(&self) -> watch::Receiver<bool> {
        self.inner.broken.clone()
    }

    pub(crate) async fn close(&self) {
        self.inner.lanes.close();
        let writer = self.inner.writer.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(writer) = writer {
            // A writer that panicked has already been reported by its panic.
            drop(tokio::task::spawn_blocking(move || writer.join()).await);
        }
    }
}

impl Drop for Inner {
    /// Waits for the batch under way: whoever opens the file next must find it alone.
    fn drop(&mut self) {
        self.lanes.close();
        let writer = self.writer.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(writer) = writer {
            drop(writer.join());
        }
    }
}

fn lock_file(path: &Path) -> Result<File, OpenError> {
    let fail = |source| OpenError::Path { path: path.display().to_string(), source };
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fail)?;
    }
    // Signing keys and password hashes are in there. SQLite gives its log the mode of the database.
    let private = |path: &Path| OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path);
    let file = private(&path.with_extension("lock")).map_err(fail)?;
    drop(private(path).map_err(fail)?);
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.display().to_string() }),
        Err(std::fs::TryLockError::Error(source)) => Err(fail(source)),
    }
}
