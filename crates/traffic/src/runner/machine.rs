//! What a runner says of its machine, for whoever thinks of asking for a run: open files, cores, and how idle they are.

use std::sync::Mutex;
use std::sync::PoisonError;

use serde_json::{Value, json};

use crate::real;

pub(crate) struct Machine {
    open_files: u64,
    /// The ticks before: idle ones, and all.
    before: Mutex<Option<(u64, u64)>>,
}

impl Machine {
    pub(crate) fn with(open_files: u64) -> Self {
        Self { open_files, before: Mutex::default() }
    }

    /// As it is now; `cpu_idle` since the look before, and nothing where the system does not tell.
    pub(crate) fn told(&self) -> Value {
        let now = std::fs::read_to_string("/proc/stat").ok().and_then(|stat| ticks(&stat));
        let before = std::mem::replace(&mut *self.before.lock().unwrap_or_else(PoisonError::into_inner), now);
        let cpu_idle = before.zip(now).and_then(|(before, now)| idle_share(before, now));
        json!({ "open_files": self.open_files, "cores": real::cores(), "cpu_idle": cpu_idle })
    }
}

/// Of all cores since the start: idle, and altogether. Waiting for a disk is idle too.
fn ticks(stat: &str) -> Option<(u64, u64)> {
    let of_all = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = of_all.split_whitespace().map_while(|word| word.parse().ok()).take(8).collect();
    Some((ticks.get(3)? + ticks.get(4)?, ticks.iter().sum()))
}

fn idle_share((idle_before, all_before): (u64, u64), (idle, all): (u64, u64)) -> Option<f64> {
    let passed = all.checked_sub(all_before).filter(|passed| *passed > 0)?;
    let share = idle.saturating_sub(idle_before) as f64 / passed as f64;
    Some((share.min(1.0) * 1_000.0).round() / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_is_counted_between_two_looks_as_the_kernel_writes_it() {
        let first = ticks("cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1 2 3").unwrap();
        assert_eq!(first, (850, 1_000));
        let second = ticks("cpu  130 0 70 840 60 0 0 0 9 9\n").unwrap();
        assert_eq!(idle_share(first, second), Some(0.5));
        assert_eq!(idle_share(second, second), None, "no time has passed");
        assert_eq!(ticks("intr 5"), None);
    }
}
