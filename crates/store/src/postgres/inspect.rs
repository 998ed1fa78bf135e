//! Looks at a database server without changing anything: for an operator who asks whether nodes could use it.

use std::time::Duration;

use domain::{Clock, Timestamp};
use tokio::time::timeout;
use tokio_postgres::config::TargetSessionAttrs;

use super::errors::db_error;
use super::server::VERSION_MIN;
use super::{CONNECTIONS_MIN, tls, url};
use crate::error::{DbError, OpenError};
use crate::migrations::KNOWN;

/// For all of it. A person waits.
const PATIENCE: Duration = Duration::from_secs(15);

const FACTS: &str = "select current_setting('server_version_num')::int, current_setting('server_version'),
    current_setting('server_encoding'), pg_is_in_recovery(), current_setting('fsync') = 'on',
    current_setting('full_page_writes') = 'on', current_setting('synchronous_commit'),
    current_setting('max_connections')::bigint, current_setting('superuser_reserved_connections')::bigint,
    (select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()),
    coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false),
    coalesce(inet_client_addr() <<= '127.0.0.0/8' or inet_client_addr() = '::1', true),
    coalesce(has_schema_privilege(current_schema(), 'create'), false),
    to_regclass('schema_version') is not null";

/// What a look at the server shows.
#[derive(Clone, Debug)]
pub struct Inspection {
    pub version: String,
    /// New enough for this program.
    pub version_suffices: bool,
    pub encoding: String,
    pub is_replica: bool,
    pub fsync: bool,
    pub full_page_writes: bool,
    /// The server's own default; the nodes set it to `on` for themselves.
    pub synchronous_commit: String,
    /// Connections that the server takes from users, and those that others than this look have now.
    pub connections_max: i64,
    pub connections_open: i64,
    /// Whether this look was encrypted, as the URL's `sslmode` has it.
    pub encrypted: bool,
    /// The server is on this machine.
    pub is_local: bool,
    /// May make tables: a new schema needs that.
    pub may_create: bool,
    /// The database's schema version; none where it was never used.
    pub schema: Option<i64>,
    pub known_schema: i64,
    /// How far the server's clock is ahead of this machine's; known no better than half of what asking took.
    pub ahead_ms: i64,
    pub asking_took: Duration,
}

impl Inspection {
    /// How many nodes may run with so many connections each.
    pub fn nodes(&self, connections_each: usize) -> i64 {
        let each = i64::try_from(connections_each.max(CONNECTIONS_MIN)).unwrap_or(i64::MAX);
        self.connections_max / each
    }
}

/// Connects once, reads settings, writes nothing. Takes a replica too, so that it can be told from a server that is away.
pub async fn inspect(url: &str, clock: &dyn Clock) -> Result<Inspection, OpenError> {
    let late = || Err(unreachable("it has not answered in time".into()));
    timeout(PATIENCE, look(url, clock)).await.unwrap_or_else(|_| late())
}

fn unreachable(why: Box<dyn std::error::Error + Send + Sync>) -> OpenError {
    OpenError::Database(DbError::Unreachable(why))
}

async fn look(url: &str, clock: &dyn Clock) -> Result<Inspection, OpenError> {
    let mut target = url::parse(url).map_err(OpenError::BadUrl)?;
    target.config.target_session_attrs(TargetSessionAttrs::Any);
    let connector = tls::connector(&target.trust).map_err(OpenError::BadUrl)?;
    let (client, connection) = target.config.connect(connector).await.map_err(|error| unreachable(error.into()))?;
    // Ends with the client.
    tokio::spawn(connection);
    let ask = async |sql: &str| client.query_one(sql, &[]).await.map_err(|error| OpenError::Database(db_error(error)));
    let facts = ask(FACTS).await?;
    let schema = match facts.get(13) {
        true => Some(ask("select coalesce(max(version), 0)::bigint from schema_version").await?.get(0)),
        false => None,
    };
    let (wall, asked) = (clock.wall(), clock.monotonic());
    let there = ask("select (extract(epoch from clock_timestamp()) * 1000)::bigint").await?;
    let asking_took = clock.monotonic().saturating_sub(asked);
    let halfway = wall.plus_ms(i64::try_from(asking_took.as_millis() / 2).unwrap_or(i64::MAX));
    Ok(Inspection {
        version: facts.get(1),
        version_suffices: facts.get::<_, i32>(0) >= VERSION_MIN,
        encoding: facts.get(2),
        is_replica: facts.get(3),
        fsync: facts.get(4),
        full_page_writes: facts.get(5),
        synchronous_commit: facts.get(6),
        connections_max: facts.get::<_, i64>(7) - facts.get::<_, i64>(8),
        connections_open: facts.get(9),
        encrypted: facts.get(10),
        is_local: facts.get(11),
        may_create: facts.get(12),
        schema,
        known_schema: KNOWN,
        ahead_ms: Timestamp(there.get(0)).since_ms(halfway),
        asking_took,
    })
}
