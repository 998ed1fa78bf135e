//! The settings of every connection, each with its reason.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::transaction::db_error;
use crate::error::{DbError, OpenError};

/// Every statement of the program stays prepared.
const STATEMENTS: usize = 256;
/// The writer is alone; readers wait at most this long for a checkpoint's short lock.
const BUSY: Duration = Duration::from_secs(5);
/// Older versions can lose a WAL reset that races a checkpoint.
const OLDEST: i32 = 3_051_003;

pub(super) fn open_writer(path: &Path) -> Result<Connection, DbError> {
    let connection = Connection::open(path).map_err(db_error)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(BUSY).map_err(db_error)?;
    // Readers go on while the writer writes; FULL syncs the log at every commit, so that power loss loses nothing.
    connection.pragma_update(None, "journal_mode", "wal").map_err(db_error)?;
    connection.pragma_update(None, "synchronous", "full").map_err(db_error)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(db_error)?;
    // The writer writes the log back between batches: inside a commit everybody would wait, and its errors get lost.
    connection.pragma_update(None, "wal_autocheckpoint", 0).map_err(db_error)?;
    // 64 MiB: the upper levels of the large indexes stay in memory.
    connection.pragma_update(None, "cache_size", -65_536).map_err(db_error)?;
    connection.pragma_update(None, "temp_store", "memory").map_err(db_error)?;
    Ok(connection)
}

pub(super) fn open_reader(path: &Path) -> Result<Connection, DbError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(db_error)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(BUSY).map_err(db_error)?;
    connection.pragma_update(None, "temp_store", "memory").map_err(db_error)?;
    Ok(connection)
}

pub(super) fn check_version() -> Result<(), OpenError> {
    if rusqlite::version_number() < OLDEST {
        return Err(OpenError::OldSqlite { found: rusqlite::version().to_owned() });
    }
    Ok(())
}
