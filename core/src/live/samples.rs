//! Samples in the forms that callers have: floats, 16-bit integers, or bytes from a socket.

use crate::decode::{ALAW, ULAW, not_finite_warning, wild_warning};
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::samples::WILD;
use crate::track::to_f32;

/// Mono samples, any number of them.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum LiveSamples<'a> {
    /// Floats in [−1, 1]. NaN becomes 0, and values beyond ±1000 are clipped; a live call's report
    /// counts both.
    F32(&'a [f32]),
    /// 16-bit integers.
    I16(&'a [i16]),
    /// Bytes from a socket or a file. A sample may be split between two pushes.
    Bytes(SampleEncoding, &'a [u8]),
}

impl<'a> LiveSamples<'a> {
    /// Returns `true` if there are no samples.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::F32(samples) => samples.is_empty(),
            Self::I16(samples) => samples.is_empty(),
            Self::Bytes(_, bytes) => bytes.is_empty(),
        }
    }

    /// The number of whole samples.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::F32(samples) => samples.len(),
            Self::I16(samples) => samples.len(),
            Self::Bytes(encoding, bytes) => bytes.len() / encoding.width(),
        }
    }

    /// Returns `true` if they are 16-bit integers.
    pub(super) fn is_whole(&self) -> bool {
        !matches!(self, Self::F32(_) | Self::Bytes(SampleEncoding::F32, _))
    }

    /// Returns the bytes if each of them is a sample.
    pub(super) fn law(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(SampleEncoding::MuLaw | SampleEncoding::ALaw, bytes) => Some(bytes),
            _ => None,
        }
    }
}

impl<'a> From<&'a [f32]> for LiveSamples<'a> {
    fn from(samples: &'a [f32]) -> Self {
        Self::F32(samples)
    }
}

impl<'a> From<&'a [i16]> for LiveSamples<'a> {
    fn from(samples: &'a [i16]) -> Self {
        Self::I16(samples)
    }
}

/// How samples are encoded as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SampleEncoding {
    /// 32-bit floats in [−1, 1], little-endian.
    F32,
    /// Signed 16-bit integers, little-endian.
    S16,
    /// Signed 16-bit integers, big-endian, as in RTP (RFC 3551: L16).
    S16Be,
    /// G.711 mu-law.
    MuLaw,
    /// G.711 A-law.
    ALaw,
}

impl SampleEncoding {
    /// All encodings with their names.
    const NAMES: [(&'static str, Self); 5] =
        [("f32", Self::F32), ("s16", Self::S16), ("s16be", Self::S16Be), ("mulaw", Self::MuLaw), ("alaw", Self::ALaw)];

    /// Returns the encoding with this name: `f32`, `s16`, `s16be`, `mulaw` or `alaw`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for any other name.
    pub fn from_name(name: &str) -> Result<Self> {
        Self::NAMES.iter().find(|known| known.0 == name).map(|known| known.1).ok_or_else(|| {
            Error::new(ErrorKind::InvalidArgument, Stage::Config, "unknown sample encoding")
                .with_mismatch(name, Self::NAMES.map(|known| known.0).join(", "))
        })
    }

    /// Returns the number of bytes per sample.
    pub const fn width(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::S16 | Self::S16Be => 2,
            Self::MuLaw | Self::ALaw => 1,
        }
    }

    /// Returns the sample that stands for silence. A-law has no 0.
    pub(super) fn silence(self) -> f32 {
        if self == Self::ALaw { self.sample([0xD5, 0, 0, 0]) } else { 0.0 }
    }

    /// Decodes one sample.
    fn sample(self, bytes: [u8; 4]) -> f32 {
        let [a, b, ..] = bytes;
        match self {
            Self::F32 => f32::from_le_bytes(bytes),
            Self::S16 => to_f32(i16::from_le_bytes([a, b])),
            Self::S16Be => to_f32(i16::from_be_bytes([a, b])),
            Self::MuLaw => to_f32(ULAW[usize::from(a)]),
            Self::ALaw => to_f32(ALAW[usize::from(a)]),
        }
    }
}

/// Converts pushed samples to floats, and keeps the bytes of a split sample.
#[derive(Debug, Default)]
pub(super) struct SampleReader {
    /// The first bytes of a split sample, with their encoding.
    cut: Option<(SampleEncoding, [u8; 4], usize)>,
    /// Samples that were not finite, and samples that were out of range.
    not_finite: u64,
    wild: u64,
}

impl SampleReader {
    /// Appends the samples to `out`.
    ///
    /// # Errors
    /// `invalid_argument` if the encoding changes in the middle of a sample.
    pub fn read(&mut self, samples: LiveSamples<'_>, out: &mut Vec<f32>) -> Result<()> {
        match samples {
            LiveSamples::Bytes(encoding, bytes) => return self.bytes(encoding, bytes, out),
            _ if self.cut.is_some() => return Err(changed("other samples")),
            LiveSamples::F32(samples) => {
                let before = out.len();
                out.extend_from_slice(samples);
                self.tame(&mut out[before..]);
            }
            LiveSamples::I16(samples) => out.extend(samples.iter().copied().map(to_f32)),
        }
        Ok(())
    }

    /// Replaces samples that are not finite by silence and clips those out of range, as the decoder
    /// does, and counts both.
    fn tame(&mut self, samples: &mut [f32]) {
        for sample in samples {
            if !sample.is_finite() {
                *sample = 0.0;
                self.not_finite += 1;
            } else if sample.abs() > WILD {
                *sample = sample.clamp(-WILD, WILD);
                self.wild += 1;
            }
        }
    }

    /// Returns the warnings about the samples.
    pub fn warnings(&self) -> impl Iterator<Item = Warning> {
        [not_finite_warning(self.not_finite), wild_warning(self.wild)].into_iter().flatten()
    }

    /// Returns `true` if a sample is incomplete.
    pub fn is_cut(&self) -> bool {
        self.cut.is_some()
    }

    fn bytes(&mut self, encoding: SampleEncoding, bytes: &[u8], out: &mut Vec<f32>) -> Result<()> {
        let before = out.len();
        let read = self.whole_samples(encoding, bytes, out);
        if encoding == SampleEncoding::F32 {
            self.tame(&mut out[before..]);
        }
        read
    }

    fn whole_samples(&mut self, encoding: SampleEncoding, mut bytes: &[u8], out: &mut Vec<f32>) -> Result<()> {
        let width = encoding.width();
        if let Some((before, mut held, mut count)) = self.cut.take_if(|_| !bytes.is_empty()) {
            if before != encoding {
                self.cut = Some((before, held, count));
                return Err(changed("bytes of another encoding"));
            }
            let (now, rest) = bytes.split_at((width - count).min(bytes.len()));
            held[count..count + now.len()].copy_from_slice(now);
            (count, bytes) = (count + now.len(), rest);
            if count < width {
                self.cut = Some((encoding, held, count));
                return Ok(());
            }
            out.push(encoding.sample(held));
        }
        let whole = bytes.chunks_exact(width);
        let rest = whole.remainder();
        out.extend(whole.map(|bytes| encoding.sample(padded(bytes))));
        if !rest.is_empty() {
            self.cut = Some((encoding, padded(rest), rest.len()));
        }
        Ok(())
    }
}

/// Pads the first bytes of a sample with zeros.
fn padded(bytes: &[u8]) -> [u8; 4] {
    let mut four = [0; 4];
    four.iter_mut().zip(bytes).for_each(|(to, &byte)| *to = byte);
    four
}

fn changed(found: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, Stage::Input, "the encoding changed in the middle of a sample")
        .with_mismatch(found, "the remaining bytes of the sample")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(encoding: SampleEncoding, bytes: &[u8], chunk: usize) -> Vec<f32> {
        let (mut reader, mut out) = (SampleReader::default(), Vec::new());
        for part in bytes.chunks(chunk) {
            reader.read(LiveSamples::Bytes(encoding, part), &mut out).unwrap();
        }
        assert!(!reader.is_cut());
        out
    }

    #[test]
    fn bytes_are_samples_however_they_are_cut() {
        let samples = [0i16, 1, -1, 256, i16::MIN, i16::MAX, -12_345];
        let expected = samples.map(to_f32);
        let (little, big) = (samples.map(i16::to_le_bytes).concat(), samples.map(i16::to_be_bytes).concat());
        let floats = expected.map(f32::to_le_bytes).concat();
        for chunk in [1, 2, 3, 5, 100] {
            assert_eq!(read(SampleEncoding::S16, &little, chunk), expected);
            assert_eq!(read(SampleEncoding::S16Be, &big, chunk), expected);
            assert_eq!(read(SampleEncoding::F32, &floats, chunk), expected);
            assert_eq!(read(SampleEncoding::MuLaw, &[0xFF, 0x00], chunk), [0.0, to_f32(-32_124)]);
            assert_eq!(read(SampleEncoding::ALaw, &[0xD5, 0xAA], chunk), [8.0 / 32_768.0, to_f32(32_256)]);
        }
    }

    #[test]
    fn another_encoding_within_a_sample_is_refused_and_nothing_is_lost() {
        let (mut reader, mut out) = (SampleReader::default(), Vec::new());
        reader.read(LiveSamples::Bytes(SampleEncoding::S16, &[1]), &mut out).unwrap();
        reader.read(LiveSamples::Bytes(SampleEncoding::MuLaw, &[]), &mut out).unwrap();
        for other in [LiveSamples::I16(&[7]), LiveSamples::F32(&[0.5]), LiveSamples::Bytes(SampleEncoding::ALaw, &[1])]
        {
            assert_eq!(reader.read(other, &mut out).unwrap_err().kind(), ErrorKind::InvalidArgument);
        }
        reader.read(LiveSamples::Bytes(SampleEncoding::S16, &[1]), &mut out).unwrap();
        assert_eq!(out, [to_f32(257)]);
    }

    #[test]
    fn what_is_no_number_counts_as_silence_and_names_are_known() {
        let mut out = Vec::new();
        let bad = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.25];
        SampleReader::default().read(LiveSamples::F32(&bad), &mut out).unwrap();
        assert_eq!(out, [0.0, 0.0, 0.0, 0.25]);
        assert_eq!(SampleEncoding::from_name("mulaw").unwrap(), SampleEncoding::MuLaw);
        assert!(SampleEncoding::from_name("gsm").unwrap_err().to_string().contains("f32, s16, s16be, mulaw, alaw"));
    }
}
