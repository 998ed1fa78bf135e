//! A server does not outlive the process that started it, however that ends.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// A process of its own that holds one server.
struct Owner {
    process: Child,
    url: String,
}

impl Owner {
    fn of(kind: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_testbed"));
        command.arg(kind).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (url, pid) = line.trim().rsplit_once(' ').unwrap();
        assert!(Path::new("/proc").join(pid).exists(), "{line}");
        Self { process, url: url.to_owned() }
    }

    fn address(&self) -> SocketAddr {
        let (_, rest) = self.url.rsplit_once(['@', '/']).filter(|(_, rest)| rest.contains(':')).unwrap_or_else(|| {
            let (rest, _) = self.url.rsplit_once('/').unwrap();
            rest.rsplit_once('@').unwrap()
        });
        rest.parse().unwrap()
    }

    fn serves(&self) -> bool {
        TcpStream::connect(self.address()).is_ok()
    }
}

/// The folder of the server that listens there, found by its process's arguments.
fn folder_of(port: u16) -> Option<PathBuf> {
    let entries = std::fs::read_dir("/tmp").unwrap().filter_map(Result::ok);
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("traffic-"));
    ours.map(|entry| entry.path()).find(|folder| holds(folder, port))
}

fn holds(folder: &Path, port: u16) -> bool {
    let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    log.contains(&format!("port {port}")) || log.contains(&format!("port={port}"))
}

#[expect(clippy::disallowed_methods, reason = "real processes end in real time")]
fn eventually(what: &str, look: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !look() {
        assert!(start.elapsed() < PATIENCE, "never {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn ends_with_a_killed_owner(kind: &str) {
    let mut owner = Owner::of(kind);
    assert!(owner.serves());
    let folder = folder_of(owner.address().port()).expect("its log names the port");
    owner.process.kill().unwrap();
    owner.process.wait().unwrap();
    eventually("stopped serving", || !owner.serves());
    eventually("removed its folder", || !folder.exists());
}

#[test]
fn postgres_ends_when_its_owner_is_killed() {
    ends_with_a_killed_owner("postgres");
}

#[test]
fn redis_ends_when_its_owner_is_killed() {
    ends_with_a_killed_owner("redis");
}

#[test]
fn a_server_ends_when_the_script_that_asked_for_it_closes_the_pipe() {
    let mut owner = Owner::of("redis");
    assert!(owner.serves());
    drop(owner.process.stdin.take());
    assert!(owner.process.wait().unwrap().success());
    assert!(!owner.serves());
}

#[test]
fn an_unknown_kind_of_server_is_named() {
    let output = Command::new(env!("CARGO_BIN_EXE_testbed")).arg("oracle").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("'oracle'"));
}
