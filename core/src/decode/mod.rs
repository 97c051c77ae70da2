//! Recordings to samples: what an input really is, its blocks of samples, and what was wrong with
//! it.
//!
//! [`Decoder`] reads an input front to back and gives planar blocks; [`decode`] and [`probe`] are wrappers over it. This
//! module is the only one that names symphonia.

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
#[cfg(feature = "providers")]
pub(crate) use sniff::{ContainerKind, sniff};
pub use spec::{Codec, Container, Delay, DelayBasis, SourceInfo, Spec};

use self::block::{Block, FRAMES};
use self::budget::most_samples;
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
    stream: Box<dyn Stream>,
    spec: Spec,
    name: String,
    leg: Leg,
    notes: DecodeNotes,
    block: Block,
    /// Samples of each channel that have been given.
    frames: u64,
    most_frames: u64,
    most_per_byte: Millis,
    /// Samples that were no audio.
    wild: u64,
}

impl Decoder {
    /// Opens an input and reads up to its first sample. A zip archive is opened where it has one
    /// member; of several,
    /// [`expand`] makes one input each.
    ///
    /// # Errors
    /// `io` and `invalid_argument` where there is no file to read, `no_audio` for an empty file or
    /// a header without samples, `unsupported` for what is no recording or a codec that is not
    /// read, `malformed` for a header that cannot be believed, `limit_exceeded` beyond a limit of
    /// the options. All name the input.
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

    /// The same for one recording; `head_only`: for what its header says, and no samples.
    fn open_one(input: Input, options: &DecodeOptions, head_only: bool) -> Result<Self> {
        let Opened { mut source, name, format, leg, .. } = input.open(options)?;
        let mut notes = DecodeNotes::default();
        let opened = open_stream(&mut source, format, options, head_only, &mut notes);
        let (stream, spec) = opened.map_err(|e| e.in_input(&name))?;
        let most_frames = (options.max_duration_ms.seconds() * f64::from(spec.rate.hz())) as u64;
        let (block, frames, wild, most_per_byte) = (Block::default(), 0, 0, options.max_ms_per_byte);
        Ok(Self { source, stream, spec, name, leg, notes, block, frames, most_frames, most_per_byte, wild })
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

    /// The next samples: one slice per channel, codec delay removed, never empty, at most some
    /// thousands of samples. `None` at the end.
    ///
    /// # Errors
    /// `io` where reading fails, `limit_exceeded` beyond a limit of the options.
    pub fn next_block(&mut self) -> Result<Option<Planar<'_>>> {
        Ok(if self.advance()? { Some(Planar::new(self.block.narrow())) } else { None })
    }

    /// The same in double precision, which samples of 32 bits and of 64-bit floating point need to
    /// be exact.
    ///
    /// # Errors
    /// Those of [`Self::next_block`].
    pub fn next_block_f64(&mut self) -> Result<Option<Planar<'_, f64>>> {
        Ok(if self.advance()? { Some(Planar::new(self.block.widen())) } else { None })
    }

    /// Allows the recording to be decoded ahead, in so many parts side by side, on as many threads
    /// as there are. It gives the same samples.
    pub(crate) fn split(&mut self, parts: usize) {
        self.stream.split(parts);
    }

    /// Fills the block; false at the end.
    fn advance(&mut self) -> Result<bool> {
        loop {
            let more = self.stream.next(&mut self.source, &mut self.block, &mut self.notes);
            if !more.map_err(|e| e.in_input(&self.name))? {
                return Ok(false);
            }
            let frames = self.block.frames();
            self.wild += self.block.tame();
            if frames > 0 {
                self.count(frames as u64)?;
                return Ok(true);
            }
            self.source.budget().check()?;
        }
    }

    fn count(&mut self, frames: u64) -> Result<()> {
        self.frames += frames;
        let Spec { rate, channels, .. } = self.spec;
        self.source.budget().samples(frames, channels, rate)?;
        let bytes = self.stream.audio_bytes(&self.source);
        let (samples, most) = (self.frames * u64::from(channels), most_samples(bytes, rate, self.most_per_byte));
        if samples > most {
            return Err(Error::new(ErrorKind::LimitExceeded, Stage::Decode, "more audio than its bytes can hold")
                .with_mismatch(
                    format!("{samples} samples in {bytes} bytes"),
                    format!("at most {most} (decode.maxMsPerByte)"),
                )
                .in_input(&self.name));
        }
        if self.frames <= self.most_frames {
            return Ok(());
        }
        let (found, limit) = (self.spec.rate.millis(self.frames), self.spec.rate.millis(self.most_frames));
        Err(Error::new(ErrorKind::LimitExceeded, Stage::Decode, "a recording longer than the limit")
            .with_mismatch(format!("{found} or more"), format!("at most {limit} (decode.maxDurationMs)"))
            .in_input(&self.name))
    }

    /// Reads what is left of the input, for its length and hash, and says what it was. Samples that
    /// were not asked for are not decoded, and the duration is that of the blocks that were given.
    ///
    /// # Errors
    /// `io` where reading fails, `limit_exceeded` beyond the limit of bytes.
    pub fn finish(mut self) -> Result<SourceInfo> {
        let totals = self.source.drain().map_err(|e| e.in_input(&self.name))?;
        if self.source.cut_off() {
            self.notes.add(Warning::new("truncated", "the reader broke off").at_byte(totals.bytes));
        }
        if let Some(warning) = wild_warning(self.wild) {
            self.notes.add(warning);
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

/// Decodes whole recordings into tracks of 16-bit samples at their own rate: one track per channel,
/// the mean of all, or the one channel that the input's leg names, as the options say; the members
/// of an archive one after the other. With several tracks, the leg's role says nothing of each. A
/// long mp3 is decoded on all threads; the samples are the same on any number.
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
/// Those of [`Decoder`] and [`expand`]; `no_audio` where not one sample could be decoded,
/// `limit_exceeded` beyond the limit of tracks.
pub fn decode(input: Input, options: &DecodeOptions) -> Result<Vec<Track>> {
    let name = input.name().to_owned();
    let mut tracks = Vec::new();
    for input in expand(input, options)? {
        decode_one(Decoder::open_one(input, options, false)?, options, &mut tracks)?;
    }
    if tracks.iter().all(|track| track.samples.is_empty()) {
        return Err(Error::new(ErrorKind::NoAudio, Stage::Decode, "not one sample could be decoded").in_input(name));
    }
    Ok(tracks)
}

fn decode_one(mut decoder: Decoder, options: &DecodeOptions, tracks: &mut Vec<Track>) -> Result<()> {
    let name = decoder.name().to_owned();
    decoder.split(usize::MAX);
    let lanes = ChannelSelection::of(decoder.spec().channels, decoder.leg(), options).map_err(|e| e.in_input(&name))?;
    if tracks.len() + lanes.len() > options.max_tracks {
        return Err(Error::new(ErrorKind::LimitExceeded, Stage::Decode, "more tracks than the limit")
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
