//! What can go wrong, sorted by what the caller may conclude from it.

use domain::Refusal;

/// How a verb ends: `Ok` commits, `Err` rolls back.
pub type Outcome<D> = Result<D, Stop>;

/// Why a verb rolls back.
#[derive(Debug)]
pub enum Stop {
    /// A rule said no.
    Refused(Refusal),
    Db(DbError),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<DbError> for Stop {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

/// An error of the database, sorted by what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// Lost a race that the statement did not settle: worth one more run.
    #[error("a constraint of the database refused this")]
    Constraint(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the disk is full")]
    Full(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The storage cannot be trusted any more.
    #[error("the storage failed")]
    Io(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Lost a race that the database settled by ending this transaction: worth another run.
    #[error("the database ended this transaction for another one")]
    Conflict(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Others have kept the database, or a row of it, for too long.
    #[error("the database is busy")]
    Busy(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No connection, or one that was lost before COMMIT.
    #[error("the database cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the database refused a statement")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("a bug: {0}")]
    Bug(String),
}

/// What a caller of the store hears when it is not `Done`. All but `Unknown` are definite: nothing happened.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("{0}")]
    Refused(Refusal),
    /// The lane is full.
    #[error("too much is waiting to be written")]
    Overloaded,
    #[error("the disk is full")]
    StorageFull,
    /// The database cannot be reached, and took nothing.
    #[error("the database cannot be reached")]
    Unavailable(#[source] DbError),
    /// COMMIT was tried and no success came back: it may have happened.
    #[error("the outcome is not known")]
    Unknown,
    /// The store has stopped and took nothing.
    #[error("the store has stopped")]
    Stopped,
    #[error(transparent)]
    Broken(DbError),
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Refused(refusal) => Self::Refused(refusal),
            Stop::Db(DbError::Full(_)) => Self::StorageFull,
            Stop::Db(DbError::Conflict(_) | DbError::Busy(_)) => Self::Overloaded,
            Stop::Db(error @ DbError::Unreachable(_)) => Self::Unavailable(error),
            Stop::Db(error) => Self::Broken(error),
        }
    }
}

/// Why a store does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The text is not repeated: a URL may hold a password.
    #[error(
        "this is not a database URL that Traffic knows: use sqlite://path/to/file.db or postgres://user@host/database"
    )]
    Url,
    #[error("the database URL {0}")]
    BadUrl(String),
    #[error("the database server {0}")]
    Unsuitable(String),
    #[error("{path} is in use by another Traffic server; stop it, or use another data folder")]
    InUse { path: String },
    #[error("{path} cannot be opened")]
    Path {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("the database cannot be prepared")]
    Database(#[source] DbError),
    #[error("the database has schema version {found}, and this program knows {known}: use a newer program")]
    TooNew { found: i64, known: i64 },
    #[error("SQLite {found} is too old: 3.51.3 or newer is needed")]
    OldSqlite { found: String },
}
