//! What is logged, and how much: set at the start, changed for a while by the operator of a running node.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::Timestamp;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
/// More parts than the program has.
const DIRECTIVES_MAX: usize = 20;
/// Longer than the path of any module.
const PART_CHARS_MAX: usize = 100;

/// Makes a filter hold from now on.
pub type SetFilter = Box<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

pub struct LogLevels {
    set: SetFilter,
    /// From the start.
    configured: String,
    raised: Mutex<Option<Raised>>,
}

/// Another filter, for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raised {
    pub level: String,
    /// As clocks on the wall show it.
    pub until: Timestamp,
    /// On the monotonic clock, which decides.
    ends_at: Duration,
}

impl LogLevels {
    pub fn new(configured: impl Into<String>, set: SetFilter) -> Self {
        Self { set, configured: configured.into(), raised: Mutex::default() }
    }

    pub fn configured(&self) -> &str {
        &self.configured
    }

    /// What holds instead of what was configured.
    pub fn raised(&self) -> Option<Raised> {
        self.lock().clone()
    }

    /// From now on and for so long. What was configured ends what was raised.
    pub fn raise(&self, level: &str, wall: Timestamp, now: Duration, lasts: Duration) -> Result<(), String> {
        let mut raised = self.lock();
        (self.set)(level)?;
        let until = wall.plus_ms(i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX));
        let other = level != self.configured;
        *raised = other.then(|| Raised { level: level.to_owned(), until, ends_at: now + lasts });
        Ok(())
    }

    /// Falls back when the time is over.
    pub fn tick(&self, now: Duration) {
        let mut raised = self.lock();
        if raised.as_ref().is_none_or(|raised| now < raised.ends_at) {
            return;
        }
        *raised = None;
        match (self.set)(&self.configured) {
            Ok(()) => tracing::info!(level = self.configured, "the log is back at its level"),
            Err(error) => tracing::error!(error, "the log does not go back to its level"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Raised>> {
        // Whoever panicked has changed it or not.
        self.raised.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `info` or `warn, server=debug`, without the spaces: refuses what a logger would quietly take for the name of a part.
pub fn checked(text: &str) -> Result<String, String> {
    let directives: Vec<&str> = text.split(',').map(str::trim).collect();
    if directives.len() > DIRECTIVES_MAX {
        return Err(format!("more than {DIRECTIVES_MAX} parts"));
    }
    directives.iter().try_for_each(|directive| checked_one(directive))?;
    Ok(directives.join(","))
}

fn checked_one(directive: &str) -> Result<(), String> {
    let (part, level) = directive.split_once('=').map_or((None, directive), |(part, level)| (Some(part), level));
    let is_name = |part: &str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':');
        (1..=PART_CHARS_MAX).contains(&part.len()) && part.bytes().all(known)
    };
    let shown: String = directive.chars().take(PART_CHARS_MAX).collect();
    if part.is_some_and(|part| !is_name(part)) {
        return Err(format!("`{shown}` names no part of the program: write PART=LEVEL, such as server=debug"));
    }
    if !LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level)) {
        let levels = LEVELS.join(", ");
        return Err(format!("`{shown}` is no level: {levels}; or of one part of the program, such as server=debug"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_levels_of_parts_are_taken() {
        for right in ["info", "OFF", "warn,server=debug", "error,store::sqlite=trace,lab=info"] {
            assert_eq!(checked(right).as_deref(), Ok(right));
        }
        assert_eq!(checked(" warn , server=debug").as_deref(), Ok("warn,server=debug"));
    }

    #[test]
    fn a_slip_is_no_name_of_a_part() {
        for wrong in ["", "degub", "server", "server=", "=debug", "server=loud", "info,,debug", "a b=info", "[x]=info"]
        {
            assert!(checked(wrong).is_err(), "{wrong}");
        }
        let many = vec!["info"; DIRECTIVES_MAX + 1].join(",");
        assert!(checked(&many).is_err());
        assert!(checked(&"x".repeat(5_000)).unwrap_err().len() < 300, "no long text is told back");
    }
}
