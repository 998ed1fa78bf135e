//! One PostgreSQL server, as the tests of faults use it.

use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use testbed::Postgres;

/// How long a frozen server is watched. A lower bound: waiting longer cannot make the test fail.
const FROZEN: Duration = Duration::from_millis(200);

#[test]
fn a_server_answers_by_address_and_by_socket() {
    let server = Postgres::start();
    assert!(server.port() < 32_768, "above are the ports of outgoing connections");
    assert_eq!(server.psql("postgres").run("select 1").unwrap(), "1");
    assert_eq!(server.psql("postgres").run("show server_encoding").unwrap(), "UTF8");
    assert_eq!(testbed::Psql::new(server.socket_url("postgres")).run("select 2").unwrap(), "2");
}

#[test]
fn what_a_test_asks_of_durability_is_set() {
    let show = |server: &Postgres, name: &str| server.psql("postgres").run(&format!("show {name}")).unwrap();
    let (fast, durable) = (Postgres::start(), Postgres::durable());
    assert_eq!(
        [show(&fast, "fsync"), show(&durable, "fsync"), show(&durable, "full_page_writes")],
        ["off", "on", "on"]
    );
    assert_eq!(show(&durable, "synchronous_commit"), "on");
    let chosen = Postgres::start_with(&["max_connections=7"]);
    assert_eq!(show(&chosen, "max_connections"), "7");
}

#[test]
fn a_refusal_says_what_the_server_said() {
    let server = Postgres::start();
    let error = server.psql("postgres").run("select nothing from nowhere").unwrap_err();
    assert!(error.contains("nowhere"), "{error}");
    assert!(server.log().contains("nowhere"));
}

#[test]
fn a_server_is_gone_after_its_value() {
    let server = Postgres::start();
    let (url, pid) = (server.url("postgres"), server.pid().unwrap());
    drop(server);
    assert!(testbed::Psql::new(url).run("select 1").is_err());
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn what_was_committed_survives_an_immediate_stop() {
    let server = Postgres::durable();
    let psql = server.psql("postgres");
    psql.run("create table seats (id text)").unwrap();
    psql.run("insert into seats values ('A-1')").unwrap();
    server.stop_immediately();
    assert!(server.pid().is_none());
    assert!(psql.run("select id from seats").is_err(), "nobody answers meanwhile");
    server.start_again();
    assert_eq!(psql.run("select id from seats").unwrap(), "A-1");
    assert!(server.log().contains("not properly shut down"), "a clean stop would prove nothing");
}

#[test]
fn a_frozen_server_answers_when_it_is_thawed() {
    let server = Postgres::start();
    server.freeze();
    let psql = server.psql("postgres");
    let (tell, hear) = mpsc::channel();
    let asking = thread::spawn(move || tell.send(psql.run("select 1")).unwrap());
    assert!(hear.recv_timeout(FROZEN).is_err(), "it answered while it was frozen");
    server.thaw();
    assert_eq!(hear.recv().unwrap().unwrap(), "1");
    asking.join().unwrap();
}

#[test]
fn a_frozen_server_can_be_stopped() {
    let server = Postgres::start();
    server.freeze();
    server.stop_immediately();
    server.start_again();
    assert_eq!(server.psql("postgres").run("select 1").unwrap(), "1");
    server.freeze();
}
