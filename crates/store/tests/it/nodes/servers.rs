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

/// A server with a certificate for `localhost` alone, signed by an authority that nobody else knows.
struct Encrypted {
    server: Postgres,
    folder: tempfile::TempDir,
}

impl Encrypted {
    fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("traffic-tls-").tempdir_in("/tmp").expect("a folder");
        let script = "
            umask 022
            openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority
            openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost
            printf 'subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n' >extensions
            openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out server.pem
            chmod 755 . && chmod 600 server.key
            [ \"$(id -u)\" != 0 ] || chown postgres server.key";
        let run = std::process::Command::new("bash").args(["-ec", script]).current_dir(folder.path()).output();
        let run = run.expect("bash runs");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        let file = |name: &str| folder.path().join(name).display().to_string();
        let settings = [
            "ssl=on".to_owned(),
            format!("ssl_cert_file={}", file("server.pem")),
            format!("ssl_key_file={}", file("server.key")),
        ];
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        Self { server: Postgres::start_with(&settings), folder }
    }

    async fn open(&self, host: &str, query: &str) -> Result<Store, OpenError> {
        let query = query.replace("CA", &self.folder.path().join("ca.pem").display().to_string());
        let url = format!("postgres://traffic@{host}:{}/postgres?{query}", self.server.port());
        open(url, &Hands::new(), Arc::new(NoObserver)).await
    }

    fn encrypted(&self) -> bool {
        let sql = "select bool_and(s.ssl) from pg_stat_ssl s join pg_stat_activity a using (pid) where application_name = 'traffic'";
        self.server.psql("postgres").run(sql).expect("an answer") == "t"
    }
}

#[tokio::test]
async fn sslmode_means_what_it_means_everywhere() {
    let server = Encrypted::start();
    for (host, query, encrypted) in [
        ("127.0.0.1", "sslmode=disable", false),
        ("127.0.0.1", "sslmode=prefer", true),
        ("127.0.0.1", "sslmode=require", true),
        ("127.0.0.1", "sslmode=verify-ca&sslrootcert=CA", true),
        ("localhost", "sslmode=verify-full&sslrootcert=CA", true),
    ] {
        let store = server.open(host, query).await.unwrap_or_else(|error| panic!("{query}: {error:?}"));
        assert_eq!(server.encrypted(), encrypted, "{query}");
        drop(store);
        until_nobody_is_connected(&server.server).await;
    }
    for (host, query) in [
        ("127.0.0.1", "sslmode=verify-full&sslrootcert=CA"),
        ("localhost", "sslmode=verify-full"),
        ("localhost", "sslmode=verify-ca"),
    ] {
        assert!(server.open(host, query).await.is_err(), "{query}");
    }
}

async fn until_nobody_is_connected(server: &Postgres) {
    let sql = "select count(*) from pg_stat_activity where application_name = 'traffic'";
    while server.psql("postgres").run(sql).expect("a count") != "0" {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_is_told_at_once() {
    let database = testbed::database();
    let (url, hands) = (format!("{}_gone", database.url()), Hands::new());
    let opened = open(url, &hands, Arc::new(NoObserver));
    let opened = tokio::time::timeout(std::time::Duration::from_secs(10), opened).await;
    assert!(opened.expect("at once").is_err());
}
