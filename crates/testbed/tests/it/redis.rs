//! One Redis server, as the tests of faults use it.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use testbed::Redis;

/// How long a frozen server is watched. A lower bound: waiting longer cannot make the test fail.
const FROZEN: Duration = Duration::from_millis(200);

fn ok(server: &Redis, command: &str) -> String {
    server.ask(command).unwrap()
}

#[test]
fn flushing_forgets_everything() {
    let server = Redis::start();
    assert_eq!(ok(&server, "SET place 1"), "+OK");
    assert_eq!(ok(&server, "EXISTS place"), ":1");
    server.flush();
    assert_eq!(ok(&server, "EXISTS place"), ":0");
}

#[test]
fn a_killed_server_comes_back_empty_at_the_same_address() {
    let server = Redis::start();
    let url = server.url();
    ok(&server, "SET place 1");
    server.stop_now();
    assert!(server.pid().is_none() && server.ask("PING").is_err());
    server.start_again();
    assert_eq!((server.url(), ok(&server, "EXISTS place")), (url, ":0".to_owned()));
}

#[test]
fn a_frozen_server_answers_when_it_is_thawed() {
    let server = Redis::start();
    server.freeze();
    let (tell, hear) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| tell.send(server.ask("PING")).unwrap());
        assert!(hear.recv_timeout(FROZEN).is_err(), "it answered while it was frozen");
        server.thaw();
        assert_eq!(hear.recv().unwrap().unwrap(), "+PONG");
    });
}

#[test]
fn one_server_serves_a_whole_process() {
    assert_eq!(testbed::redis().port(), testbed::redis().port());
    assert_eq!(ok(testbed::redis(), "PING"), "+PONG");
}

#[test]
fn arguments_reach_the_server() {
    let server = Redis::start_with(&["--maxmemory", "1kb", "--maxmemory-policy", "noeviction"]);
    let error = ok(&server, "SET place 1");
    assert!(error.starts_with("-OOM"), "a full memory takes nothing: {error}");
}
