//! Detects an input's format, and starts the stream that decodes it.

use super::au::{self, Sun};
use super::blocks::BlockStream;
use super::g722::G722;
use super::g726::{CodeOrder, G726};
use super::g729::G729;
use super::g7231::G7231Stream;
use super::gsm::{Gsm, Packing};
use super::input::KnownFormat;
use super::mpeg;
use super::oki::Oki;
use super::opening::{OpenStream, check_channels, mpeg_in, need_bytes};
use super::pcm::{Endian, Layout, PcmStream};
use super::raw::Raw;
use super::sniff::{self, ContainerKind};
use super::source::Source;
use super::spec::{Codec, Container, DecodeNotes, Delay, Spec};
use super::stream::Stream;
use super::wave::open_wave_format;
use super::{adts, aiff, amr, avi, caf, flac, foreign, matroska, movie_codec, ogg, riff, wave64};
use crate::config::DecodeOptions;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::units::Rate;

/// Bytes inspected to detect the format.
const HEAD: usize = 64 << 10;

/// Detects the source's format and starts its stream. `head_only` reads no more than detection
/// needs, and the stream may end early.
pub(crate) fn open_stream(
    source: &mut Source,
    format: Option<KnownFormat>,
    options: &DecodeOptions,
    head_only: bool,
    notes: &mut DecodeNotes,
) -> Result<OpenStream> {
    let opened = match format {
        Some(KnownFormat::Raw(raw)) => open_raw(source, raw)?,
        Some(KnownFormat::Samples(layout)) => boxed(layout.open_stream()),
        None => open_sniffed(source, options, head_only, notes)?,
    };
    check_channels(opened.1.channels, options)?;
    check_rate(opened.1.rate, options)?;
    Ok(opened)
}

fn boxed((stream, spec): (impl Stream + 'static, Spec)) -> OpenStream {
    (Box::new(stream), spec)
}

fn open_sniffed(
    source: &mut Source,
    options: &DecodeOptions,
    head_only: bool,
    notes: &mut DecodeNotes,
) -> Result<OpenStream> {
    mpeg::tag::skip_id3v2(source)?;
    let head = source.peek(HEAD)?;
    let whole = head.len() < HEAD;
    match sniff::sniff(head, whole) {
        ContainerKind::Wave => {
            let wave = riff::open(source, notes)?;
            open_wave_format(source, &wave, options, notes)
        }
        ContainerKind::Wave64 => {
            let wave = wave64::open(source, notes)?;
            open_wave_format(source, &wave, options, notes)
        }
        ContainerKind::Avi => avi::open(source, options, notes),
        ContainerKind::Sun => open_sun(source, notes),
        ContainerKind::Caf => caf::open(source, options, notes),
        ContainerKind::Amr(band) => amr::open(source, band).map(boxed),
        ContainerKind::Adts => adts::open(source, notes).map(boxed),
        ContainerKind::Aiff => open_aiff(source, options, notes),
        ContainerKind::Flac => flac::open(source).map(boxed),
        ContainerKind::Ogg => ogg::open(source, options, notes).map(boxed),
        ContainerKind::Matroska => matroska::open(source, options).map(boxed),
        ContainerKind::Mp4 => movie_codec::open_mp4(source, options, head_only, notes),
        kind @ (ContainerKind::Mpeg | ContainerKind::Unknown) => open_mpeg(source, kind, options, notes),
        kind if source.position() > 0 => Err(no_frames_after_tag(source, kind)),
        kind => Err(foreign::refuse(kind, source)?),
    }
}

fn open_raw(source: &mut Source, raw: Raw) -> Result<OpenStream> {
    if source.peek(1)?.is_empty() {
        return Err(foreign::refuse(ContainerKind::Empty, source)?);
    }
    let spec = Spec {
        container: Container::Raw,
        codec: raw.codec(),
        rate: raw.rate(),
        channels: 1,
        delay: Delay::default(),
        declared: None,
    };
    let layout = Layout { codec: raw.codec(), endian: Endian::Little, channels: 1 };
    let stream: Box<dyn Stream> = match raw {
        Raw::Vox(_) => Box::new(BlockStream::new(Oki::default(), 1, None)),
        Raw::G726(bits) => {
            let codec = G726::new(bits, CodeOrder::LowFirst).ok_or_else(|| no_such_width(bits))?;
            Box::new(BlockStream::new(codec, 1, None))
        }
        Raw::G729 => Box::new(BlockStream::new(G729::new(), 1, None)),
        Raw::G7231 => Box::new(G7231Stream::new(1)),
        Raw::Gsm => Box::new(BlockStream::new(Gsm::new(Packing::Raw), 1, None)),
        Raw::G722 => Box::new(BlockStream::new(G722::new(), 1, None)),
        Raw::Ulaw | Raw::Alaw | Raw::Slinear(_) => Box::new(PcmStream::new(layout, None)),
    };
    Ok((stream, spec))
}

fn no_frames_after_tag(source: &Source, kind: ContainerKind) -> Error {
    Error::new(ErrorKind::NoAudio, Stage::Decode, "an ID3 tag and no recording after it")
        .at_byte(source.position())
        .with_mismatch(kind.name(), "mp3 frames")
}

fn open_mpeg(
    source: &mut Source,
    kind: ContainerKind,
    options: &DecodeOptions,
    notes: &mut DecodeNotes,
) -> Result<OpenStream> {
    let Some(header) = mpeg::find_first(source, notes)? else {
        if source.position() > 0 {
            return Err(no_frames_after_tag(source, kind));
        }
        return Err(foreign::refuse(kind, source)?);
    };
    mpeg_in(source, header, Container::Mp3, options.assumed_mp3_delay, notes)
}

fn open_aiff(source: &mut Source, options: &DecodeOptions, notes: &mut DecodeNotes) -> Result<OpenStream> {
    let aiff = aiff::open(source, notes)?;
    check_channels(aiff.layout.channels, options)?;
    need_bytes(source, aiff.layout.frame_bytes(), "an AIFF header without samples")?;
    let (codec, channels) = (aiff.layout.codec, aiff.layout.channels);
    let declared = aiff.promised.map(|bytes| bytes / aiff.layout.frame_bytes() as u64);
    let delay = Delay::default();
    let spec = Spec { container: Container::Aiff, codec, rate: aiff.rate, channels, delay, declared };
    Ok((Box::new(PcmStream::new(aiff.layout, aiff.promised)), spec))
}

fn no_such_width(bits: u8) -> Error {
    let found = format!("{bits} bits a sample");
    Error::new(ErrorKind::Unsupported, Stage::Decode, "G.726 of another rate").with_mismatch(found, "2, 3, 4 or 5 bits")
}

/// Starts the stream of a Sun audio file.
fn open_sun(source: &mut Source, notes: &mut DecodeNotes) -> Result<OpenStream> {
    let Sun { layout, rate, promised, bits } = au::open(source, notes)?;
    let (codec, channels, delay) = (layout.codec, layout.channels, Delay::default());
    need_bytes(source, layout.frame_bytes(), "a Sun header without samples")?;
    if codec == Codec::G726 {
        let made = G726::new(bits, CodeOrder::LowFirst).filter(|_| channels == 1).ok_or_else(|| no_such_width(bits))?;
        let stream = BlockStream::new(made, channels, promised);
        let declared = promised.map(|bytes| bytes * 8 / u64::from(bits));
        return Ok((Box::new(stream), Spec { container: Container::Sun, codec, rate, channels, delay, declared }));
    }
    let declared = promised.map(|bytes| bytes / layout.frame_bytes() as u64);
    let spec = Spec { container: Container::Sun, codec, rate, channels, delay, declared };
    Ok((Box::new(PcmStream::new(layout, promised)), spec))
}

fn check_rate(rate: Rate, options: &DecodeOptions) -> Result<()> {
    if rate.hz() >= options.min_rate_hz {
        return Ok(());
    }
    Err(Error::new(ErrorKind::LimitExceeded, Stage::Decode, "the sample rate is too low")
        .with_mismatch(rate, format!("at least {} Hz (decode.minRateHz)", options.min_rate_hz)))
}
