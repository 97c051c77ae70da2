//! Samples in memory.

use std::borrow::Cow;

use crate::error::{Error, ErrorKind, Stage};
use crate::track::to_f32;

/// The largest accepted magnitude of a float sample: 60 dB above full scale.
pub(crate) const WILD: f32 = 1e3;
/// Samples per block.
const BLOCK: usize = 4096;

/// One channel of samples in memory: f32 in [−1, 1] or 16-bit integers, borrowed or owned.
///
/// Every stage takes `impl Into<Samples>`, so slices and vectors of either type work.
///
/// ```
/// use callweave::samples::Samples;
///
/// let floats = [0.0f32, 0.5, -0.5];
/// let whole: Vec<i16> = vec![0, 16_384, -16_384];
/// assert_eq!(Samples::from(&floats).len(), Samples::from(whole).len());
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Samples<'a> {
    /// Floating point; 1.0 is full scale.
    F32(Cow<'a, [f32]>),
    /// 16-bit integers.
    I16(Cow<'a, [i16]>),
}

impl Samples<'_> {
    /// Returns the number of samples.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(samples) => samples.len(),
            Self::I16(samples) => samples.len(),
        }
    }

    /// Returns `true` if there are no samples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the same samples, owned.
    #[must_use]
    pub fn into_owned(self) -> Samples<'static> {
        match self {
            Self::F32(samples) => Samples::F32(Cow::Owned(samples.into_owned())),
            Self::I16(samples) => Samples::I16(Cow::Owned(samples.into_owned())),
        }
    }

    /// Appends the samples `from..to` as f32, or as many of them as exist.
    pub(crate) fn append_to(&self, from: usize, to: usize, out: &mut Vec<f32>) {
        let part = from.min(self.len())..to.clamp(from.min(self.len()), self.len());
        match self {
            Self::F32(samples) => out.extend_from_slice(samples.get(part).unwrap_or_default()),
            Self::I16(samples) => out.extend(samples.get(part).unwrap_or_default().iter().map(|&x| to_f32(x))),
        }
    }

    /// Passes the samples to `stage` block by block, like [`Self::each_block`], for a stage that
    /// cannot fail.
    pub(crate) fn each(&self, mut stage: impl FnMut(&[f32])) {
        let ok: Result<(), std::convert::Infallible> = self.each_block(|block| {
            stage(block);
            Ok(())
        });
        let Ok(()) = ok;
    }

    /// Checks that floats are audio: not NaN, and at most 1000 times full scale. Larger values are
    /// usually 16-bit integers stored as floats.
    ///
    /// # Errors
    /// `invalid_argument` with the first bad sample and its index.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let Self::F32(samples) = self else { return Ok(()) };
        let Some((at, wrong)) = samples.iter().enumerate().find(|(_, x)| x.is_nan() || x.abs() > WILD) else {
            return Ok(());
        };
        Err(Error::new(ErrorKind::InvalidArgument, Stage::Input, "invalid sample")
            .with_mismatch(format!("{wrong} at {at}"), "floats within ±1000, where 1.0 is full scale"))
    }

    /// Passes the samples to `stage` as f32, block by block.
    ///
    /// # Errors
    /// Returns the first error of `stage`.
    pub(crate) fn each_block<E>(&self, mut stage: impl FnMut(&[f32]) -> Result<(), E>) -> Result<(), E> {
        let mut block = Vec::with_capacity(BLOCK);
        for from in (0..self.len()).step_by(BLOCK) {
            block.clear();
            self.append_to(from, from + BLOCK, &mut block);
            stage(&block)?;
        }
        Ok(())
    }
}

macro_rules! from_samples {
    ($sample:ty, $variant:ident) => {
        impl<'a> From<&'a [$sample]> for Samples<'a> {
            fn from(samples: &'a [$sample]) -> Self {
                Self::$variant(Cow::Borrowed(samples))
            }
        }

        impl<'a> From<&'a Vec<$sample>> for Samples<'a> {
            fn from(samples: &'a Vec<$sample>) -> Self {
                Self::$variant(Cow::Borrowed(samples))
            }
        }

        impl<'a, const N: usize> From<&'a [$sample; N]> for Samples<'a> {
            fn from(samples: &'a [$sample; N]) -> Self {
                Self::$variant(Cow::Borrowed(samples))
            }
        }

        impl From<Vec<$sample>> for Samples<'_> {
            fn from(samples: Vec<$sample>) -> Self {
                Self::$variant(Cow::Owned(samples))
            }
        }
    };
}

from_samples!(f32, F32);
from_samples!(i16, I16);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_hold_every_sample_once_whatever_its_type() {
        let whole: Vec<i16> = (0..2 * BLOCK + 7).map(|n| (n * 31 % 60_000) as i16).collect();
        let floats: Vec<f32> = whole.iter().map(|&x| to_f32(x)).collect();
        for samples in [Samples::from(&whole), Samples::from(floats.clone())] {
            let mut all = Vec::new();
            samples.each(|block| all.extend_from_slice(block));
            assert_eq!(all, floats);
        }
    }

    #[test]
    fn what_is_no_audio_is_refused_with_its_place() {
        for (wrong, said) in [(f32::NAN, "NaN at 1"), (f32::INFINITY, "inf at 1"), (-20_000.0, "-20000 at 1")] {
            let error = Samples::from(&[0.5, wrong, 0.5]).check().unwrap_err();
            assert_eq!((error.kind(), error.found()), (ErrorKind::InvalidArgument, Some(said)));
        }
        assert!(Samples::from(&[1000.0f32, -1.5, 0.0]).check().is_ok() && Samples::from(&[i16::MIN]).check().is_ok());
    }

    #[test]
    fn a_part_beyond_the_end_is_what_there_is() {
        let mut out = Vec::new();
        Samples::from(&[1i16, 2, 3]).append_to(2, 9, &mut out);
        Samples::from(&[1i16, 2, 3]).append_to(7, 9, &mut out);
        assert_eq!(out, [to_f32(3)]);
    }
}
