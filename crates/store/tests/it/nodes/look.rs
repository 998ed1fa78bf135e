//! A look at a server, before a node uses it.

use std::sync::Arc;

use store::inspect_postgres::{Inspection, inspect};
use store::{NoObserver, OpenError};
use testbed::Postgres;

use crate::world::{Hands, open};

async fn look(url: &str) -> Inspection {
    inspect(url, Hands::new().as_ref()).await.expect("a look")
}

#[tokio::test]
async fn a_look_shows_the_schema_and_makes_nothing() {
    let database = testbed::database();
    let tables = || database.psql().run("select count(*) from pg_tables where schemaname = 'public'").expect("a count");
    let fresh = look(database.url()).await;
    assert_eq!((fresh.schema, fresh.may_create, fresh.is_replica), (None, true, false), "{fresh:?}");
    assert!(fresh.version_suffices && fresh.encoding == "UTF8", "{fresh:?}");
    assert_eq!(tables(), "0");

    let store = open(database.url().to_owned(), &Hands::new(), Arc::new(NoObserver)).await.expect("it opens");
    let used = look(database.url()).await;
    assert_eq!(used.schema, Some(used.known_schema));
    assert!(used.connections_open > 0 && used.nodes(1) == used.connections_max / 4, "{used:?}");
    store.close().await;
}

#[tokio::test]
async fn a_look_shows_what_a_crash_would_lose() {
    let server = Postgres::start_with(&["fsync=on", "full_page_writes=off", "synchronous_commit=off"]);
    let look = look(&server.url("postgres")).await;
    assert_eq!((look.fsync, look.full_page_writes, &*look.synchronous_commit), (true, false, "off"));
    assert!(look.is_local && !look.encrypted, "{look:?}");
}

#[tokio::test]
async fn a_user_who_may_not_make_tables_is_seen() {
    let database = testbed::database();
    let user = format!("guest_{}", std::process::id());
    database.psql().run(&format!("create role {user} login")).expect("a user");
    let rest = database.url().split_once('@').expect("a user is named").1;
    let seen = inspect(&format!("postgres://{user}@{rest}"), Hands::new().as_ref()).await;
    database.psql().run(&format!("drop role {user}")).expect("gone");
    let seen = seen.expect("a look");
    // Up to version 14 everybody may.
    let everybody = seen.version.starts_with("14.");
    assert_eq!((seen.may_create, seen.schema), (everybody, None));
}

#[tokio::test]
async fn a_server_that_is_away_is_an_error_and_tells_no_password() {
    let port = testbed::free_port();
    let away = inspect(&format!("postgres://fan:secret@127.0.0.1:{port}/traffic"), Hands::new().as_ref()).await;
    let error = away.expect_err("nobody is there");
    assert!(matches!(error, OpenError::Database(_)), "{error:?}");
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}
