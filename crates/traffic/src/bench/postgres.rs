//! The PostgreSQL server that `cluster` is measured on: databases of our own in it, and the CPU time of all its processes.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::program::cpu_of;

/// What the kernel counts the time of ended processes in: every Linux says a hundredth of a second.
const TICK: Duration = Duration::from_millis(10);

/// A running server that somebody else has started and ends.
pub(super) struct Postgres {
    url: String,
    pid: u32,
    psql: PathBuf,
}

impl Postgres {
    pub(super) fn new(url: &str, pid: u32) -> anyhow::Result<Self> {
        let program = fs::read_link(format!("/proc/{pid}/exe")).with_context(|| format!("--postgres-pid {pid}"))?;
        // The client of the same version is installed beside it.
        let beside = program.with_file_name("psql");
        let psql = if beside.exists() { beside } else { PathBuf::from("psql") };
        Ok(Self { url: url.to_owned(), pid, psql })
    }

    /// A new, empty database, dropped with the value.
    pub(super) fn database(&self, name: &str) -> anyhow::Result<Database<'_>> {
        let name = format!("traffic_bench_{name}_{}", std::process::id());
        let url = in_database(&self.url, &name).with_context(|| format!("--postgres {}", self.url))?;
        self.run(&format!("create database {name}"))?;
        Ok(Database { server: self, name, url })
    }

    /// User and system time of the whole server so far: the processes that live, and those that have ended.
    pub(super) fn cpu(&self) -> anyhow::Result<Duration> {
        let path = format!("/proc/{}/stat", self.pid);
        let stat = fs::read_to_string(&path).with_context(|| path.clone())?;
        let ended = ended_children(&stat).with_context(|| format!("{path} is not as expected"))?;
        let path = format!("/proc/{0}/task/{0}/children", self.pid);
        let children = fs::read_to_string(&path).with_context(|| path.clone())?;
        let living = children.split_whitespace().filter_map(|pid| pid.parse().ok());
        // One that ends just now is counted with the ended ones next time.
        let living: Duration = living.filter_map(|pid| cpu_of(pid).ok()).sum();
        Ok(cpu_of(self.pid)? + living + ended)
    }

    fn run(&self, sql: &str) -> anyhow::Result<()> {
        let mut command = Command::new(&self.psql);
        command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &self.url, "-c", sql]).stdin(Stdio::null());
        let said = command.output().with_context(|| format!("running {}", self.psql.display()))?;
        ensure!(said.status.success(), "{sql}: {}", String::from_utf8_lossy(&said.stderr).trim());
        Ok(())
    }
}

pub(super) struct Database<'a> {
    server: &'a Postgres,
    name: String,
    pub(super) url: String,
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.server.run(&format!("drop database if exists {} with (force)", self.name)) {
            tracing::warn!(error = format!("{error:#}"), "a database of the benchmark is left behind");
        }
    }
}

/// The same URL with another path.
fn in_database(url: &str, name: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (place, query) = rest.split_once('?').map_or((rest, None), |(place, query)| (place, Some(query)));
    let host = place.split_once('/').map_or(place, |(host, _)| host);
    Some(format!("{scheme}://{host}/{name}{}", query.map(|query| format!("?{query}")).unwrap_or_default()))
}

/// What `/proc/PID/stat` tells of children that have ended: user and system time.
fn ended_children(stat: &str) -> Option<Duration> {
    // The name stands in brackets and may hold anything, so fields are counted behind the last one. The first is the state.
    let mut fields = stat.rsplit_once(") ")?.1.split_whitespace().skip(13);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    Some(TICK * (ticks()? + ticks()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_ended_children_is_the_16th_and_17th_field() {
        let stat = "7 (a) (b) S 1 7 7 0 -1 4194560 5 6 7 8 100 200 3 4 20 0 1 0 9";
        assert_eq!(ended_children(stat), Some(Duration::from_millis(70)));
        assert_eq!(ended_children("7 (a) S 1 2"), None);
    }

    #[test]
    fn a_database_is_named_in_the_path_of_the_url() {
        let url = |from| in_database(from, "mine").unwrap();
        assert_eq!(url("postgres://u@127.0.0.1:5/postgres"), "postgres://u@127.0.0.1:5/mine");
        assert_eq!(url("postgres://u@/postgres?host=/tmp&port=5"), "postgres://u@/mine?host=/tmp&port=5");
        assert_eq!(url("postgres://localhost"), "postgres://localhost/mine");
        assert_eq!(in_database("localhost", "mine"), None);
    }
}
