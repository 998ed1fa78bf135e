//! Brings a database to the newest schema. The steps are those of every engine, with PostgreSQL's names for the types; ten
//! nodes that start at once take turns under an advisory lock.

use deadpool_postgres::ClientWrapper;

use super::errors::db_error;
use crate::error::{DbError, OpenError};
use crate::migrations::{KNOWN, STEPS};

/// Any number that nobody else uses: the first bytes of "traffic".
const LOCK: i64 = 0x7472_6166_6669_6300;

/// What statements use and PostgreSQL calls otherwise, and what only several nodes need. Each runs with the common step of
/// this number.
const OWN: [(usize, &str); 3] = [
    (0, include_str!("../migrations/postgres/functions.sql")),
    (5, include_str!("../migrations/postgres/changes.sql")),
    (5, include_str!("../migrations/postgres/statistics.sql")),
];
/// The same for what needs the tables of its step.
const OWN_AFTER: [(usize, &str); 2] = [
    (7, include_str!("../migrations/postgres/cluster_statistics.sql")),
    (10, include_str!("../migrations/postgres/keep_statistics.sql")),
];

pub(super) async fn migrate(client: &ClientWrapper) -> Result<(), OpenError> {
    let database = |error| OpenError::Database(db_error(error));
    let lock = format!("set statement_timeout = 0; set lock_timeout = 0; select pg_advisory_lock({LOCK})");
    client.batch_execute(&lock).await.map_err(database)?;
    // When the connection is closed, the lock goes with it.
    client
        .batch_execute("create table if not exists schema_version (version bigint not null)")
        .await
        .map_err(database)?;
    let found = version(client).await.map_err(OpenError::Database)?;
    if found > KNOWN {
        return Err(OpenError::TooNew { found, known: KNOWN });
    }
    for number in found..KNOWN {
        step(client, number).await.map_err(database)?;
        tracing::info!(version = number + 1, "the database schema moved up");
    }
    Ok(())
}

pub(super) async fn version(client: &ClientWrapper) -> Result<i64, DbError> {
    let sql = "select coalesce(max(version), 0) from schema_version";
    Ok(client.query_one(sql, &[]).await.map_err(db_error)?.get(0))
}

async fn step(client: &ClientWrapper, number: i64) -> Result<(), tokio_postgres::Error> {
    let at = usize::try_from(number).expect("not negative");
    let of = |list: &[(usize, &'static str)]| -> String {
        list.iter().filter(|(step, _)| *step == at).map(|(_, sql)| *sql).collect()
    };
    let (own, own_after) = (of(&OWN), of(&OWN_AFTER));
    let sql = format!(
        "begin; {own} {} {own_after} delete from schema_version; insert into schema_version values ({}); commit",
        translate(STEPS[at]),
        number + 1
    );
    client.batch_execute(&sql).await
}

/// The same tables under PostgreSQL's names.
fn translate(sql: &str) -> String {
    sql.replace(" blob", " bytea").replace(") without rowid;", ");")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_steps_use_nothing_that_is_only_sqlites() {
        for sql in STEPS {
            let sql = translate(sql).to_lowercase();
            for word in ["blob", "rowid", "autoincrement", "pragma", "integer"] {
                assert!(!sql.contains(word), "{word}: {sql}");
            }
        }
    }
}
