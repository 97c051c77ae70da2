//! How much of a moment of one track is another track's sound.
//!
//! realfft does not fit: the short transforms take two windows at once, and `portable` needs
//! rustfft's scalar planner, which realfft does not take.

use std::sync::Arc;

use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner, FftPlannerScalar};

use crate::track::Narrowband;

/// Samples that are compared at once: 256 ms at 8 kHz.
pub(super) const WINDOW: usize = 2048;
/// Where an echo is looked for about a lag that is known: 128 ms to either side.
const AROUND: usize = 1024;
const _: () = assert!(WINDOW + 2 * AROUND == 4096);
/// ... and where none is known: it arrives up to a second late, and a placement that is sure of
/// itself may be off by 50 ms.
const LATE: usize = 8000;
const EARLY: usize = 400;
/// Samples and step of the short spectra over which a window's coherence is averaged.
const SHORT: usize = 256;
const STEP: usize = SHORT / 2;
/// Spectra of a window.
const FRAMES: usize = (WINDOW - SHORT) / STEP + 1;
/// The band of the telephone, 300 to 3400 Hz, in bins of a transform of so many points.
const fn band(points: usize) -> std::ops::Range<usize> {
    300 * points / 8000 + 1..3400 * points / 8000 + 1
}
/// Peaks lower than this, over the lags' noise, are not looked at.
pub(super) const MIN_Z: f32 = 4.0;
/// Of so many lags one tells how high chance is: a median of 512 and more is known to 5 %.
const FEW: usize = 4;
/// Stretches of a track that are looked at for its noise.
const NOISE_FRAMES: usize = 512;

/// One moment of a track as far as another explains it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Echo {
    /// Height of the correlation's peak over the noise of all lags; infinite where more than half
    /// is explained at the lag that was expected, and none was looked for.
    pub z: f32,
    /// Samples by which the echo is late.
    pub lag: i32,
    /// Power of the echo over that of its source.
    pub gain: f32,
    /// Power that is explained, and power in all, of a short spectrum in the band.
    pub explained: f32,
    pub power: f32,
}

/// A track from one of its samples on; before the first it is silent.
#[derive(Clone, Copy)]
pub(super) struct EchoBlock<'a> {
    pub track: &'a dyn Narrowband,
    pub at: i64,
}

/// Transforms and room for them.
pub(super) struct EchoFinder {
    short: Arc<dyn Fft<f32>>,
    /// Forward and back, for one reach of lags.
    long: (Arc<dyn Fft<f32>>, Arc<dyn Fft<f32>>),
    /// The latest lag that is looked for, in samples after the one in the middle.
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
    /// For echoes of any delay, and placements that may be wrong by so many samples; more is
    /// searched where a transform has room for it.
    pub fn anywhere(wrong_by: usize, portable: bool) -> Self {
        let points = (WINDOW + LATE + EARLY + 2 * wrong_by).next_power_of_two();
        let slack = (points - WINDOW - LATE - EARLY) / 2;
        Self::new(points, LATE + slack, portable)
    }

    /// For echoes about a lag that is known.
    pub fn nearby(portable: bool) -> Self {
        Self::new(WINDOW + 2 * AROUND, AROUND, portable)
    }

    fn new(points: usize, late: usize, portable: bool) -> Self {
        let plan = |points: usize, inverse: bool| match (portable, inverse) {
            (true, false) => FftPlannerScalar::new().plan_fft_forward(points),
            (true, true) => FftPlannerScalar::new().plan_fft_inverse(points),
            (false, false) => FftPlanner::new().plan_fft_forward(points),
            (false, true) => FftPlanner::new().plan_fft_inverse(points),
        };
        let (short, long) = (plan(SHORT, false), (plan(points, false), plan(points, true)));
        let scratch = [&short, &long.0, &long.1].iter().map(|fft| fft.get_inplace_scratch_len()).max().unwrap_or(0);
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

    /// How the window of `hearer` from sample `at` on repeats `talker` about its sample `there`, at
    /// one of the lags `expected` if it does there, the first of which lies in the middle of what
    /// is searched (0 without any). `None` where the talker is not the louder of the two, or
    /// nothing of it is found.
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

    /// Where in `b` the window `a` is found, and how far that stands out.
    ///
    /// Both spectra at once as one complex transform; their product is divided by its magnitude to
    /// the power of 3/4, so that the strongest harmonics do not speak for all, and what is left is
    /// the correlation by lag.
    fn peak(&mut self) -> Option<(usize, f32)> {
        let n = self.b.len();
        self.work.clear();
        self.work.extend(self.b.iter().map(|&b| Complex32::new(0.0, b)));
        for ((z, a), taper) in self.work.iter_mut().zip(&self.a).zip(&self.long_taper) {
            z.re = a * taper;
        }
        self.long.0.process_with_scratch(&mut self.work, &mut self.scratch);
        for k in 1..n / 2 {
            let product = if band(n).contains(&k) {
                let (a, b) = apart(self.work[k], self.work[n - k]);
                let product = b * a.conj();
                let size = (product.norm_sqr()).sqrt();
                product / (size * size.sqrt()).sqrt().max(f32::MIN_POSITIVE)
            } else {
                Complex32::default()
            };
            (self.work[k], self.work[n - k]) = (product, product.conj());
        }
        (self.work[0], self.work[n / 2]) = (Complex32::default(), Complex32::default());
        self.long.1.process_with_scratch(&mut self.work, &mut self.scratch);
        let lags = &self.work[..n - WINDOW];
        let height = lags.iter().fold(0.0f32, |most, c| most.max(c.re.abs()));
        let start = lags.iter().position(|c| c.re.abs() >= height)?;
        self.heights.clear();
        self.heights.extend(lags.iter().step_by(FEW).map(|c| c.re.abs()));
        let middle = self.heights.len() / 2;
        let (_, median, _) = self.heights.select_nth_unstable_by(middle, f32::total_cmp);
        // The median of what is normally distributed is 0.6745 standard deviations.
        (*median > 0.0).then(|| (start, height * 0.6745 / *median))
    }

    /// What `b` from `start` on, an echo at `lag`, explains of `a`: coherence over the window's
    /// short spectra.
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

    /// Power of a short spectrum in the band where a track is quietest: the mean of the lowest
    /// eighth of frames spread over it, digital silence left out.
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

fn energy(x: &[f32]) -> f32 {
    x.iter().map(|x| x * x).sum()
}

/// The energy of the loudest window, to half a window.
fn loudest(x: &[f32]) -> f32 {
    let halves: Vec<f32> = x.chunks(WINDOW / 2).map(energy).collect();
    halves.windows(2).map(|pair| pair[0] + pair[1]).fold(0.0, f32::max)
}

/// The spectra of two real signals from one transform, of the first as real and the second as
/// imaginary part.
fn apart(here: Complex32, mirrored: Complex32) -> (Complex32, Complex32) {
    let mirrored = mirrored.conj();
    let (sum, difference) = (here + mirrored, here - mirrored);
    (sum * 0.5, Complex32::new(difference.im, -difference.re) * 0.5)
}

/// A bell over `points` samples, (1 − t²)²: as smooth as Hann's, without a cosine.
fn taper(points: usize) -> Vec<f32> {
    let bell = |k: usize| {
        let t = (2 * k + 1) as f32 / points as f32 - 1.0;
        (1.0 - t * t) * (1.0 - t * t)
    };
    (0..points).map(bell).collect()
}

/// Reads samples from a position that may lie before the track.
fn read(track: &dyn Narrowband, from: i64, out: &mut [f32]) {
    let before = usize::try_from(from.min(0).unsigned_abs()).unwrap_or(usize::MAX).min(out.len());
    let (silence, rest) = out.split_at_mut(before);
    silence.fill(0.0);
    track.read(usize::try_from(from).unwrap_or(0), rest);
}
