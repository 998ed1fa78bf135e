//! The data folder, looked at from outside: a copy is checked, so that the crash stays as it is for the next start.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

/// Where the wal-index says how many frames a checkpoint has written back, and how many it has set out to.
/// (SQLite's "WAL-mode File Format", the WAL-Index header.)
const BACKFILLED: u64 = 96;
const BACKFILL_ATTEMPTED: u64 = 128;

/// Opens a copy of what the crash has left and has SQLite read all of it.
pub(crate) fn check_integrity(data: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path();
    for name in ["traffic.db", "traffic.db-wal"] {
        if data.join(name).exists() {
            fs::copy(data.join(name), copy.join(name)).unwrap();
        }
    }
    let database = Connection::open(copy.join("traffic.db")).unwrap();
    let verdict: String = database.query_row("pragma integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    let orphans = database.prepare("pragma foreign_key_check").unwrap().exists([]).unwrap();
    assert!(!orphans, "a row points at nothing");
}

/// Tells when a checkpoint of the running server is under way, as the wal-index in shared memory shows it.
pub(crate) struct Checkpoints {
    index: File,
    /// Recovery sets it to the end of the log, as if everything had been tried; that is no checkpoint.
    attempted_before: u32,
}

impl Checkpoints {
    /// The server must have opened its database.
    pub(crate) fn from_now_on(data: &Path) -> Self {
        let index = File::open(data.join("traffic.db-shm")).unwrap();
        let attempted_before = number(&index, BACKFILL_ATTEMPTED);
        Self { index, attempted_before }
    }

    /// True between the moment when a checkpoint sets out and the moment when it is done; also after a crash, until the
    /// next start.
    pub(crate) fn is_under_way(&self) -> bool {
        let attempted = number(&self.index, BACKFILL_ATTEMPTED);
        attempted != self.attempted_before && attempted > number(&self.index, BACKFILLED)
    }
}

fn number(index: &File, offset: u64) -> u32 {
    let mut bytes = [0; 4];
    index.read_exact_at(&mut bytes, offset).unwrap();
    u32::from_ne_bytes(bytes)
}

/// Makes orders that wait for their payment a minute older, beside the running server: the worker asks the provider only
/// about old ones.
pub(crate) fn age_unpaid_orders(data: &Path) -> usize {
    let database = Connection::open(data.join("traffic.db")).unwrap();
    database.busy_timeout(Duration::from_secs(30)).unwrap();
    database.execute("update orders set created_at = created_at - 60000 where state = 'paying'", []).unwrap()
}
