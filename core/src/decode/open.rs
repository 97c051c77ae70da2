//! From what an input begins with to the stream that decodes it.

use super::adpcm::{Ima, Microsoft};
use super::blocks::BlockStream;
use super::convert::OneRate;
use super::g722::G722;
use super::gsm::{Gsm, Packing};
use super::mpeg::{self, MpegStream};
use super::pcm::{Endian, Layout, PcmStream};
use super::raw::Raw;
use super::sniff::{self, ContainerKind};
use super::source::Source;
use super::spec::{Codec, Container, DecodeNotes, Delay, Spec};
use super::stream::Stream;
use super::{aiff, foreign, framed, matroska, ogg, riff};
use crate::config::DecodeOptions;
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::units::Rate;

/// How much of an input is looked at to say what it is.
const HEAD: usize = 64 << 10;

type OpenStream = (Box<dyn Stream>, Spec);

/// Finds out what the source holds and starts the stream for it. `head_only`: no more is read than that takes, and the
/// stream may end early.
pub(crate) fn open_stream(
    source: &mut Source,
    raw: Option<Raw>,
    options: &DecodeOptions,
    head_only: bool,
    notes: &mut DecodeNotes,
) -> Result<OpenStream> {
    let opened = match raw {
        Some(raw) => open_raw(source, raw)?,
        None => open_sniffed(source, options, head_only, notes)?,
    };
    check_channels(opened.1.channels, options)?;
    check_rate(opened.1.rate, options)?;
    Ok(opened)
}

fn open_sniffed(
    source: &mut Source,
    options: &DecodeOptions,
    head_only: bool,
    notes: &mut DecodeNotes,
) -> Result<OpenStream> {
    fn boxed((stream, spec): (impl Stream + 'static, Spec)) -> OpenStream {
        (Box::new(stream), spec)
    }
    mpeg::tag::skip_id3v2(source)?;
    let head = source.peek(HEAD)?;
    let whole = head.len() < HEAD;
    match sniff::sniff(head, whole) {
        ContainerKind::Wave => open_wave(source, options, notes),
        ContainerKind::Aiff => open_aiff(source, options, notes),
        ContainerKind::Flac => framed::open_flac(source).map(boxed),
        ContainerKind::Ogg => ogg::open(source, options, notes).map(boxed),
        ContainerKind::Matroska => matroska::open(source, options).map(boxed),
        ContainerKind::Mp4 => framed::open_mp4(source, options.max_buffered_bytes, head_only, notes).map(boxed),
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
    let stream = MpegStream::open(source, header, options.assumed_mp3_delay, notes)?;
    let spec = mpeg_spec(&stream, Container::Mp3)?;
    Ok((Box::new(OneRate::new(stream)), spec))
}

fn mpeg_spec(stream: &MpegStream, container: Container) -> Result<Spec> {
    Ok(Spec {
        container,
        codec: Codec::Mp3,
        rate: stream.rate()?,
        channels: stream.channels(),
        delay: stream.delay(),
        declared: stream.declared(),
    })
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

fn open_wave(source: &mut Source, options: &DecodeOptions, notes: &mut DecodeNotes) -> Result<OpenStream> {
    let wave = riff::open(source, notes)?;
    let (format, promised) = (wave.format, wave.promised);
    check_channels(format.channels, options)?;
    let no_blocks = || {
        Error::new(ErrorKind::Malformed, Stage::Decode, "the fmt chunk makes no sense").with_mismatch(
            format!("{} bytes a block, {} channels", format.block_align, format.channels),
            format!("blocks of {}", format.codec_name()),
        )
    };
    let (codec, stream) = match format.tag {
        0x55 => return open_mpeg_in_wave(source, wave.container, options, notes),
        0x02 => {
            let codec = Microsoft::new(format.block_align, format.channels).ok_or_else(no_blocks)?;
            (Codec::AdpcmMs, BlockStream::new(codec, format.channels, promised))
        }
        0x11 => {
            let codec = Ima::new(format.block_align, format.channels).ok_or_else(no_blocks)?;
            (Codec::AdpcmIma, BlockStream::new(codec, format.channels, promised))
        }
        0x31 if format.channels == 1 => (Codec::Gsm, BlockStream::new(Gsm::new(Packing::Microsoft), 1, promised)),
        0x64 | 0x65 | 0x028F if format.channels == 1 => (Codec::G722, BlockStream::new(G722::new(), 1, promised)),
        _ => return open_pcm_wave(source, &wave, notes),
    };
    need_bytes(source, 1, "a wav header without samples")?;
    // The header of G.722 gives the rate of its bytes as often as that of its samples.
    let rate = if codec == Codec::G722 { Rate::WIDEBAND } else { format.rate };
    let (container, channels, declared) = (wave.container, format.channels, stream.declared());
    Ok((Box::new(stream), Spec { container, codec, rate, channels, delay: Delay::default(), declared }))
}

fn open_pcm_wave(source: &mut Source, wave: &riff::Wave, notes: &mut DecodeNotes) -> Result<OpenStream> {
    let format = wave.format;
    let Some(layout) = format.layout()? else {
        return Err(Error::new(ErrorKind::Unsupported, Stage::Decode, "a codec that is not read")
            .with_mismatch(format.codec_name(), "PCM, float, G.711, G.722, GSM, ADPCM or mp3"));
    };
    if usize::from(format.block_align) != layout.frame_bytes() {
        let (found, right) = (format.block_align, layout.frame_bytes());
        notes.add(Warning::new("header_field_wrong", format!("block align {found}, {right} by width and channels")));
    }
    need_bytes(source, layout.frame_bytes(), "a wav header without samples")?;
    let (codec, channels) = (layout.codec, layout.channels);
    let declared = wave.promised.map(|bytes| bytes / layout.frame_bytes() as u64);
    let delay = Delay::default();
    let spec = Spec { container: wave.container, codec, rate: format.rate, channels, delay, declared };
    Ok((Box::new(PcmStream::new(layout, wave.promised)), spec))
}

fn open_mpeg_in_wave(
    source: &mut Source,
    container: Container,
    options: &DecodeOptions,
    notes: &mut DecodeNotes,
) -> Result<OpenStream> {
    let at = source.position();
    let header = mpeg::find_first(source, notes)?
        .ok_or_else(|| Error::new(ErrorKind::NoAudio, Stage::Decode, "a wav of mp3 without mp3 frames").at_byte(at))?;
    let stream = MpegStream::open(source, header, options.assumed_mp3_delay, notes)?;
    let spec = mpeg_spec(&stream, container)?;
    Ok((Box::new(OneRate::new(stream)), spec))
}

fn need_bytes(source: &mut Source, bytes: usize, otherwise: &str) -> Result<()> {
    if source.peek(bytes)?.len() >= bytes {
        return Ok(());
    }
    Err(Error::new(ErrorKind::NoAudio, Stage::Decode, otherwise).at_byte(source.position()))
}

fn check_rate(rate: Rate, options: &DecodeOptions) -> Result<()> {
    if rate.hz() >= options.min_rate_hz {
        return Ok(());
    }
    Err(Error::new(ErrorKind::LimitExceeded, Stage::Decode, "a sample rate below the limit")
        .with_mismatch(rate, format!("at least {} Hz (decode.minRateHz)", options.min_rate_hz)))
}

fn check_channels(channels: u16, options: &DecodeOptions) -> Result<()> {
    if channels <= options.max_channels {
        return Ok(());
    }
    Err(Error::new(ErrorKind::LimitExceeded, Stage::Decode, "more channels than the limit")
        .with_mismatch(channels, format!("at most {} (decode.maxChannels)", options.max_channels)))
}
