//! What an mp4 says that symphonia's reader does not pass on: the samples before and after the recording's own, and
//! which kind of AAC it is.

use symphonia::core::codecs::audio::AudioCodecId;
use symphonia::core::codecs::audio::well_known as ids;

use crate::error::{Error, ErrorKind, Result, Stage};
use crate::units::Rate;

/// The part of the decoded samples that is the recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Edit {
    /// Apple's comment: samples before, and samples of the recording.
    Gapless { delay: u32, length: u64 },
    /// An edit list: where the media begins, in the media's time scale, and how long it is in seconds.
    List { start: u64, scale: u32, seconds: f64 },
}

impl Edit {
    /// Samples before the recording's own.
    pub(crate) fn delay(&self, rate: Rate) -> u32 {
        match *self {
            Self::Gapless { delay, .. } => delay,
            Self::List { start, scale, .. } => {
                (start as f64 * f64::from(rate.hz()) / f64::from(scale)).round().min(f64::from(u32::MAX)) as u32
            }
        }
    }

    /// Where the recording's own samples end among all, if it is said.
    pub(crate) fn end(&self, rate: Rate) -> Option<u64> {
        let length = match *self {
            Self::Gapless { length, .. } => length,
            Self::List { seconds, .. } => (seconds * f64::from(rate.hz())).round() as u64,
        };
        (length > 0).then(|| u64::from(self.delay(rate)).saturating_add(length))
    }
}

/// What an mp4 says of the recording's place among its samples.
pub(crate) fn edit(bytes: &[u8]) -> Option<Edit> {
    let moov = find(bytes, &[b"moov"])?;
    if let Some(gapless) = gapless(moov) {
        return Some(gapless);
    }
    let movie_scale = scale_of(find(moov, &[b"mvhd"])?)?;
    let audio = boxes(moov)
        .filter(|(kind, _)| kind == b"trak")
        .map(|(_, body)| body)
        .find(|trak| find(trak, &[b"mdia", b"hdlr"]).is_some_and(|hdlr| hdlr.get(8..12) == Some(b"soun")))?;
    let scale = scale_of(find(audio, &[b"mdia", b"mdhd"])?)?;
    let list = find(audio, &[b"edts", b"elst"])?;
    let wide = *list.first()? == 1;
    let entries = list.get(8..)?.chunks_exact(if wide { 20 } else { 12 });
    let mut entries = entries.map(|e| {
        let (duration, start) =
            if wide { (be(e, 0, 8), be(e, 8, 8) as i64) } else { (be(e, 0, 4), i64::from(be(e, 4, 4) as i32)) };
        (duration, start)
    });
    // An empty edit (start −1) only delays the track against others.
    let (duration, start) = entries.find(|&(_, start)| start >= 0)?;
    Some(Edit::List { start: start as u64, scale, seconds: duration as f64 / f64::from(movie_scale) })
}

/// The time scale of an `mvhd` or `mdhd` box.
fn scale_of(body: &[u8]) -> Option<u32> {
    let at = if *body.first()? == 1 { 20 } else { 12 };
    Some(be(body, at, 4) as u32).filter(|&scale| scale > 0)
}

fn be(bytes: &[u8], at: usize, length: usize) -> u64 {
    bytes.get(at..at + length).unwrap_or_default().iter().fold(0, |v, &b| v << 8 | u64::from(b))
}

/// The boxes within some bytes.
fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let kind = bytes.get(4..8)?.first_chunk::<4>().copied()?;
        let (size, head) = match be(bytes, 0, 4) {
            0 => (bytes.len() as u64, 8),
            1 => (be(bytes, 8, 8), 16),
            size => (size, 8),
        };
        let size = usize::try_from(size).ok().filter(|&size| size >= head)?.min(bytes.len());
        let body = bytes.get(head..size)?;
        bytes = bytes.get(size..)?;
        Some((kind, body))
    })
}

fn find<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(bytes, |bytes, wanted| boxes(bytes).find(|(kind, _)| kind == *wanted).map(|(_, body)| body))
}

/// Apple's `iTunSMPB`: four hexadecimal numbers in a text, the second the delay, the third the padding, the fourth the
/// recording's length.
fn gapless(moov: &[u8]) -> Option<Edit> {
    let at = moov.windows(8).position(|w| w == b"iTunSMPB")?;
    let after = moov.get(at + 8..)?.get(..200.min(moov.len() - at - 8))?;
    let text = after.iter().position(|&b| b == b' ').and_then(|from| after.get(from..))?;
    let text: String =
        text.iter().take_while(|b| b.is_ascii_hexdigit() || **b == b' ').map(|&b| char::from(b)).collect();
    let mut numbers = text.split_ascii_whitespace().map(|n| u64::from_str_radix(n, 16).ok());
    let (_, delay, _, length) = (numbers.next()??, numbers.next()??, numbers.next()??, numbers.next()??);
    Some(Edit::Gapless { delay: u32::try_from(delay).ok().filter(|&d| d < 1 << 20)?, length })
}

/// Refuses AAC other than low complexity, by its `AudioSpecificConfig` (ISO/IEC 14496-3, 1.6.2.1).
pub(crate) fn check_profile(config: &[u8]) -> Result<()> {
    let mut padded = [0; 8];
    padded.iter_mut().zip(config).for_each(|(to, from)| *to = *from);
    let bits = u64::from_be_bytes(padded);
    let take = |at: u32, count: u32| (bits >> (64 - at - count)) & ((1 << count) - 1);
    let object = take(0, 5);
    // After an object type of low complexity, a synchronisation word announces spectral band replication.
    let frequency = take(5, 4);
    let extension = if frequency == 15 { 5 + 4 + 24 } else { 5 + 4 } + 4 + 3;
    let announced = config.len() >= 5
        && take(extension, 11) == 0x2B7
        && take(extension + 11, 5) == 5
        && take(extension + 16, 1) == 1;
    let name = match object {
        5 => "HE-AAC (spectral band replication)",
        29 => "HE-AAC v2 (parametric stereo)",
        2 if announced => "HE-AAC (spectral band replication)",
        2 => return Ok(()),
        _ => return Err(profile(&format!("AAC object type {object}"))),
    };
    Err(profile(name))
}

fn profile(name: &str) -> Error {
    Error::new(ErrorKind::Unsupported, Stage::Decode, "a codec that is not read").found(name, "AAC-LC")
}

/// The name of a codec that is not read, for messages.
pub(crate) fn codec_name(id: AudioCodecId) -> String {
    let known = [
        (ids::CODEC_ID_MP3, "mp3 in mp4"),
        (ids::CODEC_ID_ALAC, "ALAC"),
        (ids::CODEC_ID_AC3, "AC-3"),
        (ids::CODEC_ID_EAC3, "E-AC-3"),
        (ids::CODEC_ID_OPUS, "Opus in mp4"),
        (ids::CODEC_ID_FLAC, "FLAC in mp4"),
    ];
    known.iter().find(|(known, _)| *known == id).map_or_else(|| format!("codec {id}"), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_of_aac() {
        assert!(check_profile(&[0x14, 0x08]).is_ok(), "LC at 16 kHz, mono");
        for (config, name) in [(&[0x2B, 0x92, 0x08, 0x00][..], "HE-AAC"), (&[0xEB, 0x8A, 0x08, 0x00], "v2")] {
            assert!(check_profile(config).unwrap_err().to_string().contains(name));
        }
        assert!(check_profile(&[0x13, 0x88, 0x56, 0xE5, 0xA5]).is_err(), "LC with announced replication");
    }

    #[test]
    fn the_gapless_comment() {
        let mut moov = b"....iTunSMPB\0\0\0\0data\0\0\0\x01\0\0\0\0".to_vec();
        moov.extend(b" 00000000 00000840 000001CA 00000000003F31F6 00000000");
        assert_eq!(gapless(&moov), Some(Edit::Gapless { delay: 2112, length: 0x3F_31F6 }));
        assert_eq!(gapless(b"iTunSMPB"), None);
    }
}
