//! Determines where a sound begins and ends from the levels of overlapping frames.

use super::spectrum::{FRAME, HOP};

/// Levels kept from the beginning. An edge passes within five frames.
const HEAD: usize = 8;
/// Frames that a window needs to pass an edge.
const PASSING: usize = FRAME / HOP;
/// Level of an edge relative to the tone: 6 dB below. A frame half covered by a tone has half its
/// amplitude.
const EDGE: f32 = 0.25;

/// Accumulates the levels of consecutive fine frames into a mean level, its deviation and the two
/// edges.
#[derive(Debug, Clone)]
pub struct Extent {
    first: u64,
    next: u64,
    seen: usize,
    head: [f32; HEAD],
    /// The last levels, which may turn out to lie on the edge.
    last: [f32; PASSING],
    max: f32,
    inner: u32,
    sum: f64,
    sum_db: f64,
    squares_db: f64,
    last_loud: u64,
}

impl Extent {
    /// Creates an extent that begins with the frame whose first sample is `at`.
    pub fn new(at: u64) -> Self {
        Self {
            first: at,
            next: at,
            seen: 0,
            head: [0.0; HEAD],
            last: [0.0; PASSING],
            max: 0.0,
            inner: 0,
            sum: 0.0,
            sum_db: 0.0,
            squares_db: 0.0,
            last_loud: at,
        }
    }

    /// Adds the next frame's level (mean square).
    pub fn push(&mut self, level: f32) {
        if self.seen >= 2 * PASSING {
            self.inner(self.last[0]);
        }
        self.last.rotate_left(1);
        self.last[PASSING - 1] = level;
        if self.seen < HEAD {
            self.head[self.seen] = level;
        }
        self.seen += 1;
        self.max = self.max.max(level);
        if level >= self.max * EDGE {
            self.last_loud = self.next;
        }
        self.next += HOP as u64;
    }

    fn inner(&mut self, level: f32) {
        let db = 10.0 * f64::from(level.max(1e-12)).log10();
        self.inner += 1;
        self.sum += f64::from(level);
        self.sum_db += db;
        self.squares_db += db * db;
    }

    /// Returns the highest level so far (mean square).
    pub fn max(&self) -> f32 {
        self.max
    }

    /// Returns the mean level (mean square) without the edges, or the highest if the sound is
    /// shorter than its edges.
    pub fn mean(&self) -> f32 {
        if self.inner == 0 { self.max } else { (self.sum / f64::from(self.inner)) as f32 }
    }

    /// Returns the standard deviation of the level without the edges, in dB.
    pub fn wobble_db(&self) -> f32 {
        let n = f64::from(self.inner.max(1));
        let mean = self.sum_db / n;
        (self.squares_db / n - mean * mean).max(0.0).sqrt() as f32
    }

    /// Returns the first sample.
    pub fn start(&self) -> u64 {
        let edge = self.max * EDGE;
        let skipped = self.head.iter().take(self.seen).position(|&level| level >= edge).unwrap_or(0);
        (self.first + (skipped * HOP + FRAME / 2 - HOP / 2) as u64).min(self.end())
    }

    /// Returns the sample after the last.
    pub fn end(&self) -> u64 {
        self.last_loud + (FRAME / 2 + HOP / 2) as u64
    }

    /// Returns the length in samples.
    pub fn length(&self) -> u64 {
        self.end() - self.start()
    }
}

/// Weighted mean and standard deviation, computed in one pass.
#[derive(Debug, Clone, Default)]
pub struct Spread {
    count: u32,
    weight: f64,
    mean: f64,
    squares: f64,
}

impl Spread {
    /// Adds a number. Weighted by level, frames at a sound's edges count little.
    pub fn push(&mut self, x: f32, weight: f32) {
        let weight = f64::from(weight.max(1e-12));
        self.count += 1;
        self.weight += weight;
        let off = f64::from(x) - self.mean;
        self.mean += off * weight / self.weight;
        self.squares += weight * off * (f64::from(x) - self.mean);
    }

    /// Returns how many numbers were added.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Returns the mean, or 0 without numbers.
    pub fn mean(&self) -> f32 {
        self.mean as f32
    }

    /// Returns the standard deviation, or 0 without numbers.
    pub fn deviation(&self) -> f32 {
        if self.count == 0 { 0.0 } else { (self.squares / self.weight).max(0.0).sqrt() as f32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_lie_where_the_level_is_6_db_down_and_do_not_count_inside() {
        let mut extent = Extent::new(1000);
        for level in [0.1, 0.3, 0.6, 0.9, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.9, 0.6, 0.3, 0.1] {
            extent.push(level);
        }
        // The second of the first 14 frames is the first above a quarter, the thirteenth the last.
        assert_eq!(extent.start(), 1000 + 64 + 128 - 32);
        assert_eq!(extent.end(), 1000 + 12 * 64 + 128 + 32);
        assert!((extent.mean() - 1.0).abs() < 1e-6 && extent.wobble_db() < 1e-3);
    }

    #[test]
    fn spread_is_weighted() {
        let mut spread = Spread::default();
        for (x, weight) in [(1.0, 1.0), (3.0, 1.0), (100.0, 0.0)] {
            spread.push(x, weight);
        }
        assert!((spread.mean() - 2.0).abs() < 1e-3 && (spread.deviation() - 1.0).abs() < 1e-3);
    }
}
