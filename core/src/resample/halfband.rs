//! Half-band filters between a rate and its double.
//!
//! Every second coefficient of such a filter is zero, and the middle one is a half, so one kernel
//! of [`PAIRS`] numbers serves both directions. Kaiser window, 80 dB down from 0.575 of the lower
//! rate (4.6 kHz for 16 → 8 kHz), flat to 0.425.

use std::sync::LazyLock;

use fearless_simd::{Level, Simd, SimdBase, dispatch, f32x16};

/// Pairs of taps on either side of the middle one.
const PAIRS: usize = 17;

/// The coefficients at ±1, ±3, ±5, … samples of the higher rate. Together with the middle one, a
/// half, they sum to 1.
static KERNEL: LazyLock<[f32; PAIRS]> = LazyLock::new(|| {
    let mut taps = [0.0; PAIRS];
    for (k, tap) in taps.iter_mut().enumerate() {
        let distance = (2 * k + 1) as f64;
        let sinc = (std::f64::consts::FRAC_PI_2 * distance).sin() / (std::f64::consts::PI * distance);
        *tap = sinc * kaiser(distance / (2 * PAIRS) as f64);
    }
    let sum: f64 = taps.iter().sum();
    taps.map(|tap| (tap * 0.25 / sum) as f32)
});

/// Returns the Kaiser window for 80 dB (β = 7.857, Kaiser 1974) at −1 … 1.
fn kaiser(at: f64) -> f64 {
    const BETA: f64 = 7.857;
    bessel_i0(BETA * (1.0 - at * at).max(0.0).sqrt()) / bessel_i0(BETA)
}

/// Returns the modified Bessel function of the first kind and order 0, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for k in 1..40 {
        term *= (x / (2.0 * f64::from(k))).powi(2);
        sum += term;
    }
    sum
}

/// Outputs summed in parallel.
const LANES: usize = 16;

/// Adds to `out[n]` the kernel's sum over `odd[n .. n + 2·PAIRS]`, scaled.
///
/// The order of additions is fixed, and no product is fused with its sum. The bits depend neither
/// on the width of registers nor on chunking.
fn add_pairs(odd: &[f32], scale: f32, out: &mut [f32]) {
    let taps = KERNEL.map(|tap| tap * scale);
    dispatch!(Level::new(), cpu => add_taps(cpu, &taps, odd, out));
}

#[inline(always)]
fn add_taps<S: Simd>(cpu: S, taps: &[f32; PAIRS], odd: &[f32], out: &mut [f32]) {
    let whole = out.len() - out.len() % LANES;
    let (chunks, rest) = out.split_at_mut(whole);
    for (chunk, window) in chunks.chunks_exact_mut(LANES).zip(odd.windows(LANES + 2 * PAIRS - 1).step_by(LANES)) {
        let at = |from: usize| f32x16::from_slice(cpu, &window[from..from + LANES]);
        let mut sum = f32x16::from_slice(cpu, chunk);
        for (k, &tap) in taps.iter().enumerate() {
            sum += f32x16::splat(cpu, tap) * (at(PAIRS - 1 - k) + at(PAIRS + k));
        }
        sum.store_slice(chunk);
    }
    for (sum, window) in rest.iter_mut().zip(odd[whole..].windows(2 * PAIRS)) {
        for (k, tap) in taps.iter().enumerate() {
            *sum += tap * (window[PAIRS - 1 - k] + window[PAIRS + k]);
        }
    }
}

/// Converts a rate to its half.
#[derive(Debug)]
pub(super) struct Halver {
    even: Vec<f32>,
    odd: Vec<f32>,
    next_is_odd: bool,
}

impl Default for Halver {
    fn default() -> Self {
        // Silence before the first sample: output 0 sits on even sample 0 and needs PAIRS odd ones
        // before it.
        Self { even: Vec::new(), odd: vec![0.0; PAIRS], next_is_odd: false }
    }
}

impl Halver {
    pub(super) fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        let mut samples = samples;
        if let (true, [first, rest @ ..]) = (self.next_is_odd, samples) {
            self.odd.push(*first);
            self.next_is_odd = false;
            samples = rest;
        }
        let (pairs, last) = samples.as_chunks::<2>();
        self.even.extend(pairs.iter().map(|p| p[0]));
        self.odd.extend(pairs.iter().map(|p| p[1]));
        self.even.extend_from_slice(last);
        self.next_is_odd |= !last.is_empty();
        self.give(out);
    }

    /// Appends every output whose taps have all arrived.
    fn give(&mut self, out: &mut Vec<f32>) {
        let ready = self.even.len().min((self.odd.len() + 1).saturating_sub(2 * PAIRS));
        let start = out.len();
        out.extend(self.even.drain(..ready).map(|x| 0.5 * x));
        add_pairs(&self.odd, 1.0, &mut out[start..]);
        self.odd.drain(..ready);
    }

    pub(super) fn finish(&mut self, out: &mut Vec<f32>) {
        self.odd.resize(self.odd.len() + PAIRS + 1, 0.0);
        self.give(out);
    }
}

/// Converts a rate to its double.
#[derive(Debug)]
pub(super) struct Doubler {
    samples: Vec<f32>,
    between: Vec<f32>,
}

impl Default for Doubler {
    fn default() -> Self {
        // Silence before the first sample: the value between samples 0 and 1 needs PAIRS − 1 before
        // sample 0.
        Self { samples: vec![0.0; PAIRS - 1], between: Vec::new() }
    }
}

impl Doubler {
    pub(super) fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        self.samples.extend_from_slice(samples);
        self.give(out);
    }

    /// Appends every sample, and the value after it, whose taps have all arrived.
    fn give(&mut self, out: &mut Vec<f32>) {
        let ready = (self.samples.len() + 1).saturating_sub(2 * PAIRS);
        self.between.clear();
        self.between.resize(ready, 0.0);
        add_pairs(&self.samples, 2.0, &mut self.between);
        let here = self.samples.iter().skip(PAIRS - 1);
        out.extend(here.zip(&self.between).flat_map(|(&x, &y)| [x, y]));
        self.samples.drain(..ready);
    }

    pub(super) fn finish(&mut self, out: &mut Vec<f32>) {
        self.samples.resize(self.samples.len() + PAIRS, 0.0);
        self.give(out);
    }
}
