//! AMR speech: frames of 20 ms, each a header byte and a payload (RFC 4867, 5.3).
//!
//! Occurs as `.amr`, in 3GP and in WAV. Bytes that are not frames are counted as frames, which the
//! decoder conceals like frames lost in transmission.

mod dtx;
mod narrow;
mod ops;
mod payload;
mod wide;

pub use self::payload::AmrPackets;

use self::narrow::{FrameKind, NarrowDecoder, NarrowFrame};
use self::wide::{WideDecoder, WideFrame};
use super::assemble::Assembler;
use super::block::Block;
use super::source::Source;
use super::spec::{Codec, Container, DecodeNotes, Delay, Spec};
use super::stream::Stream;
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::units::Rate;

/// The two codecs of the family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AmrBand {
    Narrow,
    Wide,
}

impl AmrBand {
    /// Returns the magic number of a file with one channel.
    fn magic(self) -> &'static [u8] {
        match self {
            Self::Narrow => b"#!AMR\n",
            Self::Wide => b"#!AMR-WB\n",
        }
    }

    fn rate(self) -> Rate {
        match self {
            Self::Narrow => Rate::NARROWBAND,
            Self::Wide => Rate::WIDEBAND,
        }
    }

    /// Returns the samples per frame.
    fn samples(self) -> usize {
        match self {
            Self::Narrow => narrow::FRAME,
            Self::Wide => wide::FRAME,
        }
    }

    /// Returns the length of the frame that begins here in bytes, or `None` if there is none.
    fn frame_bytes(self, bytes: &[u8]) -> Option<usize> {
        let sizes = if self == Self::Narrow { &narrow::SIZES } else { &wide::SIZES };
        let size = sizes.get(usize::from(bytes.first()? >> 3 & 15))?;
        size.map(|size| 1 + size)
    }

    /// Returns whether `count` frames, or as many as the bytes hold, begin here. `strict`: padding
    /// bits must be 0 too.
    fn is_run(self, bytes: &[u8], count: usize, strict: bool, at_end: bool) -> bool {
        let mut at = 0;
        for _ in 0..count {
            match bytes.get(at..).filter(|rest| !rest.is_empty()) {
                None => return at_end,
                Some(rest) if strict && rest.first().is_some_and(|head| head & PADDING != 0) => return false,
                Some(rest) => match self.frame_bytes(rest) {
                    Some(length) => at += length,
                    None => return false,
                },
            }
        }
        true
    }

    /// Finds the start of the next frame after damage.
    fn sync(self, bytes: &[u8], at_end: bool) -> Option<usize> {
        (1..bytes.len()).find(|&at| bytes.get(at..).is_some_and(|rest| self.is_run(rest, RUN, true, at_end)))
    }
}

/// A decoder of either codec.
enum AmrDecoder {
    Narrow(Box<NarrowDecoder>),
    Wide(Box<WideDecoder>),
}

impl AmrDecoder {
    fn new(band: AmrBand) -> Self {
        match band {
            AmrBand::Narrow => Self::Narrow(Box::default()),
            AmrBand::Wide => Self::Wide(Box::default()),
        }
    }

    /// Appends the samples of a frame. `None`: a lost frame, which is concealed.
    fn decode(&mut self, frame: Option<&[u8]>, out: &mut Vec<f32>) {
        let head = frame.and_then(|frame| frame.first()).copied();
        let payload = frame.and_then(|frame| frame.get(1..)).unwrap_or_default();
        let (kind, good) = (head.map(|head| head >> 3 & 15), head.is_some_and(|head| head & 4 != 0));
        let float = |x: i16| f32::from(x) / 32_768.0;
        match self {
            Self::Narrow(decoder) => {
                let frame = kind.and_then(|kind| NarrowFrame::parse(kind, good, payload));
                out.extend(decoder.decode(&frame.unwrap_or_else(NarrowFrame::no_data)).map(float));
            }
            Self::Wide(decoder) => {
                let frame = kind.map(|kind| WideFrame::parse(kind, good, payload));
                out.extend(decoder.decode(&frame.unwrap_or_else(WideFrame::no_data)).map(float));
            }
        }
    }
}

/// Bytes searched for the next frame at once.
const SEARCH: usize = 16 << 10;
/// Consecutive frames required after damage.
const RUN: usize = 4;
/// Padding bits of a frame's header byte, which are 0. Checked when searching.
const PADDING: u8 = 0x83;

/// Decodes the AMR frames of a source.
pub(crate) struct AmrStream {
    band: AmrBand,
    decoder: AmrDecoder,
    assembler: Assembler,
    scratch: Vec<Vec<f32>>,
    /// Length of the last frame that was not empty, in bytes.
    length: usize,
    /// Lost frames still to be concealed.
    lost: u64,
}

/// Opens a file in the storage format.
pub(crate) fn open(source: &mut Source, band: AmrBand) -> Result<(AmrStream, Spec)> {
    source.skip(band.magic().len() as u64)?;
    open_frames(source, band, Container::Amr)
}

/// Opens frames within a container.
pub(crate) fn open_frames(source: &mut Source, band: AmrBand, container: Container) -> Result<(AmrStream, Spec)> {
    if source.peek(1)?.is_empty() {
        let message = "an AMR header without frames";
        return Err(Error::new(ErrorKind::NoAudio, Stage::Decode, message).at_byte(source.position()));
    }
    let (rate, delay) = (band.rate(), Delay::default());
    let codec = if band == AmrBand::Narrow { Codec::AmrNb } else { Codec::AmrWb };
    let stream = AmrStream {
        band,
        decoder: AmrDecoder::new(band),
        assembler: Assembler::new(1, 0),
        scratch: vec![Vec::new()],
        length: 0,
        lost: 0,
    };
    Ok((stream, Spec { container, codec, rate, channels: 1, delay, declared: None }))
}

impl AmrStream {
    /// Decodes or conceals a frame.
    fn decode(&mut self, frame: Option<&[u8]>) {
        self.length = frame.map(<[u8]>::len).filter(|&length| length > 1).unwrap_or(self.length);
        if let Some(plane) = self.scratch.first_mut() {
            plane.clear();
            self.decoder.decode(frame, plane);
        }
        self.assembler.add(&self.scratch, None);
    }

    /// Skips bytes that are not frames, and queues as many lost frames as they may have held.
    fn resync(&mut self, source: &mut Source, notes: &mut DecodeNotes) -> Result<()> {
        let at = source.position();
        loop {
            let bytes = source.peek(SEARCH)?;
            let bytes = bytes.get(..SEARCH).unwrap_or(bytes);
            let at_end = bytes.len() < SEARCH;
            let found = self.band.sync(bytes, at_end).filter(|&found| at_end || found < SEARCH / 2);
            let reach = if at_end { bytes.len() } else { SEARCH / 2 };
            source.consume(found.unwrap_or(reach));
            if found.is_some() || at_end {
                break;
            }
        }
        let gap = source.position() - at;
        let ended = source.peek(1)?.is_empty();
        let length = self.length.max(1) as u64;
        self.lost = if self.length == 0 || ended { 0 } else { (gap + length / 2) / length };
        let ms = self.band.rate().millis(self.lost * self.band.samples() as u64);
        let (code, message) = match self.lost {
            _ if ended => ("trailing_bytes", format!("{gap} bytes at the end are no audio")),
            0 => ("resync", format!("{gap} bytes are no frames")),
            lost => ("frames_lost", format!("{gap} bytes are no frames: {lost} taken for lost, {ms}")),
        };
        notes.add(Warning::new(code, message).at_byte(at));
        Ok(())
    }
}

impl Stream for AmrStream {
    fn next(&mut self, source: &mut Source, block: &mut Block, notes: &mut DecodeNotes) -> Result<bool> {
        block.clear(1);
        if self.assembler.is_due() {
            self.assembler.give(block);
            return Ok(true);
        }
        if self.lost > 0 {
            self.lost -= 1;
            self.decode(None);
            return Ok(true);
        }
        let at = source.position();
        let bytes = source.peek(SEARCH)?;
        let bytes = bytes.get(..SEARCH).unwrap_or(bytes);
        let at_end = bytes.len() < SEARCH;
        let Some(length) = self.band.frame_bytes(bytes) else {
            if bytes.is_empty() {
                return Ok(false);
            }
            self.resync(source, notes)?;
            return Ok(true);
        };
        let Some(frame) = bytes.get(..length) else {
            let left = bytes.len();
            notes.add(Warning::new("truncated", format!("the last frame has only {left} bytes")).at_byte(at));
            source.consume(left);
            return Ok(true);
        };
        // A header without another frame after its length is false if frames begin within it.
        let broken = !self.band.is_run(bytes, 2, false, at_end)
            && self.band.sync(bytes, at_end).is_some_and(|next| next < length);
        if broken {
            self.resync(source, notes)?;
            return Ok(true);
        }
        self.decode(Some(frame));
        source.consume(length);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_frames() {
        let frames = [&[0x3C][..], &[7; 31], &[0x7C], &[0x04], &[9; 12]].concat();
        let band = AmrBand::Narrow;
        assert!(band.is_run(&frames, 3, true, false) && band.is_run(&frames, 9, true, true));
        assert!(!band.is_run(&frames, 4, true, false) && !band.is_run(&frames[1..], 2, true, true));
        let bytes = |band: AmrBand, head| band.frame_bytes(&[head]);
        assert_eq!((bytes(band, 0x3C), bytes(band, 0x50), band.frame_bytes(&[])), (Some(32), None, None));
        assert_eq!((bytes(AmrBand::Wide, 0x44), bytes(AmrBand::Wide, 0x54)), (Some(61), None));
    }
}
