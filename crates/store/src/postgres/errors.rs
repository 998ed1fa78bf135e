//! What PostgreSQL's errors mean for whoever asked.

use std::error::Error as _;
use std::io;

use tokio_postgres::error::SqlState;

use crate::error::DbError;

/// The class of SQLSTATE that says "a constraint was broken".
const CONSTRAINT_CLASS: &str = "23";
/// .. "out of resources": disk, memory, connections.
const RESOURCES_CLASS: &str = "53";
/// .. "somebody stopped the server, or it is starting".
const OPERATOR_CLASS: &str = "57";
/// .. "the connection failed".
const CONNECTION_CLASS: &str = "08";

pub(super) fn db_error(error: tokio_postgres::Error) -> DbError {
    let state = error.code().cloned();
    let source = Box::new(error);
    let Some(state) = state else {
        return DbError::Unreachable(source);
    };
    match state.code().get(..2) {
        _ if state == SqlState::T_R_SERIALIZATION_FAILURE || state == SqlState::T_R_DEADLOCK_DETECTED => {
            DbError::Conflict(source)
        }
        _ if state == SqlState::LOCK_NOT_AVAILABLE || state == SqlState::QUERY_CANCELED => DbError::Busy(source),
        _ if state == SqlState::DISK_FULL => DbError::Full(source),
        Some(CONSTRAINT_CLASS) => DbError::Constraint(source),
        Some(RESOURCES_CLASS) => DbError::Busy(source),
        Some(OPERATOR_CLASS | CONNECTION_CLASS) => DbError::Unreachable(source),
        // A transaction that waits too long for its next statement is ended by the server.
        _ if state == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => DbError::Unreachable(source),
        _ => DbError::Other(source),
    }
}

/// Whether a COMMIT that failed so has certainly not happened.
pub(super) fn is_definite(error: &tokio_postgres::Error) -> bool {
    error
        .code()
        .is_some_and(|state| *state == SqlState::T_R_SERIALIZATION_FAILURE || *state == SqlState::T_R_DEADLOCK_DETECTED)
}

/// Whether a server that cannot be reached now may only be starting. A wrong password stays wrong.
pub(super) fn may_come(error: &DbError) -> bool {
    let DbError::Unreachable(source) = error else { return false };
    let Some(error) = source.downcast_ref::<tokio_postgres::Error>() else { return true };
    match error.code() {
        Some(state) => *state == SqlState::CANNOT_CONNECT_NOW || *state == SqlState::TOO_MANY_CONNECTIONS,
        None => error.source().is_some_and(|source| source.downcast_ref::<io::Error>().is_some_and(is_passing)),
    }
}

fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable, NotFound, TimedOut, UnexpectedEof};
    matches!(error.kind(), ConnectionRefused | ConnectionReset | HostUnreachable | NotFound | TimedOut | UnexpectedEof)
}
