//! A Redis server of one's own, from the installed binary. It keeps nothing on disk.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use crate::keeper::{Keeper, folder, gone};
use crate::wait::{free_port, until};

/// How often another port is tried before the fault lies elsewhere.
const TRIES: usize = 5;
/// A frozen server answers nobody; whoever asks one should hear so.
const ANSWER: Duration = Duration::from_secs(10);

/// One running server. It ends when this is dropped or this process ends.
pub struct Redis {
    keeper: Keeper,
    port: u16,
}

/// One for all of this process, started when first asked for.
pub fn redis() -> &'static Redis {
    static SHARED: OnceLock<Redis> = OnceLock::new();
    SHARED.get_or_init(Redis::start)
}

impl Redis {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// With further arguments of redis-server's, such as `--maxmemory 1mb`, one word each.
    pub fn start_with(arguments: &[&str]) -> Self {
        let mut said = String::new();
        for _ in 0..TRIES {
            let port = free_port();
            let folder = folder("traffic-redis-", None);
            let mut command = Command::new("redis-server");
            command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
            command.arg("--dir").arg(folder.path()).args(arguments);
            let keeper = Keeper::new(folder, None, "KILL", &command);
            match ready(&keeper, port) {
                Ok(()) => return Self { keeper, port },
                Err(log) => said = log,
            }
        }
        panic!("Redis does not start; is redis-server installed? scripts/setup.sh --cluster brings it:\n{said}");
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.keeper.pid()
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        self.keeper.log()
    }

    /// SIGKILL. Everything it knew is lost.
    pub fn stop_now(&self) {
        self.keeper.end("KILL");
    }

    /// On the same port, empty; returns when it takes connections.
    pub fn start_again(&self) {
        if let Err(log) = ready(&self.keeper, self.port) {
            panic!("Redis does not start again:\n{log}");
        }
    }

    /// Stops its clock: connections stay open, and nobody answers.
    pub fn freeze(&self) {
        self.keeper.signal("STOP");
    }

    pub fn thaw(&self) {
        self.keeper.signal("CONT");
    }

    /// Forgets everything, at once.
    pub fn flush(&self) {
        assert_eq!(self.ask("FLUSHALL").as_deref(), Ok("+OK"));
    }

    /// The first line of the answer to one command on a connection of its own, as Redis writes it: `+OK`, `:1`, `$-1`.
    pub fn ask(&self, command: &str) -> Result<String, String> {
        ask(self.port, command).map_err(|error| format!("redis: {error}"))
    }
}

fn ask(port: u16, command: &str) -> std::io::Result<String> {
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    connection.set_read_timeout(Some(ANSWER))?;
    connection.write_all(format!("{command}\r\n").as_bytes())?;
    let mut line = String::new();
    BufReader::new(connection).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

/// Starts the server and waits until it answers; its log if it ends instead.
fn ready(keeper: &Keeper, port: u16) -> Result<(), String> {
    let pid = keeper.start();
    let answers = || ask(port, "PING").is_ok_and(|answer| answer == "+PONG");
    // In this order: on a port that somebody else has, an answer is not ours.
    let started = until("Redis to start", || if gone(pid) { Some(false) } else { answers().then_some(true) });
    if started {
        return Ok(());
    }
    keeper.end("KILL");
    Err(keeper.log())
}
