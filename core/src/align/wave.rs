//! Prepares samples for correlation (half the rate, leveled in time and frequency), and finds the
//! lags at which they agree.

use std::ops::Range;

use num_complex::Complex32;

use super::fft::{Plans, plans};
use crate::track::Narrowband;

/// Sample rate of the comparison. Speech is strongest below 1.8 kHz, and half the samples take half
/// the time.
pub(super) const RATE: usize = 4_000;
/// Samples of a 10 ms frame.
pub(super) const FRAME: usize = RATE / 100;
/// Band that is compared, in hertz: above mains hum and its strongest harmonics, below the edge of
/// the halving filter.
const BAND_HZ: (f32, f32) = (320.0, 1_780.0);
/// Width over which the spectrum is leveled, in hertz. It levels formants and preserves the pitch's
/// harmonics.
const SMOOTH_HZ: f32 = 20.0;
/// Half-band filter: weights of the odd neighbours at ±1, ±3, … samples (Hamming-windowed sinc, 23
/// taps).
const HALF_BAND: [f32; 6] = [0.313_3, -0.091_8, 0.041_96, -0.019_14, 0.007_6, -0.002_77];

/// Samples halved at once, so that their neighbors stay in the CPU's cache.
const ROOM: usize = 4096;

/// Reads samples at [`RATE`] from position `from`, in samples at that rate. There are zeros outside
/// the track.
pub(super) fn read_halved(track: &dyn Narrowband, from: i64, out: &mut [f32], scratch: &mut Vec<f32>) {
    for (k, part) in out.chunks_mut(ROOM).enumerate() {
        halve(track, from + (k * ROOM) as i64, part, scratch);
    }
}

fn halve(track: &dyn Narrowband, from: i64, out: &mut [f32], scratch: &mut Vec<f32>) {
    let margin = 2 * HALF_BAND.len() as i64;
    let wide = 2 * out.len() + 2 * margin as usize;
    scratch.resize(wide, 0.0);
    let first = 2 * from - margin;
    let skip = usize::try_from(-first).unwrap_or(0).min(wide);
    scratch[..skip].fill(0.0);
    track.read(usize::try_from(first).unwrap_or(0), &mut scratch[skip..]);
    let pairs = scratch.as_chunks::<2>().0;
    let odd: Vec<f32> = pairs.iter().map(|p| p[1]).collect();
    let (reach, len) = (HALF_BAND.len(), out.len());
    for (o, p) in out.iter_mut().zip(&pairs[reach..]) {
        *o = 0.5 * p[0];
    }
    // All neighbours in one pass; slices of one length, so that the loop works on several samples
    // at a time.
    let around = |k: usize| [&odd[reach - 1 - k..][..len], &odd[reach + k..][..len]];
    let [n0, n1, n2, n3, n4, n5]: [[&[f32]; 2]; HALF_BAND.len()] = std::array::from_fn(around);
    let [h0, h1, h2, h3, h4, h5] = HALF_BAND;
    for i in 0..len {
        let near = out[i] + h0 * (n0[0][i] + n0[1][i]) + h1 * (n1[0][i] + n1[1][i]) + h2 * (n2[0][i] + n2[1][i]);
        out[i] = near + h3 * (n3[0][i] + n3[1][i]) + h4 * (n4[0][i] + n4[1][i]) + h5 * (n5[0][i] + n5[1][i]);
    }
}

/// Divides samples by a power of their own running level, so that loud parts do not drown out faint
/// ones.
///
/// The level is the energy of 10 ms frames smoothed over 50 ms, and samples are multiplied by
/// energy^(−3/4). Nothing below `floor` (mean square) is raised: a fade at the edge of a recording
/// is not a faint voice.
pub(super) fn level_in_time(x: &mut [f32], floor: f32) {
    let energy: Vec<f32> = x.chunks(FRAME).map(|f| f.iter().map(|s| s * s).sum::<f32>() / f.len() as f32).collect();
    let gain = |i: usize| {
        let (s, e) = (i.saturating_sub(2), (i + 3).min(energy.len()));
        let mean = energy[s..e].iter().sum::<f32>() / (e - s) as f32;
        let mean = mean.max(floor);
        1.0 / (mean * mean.sqrt()).sqrt()
    };
    let gains: Vec<f32> = (0..energy.len()).map(gain).collect();
    for (f, &g) in x.chunks_mut(FRAME).zip(&gains) {
        for s in f {
            *s *= g;
        }
    }
}

/// How strongly a spectrum is whitened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Whitening {
    /// The talker: amplitude over the square root of its own smooth spectrum.
    Talker,
    /// The hearer: a matched filter in its own noise, slightly tempered.
    Hearer,
}

/// A lag at which two stretches agree, with its height over the noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Peak {
    /// Samples at [`RATE`] by which the hearer is later.
    pub lag: f64,
    /// Height over the median of all lags, in standard deviations of chance.
    pub z: f32,
}

/// Makes the plans of a transform length, with all threads. Otherwise the threads that need them
/// would all make them.
pub(super) fn prepare(n: usize, portable: bool) {
    plans(n, band(n), portable);
}

/// Returns the bins of the band in a transform of `n` samples.
fn band(n: usize) -> Range<usize> {
    let bin = |hz: f32| (hz * n as f32 / RATE as f32) as usize;
    bin(BAND_HZ.0)..bin(BAND_HZ.1)
}

/// Plans and buffers for one transform length.
pub(super) struct Correlator {
    n: usize,
    plans: Plans,
    work: Vec<Complex32>,
    /// The product of two spectra; before that, the samples of one, in twos.
    product: Vec<Complex32>,
    sorted: Vec<f32>,
    scratch: Vec<f32>,
    /// Squared envelope of the last correlation, one per [`STEP`] samples.
    envelope: Vec<f32>,
    /// The lag of its first value, in steps.
    first: usize,
}

/// Samples at [`RATE`] between two lags of the correlation's envelope.
pub(super) const STEP: usize = 2;

/// A levelled spectrum of the band.
pub(super) type Spectrum = Vec<Complex32>;

impl Correlator {
    /// Creates a correlator for stretches of `n` samples at [`RATE`] (even). With `portable`, it
    /// computes the same bits on every CPU.
    pub fn new(n: usize, portable: bool) -> Self {
        let plans = plans(n, band(n), portable);
        Self {
            n,
            work: vec![Complex32::default(); plans.work()],
            product: vec![Complex32::default(); n / 2],
            sorted: Vec::new(),
            scratch: Vec::new(),
            envelope: Vec::new(),
            first: 0,
            plans,
        }
    }

    /// Returns the length of a stretch in samples at [`RATE`].
    pub const fn len(&self) -> usize {
        self.n
    }

    /// Returns the leveled spectrum of `len` samples from `from`, padded with zeros. `shape` may
    /// modify them first.
    pub fn spectrum(
        &mut self,
        track: &dyn Narrowband,
        from: i64,
        len: usize,
        whitening: Whitening,
        shape: impl FnOnce(&mut [f32]),
    ) -> Spectrum {
        let (samples, beyond) = bytemuck::cast_slice_mut(&mut self.product).split_at_mut(len.min(self.n));
        read_halved(track, from, samples, &mut self.scratch);
        beyond.fill(0.0);
        shape(samples);
        let mut bins = self.plans.bins(&mut self.product, &mut self.work);
        let width = ((SMOOTH_HZ * self.n as f32 / RATE as f32) as usize).max(1);
        for band in bins.chunks_mut(width) {
            let power = band.iter().map(Complex32::norm_sqr).sum::<f32>() / band.len() as f32;
            let gain = match (whitening, power > 0.0) {
                (_, false) => 0.0,
                (Whitening::Talker, _) => 1.0 / power.sqrt().sqrt(),
                (Whitening::Hearer, _) => 1.0 / (power * power.sqrt()).sqrt(),
            };
            for b in band {
                *b *= gain;
            }
        }
        bins
    }

    /// Correlates two spectra of this correlator. The lags in `valid`, in samples, count.
    pub fn correlate(&mut self, talker: &Spectrum, hearer: &Spectrum, valid: Range<usize>) {
        let m = self.n / STEP;
        let product = &mut self.product[..m];
        for ((p, t), h) in product.iter_mut().zip(talker).zip(hearer) {
            *p = t * h.conj();
        }
        product[talker.len().min(hearer.len())..].fill(Complex32::default());
        quieten_tones(&mut product[..talker.len().min(hearer.len())], self.n);
        self.plans.forward.process_with_scratch(product, &mut self.work);
        self.envelope.clear();
        self.first = (valid.start / STEP).min(m);
        let end = (valid.end / STEP).clamp(self.first, m);
        self.envelope.extend(product[self.first..end].iter().map(Complex32::norm_sqr));
    }

    /// Returns the conjugate of a spectrum's signal, one complex sample per [`STEP`].
    pub fn baseband(&mut self, spectrum: &Spectrum) -> Vec<Complex32> {
        let mut out: Vec<Complex32> = spectrum.iter().map(Complex32::conj).collect();
        out.resize(self.n / STEP, Complex32::default());
        self.plans.forward.process_with_scratch(&mut out, &mut self.work);
        out
    }

    /// Returns the highest places of the last correlation, best first: at most `most`, and at least
    /// `apart` samples from each other.
    pub fn peaks(&mut self, most: usize, apart: usize) -> Vec<Peak> {
        let units = self.noise_units();
        let e = &self.envelope;
        let is_top = |i: usize| e[i] >= e[i.saturating_sub(1)] && e.get(i + 1).is_none_or(|&n| e[i] > n);
        let mut tops: Vec<(usize, f32)> = Vec::new();
        for ((part, unit), first) in e.chunks(NOISE_STEPS).zip(units).zip((0..).step_by(NOISE_STEPS)) {
            let high = part.iter().enumerate().filter(|(_, value)| **value > 25.0 * unit);
            let high = high.map(|(i, value)| (first + i, (value / unit).sqrt()));
            tops.extend(high.filter(|(i, _)| is_top(*i)));
        }
        tops.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let mut peaks: Vec<Peak> = Vec::new();
        for (i, z) in tops {
            let lag = ((self.first + i) as f64 + vertex(e, i)) * STEP as f64;
            if peaks.iter().all(|p| (p.lag - lag).abs() >= apart as f64) {
                peaks.push(Peak { lag, z });
                if peaks.len() == most {
                    break;
                }
            }
        }
        peaks
    }

    /// Returns the power of chance around each lag: the greatest of the medians over half a second
    /// at it, before it, after it and over all lags.
    ///
    /// A stretch that lies partly beyond a track, or on its silence, agrees less by chance.
    fn noise_units(&mut self) -> Vec<f32> {
        // The square of a Rayleigh variable has its median at 2 ln 2.
        let mut unit = |e: &[f32]| {
            self.sorted.clear();
            self.sorted.extend_from_slice(e);
            let middle = e.len() / 2;
            *self.sorted.select_nth_unstable_by(middle, f32::total_cmp).1 / (2.0 * std::f32::consts::LN_2)
        };
        let local: Vec<f32> = self.envelope.chunks(NOISE_STEPS).map(&mut unit).collect();
        let all = if local.is_empty() { 0.0 } else { unit(&local) };
        let around = |i: usize| local[i.saturating_sub(1)..(i + 2).min(local.len())].iter().fold(all, |a, &b| a.max(b));
        (0..local.len()).map(around).map(|u| u.max(f32::MIN_POSITIVE)).collect()
    }
}

/// Steps of lag over which chance is measured: half a second.
const NOISE_STEPS: usize = RATE / STEP / 2;

/// Attenuates bands that contain far more power than the others. A tone agrees with itself at every
/// lag.
fn quieten_tones(product: &mut [Complex32], n: usize) {
    /// Limit as a multiple of the median band.
    const MAX: f32 = 8.0;
    let width = ((SMOOTH_HZ * n as f32 / RATE as f32) as usize).max(1);
    let power: Vec<f32> = product.chunks(width).map(|b| b.iter().map(Complex32::norm_sqr).sum()).collect();
    let mut sorted = power.clone();
    let middle = sorted.len() / 2;
    if sorted.is_empty() {
        return;
    }
    let most = MAX * *sorted.select_nth_unstable_by(middle, f32::total_cmp).1;
    for (band, &p) in product.chunks_mut(width).zip(&power).filter(|x| *x.1 > most) {
        let gain = (most / p).sqrt();
        band.iter_mut().for_each(|b| *b *= gain);
    }
}

/// Returns the vertex of the parabola through a maximum and its neighbors, from −0.5 to 0.5.
fn vertex(e: &[f32], i: usize) -> f64 {
    let (Some(&a), Some(&c)) = (i.checked_sub(1).and_then(|j| e.get(j)), e.get(i + 1)) else {
        return 0.0;
    };
    let (a, b, c) = (f64::from(a).sqrt(), f64::from(e[i]).sqrt(), f64::from(c).sqrt());
    let bend = a - 2.0 * b + c;
    if bend < 0.0 { (0.5 * (a - c) / bend).clamp(-0.5, 0.5) } else { 0.0 }
}

/// Returns how well a stretch of a talker's baseband agrees with a hearer's `place` steps later,
/// within a step either way.
pub(super) fn agreement(talker: &[Complex32], hearer: &[Complex32], stretch: Range<usize>, place: usize) -> f32 {
    let mut best = 0.0f32;
    for p in place.saturating_sub(1)..=place + 1 {
        let later = hearer.get(stretch.start + p..).unwrap_or(&[]);
        let own = talker.get(stretch.clone()).unwrap_or(&[]);
        let sum: Complex32 = own.iter().zip(later).map(|(t, h)| t.conj() * h).sum();
        best = best.max(sum.norm_sqr());
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise of a fixed sequence.
    fn noise(n: usize) -> Vec<f32> {
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 40) as f32 / 16_777_216.0 - 0.5) * 0.2
        };
        (0..n).map(|_| next()).collect()
    }

    #[test]
    fn halving_keeps_time_and_the_band_and_drops_what_would_fold() {
        let tone = |hz: f32| -> Vec<f32> {
            (0..8_000).map(|i| (std::f32::consts::TAU * hz * i as f32 / 8_000.0).sin()).collect()
        };
        let mut scratch = Vec::new();
        let mut out = vec![0.0; 1_000];
        read_halved(&tone(1_000.0).as_slice(), 100, &mut out, &mut scratch);
        for (i, &o) in out.iter().enumerate() {
            let want = (std::f32::consts::TAU * 1_000.0 * (100 + i) as f32 / 4_000.0).sin();
            assert!((o - want).abs() < 0.02, "{i}: {o} {want}");
        }
        read_halved(&tone(3_300.0).as_slice(), 100, &mut out, &mut scratch);
        assert!(out.iter().all(|o| o.abs() < 0.02));
    }

    #[test]
    fn outside_a_track_is_silence() {
        let x = vec![1.0f32; 100];
        let mut out = vec![9.0; 100];
        read_halved(&x.as_slice(), -40, &mut out, &mut Vec::new());
        assert!(out[..30].iter().all(|&o| o == 0.0) && out[60] > 0.9);
        assert!(out[96..].iter().all(|&o| o == 0.0));
    }

    #[test]
    fn a_faint_copy_in_noise_is_found_to_a_fraction_of_a_sample() {
        let (voice, other) = (noise(70_000), noise(150_000));
        // 41 dB down, 1003 samples of 8 kHz later; the other track's own noise is moved so that it
        // is another one.
        let hearer: Vec<f32> = (0..100_000)
            .map(|i| {
                other[i + 50_000]
                    + 0.009 * i.checked_sub(1_003).and_then(|j| voice.get(j)).copied().unwrap_or(0.0) * 10.0
            })
            .collect();
        let mut c = Correlator::new(32_768, false);
        let t = c.spectrum(&voice.as_slice(), 0, 16_384, Whitening::Talker, |_| {});
        let h = c.spectrum(&hearer.as_slice(), 0, 32_768, Whitening::Hearer, |x| level_in_time(x, 1e-9));
        c.correlate(&t, &h, 0..16_384);
        let peaks = c.peaks(3, 100);
        assert!((peaks[0].lag - 501.5).abs() < 0.3 && peaks[0].z > 6.0, "{peaks:?}");
        assert!(peaks.get(1).is_none_or(|p| p.z < 6.0), "{peaks:?}");
    }

    #[test]
    fn silence_has_no_peaks() {
        let quiet = vec![0.0f32; 40_000];
        let mut c = Correlator::new(16_384, true);
        let t = c.spectrum(&quiet.as_slice(), 0, 8_192, Whitening::Talker, |_| {});
        let h = c.spectrum(&quiet.as_slice(), 0, 16_384, Whitening::Hearer, |x| level_in_time(x, 1e-9));
        c.correlate(&t, &h, 0..8_192);
        assert!(c.peaks(3, 100).is_empty());
    }
}
