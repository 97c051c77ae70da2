//! MPEG audio, layers I to III. Frame headers are parsed here, so that damage costs only the frames
//! it hit, and whole frames are passed to the decoder of their layer.
//!
//! Timing is preserved. A frame that cannot be decoded becomes silence of its length. So do frames
//! with lost headers, if the bytes between frames show their number.

mod ahead;
mod frame;
pub(crate) mod header;
mod layer3;
mod lost;
mod sampling;
mod segment;
pub(crate) mod tag;

use self::ahead::Ahead;
use self::frame::FrameDecoder;
use self::header::FrameHeader;
use self::lost::{Lengths, Lost};
use self::segment::MpegSegment;
use self::tag::LameTag;
use super::block::Block;
use super::source::Source;
use super::spec::{Codec, DecodeNotes, Delay, DelayBasis};
use super::stream::Stream;
use crate::error::{Result, Warning};
use crate::threads;
use crate::units::Rate;

/// Longest layer III frame in bytes: 320 kbit/s at 32 kHz, padded.
const MAX_LAYER_III: usize = 1441;
/// Longest frame in bytes: layer II at 160 kbit/s and 8 kHz, padded.
const MAX_FRAME: usize = 2881;
/// Delay of the filter banks of layers I and II, which no tag gives: 512 coefficients, 32 bands
/// (ISO/IEC 11172-3).
const FILTER_DELAY: u32 = 512 - 32 + 1;
/// Lookahead in bytes for a frame and what follows it.
const WINDOW: usize = 3 * MAX_FRAME + header::LEN;
/// Lookahead in bytes for frames to decode ahead.
const AHEAD: usize = 1 << 20;
/// Maximum number of parallel parts, which bounds the decoded frames in memory.
const MAX_PARTS: usize = 8;
/// Bytes searched for the first frame, and for the next frame at once.
const SEARCH: usize = 256 << 10;

/// Decodes the MPEG frames of a source, up to its bound.
pub(crate) struct MpegStream {
    decoder: FrameDecoder,
    /// Header with the stream's version, rate and channels.
    stream: FrameHeader,
    /// Channels of the output, whatever later parts of the file have.
    channels: usize,
    segment: MpegSegment,
    /// Rate in Hz of the streams of which every second sample is made. 0: none.
    halved_hz: u32,
    /// Own samples of the segments so far at this rate.
    before: u64,
    assumed_delay: u32,
    lengths: Lengths,
    lost: Lost,
    /// Whether a tag that ends a file has been passed. Further frames belong to another file.
    file_ended: bool,
    /// Number of parts that may be decoded in parallel.
    parts: usize,
    ahead: Ahead,
}

/// Finds the first of some consecutive frames and moves the source there. `None` if there are none.
pub(crate) fn find_first(source: &mut Source, notes: &mut DecodeNotes) -> Result<Option<FrameHeader>> {
    let skipped = tag::skip_id3v2(source)?;
    let at = source.position();
    let bytes = source.peek(SEARCH)?;
    let at_end = bytes.len() < SEARCH;
    let found = (0..bytes.len()).find_map(|i| {
        let rest = bytes.get(i..).filter(|rest| rest.first() == Some(&0xFF))?;
        // Two frames suffice at the very start or after a tag. Amid other bytes four are required.
        let wanted = if i == 0 { 2 } else { 4 };
        header::run_of_frames(rest, wanted, at_end && (i == 0 || rest.len() < 4 * MAX_FRAME)).map(|h| (i, h))
    });
    let Some((offset, header)) = found else { return Ok(None) };
    if offset > 0 {
        let what = if skipped > 0 { "after the ID3 tag" } else { "before the first frame" };
        notes.add(Warning::new("leading_bytes", format!("{offset} bytes {what} are no audio")).at_byte(at));
        source.consume(offset);
    }
    Ok(Some(header))
}

/// Returns whether the bytes are free-format frames, whose length only the next header shows: three
/// matching headers at equal distances.
pub(crate) fn is_free_format(bytes: &[u8]) -> bool {
    let Some(first) = FrameHeader::parse(bytes).filter(|h| h.bytes == 0) else { return false };
    let alike =
        |at: usize| bytes.get(at..).and_then(FrameHeader::parse).is_some_and(|h| h.bytes == 0 && h.continues(first));
    (header::LEN..4 * MAX_LAYER_III).any(|length| alike(length) && (alike(2 * length) || alike(2 * length + 1)))
}

impl MpegStream {
    /// Starts at the first frame, where [`find_first`] has moved the source.
    pub(crate) fn open(
        source: &mut Source,
        stream: FrameHeader,
        assumed_delay: u32,
        notes: &mut DecodeNotes,
    ) -> Result<Self> {
        let mut made = Self {
            decoder: FrameDecoder::new(stream.layer)?,
            stream,
            channels: usize::from(stream.channels),
            segment: MpegSegment::default(),
            halved_hz: 0,
            before: 0,
            assumed_delay,
            lengths: Lengths::default(),
            lost: Lost::default(),
            file_ended: false,
            parts: 1,
            ahead: Ahead::default(),
        };
        made.begin_segment(source, notes)?;
        Ok(made)
    }

    /// Returns the rate in Hz of the next samples.
    pub(crate) fn hz(&self) -> u32 {
        if self.is_halved() { self.stream.hz / 2 } else { self.stream.hz }
    }

    fn is_halved(&self) -> bool {
        self.stream.hz == self.halved_hz
    }

    /// Returns the rate of the stream itself.
    pub(crate) fn rate(&self) -> Result<Rate> {
        Rate::new(self.stream.hz)
    }

    pub(crate) fn channels(&self) -> u16 {
        self.channels as u16
    }

    pub(crate) fn codec(&self) -> Codec {
        match self.stream.layer {
            1 => Codec::Mp1,
            2 => Codec::Mp2,
            _ => Codec::Mp3,
        }
    }

    /// Returns the delay that is removed from the current segment.
    pub(crate) fn delay(&self) -> Delay {
        self.segment.delay
    }

    /// Returns the samples of the current segment by its tag.
    pub(crate) fn declared(&self) -> Option<u64> {
        self.segment.declared
    }

    /// Begins a segment at the source's position, skipping its tag frame, if any.
    fn begin_segment(&mut self, source: &mut Source, notes: &mut DecodeNotes) -> Result<()> {
        let at = source.position();
        let bytes = source.peek(2 * MAX_FRAME)?;
        let frame = bytes.get(..self.frame_length(bytes)).unwrap_or_default();
        let next = bytes.get(frame.len()..).unwrap_or_default();
        let next = next.get(..self.frame_length(next)).unwrap_or_default();
        let mut tag = LameTag::parse(frame, self.stream);
        let layer3 = self.stream.layer == 3;
        let room = layer3 && LameTag::is_reserved_room(frame) && !next.is_empty() && !LameTag::is_reserved_room(next);
        if room {
            tag = Some(LameTag::default());
        }
        let length = frame.len();
        if tag.is_some() {
            source.consume(length);
        }
        let assumed = if layer3 { self.assumed_delay } else { FILTER_DELAY };
        let segment = MpegSegment::new(tag, self.stream.samples(), assumed);
        self.segment = if self.is_halved() { segment.halved(self.before) } else { segment };
        self.decoder.reset(self.segment.sampling());
        self.file_ended = false;
        if self.segment.delay.basis == DelayBasis::Assumed {
            let samples = self.segment.delay.samples;
            let ms = self.rate()?.millis(u64::from(samples));
            let why = if room { "the tag was never filled in" } else { "no tag says it" };
            let message = format!("codec delay unknown ({why}): {samples} samples assumed, {ms}");
            notes.add(Warning::new("delay_unknown", message).at_byte(at));
        }
        Ok(())
    }

    /// Ends the segment.
    fn end_segment(&mut self, at: u64, block: &mut Block, notes: &mut DecodeNotes) {
        self.lost.end(self.stream, notes);
        self.segment.end(at, block, notes);
        self.before += self.segment.length();
    }

    fn frame_length(&self, bytes: &[u8]) -> usize {
        FrameHeader::parse(bytes).filter(|h| h.continues(self.stream)).map_or(0, |h| h.bytes.min(bytes.len()))
    }

    /// Classifies the bytes at the current position.
    fn judge(&self, bytes: &[u8], at_end: bool) -> FoundFrame {
        let header = FrameHeader::parse(bytes).filter(|h| h.bytes > 0);
        if let Some(header) = header.filter(|h| h.continues(self.stream)) {
            let Some(rest) = bytes.get(header.bytes..) else {
                return if at_end { FoundFrame::CutOff } else { FoundFrame::Damage { begins_with_header: true } };
            };
            let followed = rest.len() < header::LEN || self.may_follow(rest);
            // A header without another frame after its length is false if a frame begins within it.
            let within = || self.sync_in(bytes.get(..header.bytes + 2 * MAX_FRAME).unwrap_or(bytes), header::LEN);
            let broken = !followed && within().is_some_and(|at| at < header.bytes);
            return if broken {
                FoundFrame::Damage { begins_with_header: true }
            } else {
                FoundFrame::Frame(header.bytes)
            };
        }
        if let Some(length) = tag::tail_length(bytes).or_else(|| tag::id3v2_length(bytes)) {
            return FoundFrame::OtherTag(length);
        }
        let run = header.and_then(|_| header::run_of_frames(bytes, 3, at_end));
        match run.filter(|other| other.layer == self.stream.layer) {
            Some(other) => FoundFrame::OtherStream(other),
            None => FoundFrame::Damage { begins_with_header: false },
        }
    }

    /// Returns whether some bytes may follow a frame.
    fn may_follow(&self, bytes: &[u8]) -> bool {
        FrameHeader::parse(bytes).is_some_and(|h| h.continues(self.stream) && h.bytes > 0)
            || header::is_tail(bytes)
            || bytes.starts_with(b"ID3")
    }

    /// Finds the start of two consecutive frames of the stream at or after an offset.
    fn sync_in(&self, bytes: &[u8], from: usize) -> Option<usize> {
        (from..bytes.len()).find(|&at| {
            let rest = bytes.get(at..).filter(|rest| rest.first() == Some(&0xFF));
            let header = rest.and_then(FrameHeader::parse).filter(|h| h.continues(self.stream) && h.bytes > 0);
            header.is_some_and(|h| rest.and_then(|r| r.get(h.bytes..)).is_some_and(|next| self.may_follow(next)))
        })
    }

    /// Searches for the next frame, and inserts silence for lost frames.
    fn resync(&mut self, header: bool, source: &mut Source, block: &mut Block, notes: &mut DecodeNotes) -> Result<()> {
        let at = source.position();
        let mut from = 1;
        loop {
            // The result must not depend on how much more is buffered.
            let bytes = source.peek(SEARCH)?;
            let bytes = bytes.get(..SEARCH).unwrap_or(bytes);
            let at_end = bytes.len() < SEARCH;
            let sync = self.sync_in(bytes, from);
            let until = if at_end { sync.unwrap_or(bytes.len()) } else { from };
            let tail = (from..until).find(|&i| bytes.get(i..).is_some_and(|b| tag::tail_length(b).is_some()));
            if let Some(found) = tail.or(sync) {
                source.consume(found);
                break;
            }
            let last = bytes.len();
            source.consume(if at_end { last } else { last - WINDOW });
            source.searched(last)?;
            if at_end {
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
        let frames = self.lengths.frames_in(gap, header);
        if frames > 0 {
            // The frames after the gap may refer to main data within it.
            self.decoder.forget_bytes();
        }
        let code = if frames > 0 { "frames_lost" } else { "resync" };
        let ms = self.rate()?.millis(frames * self.stream.samples() as u64);
        notes.add(Warning::new(code, format!("{gap} bytes are no frames: {ms} of silence in their place")).at_byte(at));
        self.lost.silence_due = frames;
        block.clear(self.channels);
        Ok(())
    }

    /// Continues with frames of another rate or number of channels, which are mapped to the file's
    /// own.
    fn change(
        &mut self,
        to: FrameHeader,
        source: &mut Source,
        block: &mut Block,
        notes: &mut DecodeNotes,
    ) -> Result<bool> {
        let at = source.position();
        self.end_segment(at, block, notes);
        let (from, kind) = (self.stream, |h: FrameHeader| format!("{} channels at {} Hz", h.channels, h.hz));
        let code = if to.hz == from.hz { "channels_changed" } else { "rate_changed" };
        notes.add(Warning::new(code, format!("{} from here on instead of {}", kind(to), kind(from))).at_byte(at));
        self.before = if to.hz == from.hz { self.before } else { 0 };
        self.stream = to;
        self.decoder = FrameDecoder::new(to.layer)?;
        self.ahead = Ahead::default();
        self.lengths = Lengths::default();
        self.begin_segment(source, notes)?;
        Ok(true)
    }

    /// Decodes the next frames in parallel parts, if there are enough frames and threads.
    fn look_ahead(&mut self, source: &mut Source) -> Result<()> {
        let parts = self.parts.min(MAX_PARTS).min(threads::count());
        // Input of unknown length may arrive slowly, so it is not waited for.
        if parts < 2 || source.size_hint().is_none() {
            return Ok(());
        }
        let wanted = parts * ahead::PART;
        let bytes = source.peek((wanted * self.stream.bytes).min(AHEAD) + WINDOW)?;
        let (mut frames, mut at) = (Vec::with_capacity(wanted), 0);
        while frames.len() < wanted {
            let Some(rest) = bytes.get(at..).filter(|rest| rest.len() >= WINDOW) else { break };
            let FoundFrame::Frame(length) = self.judge(rest, false) else { break };
            let frame = rest.get(..length).unwrap_or_default();
            if LameTag::parse(frame, self.stream).is_some() {
                break;
            }
            frames.push(frame);
            at += length;
        }
        self.ahead.decode(&frames, parts, self.stream, self.segment.sampling(), &mut self.decoder)
    }

    /// Decodes one frame into the block, or inserts silence.
    fn decode(&mut self, frame: &[u8], at: u64, block: &mut Block, notes: &mut DecodeNotes) {
        self.segment.before_frame(block);
        let samples = self.stream.samples();
        let ready = self.ahead.take();
        let decoded = match &ready {
            Some(ready) => ready.is_some(),
            None => self.decoder.decode(frame, self.segment.sampling().count(samples)),
        };
        if !decoded {
            self.lost.frames += 1;
            self.lost.at = if self.lost.frames == 1 { at } else { self.lost.at };
            return self.add_silence(block);
        }
        self.lost.end(self.stream, notes);
        let plane = |index: usize| match &ready {
            Some(Some(planes)) => planes.get(index).map_or(&[][..], Vec::as_slice),
            _ => self.decoder.plane(index),
        };
        match (self.channels, usize::from(self.stream.channels)) {
            (1, 2) => {
                let mean: Vec<f32> = plane(0).iter().zip(plane(1)).map(|(a, b)| (a + b) * 0.5).collect();
                self.segment.add_frame(samples, |_| &mean, block);
            }
            (2, 1) => self.segment.add_frame(samples, |_| plane(0), block),
            _ => self.segment.add_frame(samples, plane, block),
        }
    }

    fn add_silence(&mut self, block: &mut Block) {
        self.segment.before_frame(block);
        self.segment.add_frame(self.stream.samples(), |_| &[0.0; 1152], block);
    }
}

impl Stream for MpegStream {
    fn split(&mut self, parts: usize) {
        self.parts = if self.stream.layer == 3 { parts } else { 1 };
    }

    fn halve(&mut self) -> bool {
        if self.stream.layer != 3 {
            return false;
        }
        self.halved_hz = self.stream.hz;
        self.segment = std::mem::take(&mut self.segment).halved(0);
        self.decoder.reset(self.segment.sampling());
        true
    }

    fn next(&mut self, source: &mut Source, block: &mut Block, notes: &mut DecodeNotes) -> Result<bool> {
        block.clear(self.channels);
        if self.lost.silence_due > 0 {
            self.lost.silence_due -= 1;
            self.add_silence(block);
            return Ok(true);
        }
        if self.parts > 1 && !self.file_ended && self.ahead.is_due() {
            self.look_ahead(source)?;
        }
        let at = source.position();
        let bytes = source.peek(WINDOW)?;
        if bytes.is_empty() {
            self.end_segment(at, block, notes);
            self.segment = MpegSegment::default();
            return Ok(block.frames() > 0);
        }
        let at_end = bytes.len() < WINDOW;
        match self.judge(bytes, at_end) {
            FoundFrame::Frame(length) => {
                let frame = bytes.get(..length).unwrap_or_default();
                if self.file_ended || LameTag::parse(frame, self.stream).is_some() {
                    self.end_segment(at, block, notes);
                    self.begin_segment(source, notes)?;
                    return Ok(true);
                }
                self.lengths.count(length);
                self.decode(frame, at, block, notes);
                source.consume(length);
            }
            FoundFrame::CutOff => {
                let left = bytes.len();
                notes.add(Warning::new("truncated", format!("the last frame has only {left} bytes")).at_byte(at));
                source.consume(left);
            }
            FoundFrame::OtherTag(length) => {
                source.skip(length)?;
                self.file_ended = true;
            }
            FoundFrame::OtherStream(header) => return self.change(header, source, block, notes),
            FoundFrame::Damage { begins_with_header } => self.resync(begins_with_header, source, block, notes)?,
        }
        Ok(true)
    }
}

/// What was found where a frame is expected.
enum FoundFrame {
    Frame(usize),
    CutOff,
    OtherTag(u64),
    OtherStream(FrameHeader),
    Damage { begins_with_header: bool },
}
