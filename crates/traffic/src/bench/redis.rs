//! A Redis server for one measurement, and how many joins a script in it would do.

use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use domain::Clock;

use super::program::cpu_of;
use crate::address::free_address;

const READY_WITHIN: Duration = Duration::from_secs(30);
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// It keeps nothing: what the product has Redis for.
pub(super) const FORGETFUL: [&str; 4] = ["--save", "", "--appendonly", "no"];
/// It has synced what it acknowledges: what a queue in Redis would need.
pub(super) const DURABLE: [&str; 6] = ["--save", "", "--appendonly", "yes", "--appendfsync", "always"];

/// The same work as a join of one: who has a place gets it, anybody else the next one.
const JOIN: &str = "local at = redis.call('HGET', KEYS[1], ARGV[1]) if at then return at end \
    at = redis.call('INCR', KEYS[2]) redis.call('HSET', KEYS[1], ARGV[1], at) return at";

/// A running server, ended with the value.
pub(super) struct Redis {
    process: Child,
    addr: SocketAddr,
    folder: PathBuf,
    settings: &'static [&'static str],
}

impl Redis {
    /// `None` where Redis is not installed.
    pub(super) fn start(
        folder: PathBuf,
        settings: &'static [&'static str],
        clock: &dyn Clock,
    ) -> anyhow::Result<Option<Self>> {
        let addr = free_address()?;
        match spawn(addr, &folder, settings) {
            Ok(process) => {
                let mut redis = Self { process, addr, folder, settings };
                redis.wait_until_ready(clock)?;
                Ok(Some(redis))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context("starting redis-server"),
        }
    }

    pub(super) fn url(&self) -> String {
        format!("redis://{}", self.addr)
    }

    pub(super) fn cpu(&self) -> anyhow::Result<Duration> {
        cpu_of(self.process.id())
    }

    /// SIGKILL, as a crash would end it.
    pub(super) fn kill(&mut self) -> anyhow::Result<()> {
        self.process.kill().context("ending redis-server")?;
        self.process.wait().context("waiting for redis-server")?;
        Ok(())
    }

    /// On the same port, empty.
    pub(super) fn start_again(&mut self, clock: &dyn Clock) -> anyhow::Result<()> {
        self.process = spawn(self.addr, &self.folder, self.settings).context("starting redis-server again")?;
        self.wait_until_ready(clock)
    }

    /// Joins of random accounts a second, one for each round trip; `None` where the tool that asks is not installed.
    pub(super) fn joins_per_sec(&self, connections: usize, joins: usize) -> anyhow::Result<Option<f64>> {
        let script = self.ask(&format!("SCRIPT LOAD \"{JOIN}\""))?;
        let script = script.trim_start_matches('$');
        let mut command = Command::new("redis-benchmark");
        command.args(["-h", "127.0.0.1", "-p", &self.addr.port().to_string(), "--csv", "-r", "1000000000"]);
        command.args(["-c", &connections.to_string(), "-n", &joins.to_string()]);
        command.args(["EVALSHA", script, "2", "{sale}:places", "{sale}:head", "__rand_int__"]).stdin(Stdio::null());
        let said = match command.output() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            said => said.context("running redis-benchmark")?,
        };
        let text = String::from_utf8_lossy(&said.stdout);
        let rate = rate(&text).with_context(|| format!("redis-benchmark said: {text}"))?;
        let head = self.ask("GET {sale}:head")?;
        let places: usize = head.parse().with_context(|| format!("the head of the line in Redis is `{head}`"))?;
        ensure!(places > joins / 2, "{joins} joins gave {places} places in Redis");
        Ok(Some(rate))
    }

    fn wait_until_ready(&mut self, clock: &dyn Clock) -> anyhow::Result<()> {
        let started = clock.monotonic();
        while clock.monotonic().saturating_sub(started) < READY_WITHIN {
            if let Some(status) = self.process.try_wait()? {
                bail!("redis-server ended at once ({status})");
            }
            if self.ask("PING").is_ok_and(|answer| answer == "PONG") {
                return Ok(());
            }
            thread::sleep(LOOK_EVERY);
        }
        bail!("redis-server is not ready within {} s", READY_WITHIN.as_secs())
    }

    /// The answer to one command on a connection of its own.
    fn ask(&self, command: &str) -> anyhow::Result<String> {
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, self.addr.port()))?;
        connection.set_read_timeout(Some(ANSWERS_WITHIN))?;
        connection.write_all(format!("{command}\r\n").as_bytes())?;
        let mut lines = BufReader::new(connection).lines();
        let first = lines.next().context("Redis closed the connection")??;
        match first.split_at_checked(1) {
            Some(("+" | ":", value)) => Ok(value.to_owned()),
            // A text has its length on a line of its own.
            Some(("$", _)) => Ok(lines.next().context("Redis closed the connection")??),
            _ => bail!("{command}: {first}"),
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // Fails only where it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(addr: SocketAddr, folder: &std::path::Path, settings: &[&str]) -> std::io::Result<Child> {
    use std::os::unix::process::CommandExt as _;
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--port", &addr.port().to_string(), "--dir"]).arg(folder).args(settings);
    // Ctrl-C in a terminal goes to the whole group: this process ends its servers itself.
    command.stdin(Stdio::null()).stdout(File::create(folder.join("redis.log"))?).process_group(0);
    command.spawn()
}

/// `"EVALSHA ..","12345.67",..`: the second column of the last line.
fn rate(csv: &str) -> Option<f64> {
    // The command stands in quotes, and may hold commas of its own.
    csv.lines().last()?.split("\",\"").nth(1)?.trim_matches('"').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_read_from_the_second_column() {
        let csv = "\"test\",\"rps\",\"avg_latency_ms\"\n\"EVALSHA a 2 {b},c\",\"98765.43\",\"1.2\"\n";
        assert_eq!(rate(csv), Some(98_765.43));
        assert_eq!(rate("no"), None);
    }
}
