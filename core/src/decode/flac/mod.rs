//! FLAC through symphonia's container reader.

mod last;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_FLAC;
use symphonia::core::errors::Error as Theirs;
use symphonia::core::formats::{FormatReader, TrackType};
use symphonia::core::packet::Packet;
use symphonia::default::formats::FlacReader;

use super::assemble::Assembler;
use super::block::Block;
use super::budget::{TOO_MUCH_SILENCE, Thrift};
use super::guard::guarded;
use super::lend::Lender;
use super::packet::{PacketCodec, Symphonia, refused};
use super::refusal;
use super::source::Source;
use super::spec::{Codec, Container, DecodeNotes, Delay, Spec};
use super::stream::Stream;
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::units::Rate;

/// Returns whether a FLAC file begins with these bytes: its mark, and the head of a block of stream
/// information, which may be the last (RFC 9639, 8.1). Symphonia would read the frames of a second
/// file as those of the first.
fn is_head(bytes: &[u8; 8]) -> bool {
    bytes.starts_with(b"fLaC") && bytes[4] & 0x7F == 0 && bytes.ends_with(b"\0\0\x22")
}

/// Decodes a FLAC file sequentially.
pub(crate) struct FlacStream {
    reader: Box<dyn FormatReader>,
    lender: Lender,
    track: u32,
    codec: Symphonia,
    channels: usize,
    rate: Rate,
    assembler: Assembler,
    /// Samples that the header promises.
    promised: Option<u64>,
    room: Vec<Vec<f32>>,
    /// A packet that waits for the silence before it to be returned.
    waiting: Option<Packet>,
    /// Bytes of the packet before.
    before: Box<[u8]>,
    failed: u64,
    thrift: Thrift,
    /// Bytes of the packets so far.
    bytes: u64,
}

/// Reads the header of native FLAC.
pub(crate) fn open(source: &mut Source) -> Result<(FlacStream, Spec)> {
    let lender = Lender::default();
    lender.watch(is_head);
    let stream = lender.stream();
    let (reader, failed) = lender.with(source, || guarded(|| FlacReader::try_new(stream, Default::default())));
    let reader = match (failed, reader) {
        (Some(error), _) => return Err(error),
        (None, Ok(Ok(reader))) => reader,
        (None, Ok(Err(e))) => return Err(refused(&e, "the FLAC header")),
        (None, Err(_)) => return Err(malformed("the FLAC header is invalid")),
    };
    start(Box::new(reader), lender)
}

fn start(reader: Box<dyn FormatReader>, lender: Lender) -> Result<(FlacStream, Spec)> {
    let track = reader.first_track(TrackType::Audio).ok_or_else(|| refusal::codec("no audio track"))?;
    let Some(CodecParameters::Audio(params)) = &track.codec_params else {
        return Err(refusal::codec("a track without parameters"));
    };
    if params.codec != CODEC_ID_FLAC {
        return Err(refusal::codec(format!("codec {}", params.codec)));
    }
    let codec = Symphonia::new(Codec::Flac, params.clone())?;
    let hz = params.sample_rate.unwrap_or(0);
    let rate =
        Rate::new(hz).map_err(|_| malformed("a header without a sample rate").with_mismatch(hz, "1 to 768000 Hz"))?;
    let channels = params.channels.as_ref().map_or(0, |c| c.count());
    let channels = u16::try_from(channels).ok().filter(|&c| c > 0).unwrap_or(1);
    let promised = track.num_frames;
    let stream = FlacStream {
        track: track.id,
        codec,
        channels: usize::from(channels),
        rate,
        assembler: Assembler::new(usize::from(channels), 0),
        promised,
        room: Vec::new(),
        waiting: None,
        before: Box::default(),
        failed: 0,
        thrift: Thrift::default(),
        bytes: 0,
        reader,
        lender,
    };
    let (codec, declared) = (Codec::Flac, promised.filter(|&n| n > 0));
    Ok((stream, Spec { container: Container::Flac, codec, rate, channels, delay: Delay::default(), declared }))
}

fn malformed(message: &str) -> Error {
    Error::new(ErrorKind::Malformed, Stage::Decode, message)
}

impl FlacStream {
    /// Reads the next packet of the track. `None` at the end, whatever the cause.
    fn read(&mut self, source: &mut Source, notes: &mut DecodeNotes) -> Result<Option<Packet>> {
        let (reader, lender) = (&mut self.reader, &self.lender);
        loop {
            let (packet, failed) = lender.with(source, || guarded(|| reader.next_packet()));
            if let Some(error) = failed {
                return Err(error);
            }
            let why = match packet {
                Ok(Ok(Some(packet))) if packet.track_id == self.track => return Ok(Some(packet)),
                Ok(Ok(Some(_))) => continue,
                Ok(Ok(None)) => return Ok(None),
                Ok(Err(Theirs::IoError(e))) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
                Ok(Err(e)) => e.to_string(),
                Err(_) => "the container is invalid".to_owned(),
            };
            notes.add(Warning::new("damaged", format!("cannot be read further: {why}")));
            return Ok(None);
        }
    }

    fn decode(&mut self, packet: &Packet, notes: &mut DecodeNotes) {
        if self.codec.decode(&packet.data, &mut self.room) {
            self.assembler.add(&self.room, None);
            return;
        }
        if self.failed == 0 {
            let ms = self.rate.millis(self.assembler.at());
            notes.add(Warning::new("packet_failed", format!("packets cannot be decoded, the first at {ms}: silence")));
        }
        self.failed += 1;
        self.assembler.add_silence(packet.dur.get().min(1 << 16));
    }

    /// Adds silence up to a packet's position, if packets are missing before it.
    fn fill(&mut self, place: u64, notes: &mut DecodeNotes) {
        // A position beyond the promised length is damage too, not a gap of hours.
        let hour = self.assembler.at() + 3600 * u64::from(self.rate.hz());
        let plausible = self.promised.map_or(place < hour, |promised| place < promised);
        if !plausible || place <= self.assembler.at() {
            return;
        }
        let missing = place - self.assembler.at();
        let ms = self.rate.millis(missing);
        if self.thrift.silence(ms, self.bytes) {
            notes.add(Warning::new("packets_lost", format!("{ms} of silence for lost frames")));
            self.assembler.add_silence(missing);
        } else {
            notes.add(Warning::new("time_broken", TOO_MUCH_SILENCE));
        }
    }

    /// Decodes the last frame, which symphonia does not find if other bytes follow. Returns `false`
    /// if there is none.
    fn decode_last(&mut self, source: &Source, notes: &mut DecodeNotes) -> bool {
        let missing = self.promised.map(|promised| promised.saturating_sub(self.assembler.at()));
        let kept = self.lender.take_kept();
        let Some(start) = last::start(&kept.bytes, &self.before).filter(|_| missing != Some(0)) else { return false };
        for frame in last::frames(kept.bytes.get(start..).unwrap_or_default()) {
            let decoded = self.codec.decode(frame, &mut self.room);
            let samples = self.room.first().map_or(0, Vec::len) as u64;
            if !decoded || samples == 0 || missing.is_some_and(|missing| missing != samples) {
                continue;
            }
            let end = kept.from + (start + frame.len()) as u64;
            let left = source.position().saturating_sub(end);
            let message = format!("{left} bytes after the last frame are not read");
            notes.add(Warning::new("trailing_bytes", message).at_byte(end));
            self.bytes += frame.len() as u64;
            self.assembler.add(&self.room, None);
            return true;
        }
        false
    }

    fn end(&mut self, notes: &mut DecodeNotes) {
        let promised = self.promised.take().filter(|&n| n > self.assembler.at());
        if let Some(promised) = promised {
            let found = self.assembler.at();
            notes.add(Warning::new("truncated", format!("{promised} samples promised, {found} found")));
        }
    }
}

impl Stream for FlacStream {
    fn audio_bytes(&self, _: &Source) -> u64 {
        self.bytes
    }

    fn next(&mut self, source: &mut Source, block: &mut Block, notes: &mut DecodeNotes) -> Result<bool> {
        block.clear(self.channels);
        if self.assembler.is_due() {
            self.assembler.give(block);
            return Ok(true);
        }
        if let Some(packet) = self.waiting.take() {
            self.decode(&packet, notes);
            self.before = packet.data;
            return Ok(true);
        }
        let Some(packet) = self.read(source, notes)? else {
            if self.decode_last(source, notes) {
                return Ok(true);
            }
            self.end(notes);
            return Ok(false);
        };
        self.lender.advance();
        self.bytes += packet.data.len() as u64;
        self.fill(u64::try_from(packet.pts.get()).unwrap_or(0), notes);
        self.waiting = Some(packet);
        Ok(true)
    }
}
