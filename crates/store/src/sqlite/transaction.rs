//! The database surface on one SQLite connection. Its futures are always ready.

use std::future::{Future, ready};

use domain::Timestamp;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, params_from_iter};
use uuid::Uuid;

use super::time::Reading;
use crate::change::Change;
use crate::error::DbError;
use crate::tx::{Read, Tx};
use crate::value::{Row, Value};

pub(super) struct SqliteTx<'a> {
    connection: &'a mut Connection,
    reading: Reading,
    changes: &'a mut Vec<Change>,
}

impl<'a> SqliteTx<'a> {
    pub(super) fn new(connection: &'a mut Connection, reading: Reading, changes: &'a mut Vec<Change>) -> Self {
        Self { connection, reading, changes }
    }

    fn select(&self, sql: &str, args: &[Value]) -> rusqlite::Result<Vec<Row>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let columns = statement.column_count();
        let mut rows = statement.query(params_from_iter(args))?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            out.push(Row((0..columns).map(|i| row.get_ref(i).map(value)).collect::<Result<_, _>>()?));
        }
        Ok(out)
    }
}

impl Read for SqliteTx<'_> {
    fn query(&mut self, sql: &'static str, args: &[Value]) -> impl Future<Output = Result<Vec<Row>, DbError>> + Send {
        ready(self.select(sql, args).map_err(db_error))
    }

    fn now(&self) -> Timestamp {
        self.reading.now
    }

    fn wall(&self) -> Timestamp {
        self.reading.wall
    }

    fn shown(&self, at: Timestamp) -> Timestamp {
        at.plus_ms(self.reading.skipped_ms)
    }
}

impl Tx for SqliteTx<'_> {
    fn execute(&mut self, sql: &'static str, args: &[Value]) -> impl Future<Output = Result<u64, DbError>> + Send {
        let done = self.connection.prepare_cached(sql).and_then(|mut s| s.execute(params_from_iter(args)));
        ready(done.map(|rows| rows as u64).map_err(db_error))
    }

    /// One writer: whoever runs has every lock.
    fn lock(&mut self, sql: &'static str, args: &[Value]) -> impl Future<Output = Result<Vec<Row>, DbError>> + Send {
        self.query(sql, args)
    }

    fn locked(
        &mut self,
        _: &'static str,
        read: &'static str,
        args: &[Value],
    ) -> impl Future<Output = Result<Vec<Row>, DbError>> + Send {
        self.query(read, args)
    }

    fn emit(&mut self, change: Change) {
        self.changes.push(change);
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Id(id) => ValueRef::Blob(id.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn value(column: ValueRef<'_>) -> Value {
    match column {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Int(value),
        // No column holds fractions; a computed one that does is cut.
        #[expect(clippy::cast_possible_truncation, reason = "statements return whole numbers")]
        ValueRef::Real(value) => Value::Int(value as i64),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => match Uuid::from_slice(bytes) {
            Ok(id) => Value::Id(id),
            Err(_) => Value::Blob(bytes.to_vec()),
        },
    }
}

pub(super) fn db_error(error: rusqlite::Error) -> DbError {
    let code = error.sqlite_error_code();
    let source = Box::new(error);
    match code {
        Some(ErrorCode::ConstraintViolation) => DbError::Constraint(source),
        Some(ErrorCode::DiskFull) => DbError::Full(source),
        Some(
            ErrorCode::SystemIoFailure | ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::CannotOpen,
        ) => DbError::Io(source),
        _ => DbError::Other(source),
    }
}
