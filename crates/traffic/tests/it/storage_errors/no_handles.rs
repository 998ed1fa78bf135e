//! No file handles: too few at the start, a flood of idle connections, and none left under way.

use std::net::TcpStream;
use std::process::Command;

use super::{Shop, must_run, ready};
use crate::process::{Line, Server, wait_for};

/// More connections than the server has files for.
const FLOOD: usize = 200;

fn under_limit(limit: &str) -> [&str; 4] {
    ["sh", "-c", limit, "sh"]
}

fn flood(server: &Server) -> Vec<TcpStream> {
    (0..FLOOD).map(|_| TcpStream::connect(server.address).unwrap()).collect()
}

/// A connection whose first request has been answered, so that it is certainly taken.
fn taken(server: &Server) -> Line {
    let mut line = Line::new(server.address);
    assert!(line.send("GET", "/health/live", &[], None).is_some());
    line
}

#[test]
fn too_few_handles_at_the_start_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::spawn_under(&under_limit("ulimit -n 100; exec \"$@\""), &folder.path().join("data"));
    assert_eq!(server.ended().code(), Some(2), "{}", server.log());
    let log = server.log();
    assert!(log.contains("open files: the limit is 100, and at least 128 are needed"), "{log}");
    assert!(!folder.path().join("data").exists(), "nothing is touched before");
}

#[test]
fn a_flood_of_idle_connections_leaves_handles_for_the_database() {
    let mut shop = Shop::new();
    let server = ready(Server::spawn_under(&under_limit("ulimit -n 128; exec \"$@\""), &shop.data));
    let mut line = taken(&server);
    let idle = flood(&server);
    for fan in &mut shop.fans {
        fan.step(&mut line, 0, &shop.seen).unwrap();
    }
    drop(idle);
    wait_for("room", || Line::new(server.address).send("GET", "/health/live", &[], None).is_some());
    shop.buy_all(&server);
    assert!(!server.log().contains("cannot accept"), "{}", server.log());
    server.kill();
    shop.everything_is_there();
}

#[test]
fn without_handles_who_is_connected_goes_on_and_others_come_later() {
    must_run(&["prlimit", "--version"], "the limit of a running program is lowered with prlimit");
    let mut shop = Shop::new();
    let server = ready(Server::spawn(&shop.data));
    let mut line = taken(&server);
    let lowered = Command::new("prlimit").args(["--pid", &server.pid().to_string(), "--nofile=64:64"]).status();
    assert!(lowered.unwrap().success());
    let idle = flood(&server);
    wait_for("a connection that cannot be accepted", || server.log().contains("cannot accept connections"));
    for fan in &mut shop.fans {
        fan.step(&mut line, 0, &shop.seen).unwrap();
    }
    drop(idle);
    wait_for("handles", || Line::new(server.address).send("GET", "/health/live", &[], None).is_some());
    shop.buy_all(&server);
    assert!(!server.log().contains("panicked"), "{}", server.log());
    server.kill();
    shop.everything_is_there();
}
