//! Recordings to samples: what an input really is, its blocks of samples, and what was wrong with it.
//!
//! [`Decoder`] reads an input front to back and gives planar blocks; [`decode`] and [`probe`] are wrappers over it. This
//! module is the only one that names symphonia.

mod block;
mod foreign;
mod g711;
mod guard;
mod input;
mod mpeg;
mod pcm;
mod probe;
mod riff;
mod sniff;
mod source;
mod spec;

pub use block::{Lane, Planar};
pub use input::Input;
pub use probe::{Probe, Problem, probe};
pub use spec::{Codec, Container, Delay, DelayBasis, SourceInfo, Spec};

use self::block::{Block, FRAMES};
use self::mpeg::MpegStream;
use self::pcm::PcmStream;
use self::sniff::Kind;
use self::source::Source;
use self::spec::Notes;
use crate::call::{Leg, Role};
use crate::config::DecodeOptions;
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::track::{Keeper, Listener, Track};
use crate::units::Rate;

/// How much of an input is looked at to say what it is.
const HEAD: usize = 64 << 10;

/// Reads one recording, front to back, in blocks.
///
/// ```no_run
/// # use callweave::{config::DecodeOptions, decode::{Decoder, Input}};
/// let mut decoder = Decoder::open(Input::path("call.mp3"), &DecodeOptions::default())?;
/// while let Some(block) = decoder.next_block()? {
///     println!("{} samples of {} channels", block.frames(), block.channels());
/// }
/// println!("{} ms", decoder.finish()?.duration_ms);
/// # Ok::<(), callweave::error::Error>(())
/// ```
pub struct Decoder {
    source: Source,
    stream: Stream,
    spec: Spec,
    name: String,
    leg: Leg,
    notes: Notes,
    block: Block,
    /// Samples of each channel that have been given.
    frames: u64,
    most_frames: u64,
}

/// The codecs' streams.
enum Stream {
    Pcm(PcmStream),
    Mpeg(Box<MpegStream>),
}

impl Decoder {
    /// Opens an input and reads up to its first sample.
    ///
    /// # Errors
    /// `io` and `invalid_argument` where there is no file to read, `no_audio` for an empty file or a header without
    /// samples, `unsupported` for what is no recording or a codec that is not read, `malformed` for a header that cannot
    /// be believed, `limit_exceeded` beyond a limit of the options. All name the input.
    pub fn open(input: Input, options: &DecodeOptions) -> Result<Self> {
        let (mut source, name, leg) = input.open(options)?;
        let mut notes = Notes::default();
        let opened = open_stream(&mut source, options, &mut notes).and_then(|(stream, spec)| {
            check_channels(spec.channels, options)?;
            Ok((stream, spec))
        });
        let (stream, spec) = opened.map_err(|e| e.in_input(&name))?;
        let most_frames = (options.max_duration_ms.seconds() * f64::from(spec.rate.hz())) as u64;
        Ok(Self { source, stream, spec, name, leg, notes, block: Block::default(), frames: 0, most_frames })
    }

    /// What is known before the first sample.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The input's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the input's owner said of it.
    pub fn leg(&self) -> &Leg {
        &self.leg
    }

    /// How many bytes of the input have been read so far.
    pub fn bytes_read(&self) -> u64 {
        self.source.bytes_read()
    }

    /// How many bytes the input has, where that is known.
    pub fn size_hint(&self) -> Option<u64> {
        self.source.size_hint()
    }

    /// The next samples: one slice per channel, codec delay removed, never empty, at most some thousands of samples.
    /// `None` at the end.
    ///
    /// # Errors
    /// `io` where reading fails, `limit_exceeded` beyond a limit of the options.
    pub fn next_block(&mut self) -> Result<Option<Planar<'_>>> {
        loop {
            let more = match &mut self.stream {
                Stream::Pcm(stream) => stream.next(&mut self.source, &mut self.block, &mut self.notes),
                Stream::Mpeg(stream) => stream.next(&mut self.source, &mut self.block, &mut self.notes),
            };
            if !more.map_err(|e| e.in_input(&self.name))? {
                return Ok(None);
            }
            let frames = self.block.frames();
            if frames > 0 {
                self.count(frames as u64)?;
                return Ok(Some(Planar::new(&self.block.planes)));
            }
        }
    }

    fn count(&mut self, frames: u64) -> Result<()> {
        self.frames += frames;
        if self.frames <= self.most_frames {
            return Ok(());
        }
        let (found, limit) = (self.spec.rate.millis(self.frames), self.spec.rate.millis(self.most_frames));
        Err(Error::new(ErrorKind::LimitExceeded, Stage::Decode, "a recording longer than the limit")
            .found(format!("{found} or more"), format!("at most {limit} (decode.maxDurationMs)"))
            .in_input(&self.name))
    }

    /// Reads what is left of the input, for its length and hash, and says what it was. Samples that were not asked for
    /// are not decoded, and the duration is that of the blocks that were given.
    ///
    /// # Errors
    /// `io` where reading fails, `limit_exceeded` beyond the limit of bytes.
    pub fn finish(mut self) -> Result<SourceInfo> {
        let totals = self.source.drain().map_err(|e| e.in_input(&self.name))?;
        if self.source.cut_off() {
            self.notes.add(Warning::new("truncated", "the reader broke off").at_byte(totals.bytes));
        }
        let spec = self.spec;
        Ok(SourceInfo {
            path: Some(self.name),
            container: spec.container,
            codec: spec.codec,
            sample_rate_hz: spec.rate,
            channels: spec.channels,
            bytes: totals.bytes,
            sha256: totals.sha256,
            duration_ms: spec.rate.millis(self.frames),
            codec_delay_ms: spec.rate.millis(u64::from(spec.delay.samples)),
            codec_delay_basis: spec.delay.basis,
            warnings: self.notes.finish(),
        })
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").field("name", &self.name).field("spec", &self.spec).finish_non_exhaustive()
    }
}

/// Finds out what the source holds and starts the stream for it.
fn open_stream(source: &mut Source, options: &DecodeOptions, notes: &mut Notes) -> Result<(Stream, Spec)> {
    let head = source.peek(HEAD)?;
    let whole = head.len() < HEAD;
    match sniff::sniff(head, whole) {
        Kind::Wave => open_wave(source, options, notes),
        kind @ (Kind::Mpeg | Kind::Unknown) => open_mpeg(source, kind, options, notes),
        kind => Err(foreign::refuse(kind, source)?),
    }
}

fn open_mpeg(source: &mut Source, kind: Kind, options: &DecodeOptions, notes: &mut Notes) -> Result<(Stream, Spec)> {
    let Some(header) = mpeg::find_first(source, notes)? else {
        if kind == Kind::Unknown {
            return Err(foreign::refuse(kind, source)?);
        }
        let kind = sniff::sniff(source.peek(HEAD)?, true);
        return Err(Error::new(ErrorKind::NoAudio, Stage::Decode, "an ID3 tag and no mp3 frames after it")
            .at_byte(source.position())
            .found(kind.name(), "mp3 frames"));
    };
    let stream = MpegStream::open(source, header, options.assumed_mp3_delay, notes)?;
    let spec = mpeg_spec(&stream, Container::Mp3)?;
    Ok((Stream::Mpeg(Box::new(stream)), spec))
}

fn mpeg_spec(stream: &MpegStream, container: Container) -> Result<Spec> {
    Ok(Spec { container, codec: Codec::Mp3, rate: stream.rate()?, channels: stream.channels(), delay: stream.delay() })
}

fn open_wave(source: &mut Source, options: &DecodeOptions, notes: &mut Notes) -> Result<(Stream, Spec)> {
    let wave = riff::open(source, notes)?;
    let (format, container) = (wave.format, wave.container);
    check_channels(format.channels, options)?;
    if format.tag == 0x55 {
        let none = || Error::new(ErrorKind::NoAudio, Stage::Decode, "a wav of mp3 without mp3 frames");
        let at = source.position();
        let header = mpeg::find_first(source, notes)?.ok_or_else(|| none().at_byte(at))?;
        let stream = MpegStream::open(source, header, options.assumed_mp3_delay, notes)?;
        let spec = mpeg_spec(&stream, container)?;
        return Ok((Stream::Mpeg(Box::new(stream)), spec));
    }
    let Some(layout) = format.layout()? else {
        return Err(Error::new(ErrorKind::Unsupported, Stage::Decode, "a codec that is not read")
            .found(format.codec_name(), "PCM, float, G.711 or mp3"));
    };
    if usize::from(format.block_align) != layout.frame_bytes() {
        let (found, right) = (format.block_align, layout.frame_bytes());
        notes.add(Warning::new("header_field_wrong", format!("block align {found}, {right} by width and channels")));
    }
    if source.peek(layout.frame_bytes())?.len() < layout.frame_bytes() {
        return Err(
            Error::new(ErrorKind::NoAudio, Stage::Decode, "a wav header without samples").at_byte(source.position())
        );
    }
    let delay = Delay::default();
    let spec = Spec { container, codec: layout.codec, rate: format.rate, channels: format.channels, delay };
    Ok((Stream::Pcm(PcmStream::new(layout, wave.promised)), spec))
}

fn check_channels(channels: u16, options: &DecodeOptions) -> Result<()> {
    if channels <= options.max_channels {
        return Ok(());
    }
    Err(Error::new(ErrorKind::LimitExceeded, Stage::Decode, "more channels than the limit")
        .found(channels, format!("at most {} (decode.maxChannels)", options.max_channels)))
}

/// Decodes a whole recording into tracks of 16-bit samples at its own rate: one per channel, the mean of all, or the one
/// channel that the input's leg names, as the options say. With several tracks, the leg's role says nothing of each.
///
/// # Errors
/// Those of [`Decoder`]; `no_audio` where not one sample could be decoded, `limit_exceeded` beyond the limit of tracks.
pub fn decode(input: Input, options: &DecodeOptions) -> Result<Vec<Track>> {
    let mut decoder = Decoder::open(input, options)?;
    let name = decoder.name().to_owned();
    let lanes = Lane::of(decoder.spec().channels, decoder.leg(), options).map_err(|e| e.in_input(&name))?;
    if lanes.len() > options.max_tracks {
        return Err(Error::new(ErrorKind::LimitExceeded, Stage::Decode, "more tracks than the limit")
            .found(lanes.len(), format!("at most {} (decode.maxTracks)", options.max_tracks))
            .in_input(name));
    }
    let role = if lanes.len() == 1 { decoder.leg().role } else { Role::Unknown };
    let rate: Rate = decoder.spec().rate;
    let mut keepers: Vec<Keeper> = lanes.iter().map(|_| Keeper::default()).collect();
    let mut room = Vec::with_capacity(FRAMES);
    while let Some(block) = decoder.next_block()? {
        for (lane, keeper) in lanes.iter().zip(&mut keepers) {
            keeper.hear(lane.samples(block, &mut room));
        }
    }
    let tracks: Vec<Track> =
        keepers.into_iter().map(|keeper| Track { samples: keeper.finish().0, rate, role }).collect();
    if tracks.iter().all(|track| track.samples.is_empty()) {
        return Err(Error::new(ErrorKind::NoAudio, Stage::Decode, "not one sample could be decoded").in_input(name));
    }
    Ok(tracks)
}

#[cfg(test)]
mod tests;
