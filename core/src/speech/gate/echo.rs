//! Measures how much of one track is an echo of another.
//!
//! Uses rustfft rather than realfft for two reasons: one complex transform computes two short
//! windows at once, and `portable` needs rustfft's scalar planner, which realfft does not accept.

use std::sync::Arc;

use fearless_simd::{Level, Simd, SimdBase, SimdFloat, dispatch, f32x16};
use num_complex::Complex32;
use rustfft::{Fft, FftPlanner, FftPlannerScalar};

use crate::track::Narrowband;

/// Samples compared at once: 256 ms at 8 kHz.
pub(super) const WINDOW: usize = 2048;
/// Search range around a known lag: 128 ms to either side.
const AROUND: usize = 1024;
const _: () = assert!(WINDOW + 2 * AROUND == 4096);
/// Search range with no known lag. An echo arrives up to a second late, and even a placement with
/// high confidence may be off by 50 ms.
const LATE: usize = 8000;
const EARLY: usize = 400;
/// Length and step, in samples, of the short spectra over which a window's coherence is averaged.
const SHORT: usize = 256;
const STEP: usize = SHORT / 2;
/// Short spectra per window.
const FRAMES: usize = (WINDOW - SHORT) / STEP + 1;
/// Returns the telephone band, 300 to 3400 Hz, in bins of a transform with this many points.
const fn band(points: usize) -> std::ops::Range<usize> {
    300 * points / 8000 + 1..3400 * points / 8000 + 1
}
/// Lowest peak considered, in multiples of the lags' noise.
pub(super) const MIN_Z: f32 = 4.0;
/// One in this many lags is enough to measure the noise: a median of 512 or more is accurate to 5
/// %.
const FEW: usize = 4;
/// Frames of a track sampled to measure its noise.
const NOISE_FRAMES: usize = 512;

/// The part of one window that another track explains.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Echo {
    /// Height of the correlation's peak over the noise of all lags. Infinite if more than half is
    /// explained at the expected lag, so that no search was needed.
    pub z: f32,
    /// Delay of the echo in samples.
    pub lag: i32,
    /// Power of the echo relative to its source.
    pub gain: f32,
    /// Explained power and total power of a short spectrum in the band.
    pub explained: f32,
    pub power: f32,
}

impl Echo {
    /// Returns the power of the source, of a short spectrum in the band.
    pub fn talker_power(&self) -> f32 {
        self.explained / self.gain.max(f32::MIN_POSITIVE)
    }
}

/// A track from one of its samples on. It is silent before its first sample.
#[derive(Clone, Copy)]
pub(super) struct EchoBlock<'a> {
    pub track: &'a dyn Narrowband,
    pub at: i64,
}

/// Transforms and buffers for finding echoes. Clones share the transforms.
#[derive(Clone)]
pub(super) struct EchoFinder {
    short: Arc<dyn Fft<f32>>,
    /// The transform for one search range.
    long: Arc<dyn Fft<f32>>,
    /// Latest lag searched, in samples after the middle one.
    late: i32,
    short_taper: Vec<f32>,
    long_taper: Vec<f32>,
    a: Vec<f32>,
    b: Vec<f32>,
    work: Vec<Complex32>,
    scratch: Vec<Complex32>,
    heights: Vec<f32>,
}

impl EchoFinder {
    /// Creates a finder for echoes of any delay, with placements that may be off by `wrong_by`
    /// samples. Searches farther if the transform has room.
    pub fn anywhere(wrong_by: usize, portable: bool) -> Self {
        let points = (WINDOW + LATE + EARLY + 2 * wrong_by).next_power_of_two();
        let slack = (points - WINDOW - LATE - EARLY) / 2;
        Self::new(points, LATE + slack, portable)
    }

    /// Creates a finder for echoes around a known lag.
    pub fn nearby(portable: bool) -> Self {
        Self::new(WINDOW + 2 * AROUND, AROUND, portable)
    }

    fn new(points: usize, late: usize, portable: bool) -> Self {
        let plan = |points: usize| match portable {
            true => FftPlannerScalar::new().plan_fft_forward(points),
            false => FftPlanner::new().plan_fft_forward(points),
        };
        let (short, long) = (plan(SHORT), plan(points));
        let scratch = short.get_inplace_scratch_len().max(long.get_inplace_scratch_len());
        Self {
            short,
            long,
            late: late as i32,
            short_taper: taper(SHORT),
            long_taper: taper(WINDOW),
            a: vec![0.0; WINDOW],
            b: vec![0.0; points],
            work: Vec::with_capacity(points),
            scratch: vec![Complex32::default(); scratch],
            heights: Vec::with_capacity((points - WINDOW).div_ceil(FEW)),
        }
    }

    /// Finds the echo of `talker` in the window of `hearer` at `at`, which corresponds to
    /// `talker`'s sample `there`.
    ///
    /// Tries the lags `expected` first; the search is centered on the first of them, or on 0.
    /// Returns `None` if `talker` is not the louder of the two, or no echo is found.
    pub fn echo(&mut self, hearer: EchoBlock, talker: EchoBlock, expected: &[i32]) -> Option<Echo> {
        let late = self.late + expected.first().copied().unwrap_or(0);
        read(hearer.track, hearer.at, &mut self.a);
        read(talker.track, talker.at.saturating_sub(i64::from(late)), &mut self.b);
        let heard = energy(&self.a);
        if heard <= 0.0 || loudest(&self.b) < heard {
            return None;
        }
        for &lag in expected {
            let start = usize::try_from(late - lag).ok().filter(|start| start + WINDOW <= self.b.len());
            let echo = start.map(|start| self.explain(start, lag, f32::INFINITY));
            if let Some(echo) = echo.filter(|echo| echo.explained > 0.5 * echo.power) {
                return Some(echo);
            }
        }
        let (start, z) = self.peak()?;
        (z >= MIN_Z).then(|| self.explain(start, late - start as i32, z))
    }

    /// Finds the lag at which window `a` occurs in `b`, and how far its peak stands out.
    ///
    /// One complex transform computes both spectra. Their product is divided by its magnitude to
    /// the power of 3/4, so that the strongest harmonics do not dominate. Its inverse is the
    /// correlation by lag.
    fn peak(&mut self) -> Option<(usize, f32)> {
        let n = self.b.len();
        self.work.clear();
        self.work.extend(self.b.iter().map(|&b| Complex32::new(0.0, b)));
        for ((z, a), taper) in self.work.iter_mut().zip(&self.a).zip(&self.long_taper) {
            z.re = a * taper;
        }
        self.long.process_with_scratch(&mut self.work, &mut self.scratch);
        let band = band(n);
        let (low, high) = self.work.split_at_mut(n / 2);
        let (here, mirrored) = (&mut low[band.clone()], &mut high[n / 2 + 1 - band.end..=n / 2 - band.start]);
        dispatch!(Level::new(), cpu => whiten(cpu, here, mirrored));
        self.work[..band.start].fill(Complex32::default());
        self.work[band.end..=n - band.end].fill(Complex32::default());
        self.work[n - band.start + 1..].fill(Complex32::default());
        self.long.process_with_scratch(&mut self.work, &mut self.scratch);
        let lags = &self.work[..n - WINDOW];
        let height = highest(lags);
        let start = lags.iter().position(|c| c.re.abs() >= height)?;
        self.heights.clear();
        self.heights.extend(lags.iter().step_by(FEW).map(|c| c.re.abs()));
        let middle = self.heights.len() / 2;
        let (_, median, _) = self.heights.select_nth_unstable_by(middle, f32::total_cmp);
        // The median of what is normally distributed is 0.6745 standard deviations.
        (*median > 0.0).then(|| (start, height * 0.6745 / *median))
    }

    /// Measures how much of `a` is explained by `b` from `start` on, as an echo at `lag`: the
    /// coherence over the window's short spectra.
    fn explain(&mut self, start: usize, lag: i32, z: f32) -> Echo {
        let mut sums = [(0.0f32, 0.0f32, Complex32::default()); SHORT / 2];
        for frame in 0..FRAMES {
            let at = frame * STEP;
            self.work.clear();
            self.work.extend((0..SHORT).map(|k| {
                let taper = self.short_taper[k];
                Complex32::new(self.a[at + k] * taper, self.b[start + at + k] * taper)
            }));
            self.short.process_with_scratch(&mut self.work, &mut self.scratch);
            for k in band(SHORT) {
                let (a, b) = apart(self.work[k], self.work[SHORT - k]);
                let sum = &mut sums[k];
                sum.0 += a.norm_sqr();
                sum.1 += b.norm_sqr();
                sum.2 += a * b.conj();
            }
        }
        let (mut power, mut talker_power, mut explained) = (0.0, f32::MIN_POSITIVE, 0.0);
        for (a, b, ab) in &sums[band(SHORT)] {
            power += a / FRAMES as f32;
            talker_power += b / FRAMES as f32;
            explained += ab.norm_sqr() / b.max(f32::MIN_POSITIVE) / FRAMES as f32;
        }
        Echo { z, lag, gain: explained / talker_power, explained, power }
    }

    /// Returns the power of a short spectrum in the band in the window of `hearer`, and in that of
    /// `talker` which an echo at `lag` repeats there.
    pub fn powers(&mut self, hearer: EchoBlock, talker: EchoBlock, lag: i32) -> (f32, f32) {
        read(hearer.track, hearer.at, &mut self.a);
        read(talker.track, talker.at.saturating_sub(i64::from(lag)), &mut self.b[..WINDOW]);
        let echo = self.explain(0, lag, f32::INFINITY);
        (echo.power, echo.talker_power())
    }

    /// Returns the noise power of a track: the mean of the lowest eighth of frames spread over it,
    /// in the band, without digital silence.
    pub fn noise(&mut self, track: &dyn Narrowband) -> f32 {
        let apart_by = (track.len() / NOISE_FRAMES).max(SHORT);
        let mut powers: Vec<f32> = (0..track.len() / apart_by).map(|n| self.power_at(track, n * apart_by)).collect();
        powers.retain(|&p| p > 0.0);
        powers.sort_by(f32::total_cmp);
        powers.truncate(powers.len().div_ceil(8));
        powers.iter().sum::<f32>() / powers.len().max(1) as f32
    }

    fn power_at(&mut self, track: &dyn Narrowband, at: usize) -> f32 {
        track.read(at, &mut self.a[..SHORT]);
        self.work.clear();
        self.work.extend((0..SHORT).map(|k| Complex32::new(self.a[k] * self.short_taper[k], 0.0)));
        self.short.process_with_scratch(&mut self.work, &mut self.scratch);
        self.work[band(SHORT)].iter().map(Complex32::norm_sqr).sum()
    }
}

/// Bins whitened at once.
const ROW: usize = 16;

/// Replaces the spectrum of two signals in one by the whitened spectrum of their correlation, which
/// is real, with each bin exchanged with its mirror image: so the forward transform is the inverse
/// one.
#[inline(always)]
fn whiten<S: Simd>(cpu: S, here: &mut [Complex32], mirrored: &mut [Complex32]) {
    for (here, mirrored) in here.chunks_mut(ROW).zip(mirrored.rchunks_mut(ROW)) {
        let bins = row(cpu, here.iter());
        let [re, im] = whitened(cpu, bins, row(cpu, mirrored.iter().rev())).map(|part| part.to_array());
        let both = here.iter_mut().zip(mirrored.iter_mut().rev()).zip(re.into_iter().zip(im));
        both.for_each(|((here, mirrored), (re, im))| {
            (*here, *mirrored) = (Complex32::new(re, -im), Complex32::new(re, im));
        });
    }
}

/// Returns the real and the imaginary parts of at most [`ROW`] bins, and zeros after them.
#[inline(always)]
fn row<'a, S: Simd>(cpu: S, bins: impl Iterator<Item = &'a Complex32>) -> [f32x16<S>; 2] {
    let mut parts = [[0.0; ROW]; 2];
    for (i, bin) in bins.take(ROW).enumerate() {
        (parts[0][i], parts[1][i]) = (bin.re, bin.im);
    }
    parts.map(|part| f32x16::load_array(cpu, part))
}

/// Returns the whitened product of the second signal's bins with the first one's conjugate, from
/// bins of both signals in one and their mirror images. Parts are real and imaginary.
#[inline(always)]
fn whitened<S: Simd>(cpu: S, [re, im]: [f32x16<S>; 2], [mirrored_re, mirrored_im]: [f32x16<S>; 2]) -> [f32x16<S>; 2] {
    let (a_re, a_im) = ((re + mirrored_re) * 0.5, (im - mirrored_im) * 0.5);
    let (b_re, b_im) = ((im + mirrored_im) * 0.5, (mirrored_re - re) * 0.5);
    let (re, im) = (b_re * a_re + b_im * a_im, b_im * a_re - b_re * a_im);
    let size = (re * re + im * im).sqrt();
    let root = (size * size.sqrt()).sqrt().max(f32x16::splat(cpu, f32::MIN_POSITIVE));
    [re / root, im / root]
}

/// Returns the largest magnitude of real parts.
fn highest(lags: &[Complex32]) -> f32 {
    let (rows, rest) = lags.as_chunks::<ROW>();
    let mut most = [0.0f32; ROW];
    for row in rows {
        most.iter_mut().zip(row).for_each(|(most, lag)| *most = most.max(lag.re.abs()));
    }
    rest.iter().map(|lag| lag.re.abs()).chain(most).fold(0.0, f32::max)
}

/// Returns the sum of squares, in eight lanes whose order is fixed.
fn energy(x: &[f32]) -> f32 {
    let (chunks, rest) = x.as_chunks::<8>();
    let mut lanes = [0.0f32; 8];
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, x)| *lane += x * x);
    }
    lanes.into_iter().chain(rest.iter().map(|x| x * x)).sum()
}

/// Returns the energy of the loudest window, with a resolution of half a window.
fn loudest(x: &[f32]) -> f32 {
    let halves: Vec<f32> = x.chunks(WINDOW / 2).map(energy).collect();
    halves.windows(2).map(|pair| pair[0] + pair[1]).fold(0.0, f32::max)
}

/// Separates the spectra of two real signals that were transformed as the real and imaginary parts
/// of one.
fn apart(here: Complex32, mirrored: Complex32) -> (Complex32, Complex32) {
    let mirrored = mirrored.conj();
    let (sum, difference) = (here + mirrored, here - mirrored);
    (sum * 0.5, Complex32::new(difference.im, -difference.re) * 0.5)
}

/// Returns the taper (1 − t²)² over `points` samples. It is as smooth as a Hann window and needs no
/// cosine.
fn taper(points: usize) -> Vec<f32> {
    let bell = |k: usize| {
        let t = (2 * k + 1) as f32 / points as f32 - 1.0;
        (1.0 - t * t) * (1.0 - t * t)
    };
    (0..points).map(bell).collect()
}

/// Reads samples from a position that may lie before the track's first sample.
fn read(track: &dyn Narrowband, from: i64, out: &mut [f32]) {
    let before = usize::try_from(from.min(0).unsigned_abs()).unwrap_or(usize::MAX).min(out.len());
    let (silence, rest) = out.split_at_mut(before);
    silence.fill(0.0);
    track.read(usize::try_from(from).unwrap_or(0), rest);
}
