//! A cluster of the real program: two nodes that answer, workers, and the servers under them, all of the test's own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use std::{fs, thread};

use serde_json::Value;
use tempfile::TempDir;
use testbed::{Postgres, Proxy};

use crate::process::{Line, Server, free_address, now, wait_for};

const DATABASE: &str = "traffic";
/// A commit waits for a standby only where the log could be sent to one.
const SETTINGS: &[&str] = &["fsync=on", "full_page_writes=on", "wal_level=replica", "max_wal_senders=2"];

/// A process that is frozen does not answer.
const ANSWERS: Duration = Duration::from_secs(1);

/// What stands between a process and its database.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Road {
    Straight,
    /// The first node reaches the database through the proxy.
    FirstThroughProxy,
}

pub(super) struct Cluster {
    /// The two that answer.
    pub(super) nodes: [Process; 2],
    pub(super) workers: Vec<Process>,
    pub(super) proxy: Proxy,
    pub(super) postgres: Postgres,
    _folder: TempDir,
}

/// One process of the program, which may have had several lives, always at the same address.
pub(super) struct Process {
    pub(super) address: SocketAddr,
    settings: Vec<String>,
    /// Its log, without the number of the life.
    log: PathBuf,
    lives: Vec<Server>,
}

impl Process {
    fn new(log: PathBuf, role: &str, url: &str, more: &[String]) -> Self {
        // Few connections, because all processes share two cores with the database.
        let own = ["--roles", role, "--database-url", url, "--db-max-conns", "8"].map(str::to_owned);
        let mut new = Self {
            address: free_address(),
            settings: own.into_iter().chain(more.to_vec()).collect(),
            log,
            lives: vec![],
        };
        new.begin();
        new
    }

    /// Begins a life without waiting for it.
    fn begin(&mut self) {
        let settings: Vec<&str> = self.settings.iter().map(String::as_str).collect();
        let log = self.log.with_extension(format!("{}.log", self.lives.len()));
        self.lives.push(Server::spawn_at(self.address, &[], &log, &settings));
    }

    pub(super) fn begin_again(&mut self) {
        self.begin();
        self.is_ready();
    }

    fn is_ready(&self) {
        assert!(self.server().ready().is_some(), "it does not start:\n{}", self.log());
    }

    pub(super) fn server(&self) -> &Server {
        self.lives.last().expect("a process begins with a life")
    }

    pub(super) fn kill(&self) {
        self.server().kill();
    }

    pub(super) fn log(&self) -> String {
        self.server().log()
    }

    /// What it says of itself, if it answers.
    fn says(&self, path: &str) -> Option<Value> {
        let answer = Line::with_deadline(self.address, ANSWERS).send("GET", path, &[], None)?;
        Some(answer.json())
    }

    /// It is there, and has heard of everything lately.
    pub(super) fn is_well(&self) -> bool {
        self.says("/health/ready").is_some_and(|says| says["status"] == "ready")
    }

    pub(super) fn leads(&self) -> bool {
        self.says("/health/live").is_some_and(|says| says["leads"] == true)
    }
}

impl Cluster {
    pub(super) fn start(road: Road, workers: usize, more: &[String]) -> Self {
        let postgres = Postgres::start_with(SETTINGS);
        postgres.psql("postgres").run(&format!("create database {DATABASE}")).unwrap();
        let proxy = Proxy::to(postgres.port());
        let straight = postgres.url(DATABASE);
        let first = match road {
            Road::Straight => straight.clone(),
            Road::FirstThroughProxy => straight.replace(&postgres.port().to_string(), &proxy.port().to_string()),
        };
        let folder = tempfile::tempdir().unwrap();
        let process = |name: &str, role, url: &str| Process::new(folder.path().join(name), role, url, more);
        let nodes = [process("one", "api", &first), process("two", "api", &straight)];
        let workers =
            (0..workers).map(|number| process(&format!("worker-{number}"), "worker", &straight)).collect::<Vec<_>>();
        nodes.iter().chain(&workers).for_each(Process::is_ready);
        let cluster = Self { nodes, workers, proxy, postgres, _folder: folder };
        wait_for("a worker to lead", || cluster.leader().is_some());
        cluster
    }

    /// The number of the worker that believes that it leads.
    pub(super) fn leader(&self) -> Option<usize> {
        self.workers.iter().position(Process::leads)
    }

    pub(super) fn addresses(&self) -> [SocketAddr; 2] {
        [self.nodes[0].address, self.nodes[1].address]
    }

    pub(super) fn sql(&self, sql: &str) -> String {
        self.postgres.psql(DATABASE).run(sql).unwrap()
    }

    /// How long it takes until both nodes hear the database again.
    pub(super) fn heals(&self) -> Duration {
        let healed = now();
        wait_for("both nodes to hear the database again", || {
            thread::sleep(Duration::from_millis(10));
            self.nodes.iter().all(Process::is_well)
        });
        healed.elapsed()
    }

    /// Orders that a fault left between their two halves are asked about when they are old enough: they are made so.
    /// Nobody may be paying.
    pub(super) fn settle(&self) {
        let orders = "from orders where state = 'paying'";
        if self.sql(&format!("select count(*) {orders}")) == "0" {
            return;
        }
        self.sql("update orders set created_at = created_at - 60000 where state = 'paying'");
        wait_for("the last orders to be settled", || {
            thread::sleep(Duration::from_millis(100));
            self.sql(&format!("select count(*) {orders}")) == "0"
        });
    }

    /// The end: everybody stops when told to, and nobody has met a bug.
    pub(super) fn stop(&self) {
        for process in self.nodes.iter().chain(&self.workers) {
            assert!(process.server().stop().success(), "it does not stop well:\n{}", process.log());
            for life in &process.lives {
                let log = life.log();
                assert!(!log.contains("panicked"), "{log}");
            }
        }
    }

    /// The last lines of every log.
    fn logs(&self) -> String {
        let of = |process: &Process| {
            let log = fs::read_to_string(process.log.with_extension(format!("{}.log", process.lives.len() - 1)));
            let log = log.unwrap_or_default();
            let last = log.lines().rev().take(15).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n");
            format!("== {}\n{last}\n", process.log.display())
        };
        self.nodes.iter().chain(&self.workers).map(of).collect()
    }
}

impl Drop for Cluster {
    /// For whoever looks at a failure.
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", self.logs());
        }
    }
}
