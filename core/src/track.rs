//! Mono tracks: as blocks of f32 while they are processed, and as i16 when stored.

use crate::call::Role;
use crate::units::{Millis, Rate};

/// Seals traits that users name but do not implement, so that methods can be added.
pub(crate) mod sealed {
    pub trait Sealed {}
}

/// Receives a track while it is decoded: blocks of mono samples in [−1, 1], in order, of any
/// length.
///
/// The result never depends on how the samples are divided into blocks. Sealed.
pub trait SampleSink: sealed::Sealed {
    /// Takes the next samples.
    fn push(&mut self, samples: &[f32]);
}

/// A stored track: 16-bit samples at the source's own rate, codec delay removed.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// The samples.
    pub samples: Vec<i16>,
    /// Sample rate.
    pub rate: Rate,
    /// Who speaks.
    pub role: Role,
}

impl Track {
    /// Returns the track's duration.
    pub fn duration(&self) -> Millis {
        self.rate.millis(self.samples.len() as u64)
    }
}

/// Random access to one track at 8 kHz: mono, codec delay removed. For stages that read short
/// parts. Sealed.
pub trait Narrowband: Sync + sealed::Sealed {
    /// Returns the number of samples.
    fn len(&self) -> usize;

    /// Returns `true` if there are no samples.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies samples in [−1, 1] from index `from` on. Writes zeros beyond the end of the track.
    fn read(&self, from: usize, out: &mut [f32]);
}

impl sealed::Sealed for [f32] {}

impl Narrowband for [f32] {
    fn len(&self) -> usize {
        <[f32]>::len(self)
    }

    fn read(&self, from: usize, out: &mut [f32]) {
        copy(self, from, out, |x| x);
    }
}

impl sealed::Sealed for [i16] {}

impl Narrowband for [i16] {
    fn len(&self) -> usize {
        <[i16]>::len(self)
    }

    fn read(&self, from: usize, out: &mut [f32]) {
        copy(self, from, out, to_f32);
    }
}

impl<T> sealed::Sealed for Vec<T> where [T]: sealed::Sealed {}

impl<T: Copy> Narrowband for Vec<T>
where
    T: Send + Sync,
    [T]: Narrowband,
{
    fn len(&self) -> usize {
        Self::len(self)
    }

    fn read(&self, from: usize, out: &mut [f32]) {
        self.as_slice().read(from, out);
    }
}

impl<T: Narrowband + ?Sized> sealed::Sealed for &T {}

impl<T: Narrowband + ?Sized> Narrowband for &T {
    fn len(&self) -> usize {
        (**self).len()
    }

    fn read(&self, from: usize, out: &mut [f32]) {
        (**self).read(from, out);
    }
}

/// Copies samples from `from` on, and zeros after the last.
fn copy<T: Copy>(samples: &[T], from: usize, out: &mut [f32], as_float: impl Fn(T) -> f32) {
    let have = samples.get(from..).unwrap_or_default();
    let (filled, rest) = out.split_at_mut(have.len().min(out.len()));
    filled.iter_mut().zip(have).for_each(|(out, &x)| *out = as_float(x));
    rest.fill(0.0);
}

/// Collects a track as 16-bit samples. Rounds to nearest, saturates, and counts saturated samples.
#[derive(Debug, Clone, Default)]
pub struct PcmCollector {
    samples: Vec<i16>,
    saturated: u64,
}

impl PcmCollector {
    /// Returns the samples, and how many of them exceeded full scale.
    pub fn finish(mut self) -> (Vec<i16>, u64) {
        self.samples.shrink_to_fit();
        (self.samples, self.saturated)
    }
}

impl sealed::Sealed for PcmCollector {}

impl SampleSink for PcmCollector {
    fn push(&mut self, samples: &[f32]) {
        let beyond = |x: &&f32| !(-1.0..=MAX_POSITIVE).contains(*x);
        // Counting takes longer than looking whether there is anything to count.
        if samples.iter().fold(false, |any, x| any | beyond(&x)) {
            self.saturated += samples.iter().filter(beyond).count() as u64;
        }
        self.samples.extend(samples.iter().map(|&x| to_i16(x)));
    }
}

/// Samples per block of [`CompactPcm`]: 4 ms at 8 kHz.
const BLOCK: usize = 32;

/// A track in half the memory of 16 bits, for stages that compare audio and never play it.
///
/// Blocks of 32 samples share a step, the smallest power of two in which the block's loudest sample
/// fits into 8 bits. The error lies at least 44 dB below the loudest sample of a block. Samples
/// below 128 of 32768 are exact.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct CompactPcm {
    values: Vec<i8>,
    /// The step of each block, as the exponent of a power of two in 16-bit units.
    steps: Vec<u8>,
    /// Samples that do not fill a block yet.
    rest: Vec<i16>,
}

impl CompactPcm {
    fn push_block(&mut self, block: &[i16]) {
        let loudest = block.iter().map(|x| x.unsigned_abs()).max().unwrap_or(0);
        // Rounding may reach one step more than the loudest sample has.
        let fits = |step: &u32| (u32::from(loudest) + (1 << step >> 1)) >> step <= 127;
        let step = (0..9).find(fits).unwrap_or(9);
        let half = 1 << step >> 1;
        self.values.extend(block.iter().map(|&x| ((i32::from(x) + half) >> step) as i8));
        self.steps.push(step as u8);
    }

    /// Drops everything beyond `samples`.
    pub fn truncate(&mut self, samples: usize) {
        let blocks = samples.min(self.len()) / BLOCK;
        let mut rest = vec![0.0; samples.min(self.len()) % BLOCK];
        self.read(blocks * BLOCK, &mut rest);
        self.values.truncate(blocks * BLOCK);
        self.steps.truncate(blocks);
        self.rest = rest.into_iter().map(to_i16).collect();
    }

    /// Returns the track without spare capacity.
    #[must_use]
    pub fn finish(mut self) -> Self {
        self.values.shrink_to_fit();
        self.steps.shrink_to_fit();
        self
    }
}

impl sealed::Sealed for CompactPcm {}

impl SampleSink for CompactPcm {
    fn push(&mut self, samples: &[f32]) {
        let mut rest = std::mem::take(&mut self.rest);
        let missing = if rest.is_empty() { 0 } else { (BLOCK - rest.len()).min(samples.len()) };
        let (head, tail) = samples.split_at(missing);
        rest.extend(head.iter().map(|&x| to_i16(x)));
        if rest.len() == BLOCK {
            self.push_block(&rest);
            rest.clear();
        }
        let (blocks, last) = tail.as_chunks::<BLOCK>();
        for block in blocks {
            self.push_block(&block.map(to_i16));
        }
        rest.extend(last.iter().map(|&x| to_i16(x)));
        self.rest = rest;
    }
}

impl Narrowband for CompactPcm {
    fn len(&self) -> usize {
        self.values.len() + self.rest.len()
    }

    fn read(&self, from: usize, out: &mut [f32]) {
        let whole = self.values.len().saturating_sub(from).min(out.len());
        let (blocks, rest) = out.split_at_mut(whole);
        let mut at = from;
        let mut left = blocks;
        while !left.is_empty() {
            let (block, next) = left.split_at_mut((BLOCK - at % BLOCK).min(left.len()));
            let step = self.steps.get(at / BLOCK).copied().unwrap_or_default();
            let scale = f32::from(1u16 << step) / 32_768.0;
            let values = self.values.get(at..).unwrap_or_default();
            block.iter_mut().zip(values).for_each(|(to, &value)| *to = f32::from(value) * scale);
            at += block.len();
            left = next;
        }
        self.rest.as_slice().read(at.max(from).saturating_sub(self.values.len()), rest);
    }
}

/// The largest 16-bit sample, 32767/32768.
const MAX_POSITIVE: f32 = 32_767.0 / 32_768.0;

/// Converts to the nearest 16-bit sample (ties to even), saturated. NaN becomes 0.
#[inline]
pub fn to_i16(sample: f32) -> i16 {
    // Beside 1.5 · 2²³ the last bit of a float is worth 1: the addition rounds, and the low bits
    // are the whole number.
    const ROUNDER: f32 = 12_582_912.0;
    let number = if sample.is_nan() { 0.0 } else { sample * 32_768.0 };
    (number.clamp(-32_768.0, 32_767.0) + ROUNDER).to_bits() as i16
}

/// Converts a 16-bit sample to [−1, 1).
#[inline]
pub fn to_f32(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_16_bit_sample_comes_back_as_it_was() {
        for sample in i16::MIN..=i16::MAX {
            assert_eq!(to_i16(to_f32(sample)), sample);
        }
    }

    #[test]
    fn between_two_samples_the_nearest_is_taken_and_the_even_one_in_the_middle() {
        for sample in -32_768i32..32_767 {
            let at = |fraction: f32| to_i16((sample as f32 + fraction) / 32_768.0);
            let even = if sample % 2 == 0 { sample } else { sample + 1 };
            assert_eq!([at(0.25), at(0.5), at(0.75)].map(i32::from), [sample, even, sample + 1]);
        }
        assert_eq!([f32::INFINITY, f32::NEG_INFINITY, f32::MAX].map(to_i16), [32_767, -32_768, 32_767]);
    }

    #[test]
    fn beyond_full_scale_saturates_and_is_counted() {
        let mut keeper = PcmCollector::default();
        keeper.push(&[1.5, -1.5, 1.0, -1.0, 0.5, f32::NAN]);
        let (samples, saturated) = keeper.finish();
        assert_eq!(samples, [32_767, -32_768, 32_767, -32_768, 16_384, 0]);
        assert_eq!(saturated, 4, "1.0 lies beyond 32767/32768, and what is no number is a fault too");
    }

    #[test]
    fn stretches_of_a_track_are_read_with_silence_beyond_its_end() {
        let read = |track: &dyn Narrowband, from| {
            let mut out = [9.0; 3];
            track.read(from, &mut out);
            out
        };
        assert_eq!(read(&vec![16_384i16, -16_384], 1), [-0.5, 0.0, 0.0]);
        assert_eq!(read(&vec![0.1f32, 0.2, 0.3, 0.4], 1), [0.2, 0.3, 0.4]);
        assert_eq!(read(&Vec::<i16>::new(), 7), [0.0; 3]);
    }

    #[test]
    fn a_compact_track_is_close_by_and_the_same_in_any_blocks() {
        let sample = |n: usize| ((n as f32 * 0.7).sin() * (n % 997) as f32 / 997.0).powi(3);
        let samples: Vec<f32> = (0..5000).map(sample).chain([1.0, -1.0, 127.0 / 32_768.0, 0.0]).collect();
        let mut compact = CompactPcm::default();
        compact.push(&samples);
        let mut pieces = CompactPcm::default();
        samples.chunks(7).for_each(|piece| pieces.push(piece));
        assert_eq!(compact, pieces);
        assert_eq!((compact.len(), compact.clone().finish().len()), (5004, 5004));
        let mut all = vec![9.0; 5010];
        compact.read(0, &mut all);
        for (read, block) in all.chunks(BLOCK).zip(samples.chunks(BLOCK)) {
            let loudest = block.iter().fold(0.0f32, |most, x| most.max(x.abs()));
            let most = loudest / 126.0 + 0.51 / 32_768.0;
            assert!(read.iter().zip(block).all(|(a, b)| (a - b).abs() <= most), "{loudest}");
        }
        assert_eq!(all[5004..], [0.0; 6]);
        for from in [0, 1, 31, 32, 33, 4990, 4992, 5003, 5004, 6000] {
            let mut some = [9.0; 70];
            compact.read(from, &mut some);
            let expected: Vec<f32> = (from..from + 70).map(|i| all.get(i).copied().unwrap_or(0.0)).collect();
            assert_eq!(some[..], expected[..], "from {from}");
        }
    }

    #[test]
    fn a_compact_track_goes_on_where_it_was_cut() {
        let samples: Vec<f32> = (0..200).map(|n| (n as f32 * 0.3).sin() * 0.001).collect();
        let compact = |samples: &[f32]| {
            let mut compact = CompactPcm::default();
            compact.push(samples);
            compact
        };
        for cut in [0, 5, 32, 70, 192, 195, 200, 300] {
            let mut shorter = compact(&samples);
            shorter.truncate(cut);
            assert_eq!(shorter, compact(&samples[..cut.min(200)]), "{cut}");
            shorter.push(&samples[cut.min(200)..]);
            assert_eq!(shorter, compact(&samples), "{cut}");
        }
    }

    #[test]
    fn a_compact_track_keeps_what_is_faint() {
        let faint: Vec<f32> = (0..320).map(|n| ((n * 37) % 255 - 127) as f32 / 32_768.0).collect();
        let mut compact = CompactPcm::default();
        compact.push(&faint);
        let mut read = vec![0.0; 320];
        compact.read(0, &mut read);
        assert_eq!(read, faint);
    }

    #[test]
    fn a_track_knows_its_length() {
        let track = Track { samples: vec![0; 8_000], rate: Rate::NARROWBAND, role: Role::Agent };
        assert_eq!(track.duration(), Millis(1000.0));
    }
}
