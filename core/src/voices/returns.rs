//! Detects that sound returns: the same waveform, later or earlier on the same track.
//!
//! Nobody says the same samples twice. A recording that is played again does, and what a codec and
//! the line's noise leave of its waveform is still alike. Envelopes are compared first, because
//! that is cheap.

use std::ops::Range;

use crate::track::Narrowband;

/// Samples per frame of the envelope, 10 ms.
const FRAME: usize = 80;
/// Power added to each frame, so that silence is not all that is compared (−80 dB).
const FLOOR: f32 = 1e-8;
/// Frames by which sound may return earlier or later than expected, because the detector found its
/// beginning so much apart.
const EARLY: i64 = 30;
/// Lowest correlation of the envelopes. Of recordings that are played again it is 0.9 and more.
const LIKE_ENVELOPE: f32 = 0.7;
/// Samples by which the envelope's lag may be off.
const OFF: i64 = 160;
/// Samples by which the lag may move from one piece to the next: clocks, and a jitter buffer.
const SLIP: i64 = 16;
/// Lowest normalized correlation of two waveforms. In made calls a recording that is played again
/// has 0.75 and more, other speech up to 0.4.
const LIKE: f32 = 0.5;
/// Longest piece that is compared at once, in samples: 250 ms.
const PIECE: usize = 2_000;
/// Pole of the high-pass filter (about 130 Hz), and samples in which it settles. Mains hum and a
/// constant offset are like themselves everywhere.
const HIGH_PASS: (f32, usize) = (0.9, 40);

/// A track's sound, as it is compared.
pub(super) struct SoundReturns<'a> {
    samples: &'a dyn Narrowband,
    /// Log power by frame, as far as it was needed.
    envelope: Vec<f32>,
    /// Buffers of the samples that are compared.
    piece: Vec<f32>,
    other: Vec<f32>,
}

impl<'a> SoundReturns<'a> {
    pub fn new(samples: &'a dyn Narrowband) -> Self {
        Self { samples, envelope: Vec::new(), piece: Vec::new(), other: Vec::new() }
    }

    /// Returns the lag near an expected one at which a range of samples returns, if its beginning
    /// does: by the envelope of the range, and the waveform of its loudest piece.
    pub fn lag(&mut self, range: &Range<usize>, expected: i64) -> Option<i64> {
        let near = self.envelope_lag(range, expected)?;
        let loudest = self.loudest(range);
        self.waveform_lag(&loudest, near, OFF)
    }

    /// Returns for each piece whether its waveform returns. The lag follows from piece to piece.
    pub fn returning(&mut self, pieces: &[Range<usize>], mut lag: i64) -> Vec<bool> {
        let returns = |piece: &Range<usize>| {
            let found = self.waveform_lag(piece, lag, SLIP);
            lag = found.unwrap_or(lag);
            found.is_some()
        };
        pieces.iter().map(returns).collect()
    }

    /// Returns the lag at which the envelope of a range returns.
    fn envelope_lag(&mut self, range: &Range<usize>, expected: i64) -> Option<i64> {
        let (start, count) = (range.start / FRAME, range.len() / FRAME);
        let lag = expected.div_euclid(FRAME as i64);
        let first = usize::try_from(start as i64 + lag - EARLY).unwrap_or(0);
        let last = usize::try_from(start as i64 + lag + EARLY).ok()?;
        self.extend(start.max(last) + count);
        let own = self.envelope.get(start..start + count).filter(|own| !own.is_empty())?;
        let candidates = (first..=last).filter_map(|at| {
            let other = self.envelope.get(at..at + count)?;
            Some((correlation(own, other), at))
        });
        let (like, at) = candidates.max_by(|a, b| a.0.total_cmp(&b.0))?;
        (like >= LIKE_ENVELOPE).then_some((at as i64 - start as i64) * FRAME as i64)
    }

    /// Computes the envelope up to a frame, or to the end of the track.
    fn extend(&mut self, frames: usize) {
        let frames = frames.min(self.samples.len() / FRAME);
        let mut block = [0.0; FRAME];
        for frame in self.envelope.len()..frames {
            self.samples.read(frame * FRAME, &mut block);
            let power = dot(&block, &block) / FRAME as f32;
            self.envelope.push((power + FLOOR).ln());
        }
    }

    /// Returns the piece of a range with the most power.
    fn loudest(&self, range: &Range<usize>) -> Range<usize> {
        let power = |piece: &Range<usize>| {
            let frames = self.envelope.get(piece.start / FRAME..piece.end / FRAME).unwrap_or_default();
            frames.iter().map(|log| log.exp()).sum::<f32>()
        };
        let all = pieces(range);
        all.into_iter().max_by(|a, b| power(a).total_cmp(&power(b))).unwrap_or_else(|| range.clone())
    }

    /// Returns the lag within a reach of an expected one at which a piece is most like itself, if
    /// it is like itself there.
    fn waveform_lag(&mut self, piece: &Range<usize>, expected: i64, reach: i64) -> Option<i64> {
        let first = piece.start as i64 + expected - reach;
        let Ok(from) = usize::try_from(first) else { return None };
        let (length, lags) = (piece.len(), 2 * reach as usize + 1);
        read(self.samples, piece.start, length, &mut self.piece);
        read(self.samples, from, length + lags - 1, &mut self.other);
        let own = dot(&self.piece, &self.piece);
        let like = |late: usize| {
            let other = &self.other[late..late + length];
            let power = own * dot(other, other);
            if power > 0.0 { dot(&self.piece, other) / power.sqrt() } else { 0.0 }
        };
        let best = (0..lags).map(|late| (like(late), late)).max_by(|a, b| a.0.total_cmp(&b.0))?;
        (best.0 >= LIKE).then_some(expected - reach + best.1 as i64)
    }
}

/// Reads samples through the high-pass filter.
fn read(samples: &dyn Narrowband, from: usize, length: usize, out: &mut Vec<f32>) {
    let (pole, settles) = HIGH_PASS;
    let before = settles.min(from);
    out.resize(before + length, 0.0);
    samples.read(from - before, out);
    let (mut last, mut passed) = (out.first().copied().unwrap_or(0.0), 0.0);
    for x in out.iter_mut() {
        passed = *x - last + pole * passed;
        last = std::mem::replace(x, passed);
    }
    out.drain(..before);
}

/// Returns the pieces of a range that are compared at once.
pub(super) fn pieces(range: &Range<usize>) -> Vec<Range<usize>> {
    let count = range.len().div_ceil(PIECE).max(1);
    (0..count).map(|n| range.start + range.len() * n / count..range.start + range.len() * (n + 1) / count).collect()
}

/// Returns the correlation of two sequences about their means.
fn correlation(a: &[f32], b: &[f32]) -> f32 {
    let mean = |x: &[f32]| x.iter().sum::<f32>() / x.len().max(1) as f32;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let sums = a.iter().zip(b).map(|(a, b)| (a - mean_a, b - mean_b));
    let (ab, aa, bb) = sums.fold((0.0, 0.0, 0.0), |(ab, aa, bb), (a, b)| (ab + a * b, aa + a * a, bb + b * b));
    let power: f32 = aa * bb;
    if power > 0.0 { ab / power.sqrt() } else { 0.0 }
}

/// Returns the dot product, in the same order of sums on every CPU.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (blocks_a, rest_a) = a.as_chunks::<16>();
    let (blocks_b, rest_b) = b.as_chunks::<16>();
    let mut sums = [0.0; 16];
    for (a, b) in blocks_a.iter().zip(blocks_b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    crate::simd::sum(sums) + rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum::<f32>()
}

/// Sound that differs with its seed, like no other: noise whose level changes every 50 ms.
#[cfg(test)]
pub(super) fn made(seed: u32, samples: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / u32::MAX as f32
    };
    let mut level = 0.0;
    let sample = |n: usize| {
        level = if n.is_multiple_of(400) { next().powi(3) } else { level };
        0.3 * level * (next() - 0.5)
    };
    (0..samples).map(sample).collect()
}

#[cfg(test)]
mod tests {
    use super::made as sound;
    use super::*;

    #[test]
    fn a_sound_that_returns_is_found_to_the_sample() {
        let played = sound(1, 8_000);
        let mut track = vec![0.0; 60_000];
        track[800..8_800].copy_from_slice(&played);
        track[40_123..48_123].copy_from_slice(&played);
        track.iter_mut().zip(sound(2, 60_000)).for_each(|(x, noise)| *x += 0.2 + 0.05 * noise);
        let mut sounds = SoundReturns::new(&track);
        assert_eq!(sounds.lag(&(800..8_800), 39_323 + 1_500), Some(39_323));
        assert_eq!(sounds.lag(&(40_123..48_123), -39_000), Some(-39_323));
        assert_eq!(sounds.returning(&pieces(&(800..8_800)), 39_320), [true; 4]);
        assert_eq!(sounds.lag(&(800..8_800), 30_000), None, "too far from where it returns");
    }

    #[test]
    fn another_sound_is_not_the_same() {
        let track = [sound(1, 8_000), vec![0.0; 8_000], sound(3, 8_000)].concat();
        let mut sounds = SoundReturns::new(&track);
        assert_eq!(sounds.lag(&(0..8_000), 16_000), None);
        assert_eq!(sounds.returning(&pieces(&(0..8_000)), 16_000), [false; 4]);
        assert_eq!(sounds.returning(&pieces(&(0..8_000)), 8_000), [false; 4], "silence");
        for lag in [-100_000, 23_900, 1 << 40] {
            assert_eq!(sounds.lag(&(0..8_000), lag), None, "outside the track");
        }
        assert_eq!(SoundReturns::new(&Vec::<i16>::new()).lag(&(0..0), 0), None);
    }

    #[test]
    fn pieces_have_about_one_length() {
        assert_eq!(pieces(&(100..4_100)), [100..2_100, 2_100..4_100]);
        assert_eq!(pieces(&(0..2_002)), [0..1_001, 1_001..2_002]);
        assert_eq!(pieces(&(7..7)).first(), Some(&(7..7)));
    }
}
