//! Gaussian mixtures over the frames of one call: a cheap classifier of its voices.
//!
//! One mixture is fitted to all speech. Each voice has weights and means adapted from the common
//! ones as far as its frames allow (Reynolds, Quatieri and Dunn 2000).

use super::frames::{Cepstrum, NUMBERS};

/// Gaussians per mixture.
const SIZE: usize = 32;
/// Rounds of expectation maximization.
const ROUNDS: usize = 6;
/// Most frames to which the common mixture is fitted.
const MOST_FRAMES: usize = 4000;
/// Smallest variance of a Gaussian, as a share of all frames' variance.
const LEAST_VARIANCE: f32 = 0.05;
/// Number of a voice's frames that weigh as much as the common mixture.
const RELEVANCE: f32 = 12.0;

#[derive(Clone)]
pub(super) struct Mixture {
    /// Logarithm of each Gaussian's weight over the root of its variances.
    scale: [f32; SIZE],
    weights: [f32; SIZE],
    means: Vec<Cepstrum>,
    variances: Vec<Cepstrum>,
    /// By coefficient, then by Gaussian: the mean, and half the inverse of the variance.
    sides: Vec<[[f32; SIZE]; 2]>,
}

/// Sufficient statistics of frames by Gaussian.
#[derive(Clone)]
pub(super) struct Sums {
    counts: [f32; SIZE],
    first: Vec<Cepstrum>,
    second: Vec<Cepstrum>,
}

impl Sums {
    pub fn new() -> Self {
        Self { counts: [0.0; SIZE], first: vec![[0.0; NUMBERS]; SIZE], second: vec![[0.0; NUMBERS]; SIZE] }
    }

    /// Adds a frame with its responsibilities.
    pub fn add(&mut self, frame: &Cepstrum, shares: &[f32; SIZE], weight: f32) {
        for (k, share) in shares.iter().enumerate() {
            let share = share * weight;
            self.counts[k] += share;
            let sums = self.first[k].iter_mut().zip(&mut self.second[k]);
            for ((first, second), x) in sums.zip(frame) {
                *first += share * x;
                *second += share * x * x;
            }
        }
    }
}

impl Mixture {
    /// Fits a mixture to all frames, whose coefficients have mean 0 and deviation 1.
    pub fn of(frames: &[Cepstrum]) -> Self {
        let step = frames.len().div_ceil(MOST_FRAMES).max(1);
        let start = |k: usize| frames.get(k * frames.len() / SIZE).copied().unwrap_or([0.0; NUMBERS]);
        let weights = [1.0 / SIZE as f32; SIZE];
        let mut mixture = Self::new(weights, (0..SIZE).map(start).collect(), vec![[1.0; NUMBERS]; SIZE]);
        for _ in 0..ROUNDS {
            let mut sums = Sums::new();
            for frame in frames.iter().step_by(step) {
                sums.add(frame, &mixture.shares(frame), 1.0);
            }
            mixture = Self::fitted(&sums);
        }
        mixture
    }

    fn new(weights: [f32; SIZE], means: Vec<Cepstrum>, variances: Vec<Cepstrum>) -> Self {
        let scale =
            std::array::from_fn(|k| (weights[k] + 1e-9).ln() - 0.5 * variances[k].iter().map(|v| v.ln()).sum::<f32>());
        let side = |n: usize| [std::array::from_fn(|k| means[k][n]), std::array::from_fn(|k| 0.5 / variances[k][n])];
        let sides = (0..NUMBERS).map(side).collect();
        Self { scale, weights, means, variances, sides }
    }

    fn fitted(sums: &Sums) -> Self {
        let total: f32 = sums.counts.iter().sum::<f32>() + 1e-6;
        let mean = |k: usize| sums.first[k].map(|x| x / (sums.counts[k] + 1e-6));
        let variance = |k: usize| -> Cepstrum {
            let mean = mean(k);
            std::array::from_fn(|n| {
                (sums.second[k][n] / (sums.counts[k] + 1e-6) - mean[n] * mean[n]).max(LEAST_VARIANCE)
            })
        };
        let weights = sums.counts.map(|count| count / total);
        Self::new(weights, (0..SIZE).map(mean).collect(), (0..SIZE).map(variance).collect())
    }

    /// Returns a voice's own mixture, adapted from this one.
    pub fn moved(&self, sums: &Sums) -> Self {
        let total = sums.counts.iter().sum::<f32>() + 1e-6;
        let part = |k: usize| sums.counts[k] / (sums.counts[k] + RELEVANCE);
        let mean = |k: usize| -> Cepstrum {
            let own = sums.counts[k] + 1e-6;
            std::array::from_fn(|n| part(k) * sums.first[k][n] / own + (1.0 - part(k)) * self.means[k][n])
        };
        let weights: [f32; SIZE] =
            std::array::from_fn(|k| part(k) * sums.counts[k] / total + (1.0 - part(k)) * self.weights[k]);
        let sum = weights.iter().sum::<f32>().max(1e-9);
        Self::new(weights.map(|w| w / sum), (0..SIZE).map(mean).collect(), self.variances.clone())
    }

    /// Returns the logarithm of each Gaussian's weight at a frame, all in parallel.
    fn logarithms(&self, frame: &Cepstrum) -> [f32; SIZE] {
        let mut found = self.scale;
        for ([means, halves], x) in self.sides.iter().zip(frame) {
            for ((found, mean), half) in found.iter_mut().zip(means).zip(halves) {
                let away = x - mean;
                *found -= away * away * half;
            }
        }
        found
    }

    /// Returns the log-likelihood of a frame, up to a constant.
    pub fn likelihood(&self, frame: &Cepstrum) -> f32 {
        let logarithms = self.logarithms(frame);
        let most = logarithms.iter().copied().fold(f32::MIN, f32::max);
        most + logarithms.iter().map(|x| (x - most).exp()).sum::<f32>().ln()
    }

    /// Returns each Gaussian's responsibility for a frame.
    pub fn shares(&self, frame: &Cepstrum) -> [f32; SIZE] {
        let logarithms = self.logarithms(frame);
        let most = logarithms.iter().copied().fold(f32::MIN, f32::max);
        let shares = logarithms.map(|x| (x - most).exp());
        let sum: f32 = shares.iter().sum();
        shares.map(|share| share / sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voices_that_differ_are_told_apart_frame_by_frame() {
        let frame = |n: usize, voice: f32| -> Cepstrum {
            std::array::from_fn(|k| {
                ((n * 31 + k * 17) % 101) as f32 / 50.0 - 1.0 + if k % 3 == 0 { voice } else { 0.0 }
            })
        };
        let frames: Vec<Cepstrum> = (0..2000).map(|n| frame(n, if n % 2 == 0 { 0.6 } else { -0.6 })).collect();
        let common = Mixture::of(&frames);
        let mut sums = [Sums::new(), Sums::new()];
        for (n, frame) in frames.iter().enumerate().take(1000) {
            sums[n % 2].add(frame, &common.shares(frame), 1.0);
        }
        let voices = sums.map(|sums| common.moved(&sums));
        let right = (1000..2000).filter(|&n| {
            let own = voices[n % 2].likelihood(&frames[n]);
            own > voices[1 - n % 2].likelihood(&frames[n])
        });
        assert!(right.count() > 900);
    }
}
