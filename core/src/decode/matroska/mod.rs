//! Matroska and WebM (RFC 9559): the first audio track, read sequentially. After damage, reading
//! resumes at the next block or cluster.

mod ebml;

use self::ebml::{children, element, float, integer, laced, number};
use super::aac;
use super::assemble::Assembler;
use super::block::Block;
use super::budget::{TOO_MUCH_SILENCE, Thrift};
use super::ogg::opus_private;
use super::packet::{PacketCodec, Symphonia, opus};
use super::refusal;
use super::source::Source;
use super::spec::{Codec, Container, DecodeNotes, Delay, DelayBasis, Spec};
use super::stream::Stream;
use super::vorbis;
use crate::config::DecodeOptions;
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::units::Rate;

/// Maximum size of an element that is read into memory.
const MAX: u64 = 4 << 20;

const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_A966;
const TIMESTAMP_SCALE: u32 = 0x002A_D7B1;
const DURATION: u32 = 0x4489;
const TRACKS: u32 = 0x1654_AE6B;
const TRACK: u32 = 0xAE;
const CLUSTER: u32 = 0x1F43_B675;
const CLUSTER_TIME: u32 = 0xE7;
const SIMPLE_BLOCK: u32 = 0xA3;
const BLOCK_GROUP: u32 = 0xA0;
const BLOCK: u32 = 0xA1;
const DISCARD_PADDING: u32 = 0x75A2;

/// A `TrackEntry`.
#[derive(Debug, Default)]
struct MatroskaTrack {
    number: u64,
    kind: u64,
    codec: String,
    private: Vec<u8>,
    delay_ns: u64,
    hz: f64,
    channels: u64,
    encoded: bool,
}

/// Contents before the first cluster.
#[derive(Default)]
struct MatroskaHeader {
    /// Nanoseconds per tick.
    scale: u64,
    /// Duration of the recording in ticks, if given.
    ticks: f64,
    track: Option<MatroskaTrack>,
    others: usize,
}

impl MatroskaTrack {
    fn read(body: &[u8]) -> Self {
        let mut track = Self { hz: 8000.0, channels: 1, ..Self::default() };
        for (id, body) in children(body) {
            match id {
                0xD7 => track.number = integer(body),
                0x83 => track.kind = integer(body),
                0x86 => track.codec = String::from_utf8_lossy(body).trim_end_matches('\0').to_owned(),
                0x63A2 => track.private = body.to_vec(),
                0x56AA => track.delay_ns = integer(body),
                0x6D80 => track.encoded = true,
                0xE1 => children(body).for_each(|(id, body)| match id {
                    0xB5 => track.hz = float(body),
                    0x9F => track.channels = integer(body),
                    _ => {}
                }),
                _ => {}
            }
        }
        track
    }

    fn codec(&self, options: &DecodeOptions) -> Result<(Box<dyn PacketCodec>, Spec)> {
        let spec = |codec, hz: u32, channels, delay| -> Result<Spec> {
            Ok(Spec { container: Container::Matroska, codec, rate: Rate::new(hz)?, channels, delay, declared: None })
        };
        let channels = u16::try_from(self.channels).unwrap_or(u16::MAX);
        let hz = self.hz.round().clamp(0.0, f64::from(u32::MAX)) as u32;
        match self.codec.as_str() {
            _ if self.encoded => Err(refusal::codec("compressed or encrypted Matroska blocks")),
            "A_OPUS" => {
                let (channels, skip, _) = opus_private(&self.private)?;
                let delay = Delay { samples: skip, basis: DelayBasis::Tag };
                Ok((opus(channels)?, spec(Codec::Opus, 48_000, channels, delay)?))
            }
            "A_VORBIS" => {
                let (identification, setup) = vorbis::headers_in(&self.private);
                let codec = Symphonia::vorbis(identification, setup, options)?;
                Ok((Box::new(codec), spec(Codec::Vorbis, hz, channels, Delay::default())?))
            }
            "A_AAC" => {
                let codec = aac::decoder(&self.private)?;
                let samples = (self.delay_ns as f64 * f64::from(hz) / 1e9).round().min(1e6) as u32;
                let basis = if samples > 0 { DelayBasis::Tag } else { DelayBasis::None };
                Ok((Box::new(codec), spec(Codec::AacLc, hz, channels, Delay { samples, basis })?))
            }
            other => Err(refusal::codec(format!("codec {other} in Matroska"))),
        }
    }
}

/// Decodes a track's blocks.
pub(crate) struct MatroskaStream {
    codec: Box<dyn PacketCodec>,
    track: u64,
    channels: usize,
    rate: Rate,
    /// Nanoseconds per tick.
    scale: u64,
    cluster_time: u64,
    /// Samples of the codec before time 0.
    skip: u64,
    assembler: Assembler,
    room: Vec<Vec<f32>>,
    /// Frames of the current block still to be decoded, in reverse order, and the padding at the
    /// end of the last.
    frames: Vec<Vec<u8>>,
    discard: u64,
    damaged: bool,
    failed: u64,
    ended: bool,
    thrift: Thrift,
    /// Bytes of the track's frames so far.
    bytes: u64,
}

/// Reads up to the first cluster.
fn read_header(source: &mut Source) -> Result<MatroskaHeader> {
    let mut header = MatroskaHeader { scale: 1_000_000, ..MatroskaHeader::default() };
    loop {
        let at = source.position();
        let Some((id, size, head)) = element(source.peek(12)?) else {
            return Err(Error::new(ErrorKind::Malformed, Stage::Decode, "a Matroska file without clusters").at_byte(at));
        };
        if id == CLUSTER {
            return Ok(header);
        }
        source.consume(head);
        match (id, size) {
            (SEGMENT | TRACKS | INFO, _) => {}
            (TRACK, Some(size)) => {
                let track = MatroskaTrack::read(&take(source, size)?);
                if track.kind == 2 && header.track.is_none() {
                    header.track = Some(track);
                } else {
                    header.others += 1;
                }
            }
            (TIMESTAMP_SCALE, Some(size)) => header.scale = integer(&take(source, size)?).max(1),
            (DURATION, Some(size)) => header.ticks = float(&take(source, size)?),
            (_, Some(size)) => {
                source.skip(size)?;
            }
            (_, None) => {
                return Err(Error::new(ErrorKind::Malformed, Stage::Decode, "an element without size").at_byte(at));
            }
        }
    }
}

/// Reads up to the first cluster and starts the stream.
pub(crate) fn open(source: &mut Source, options: &DecodeOptions) -> Result<(MatroskaStream, Spec)> {
    let MatroskaHeader { scale, ticks, track, others } = read_header(source)?;
    let track = track.ok_or_else(|| refusal::codec(format!("no audio track ({others} others)")))?;
    let (codec, mut spec) = track.codec(options)?;
    if spec.codec == Codec::AacLc {
        check_aac(source, track.number)?;
    }
    let declared = (ticks * scale as f64 / 1e9 * f64::from(spec.rate.hz())).round();
    spec.declared = (1.0..1e15).contains(&declared).then_some(declared as u64);
    let skip = u64::from(spec.delay.samples);
    let stream = MatroskaStream {
        codec,
        track: track.number,
        channels: usize::from(spec.channels),
        rate: spec.rate,
        scale,
        cluster_time: 0,
        skip,
        assembler: Assembler::new(usize::from(spec.channels), skip),
        room: Vec::new(),
        frames: Vec::new(),
        discard: 0,
        damaged: false,
        failed: 0,
        ended: false,
        thrift: Thrift::default(),
        bytes: 0,
    };
    Ok((stream, spec))
}

/// Rejects AAC if frames of the first cluster contradict the header.
fn check_aac(source: &mut Source, track: u64) -> Result<()> {
    const WINDOW: usize = 64 << 10;
    let bytes = source.peek(WINDOW)?;
    let cluster = element(bytes).and_then(|(_, _, head)| bytes.get(head..)).unwrap_or_default();
    let blocks = children(cluster).take(200).filter_map(|(id, body)| match id {
        SIMPLE_BLOCK => Some(body),
        BLOCK_GROUP => children(body).find(|&(id, _)| id == BLOCK).map(|(_, body)| body),
        _ => None,
    });
    let ours = blocks.filter_map(|block| {
        let (number, length) = number(block)?;
        let frames = block.get(length + 3..).filter(|_| number == Some(track))?;
        Some(laced(frames, *block.get(length + 2)?))
    });
    let frames: Vec<Vec<u8>> = ours.flatten().take(aac::FRAMES).collect();
    aac::check_frames(frames.iter().map(Vec::as_slice))
}

/// Reads an element's body.
fn take(source: &mut Source, size: u64) -> Result<Vec<u8>> {
    let at = source.position();
    if size > MAX {
        return Err(Error::new(ErrorKind::Malformed, Stage::Decode, "implausible element size")
            .at_byte(at)
            .with_mismatch(format!("{size} bytes"), format!("at most {MAX}")));
    }
    let size = size as usize;
    let bytes = source.peek(size)?;
    let body = bytes.get(..size.min(bytes.len())).unwrap_or_default().to_vec();
    source.consume(body.len());
    Ok(body)
}

impl MatroskaStream {
    /// Reads one element of a cluster. Returns `false` at the end.
    fn read_element(&mut self, source: &mut Source, notes: &mut DecodeNotes) -> Result<bool> {
        let at = source.position();
        let bytes = source.peek(12)?;
        if bytes.is_empty() {
            return Ok(false);
        }
        let Some((id, size, head)) = element(bytes) else { return self.resync(source, notes) };
        match (id, size) {
            (SEGMENT | CLUSTER, _) => source.consume(head),
            (CLUSTER_TIME, Some(size @ 1..=8)) => {
                source.consume(head);
                self.cluster_time = integer(&take(source, size)?);
            }
            (SIMPLE_BLOCK | BLOCK_GROUP, Some(size)) if size <= MAX => {
                source.consume(head);
                let body = take(source, size)?;
                if (body.len() as u64) < size {
                    let message = format!("a block of {size} bytes, {} found", body.len());
                    notes.add(Warning::new("truncated", message).at_byte(at));
                    return Ok(true);
                }
                if id == SIMPLE_BLOCK {
                    self.block(&body, 0, at, notes);
                } else {
                    let part = |wanted| children(&body).find(|&(id, _)| id == wanted).map(|(_, body)| body);
                    let ns = part(DISCARD_PADDING).map_or(0, integer);
                    let discard = (ns as f64 * f64::from(self.rate.hz()) / 1e9).round() as u64;
                    self.block(part(BLOCK).unwrap_or_default(), discard, at, notes);
                }
            }
            // Other elements that may occur here: index, tags, padding, checksum.
            (0x1C53_BB6B | 0x1254_C367 | 0x114D_9B74 | 0xEC | 0xBF | 0xA7 | 0xAB, Some(size)) => {
                source.consume(head);
                source.skip(size)?;
            }
            (INFO | TRACKS | 0x1043_A770 | 0x1941_A469 | 0x1A45_DFA3, Some(size)) => {
                source.consume(head);
                source.skip(size)?;
            }
            _ => return self.resync(source, notes),
        }
        Ok(true)
    }

    /// Searches for the next cluster or block.
    fn resync(&mut self, source: &mut Source, notes: &mut DecodeNotes) -> Result<bool> {
        const WINDOW: usize = 64 << 10;
        let at = source.position();
        source.consume(1);
        loop {
            let bytes = source.peek(WINDOW)?;
            let at_end = bytes.len() < WINDOW;
            let begins = |i: &usize| bytes.get(*i..).is_some_and(|rest| self.begins_again(rest));
            // A block is recognized by the one after it, so the rest of the window is left for the
            // next pass.
            let reach = if at_end { bytes.len() } else { WINDOW / 2 };
            let found = (0..reach).find(begins);
            let step = found.unwrap_or(reach);
            source.consume(step);
            source.searched(step)?;
            if found.is_some() || at_end {
                break;
            }
        }
        let skipped = source.position() - at;
        notes.add(Warning::new("resync", format!("{skipped} bytes up to the next block cannot be read")).at_byte(at));
        self.damaged = true;
        Ok(true)
    }

    /// Returns whether a cluster begins here, or a block of the track that is directly followed by
    /// another.
    fn begins_again(&self, bytes: &[u8]) -> bool {
        if bytes.starts_with(&CLUSTER.to_be_bytes()) {
            return true;
        }
        if !matches!(bytes.first(), Some(0xA0 | 0xA3)) {
            return false;
        }
        let is_ours = |body: &[u8]| number(body).is_some_and(|(track, _)| track == Some(self.track));
        let (Some((id, Some(size), head)), true) = (element(bytes), bytes.len() > 12) else { return false };
        let body = bytes.get(head..).unwrap_or_default();
        let next = usize::try_from(size).ok().and_then(|size| body.get(size..)).and_then(element);
        let ours = id == BLOCK_GROUP && body.first() == Some(&(BLOCK as u8)) || id == SIMPLE_BLOCK && is_ours(body);
        ours && size >= 4 && matches!(next, Some((SIMPLE_BLOCK | BLOCK_GROUP | CLUSTER, ..)))
    }

    /// Takes a block's frames, and inserts silence before them if its time shows missing audio.
    fn block(&mut self, body: &[u8], discard: u64, at: u64, notes: &mut DecodeNotes) {
        let Some((Some(track), length)) = number(body) else { return };
        let Some([a, b, flags]) = body.get(length..).and_then(|b| b.first_chunk::<3>()).copied() else { return };
        if track != self.track {
            return;
        }
        self.frames = laced(body.get(length + 3..).unwrap_or_default(), flags);
        self.frames.reverse();
        self.bytes += body.len() as u64;
        self.discard = discard;
        let ticks = self.cluster_time as f64 + f64::from(i16::from_be_bytes([a, b]));
        let place = (ticks * self.scale as f64 * f64::from(self.rate.hz()) / 1e9).max(0.0) as u64;
        let here = self.assembler.at().saturating_sub(self.skip.min(self.assembler.at()));
        // Block times are rounded to a tick, and recorders stamp them loosely. Small gaps do not
        // show a loss.
        let loose = u64::from(self.rate.hz()) / if self.damaged { 100 } else { 10 };
        let missing = place.saturating_sub(here.max(if self.assembler.at() == 0 { place } else { 0 }));
        // A jump of more than an hour is a broken time, not a loss.
        if missing > 3600 * u64::from(self.rate.hz()) {
            notes.add(Warning::new("time_broken", "a block's time lies hours ahead: ignored").at_byte(at));
        } else if missing > loose && !self.thrift.silence(self.rate.millis(missing), self.bytes) {
            notes.add(Warning::new("time_broken", TOO_MUCH_SILENCE).at_byte(at));
        } else if missing > loose {
            let ms = self.rate.millis(missing);
            notes.add(Warning::new("packets_lost", format!("{ms} of silence for lost packets")).at_byte(at));
            self.assembler.add_silence(missing);
            self.codec.reset();
        } else if self.damaged && here > place.saturating_add(loose) && here - place < u64::from(self.rate.hz()) {
            self.assembler.go_back(here - place);
        }
        self.damaged = false;
    }

    fn decode_frame(&mut self, frame: &[u8]) {
        let decoded = self.codec.decode(frame, &mut self.room);
        if decoded {
            let samples = self.room.first().map_or(0, Vec::len) as u64;
            let discard = if self.frames.is_empty() { std::mem::take(&mut self.discard) } else { 0 };
            let end = (discard > 0).then(|| self.assembler.at() + samples.saturating_sub(discard));
            self.assembler.add(&self.room, end);
        } else {
            self.failed += 1;
            self.assembler.add_silence(self.codec.duration(frame).unwrap_or(0));
        }
    }
}

impl Stream for MatroskaStream {
    fn next(&mut self, source: &mut Source, block: &mut Block, notes: &mut DecodeNotes) -> Result<bool> {
        block.clear(self.channels);
        if self.assembler.is_due() {
            self.assembler.give(block);
        } else if let Some(frame) = self.frames.pop() {
            self.decode_frame(&frame);
        } else if self.ended || !self.read_element(source, notes)? {
            self.ended = true;
            if self.failed > 0 {
                let message = format!("{} packets cannot be decoded: silence in their place", self.failed);
                notes.add(Warning::new("packet_failed", message));
                self.failed = 0;
            }
            return Ok(false);
        }
        Ok(true)
    }
}
