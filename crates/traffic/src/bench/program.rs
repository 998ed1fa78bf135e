//! The programs that are measured: this executable again, as processes of their own, with what they have used so far.

use std::fs::File;
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use std::{fs, thread};

use anyhow::{Context as _, bail};
use domain::Clock;
use nix::time::ClockId;
use nix::unistd::Pid;
use rustix::process::Signal;

use super::bare;
use super::generator::{Connections, Target};
use crate::address::free_address;

/// A debug build with a million places, on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// The product lets requests under way end for ten seconds; then it writes its log back.
const STOPS_WITHIN: Duration = Duration::from_secs(60);
/// Of a log, in messages.
const LOG_CHARS: usize = 2_000;

/// What a server stands on.
pub(super) struct Engine<'a> {
    pub(super) database_url: &'a str,
    pub(super) redis_url: Option<&'a str>,
}

/// A running server, ended with the value.
pub(super) struct Program {
    process: Child,
    log: PathBuf,
    pub(super) target: Target,
}

impl Program {
    /// The product, its log in this folder, and how long it took from its start to its first 200 of `/health/ready`.
    pub(super) fn product(
        folder: &Path,
        engine: &Engine<'_>,
        secret: &str,
        clock: &dyn Clock,
        stop: &Arc<AtomicBool>,
    ) -> anyhow::Result<(Self, Duration)> {
        let addr = free_address()?;
        let log = folder.join("server.log");
        let mut command = this_program()?;
        command
            .args(["serve", "--dev", "--log", "warn", "--http-addr", &addr.to_string()])
            .env("DATABASE_URL", engine.database_url)
            .envs(engine.redis_url.map(|url| ("REDIS_URL", url)))
            .env("JWT_SECRET", secret)
            .env("ADMIN_API_KEY", server::config::DEV_ADMIN_KEY)
            // The lab makes a demo sale and ticks it; measured is the sale of the measurement alone.
            .env("TRAFFIC_LAB", "off")
            .stderr(File::create(&log)?);
        let started = clock.monotonic();
        let mut program = Self {
            process: command.spawn().context("starting the server")?,
            log,
            target: Target { addr, stop: Arc::clone(stop) },
        };
        program.wait_until_ready("/health/ready", started, clock)?;
        Ok((program, clock.monotonic().saturating_sub(started)))
    }

    /// The bare handler, answering with so many bytes.
    pub(super) fn bare(bytes: usize, folder: &Path, clock: &dyn Clock, stop: &Arc<AtomicBool>) -> anyhow::Result<Self> {
        let addr = free_address()?;
        let log = folder.join("bare.log");
        let mut command = this_program()?;
        command
            .args(["bench-bare", "--log", "warn", "--addr", &addr.to_string(), "--bytes", &bytes.to_string()])
            .stderr(File::create(&log)?);
        let started = clock.monotonic();
        let mut program = Self {
            process: command.spawn().context("starting the bare handler")?,
            log,
            target: Target { addr, stop: Arc::clone(stop) },
        };
        program.wait_until_ready(bare::PATH, started, clock)?;
        Ok(program)
    }

    /// While the data is loaded the answers say so: the first 2xx is the moment.
    fn wait_until_ready(&mut self, path: &str, started: Duration, clock: &dyn Clock) -> anyhow::Result<()> {
        while clock.monotonic().saturating_sub(started) < READY_WITHIN {
            if let Some(status) = self.process.try_wait()? {
                bail!("it ended at once ({status}): {}", said(&self.log));
            }
            self.target.go_on()?;
            if TcpStream::connect(self.target.addr).is_ok() && Connections::open(&self.target, 1, path).is_ok() {
                return Ok(());
            }
            thread::sleep(LOOK_EVERY);
        }
        bail!("{path} at {} is not ready within {} s", self.target.addr, READY_WITHIN.as_secs())
    }

    /// User and system time of the process so far, of threads that have ended too.
    pub(super) fn cpu(&self) -> anyhow::Result<Duration> {
        cpu_of(self.process.id())
    }

    /// Memory that is really there.
    pub(super) fn resident_bytes(&self) -> anyhow::Result<u64> {
        let path = format!("/proc/{}/status", self.process.id());
        let status = fs::read_to_string(&path).with_context(|| path.clone())?;
        resident(&status).with_context(|| format!("no VmRSS in {path}"))
    }

    /// Lets it end by itself, as an operator would.
    pub(super) fn stop(mut self, clock: &dyn Clock) -> anyhow::Result<()> {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, Signal::TERM).context("ending a server")?;
        let asked = clock.monotonic();
        while clock.monotonic().saturating_sub(asked) < STOPS_WITHIN {
            if let Some(status) = self.process.try_wait()? {
                if status.success() {
                    return Ok(());
                }
                bail!("a server ended with {status}: {}", said(&self.log));
            }
            thread::sleep(LOOK_EVERY);
        }
        bail!("a server does not end within {} s", STOPS_WITHIN.as_secs())
    }

    /// Ends it as a crash does.
    pub(super) fn kill(self) {
        drop(self);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Fails only where it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a program has logged, the end of it.
fn said(log: &Path) -> String {
    let log = fs::read_to_string(log).unwrap_or_default();
    let skipped = log.chars().count().saturating_sub(LOG_CHARS);
    log.chars().skip(skipped).collect()
}

/// User and system time of a process so far.
pub(super) fn cpu_of(pid: u32) -> anyhow::Result<Duration> {
    let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(i32::try_from(pid)?)).context("the CPU clock of a server")?;
    Ok(clock.now().context("the CPU time of a server")?.into())
}

/// CPU time of this process, which is the load generator.
pub(super) fn own_cpu() -> anyhow::Result<Duration> {
    Ok(ClockId::CLOCK_PROCESS_CPUTIME_ID.now().context("our own CPU time")?.into())
}

fn this_program() -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("finding this program")?);
    // Ctrl-C in a terminal goes to the whole group: this process ends its servers itself.
    command.stdin(Stdio::null()).stdout(Stdio::null()).process_group(0);
    // Settings of the shell are not what is measured.
    command.env_clear();
    Ok(command)
}

/// `VmRSS:     1234 kB`
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_in_bytes() {
        assert_eq!(resident("Name:\tx\nVmHWM:\t 9 kB\nVmRSS:\t    1234 kB\n"), Some(1234 * 1024));
        assert_eq!(resident("Name:\tx\n"), None);
    }

    #[test]
    fn own_cpu_time_grows_with_work() {
        let before = own_cpu().unwrap();
        let mut sum = 0_u64;
        while own_cpu().unwrap() == before {
            sum = sum.wrapping_add(1);
        }
        assert!(own_cpu().unwrap() > before);
    }
}
