//! Numbers that look drawn and are the same every time.

use sha2::{Digest, Sha256};

/// A stream of pseudo-random numbers: SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom
/// number generators", OOPSLA 2014).
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    /// The stream of a seed and a name.
    pub(super) fn new(seed: u64, name: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(seed.to_le_bytes());
        hash.update(name.as_bytes());
        Self(hash.finalize().iter().take(8).fold(0, |sum, &byte| (sum << 8) | u64::from(byte)))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to 1, 1 left out.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number between two.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + self.unit() * (high - low).max(0.0)
    }

    /// A whole number from 0, below `count`.
    pub(super) fn below(&mut self, count: usize) -> usize {
        ((self.unit() * count as f64) as usize).min(count.saturating_sub(1))
    }

    /// Whether something happens that does so with a probability.
    pub(super) fn happens(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A waiting time of a mean.
    pub(super) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_those_of_their_seed_and_name_and_fill_their_range() {
        let draws = |seed, name| -> Vec<u64> {
            let mut dice = Dice::new(seed, name);
            (0..4).map(|_| dice.next()).collect()
        };
        assert_eq!(draws(1, "a"), draws(1, "a"));
        assert!(draws(1, "a") != draws(2, "a") && draws(1, "a") != draws(1, "b"));
        let mut dice = Dice::new(7, "mean");
        let units: Vec<f64> = (0..10_000).map(|_| dice.unit()).collect();
        assert!(units.iter().all(|x| (0.0..1.0).contains(x)));
        assert!((units.iter().sum::<f64>() / 1e4 - 0.5).abs() < 0.02);
        let waits: f64 = (0..10_000).map(|_| dice.exponential(1.2)).sum();
        assert!((waits / 1e4 - 1.2).abs() < 0.06, "{waits}");
        assert_eq!((0..100).map(|_| dice.below(3)).max(), Some(2));
    }

    #[test]
    fn the_first_number_is_the_published_one() {
        // Of the seed 0, as in the generator's reference implementation.
        assert_eq!(Dice(0).next(), 0xE220_A839_7B1D_CDAF);
    }
}
