//! Looks at a database without changing it: for an operator who asks whether the server could use it.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::transaction::db_error;
use super::{migrate, pragmas};
use crate::error::{DbError, OpenError};
use crate::migrations::KNOWN;

/// What a look at the file shows.
#[derive(Debug)]
pub struct Inspection {
    /// The file's schema version, and the one that this program works with.
    pub schema: i64,
    pub known_schema: i64,
    /// The first thing that SQLite's quick check finds wrong.
    pub damage: Option<String>,
    /// Bytes of the log that are not written back yet.
    pub wal_bytes: u64,
}

/// The version of the SQLite in this program, or the error for one that is too old.
pub fn engine_version() -> Result<&'static str, OpenError> {
    pragmas::check_version().map(|()| rusqlite::version())
}

/// Reads the whole file once. Writes nothing, takes no lock that a server would wait for, leaves no file behind.
pub fn inspect(path: &Path) -> Result<Inspection, DbError> {
    let wal_bytes = fs::metadata(beside(path, "-wal")).map_or(0, |file| file.len());
    let connection = open(path, wal_bytes > 0)?;
    let damage = connection.query_row("pragma quick_check(1)", [], |row| row.get::<_, String>(0)).map_err(db_error)?;
    Ok(Inspection {
        schema: migrate::version(&connection)?,
        known_schema: KNOWN,
        damage: (damage != "ok").then_some(damage),
        wal_bytes,
    })
}

/// With a log there may be a server, and its index of the log is shared. Without one nobody writes, and a plain look
/// would leave such an index behind.
pub(super) fn open(path: &Path, has_log: bool) -> Result<Connection, DbError> {
    if has_log {
        return pragmas::open_reader(path);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(format!("file:{}?immutable=1", escaped(path)), flags).map_err(db_error)
}

/// A path as part of a URI.
fn escaped(path: &Path) -> String {
    let mut text = String::new();
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(&byte) {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("a string takes every write");
        }
    }
    text
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_shows_the_schema_and_leaves_no_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("odd name?#%.db");
        let mut connection = pragmas::open_writer(&path).expect("a database");
        migrate::migrate(&mut connection).expect("migrated");
        let beside_a_server = inspect(&path).expect("a look");
        assert!(beside_a_server.wal_bytes > 0, "{beside_a_server:?}");
        assert_eq!(beside_a_server.schema, beside_a_server.known_schema);
        drop(connection);
        let files = || fs::read_dir(folder.path()).expect("a folder").count();
        let before = files();
        let alone = inspect(&path).expect("a look");
        assert_eq!((alone.schema, alone.damage, alone.wal_bytes), (KNOWN, None, 0));
        assert_eq!((before, files()), (1, 1));
    }

    #[test]
    fn damage_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.db");
        let mut connection = pragmas::open_writer(&path).expect("a database");
        migrate::migrate(&mut connection).expect("migrated");
        drop(connection);
        let mut bytes = fs::read(&path).expect("the file");
        bytes[4_096..8_192].fill(0x5a);
        fs::write(&path, bytes).expect("damaged");
        assert!(inspect(&path).map_or(true, |look| look.damage.is_some()));
        fs::write(&path, "this is no database at all, however long one looks at it").expect("nonsense");
        assert!(inspect(&path).is_err());
    }
}
