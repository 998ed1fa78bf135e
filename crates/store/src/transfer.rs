//! A whole installation goes from SQLite to PostgreSQL: every table, in one transaction of the target, so that a copy that
//! is broken off leaves nothing. The source is only read, and neither may be in use meanwhile.
//!
//! Which tables there are is asked of the two databases, so that no list can fall behind the schema.

mod page;
mod schema;

use std::path::PathBuf;
use std::sync::Arc;

use domain::{Clock, Timestamp};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

pub(crate) use self::page::Page;
pub use self::schema::Kind;
pub(crate) use self::schema::{Column, How, LEFT_BEHIND, ONLY_THERE, Table, difference};
use crate::error::{DbError, OpenError};
use crate::postgres::Destination;
use crate::sqlite::Source;

/// Pages that have been read and not yet sent: reading goes on while the server writes, and memory stays small.
const PAGES_AHEAD: usize = 4;

/// One copy.
pub struct Transfer {
    /// The file of the source.
    pub from: PathBuf,
    /// `postgres://` and the rest. It may hold a password, and no error repeats it.
    pub to: String,
    pub clock: Arc<dyn Clock>,
    /// As in [`crate::Options`].
    pub hand_driven_from: Option<Timestamp>,
    /// As in [`crate::Options`].
    pub may_lose: bool,
}

/// What was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transferred {
    /// Names of the tables, in the order of the schema, and their rows.
    pub tables: Vec<(String, i64)>,
    /// By how much the kept times were moved: from the source's deciding clock to the target's.
    pub moved_ms: i64,
}

/// Why nothing was copied.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    #[error("there is no file {path}")]
    Missing { path: String },
    #[error("the source cannot be used")]
    From(#[source] OpenError),
    #[error("the target cannot be used")]
    To(#[source] OpenError),
    #[error(
        "the source has schema version {found}, and this program copies {known}: bring it up first, with `traffic migrate` \
         and its URL"
    )]
    Old { found: i64, known: i64 },
    #[error("the source is damaged: {0}")]
    Damaged(String),
    #[error("the target is not empty: it has rows in `{table}`; name an empty database")]
    NotEmpty { table: String },
    #[error("the target is in use: another Traffic process is connected to it; stop it first")]
    InUse,
    #[error("source and target do not have the same tables: {0}")]
    Schema(String),
    #[error("the source's `{table}` has a value in `{column}` that is no {kind}")]
    Value { table: String, column: String, kind: Kind },
    #[error("`{table}` has {source_rows} rows in the source, and {target_rows} arrived")]
    Count { table: String, source_rows: i64, target_rows: i64 },
    #[error(
        "the line of sale {sale} has a gap in the source: {places} places from {first} to {last}, of {given} given"
    )]
    Line { sale: String, places: i64, first: i64, last: i64, given: i64 },
    #[error("the source cannot be read")]
    Read(#[source] DbError),
    #[error("the target does not take it")]
    Write(#[source] DbError),
    #[error(
        "no answer to the COMMIT: whether the copy is there is not known. Run it again: if it is, the target is refused as \
         not empty"
    )]
    Unknown,
}

impl Transfer {
    /// Everything or nothing. The source stays as it is.
    ///
    /// # Errors
    /// All but [`TransferError::Unknown`] are definite: the target is as empty as before.
    pub async fn run(self) -> Result<Transferred, TransferError> {
        let (path, clock) = (self.from, Arc::clone(&self.clock));
        let mut source = reading(move || Source::open(&path)).await?;
        let clocks = source.clocks(clock)?;
        let target = Destination::open(&self.to, self.may_lose).await.map_err(TransferError::To)?;
        let tables = source.tables()?;
        target.begin(&tables).await?;
        let there = target.now(&self.clock, self.hand_driven_from).await.map_err(TransferError::Write)?;
        let moved_ms = clocks.moved_to(there);
        let mut counts = Vec::with_capacity(tables.len());
        for table in &tables {
            let rows;
            (source, rows) = copy(source, &target, table, moved_ms).await?;
            tracing::info!(table = table.name, rows, "copied");
            counts.push((table.name.clone(), rows));
        }
        target.check_lines().await?;
        target.commit(&tables).await?;
        Ok(Transferred { tables: counts, moved_ms })
    }
}

/// One table, counted on both sides.
async fn copy(
    source: Source,
    target: &Destination,
    table: &Table,
    moved_ms: i64,
) -> Result<(Source, i64), TransferError> {
    let (sink, pages) = mpsc::channel(PAGES_AHEAD);
    let this = table.clone();
    let read = reading(move || {
        source.send(&this, moved_ms, &sink)?;
        let rows = source.count(&this)?;
        Ok((source, rows))
    });
    let (read, written) = tokio::join!(read, target.take(table, pages));
    // First what was wrong with the source: half a table is no news of the target's.
    let (source, source_rows) = read?;
    written.map_err(TransferError::Write)?;
    let target_rows = target.count(table).await.map_err(TransferError::Write)?;
    if source_rows != target_rows {
        return Err(TransferError::Count { table: table.name.clone(), source_rows, target_rows });
    }
    Ok((source, source_rows))
}

/// SQLite blocks whoever asks it.
async fn reading<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, TransferError> + Send + 'static,
) -> Result<T, TransferError> {
    match spawn_blocking(read).await {
        Ok(answer) => answer,
        Err(panic) => Err(TransferError::Read(DbError::Bug(panic.to_string()))),
    }
}
