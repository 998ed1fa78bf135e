//! Chance that can be met again.

use std::thread;

/// Numbers from a seed (splitmix64).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

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
