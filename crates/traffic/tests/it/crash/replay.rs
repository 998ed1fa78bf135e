//! A failure of the crash loop that can be met again.

use std::thread;

/// Says how to meet the failure again.
pub(super) struct Replay {
    pub(super) seed: u64,
    pub(super) round: u64,
}

impl Drop for Replay {
    fn drop(&mut self) {
        if thread::panicking() {
            let &mut Self { seed, round } = self;
            eprintln!(
                "the crash loop failed in round {round}, seed {seed}; replay: make soak N={} SEED={seed}",
                round + 1
            );
        }
    }
}
