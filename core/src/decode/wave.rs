//! Codecs of a wave format: creates a stream from a `fmt ` chunk, in RIFF, Wave64 and AVI.

use super::adpcm::{Ima, Microsoft};
use super::amr::{self, AmrBand};
use super::blocks::BlockStream;
use super::convert::OneRate;
use super::g722::G722;
use super::g726::{CodeOrder, G726};
use super::g729::G729;
use super::g7231::G7231Stream;
use super::gsm::{Gsm, Packing};
use super::mpeg::{self, MpegStream};
use super::oki::Oki;
use super::opening::{OpenStream, check_channels, mpeg_spec, need_bytes};
use super::pcm::PcmStream;
use super::refusal;
use super::riff::RiffWave;
use super::source::Source;
use super::spec::{Codec, Container, DecodeNotes, Delay, Spec};
use crate::config::DecodeOptions;
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::units::Rate;

/// Starts the stream of a wave format, with the source at its first sample.
pub(crate) fn open_wave_format(
    source: &mut Source,
    wave: &RiffWave,
    options: &DecodeOptions,
    notes: &mut DecodeNotes,
) -> Result<OpenStream> {
    let (format, promised) = (wave.format, wave.promised);
    check_channels(format.channels, options)?;
    let no_blocks = || {
        Error::new(ErrorKind::Malformed, Stage::Decode, "the fmt chunk is invalid").with_mismatch(
            format!("{} bytes a block, {} channels", format.block_align, format.channels),
            format!("blocks of {}", format.codec_name()),
        )
    };
    let (codec, stream) = match format.tag {
        0x38 | 0x57 if format.channels == 1 => return open_amr(source, AmrBand::Narrow, wave),
        0x58 if format.channels == 1 => return open_amr(source, AmrBand::Wide, wave),
        0x42 | 0x0111 | 0xA100 => return open_g7231(source, wave),
        0x50 | 0x55 => return open_mpeg(source, wave.container, options, notes),
        0x02 => {
            let codec = Microsoft::new(format.block_align, format.channels).ok_or_else(no_blocks)?;
            (Codec::AdpcmMs, BlockStream::new(codec, format.channels, promised))
        }
        0x11 | 0x69 => {
            let codec = Ima::new(format.block_align, format.channels).ok_or_else(no_blocks)?;
            (Codec::AdpcmIma, BlockStream::new(codec, format.channels, promised))
        }
        0x10 | 0x17 | 0x0203 if format.channels == 1 => {
            (Codec::AdpcmOki, BlockStream::new(Oki::default(), 1, promised))
        }
        0x31 | 0x32 | 0x1500 if format.channels == 1 => {
            (Codec::Gsm, BlockStream::new(Gsm::new(Packing::Microsoft), 1, promised))
        }
        0x45 | 0x64 if format.channels == 1 => {
            let bits = u8::try_from(format.coded_bits).unwrap_or(0);
            let codec = G726::new(bits, CodeOrder::HighFirst).ok_or_else(|| refusal::codec(format.codec_name()))?;
            (Codec::G726, BlockStream::new(codec, 1, promised))
        }
        0x83 | 0x0133 if format.channels == 1 => (Codec::G729, BlockStream::new(G729::new(), 1, promised)),
        0x65 | 0x028F if format.channels == 1 => (Codec::G722, BlockStream::new(G722::new(), 1, promised)),
        _ => return open_pcm(source, wave, notes),
    };
    need_bytes(source, 1, "a wav header without samples")?;
    // Headers of G.722 give the rate of bytes or that of samples.
    let rate = if codec == Codec::G722 { Rate::WIDEBAND } else { format.rate };
    let (container, channels, declared) = (wave.container, format.channels, stream.declared());
    Ok((Box::new(stream), Spec { container, codec, rate, channels, delay: Delay::default(), declared }))
}

fn open_pcm(source: &mut Source, wave: &RiffWave, notes: &mut DecodeNotes) -> Result<OpenStream> {
    let format = wave.format;
    let Some(layout) = format.layout()? else {
        return Err(refusal::codec(format.codec_name()));
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

fn open_amr(source: &mut Source, band: AmrBand, wave: &RiffWave) -> Result<OpenStream> {
    let (stream, spec) = amr::open_frames(source, band, wave.container)?;
    Ok((Box::new(stream), spec))
}

/// Opens G.723.1, whose frames vary in length. In recorders' stereo files, the channels' frames
/// alternate.
fn open_g7231(source: &mut Source, wave: &RiffWave) -> Result<OpenStream> {
    need_bytes(source, 1, "a wav header without samples")?;
    let (container, rate, channels) = (wave.container, wave.format.rate, wave.format.channels);
    let spec = Spec { container, codec: Codec::G7231, rate, channels, delay: Delay::default(), declared: None };
    Ok((Box::new(G7231Stream::new(channels)), spec))
}

fn open_mpeg(
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
