//! A look-ahead limiter. Gain falls before a peak arrives and recovers slowly, so nothing is
//! clipped.

use std::collections::VecDeque;

use crate::error::Result;
use crate::level::peak::{TAPS, between, may_exceed};
use crate::units::Rate;

/// Highest true peak of the output: −1 dBTP, minus a tenth of a decibel for what changing gain adds
/// between samples.
const CEILING: f32 = 0.881;
/// Time before a peak at which gain begins to fall.
const ATTACK_MS: f64 = 5.0;
/// Time constant of the recovery.
const RELEASE_MS: f64 = 80.0;
/// Samples examined together for peaks.
const BLOCK: usize = 64;

/// Limits one channel. Samples that need no limiting pass unchanged, bit for bit.
#[derive(Debug)]
pub(super) struct Limiter {
    attack: usize,
    release: f32,
    /// Samples waiting for those after them, at least `attack` of them.
    waiting: Vec<f32>,
    /// The highest gain allowed for each of them. Empty while gain is 1 everywhere; then the fields
    /// below are empty too.
    bearable: Vec<f32>,
    /// The gain before smoothing, and its last `attack` values, none before the first sample. Their
    /// mean is applied.
    gain: f32,
    recent: VecDeque<f32>,
    ready: Vec<f32>,
    taken: usize,
}

impl Limiter {
    pub(super) fn new(rate: Rate) -> Self {
        let samples = |ms: f64| f64::from(rate.hz()) * ms / 1000.0;
        let attack = (samples(ATTACK_MS).ceil() as usize).max(2 * TAPS);
        Self {
            attack,
            release: (1.0 - (-1.0 / samples(RELEASE_MS)).exp()) as f32,
            waiting: Vec::new(),
            bearable: Vec::new(),
            gain: 1.0,
            recent: VecDeque::with_capacity(attack),
            ready: Vec::new(),
            taken: 0,
        }
    }

    /// Returns the number of samples that can be taken.
    pub(super) fn ready(&self) -> usize {
        self.ready.len() - self.taken
    }

    /// Takes samples that are ready.
    pub(super) fn take(&mut self, count: usize) -> &[f32] {
        let from = self.taken;
        self.taken = (from + count).min(self.ready.len());
        &self.ready[from..self.taken]
    }

    /// Takes the next `count` samples, which `sum` adds to zeros.
    pub(super) fn push(&mut self, count: usize, sum: impl FnOnce(&mut [f32]) -> Result<()>) -> Result<()> {
        self.ready.drain(..self.taken);
        self.taken = 0;
        let new = self.waiting.len();
        self.waiting.resize(new + count, 0.0);
        sum(&mut self.waiting[new..])?;
        if !self.bearable.is_empty() || may_exceed(&self.waiting[new.saturating_sub(TAPS - 1)..], CEILING) {
            self.bearable.resize(self.waiting.len(), 1.0);
            self.find_peaks(new);
        }
        let settled = self.waiting.len().saturating_sub(self.attack);
        if self.bearable.is_empty() {
            self.ready.extend_from_slice(&self.waiting[..settled]);
            if settled > 0 {
                self.recent.resize(self.attack, 1.0);
            }
        } else {
            (0..settled).for_each(|i| self.settle(i));
            self.bearable.drain(..settled);
            self.rest();
        }
        self.waiting.drain(..settled);
        Ok(())
    }

    /// Resets the gain if it is 1 for all waiting samples.
    fn rest(&mut self) {
        if self.gain == 1.0 && self.bearable.iter().chain(&self.recent).all(|&g| g == 1.0) {
            self.bearable.clear();
        }
    }

    /// Lowers the gain allowed for samples from `new` on, and for those just before. Peaks between
    /// samples are known six samples later.
    fn find_peaks(&mut self, new: usize) {
        for start in (new..self.waiting.len()).step_by(BLOCK) {
            let block = start.saturating_sub(TAPS - 1)..(start + BLOCK).min(self.waiting.len());
            if !may_exceed(&self.waiting[block.clone()], CEILING) {
                continue;
            }
            for i in start..block.end {
                self.lower(i, self.waiting[i].abs());
                if i + 1 >= TAPS {
                    let peak = between(&self.waiting[i + 1 - TAPS..=i]);
                    self.lower(i - TAPS / 2, peak);
                    self.lower(i + 1 - TAPS / 2, peak);
                }
            }
        }
    }

    fn lower(&mut self, i: usize, peak: f32) {
        if peak > CEILING {
            self.bearable[i] = self.bearable[i].min(CEILING / peak);
        }
    }

    /// Applies gain to sample `i`. Before smoothing, gain falls one attack ahead of a peak, so that
    /// its mean over an attack has arrived at the peak.
    fn settle(&mut self, i: usize) {
        let held = self.bearable[i..=i + self.attack - 1].iter().copied().fold(1.0, f32::min);
        let risen = self.gain + (1.0 - self.gain) * self.release;
        self.gain = held.min(if risen > 0.9999 { 1.0 } else { risen });
        self.recent.pop_front();
        // Nothing was heard before the first sample: its gain may begin anywhere.
        self.recent.resize(self.attack, self.gain);
        let mean = self.recent.iter().sum::<f32>() / self.attack as f32;
        self.ready.push(self.waiting[i] * mean.min(self.bearable[i]));
    }
}
