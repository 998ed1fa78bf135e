//! Connections: made with the settings on which the promises rest, checked before they are used again, and thrown away
//! where nobody knows what state they are in.

use std::ops::Deref;
use std::time::Duration;

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime,
};
use tokio::time::timeout;
use tokio_postgres::Client;

use super::connect::{Heeding, InVain};
use super::errors::db_error;
use super::tls;
use super::url::Target;
use crate::error::DbError;
use crate::figures;

/// For a connection: longer than making one takes.
const WAIT: Duration = Duration::from_secs(4);
/// A connection that has rested for longer is asked whether it lives.
const RESTED: Duration = Duration::from_secs(1);
const CHECK: Duration = Duration::from_secs(1);

/// A statement that takes longer is cancelled, also while it waits for a lock.
pub(super) const STATEMENT_MAX: Duration = Duration::from_secs(3);

/// For all of a session. Plans are made without looking at the values: of a sale that no statistics know yet a plan made for
/// it would expect no row. A table that is empty now may be full within a minute, before anybody has counted its rows: none
/// is read from end to end where an index serves. A commit must be on disk, whatever the server's own default is; who does
/// not come back to his transaction must not keep its locks.
const SESSION: &str = "set synchronous_commit = on; set statement_timeout = '3s'; set lock_timeout = '2s'; \
    set idle_in_transaction_session_timeout = '6s'; set timezone = 'UTC'; set jit = off; \
    set plan_cache_mode = force_generic_plan; set enable_seqscan = off; \
    set default_transaction_isolation = 'read committed'";

pub(super) fn open(target: &Target, connections: usize, in_vain: InVain) -> Result<Pool, String> {
    let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let connect = Heeding { tls: tls::connector(&target.trust)?, in_vain };
    let manager = Manager::from_connect(target.config.clone(), connect, config);
    let prepare = Hook::async_fn(|client: &mut ClientWrapper, _| {
        Box::pin(async move { prepare(client).await.map_err(HookError::message) })
    });
    let check = Hook::async_fn(|client: &mut ClientWrapper, metrics| {
        Box::pin(async move {
            if metrics.last_used() < RESTED {
                return Ok(());
            }
            match timeout(CHECK, client.simple_query("")).await {
                Ok(Ok(_)) => Ok(()),
                _ => Err(HookError::message("it does not answer")),
            }
        })
    });
    Pool::builder(manager)
        .max_size(connections)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(WAIT))
        .create_timeout(Some(WAIT))
        .recycle_timeout(Some(WAIT))
        .post_create(prepare)
        .pre_recycle(check)
        .build()
        .map_err(|error| error.to_string())
}

/// How busy the connections are.
pub(super) fn figures(pool: &Pool) -> figures::Pool {
    let status = pool.status();
    // What rests may be counted a moment before or after what is open.
    let in_use = status.size.saturating_sub(status.available);
    figures::Pool { most: status.max_size, open: status.size, in_use, waiting: status.waiting }
}

/// Sets what the promises rest on, and reads it back: a proxy in between may keep sessions of its own.
async fn prepare(client: &Client) -> Result<(), String> {
    client.batch_execute(SESSION).await.map_err(|error| error.to_string())?;
    let row = client.query_one("select current_setting('synchronous_commit')", &[]).await;
    let row = row.map_err(|error| error.to_string())?;
    match row.get::<_, String>(0).as_str() {
        "on" => Ok(()),
        other => Err(format!("synchronous_commit is `{other}` although it was set to on")),
    }
}

/// A connection that goes back only when its user says that nothing is left open on it.
pub(super) struct Lease {
    object: Option<Object>,
    clean: bool,
}

impl Lease {
    pub(super) async fn take(pool: &Pool) -> Result<Self, DbError> {
        use deadpool_postgres::PoolError;
        match pool.get().await {
            Ok(object) => Ok(Self { object: Some(object), clean: false }),
            Err(PoolError::Backend(error)) => Err(DbError::Unreachable(Box::new(error))),
            Err(error) => Err(DbError::Unreachable(error.to_string().into())),
        }
    }

    /// Everything that was begun has ended.
    pub(super) fn is_clean(&mut self) {
        self.clean = true;
    }

    /// Ends a transaction of which nothing is wanted.
    pub(super) async fn roll_back(&mut self) {
        self.clean = matches!(timeout(STATEMENT_MAX, self.batch_execute("rollback")).await, Ok(Ok(())));
    }
}

impl Deref for Lease {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        self.object.as_ref().expect("a lease has its connection until it is dropped")
    }
}

impl Drop for Lease {
    /// Closing it ends whatever was open: the server rolls it back.
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            if self.clean {
                drop(object);
            } else {
                drop(Object::take(object));
            }
        }
    }
}

/// An answer that must come in time. What does not come leaves the connection in a state that nobody knows.
pub(super) async fn in_time<T>(
    most: Duration,
    call: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, DbError> {
    match timeout(most, call).await {
        Ok(answer) => answer.map_err(db_error),
        Err(_) => Err(DbError::Unreachable("the database has not answered in time".into())),
    }
}
