//! Which servers are taken, and how a node connects.

use std::sync::Arc;

use store::{NoObserver, OpenError, Options, Store};
use testbed::Postgres;

use crate::world::{Hands, START, World, open};

async fn strict(url: String) -> Result<Store, OpenError> {
    let (clock, observer) = (Hands::new(), Arc::new(NoObserver));
    Store::open(Options { url, clock, observer, connections: 4, hand_driven_from: Some(START), may_lose: false }).await
}

#[tokio::test]
async fn a_server_that_may_lose_what_it_acknowledged_is_taken_only_to_try_things_out() {
    let server = Postgres::start_with(&["fsync=off", "full_page_writes=on"]);
    let refused = strict(server.url("postgres")).await.err().expect("refused").to_string();
    assert!(refused.contains("fsync = off"), "{refused}");
    open(server.url("postgres"), &Hands::new(), Arc::new(NoObserver)).await.expect("taken");
}

#[tokio::test]
async fn a_server_that_does_not_wait_for_the_disk_is_made_to() {
    let server = Postgres::start_with(&["fsync=on", "full_page_writes=on", "synchronous_commit=off"]);
    let store = strict(server.url("postgres")).await.expect("taken");
    let sql = "select count(*) from pg_stat_activity where application_name = 'traffic'";
    assert_ne!(server.psql("postgres").run(sql).expect("a count"), "0");
    drop(store);
}

#[tokio::test]
async fn a_database_of_another_encoding_is_refused() {
    let database = testbed::database();
    let name = database.url().rsplit('/').next().expect("a name").to_owned() + "_latin";
    let sql = format!("create database {name} template template0 encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C'");
    database.psql().run(&sql).expect("a database");
    let url = database.url().rsplit_once('/').expect("a path").0.to_owned() + "/" + &name;
    let refused = open(url, &Hands::new(), Arc::new(NoObserver)).await.err().expect("refused").to_string();
    assert!(refused.contains("UTF8"), "{refused}");
    database.psql().run(&format!("drop database {name} with (force)")).expect("dropped");
}

#[tokio::test]
async fn ten_nodes_that_start_at_once_make_one_schema() {
    let database = testbed::database();
    let hands = Hands::new();
    let nodes: Vec<_> = (0..10)
        .map(|_| {
            let (url, hands) = (database.url().to_owned(), Arc::clone(&hands));
            tokio::spawn(async move { open(url, &hands, Arc::new(NoObserver)).await })
        })
        .collect();
    for node in nodes {
        node.await.expect("it ends").expect("it opens");
    }
    let w = World::at(database.url().to_owned(), Arc::new(NoObserver)).await;
    let sale = w.sale().await;
    w.line(sale, 1).await;
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_left_alone() {
    let database = testbed::database();
    database
        .psql()
        .run("create table schema_version (version bigint not null); insert into schema_version values (99)")
        .expect("newer");
    let refused = open(database.url().to_owned(), &Hands::new(), Arc::new(NoObserver)).await.err().expect("refused");
    assert!(matches!(refused, OpenError::TooNew { found: 99, .. }), "{refused}");
}

#[tokio::test]
async fn what_is_wrong_with_a_url_is_told_without_its_password() {
    for url in ["postgres://fan:secret@127.0.0.1/traffic?sslmode=maybe", "postgres://fan:secret@127.0.0.1"] {
        let refused =
            open(url.to_owned(), &Hands::new(), Arc::new(NoObserver)).await.err().expect("refused").to_string();
        assert!(!refused.contains("secret"), "{refused}");
    }
}
