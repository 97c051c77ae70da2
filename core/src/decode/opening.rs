//! Helpers for opening streams, shared by all containers.

use super::convert::OneRate;
use super::mpeg::MpegStream;
use super::mpeg::header::FrameHeader;
use super::source::Source;
use super::spec::{Container, DecodeNotes, Spec};
use super::stream::Stream;
use crate::config::DecodeOptions;
use crate::error::{Error, ErrorKind, Result, Stage};

/// A stream, and what is known before its first sample.
pub(crate) type OpenStream = (Box<dyn Stream>, Spec);

pub(crate) fn mpeg_spec(stream: &MpegStream, container: Container) -> Result<Spec> {
    Ok(Spec {
        container,
        codec: stream.codec(),
        rate: stream.rate()?,
        channels: stream.channels(),
        delay: stream.delay(),
        declared: stream.declared(),
    })
}

/// Starts the stream of MPEG frames, with the source at the first frame.
pub(crate) fn mpeg_in(
    source: &mut Source,
    header: FrameHeader,
    container: Container,
    assumed_delay: u32,
    notes: &mut DecodeNotes,
) -> Result<OpenStream> {
    let stream = MpegStream::open(source, header, assumed_delay, notes)?;
    let spec = mpeg_spec(&stream, container)?;
    Ok((Box::new(OneRate::new(stream)), spec))
}

pub(crate) fn need_bytes(source: &mut Source, bytes: usize, otherwise: &str) -> Result<()> {
    if source.peek(bytes)?.len() >= bytes {
        return Ok(());
    }
    Err(Error::new(ErrorKind::NoAudio, Stage::Decode, otherwise).at_byte(source.position()))
}

pub(crate) fn check_channels(channels: u16, options: &DecodeOptions) -> Result<()> {
    if channels <= options.max_channels {
        return Ok(());
    }
    Err(Error::new(ErrorKind::LimitExceeded, Stage::Decode, "too many channels")
        .with_mismatch(channels, format!("at most {} (decode.maxChannels)", options.max_channels)))
}
