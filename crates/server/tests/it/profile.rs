//! What the suite runs on: `scripts/test.sh` runs it once per profile.

use std::path::Path;
use std::sync::Arc;

use domain::{Clock, Timestamp};
use store::{NoObserver, Options, Store};
use tempfile::TempDir;
use testbed::Database;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// One node on SQLite.
    Embedded,
    /// Two nodes on PostgreSQL.
    Cluster,
}

impl Profile {
    pub(crate) const fn nodes(self) -> usize {
        match self {
            Self::Embedded => 1,
            Self::Cluster => 2,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the settings of a test run, not of the product")]
pub(crate) fn profile() -> Profile {
    match std::env::var("TRAFFIC_TEST_PROFILE").as_deref() {
        Err(_) | Ok("" | "embedded") => Profile::Embedded,
        Ok("cluster") => Profile::Cluster,
        Ok(other) => panic!("TRAFFIC_TEST_PROFILE is `{other}`, not embedded or cluster"),
    }
}

/// The data of one test, gone with it.
pub(crate) enum Data {
    Folder(TempDir),
    Database(Database),
}

impl Data {
    pub(crate) fn of(profile: Profile) -> Self {
        match profile {
            Profile::Embedded => Self::folder(),
            Profile::Cluster => Self::database(),
        }
    }

    pub(crate) fn folder() -> Self {
        Self::Folder(tempfile::tempdir().expect("a temp folder"))
    }

    pub(crate) fn database() -> Self {
        Self::Database(testbed::database_from("server", migrated))
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Folder(folder) => format!("sqlite://{}", Path::join(folder.path(), "traffic.db").display()),
            Self::Database(database) => database.url().to_owned(),
        }
    }

    /// Of each node. Few, so that tests meet a pool that is busy.
    pub(crate) const fn connections(&self) -> &'static str {
        match self {
            Self::Folder(_) => "2",
            Self::Database(_) => "4",
        }
    }
}

struct Still;

impl Clock for Still {
    fn wall(&self) -> Timestamp {
        Timestamp(0)
    }

    fn monotonic(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }
}

/// Lays out the tables. A test may be on a runtime already, so this is done on a thread of its own.
fn migrated(url: &str) {
    let options = Options {
        url: url.to_owned(),
        clock: Arc::new(Still),
        observer: Arc::new(NoObserver),
        connections: 2,
        hand_driven_from: None,
        may_lose: true,
    };
    let migrate = async {
        let store = Store::open(options).await.expect("an empty database is laid out");
        store.close().await;
    };
    let run =
        || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(migrate);
    std::thread::scope(|scope| scope.spawn(run).join().expect("it ends"));
}
