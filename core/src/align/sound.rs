//! A track prepared for placement: its samples, the level of each 10 ms, and its own sound.

use std::borrow::Cow;
use std::ops::Range;

use super::TrackInput;
use super::wave::{FRAME, RATE};
use crate::run::Cancel;
use crate::track::Narrowband;

/// Samples of a 10 ms frame at 8 kHz.
const FRAME_8K: usize = 80;
/// Frames of 10 ms per second.
pub(super) const FRAMES: usize = 100;
/// A frame within this distance of the loud ones (99th percentile), in decibels, is the track's own
/// sound; bleed is fainter.
const OWN_SOUND_DB: f32 = 20.0;
/// It must also exceed the floor (10th percentile) by this much.
const OVER_FLOOR_DB: f32 = 8.0;

/// A track prepared for placement.
pub(super) struct Sound<'a> {
    pub input: &'a TrackInput<'a>,
    /// Mean square of each 10 ms.
    pub energy: Cow<'a, [f32]>,
    /// Whether each 10 ms contain the track's own sound.
    pub active: Vec<bool>,
    /// Mean square of the quiet frames that are not digital silence.
    pub floor: f32,
    /// Whether transforms give the same bits on every CPU.
    pub portable: bool,
    cancel: Cancel,
}

impl<'a> Sound<'a> {
    pub fn new(input: &'a TrackInput<'a>, portable: bool, cancel: &Cancel) -> Self {
        let energy = input.energies.map_or_else(|| energies(input.samples).into(), Cow::Borrowed);
        let active = own_sound(&energy);
        let floor = line_noise(&energy);
        Self { input, energy, active, floor, portable, cancel: cancel.clone() }
    }

    /// Returns `true` if the placement has been cancelled. Remaining comparisons are then skipped.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Returns the track's length in seconds.
    pub fn seconds(&self) -> f64 {
        self.input.samples.len() as f64 / (2 * RATE) as f64
    }

    /// Returns the track's length in samples at [`RATE`].
    pub fn len(&self) -> i64 {
        (self.input.samples.len() / 2) as i64
    }

    /// Returns `true` if the detector reports speech at a moment, and it is loud enough to be the
    /// track's own party.
    pub fn speaks(&self, at_s: f64) -> bool {
        let hop = self.input.hop.seconds();
        let heard = hop > 0.0 && self.input.probabilities.get((at_s / hop) as usize).is_some_and(|&p| p > 0.5);
        let first = (at_s * FRAMES as f64) as usize;
        let frames = first.min(self.active.len())..(first + 4).min(self.active.len());
        heard && self.active[frames].contains(&true)
    }

    /// Silences everything but the track's own sound in samples at [`RATE`] that begin at `from` (a
    /// multiple of a frame).
    pub fn keep_own_sound(&self, from: i64, x: &mut [f32]) {
        let first = from.div_euclid(FRAME as i64);
        for (k, frame) in x.chunks_mut(FRAME).enumerate() {
            let own = usize::try_from(first + k as i64).ok().and_then(|i| self.active.get(i));
            if own != Some(&true) {
                frame.fill(0.0);
            }
        }
    }

    /// Returns the frame before which half of a stretch's own sound lies.
    pub fn middle_of_sound(&self, first: usize, frames: usize) -> usize {
        let active: Vec<usize> = (first..(first + frames).min(self.active.len())).filter(|&i| self.active[i]).collect();
        active.get(active.len() / 2).copied().unwrap_or(first + frames / 2)
    }

    /// Returns the starts of the stretches of `frames` frames with the most own sound, best first,
    /// without overlap.
    ///
    /// Only stretches within `within` (in frames) that have at least `least` active frames count.
    pub fn busiest(&self, within: Range<usize>, frames: usize, least: usize, most: usize) -> Vec<usize> {
        // Start times may be any number of seconds apart.
        if within.start >= self.active.len() {
            return Vec::new();
        }
        let mut sums = vec![0usize; self.active.len() + 1];
        for (i, &a) in self.active.iter().enumerate() {
            sums[i + 1] = sums[i] + usize::from(a);
        }
        let count = |s: usize| sums[(s + frames).min(self.active.len())] - sums[s.min(self.active.len())];
        let end = within.end.min(self.active.len());
        let last = end.saturating_sub(frames).max(within.start);
        let mut starts: Vec<usize> = (within.start..=last).step_by(FRAMES / 2).collect();
        starts.sort_by(|&x, &y| count(y).cmp(&count(x)).then(x.cmp(&y)));
        let mut chosen: Vec<usize> = Vec::new();
        for s in starts {
            if chosen.len() == most || count(s) < least {
                break;
            }
            if chosen.iter().all(|&c| c.abs_diff(s) >= frames) {
                chosen.push(s);
            }
        }
        chosen
    }
}

fn energies(samples: &dyn Narrowband) -> Vec<f32> {
    let n = samples.len();
    let mut out = Vec::with_capacity(n / FRAME_8K + 1);
    let mut block = vec![0.0f32; FRAME_8K * 128];
    let mut from = 0;
    while from < n {
        let len = block.len().min(n - from);
        samples.read(from, &mut block[..len]);
        for f in block[..len].chunks(FRAME_8K) {
            let mut lanes = [0.0f32; 8];
            for part in f.chunks_exact(8) {
                for (l, &s) in lanes.iter_mut().zip(part) {
                    *l += s * s;
                }
            }
            out.push(lanes.iter().sum::<f32>() / f.len() as f32);
        }
        from += len;
    }
    out
}

fn own_sound(energy: &[f32]) -> Vec<bool> {
    let mut sorted = energy.to_vec();
    let at = |sorted: &mut Vec<f32>, share: f64| {
        let i = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
        if sorted.is_empty() { 0.0 } else { *sorted.select_nth_unstable_by(i, f32::total_cmp).1 }
    };
    let (floor, loud) = (at(&mut sorted, 0.10), at(&mut sorted, 0.99));
    let least = (loud * 10f32.powf(-OWN_SOUND_DB / 10.0)).max(floor * 10f32.powf(OVER_FLOOR_DB / 10.0));
    energy.iter().map(|&e| e > least && e > 1e-9).collect()
}

/// Returns the 10th percentile of the frames that contain any sound.
fn line_noise(energy: &[f32]) -> f32 {
    /// Less than 16 bits hold in one sample of a frame.
    const NOTHING: f32 = 1e-9;
    let mut some: Vec<f32> = energy.iter().copied().filter(|&e| e > NOTHING).collect();
    let tenth = some.len() / 10;
    if some.is_empty() { NOTHING } else { *some.select_nth_unstable_by(tenth, f32::total_cmp).1 }
}
