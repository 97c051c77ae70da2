//! AIFF and AIFF-C: chunks as in RIFF, big-endian, the rate as an 80-bit number.

use super::pcm::{Endian, Layout};
use super::refusal;
use super::source::Source;
use super::spec::{Codec, DecodeNotes};
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::units::Rate;

/// The header.
pub(crate) struct Aiff {
    pub(crate) layout: Layout,
    pub(crate) rate: Rate,
    /// Bytes of samples that the header promises.
    pub(crate) promised: Option<u64>,
}

/// Reads up to the first sample and binds the source to the samples.
pub(crate) fn open(source: &mut Source, notes: &mut DecodeNotes) -> Result<Aiff> {
    source.skip(12)?;
    let mut common = None;
    loop {
        let at = source.position();
        let Some(head) = source.peek(8)?.first_chunk::<8>().copied() else {
            return Err(Error::new(ErrorKind::NoAudio, Stage::Decode, "an AIFF header without samples").at_byte(at));
        };
        source.consume(8);
        let size = u64::from(u32::from_be_bytes([head[4], head[5], head[6], head[7]]));
        match &head[..4] {
            b"COMM" => {
                let body = source.peek(22)?;
                let length = usize::try_from(size).unwrap_or(22).min(22).min(body.len());
                common = Some(read_common(body.get(..length).unwrap_or_default(), at)?);
                source.skip(size + size % 2)?;
            }
            b"SSND" => {
                let (layout, rate) = common.ok_or_else(|| malformed("samples before any COMM chunk", at))?;
                let offset = source.peek(4)?.first_chunk::<4>().map_or(0, |b| u64::from(u32::from_be_bytes(*b)));
                source.skip(8 + offset)?;
                let promised = size.saturating_sub(8 + offset);
                if promised == 0 {
                    notes.add(Warning::new("header_size_wrong", "the header says 0 bytes of samples").at_byte(at));
                    return Ok(Aiff { layout, rate, promised: None });
                }
                source.bind(promised);
                return Ok(Aiff { layout, rate, promised: Some(promised) });
            }
            id if !id.iter().all(|b| (0x20..0x7F).contains(b)) => {
                return Err(malformed("no chunk at the expected position", at));
            }
            _ => {
                source.skip(size + size % 2)?;
            }
        }
    }
}

fn read_common(body: &[u8], at: u64) -> Result<(Layout, Rate)> {
    let short = |i: usize| body.get(i..).and_then(|b| b.first_chunk::<2>()).map(|b| u16::from_be_bytes(*b));
    let cut = || malformed("the COMM chunk is cut off", at);
    let (channels, bits) = (short(0).ok_or_else(cut)?, short(6).ok_or_else(cut)?);
    let hz = body.get(8..).and_then(|b| b.first_chunk::<10>()).and_then(extended).ok_or_else(cut)?;
    let compression = body.get(18..22).unwrap_or(b"NONE");
    let (codec, endian) = match (compression, bits.div_ceil(8)) {
        (b"NONE" | b"twos", 1) => (Codec::PcmS8, Endian::Big),
        (b"NONE" | b"twos", 2) => (Codec::PcmS16, Endian::Big),
        (b"NONE" | b"twos" | b"in24", 3) => (Codec::PcmS24, Endian::Big),
        (b"NONE" | b"twos" | b"in32", 4) => (Codec::PcmS32, Endian::Big),
        (b"sowt", 1) => (Codec::PcmS8, Endian::Little),
        (b"sowt", 2) => (Codec::PcmS16, Endian::Little),
        (b"sowt", 3) => (Codec::PcmS24, Endian::Little),
        (b"sowt", 4) => (Codec::PcmS32, Endian::Little),
        (b"raw ", 1) => (Codec::PcmU8, Endian::Big),
        (b"fl32" | b"FL32", _) => (Codec::PcmF32, Endian::Big),
        (b"fl64" | b"FL64", _) => (Codec::PcmF64, Endian::Big),
        (b"ulaw" | b"ULAW", _) => (Codec::Ulaw, Endian::Big),
        (b"alaw" | b"ALAW", _) => (Codec::Alaw, Endian::Big),
        (other, _) => {
            let name = String::from_utf8_lossy(other).into_owned();
            return Err(refusal::codec(format!("{bits} bits, AIFF-C compression {name:?}")));
        }
    };
    let rate = Rate::new(hz).ok().filter(|_| channels > 0).ok_or_else(|| {
        malformed("the COMM chunk is invalid", at)
            .with_mismatch(format!("{channels} channels at {hz} Hz"), "1 or more channels, 1 to 768000 Hz")
    })?;
    Ok((Layout { codec, endian, channels }, rate))
}

/// Converts a rate in the 80-bit format of IEEE 754, rounded to whole hertz.
fn extended(bytes: &[u8; 10]) -> Option<u32> {
    let exponent = i32::from(u16::from_be_bytes([bytes[0], bytes[1]]) & 0x7FFF) - 16_383 - 63;
    let mantissa = bytes.get(2..)?.first_chunk::<8>().map(|b| u64::from_be_bytes(*b))?;
    let hz = (mantissa as f64 * 2f64.powi(exponent)).round();
    (0.0..=f64::from(u32::MAX)).contains(&hz).then_some(hz as u32)
}

fn malformed(message: &str, at: u64) -> Error {
    Error::new(ErrorKind::Malformed, Stage::Decode, message).at_byte(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_of_80_bits() {
        assert_eq!(extended(&[0x40, 0x0B, 0xFA, 0, 0, 0, 0, 0, 0, 0]), Some(8000));
        assert_eq!(extended(&[0x40, 0x0E, 0xAC, 0x44, 0, 0, 0, 0, 0, 0]), Some(44_100));
        assert_eq!(extended(&[0x7F, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0]), None);
    }
}
