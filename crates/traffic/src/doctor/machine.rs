//! The machine: open files, clock, memory and cores, ports of outgoing connections.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use domain::{Clock as _, Timestamp};
use server::listener::ConnectionLimits;

use super::{Check, size};
use crate::real::{self, SystemClock};
use crate::serve;

/// As many people as a small sale has at once, and what the listener leaves for everything else.
const OPEN_FILES_WARN: u64 = 11_000;
/// 2026-11-01: this program did not exist before.
const OLDEST_NOW: Timestamp = Timestamp(1_793_491_200_000);
/// Long enough to see a clock that is being moved, short enough to wait for.
const WATCHED: Duration = Duration::from_millis(200);
/// A clock under correction moves a tenth of a millisecond in this time; reading both takes less than the rest.
const DRIFT_MS_WARN: i64 = 20;
/// The read model of a million waiting people and the database's cache.
const MEMORY_WARN: u64 = 512 << 20;

/// `db_max_conns`: connections to the database, which need so many files each.
pub(super) fn checks(db_max_conns: u32, files_each: u64) -> Vec<Check> {
    let mut checks = vec![open_files(real::raise_open_files(), db_max_conns, files_each), clock()];
    checks.push(time_service(synchronised()));
    checks.extend(memory(&fs::read_to_string("/proc/meminfo").unwrap_or_default(), real::cores()));
    checks.extend(outgoing(&fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default()));
    checks
}

/// As the server judges it. `limit` is what it would have after raising it as far as it may.
fn open_files(limit: u64, db_max_conns: u32, files_each: u64) -> Check {
    let what = "open files";
    let found = format!("{limit}, which is {} connections", ConnectionLimits::new(limit).connections_max);
    if let Err(wrong) = serve::check_open_files(limit, db_max_conns, files_each) {
        return Check::fail(what, found, wrong.lines.join(" "));
    }
    if limit >= OPEN_FILES_WARN {
        return Check::ok(what, found);
    }
    let advice =
        "raise the hard limit: `ulimit -Hn 65536` as root before the start, or LimitNOFILE=65536 in the systemd unit";
    Check::warn(what, found, advice)
}

fn clock() -> Check {
    let clock = SystemClock::start();
    let (wall, monotonic) = (clock.wall(), clock.monotonic());
    thread::sleep(WATCHED);
    let passed = i64::try_from((clock.monotonic() - monotonic).as_millis()).unwrap_or(i64::MAX);
    judge_clock(wall, clock.wall().since_ms(wall) - passed)
}

fn judge_clock(wall: Timestamp, drift_ms: i64) -> Check {
    let what = "clock";
    if wall < OLDEST_NOW {
        let advice = "doors open by this clock: set it, and keep it with NTP (`timedatectl set-ntp true`)";
        return Check::fail(what, format!("{wall} is before this program was written"), advice);
    }
    if drift_ms.abs() > DRIFT_MS_WARN {
        let found = format!("{wall}; it moved {drift_ms} ms against the monotonic clock in {} ms", WATCHED.as_millis());
        return Check::warn(what, found, "something sets the time: let one NTP service slew it, and nothing else");
    }
    Check::ok(what, format!("{wall}, steady"))
}

/// What systemd knows; `None` where nobody can tell.
fn synchronised() -> Option<bool> {
    let output = Command::new("timedatectl").args(["show", "--property=NTPSynchronized", "--value"]).output().ok()?;
    match String::from_utf8(output.stdout).ok()?.trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

fn time_service(synchronised: Option<bool>) -> Check {
    let what = "time service";
    match synchronised {
        Some(true) => Check::ok(what, "the clock is synchronised"),
        Some(false) => {
            let advice = "doors open by this clock: `timedatectl set-ntp true`";
            Check::warn(what, "the clock is not synchronised", advice)
        }
        None => Check::ok(what, "unknown here: make sure that the machine keeps its time by NTP"),
    }
}

fn memory(meminfo: &str, cores: usize) -> Option<Check> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let available = line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1_024;
    let found = format!("{} available, cores: {cores}", size(available));
    let advice = format!("a large sale needs {} and more: stop what else runs here", size(MEMORY_WARN));
    Some(if available < MEMORY_WARN { Check::warn("memory", found, advice) } else { Check::ok("memory", found) })
}

/// Only a load run needs them: one for each virtual fan.
fn outgoing(range: &str) -> Option<Check> {
    let mut ends = range.split_whitespace().map(str::parse::<u32>);
    let (first, last) = (ends.next()?.ok()?, ends.next()?.ok()?);
    let count = last.checked_sub(first)? + 1;
    Some(Check::ok("outgoing ports", format!("{first}-{last}: up to {count} virtual fans from this machine")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn few_open_files_are_warned_of_with_the_command() {
        assert_eq!(open_files(OPEN_FILES_WARN, 16, 2).status, Status::Ok);
        let few = open_files(OPEN_FILES_WARN - 1, 16, 2);
        assert_eq!(few.status, Status::Warn);
        assert!(few.found.contains("9999 connections") && few.advice.contains("LimitNOFILE=65536"), "{few}");
        let least = open_files(128, 16, 2);
        assert!(least.status == Status::Warn && least.found.contains("64 connections"), "{least}");
        let too_few = open_files(127, 16, 2);
        assert!(too_few.status == Status::Fail && too_few.advice.contains("at least 128 are needed"), "{too_few}");
    }

    #[test]
    fn a_clock_of_another_time_fails_and_one_that_moves_is_warned_of() {
        assert_eq!(judge_clock(OLDEST_NOW, DRIFT_MS_WARN).status, Status::Ok);
        assert_eq!(judge_clock(OLDEST_NOW, -DRIFT_MS_WARN - 1).status, Status::Warn);
        assert_eq!(judge_clock(Timestamp(0), 0).status, Status::Fail);
        assert_eq!(OLDEST_NOW, Timestamp::parse("2026-11-01T00:00:00Z").unwrap());
    }

    #[test]
    fn a_clock_that_nobody_keeps_is_warned_of() {
        let status = |known| time_service(known).status;
        assert_eq!((status(Some(true)), status(None), status(Some(false))), (Status::Ok, Status::Ok, Status::Warn));
    }

    #[test]
    fn memory_and_ports_are_read_from_what_linux_says() {
        let memory_of = |kib: u64| memory(&format!("MemTotal: 9 kB\nMemAvailable:   {kib} kB\n"), 2).unwrap();
        assert_eq!(memory_of(512 << 10).to_string(), "ok    memory           512 MiB available, cores: 2");
        assert_eq!(memory_of((512 << 10) - 1).status, Status::Warn);
        assert!(memory("", 2).is_none() && outgoing("").is_none() && outgoing("9 1").is_none());
        assert!(outgoing("32768\t60999\n").unwrap().found.contains("28232"));
    }
}
