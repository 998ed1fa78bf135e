//! The settings of every connection, each with its reason.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
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
    prepare_once(&connection).map_err(db_error)?;
    connection.busy_timeout(BUSY).map_err(db_error)?;
    // Readers go on while the writer writes; FULL syncs the log at every commit, so that power loss loses nothing.
    connection.pragma_update(None, "journal_mode", "wal").map_err(db_error)?;
    connection.pragma_update(None, "synchronous", "full").map_err(db_error)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(db_error)?;
    // The writer writes the log back between batches: inside a commit everybody would wait, and its errors get lost.
    connection.pragma_update(None, "wal_autocheckpoint", 0).map_err(db_error)?;
    // 48 MiB: the index of a million entries stays in memory.
    connection.pragma_update(None, "cache_size", -49_152).map_err(db_error)?;
    connection.pragma_update(None, "temp_store", "memory").map_err(db_error)?;
    Ok(connection)
}

pub(super) fn open_reader(path: &Path) -> Result<Connection, DbError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(db_error)?;
    prepare_once(&connection).map_err(db_error)?;
    connection.busy_timeout(BUSY).map_err(db_error)?;
    connection.pragma_update(None, "temp_store", "memory").map_err(db_error)?;
    Ok(connection)
}

/// A plan depends on the statement alone, never on what is bound to it: else SQLite prepares every statement with
/// `limit ?n` anew at each run.
fn prepare_once(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

pub(super) fn check_version() -> Result<(), OpenError> {
    if rusqlite::version_number() < OLDEST {
        return Err(OpenError::OldSqlite { found: rusqlite::version().to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    /// Runs a statement three times with different limits; how often it was prepared anew.
    fn prepared_anew(connection: &Connection) -> i32 {
        let mut statement = connection.prepare_cached("select name from sqlite_schema limit ?1").expect("a statement");
        for limit in 1..=3 {
            statement.query_row([limit], |row| row.get::<_, String>(0)).expect("a row");
        }
        statement.get_status(StatementStatus::RePrepare)
    }

    #[test]
    fn a_statement_stays_prepared_whatever_is_bound_to_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.db");
        let writer = open_writer(&path).expect("a writer");
        writer.execute_batch("create table a (b); create table c (d); create table e (f)").expect("tables");
        assert_eq!(prepared_anew(&writer), 0);
        assert_eq!(prepared_anew(&open_reader(&path).expect("a reader")), 0);
        let plain = Connection::open(&path).expect("a connection without our settings");
        assert!(prepared_anew(&plain) > 0, "then the setting is no longer needed");
    }
}
