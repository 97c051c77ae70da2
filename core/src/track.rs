//! Samples on their way (blocks of f32) and at rest (i16), one participant's mono signal each.

use crate::call::Role;
use crate::units::{Millis, Rate};

/// What listens to a track as it is decoded: blocks of mono samples in [−1, 1], in order, of any length.
///
/// A listener's answer never depends on how the samples were cut into blocks.
pub trait Listener {
    /// Hears the next samples.
    fn hear(&mut self, samples: &[f32]);
}

/// One participant's samples at rest: 16-bit, at the source's own rate, codec delay removed.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// The samples.
    pub samples: Vec<i16>,
    /// Samples per second.
    pub rate: Rate,
    /// Who is heard.
    pub role: Role,
}

impl Track {
    /// How long the track is.
    pub fn duration(&self) -> Millis {
        self.rate.millis(self.samples.len() as u64)
    }
}

/// Random access to one track at 8 kHz: mono, codec delay removed. For stages that look at short stretches here and there.
pub trait Narrow: Sync {
    /// How many samples there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies the samples that begin at `from`, in [−1, 1]; zeros where the track has none.
    fn read(&self, from: usize, out: &mut [f32]);
}

impl Narrow for [f32] {
    fn len(&self) -> usize {
        <[f32]>::len(self)
    }

    fn read(&self, from: usize, out: &mut [f32]) {
        copy(self, from, out, |x| x);
    }
}

impl Narrow for [i16] {
    fn len(&self) -> usize {
        <[i16]>::len(self)
    }

    fn read(&self, from: usize, out: &mut [f32]) {
        copy(self, from, out, to_f32);
    }
}

impl<T: Copy> Narrow for Vec<T>
where
    T: Send + Sync,
    [T]: Narrow,
{
    fn len(&self) -> usize {
        Self::len(self)
    }

    fn read(&self, from: usize, out: &mut [f32]) {
        self.as_slice().read(from, out);
    }
}

impl<T: Narrow + ?Sized> Narrow for &T {
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

/// Collects a track's samples as 16-bit numbers: rounded to nearest, saturated, the saturated ones counted.
#[derive(Debug, Default)]
pub struct Keeper {
    samples: Vec<i16>,
    saturated: u64,
}

impl Keeper {
    /// The samples, and how many of them lay beyond full scale.
    pub fn finish(mut self) -> (Vec<i16>, u64) {
        self.samples.shrink_to_fit();
        (self.samples, self.saturated)
    }
}

impl Listener for Keeper {
    fn hear(&mut self, samples: &[f32]) {
        let beyond = |x: &&f32| !(-1.0..=MOST_POSITIVE).contains(*x);
        self.saturated += samples.iter().filter(beyond).count() as u64;
        self.samples.extend(samples.iter().map(|&x| to_i16(x)));
    }
}

/// The largest sample that 16 bits hold, 32767/32768.
const MOST_POSITIVE: f32 = 32_767.0 / 32_768.0;

/// The nearest 16-bit sample (of two, the even one), saturated; what is not a number becomes silence.
#[inline]
pub fn to_i16(sample: f32) -> i16 {
    // Beside 1.5 · 2²³ the last bit of a float is worth 1: the addition rounds, and the low bits are the whole number.
    const ROUNDER: f32 = 12_582_912.0;
    let number = if sample.is_nan() { 0.0 } else { sample * 32_768.0 };
    (number.clamp(-32_768.0, 32_767.0) + ROUNDER).to_bits() as i16
}

/// A 16-bit sample in [−1, 1).
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
        let mut keeper = Keeper::default();
        keeper.hear(&[1.5, -1.5, 1.0, -1.0, 0.5, f32::NAN]);
        let (samples, saturated) = keeper.finish();
        assert_eq!(samples, [32_767, -32_768, 32_767, -32_768, 16_384, 0]);
        assert_eq!(saturated, 4, "1.0 lies beyond 32767/32768, and what is no number is a fault too");
    }

    #[test]
    fn stretches_of_a_track_are_read_with_silence_beyond_its_end() {
        let read = |track: &dyn Narrow, from| {
            let mut out = [9.0; 3];
            track.read(from, &mut out);
            out
        };
        assert_eq!(read(&vec![16_384i16, -16_384], 1), [-0.5, 0.0, 0.0]);
        assert_eq!(read(&vec![0.1f32, 0.2, 0.3, 0.4], 1), [0.2, 0.3, 0.4]);
        assert_eq!(read(&Vec::<i16>::new(), 7), [0.0; 3]);
    }

    #[test]
    fn a_track_knows_its_length() {
        let track = Track { samples: vec![0; 8_000], rate: Rate::NARROWBAND, role: Role::Agent };
        assert_eq!(track.duration(), Millis(1000.0));
    }
}
