//! What PostgreSQL's errors mean for whoever asked.

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
