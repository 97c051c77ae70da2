//! Fourier transforms of real signals, either in the fastest way a CPU has, or with the same bits
//! on all CPUs.
//!
//! Uses rustfft rather than realfft for two reasons. realfft accepts only rustfft's `FftPlanner`,
//! which chooses by the CPU and would break `portable`. And a correlation here is one complex
//! transform of both signals, where realfft would need two real ones.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use num_complex::Complex32;
use rustfft::{Fft, FftDirection, FftPlanner, FftPlannerScalar};

use crate::threads;

/// Returns a complex transform.
pub(super) fn plan(points: usize, direction: FftDirection, portable: bool) -> Arc<dyn Fft<f32>> {
    if portable {
        FftPlannerScalar::new().plan_fft(points, direction)
    } else {
        FftPlanner::new().plan_fft(points, direction)
    }
}

/// Plans for real signals of one even length. Even samples become real parts, odd ones imaginary
/// parts.
#[derive(Clone)]
pub(super) struct Plans {
    /// The transform of half as many points. It is also the inverse of the complex conjugate, but
    /// for the conjugate of the result, which has the same magnitudes.
    pub forward: Arc<dyn Fft<f32>>,
    /// e^(−2πik/n) for each bin k of `band`.
    turns: Arc<[Complex32]>,
    band: Range<usize>,
}

/// Plans that were created, by length, band and `portable`.
type Made = Vec<((usize, Range<usize>, bool), Plans)>;

/// Returns the plans for a length and a band of bins (above 0, below half the length). They hold
/// tables of sines and are created once per process.
pub(super) fn plans(n: usize, band: Range<usize>, portable: bool) -> Plans {
    static MADE: Mutex<Made> = Mutex::new(Vec::new());
    let end = band.end.min(n / 2);
    let band = band.start.clamp(1, end.max(1))..end;
    let key = (n, band.clone(), portable);
    let made = || MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = made().iter().find(|m| m.0 == key) {
        return known.1.clone();
    }
    let turn = |k: usize| {
        let angle = -std::f64::consts::TAU * k as f64 / n as f64;
        Complex32::new(angle.cos() as f32, angle.sin() as f32)
    };
    // Nothing is locked meanwhile: a thread that waits in `join` may work for another that needs
    // plans. If two make the same, the first ones stay.
    let (forward, turns) =
        threads::join(|| plan(n / 2, FftDirection::Forward, portable), || band.clone().map(turn).collect());
    let plans = Plans { forward, turns, band };
    let mut made = made();
    if made.iter().all(|m| m.0 != key) {
        made.push((key, plans.clone()));
    }
    plans
}

impl Plans {
    /// Returns the scratch length that the transform needs.
    pub fn work(&self) -> usize {
        self.forward.get_inplace_scratch_len()
    }

    /// Computes the band of real samples, which `pairs` holds in twos and loses. `work` holds
    /// [`Self::work`].
    pub fn bins(&self, pairs: &mut [Complex32], work: &mut [Complex32]) -> Vec<Complex32> {
        self.forward.process_with_scratch(pairs, work);
        let (half, Range { start: lo, end: hi }) = (pairs.len(), self.band.clone());
        // Bin k and bin half − k make one bin of the whole.
        let low = pairs.get(lo..hi).unwrap_or(&[]);
        let mirrored = pairs.get(half + 1 - hi..half + 1 - lo).unwrap_or(&[]);
        let both = low.iter().zip(mirrored.iter().rev()).zip(self.turns.iter());
        both.map(|((z, m), turn)| {
            let m = m.conj();
            let odd = (z - m) * turn;
            // (z − m) / 2i, turned: multiplied by −i.
            0.5 * (z + m + Complex32::new(odd.im, -odd.re))
        })
        .collect()
    }
}

/// Returns Σ_j a[j + shift] b[j] at index `shift`, modulo the length.
pub(super) fn correlation(a: &[f32], b: &[f32], portable: bool) -> Vec<f32> {
    let n = (a.len() + b.len() + 1).next_power_of_two();
    let at = |x: &[f32], i: usize| x.get(i).copied().unwrap_or(0.0);
    let mut both: Vec<Complex32> = (0..n).map(|i| Complex32::new(at(a, i), at(b, i))).collect();
    plan(n, FftDirection::Forward, portable).process(&mut both);
    // The spectra of a, the real part, and b, the imaginary, are told apart by their symmetries.
    let mut product: Vec<Complex32> = (0..n)
        .map(|k| {
            let (z, m) = (both[k], both[(n - k) % n].conj());
            let (a, b) = (z + m, z - m);
            // (a / 2) · conj(b / 2i)
            let c = a * b.conj();
            Complex32::new(-c.im, c.re) * (0.25 / n as f32)
        })
        .collect();
    plan(n, FftDirection::Inverse, portable).process(&mut product);
    product.into_iter().map(|x| x.re).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_those_of_the_definition() {
        for (n, portable) in [(8, false), (64, true), (100, false)] {
            let x: Vec<f32> = (0..n).map(|i| ((i * i) as f32 * 0.37).sin()).collect();
            let plans = plans(n, 1..n / 2, portable);
            let mut pairs: Vec<Complex32> = x.as_chunks().0.iter().map(|&[a, b]| Complex32::new(a, b)).collect();
            let bins = plans.bins(&mut pairs, &mut vec![Complex32::default(); plans.work()]);
            for (k, bin) in (1..).zip(bins) {
                let turn = |i: usize| -std::f32::consts::TAU * (i * k % n) as f32 / n as f32;
                let want: Complex32 = x.iter().enumerate().map(|(i, &v)| Complex32::from_polar(v, turn(i))).sum();
                assert!((bin - want).norm() < 1e-3, "bin {k} of {n}: {bin} {want}");
            }
        }
    }

    #[test]
    fn the_correlation_is_the_sum_of_products_at_each_shift() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0], [1.0, 0.5]);
        for portable in [false, true] {
            let c = correlation(&a, &b, portable);
            let want = |shift: i64| -> f32 {
                (0..2i64)
                    .filter_map(|j| usize::try_from(j + shift).ok().and_then(|i| a.get(i)).map(|x| x * b[j as usize]))
                    .sum()
            };
            for shift in -1..4i64 {
                let got = c[shift.rem_euclid(c.len() as i64) as usize];
                assert!((got - want(shift)).abs() < 1e-5, "{shift}");
            }
        }
    }
}
