//! Ogg (RFC 3533) with Opus (RFC 7845) or Vorbis. The content of damaged pages becomes silence of
//! the same length, determined by the positions in the pages.

mod page;

use self::page::{Packets, Page, read_page};
use super::assemble::Assembler;
use super::block::Block;
use super::budget::{TOO_MUCH_SILENCE, Thrift};
use super::packet::{PacketCodec, Symphonia, opus};
use super::refusal;
use super::source::Source;
use super::spec::{Codec, Container, DecodeNotes, Delay, DelayBasis, Spec};
use super::stream::Stream;
use crate::config::DecodeOptions;
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::units::Rate;

/// A logical stream's codec, known from its headers.
struct StreamHead {
    codec: Box<dyn PacketCodec>,
    kind: Codec,
    channels: u16,
    rate: Rate,
    /// Samples before the recording's own.
    skip: u32,
    /// Gain factor from the header.
    gain: f32,
}

/// Decodes the first audio stream of an ogg file, and the streams chained after it.
pub(crate) struct OggStream {
    head: StreamHead,
    packets: Packets,
    assembler: Assembler,
    /// Granule position of the stream's first sample. Above 0 if the file is a part of a longer
    /// stream.
    origin: Option<u64>,
    room: Vec<Vec<f32>>,
    page: Vec<Vec<f32>>,
    /// A decoded page that waits for the silence before it to be returned. Inside: its end
    /// position, if it is the last page and is trimmed.
    waiting: Option<Option<u64>>,
    failed: u64,
    /// Whether samples may be missing that granule positions have not shown yet.
    owed: bool,
    thrift: Thrift,
    /// Bytes of the stream's pages so far.
    bytes: u64,
    /// Options for the headers of chained streams.
    options: DecodeOptions,
}

/// Reads the headers.
pub(crate) fn open(source: &mut Source, options: &DecodeOptions, notes: &mut DecodeNotes) -> Result<(OggStream, Spec)> {
    let mut other = None;
    loop {
        let at = source.position();
        let Some(page) = read_page(source, None, notes)? else {
            let message = "an ogg file without a stream of Opus or Vorbis";
            let error = Error::new(ErrorKind::Unsupported, Stage::Decode, message).at_byte(at);
            return Err(other.map_or(error, |o: &str| {
                Error::new(ErrorKind::Unsupported, Stage::Decode, message).with_mismatch(o, refusal::expected(o))
            }));
        };
        if !page.first {
            continue;
        }
        if !(page.bytes.starts_with(b"OpusHead") || page.bytes.starts_with(b"\x01vorbis")) {
            other = Some(name_of(&page.bytes));
            continue;
        }
        let mut packets = Packets::from(&page);
        let head = read_head(&page, &mut packets, source, options, notes)?;
        let delay = Delay {
            samples: head.skip,
            basis: if head.kind == Codec::Opus { DelayBasis::Tag } else { DelayBasis::None },
        };
        let spec = Spec {
            container: Container::Ogg,
            codec: head.kind,
            rate: head.rate,
            channels: head.channels,
            delay,
            declared: None,
        };
        let assembler = Assembler::new(usize::from(head.channels), u64::from(head.skip));
        let stream = OggStream {
            head,
            packets,
            assembler,
            origin: None,
            room: Vec::new(),
            page: Vec::new(),
            waiting: None,
            failed: 0,
            owed: false,
            thrift: Thrift::default(),
            bytes: 0,
            options: options.clone(),
        };
        return Ok((stream, spec));
    }
}

fn name_of(first: &[u8]) -> &'static str {
    match first {
        [b'S', b'p', b'e', b'e', b'x', ..] => "Speex",
        [0x7F, b'F', b'L', b'A', b'C', ..] => "FLAC in ogg",
        [0x80, b't', b'h', b'e', b'o', ..] => "Theora",
        _ => "a stream of an unknown codec",
    }
}

fn read_head(
    page: &Page,
    packets: &mut Packets,
    source: &mut Source,
    options: &DecodeOptions,
    notes: &mut DecodeNotes,
) -> Result<StreamHead> {
    let mut headers = packets.of(page).0;
    let wanted = if page.bytes.starts_with(b"OpusHead") { 2 } else { 3 };
    while headers.len() < wanted {
        let at = source.position();
        let Some(next) = read_page(source, None, notes)? else {
            return Err(
                Error::new(ErrorKind::NoAudio, Stage::Decode, "an ogg file that ends within its headers").at_byte(at)
            );
        };
        if next.serial == packets.serial {
            headers.extend(packets.of(&next).0);
        }
    }
    if wanted == 2 { opus_head(headers.first().map_or(&[], Vec::as_slice)) } else { vorbis_head(&headers, options) }
}

/// Parses an Opus identification header, as in ogg and in Matroska's private data.
fn opus_head(head: &[u8]) -> Result<StreamHead> {
    let (channels, skip, gain) = opus_private(head)?;
    Ok(StreamHead { codec: opus(channels)?, kind: Codec::Opus, channels, rate: Rate::new(48_000)?, skip, gain })
}

/// Reads channels, pre-skip and gain from an Opus identification header.
pub(crate) fn opus_private(head: &[u8]) -> Result<(u16, u32, f32)> {
    let short = |at: usize| head.get(at..).and_then(|b| b.first_chunk::<2>()).copied();
    let (Some(&channels), Some(skip), Some(gain)) = (head.get(9), short(10), short(16)) else {
        return Err(Error::new(ErrorKind::Malformed, Stage::Decode, "the Opus header is cut off"));
    };
    if !(1..=2).contains(&channels) || !matches!(head.get(18), Some(0 | 1) | None) {
        return Err(Error::new(ErrorKind::Unsupported, Stage::Decode, "Opus of several streams")
            .with_mismatch(format!("{channels} channels"), "1 or 2 channels"));
    }
    // Q7.8 decibels.
    let gain = 10f32.powf(f32::from(i16::from_le_bytes(gain)) / 256.0 / 20.0);
    Ok((u16::from(channels), u32::from(u16::from_le_bytes(skip)), gain))
}

fn vorbis_head(headers: &[Vec<u8>], options: &DecodeOptions) -> Result<StreamHead> {
    let part = |i: usize| headers.get(i).map_or(&[][..], Vec::as_slice);
    let (identification, setup) = (part(0), part(2));
    let channels = identification.get(11).copied().unwrap_or(0);
    let hz = identification.get(12..).and_then(|b| b.first_chunk::<4>()).map_or(0, |b| u32::from_le_bytes(*b));
    if channels == 0 || Rate::new(hz).is_err() {
        return Err(Error::new(ErrorKind::Malformed, Stage::Decode, "the Vorbis header is invalid")
            .with_mismatch(format!("{channels} channels at {hz} Hz"), "1 or more channels, 1 to 768000 Hz"));
    }
    Ok(StreamHead {
        codec: Box::new(Symphonia::vorbis(identification, setup, options)?),
        kind: Codec::Vorbis,
        channels: u16::from(channels),
        rate: Rate::new(hz)?,
        skip: 0,
        gain: 1.0,
    })
}

impl OggStream {
    /// Decodes a page's packets into `self.page`.
    fn decode_page(&mut self, packets: &[Vec<u8>]) {
        self.page.resize_with(usize::from(self.head.channels), Vec::new);
        self.page.iter_mut().for_each(Vec::clear);
        for packet in packets {
            let decoded = self.head.codec.decode(packet, &mut self.room);
            let lost = self.head.codec.duration(packet).filter(|_| !decoded).unwrap_or(0) as usize;
            self.failed += u64::from(!decoded && !packet.is_empty());
            self.owed |= !decoded;
            for (channel, page) in self.page.iter_mut().enumerate() {
                let plane = self.room.get(channel).or(self.room.last()).map_or(&[][..], Vec::as_slice);
                if decoded {
                    page.extend(plane.iter().map(|x| x * self.head.gain));
                } else {
                    page.resize(page.len() + lost, 0.0);
                }
            }
        }
    }

    /// Places a decoded page by its granule position: adds silence if packets are missing before
    /// it, and trims its end.
    fn place(&mut self, page: &Page, at: u64, notes: &mut DecodeNotes) {
        let samples = self.page.first().map_or(0, Vec::len) as u64;
        let Some(granule) = page.granule.filter(|_| samples > 0) else {
            self.waiting = Some(None);
            return;
        };
        let owed = std::mem::take(&mut self.owed);
        // The first page gives the start of the stream: usually 0, later if the file is a part of a
        // longer stream. If pages are missing before it, a start of at most a minute counts as lost
        // audio, a later one as the stream's start.
        let begins = granule.saturating_sub(samples + self.assembler.at());
        let late = owed && begins <= 60 * u64::from(self.head.rate.hz());
        let origin = *self.origin.get_or_insert(if late { 0 } else { begins });
        let end = granule.saturating_sub(origin);
        let start = end.saturating_sub(samples);
        let hour = 3600 * u64::from(self.head.rate.hz());
        if owed && start > self.assembler.at() + hour {
            // A jump of more than an hour is a broken position, not a loss.
            notes.add(Warning::new("time_broken", "a page's position lies hours ahead: ignored").at_byte(at));
        } else if owed && start > self.assembler.at() {
            let missing = start - self.assembler.at();
            let ms = self.head.rate.millis(missing);
            if !self.thrift.silence(ms, self.bytes) {
                notes.add(Warning::new("time_broken", TOO_MUCH_SILENCE).at_byte(at));
                self.waiting = Some(None);
                return;
            }
            notes.add(Warning::new("packets_lost", format!("{ms} of silence for lost packets")).at_byte(at));
            self.assembler.add_silence(missing);
        } else if owed && start < self.assembler.at() {
            self.assembler.go_back(self.assembler.at() - start);
        }
        let trims = page.last && end < self.assembler.at() + samples;
        self.waiting = Some(Some(end).filter(|_| trims));
    }

    /// Begins a stream chained after the previous one.
    fn chain(&mut self, page: &Page, source: &mut Source, at: u64, notes: &mut DecodeNotes) -> Result<()> {
        self.packets = Packets::from(page);
        let head = read_head(page, &mut self.packets, source, &self.options, notes)?;
        if head.rate != self.head.rate {
            let message = format!("{} from here on instead of {}: the rest is left out", head.rate, self.head.rate);
            notes.add(Warning::new("rate_changed", message).at_byte(at));
            source.skip(u64::MAX)?;
            return Ok(());
        }
        self.assembler = Assembler::new(usize::from(self.head.channels), u64::from(head.skip));
        self.head = StreamHead { channels: self.head.channels, ..head };
        self.origin = None;
        Ok(())
    }
}

impl Stream for OggStream {
    fn next(&mut self, source: &mut Source, block: &mut Block, notes: &mut DecodeNotes) -> Result<bool> {
        block.clear(usize::from(self.head.channels));
        if self.assembler.is_due() {
            self.assembler.give(block);
            return Ok(true);
        }
        if let Some(end) = self.waiting.take() {
            self.assembler.add(&self.page, end);
            self.page.iter_mut().for_each(Vec::clear);
            return Ok(true);
        }
        let at = source.position();
        let Some(page) = read_page(source, Some(self.packets.due()), notes)? else {
            if self.failed > 0 {
                let message = format!("{} packets cannot be decoded: silence in their place", self.failed);
                notes.add(Warning::new("packet_failed", message));
                self.failed = 0;
            }
            return Ok(false);
        };
        if page.first && (page.bytes.starts_with(b"OpusHead") || page.bytes.starts_with(b"\x01vorbis")) {
            self.chain(&page, source, at, notes)?;
            return Ok(true);
        }
        if page.serial != self.packets.serial {
            return Ok(true);
        }
        self.bytes += page.bytes.len() as u64;
        let (packets, lost) = self.packets.of(&page);
        if lost {
            self.head.codec.reset();
        }
        self.owed |= lost || page.damaged;
        self.decode_page(&packets);
        self.place(&page, at, notes);
        Ok(true)
    }
}
