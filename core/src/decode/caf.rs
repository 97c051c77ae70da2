//! Core Audio (`.caf`). Uncompressed samples and G.711 are read sequentially. ALAC, AAC and Opus
//! are read by the packet table, which may follow the packets.

use std::ops::Range;

use super::assemble::Assembler;
use super::listed::ListedStream;
use super::movie_codec::{alac_codec, descriptor};
use super::mp4::be;
use super::ogg::opus_private;
use super::opening::OpenStream;
use super::packet::{PacketCodec, opus as opus_decoder};
use super::pcm::{Endian, Layout, PcmStream};
use super::source::Source;
use super::spec::{Codec, Container, DecodeNotes, Delay, DelayBasis, Spec};
use super::track::{TrackPart, TrackParts};
use super::{aac, refusal, second};
use crate::config::DecodeOptions;
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::units::Rate;

/// The `desc` chunk.
#[derive(Debug, Clone, Copy)]
struct CafDescription {
    letters: [u8; 4],
    rate: Rate,
    /// Flags of uncompressed samples: 1 floating point, 2 little-endian.
    flags: u32,
    packet_bytes: u32,
    packet_samples: u32,
    channels: u16,
    bits: u32,
}

impl CafDescription {
    fn read(body: &[u8]) -> Option<Self> {
        let hz = f64::from_be_bytes(*body.first_chunk()?);
        let field = |at: usize| be(body, at, 4) as u32;
        Some(Self {
            letters: *body.get(8..)?.first_chunk()?,
            rate: Rate::new(hz.round().clamp(0.0, 1e9) as u32).ok()?,
            flags: field(12),
            packet_bytes: field(16),
            packet_samples: field(20),
            channels: u16::try_from(field(24)).ok().filter(|&n| n > 0)?,
            bits: field(28),
        })
    }

    fn layout(&self) -> Option<Layout> {
        let endian = if self.flags & 2 != 0 { Endian::Little } else { Endian::Big };
        let codec = match (&self.letters, self.flags & 1, self.bits) {
            (b"ulaw", ..) => Codec::Ulaw,
            (b"alaw", ..) => Codec::Alaw,
            (b"lpcm", 0, 8) => Codec::PcmS8,
            (b"lpcm", 0, 16) => Codec::PcmS16,
            (b"lpcm", 0, 24) => Codec::PcmS24,
            (b"lpcm", 0, 32) => Codec::PcmS32,
            (b"lpcm", 1, 32) => Codec::PcmF32,
            (b"lpcm", 1, 64) => Codec::PcmF64,
            _ => return None,
        };
        Some(Layout { codec, endian, channels: self.channels })
    }
}

/// Reads the first chunk, which must be the description. The source is left at the next chunk.
fn describe(source: &mut Source) -> Result<CafDescription> {
    let at = source.position();
    let head = source.peek(52)?;
    let body = head.get(20..52).filter(|_| head.get(8..12) == Some(b"desc")).map(<[u8]>::to_vec);
    let size = be(head, 12, 8);
    source.skip(20u64.saturating_add(size))?;
    body.as_deref().and_then(CafDescription::read).ok_or_else(|| malformed("the desc chunk is invalid", at))
}

/// Starts the stream.
pub(crate) fn open(source: &mut Source, options: &DecodeOptions, notes: &mut DecodeNotes) -> Result<OpenStream> {
    let description = describe(source)?;
    match (description.layout(), &description.letters) {
        (Some(layout), _) => open_pcm(source, description, layout, notes),
        (None, b"alac" | b"aac " | b"opus") => open_packets(source, description, options, notes),
        (None, letters) => Err(refusal::codec(name_of(letters, description.bits))),
    }
}

fn name_of(letters: &[u8; 4], bits: u32) -> String {
    match letters {
        b"lpcm" => format!("PCM of {bits} bits"),
        b"ima4" => "IMA ADPCM of QuickTime".into(),
        b"aach" | b"aacp" => "HE-AAC".into(),
        b"ilbc" => "iLBC".into(),
        b"samr" => "AMR".into(),
        b"agsm" => "GSM".into(),
        letters => format!("codec {}", String::from_utf8_lossy(letters).escape_default()),
    }
}

fn open_pcm(
    source: &mut Source,
    described: CafDescription,
    layout: Layout,
    notes: &mut DecodeNotes,
) -> Result<OpenStream> {
    loop {
        let at = source.position();
        let Some(head) = source.peek(12)?.first_chunk::<12>().copied() else {
            return Err(
                Error::new(ErrorKind::NoAudio, Stage::Decode, "a Core Audio header without samples").at_byte(at)
            );
        };
        source.consume(12);
        let size = be(&head, 4, 8);
        if !head.starts_with(b"data") {
            source.skip(size)?;
            continue;
        }
        // An edit count precedes the samples. A size of all ones is unknown.
        source.skip(4)?;
        let promised = Some(size).filter(|&size| size <= i64::MAX as u64).map(|size| size.saturating_sub(4));
        let promised = promised.filter(|&bytes| bytes > 0);
        match promised {
            Some(bytes) => source.bind(bytes),
            None => notes.add(Warning::new("header_size_wrong", "the size of the samples is not known").at_byte(at)),
        }
        if source.peek(layout.frame_bytes())?.len() < layout.frame_bytes() {
            return Err(
                Error::new(ErrorKind::NoAudio, Stage::Decode, "a Core Audio header without samples").at_byte(at)
            );
        }
        let declared = promised.map(|bytes| bytes / layout.frame_bytes() as u64);
        let (codec, rate, channels) = (layout.codec, described.rate, layout.channels);
        let spec = Spec { container: Container::Caf, codec, rate, channels, delay: Delay::default(), declared };
        return Ok((Box::new(PcmStream::new(layout, promised)), spec));
    }
}

/// The chunks that packet codecs need: location of the packets, packet table and codec header.
#[derive(Default)]
struct CafChunks {
    data: Range<usize>,
    table: Range<usize>,
    cookie: Range<usize>,
    /// Position of another file.
    next: Option<usize>,
}

impl CafChunks {
    fn find(bytes: &[u8]) -> Self {
        let mut found = Self::default();
        let mut at = 0usize;
        while let Some(head) = bytes.get(at..).filter(|rest| rest.len() >= 12) {
            let start = at + 12;
            let end = usize::try_from(be(head, 4, 8)).ok().and_then(|size| start.checked_add(size));
            let end = end.unwrap_or(bytes.len()).min(bytes.len());
            match head.get(..4) {
                Some(b"data") => found.data = (start + 4).min(end)..end,
                Some(b"pakt") => found.table = start..end,
                Some(b"kuki") => found.cookie = start..end,
                Some(b"caff") => {
                    found.next = Some(at);
                    break;
                }
                _ => {}
            }
            at = end;
        }
        found
    }
}

fn open_packets(
    source: &mut Source,
    described: CafDescription,
    options: &DecodeOptions,
    notes: &mut DecodeNotes,
) -> Result<OpenStream> {
    let at = source.position();
    let bytes = source.read_all(options.max_buffered_bytes)?;
    let chunks = CafChunks::find(&bytes);
    if let Some(next) = chunks.next {
        second::report("Core Audio", at + next as u64, notes);
    }
    let table = bytes.get(chunks.table.clone()).unwrap_or_default();
    if chunks.data.is_empty() || (table.len() < 24 && described.packet_bytes == 0) {
        return Err(malformed("a Core Audio file without its table of packets (never closed, or cut off)", at));
    }
    let (count, own) = (be(table, 0, 8), be(table, 8, 8));
    let priming = be(table, 16, 4) as u32;
    let mut packets = CafPackets::new(described, &chunks);
    let cookie = bytes.get(chunks.cookie.clone()).unwrap_or_default().to_vec();
    let cookie = cookie.as_slice();
    let (codec, made, rate, channels) = codec_of(described, cookie, &bytes, packets.clone())?;
    packets.left = if table.is_empty() { u64::MAX } else { count };
    // Opus counts at 48 kHz, whatever rate the description has.
    let scale = |n: u64| n.saturating_mul(u64::from(rate.hz())) / u64::from(described.rate.hz());
    // ffmpeg writes an Opus header, but no priming.
    let head = (codec == Codec::Opus && cookie.starts_with(b"OpusHead")).then(|| opus_private(cookie)).transpose()?;
    let skip = match head {
        Some((_, skip, _)) if priming == 0 => u64::from(skip),
        _ => scale(u64::from(priming).min(1 << 20)),
    };
    let declared = Some(scale(own.min(1 << 40))).filter(|&n| n > 0);
    let basis = if skip > 0 { DelayBasis::Tag } else { DelayBasis::None };
    if skip == 0 && codec != Codec::Alac {
        notes.add(Warning::new("delay_unknown", "codec delay unknown (the table of packets says none): none removed"));
    }
    let delay = Delay { samples: skip as u32, basis };
    let left = bytes.len() as u64;
    let stream = ListedStream {
        bytes,
        parts: packets,
        codec: made,
        channels: usize::from(channels),
        rate,
        clock: described.rate.hz(),
        assembler: Assembler::new(usize::from(channels), skip),
        end: declared.map(|own| skip + own),
        scratch: Vec::new(),
        left,
        failed: 0,
        gain: head.map_or(1.0, |(_, _, gain)| gain),
        cut_off: false,
    };
    Ok((Box::new(stream), Spec { container: Container::Caf, codec, rate, channels, delay, declared }))
}

/// A packet codec, its rate and its channels.
type CafCodec = (Codec, Box<dyn PacketCodec>, Rate, u16);

fn codec_of(described: CafDescription, cookie: &[u8], bytes: &[u8], mut packets: CafPackets) -> Result<CafCodec> {
    let (rate, channels) = (described.rate, described.channels);
    match &described.letters {
        b"alac" => {
            // Older files wrap the configuration as MP4 does: `frma`, then `alac` with four bytes
            // of version.
            let config = if cookie.get(4..8) == Some(b"frma") { cookie.get(24..) } else { Some(cookie) };
            let (made, rate, channels) = alac_codec(config.unwrap_or_default())?;
            Ok((Codec::Alac, Box::new(made), rate, channels))
        }
        b"opus" => Ok((Codec::Opus, opus_decoder(mono_or_stereo(channels)?)?, Rate::new(48_000)?, channels)),
        _ => {
            let config = aac_config(cookie).ok_or_else(|| malformed("AAC without its configuration", 0))?;
            let made = aac::decoder(config)?;
            packets.left = aac::FRAMES as u64;
            aac::check_frames(std::iter::from_fn(|| packets.next(bytes)).map(|unit| unit.of(bytes)))?;
            Ok((Codec::AacLc, Box::new(made), rate, channels))
        }
    }
}

fn mono_or_stereo(channels: u16) -> Result<u16> {
    if channels <= 2 {
        return Ok(channels);
    }
    Err(Error::new(ErrorKind::Unsupported, Stage::Decode, "Opus of several streams")
        .with_mismatch(format!("{channels} channels"), "1 or 2 channels"))
}

/// Returns the `AudioSpecificConfig` within an elementary stream's descriptors.
fn aac_config(cookie: &[u8]) -> Option<&[u8]> {
    let (_, stream) = descriptor(cookie)?;
    let (_, config) = descriptor(stream.get(3..)?)?;
    descriptor(config.get(13..)?).map(|(_, specific)| specific)
}

/// Iterates over the packet table.
#[derive(Debug, Clone)]
struct CafPackets {
    at: u64,
    end: u64,
    /// Position of the table's next entry.
    entry: usize,
    table_end: usize,
    bytes: u64,
    samples: u64,
    left: u64,
}

impl CafPackets {
    fn new(described: CafDescription, chunks: &CafChunks) -> Self {
        Self {
            at: chunks.data.start as u64,
            end: chunks.data.end as u64,
            entry: chunks.table.start + 24,
            table_end: chunks.table.end,
            bytes: u64::from(described.packet_bytes),
            samples: u64::from(described.packet_samples),
            left: u64::MAX,
        }
    }

    /// Reads a number in groups of seven bits.
    fn number(&mut self, bytes: &[u8]) -> Option<u64> {
        let mut value = 0u64;
        for _ in 0..9 {
            let byte = *bytes.get(self.entry).filter(|_| self.entry < self.table_end)?;
            self.entry += 1;
            value = value << 7 | u64::from(byte & 0x7F);
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

impl TrackParts for CafPackets {
    fn next(&mut self, bytes: &[u8]) -> Option<TrackPart> {
        self.left = self.left.checked_sub(1)?;
        let length = if self.bytes > 0 { self.bytes } else { self.number(bytes)? };
        let ticks = if self.samples > 0 { self.samples } else { self.number(bytes)? };
        let unit = TrackPart { at: self.at, length, ticks };
        self.at = self.at.saturating_add(length);
        (unit.at < self.end).then_some(unit)
    }
}

fn malformed(message: &str, at: u64) -> Error {
    Error::new(ErrorKind::Malformed, Stage::Decode, message).at_byte(at)
}
