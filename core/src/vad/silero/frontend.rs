//! Computes the magnitudes of the short-time spectra of sixteen frames.
//!
//! A frame is 256 samples, preceded by the 32 samples before them and followed by 32 of its own in
//! reverse (reflection about the last sample). These 320 samples hold four windows of 128 with a
//! hop of 64.

use fearless_simd::{Simd, SimdBase, SimdFloat, f32x16};

use super::{CONTEXT, FRAME, PANEL, PlannedFrame};
use crate::simd::{Cpu, SimdRow};

/// Bins of a window's spectrum.
pub(super) const BINS: usize = WINDOW / 2 + 1;
/// Windows per frame.
pub(super) const WINDOWS: usize = 4;
/// Samples covered by the windows of a frame.
pub(super) const SPAN: usize = CONTEXT + FRAME + REFLECTED;

const WINDOW: usize = 128;
const HOP: usize = 64;
const REFLECTED: usize = 32;
/// Points of the complex transform that computes a real one of twice its length.
const POINTS: usize = WINDOW / 2;

/// Magnitudes by window and bin.
pub(super) type Spectra = [[SimdRow; BINS]; WINDOWS];

/// The window and the roots of unity.
pub(super) struct Tables {
    /// Half of a periodic Hann window, because [`Cpu::spectra`] adds where it should average.
    hann: [f32; WINDOW],
    /// cos(2πk/128) and −sin(2πk/128).
    roots: [(f32, f32); WINDOW],
}

impl Tables {
    /// Rotates a unit vector step by step in f64, so that no platform's cosine affects the bits.
    pub fn new() -> Self {
        /// cos and sin of 2π/128.
        const STEP: (f64, f64) = (0.998_795_456_205_172_4, 0.049_067_674_327_418_015);
        let mut tables = Self { hann: [0.0; WINDOW], roots: [(0.0, 0.0); WINDOW] };
        let (mut cos, mut sin) = (1.0, 0.0);
        for (hann, root) in tables.hann.iter_mut().zip(&mut tables.roots) {
            *hann = (0.25 - 0.25 * cos) as f32;
            *root = (cos as f32, -sin as f32);
            (cos, sin) = (cos * STEP.0 - sin * STEP.1, cos * STEP.1 + sin * STEP.0);
        }
        tables
    }
}

/// Places up to sixteen frames side by side: row n holds sample n of each. Lanes without a frame
/// keep their values.
#[inline(always)]
pub(super) fn gather(samples: &[f32], plan: &[PlannedFrame], rows: &mut [SimdRow; SPAN]) {
    for (lane, planned) in plan.iter().take(PANEL).enumerate() {
        let frame = &samples[usize::from(planned.frame) * FRAME..][..CONTEXT + FRAME];
        for (row, &sample) in rows.iter_mut().zip(frame) {
            row.0[lane] = sample;
        }
    }
    let last = CONTEXT + FRAME - 1;
    for n in 1..=REFLECTED {
        rows[last + n] = rows[last - n];
    }
}

impl<S: Simd, const FUSED: bool> Cpu<S, FUSED> {
    /// Computes the spectra of sixteen frames.
    #[inline(always)]
    pub(super) fn spectra(self, tables: &Tables, rows: &[SimdRow; SPAN], spectra: &mut Spectra) {
        for (window, bins) in spectra.iter_mut().enumerate() {
            if let Some(rows) = rows[window * HOP..].first_chunk() {
                self.spectrum(tables, rows, bins);
            }
        }
    }

    /// Computes the spectra of one frame, given with its context. Lane n of a bin is window n.
    #[inline(always)]
    pub(super) fn spectra_of_one(self, tables: &Tables, samples: &[f32], bins: &mut [SimdRow; BINS]) {
        let mut rows = [SimdRow::default(); WINDOW];
        let last = CONTEXT + FRAME - 1;
        for (n, row) in rows.iter_mut().enumerate() {
            for (window, value) in row.0[..WINDOWS].iter_mut().enumerate() {
                let at = window * HOP + n;
                *value = samples[if at > last { 2 * last - at } else { at }];
            }
        }
        self.spectrum(tables, &rows, bins);
    }

    /// Computes the spectrum of a window of each lane.
    #[inline(always)]
    fn spectrum(self, tables: &Tables, rows: &[SimdRow; WINDOW], bins: &mut [SimdRow; BINS]) {
        // Even samples are the real part, odd ones the imaginary.
        let (mut re, mut im) = ([self.splat(0.0); POINTS], [self.splat(0.0); POINTS]);
        for n in 0..POINTS {
            re[n] = self.load(&rows[2 * n]) * self.splat(tables.hann[2 * n]);
            im[n] = self.load(&rows[2 * n + 1]) * self.splat(tables.hann[2 * n + 1]);
        }
        self.transform(tables, &mut re, &mut im);
        self.untangle(tables, &re, &im, bins);
    }

    /// Computes a Fourier transform in three radix-4 passes. Frequency k ends up at
    /// [`reversed`]`(k)`.
    #[inline(always)]
    fn transform(self, tables: &Tables, re: &mut [f32x16<S>; POINTS], im: &mut [f32x16<S>; POINTS]) {
        for span in [16, 4, 1] {
            for butterfly in 0..POINTS / 4 {
                let offset = butterfly % span;
                let a = butterfly / span * span * 4 + offset;
                let (b, c, d) = (a + span, a + 2 * span, a + 3 * span);
                let (sum, difference) = ((re[a] + re[c], im[a] + im[c]), (re[a] - re[c], im[a] - im[c]));
                let other = (re[b] + re[d], im[b] + im[d]);
                let turned = (im[b] - im[d], re[d] - re[b]);
                (re[a], im[a]) = (sum.0 + other.0, sum.1 + other.1);
                (re[b], im[b]) = (difference.0 + turned.0, difference.1 + turned.1);
                (re[c], im[c]) = (sum.0 - other.0, sum.1 - other.1);
                (re[d], im[d]) = (difference.0 - turned.0, difference.1 - turned.1);
                if offset > 0 {
                    let root = WINDOW / 4 / span * offset;
                    (re[b], im[b]) = self.rotate(tables.roots[root], re[b], im[b]);
                    (re[c], im[c]) = self.rotate(tables.roots[2 * root], re[c], im[c]);
                    (re[d], im[d]) = self.rotate(tables.roots[3 * root], re[d], im[d]);
                }
            }
        }
    }

    /// Computes the magnitudes of the real signal's spectrum: the even samples' spectrum plus and
    /// minus the rotated one of the odd samples.
    #[inline(always)]
    fn untangle(self, tables: &Tables, re: &[f32x16<S>; POINTS], im: &[f32x16<S>; POINTS], bins: &mut [SimdRow; BINS]) {
        for k in 0..=POINTS / 2 {
            let (a, b) = (reversed(k), reversed((POINTS - k) % POINTS));
            let even = (re[a] + re[b], im[a] - im[b]);
            let odd = self.rotate(tables.roots[k], im[a] + im[b], re[b] - re[a]);
            self.magnitude(even.0 + odd.0, even.1 + odd.1).store_array(&mut bins[k].0);
            self.magnitude(even.0 - odd.0, even.1 - odd.1).store_array(&mut bins[POINTS - k].0);
        }
    }

    #[inline(always)]
    fn rotate(self, root: (f32, f32), re: f32x16<S>, im: f32x16<S>) -> (f32x16<S>, f32x16<S>) {
        let (cos, sin) = (self.splat(root.0), self.splat(root.1));
        (self.mul_add(re, cos, -(im * sin)), self.mul_add(re, sin, im * cos))
    }

    #[inline(always)]
    fn magnitude(self, re: f32x16<S>, im: f32x16<S>) -> f32x16<S> {
        self.mul_add(re, re, im * im).sqrt()
    }
}

/// Reverses the three base-4 digits of k.
const fn reversed(k: usize) -> usize {
    k % 4 * 16 + k / 4 % 4 * 4 + k / 16
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use fearless_simd::{Level, dispatch};

    use super::*;

    /// Against the sum that defines the transform, on noise.
    #[test]
    fn spectra_are_hann_windowed_fourier_transforms() {
        let mut seed = 1u32;
        let samples: Vec<f32> = (0..CONTEXT + PANEL * FRAME)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                seed as f32 / u32::MAX as f32 - 0.5
            })
            .collect();
        let (mut rows, mut spectra) = ([SimdRow::default(); SPAN], [[SimdRow::default(); BINS]; WINDOWS]);
        let plan: Vec<_> = (0..PANEL as u16).map(|frame| PlannedFrame { frame, age: 0, rests: 0 }).collect();
        gather(&samples, &plan, &mut rows);
        dispatch!(Level::new(), simd => Cpu::<_, true>(simd).spectra(&Tables::new(), &rows, &mut spectra));
        for lane in [0, 7, 15] {
            let frame = &samples[lane * FRAME..][..CONTEXT + FRAME];
            let mirrored: Vec<f32> = frame.iter().chain(frame.iter().rev().skip(1).take(32)).copied().collect();
            for (window, bins) in spectra.iter().enumerate() {
                for (k, bin) in bins.iter().enumerate() {
                    let (mut re, mut im) = (0.0, 0.0);
                    for n in 0..WINDOW {
                        let hann = 0.5 - 0.5 * (TAU * n as f64 / 128.0).cos();
                        let x = hann * f64::from(mirrored[window * HOP + n]);
                        let angle = TAU * (k * n % WINDOW) as f64 / 128.0;
                        (re, im) = (re + x * angle.cos(), im - x * angle.sin());
                    }
                    let (expected, found) = (re.hypot(im), f64::from(bin.0[lane]));
                    assert!(
                        (expected - found).abs() < 5e-6,
                        "lane {lane} window {window} bin {k}: {found} for {expected}"
                    );
                }
            }
        }
    }
}
