//! A file of which a copy is made: read by nobody else, and left as it is.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use domain::Clock;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use tokio::sync::mpsc::Sender;

use super::time::{DecidingClock, Reading};
use super::transaction::db_error;
use super::{inspect, lock_file};
use crate::error::OpenError;
use crate::transfer::{Column, How, Kind, LEFT_BEHIND, Page, Table, TransferError};

pub(crate) struct Source {
    /// In one transaction from beginning to end.
    connection: Connection,
    /// No server opens the file meanwhile.
    _lock: File,
}

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Self, TransferError> {
        if !path.is_file() {
            return Err(TransferError::Missing { path: path.display().to_string() });
        }
        let lock = lock_file(path).map_err(TransferError::From)?;
        let unreadable = |error| TransferError::From(OpenError::Database(error));
        let look = inspect::inspect(path).map_err(unreadable)?;
        let (found, known) = (look.schema, look.known_schema);
        if let Some(damage) = look.damage {
            return Err(TransferError::Damaged(damage));
        }
        if found > known {
            return Err(TransferError::From(OpenError::TooNew { found, known }));
        }
        if found < known {
            return Err(TransferError::Old { found, known });
        }
        let connection = inspect::open(path, look.wal_bytes > 0).map_err(unreadable)?;
        connection.execute_batch("begin").map_err(db_error).map_err(unreadable)?;
        Ok(Self { connection, _lock: lock })
    }

    /// All clocks, as a server that opened the file now would read them.
    pub(crate) fn clocks(&self, clock: Arc<dyn Clock>) -> Result<Reading, TransferError> {
        Ok(DecidingClock::load(&self.connection, clock).map_err(TransferError::Read)?.read())
    }

    /// In the order in which they were made: what refers to something comes after it.
    pub(crate) fn tables(&self) -> Result<Vec<Table>, TransferError> {
        tables(&self.connection)
    }

    pub(crate) fn count(&self, table: &Table) -> Result<i64, TransferError> {
        let sql = format!("select count(*) from {}", table.quoted());
        self.connection.query_row(&sql, [], |row| row.get(0)).map_err(db_error).map_err(TransferError::Read)
    }

    /// Every row, page by page; ends early when nobody takes them any more.
    pub(crate) fn send(&self, table: &Table, moved_ms: i64, sink: &Sender<Vec<u8>>) -> Result<(), TransferError> {
        let read = |error| TransferError::Read(db_error(error));
        let sql = format!("select {} from {}", table.column_list(), table.quoted());
        let mut statement = self.connection.prepare(&sql).map_err(read)?;
        let mut rows = statement.query([]).map_err(read)?;
        let hows: Vec<How> = table.columns.iter().map(|column| table.how(column)).collect();
        let mut page = Page::first();
        while let Some(row) = rows.next().map_err(read)? {
            page.row(table.columns.len());
            for (at, (column, how)) in table.columns.iter().zip(&hows).enumerate() {
                let value = row.get_ref(at).map_err(read)?;
                write(&mut page, value, column.kind, *how, moved_ms).ok_or_else(|| TransferError::Value {
                    table: table.name.clone(),
                    column: column.name.clone(),
                    kind: column.kind,
                })?;
            }
            if page.is_full() && sink.blocking_send(std::mem::replace(&mut page, Page::next()).into_bytes()).is_err() {
                return Ok(());
            }
        }
        // Whoever has gone away says himself why.
        let _ = sink.blocking_send(page.end());
        Ok(())
    }
}

/// `None`: SQLite took something else than the column is for, which it does when asked to.
fn write(page: &mut Page, value: ValueRef<'_>, kind: Kind, how: How, moved_ms: i64) -> Option<()> {
    match (value, kind) {
        (ValueRef::Null, _) => page.null(),
        (ValueRef::Integer(value), Kind::Number) => page.number(match how {
            How::AsIs => value,
            How::Moved => value.checked_add(moved_ms)?,
            How::Lapsed => 0,
        }),
        (ValueRef::Text(value), Kind::Text) | (ValueRef::Blob(value), Kind::Bytes) => page.bytes(value),
        _ => return None,
    }
    Some(())
}

fn tables(connection: &Connection) -> Result<Vec<Table>, TransferError> {
    let described = describe(connection).map_err(db_error).map_err(TransferError::Read)?;
    let column = |table: &str, (name, kind): (String, String)| match Kind::named(&kind) {
        Some(kind) => Ok(Column { name, kind }),
        None => Err(TransferError::Schema(format!("`{table}.{name}` of the source is `{kind}`"))),
    };
    let table = |(name, columns): (String, Described)| {
        let columns = columns.into_iter().map(|one| column(&name, one)).collect::<Result<_, _>>()?;
        Ok(Table { name, columns })
    };
    described.into_iter().filter(|(name, _)| !LEFT_BEHIND.contains(&name.as_str())).map(table).collect()
}

/// Names and types of columns.
type Described = Vec<(String, String)>;

/// Names of tables, each with its columns.
fn describe(connection: &Connection) -> rusqlite::Result<Vec<(String, Described)>> {
    let mut names = connection.prepare(
        "select name from sqlite_schema where type = 'table' and name not like 'sqlite~_%' escape '~' order by rowid",
    )?;
    let mut columns = connection.prepare("select name, type from pragma_table_info(?1) order by cid")?;
    let names: Vec<String> = names.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let with_columns = |name: String| {
        let columns = columns.query_map([&name], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        Ok((name, columns))
    };
    names.into_iter().map(with_columns).collect()
}

#[cfg(test)]
pub(crate) fn tables_of_the_newest_schema() -> Vec<Table> {
    let mut connection = Connection::open_in_memory().expect("memory");
    super::migrate::migrate(&mut connection).expect("migrations");
    tables(&connection).expect("tables")
}
