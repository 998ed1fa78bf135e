//! Chance from the plan's seed: one ChaCha stream per virtual fan and purpose, integers only, the same on every machine.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// What a stream is drawn for. The numbers are part of every plan hash: append, never renumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Purpose {
    Arrival = 1,
    Think = 2,
    Rejoin = 3,
    Backoff = 4,
    Population = 5,
    Cut = 6,
    CutJoin = 7,
}

/// A stream of chance. Two dice with the same seed, owner and purpose roll the same numbers.
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// `owner` is the fan's number, or the population's.
    pub(crate) fn new(seed: u64, owner: u64, purpose: Purpose) -> Self {
        let mut key = *b"........traffic lab plan, v1....";
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream((owner << 8) | u64::from(purpose as u8));
        Dice(rng)
    }

    /// Uniform in `0..n`, 0 for `n = 0`. The bias of the multiply-shift is below n / 2^64.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        u64::try_from((u128::from(self.0.next_u64()) * u128::from(n)) >> 64).expect("the product is below n")
    }

    /// Uniform in `low..=high`.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// The numbers `0..n` in a drawn order (Fisher-Yates).
    pub(crate) fn shuffled(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            let j = usize::try_from(self.below(i as u64 + 1)).expect("j <= i, which is a usize");
            order.swap(i, j);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_stream_repeats_and_two_streams_differ() {
        let roll = |owner, purpose| Dice::new(7, owner, purpose).below(1 << 40);
        assert_eq!(roll(1, Purpose::Think), roll(1, Purpose::Think));
        assert_ne!(roll(1, Purpose::Think), roll(2, Purpose::Think));
        assert_ne!(roll(1, Purpose::Think), roll(1, Purpose::Rejoin));
    }

    #[test]
    fn below_stays_below_and_shuffle_keeps_everyone() {
        let mut dice = Dice::new(1, 1, Purpose::Arrival);
        assert!((0..1_000).all(|_| dice.below(3) < 3));
        let mut order = dice.shuffled(100);
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
    }
}
