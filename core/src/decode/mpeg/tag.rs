//! The tag frame before the first audio frame: Xing or Info with LAME's extension, or VBRI.
//!
//! It is skipped, because a decoder unaware of it would decode it as silence.

use super::header::{FrameHeader, LEN};
use crate::decode::source::Source;
use crate::error::Result;

/// Delay of a layer III decoder, which the tag does not include: 528 samples of its filter banks,
/// and one.
pub(crate) const DECODER_DELAY: u32 = 529;

/// Contents of a tag frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct LameTag {
    /// Audio frames that follow. `None` or 0 if the encoder could not seek back to write it.
    pub(crate) frames: Option<u32>,
    /// Samples that the encoder added before and after the recording's own.
    pub(crate) delay_and_padding: Option<(u32, u32)>,
}

impl LameTag {
    /// Parses the tag in a frame, if it is a tag frame.
    pub(crate) fn parse(frame: &[u8], header: FrameHeader) -> Option<Self> {
        if header.layer != 3 {
            return None;
        }
        let side = LEN + header.side_info();
        xing(frame.get(side..)?)
            .or_else(|| xing(frame.get(side + 2..)?).filter(|_| header.has_crc))
            .or_else(|| vbri(frame.get(LEN + 32..)?))
    }

    /// Returns whether a frame is the space that LAME reserves for its tag, never filled in because
    /// the file was not closed: a header followed by zeros.
    pub(crate) fn is_reserved_room(frame: &[u8]) -> bool {
        frame.len() > LEN && frame.iter().skip(LEN).all(|&b| b == 0)
    }
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|b| u32::from_be_bytes(*b))
}

fn xing(tag: &[u8]) -> Option<LameTag> {
    if !tag.starts_with(b"Xing") && !tag.starts_with(b"Info") {
        return None;
    }
    let flags = be32(tag, 4)?;
    let mut at = 8;
    let frames = (flags & 1 != 0).then(|| be32(tag, at)).flatten();
    // Each field is present if its flag is set: frames, bytes, table of contents, quality.
    for (flag, length) in [(1, 4), (2, 4), (4, 100), (8, 4)] {
        at += if flags & flag != 0 { length } else { 0 };
    }
    Some(LameTag { frames, delay_and_padding: tag.get(at..).and_then(lame) })
}

/// Reads LAME's extension, which other encoders write too: a name of nine bytes, and delay and
/// padding as two 12-bit numbers at byte 21.
fn lame(extension: &[u8]) -> Option<(u32, u32)> {
    let writer = extension.get(..4)?;
    let known = [&b"LAME"[..], b"Lavf", b"Lavc", b"L3.9", b"GOGO"].contains(&writer);
    let &[a, b, c] = extension.get(21..)?.first_chunk::<3>()?;
    let delay = u32::from(a) << 4 | u32::from(b) >> 4;
    let padding = u32::from(b & 15) << 8 | u32::from(c);
    (known && (delay, padding) != (0, 0)).then_some((delay, padding))
}

/// Reads Fraunhofer's tag. Its delay covers encoder and decoder together, and it has no padding.
fn vbri(tag: &[u8]) -> Option<LameTag> {
    if !tag.starts_with(b"VBRI") {
        return None;
    }
    Some(LameTag { frames: be32(tag, 14), delay_and_padding: None })
}

/// Skips all consecutive ID3v2 tags at the source's position. Returns the number of bytes.
pub(crate) fn skip_id3v2(source: &mut Source) -> Result<u64> {
    let mut skipped = 0;
    while let Some(length) = id3v2_length(source.peek(10)?) {
        skipped += source.skip(length)?;
    }
    Ok(skipped)
}

/// Returns the length of the ID3v2 tag that begins here, if any.
pub(crate) fn id3v2_length(bytes: &[u8]) -> Option<u64> {
    let &[b'I', b'D', b'3', major, minor, flags, a, b, c, d] = bytes.first_chunk::<10>()? else { return None };
    if major == 0xFF || minor == 0xFF || (a | b | c | d) & 0x80 != 0 {
        return None;
    }
    let size = [a, b, c, d].iter().fold(0u64, |sum, &b| sum << 7 | u64::from(b));
    Some(size + if flags & 0x10 != 0 { 20 } else { 10 })
}

/// Returns the length of the ID3v1 or APE tag that begins here, if any. They occur after or between
/// audio frames.
pub(crate) fn tail_length(bytes: &[u8]) -> Option<u64> {
    if bytes.starts_with(b"TAG") && bytes.len() >= 128 {
        // The enhanced tag "TAG+" precedes ID3v1.
        return Some(if bytes.starts_with(b"TAG+") { 227 } else { 128 });
    }
    let ape = bytes.starts_with(b"APETAGEX").then(|| bytes.get(12..)?.first_chunk::<4>()).flatten()?;
    // The size counts the items and the footer, but not the header at this position.
    Some(u64::from(u32::from_le_bytes(*ape)) + 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lame_tag_gives_frames_delay_and_padding() {
        let header = FrameHeader::parse(&[0xFF, 0xF3, 0x88, 0xC4]).unwrap();
        let mut frame = vec![0; 288];
        frame[..4].copy_from_slice(&[0xFF, 0xF3, 0x88, 0xC4]);
        frame[13..17].copy_from_slice(b"Info");
        frame[20] = 15;
        frame[21..25].copy_from_slice(&558u32.to_be_bytes());
        frame[133..137].copy_from_slice(b"LAME");
        frame[154..157].copy_from_slice(&[0x24, 0x03, 0x40]);
        let tag = LameTag::parse(&frame, header).unwrap();
        assert_eq!(tag, LameTag { frames: Some(558), delay_and_padding: Some((576, 832)) });
        frame[133] = b'X';
        assert_eq!(LameTag::parse(&frame, header).unwrap().delay_and_padding, None, "a writer that is not known");
    }

    #[test]
    fn id3_lengths() {
        assert_eq!(id3v2_length(b"ID3\x04\x00\x00\x00\x00\x02\x01"), Some(257 + 10));
        assert_eq!(id3v2_length(b"ID3\x04\x00\x10\x00\x00\x00\x00"), Some(20));
        assert_eq!(id3v2_length(b"ID3\x04\x00\x00\x80\x00\x00\x00"), None);
    }
}
