//! Whether a server can keep what the promises need.

use deadpool_postgres::ClientWrapper;

use super::errors::db_error;
use crate::error::OpenError;

/// PostgreSQL 14.
pub(super) const VERSION_MIN: i32 = 140_000;

/// `may_lose`: also a server that is set up to lose what it has acknowledged, as for a rehearsal.
pub(super) async fn check(client: &ClientWrapper, may_lose: bool) -> Result<(), OpenError> {
    let sql = "select current_setting('server_version_num')::int, current_setting('server_version'),
        current_setting('server_encoding'), pg_is_in_recovery(), current_setting('fsync'),
        current_setting('full_page_writes')";
    let row = client.query_one(sql, &[]).await.map_err(|error| OpenError::Database(db_error(error)))?;
    let unsuitable = |why: String| Err(OpenError::Unsuitable(why));
    if row.get::<_, i32>(0) < VERSION_MIN {
        return unsuitable(format!("is version {}: 14 or newer is needed", row.get::<_, String>(1)));
    }
    if row.get::<_, String>(2) != "UTF8" {
        return unsuitable(format!("keeps this database in {}: it must be UTF8", row.get::<_, String>(2)));
    }
    if row.get::<_, bool>(3) {
        return unsuitable("is a replica: name the primary".to_owned());
    }
    for (column, name) in [(4, "fsync"), (5, "full_page_writes")] {
        if row.get::<_, String>(column) == "on" {
            continue;
        }
        if !may_lose {
            return unsuitable(format!("has {name} = off: after a crash it would lose tickets that were sold"));
        }
        tracing::warn!(setting = name, "this database loses what it has acknowledged when its machine crashes");
    }
    Ok(())
}
