//! Determines the kind of an AAC stream from its header or its frames.
//!
//! Low complexity (AAC-LC) is decoded. HE-AAC, whose AAC-LC part alone has only half the sample
//! rate, is decoded in MP4 with the feature `he-aac`, and rejected by name otherwise.

use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_AAC;

use super::packet::Symphonia;
use super::refusal;
use super::spec::Codec;
use crate::error::{Error, Result};

/// Number of frames inspected for what the header does not announce.
pub(crate) const FRAMES: usize = 16;

const REPLICATION: &str = "HE-AAC (spectral band replication)";

/// Samples per second by the header's rate index (ISO/IEC 14496-3, table 1.18).
pub(crate) const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// Creates a decoder for an `AudioSpecificConfig`.
///
/// # Errors
/// As [`check_config`], and those of symphonia.
pub(crate) fn decoder(config: &[u8]) -> Result<Symphonia> {
    check_config(config)?;
    let mut params = AudioCodecParameters::new();
    params.for_codec(CODEC_ID_AAC).with_extra_data(Box::from(config));
    Symphonia::new(Codec::AacLc, params)
}

/// Returns samples per second and channels of an AAC-LC `AudioSpecificConfig`. `None` for a value
/// that it does not define itself.
pub(crate) fn shape(config: &[u8]) -> (Option<u32>, Option<u16>) {
    let bits = ConfigBits::new(config);
    // An explicit rate takes 24 bits more.
    let (hz, layout) = match bits.take(5, 4) {
        15 => (Some(bits.take(9, 24) as u32), bits.take(33, 4)),
        index => (RATES.get(index as usize).copied(), bits.take(9, 4)),
    };
    let channels = match layout {
        1..=6 => Some(layout as u16),
        7 => Some(8),
        _ => None,
    };
    (hz, channels)
}

/// Parameters of an AAC-LC core from an `AudioSpecificConfig`.
#[cfg(feature = "he-aac")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AacCore {
    /// Rate index of the core, and its rate.
    pub(crate) index: u8,
    pub(crate) hz: u32,
    /// Channel configuration (ISO/IEC 14496-3, table 1.19).
    pub(crate) layout: u8,
}

/// Returns the core of AAC-LC or HE-AAC. `None` for another object type, or a rate without an
/// index.
#[cfg(feature = "he-aac")]
pub(crate) fn core(config: &[u8]) -> Option<AacCore> {
    let fields = ConfigBits::new(config);
    let (object, index, layout) = (fields.take(0, 5), fields.take(5, 4), fields.take(9, 4));
    let hz = RATES.get(index as usize).copied()?;
    matches!(object, 2 | 5 | 29).then_some(AacCore { index: index as u8, hz, layout: layout as u8 })
}

/// The first bits of a configuration. Missing bits are 0.
struct ConfigBits(u64);

impl ConfigBits {
    fn new(config: &[u8]) -> Self {
        let mut padded = [0; 8];
        padded.iter_mut().zip(config).for_each(|(to, from)| *to = *from);
        Self(u64::from_be_bytes(padded))
    }

    fn take(&self, at: u32, count: u32) -> u64 {
        (self.0 >> (64 - at - count)) & ((1 << count) - 1)
    }
}

/// Returns whether an `AudioSpecificConfig` (ISO/IEC 14496-3, 1.6.2.1) announces HE-AAC.
///
/// # Errors
/// `unsupported` for AAC that is neither AAC-LC nor HE-AAC, naming it.
pub(crate) fn announces_replication(config: &[u8]) -> Result<bool> {
    let bits = ConfigBits::new(config);
    let object = if bits.take(0, 5) == 31 { 32 + bits.take(5, 6) } else { bits.take(0, 5) };
    // In an AAC-LC configuration, a sync word announces spectral band replication (SBR).
    let extension = if bits.take(5, 4) == 15 { 5 + 4 + 24 } else { 5 + 4 } + 4 + 3;
    let announced = config.len() >= 5
        && bits.take(extension, 11) == 0x2B7
        && bits.take(extension + 11, 5) == 5
        && bits.take(extension + 16, 1) == 1;
    match object {
        2 => Ok(announced),
        5 | 29 => Ok(true),
        42 => Err(refusal("xHE-AAC")),
        _ => Err(refusal(&format!("AAC object type {object}"))),
    }
}

/// Rejects AAC other than AAC-LC.
///
/// # Errors
/// `unsupported`, naming the codec.
pub(crate) fn check_config(config: &[u8]) -> Result<()> {
    match announces_replication(config)? {
        false => Ok(()),
        true if ConfigBits::new(config).take(0, 5) == 29 => Err(refusal("HE-AAC v2 (parametric stereo)")),
        true => Err(refusal(REPLICATION)),
    }
}

/// Rejects HE-AAC that only the first frames reveal.
///
/// # Errors
/// `unsupported`, naming the codec.
pub(crate) fn check_frames<'a>(frames: impl Iterator<Item = &'a [u8]>) -> Result<()> {
    if carry_replication(frames) { Err(refusal(REPLICATION)) } else { Ok(()) }
}

/// Returns whether the first frames are HE-AAC: half of them, and at least four, must carry SBR
/// data. Every frame by libfdk-aac does. One in fifty of AAC-LC appears to.
pub(crate) fn carry_replication<'a>(frames: impl Iterator<Item = &'a [u8]>) -> bool {
    let (mut seen, mut carrying) = (0, 0);
    for frame in frames.take(FRAMES) {
        seen += 1;
        carrying += usize::from(carries_replication(frame));
    }
    carrying >= 4 && 2 * carrying >= seen
}

fn refusal(name: &str) -> Error {
    refusal::codec(name)
}

/// Returns whether one of the fill elements at the end of a frame holds SBR data (ISO/IEC 14496-3,
/// 4.4.2.7 and 4.5.2.8).
///
/// The elements before them have no length field, so the frame is parsed from its end: the end
/// element, before it fill elements, each as long as its count says.
fn carries_replication(frame: &[u8]) -> bool {
    let Some(&last) = frame.last().filter(|&&b| b != 0) else { return false };
    // The end element is three ones. Zeros after it fill the byte.
    let end = 8 * frame.len() - last.trailing_zeros() as usize;
    end > 3 && bits(frame, end - 3, 3) == Some(7) && ends_with_replication(frame, end - 3, 3)
}

/// Searches the fill elements before a bit position, skipping at most `most` of them.
fn ends_with_replication(frame: &[u8], end: usize, most: usize) -> bool {
    const FILL: u32 = 6;
    /// Extension types that may follow SBR: fill bytes, fill data and dynamic range.
    const OTHERS: [u32; 3] = [0, 1, 11];
    (0..=269usize).any(|bytes| {
        let head = if bytes < 15 { 3 + 4 } else { 3 + 4 + 8 };
        let Some(at) = end.checked_sub(8 * bytes + head) else { return false };
        let counted = if bytes < 15 {
            bits(frame, at + 3, 4) == Some(bytes as u32)
        } else {
            bits(frame, at + 3, 4) == Some(15) && bits(frame, at + 7, 8) == Some(bytes as u32 - 14)
        };
        if !counted || bits(frame, at, 3) != Some(FILL) {
            return false;
        }
        if bytes == 0 {
            return most > 1 && ends_with_replication(frame, at, most - 1);
        }
        match bits(frame, at + head, 4) {
            Some(13 | 14) => true,
            Some(kind) => most > 1 && OTHERS.contains(&kind) && ends_with_replication(frame, at, most - 1),
            None => false,
        }
    })
}

/// Reads up to eight bits at a bit position.
fn bits(bytes: &[u8], at: usize, count: usize) -> Option<u32> {
    let high = u32::from(*bytes.get(at / 8)?) << 8;
    let low = bytes.get(at / 8 + 1).map_or(0, |&b| u32::from(b));
    let within = at % 8 + count;
    (8 * bytes.len() >= at + count).then(|| (high | low) >> (16 - within) & ((1 << count) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn profiles_of_aac() {
        assert!(check_config(&[0x14, 0x08]).is_ok(), "LC at 16 kHz, mono");
        for (config, name) in [
            (&[0x2B, 0x92, 0x08, 0x00][..], "HE-AAC (spectral"),
            (&[0xEB, 0x8A, 0x08, 0x00], "HE-AAC v2"),
            (&[0x13, 0x88, 0x56, 0xE5, 0xA5], "HE-AAC (spectral"),
            (&[0xF9, 0x48], "xHE-AAC"),
            (&[0x0C, 0x08], "AAC object type 1"),
        ] {
            let error = check_config(config).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    /// Builds a frame of some leading bits, then fill elements by type and length, then the end
    /// element.
    fn frame(leading: usize, fills: &[(u32, usize)]) -> Vec<u8> {
        let mut all: Vec<bool> = (0..leading).map(|i| i * i % 3 == 1).collect();
        let mut put = |value: u32, count: usize| all.extend((0..count).rev().map(|i| value >> i & 1 == 1));
        for &(kind, bytes) in fills {
            put(6, 3);
            if bytes < 15 {
                put(bytes as u32, 4);
            } else {
                put(15, 4);
                put(bytes as u32 - 14, 8);
            }
            put(kind, 4);
            put(5, 4);
            (1..bytes).for_each(|i| put((i as u32 * 37) % 251, 8));
        }
        put(7, 3);
        all.chunks(8).map(|b| b.iter().enumerate().fold(0, |byte, (i, &bit)| byte | u8::from(bit) << (7 - i))).collect()
    }

    #[test]
    fn replication_is_found_in_the_fill_elements_at_the_end() {
        for leading in 40..56 {
            for bytes in [1, 3, 14, 15, 16, 60, 269] {
                assert!(carries_replication(&frame(leading, &[(13, bytes)])), "{leading} bits, {bytes} bytes");
                assert!(carries_replication(&frame(leading, &[(14, bytes), (0, 20)])), "fill bytes after it");
                assert!(
                    !carries_replication(&frame(leading, &[(0, bytes)])),
                    "{leading} bits, {bytes} bytes of filling"
                );
            }
            assert!(!carries_replication(&frame(leading, &[])));
        }
        for nothing in [&[][..], &[0], &[7], &[0, 0, 0xE0]] {
            assert!(!carries_replication(nothing));
        }
    }

    #[test]
    fn some_frames_that_look_like_it_are_not_enough() {
        let (with, without) = (frame(50, &[(13, 20)]), frame(50, &[(0, 20)]));
        let judge = |pattern: &[u8]| {
            check_frames(pattern.iter().map(|&b| if b == 1 { with.as_slice() } else { without.as_slice() })).is_err()
        };
        assert!(judge(&[1; 20]) && judge(&[0, 1, 1, 1, 0, 1, 1, 1]) && judge(&[1; 4]));
        assert!(!judge(&[1; 3]) && !judge(&[1, 0, 0, 1, 0, 1, 0, 1, 0]) && !judge(&[0; 8]) && !judge(&[]));
    }
}
