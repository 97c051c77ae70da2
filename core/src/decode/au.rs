//! Sun and NeXT audio (`.au`, `.snd`): a header of 24 bytes or more, all big-endian, then the
//! samples.

use super::pcm::{Endian, Layout};
use super::refusal;
use super::source::Source;
use super::spec::{Codec, DecodeNotes};
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::units::Rate;

/// The header.
pub(crate) struct Sun {
    pub(crate) layout: Layout,
    pub(crate) rate: Rate,
    /// Bytes of samples that the header promises. `None` if it does not know (all ones).
    pub(crate) promised: Option<u64>,
    /// Bits per sample of G.726.
    pub(crate) bits: u8,
}

/// Length of a header without an annotation.
const HEADER: u64 = 24;

/// Reads up to the first sample and binds the source to the samples.
pub(crate) fn open(source: &mut Source, notes: &mut DecodeNotes) -> Result<Sun> {
    let at = source.position();
    let head = source.peek(HEADER as usize)?;
    let Some(&[_, offset, size, encoding, hz, channels]) = head.as_chunks::<4>().0.first_chunk::<6>() else {
        return Err(Error::new(ErrorKind::NoAudio, Stage::Decode, "a Sun header without samples").at_byte(at));
    };
    let [offset, size, encoding, hz, channels] = [offset, size, encoding, hz, channels].map(u32::from_be_bytes);
    let (codec, bits) = codec_of(encoding)?;
    let rate = Rate::new(hz).ok().zip(u16::try_from(channels).ok().filter(|&n| n > 0));
    let (rate, channels) = rate.ok_or_else(|| {
        Error::new(ErrorKind::Malformed, Stage::Decode, "the Sun header is invalid")
            .at_byte(at)
            .with_mismatch(format!("{channels} channels at {hz} Hz"), "1 or more channels, 1 to 768000 Hz")
    })?;
    source.skip(u64::from(offset).max(HEADER))?;
    let mut promised = (size != u32::MAX).then_some(u64::from(size));
    if let Some(length) = promised.take_if(|length| *length == 0) {
        let message = format!("the header says {length} bytes of samples (never closed): what follows is taken");
        notes.add(Warning::new("header_size_wrong", message).at_byte(at + 8));
    }
    if let Some(promised) = promised {
        source.bind(promised);
    }
    Ok(Sun { layout: Layout { codec, endian: Endian::Big, channels }, rate, promised, bits })
}

/// Returns the codec of an encoding number, and the bits per sample of G.726 (Sun's
/// `audio_filehdr`).
fn codec_of(encoding: u32) -> Result<(Codec, u8)> {
    let codec = match encoding {
        1 => Codec::Ulaw,
        2 => Codec::PcmS8,
        3 => Codec::PcmS16,
        4 => Codec::PcmS24,
        5 => Codec::PcmS32,
        6 => Codec::PcmF32,
        7 => Codec::PcmF64,
        23 => return Ok((Codec::G726, 4)),
        25 => return Ok((Codec::G726, 3)),
        26 => return Ok((Codec::G726, 5)),
        27 => Codec::Alaw,
        24 => return Err(refusal::codec("G.722")),
        other => return Err(refusal::codec(format!("Sun encoding {other}"))),
    };
    Ok((codec, 0))
}
