//! Decodes recordings: finds an input's actual format, returns its samples in blocks, and reports
//! what is wrong with it.
//!
//! [`Decoder`] reads an input sequentially and returns planar blocks. [`decode`] and [`probe`] are
//! wrappers over it. This module is the only one that names symphonia.

mod aac;
mod adpcm;
mod adts;
mod aiff;
mod amr;
mod archive;
mod assemble;
mod au;
mod avi;
mod block;
mod blocks;
mod budget;
mod caf;
mod convert;
mod downsample;
mod flac;
mod foreign;
mod g711;
mod g722;
mod g7231;
mod g726;
mod g729;
mod gsm;
mod guard;
#[cfg(feature = "he-aac")]
mod he_aac;
mod input;
mod lend;
mod listed;
mod matroska;
mod memory;
mod movie;
mod movie_codec;
mod mp4;
mod mpeg;
mod ogg;
mod oki;
mod open;
mod opening;
#[cfg(feature = "opus")]
mod opus;
mod packet;
mod pcm;
mod probe;
mod raw;
mod refusal;
mod riff;
mod second;
mod sniff;
mod source;
mod spec;
mod stream;
mod track;
mod vorbis;
mod wave;
mod wave64;

pub use amr::AmrPackets;
pub use archive::expand;
pub use block::{ChannelSelection, Planar};
pub(crate) use block::{NOT_FINITE, OUT_OF_RANGE, not_finite_warning, wild_warning};
pub(crate) use budget::Budget;
pub(crate) use g711::{ALAW, ULAW};
pub use input::Input;
pub use probe::{Head, Probe, Problem, probe, probe_head};
pub use raw::Raw;
pub(crate) use sniff::AUDIO_ENDINGS;
#[cfg(feature = "providers")]
pub(crate) use sniff::{ContainerKind, sniff};
pub use spec::{Codec, Container, Delay, DelayBasis, SourceInfo, Spec};

use self::block::{Block, FRAMES};
use self::budget::most_samples;
use self::downsample::downsampled;
use self::input::Opened;
use self::open::open_stream;
use self::source::Source;
use self::spec::DecodeNotes;
use self::stream::Stream;
use crate::call::{Leg, Role};
use crate::config::DecodeOptions;
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::track::{PcmCollector, SampleSink, Track};
use crate::units::{Millis, Rate};

/// Decodes one recording sequentially, in blocks.
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
    stream: Box<dyn Stream>,
    spec: Spec,
    /// The recording's own rate, which is that of `spec` unless the options ask for a lower one.
    own_rate: Rate,
    name: String,
    leg: Leg,
    notes: DecodeNotes,
    block: Block,
    /// Whether the stream has returned its last samples.
    ended: bool,
    /// Samples per channel returned so far.
    frames: u64,
    /// The same and its limit at the recording's own rate. All limits are about what is decoded.
    own_frames: u64,
    most_frames: u64,
    most_per_byte: Millis,
}

impl Decoder {
    /// Opens an input and reads up to its first sample.
    ///
    /// A ZIP archive is opened if it has a single member; for several, [`expand`] returns one input
    /// per member.
    ///
    /// # Errors
    /// All errors name the input.
    ///
    /// - [`Io`](crate::ErrorKind::Io) or [`InvalidArgument`](crate::ErrorKind::InvalidArgument) if
    ///   there is no file to read.
    /// - [`NoAudio`](crate::ErrorKind::NoAudio) for an empty file, or a header without samples.
    /// - [`Unsupported`](crate::ErrorKind::Unsupported) for anything but a recording, or a codec
    ///   that is not supported.
    /// - [`Malformed`](crate::ErrorKind::Malformed) for an implausible header.
    /// - [`LimitExceeded`](crate::ErrorKind::LimitExceeded) beyond a limit of the options.
    /// - [`InvalidArgument`](crate::ErrorKind::InvalidArgument), without the input's name, for
    ///   options that are out of range.
    pub fn open(input: Input, options: &DecodeOptions) -> Result<Self> {
        let name = input.name().to_owned();
        let mut inputs = expand(input, options)?;
        let several = inputs.len();
        match inputs.pop() {
            Some(input) if several == 1 => Self::open_one(input, options, false),
            _ => Err(Error::new(ErrorKind::InvalidArgument, Stage::Decode, "an archive of several recordings")
                .with_mismatch(format!("{several} members"), "one")
                .in_input(name)),
        }
    }

    /// Opens a single recording. With `head_only`, only its header is needed and no samples.
    fn open_one(input: Input, options: &DecodeOptions, head_only: bool) -> Result<Self> {
        let Opened { mut source, name, format, leg, .. } = input.open(options)?;
        let mut notes = DecodeNotes::default();
        let named = |e: Error| e.in_input(&name);
        let opened = open_stream(&mut source, format, options, head_only, &mut notes).map_err(named)?;
        let own_rate = opened.1.rate;
        let (stream, spec) = downsampled(opened, options.downsample_hz).map_err(named)?;
        let most_frames = (options.max_duration_ms.seconds() * f64::from(own_rate.hz())) as u64;
        Ok(Self {
            source,
            stream,
            spec,
            own_rate,
            name,
            leg,
            notes,
            block: Block::default(),
            ended: false,
            frames: 0,
            own_frames: 0,
            most_frames,
            most_per_byte: options.max_ms_per_byte,
        })
    }

    /// Returns what is known before the first sample.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Returns the input's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns what the input's owner said about it.
    pub fn leg(&self) -> &Leg {
        &self.leg
    }

    /// Returns the number of bytes read so far.
    pub fn bytes_read(&self) -> u64 {
        self.source.bytes_read()
    }

    /// Returns the size of the input in bytes, if known.
    pub fn size_hint(&self) -> Option<u64> {
        self.source.size_hint()
    }

    /// Returns the next samples, with one slice per channel and the codec delay removed, or `None`
    /// at the end. A block is never empty, and holds at most some thousands of samples.
    ///
    /// # Errors
    /// - [`Io`](crate::ErrorKind::Io) if reading fails.
    /// - [`LimitExceeded`](crate::ErrorKind::LimitExceeded) beyond a limit of the options.
    pub fn next_block(&mut self) -> Result<Option<Planar<'_>>> {
        Ok(if self.advance()? { Some(Planar::new(self.block.narrow())) } else { None })
    }

    /// Like [`Self::next_block`], in double precision. Required for exact samples of 32-bit
    /// integers and 64-bit floats.
    ///
    /// # Errors
    /// Those of [`Self::next_block`].
    pub fn next_block_f64(&mut self) -> Result<Option<Planar<'_, f64>>> {
        Ok(if self.advance()? { Some(Planar::new(self.block.widen())) } else { None })
    }

    /// Allows decoding ahead in this many parallel parts, on as many threads as available. The
    /// samples are the same.
    pub(crate) fn split(&mut self, parts: usize) {
        self.stream.split(parts);
    }

    /// Fills the block, and returns `false` at the end.
    fn advance(&mut self) -> Result<bool> {
        while !self.ended {
            let more = self.stream.next(&mut self.source, &mut self.block, &mut self.notes);
            if !more.map_err(|e| e.in_input(&self.name))? {
                self.ended = true;
                second::report_next(&mut self.source, &mut self.notes).map_err(|e| e.in_input(&self.name))?;
                break;
            }
            let frames = self.block.frames();
            self.notes.wild += self.block.tame();
            if frames > 0 {
                self.count(frames as u64)?;
                return Ok(true);
            }
            self.source.budget().check()?;
        }
        Ok(false)
    }

    fn count(&mut self, frames: u64) -> Result<()> {
        self.frames += frames;
        let (rate, channels) = (self.own_rate, self.spec.channels);
        let own = u128::from(self.frames) * u128::from(rate.hz()) / u128::from(self.spec.rate.hz());
        let before = std::mem::replace(&mut self.own_frames, own as u64);
        self.source.budget().samples(self.own_frames - before, channels, rate)?;
        let bytes = self.stream.audio_bytes(&self.source);
        let (samples, most) = (self.own_frames * u64::from(channels), most_samples(bytes, rate, self.most_per_byte));
        if samples > most {
            return Err(Error::new(ErrorKind::LimitExceeded, Stage::Decode, "implausibly much audio for its size")
                .with_mismatch(
                    format!("{samples} samples in {bytes} bytes"),
                    format!("at most {most} (decode.maxMsPerByte)"),
                )
                .in_input(&self.name));
        }
        if self.own_frames <= self.most_frames {
            return Ok(());
        }
        let (found, limit) = (rate.millis(self.own_frames), rate.millis(self.most_frames));
        Err(Error::new(ErrorKind::LimitExceeded, Stage::Decode, "the recording is too long")
            .with_mismatch(format!("{found} or more"), format!("at most {limit} (decode.maxDurationMs)"))
            .in_input(&self.name))
    }

    /// Reads the rest of the input, for its length and hash, and returns what it was. Remaining
    /// samples are not decoded, so the duration is that of the blocks returned so far.
    ///
    /// # Errors
    /// - [`Io`](crate::ErrorKind::Io) if reading fails.
    /// - [`LimitExceeded`](crate::ErrorKind::LimitExceeded) beyond the limit of bytes.
    pub fn finish(mut self) -> Result<SourceInfo> {
        let totals = self.source.drain().map_err(|e| e.in_input(&self.name))?;
        if self.source.cut_off() {
            self.notes.add(Warning::new("truncated", "the reader broke off").at_byte(totals.bytes));
        }
        if let Some(warning) = wild_warning(self.notes.wild) {
            self.notes.add(warning);
        }
        let spec = self.spec;
        Ok(SourceInfo {
            path: Some(self.name),
            container: spec.container,
            codec: spec.codec,
            sample_rate_hz: self.own_rate,
            decoded_rate_hz: (spec.rate != self.own_rate).then_some(spec.rate),
            channels: spec.channels,
            bytes: totals.bytes,
            sha256: totals.sha256,
            duration_ms: spec.rate.millis(self.frames),
            codec_delay_ms: self.own_rate.millis(u64::from(spec.delay.samples)),
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

/// Decodes a recording into tracks of 16-bit samples at its own rate.
///
/// Each channel becomes a track, unless the options average them or the input's leg selects one.
/// The members of an archive follow each other. With several tracks, the leg's role is not applied.
/// A long MP3 is decoded on all threads; the samples do not depend on their number.
///
/// ```
/// use callweave::{DecodeOptions, Input, decode};
///
/// let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures");
/// let tracks = decode(Input::path(format!("{folder}/stereo/call.wav")), &DecodeOptions::default())?;
/// assert_eq!(tracks.len(), 2); // one per channel
/// # Ok::<(), callweave::Error>(())
/// ```
///
/// # Errors
/// - Those of [`Decoder`] and [`expand`].
/// - [`NoAudio`](crate::ErrorKind::NoAudio) if no samples could be decoded.
/// - [`LimitExceeded`](crate::ErrorKind::LimitExceeded) beyond the limit of tracks.
pub fn decode(input: Input, options: &DecodeOptions) -> Result<Vec<Track>> {
    let name = input.name().to_owned();
    let mut tracks = Vec::new();
    for input in expand(input, options)? {
        decode_one(Decoder::open_one(input, options, false)?, options, &mut tracks)?;
    }
    if tracks.iter().all(|track| track.samples.is_empty()) {
        return Err(Error::new(ErrorKind::NoAudio, Stage::Decode, "no samples could be decoded").in_input(name));
    }
    Ok(tracks)
}

fn decode_one(mut decoder: Decoder, options: &DecodeOptions, tracks: &mut Vec<Track>) -> Result<()> {
    let name = decoder.name().to_owned();
    decoder.split(usize::MAX);
    let lanes = ChannelSelection::of(decoder.spec().channels, decoder.leg(), options).map_err(|e| e.in_input(&name))?;
    if tracks.len() + lanes.len() > options.max_tracks {
        return Err(Error::new(ErrorKind::LimitExceeded, Stage::Decode, "too many tracks")
            .with_mismatch(tracks.len() + lanes.len(), format!("at most {} (decode.maxTracks)", options.max_tracks))
            .in_input(name));
    }
    let role = if lanes.len() == 1 { decoder.leg().role } else { Role::Unknown };
    let rate: Rate = decoder.spec().rate;
    let mut keepers: Vec<PcmCollector> = lanes.iter().map(|_| PcmCollector::default()).collect();
    let mut room = Vec::with_capacity(FRAMES);
    while let Some(block) = decoder.next_block()? {
        for (lane, keeper) in lanes.iter().zip(&mut keepers) {
            keeper.push(lane.samples(block, &mut room));
        }
    }
    tracks.extend(keepers.into_iter().map(|keeper| Track { samples: keeper.finish().0, rate, role }));
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
