//! The real world: clock, dice, environment and the limits of the process. The only place that reads them.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use domain::{Clock, Timestamp};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server::app::Ids;
use uuid::Uuid;

/// The clock of the machine.
#[derive(Debug)]
pub(crate) struct SystemClock {
    started: Instant,
}

impl SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one real clock")]
    pub(crate) fn start() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    /// A clock set before 1970 counts as 1970.
    #[expect(clippy::disallowed_methods, reason = "the one real clock")]
    fn wall(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Nanoseconds since 1970, which never go back within one process: the wall at its start and the monotonic clock since.
#[derive(Debug)]
pub(crate) struct UnixNanos {
    started: Instant,
    wall_at_start: Duration,
}

impl UnixNanos {
    #[expect(clippy::disallowed_methods, reason = "the one real clock")]
    pub(crate) fn start() -> Self {
        Self {
            started: Instant::now(),
            wall_at_start: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        }
    }

    pub(crate) fn now(&self) -> u64 {
        u64::try_from((self.wall_at_start + self.started.elapsed()).as_nanos()).unwrap_or(u64::MAX)
    }
}

/// For numbers that are no secret, and differ from one process to the next.
pub(crate) fn seed() -> u64 {
    let secret = SystemIds.secret();
    u64::from_le_bytes(std::array::from_fn(|at| secret[at]))
}

/// The generator of ids and secrets.
#[derive(Debug)]
pub(crate) struct SystemIds;

impl Ids for SystemIds {
    /// Ascending within this process (UUID v7).
    #[expect(clippy::disallowed_methods, reason = "the one real generator of ids")]
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn secret(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        aws_lc_rs::rand::fill(&mut bytes).expect("without random bytes from the system nothing here is safe");
        bytes
    }
}

/// A variable of the environment; one that is not UTF-8 counts as not set.
#[expect(clippy::disallowed_methods, reason = "the one reader of the environment")]
pub(crate) fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The names of all variables of the environment.
#[expect(clippy::disallowed_methods, reason = "the one reader of the environment")]
pub(crate) fn env_names() -> Vec<String> {
    std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect()
}

/// Raises the soft limit of open files to the hard one, and tells the limit that now holds.
pub(crate) fn raise_open_files() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: maximum, maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum.unwrap_or(u64::MAX),
        Err(error) => {
            tracing::warn!(%error, "cannot raise the limit of open files");
            current.unwrap_or(u64::MAX)
        }
    }
}

/// Cores that this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_runs_and_shows_this_century() {
        let clock = SystemClock::start();
        let (wall, monotonic) = (clock.wall(), clock.monotonic());
        assert!(wall > Timestamp::parse("2026-01-01T00:00:00Z").unwrap());
        assert!(clock.monotonic() >= monotonic);
    }

    #[test]
    fn ids_ascend() {
        let ids: Vec<_> = (0..1000).map(|_| SystemIds.next()).collect();
        assert!(ids.is_sorted() && ids.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn random_bytes_differ() {
        let (one, two) = (SystemIds.secret(), SystemIds.secret());
        assert_ne!(one, two);
    }

    #[test]
    fn the_soft_limit_of_open_files_becomes_the_hard_one() {
        let limit = raise_open_files();
        assert_eq!(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX), limit);
    }
}
