//! A database server that waits for a standby before it calls a commit done.

use std::sync::Arc;
use std::time::Duration;

use domain::AccountId;
use store::accounts::{ById, Register};
use store::{Failure, NoObserver, Store, Verb};
use testbed::Postgres;
use tokio::time::sleep;
use uuid::Uuid;

use crate::world::{Hands, open};

/// Every commit waits for a standby that is not there.
const SETTINGS: &[&str] = &["wal_level=replica", "max_wal_senders=2"];

#[tokio::test]
async fn a_commit_that_waited_for_its_standby_in_vain_is_unknown() {
    let server = Postgres::start_with(SETTINGS);
    let store = open(server.url("postgres"), &Hands::new(), Arc::new(NoObserver)).await.expect("a store");
    let sql = |sql: &str| server.psql("postgres").run(sql).expect("the server takes it");
    sql("alter system set synchronous_standby_names = 'nobody'");
    sql("select pg_reload_conf()");
    // Until the server has heard of its standby, commits go through.
    let mut unknown = None;
    for number in 1..=1_000 {
        let id = AccountId(Uuid::from_u128(number));
        match register_while_waits_are_cancelled(&store, id, &sql).await {
            Ok(_) => {}
            Err(Failure::Unknown) => {
                unknown = Some(id);
                break;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    sql("alter system reset synchronous_standby_names");
    sql("select pg_reload_conf()");
    let found = store.read(ById(unknown.expect("a commit that waited"))).await.expect("read");
    assert!(found.is_some(), "it is in this server's log");
}

/// The server gives up waiting, warns, and calls it done all the same.
async fn register_while_waits_are_cancelled(
    store: &Store,
    id: AccountId,
    sql: &impl Fn(&str) -> String,
) -> Result<<Register as Verb>::Done, Failure> {
    let register = Register { id, email: format!("{}@example.com", id.0), password_hash: None, phone: None };
    let registered = tokio::spawn({
        let store = store.clone();
        async move { store.run(register).await }
    });
    while !registered.is_finished() {
        sql("select count(pg_cancel_backend(pid)) from pg_stat_activity where wait_event = 'SyncRep'");
        sleep(Duration::from_millis(5)).await;
    }
    registered.await.expect("no panic")
}
