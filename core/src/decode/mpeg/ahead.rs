//! Decodes frames ahead in parallel parts, with the same bits as a single decoder.
//!
//! A layer III decoder has a short memory: the bytes of earlier frames that a frame may still use
//! (at most 511, as given by `main_data_begin`), half a granule of every subband, and sixteen slots
//! of the filter bank. A decoder that starts some frames early therefore reaches the same state,
//! and the frames' side information alone shows when it has ([`Reservoir`]).
//!
//! A part is only used if this holds, if none of its frames failed, and if its last early frame
//! equals the previous part's bit for bit. After any other part, a single decoder continues alone.

use std::collections::VecDeque;

use super::frame::{Decoded, FrameDecoder};
use super::header::{self, FrameHeader};
use super::sampling::Sampling;
use crate::error::Result;
use crate::threads::{self, Job};

/// Frames per part. Few frames are decoded twice in comparison.
pub(super) const PART: usize = 192;
/// Minimum number of frames that are worth another decoder.
const MIN: usize = 48;
/// Maximum number of frames that a decoder starts early: at the lowest bit rates a frame uses bytes
/// of more than twenty frames before it.
const MAX_EARLY: usize = 80;
/// Frames with a correct bit reservoir until the filter bank's state is correct too (two), and one
/// to compare.
const SETTLING: usize = 3;

/// Frames decoded ahead of the stream's position.
#[derive(Default)]
pub(super) struct Ahead {
    ready: VecDeque<Decoded>,
    /// Frames to decode one by one before parallel parts are tried again.
    alone: usize,
    spare: Vec<FrameDecoder>,
}

/// A run of frames and its decoder.
struct FramePart<'a> {
    decoder: FrameDecoder,
    sampling: Sampling,
    /// Frames before its own that bring the decoder into the required state.
    early: &'a [&'a [u8]],
    own: &'a [&'a [u8]],
    channels: usize,
    /// Output of the last early frame. `None` if the decoder's state is not reliable.
    before: Decoded,
    done: Vec<Decoded>,
}

impl Ahead {
    /// Returns whether to look for frames ahead. Counts frames that are decoded one by one.
    pub(super) fn is_due(&mut self) -> bool {
        let due = self.ready.is_empty() && self.alone == 0;
        if self.ready.is_empty() {
            self.alone = self.alone.saturating_sub(1);
        }
        due
    }

    /// Returns the next frame, if it has been decoded.
    pub(super) fn take(&mut self) -> Option<Decoded> {
        self.ready.pop_front()
    }

    /// Decodes the next frames, consecutive and of one stream, in at most `most` parts. `decoder`
    /// makes samples as `sampling` says. It has decoded all frames before them, and ends in the
    /// state after those that are ready.
    pub(super) fn decode(
        &mut self,
        frames: &[&[u8]],
        most: usize,
        stream: FrameHeader,
        sampling: Sampling,
        decoder: &mut FrameDecoder,
    ) -> Result<()> {
        let count = most.min(frames.len() / MIN);
        if count < 2 {
            self.alone = frames.len();
            return Ok(());
        }
        let (length, next) = (frames.len().div_ceil(count), self.spare()?);
        let mut parts = Vec::with_capacity(count);
        for (number, own) in frames.chunks(length).enumerate() {
            let start = number * length;
            let early = if number == 0 { Some(0) } else { early(frames.get(..start).unwrap_or_default(), stream) };
            let Some(early) = early else { break };
            let decoder = if number == 0 { std::mem::replace(decoder, self.spare()?) } else { self.spare()? };
            let early = frames.get(start - early..start).unwrap_or_default();
            let (channels, done) = (usize::from(stream.channels), Vec::with_capacity(own.len()));
            parts.push(FramePart { decoder, sampling, early, own, channels, before: None, done });
        }
        self.spare.push(std::mem::replace(decoder, next));
        let samples = sampling.count(stream.samples());
        let jobs = parts.iter_mut().map(|part| Box::new(move || part.run(samples)) as Job);
        threads::beside(jobs.collect(), || ());
        self.join(parts, frames.len(), decoder);
        Ok(())
    }

    /// Takes the parts' output as far as it equals that of a single decoder.
    fn join(&mut self, parts: Vec<FramePart>, frames: usize, decoder: &mut FrameDecoder) {
        let mut trusted = true;
        for (number, part) in parts.into_iter().enumerate() {
            trusted = trusted && (number == 0 || same(self.ready.back(), &part.before));
            if !trusted {
                self.spare.push(part.decoder);
                continue;
            }
            self.ready.extend(part.done);
            trusted = self.ready.back().is_some_and(Option::is_some);
            self.spare.push(std::mem::replace(decoder, part.decoder));
        }
        if self.ready.len() < frames {
            self.alone = PART;
        }
    }

    /// Returns a decoder for another part.
    fn spare(&mut self) -> Result<FrameDecoder> {
        self.spare.pop().map_or_else(|| FrameDecoder::new(3), Ok)
    }
}

impl FramePart<'_> {
    fn run(&mut self, samples: usize) {
        if let Some((last, others)) = self.early.split_last() {
            self.decoder.reset(self.sampling);
            if others.iter().any(|frame| !self.decoder.decode(frame, samples)) {
                return;
            }
            self.before = self.decoder.decoded(last, samples, self.channels);
            if self.before.is_none() {
                return;
            }
        }
        for frame in self.own {
            let decoded = self.decoder.decoded(frame, samples, self.channels);
            let failed = decoded.is_none();
            self.done.push(decoded);
            if failed {
                return;
            }
        }
    }
}

/// Returns whether two frames were decoded to the same bits.
fn same(a: Option<&Decoded>, b: &Decoded) -> bool {
    let (Some(Some(a)), Some(b)) = (a, b) else { return false };
    let bits = |planes: &[Vec<f32>]| -> Vec<u32> { planes.iter().flatten().map(|x| x.to_bits()).collect() };
    bits(a) == bits(b)
}

/// Returns how many frames before the next one a decoder must start to reach the state of a decoder
/// that has decoded everything. `None` if the frames do not show it, or if too many are needed.
fn early(before: &[&[u8]], stream: FrameHeader) -> Option<usize> {
    let most = MAX_EARLY.min(before.len());
    let needs: Vec<Needs> =
        before.iter().skip(before.len() - most).map(|f| Needs::of(f, stream)).collect::<Option<_>>()?;
    (SETTLING + 1..=most).find(|&early| {
        let (tried, _) = needs.get(most - early..).unwrap_or_default().split_at(early - SETTLING);
        let mut reservoir = Reservoir::default();
        tried.iter().any(|needs| reservoir.passes(needs))
    })
}

/// A frame's use of the bit reservoir.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Needs {
    /// Bytes of earlier frames: `main_data_begin`.
    back: usize,
    /// Bytes of main data in the frame itself.
    brings: usize,
    /// Bits of all its granules.
    takes: usize,
}

impl Needs {
    /// Reads them from a frame's side information (ISO/IEC 11172-3 2.4.1.7, ISO/IEC 13818-3
    /// 2.4.1.7).
    fn of(frame: &[u8], stream: FrameHeader) -> Option<Self> {
        let header = FrameHeader::parse(frame)?;
        let start = header::LEN + if header.has_crc { 2 } else { 0 };
        let side = frame.get(start..start + stream.side_info())?;
        let brings = frame.len() - start - side.len();
        let channels = usize::from(stream.channels);
        // Bits of `main_data_begin`, bits before the first granule, granules, and bits per channel
        // of a granule.
        let (back, first, granules, each) = match (stream.version1, channels) {
            (true, 1) => (9, 18, 2, 59),
            (true, _) => (9, 20, 2, 59),
            (false, 1) => (8, 9, 1, 63),
            (false, _) => (8, 10, 1, 63),
        };
        let takes = (0..granules * channels).map(|i| bits(side, first + i * each, 12)).sum();
        Some(Self { back: bits(side, 0, back), brings, takes })
    }
}

/// Reads a number of `count` bits, most significant first.
fn bits(bytes: &[u8], from: usize, count: usize) -> usize {
    let bit = |i: usize| bytes.get(i / 8).is_some_and(|b| b >> (7 - i % 8) & 1 == 1);
    (from..from + count).fold(0, |number, i| number << 1 | usize::from(bit(i)))
}

/// Lower bound of a decoder's bit reservoir in bytes, whatever its initial content.
#[derive(Debug, Default)]
struct Reservoir {
    unread: usize,
}

impl Reservoir {
    /// Passes a frame. Returns `true` if all bytes that it needs are present. Then its samples, and
    /// all state after it, are the same for every decoder that has come this far without a failure.
    fn passes(&mut self, needs: &Needs) -> bool {
        // Bytes left if all were present. Otherwise granules with missing bytes are skipped. If all
        // are skipped, nothing is read and the frame's own bytes are left.
        let left = (needs.back + needs.brings).saturating_sub(needs.takes.div_ceil(8));
        let found = needs.back <= self.unread;
        self.unread = if found { left } else { left.min(self.unread + needs.brings) };
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::Pool;

    /// Returns the frames of a fixture without a tag: 16 kHz, 32 kbit/s, 144 bytes each.
    fn frames() -> (Vec<u8>, FrameHeader) {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/keypad-hold/agent.mp3");
        let bytes = std::fs::read(path).unwrap();
        let header = FrameHeader::parse(&bytes).unwrap();
        assert_eq!((header.bytes, bytes.len() % 144), (144, 0));
        (bytes, header)
    }

    #[test]
    fn a_stream_from_its_start_never_lacks_a_byte() {
        let (bytes, header) = frames();
        let needs: Vec<Needs> = bytes.chunks(144).map(|frame| Needs::of(frame, header).unwrap()).collect();
        let mut reservoir = Reservoir::default();
        assert!(needs.iter().all(|needs| reservoir.passes(needs)));
        let back = needs.iter().filter(|needs| needs.back > 0).count();
        assert!(back * 2 > needs.len(), "only {back} frames use earlier bytes: nothing is tested");
        // A decoder that starts in the middle lacks bytes at first, and none later.
        let mut late = Reservoir::default();
        let passed: Vec<bool> = needs.iter().skip(200).map(|needs| late.passes(needs)).collect();
        let first = passed.iter().position(|&p| p).unwrap();
        assert!(first > 0 && first < 16 && passed[first..].iter().all(|&p| p), "{first}");
    }

    #[test]
    fn parts_give_what_one_decoder_gives_and_leave_it_where_it_would_be() {
        let (bytes, header) = frames();
        let all: Vec<&[u8]> = bytes.chunks(144).collect();
        let (ahead_of, rest) = all.split_at(500);
        let mut alone = FrameDecoder::new(3).unwrap();
        let mut one_by_one =
            |frames: &[&[u8]]| -> Vec<Decoded> { frames.iter().map(|frame| alone.decoded(frame, 576, 1)).collect() };
        let (wanted, after) = (one_by_one(ahead_of), one_by_one(rest));
        for parts in [2, 3, 8] {
            let (mut ahead, mut decoder) = (Ahead::default(), FrameDecoder::new(3).unwrap());
            let pool = Pool::new(parts).unwrap();
            pool.run(|| ahead.decode(ahead_of, parts, header, Sampling::All, &mut decoder)).unwrap();
            assert_eq!(ahead.ready.len(), 500, "{parts} parts");
            let got: Vec<Decoded> = std::iter::from_fn(|| ahead.take()).collect();
            assert!(got == wanted, "{parts} parts");
            let got: Vec<Decoded> = rest.iter().map(|frame| decoder.decoded(frame, 576, 1)).collect();
            assert!(got == after, "{parts} parts, and what follows");
        }
    }

    #[test]
    fn a_frame_that_fails_ends_what_is_taken() {
        let (mut bytes, header) = frames();
        bytes[300 * 144 + 4..301 * 144].fill(0xFF);
        let all: Vec<&[u8]> = bytes.chunks(144).take(500).collect();
        let (mut ahead, mut decoder) = (Ahead::default(), FrameDecoder::new(3).unwrap());
        ahead.decode(&all, 4, header, Sampling::All, &mut decoder).unwrap();
        assert!(ahead.ready.len() <= 301 && ahead.ready.len() > 200, "{} frames", ahead.ready.len());
        let mut alone = FrameDecoder::new(3).unwrap();
        for (n, frame) in all.iter().enumerate() {
            let got = ahead.take().unwrap_or_else(|| decoder.decoded(frame, 576, 1));
            assert!(got == alone.decoded(frame, 576, 1), "frame {n}");
        }
    }
}
