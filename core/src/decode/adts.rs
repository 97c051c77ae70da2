//! AAC in ADTS frames (`.aac`, ISO/IEC 14496-3, 1.A.2.2). Frame headers are parsed here, so that
//! damage costs only the frames it hit.
//!
//! ADTS has no timestamps. The number of frames lost to damage is estimated from the bytes between
//! frames and their mean length.

use super::assemble::Assembler;
use super::block::Block;
use super::packet::{PacketCodec, Symphonia};
use super::source::Source;
use super::spec::{Codec, Container, DecodeNotes, Delay, Spec};
use super::stream::Stream;
use super::{aac, refusal};
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::units::Rate;

/// Bytes of a header without a checksum.
const LEN: usize = 7;
/// Longest frame: its length has 13 bits.
const LONGEST: usize = 8191;
/// Lookahead for a frame and the header after it.
const WINDOW: usize = LONGEST + LEN;
/// Bytes searched for the next frame at once.
const SEARCH: usize = 64 << 10;
/// Samples per block of AAC.
const SAMPLES: u64 = 1024;

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct AdtsHeader {
    /// `AudioSpecificConfig` of two bytes: object type, rate index, channel configuration.
    config: [u8; 2],
    hz: u32,
    layout: u16,
    /// Bytes before the payload, and bytes of the whole frame.
    head: usize,
    bytes: usize,
    /// Number of blocks of [`SAMPLES`].
    blocks: u64,
}

impl AdtsHeader {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let &[sync, b, c, d, e, f, g] = bytes.first_chunk::<LEN>()?;
        // The layer is always 0.
        if sync != 0xFF || b & 0xF6 != 0xF0 {
            return None;
        }
        let (object, index, layout) = ((c >> 6) + 1, c >> 2 & 15, (c & 1) << 2 | d >> 6);
        let hz = aac::RATES.get(usize::from(index)).copied()?;
        let length = usize::from(d & 3) << 11 | usize::from(e) << 3 | usize::from(f >> 5);
        let head = if b & 1 == 1 { LEN } else { LEN + 2 };
        let config = [object << 3 | index >> 1, index << 7 | layout << 3];
        let header = Self { config, hz, layout: u16::from(layout), head, bytes: length, blocks: u64::from(g & 3) + 1 };
        (length > head).then_some(header)
    }

    fn channels(self) -> u16 {
        if self.layout == 7 { 8 } else { self.layout }
    }

    fn continues(self, other: Self) -> bool {
        self.config == other.config
    }
}

/// Returns whether `count` consecutive frames of one stream begin here. Fewer are enough if the
/// bytes end with them.
pub(crate) fn is_run(bytes: &[u8], count: usize, at_end: bool) -> bool {
    let Some(first) = AdtsHeader::parse(bytes) else { return false };
    let mut at = first.bytes;
    for _ in 1..count {
        match bytes.get(at..) {
            Some(rest) if rest.len() >= LEN => match AdtsHeader::parse(rest).filter(|h| h.continues(first)) {
                Some(next) => at += next.bytes,
                None => return at_end && rest.starts_with(b"TAG"),
            },
            _ => return at_end,
        }
    }
    true
}

/// Decodes the ADTS frames of a source.
pub(crate) struct AdtsStream {
    codec: Symphonia,
    stream: AdtsHeader,
    rate: Rate,
    assembler: Assembler,
    scratch: Vec<Vec<f32>>,
    /// Number of frames so far and their bytes, for the mean length.
    frames: u64,
    bytes: u64,
    failed: u64,
}

/// Starts at the first frame, at the source's position.
pub(crate) fn open(source: &mut Source, notes: &mut DecodeNotes) -> Result<(AdtsStream, Spec)> {
    let at = source.position();
    let bytes = source.peek(SEARCH)?;
    let stream = AdtsHeader::parse(bytes).ok_or_else(|| malformed("no AAC frame at the expected position", at))?;
    let made = aac::decoder(&stream.config)?;
    if stream.layout == 0 {
        return Err(refusal::codec("AAC in ADTS with a layout of channels of its own"));
    }
    let mut rest = bytes;
    let frames = std::iter::from_fn(|| {
        let header = AdtsHeader::parse(rest)?;
        let (frame, after) = rest.split_at_checked(header.bytes)?;
        rest = after;
        frame.get(header.head..)
    });
    aac::check_frames(frames)?;
    let message = "codec delay unknown (ADTS cannot say it): none removed; encoders put 1024 samples or more";
    notes.add(Warning::new("delay_unknown", message));
    let (rate, channels) = (Rate::new(stream.hz)?, stream.channels());
    let (codec, delay) = (Codec::AacLc, Delay::default());
    let made = AdtsStream {
        codec: made,
        stream,
        rate,
        assembler: Assembler::new(usize::from(channels), 0),
        scratch: Vec::new(),
        frames: 0,
        bytes: 0,
        failed: 0,
    };
    Ok((made, Spec { container: Container::Adts, codec, rate, channels, delay, declared: None }))
}

fn malformed(message: &str, at: u64) -> Error {
    Error::new(ErrorKind::Malformed, Stage::Decode, message).at_byte(at)
}

impl AdtsStream {
    /// Returns the frame at the start of the bytes, if the bytes after it confirm it.
    fn frame(&self, bytes: &[u8], at_end: bool) -> Option<AdtsHeader> {
        let header = AdtsHeader::parse(bytes).filter(|h| h.continues(self.stream))?;
        let Some(rest) = bytes.get(header.bytes..) else { return at_end.then_some(header) };
        let ends = at_end && (rest.len() < LEN || rest.starts_with(b"TAG"));
        (ends || AdtsHeader::parse(rest).is_some_and(|h| h.continues(self.stream))).then_some(header)
    }

    fn decode(&mut self, header: AdtsHeader, frame: &[u8], at: u64, notes: &mut DecodeNotes) {
        self.frames += 1;
        self.bytes += header.bytes as u64;
        let payload = frame.get(header.head..).unwrap_or_default();
        // Several blocks in one frame have no lengths of their own. No known encoder writes them.
        if header.blocks == 1 && self.codec.decode(payload, &mut self.scratch) {
            return self.assembler.add(&self.scratch, None);
        }
        if self.failed == 0 {
            let ms = self.rate.millis(self.assembler.at());
            let message = format!("frames cannot be decoded, the first at {ms}: silence");
            notes.add(Warning::new("packet_failed", message).at_byte(at));
        }
        self.failed += 1;
        self.assembler.add_silence(header.blocks * SAMPLES);
    }

    /// Searches for the next frame, and inserts silence for lost frames.
    fn resync(&mut self, source: &mut Source, notes: &mut DecodeNotes) -> Result<()> {
        let at = source.position();
        let mut from = 1;
        loop {
            let bytes = source.peek(SEARCH + WINDOW)?;
            let bytes = bytes.get(..SEARCH + WINDOW).unwrap_or(bytes);
            let at_end = bytes.len() < SEARCH + WINDOW;
            let reach = if at_end { bytes.len() } else { SEARCH };
            let begins = |i: &usize| bytes.get(*i..).is_some_and(|rest| self.frame(rest, at_end).is_some());
            let found = (from..reach).find(begins);
            source.consume(found.unwrap_or(reach));
            if found.is_some() || at_end {
                break;
            }
            from = 0;
        }
        let gap = source.position() - at;
        if source.peek(1)?.is_empty() {
            let message = format!("{gap} bytes at the end are no audio");
            notes.add(Warning::new("trailing_bytes", message).at_byte(at));
            return Ok(());
        }
        let frames = (gap * self.frames + self.bytes / 2).checked_div(self.bytes).unwrap_or(0);
        let code = if frames > 0 { "frames_lost" } else { "resync" };
        let ms = self.rate.millis(frames * SAMPLES);
        notes.add(Warning::new(code, format!("{gap} bytes are no frames: {ms} of silence in their place")).at_byte(at));
        self.assembler.add_silence(frames * SAMPLES);
        Ok(())
    }
}

impl Stream for AdtsStream {
    fn next(&mut self, source: &mut Source, block: &mut Block, notes: &mut DecodeNotes) -> Result<bool> {
        block.clear(usize::from(self.stream.channels()));
        if self.assembler.is_due() {
            self.assembler.give(block);
            return Ok(true);
        }
        let at = source.position();
        let bytes = source.peek(WINDOW)?;
        let bytes = bytes.get(..WINDOW).unwrap_or(bytes);
        if bytes.is_empty() {
            return Ok(false);
        }
        match self.frame(bytes, bytes.len() < WINDOW) {
            Some(header) if header.bytes > bytes.len() => {
                let left = bytes.len();
                notes.add(Warning::new("truncated", format!("the last frame has only {left} bytes")).at_byte(at));
                source.consume(left);
            }
            Some(header) => {
                self.decode(header, bytes.get(..header.bytes).unwrap_or_default(), at, notes);
                source.consume(header.bytes);
            }
            None if bytes.starts_with(b"TAG") && bytes.len() <= 128 => {
                source.skip(128)?;
            }
            None => self.resync(source, notes)?,
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_of_low_complexity() {
        // 16 kHz, mono, 231 bytes.
        let header = AdtsHeader::parse(&[0xFF, 0xF1, 0x60, 0x40, 0x1C, 0xFF, 0xFC]).unwrap();
        assert_eq!((header.hz, header.channels(), header.bytes, header.head), (16_000, 1, 231, 7));
        assert_eq!((header.config, header.blocks), ([0x14, 0x08], 1), "as in an mp4");
        for wrong in [[0xFF, 0xFB, 0x60, 0x40, 0x1C, 0xFF, 0xFC], [0xFF, 0xF1, 0x7C, 0x40, 0x1C, 0xFF, 0xFC]] {
            assert_eq!(AdtsHeader::parse(&wrong), None, "{wrong:x?}");
        }
    }
}
