//! A load run as everybody sees it: where it stands, how many may wait, and when its runner is given up.

/// A runner tells how it goes once a second. One that has not been heard of for so long is taken for dead: longer than a
/// server takes to start again, so that a run lives through that.
pub const RUNNER_LAPSE_MS: i64 = 15_000;

/// queued -> running -> one of the others; a queued one may also end without having run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    Queued,
    Running,
    Passed,
    Failed,
    /// The measurement cannot be trusted.
    Invalid,
    /// Somebody stopped it.
    Aborted,
    /// It could not be done, or its runner died.
    Error,
}

impl RunState {
    const ALL: [Self; 7] =
        [Self::Queued, Self::Running, Self::Passed, Self::Failed, Self::Invalid, Self::Aborted, Self::Error];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Invalid => "invalid",
            Self::Aborted => "aborted",
            Self::Error => "error",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Nothing changes it any more.
    pub const fn is_over(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// How many runs there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunLimits {
    /// At the same time.
    pub concurrent: i64,
    /// Behind those.
    pub waiting: i64,
}

impl RunLimits {
    /// Whether one more may be asked for. A run whose turn has come and that no runner has taken yet waits for nobody, so it
    /// does not count as waiting.
    pub const fn take_one_more(&self, queued: i64, running: i64) -> bool {
        queued + running < self.concurrent + self.waiting
    }

    pub const fn may_start(&self, running: i64) -> bool {
        running < self.concurrent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_a_name_of_its_own() {
        for state in RunState::ALL {
            assert_eq!(RunState::parse(state.name()), Some(state));
        }
        assert_eq!(RunState::parse("pending"), None);
        assert_eq!(RunState::ALL.into_iter().filter(|state| !state.is_over()).count(), 2);
    }

    #[test]
    fn one_runs_and_three_wait() {
        let limits = RunLimits { concurrent: 1, waiting: 3 };
        assert!(limits.take_one_more(3, 0) && limits.take_one_more(2, 1));
        assert!(!limits.take_one_more(3, 1) && !limits.take_one_more(4, 0));
        assert!(limits.may_start(0) && !limits.may_start(1));
    }
}
