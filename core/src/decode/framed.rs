//! FLAC and mp4 through symphonia's container readers.

use std::collections::VecDeque;
use std::io::Cursor;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_FLAC};
use symphonia::core::errors::Error as Theirs;
use symphonia::core::formats::{FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::packet::Packet;
use symphonia::default::formats::{FlacReader, IsoMp4Reader};

use super::aac;
use super::assemble::Assembler;
use super::block::Block;
use super::budget::{TOO_MUCH_SILENCE, Thrift};
use super::guard::guarded;
use super::lend::Lender;
use super::open::OpenStream;
use super::packet::{PacketCodec, Symphonia, refused};
use super::source::Source;
use super::spec::{Codec, Container, DecodeNotes, Delay, DelayBasis, Spec};
use super::stream::Stream;
use super::{movie_codec, mp4, refusal};
use crate::config::DecodeOptions;
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::units::Rate;

/// Decodes one track of a container that symphonia reads.
pub(crate) struct FramedStream {
    reader: Box<dyn FormatReader>,
    lender: Lender,
    track: u32,
    codec: Symphonia,
    channels: usize,
    rate: Rate,
    /// Whether a packet's time is its place in samples.
    timed: bool,
    assembler: Assembler,
    /// Where the recording's own samples end, where the container says.
    end: Option<u64>,
    /// Samples that the container promises.
    promised: Option<u64>,
    room: Vec<Vec<f32>>,
    /// Packets that have been looked at already.
    ahead: VecDeque<Packet>,
    /// A packet that waits for the silence before it.
    waiting: Option<Packet>,
    ended: bool,
    failed: u64,
    thrift: Thrift,
    /// Bytes of the track's packets so far.
    bytes: u64,
}

/// Native FLAC, read front to back.
pub(crate) fn open_flac(source: &mut Source) -> Result<(FramedStream, Spec)> {
    let lender = Lender::default();
    let stream = lender.stream();
    let (reader, failed) = lender.with(source, || guarded(|| FlacReader::try_new(stream, Default::default())));
    let reader = opened(reader, failed, "FLAC")?;
    let (stream, spec) = start(Box::new(reader), lender, Container::Flac, (Codec::Flac, CODEC_ID_FLAC), None)?;
    Ok((stream, spec))
}

/// Mp4, from memory: its index may stand at its end. `head_only` takes no more than the index and
/// the first frames where they come first.
pub(crate) fn open_mp4(
    source: &mut Source,
    options: &DecodeOptions,
    head_only: bool,
    notes: &mut DecodeNotes,
) -> Result<OpenStream> {
    if let Some(head) = if head_only { mp4::head_length(source.peek(4096)?) } else { None } {
        source.bind(head);
    }
    let mut bytes = source.read_all(options.max_buffered_bytes)?;
    mp4::end_last_box(&mut bytes);
    if let Some(opened) = movie_codec::open(&mut bytes, options, notes)? {
        return Ok(opened);
    }
    if let Some(codec) = mp4::foreign_codec(&bytes) {
        return Err(refusal::codec(codec));
    }
    mp4::check_index(&bytes)?;
    let edit = mp4::edit(&bytes);
    if edit.is_none() {
        let message = "codec delay unknown (no edit list says it): none removed; encoders put 1024 samples or more";
        notes.add(Warning::new("delay_unknown", message));
    }
    let stream = MediaSourceStream::new(Box::new(Cursor::new(bytes)), Default::default());
    let reader = opened(guarded(|| IsoMp4Reader::try_new(stream, Default::default())), None, "mp4")?;
    let kind = (Codec::AacLc, CODEC_ID_AAC);
    let (mut stream, spec) = start(Box::new(reader), Lender::default(), Container::Mp4, kind, edit)?;
    stream.look_ahead(source, notes)?;
    Ok((Box::new(stream), spec))
}

type OpenedFormat<T> = std::result::Result<symphonia::core::errors::Result<T>, super::guard::Panicked>;

fn opened<T>(reader: OpenedFormat<T>, failed: Option<Error>, what: &str) -> Result<T> {
    match (failed, reader) {
        (Some(error), _) => Err(error),
        (None, Ok(Ok(reader))) => Ok(reader),
        (None, Ok(Err(e))) => Err(refused(&e, &format!("the {what} header"))),
        (None, Err(_)) => {
            Err(Error::new(ErrorKind::Malformed, Stage::Decode, format!("the {what} header makes no sense")))
        }
    }
}

fn start(
    reader: Box<dyn FormatReader>,
    lender: Lender,
    container: Container,
    (codec, id): (Codec, symphonia::core::codecs::audio::AudioCodecId),
    edit: Option<mp4::Edit>,
) -> Result<(FramedStream, Spec)> {
    let track = reader.first_track(TrackType::Audio).ok_or_else(|| refusal::codec("no audio track"))?;
    let Some(CodecParameters::Audio(params)) = &track.codec_params else {
        return Err(refusal::codec("a track without parameters"));
    };
    if params.codec != id {
        return Err(refusal::codec(format!("codec {}", params.codec)));
    }
    if codec == Codec::AacLc {
        aac::check_config(params.extra_data.as_deref().unwrap_or_default())?;
    }
    let made = Symphonia::new(codec, params.clone())?;
    let hz = params.sample_rate.unwrap_or(0);
    let rate = Rate::new(hz).map_err(|_| {
        Error::new(ErrorKind::Malformed, Stage::Decode, "a header without a sample rate")
            .with_mismatch(hz, "1 to 768000 Hz")
    })?;
    let channels = params.channels.as_ref().map_or(0, |c| c.count());
    let channels = u16::try_from(channels).ok().filter(|&c| c > 0).unwrap_or(1);
    let samples = edit.as_ref().map_or(0, |e| e.delay(rate));
    let delay = Delay { samples, basis: if samples > 0 { DelayBasis::Tag } else { DelayBasis::None } };
    let end = edit.and_then(|e| e.end(rate));
    let track_frames = track.num_frames;
    let promised = if codec == Codec::Flac { track_frames } else { None };
    let stream = FramedStream {
        track: track.id,
        codec: made,
        channels: usize::from(channels),
        rate,
        timed: codec == Codec::Flac,
        assembler: Assembler::new(usize::from(channels), u64::from(samples)),
        end,
        promised,
        room: Vec::new(),
        ahead: VecDeque::new(),
        waiting: None,
        ended: false,
        failed: 0,
        thrift: Thrift::default(),
        bytes: 0,
        reader,
        lender,
    };
    let declared = match (stream.end, track_frames) {
        (Some(end), _) => Some(end.saturating_sub(u64::from(samples))),
        (None, frames) => frames.map(|frames| frames.saturating_sub(u64::from(samples))).filter(|&n| n > 0),
    };
    Ok((stream, Spec { container, codec, rate, channels, delay, declared }))
}

impl FramedStream {
    /// Reads the first packets and refuses what they show to be another AAC than the header says.
    fn look_ahead(&mut self, source: &mut Source, notes: &mut DecodeNotes) -> Result<()> {
        while self.ahead.len() < aac::FRAMES {
            let Some(packet) = self.read(source, notes)? else {
                self.ended = true;
                break;
            };
            self.ahead.push_back(packet);
        }
        aac::check_frames(self.ahead.iter().map(|packet| &*packet.data))
    }

    /// The next packet of the track; `None` at the end, whatever ended it.
    fn read(&mut self, source: &mut Source, notes: &mut DecodeNotes) -> Result<Option<Packet>> {
        let (reader, lender) = (&mut self.reader, &self.lender);
        loop {
            let (packet, failed) = lender.with(source, || guarded(|| reader.next_packet()));
            if let Some(error) = failed {
                return Err(error);
            }
            match packet {
                Ok(Ok(Some(packet))) if packet.track_id == self.track => return Ok(Some(packet)),
                Ok(Ok(Some(_))) => {}
                Ok(Ok(None)) => return Ok(None),
                Ok(Err(Theirs::IoError(e))) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
                    if !self.timed {
                        notes.add(Warning::new("truncated", "the file ends before its index does"));
                    }
                    return Ok(None);
                }
                Ok(Err(e)) => {
                    notes.add(Warning::new("damaged", format!("cannot be read further: {e}")));
                    return Ok(None);
                }
                Err(_) => {
                    notes.add(Warning::new("damaged", "cannot be read further: the container makes no sense"));
                    return Ok(None);
                }
            }
        }
    }

    fn decode(&mut self, packet: &Packet, notes: &mut DecodeNotes) {
        if self.codec.decode(&packet.data, &mut self.room) {
            self.assembler.add(&self.room, self.end);
            return;
        }
        if self.failed == 0 {
            let ms = self.rate.millis(self.assembler.at());
            notes.add(Warning::new("packet_failed", format!("packets cannot be decoded, the first at {ms}: silence")));
        }
        self.failed += 1;
        // A frame of AAC has 1024 samples; its duration may be given in other units than samples.
        let samples = if self.timed { packet.dur.get().min(1 << 16) } else { 1024 };
        self.assembler.add_silence(samples);
    }

    fn end(&mut self, notes: &mut DecodeNotes) {
        let promised = self.promised.take().filter(|&n| n > self.assembler.at());
        if let Some(promised) = promised {
            let found = self.assembler.at();
            notes.add(Warning::new("truncated", format!("{promised} samples promised, {found} found")));
        }
    }
}

impl Stream for FramedStream {
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
            return Ok(true);
        }
        let packet = match self.ahead.pop_front() {
            None if self.ended => None,
            None => self.read(source, notes)?,
            ahead => ahead,
        };
        let Some(packet) = packet else {
            self.end(notes);
            return Ok(false);
        };
        let place = u64::try_from(packet.pts.get()).unwrap_or(0);
        self.bytes += packet.data.len() as u64;
        // A position beyond what the file promises is damage too, not a gap of hours.
        let hour = self.assembler.at() + 3600 * u64::from(self.rate.hz());
        let plausible = self.promised.map_or(place < hour, |promised| place < promised);
        if self.timed && plausible && place > self.assembler.at() {
            let missing = place - self.assembler.at();
            let ms = self.rate.millis(missing);
            if self.thrift.silence(ms, self.bytes) {
                notes.add(Warning::new("packets_lost", format!("{ms} of silence for lost frames")));
                self.assembler.add_silence(missing);
            } else {
                notes.add(Warning::new("time_broken", TOO_MUCH_SILENCE));
            }
        }
        self.waiting = Some(packet);
        Ok(true)
    }
}
