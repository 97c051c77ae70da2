//! Mixes placed tracks into one recording, block by block.
//!
//! Every track ([`MixInput`]) is read along the call's timeline, brought to its party's level, and
//! limited to −1 dBTP. Only one block is held in memory.

mod limiter;
mod loops;
mod reader;
mod span_gate;
#[cfg(test)]
mod tests;

use crate::call::Role;
use crate::config::{Layout, LevelTarget, MixConfig, OutputRate};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::level::{Level, active_level};
use crate::timeline::Placement;
use crate::track::to_i16;
use crate::units::{Decibels, Millis, Rate, Span, total};

use limiter::Limiter;
use reader::TrackReader;
use span_gate::SpanGate;

/// Samples per channel mixed at once.
const BLOCK: usize = 4096;
/// Shortest speech whose level is used.
const MIN_SPEECH: Millis = Millis(2000.0);
/// Range of a party's gain in dB.
const GAIN_RANGE: (f64, f64) = (-12.0, 18.0);
/// Gain never raises a line's noise above this level, in dBov.
const NOISE_CEILING: f64 = -50.0;
/// Levels that differ by less are heard as equal, in dB (Zwicker and Fastl, Psychoacoustics: the
/// just noticeable difference).
const AUDIBLE_DB: f64 = 1.0;

/// A placed track with its gain.
#[derive(Debug, Clone, Copy)]
pub struct MixInput<'a> {
    /// The samples.
    pub samples: &'a [i16],
    /// Samples per second.
    pub rate: Rate,
    /// Who speaks. Determines the order of channels.
    pub role: Role,
    /// The track's placement on the call's timeline.
    pub placement: &'a Placement,
    /// The gain to apply.
    pub gain: Decibels,
}

/// A track, or one voice of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VoiceInput<'a> {
    pub track: MixInput<'a>,
    /// The voice's speech in the call's time, or `None` for the whole track.
    pub speech: Option<&'a [Span]>,
}

/// The levels that determine a party's gain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PartyLevel {
    /// Level of the party's own speech, or `None` if there is too little.
    speech: Option<Decibels>,
    /// Loudness of the whole track.
    loudness: Option<Decibels>,
    /// The line's noise outside speech.
    noise: Option<Decibels>,
}

impl PartyLevel {
    /// Creates the levels of a party from its track's level and its own speech.
    pub fn new(level: &Level, speech: &[Span], noise: Option<Decibels>) -> Self {
        let enough = total(speech) >= MIN_SPEECH;
        let speech = enough.then(|| active_level(level.hops.within(speech)).level);
        Self { speech, loudness: level.loudness, noise }
    }

    /// Returns the gain that brings the party to a level, limited to −12 to +18 dB.
    ///
    /// The gain is 0 for less than two seconds of speech, and never raises the line's noise above
    /// −50 dBov.
    pub fn gain(&self, target: LevelTarget) -> Decibels {
        let room = self.noise.map_or(f64::INFINITY, |noise| (NOISE_CEILING - noise.0).max(0.0));
        self.wanted(target)
            .map_or(Decibels(0.0), |wanted| Decibels(wanted.0.min(room).clamp(GAIN_RANGE.0, GAIN_RANGE.1)))
    }

    /// Returns by how much the party misses a level because its gain is limited, or `None` if it
    /// reaches the level.
    pub fn missed_by(&self, target: LevelTarget) -> Option<Decibels> {
        let missed = self.wanted(target)? - self.gain(target);
        (missed.0.abs() >= AUDIBLE_DB).then_some(missed)
    }

    /// Returns the unlimited gain for a level.
    fn wanted(&self, target: LevelTarget) -> Option<Decibels> {
        let speech = self.speech?;
        match target {
            LevelTarget::Off => None,
            LevelTarget::ActiveDbov(target) => Some(target - speech),
            LevelTarget::Lufs(target) => self.loudness.map(|loudness| target - loudness),
        }
    }
}

/// Returns the gain that brings a party to a level ([`PartyLevel::gain`]).
pub(crate) fn gain(level: &Level, speech: &[Span], noise: Option<Decibels>, target: LevelTarget) -> Decibels {
    PartyLevel::new(level, speech, noise).gain(target)
}

/// Returns the rate of a mix: the configured one, or the highest of the tracks (at most 16 kHz,
/// unless the source rate is configured).
pub(crate) fn output_rate(tracks: impl Iterator<Item = Rate>, config: &MixConfig) -> Rate {
    let highest = tracks.max().unwrap_or(Rate::NARROWBAND);
    match config.rate {
        OutputRate::Fixed(rate) => rate,
        OutputRate::Source => highest,
        OutputRate::Auto => highest.min(Rate::WIDEBAND),
    }
}

/// A complete mix in memory.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Mixed {
    /// The samples, with channels interleaved.
    pub samples: Vec<i16>,
    /// Samples per second.
    pub rate: Rate,
    /// Number of channels.
    pub channels: u16,
}

/// Mixes tracks in memory, in the order customer, agent, transfer, then all others as given.
///
/// ```
/// use callweave::mix::{self, MixInput};
/// use callweave::timeline::{Method, Placement};
/// use callweave::units::{Decibels, Millis, Rate};
/// use callweave::{MixConfig, Role};
///
/// let samples = vec![1000i16; 8000];
/// let placement = Placement::at(Millis(500.0), Method::None, 1.0, Millis(0.0));
/// let track = MixInput {
///     samples: &samples,
///     rate: Rate::NARROWBAND,
///     role: Role::Agent,
///     placement: &placement,
///     gain: Decibels(0.0),
/// };
/// let mixed = mix::tracks(&[track], Millis(1500.0), &MixConfig::default())?;
/// assert_eq!((mixed.samples.len(), mixed.samples[3999], mixed.samples[4000]), (12_000, 0, 1000));
/// # Ok::<(), callweave::Error>(())
/// ```
///
/// # Errors
/// Those of [`Mixer`].
pub fn tracks(tracks: &[MixInput], duration: Millis, config: &MixConfig) -> Result<Mixed> {
    let mut mixer = Mixer::new(tracks, duration, config)?;
    let (rate, channels) = (mixer.rate(), mixer.channels());
    let mut samples = Vec::new();
    while let Some(block) = mixer.next_block()? {
        samples.extend_from_slice(block);
    }
    Ok(Mixed { samples, rate, channels })
}

/// Returns one track's samples along the call's timeline at the given rate, in [−1, 1], with the
/// input's gain and without limiting.
///
/// # Errors
/// [`ErrorKind::Unsupported`] if the track cannot be resampled to that rate.
pub fn aligned(track: &MixInput<'_>, duration: Millis, rate: Rate) -> Result<Vec<f32>> {
    let mut samples = vec![0.0; usize::try_from(rate.sample_at(duration)).unwrap_or(usize::MAX)];
    let mut reader = TrackReader::new(track, rate)?;
    samples.chunks_mut(BLOCK).try_for_each(|block| reader.add_to(block))?;
    Ok(samples)
}

/// A mix that is read block by block.
#[derive(Debug)]
pub struct Mixer<'a> {
    channels: Vec<Channel<'a>>,
    rate: Rate,
    left: u64,
    block: Vec<i16>,
    /// The tracks of a mono mix by themselves, interleaved. Empty if nobody asked for them.
    alone: Vec<i16>,
}

/// One channel of the output, and the tracks summed in it.
#[derive(Debug)]
struct Channel<'a> {
    readers: Vec<TrackReader<'a>>,
    /// Where it is audible, if not everywhere.
    gate: Option<SpanGate>,
    limiter: Limiter,
    /// Each track by itself, limited alone, if that was asked for.
    alone: Vec<Limiter>,
}

impl<'a> Mixer<'a> {
    /// Creates a mix of tracks, in the order customer, agent, transfer, then all others as given.
    ///
    /// # Errors
    /// - [`ErrorKind::NoAudio`] without tracks.
    /// - [`ErrorKind::Unsupported`] if a track cannot be resampled.
    pub fn new(tracks: &[MixInput<'a>], duration: Millis, config: &MixConfig) -> Result<Self> {
        let whole: Vec<VoiceInput> = tracks.iter().map(|&track| VoiceInput { track, speech: None }).collect();
        Self::of_voices(&whole, duration, config)
    }

    /// Creates a mix in which some tracks are only audible where one of their voices speaks.
    ///
    /// # Errors
    /// Those of [`Mixer::new`].
    pub(crate) fn of_voices(inputs: &[VoiceInput<'a>], duration: Millis, config: &MixConfig) -> Result<Self> {
        if inputs.is_empty() {
            return Err(Error::new(ErrorKind::NoAudio, Stage::Mix, "no tracks to mix"));
        }
        let rate = output_rate(inputs.iter().map(|input| input.track.rate), config);
        let mut ordered: Vec<&VoiceInput<'a>> = inputs.iter().collect();
        ordered.sort_by_key(|input| input.track.role.order());
        let gates = ordered.iter().map(|input| input.speech.map(|speech| SpanGate::new(speech, rate)));
        let gates: Vec<Option<SpanGate>> = gates.collect();
        let readers = ordered.iter().map(|input| TrackReader::new(&input.track, rate)).collect::<Result<Vec<_>>>()?;
        let channel = |(readers, gate)| Channel { readers, gate, limiter: Limiter::new(rate), alone: Vec::new() };
        let channels = match config.layout {
            Layout::Mono => vec![channel((readers, None))],
            Layout::Split | Layout::Voices => {
                readers.into_iter().map(|reader| vec![reader]).zip(gates).map(channel).collect()
            }
        };
        Ok(Self { channels, rate, left: rate.sample_at(duration), block: Vec::new(), alone: Vec::new() })
    }

    /// Makes a mono mix give its tracks by themselves too ([`Self::tracks_alone`]), as the channels
    /// of a split mix are. Where a channel holds one track, nothing changes.
    pub(crate) fn with_tracks_alone(mut self) -> Self {
        if let [only] = self.channels.as_mut_slice()
            && only.readers.len() > 1
        {
            only.alone = only.readers.iter().map(|_| Limiter::new(self.rate)).collect();
        }
        self
    }

    /// Returns the sample rate.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Returns the number of channels.
    pub fn channels(&self) -> u16 {
        self.channels.len() as u16
    }

    /// Returns the number of samples per channel that remain.
    pub fn frames_left(&self) -> u64 {
        self.left
    }

    /// Returns the next samples with channels interleaved, or `None` at the end.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if a resampler fails.
    pub fn next_block(&mut self) -> Result<Option<&[i16]>> {
        Ok(self.advance()?.then_some(self.block.as_slice()))
    }

    /// Mixes the next samples. Returns `false` at the end.
    ///
    /// # Errors
    /// Those of [`Self::next_block`].
    pub(crate) fn advance(&mut self) -> Result<bool> {
        let frames = self.left.min(BLOCK as u64) as usize;
        if frames == 0 {
            return Ok(false);
        }
        self.channels.iter_mut().try_for_each(|channel| channel.prepare(frames))?;
        // Every place is written anew.
        self.block.resize(frames * self.channels.len(), 0);
        match self.channels.as_mut_slice() {
            [only] => {
                loops::convert(&mut self.block, only.limiter.take(frames));
                self.alone.resize(frames * only.alone.len(), 0);
                take_interleaved(&mut self.alone, &mut only.alone, frames);
            }
            [left, right] => {
                loops::interleave(&mut self.block, left.limiter.take(frames), right.limiter.take(frames));
            }
            more => take_interleaved(&mut self.block, more.iter_mut().map(|channel| &mut channel.limiter), frames),
        }
        self.left -= frames as u64;
        Ok(true)
    }

    /// Returns the last block, with channels interleaved.
    pub(crate) fn block(&self) -> &[i16] {
        &self.block
    }

    /// Returns the tracks of the last block by themselves, interleaved in the order of a split mix's
    /// channels. A mono mix gives them after [`Self::with_tracks_alone`]; else this is the block.
    pub(crate) fn tracks_alone(&self) -> &[i16] {
        if self.alone.is_empty() { &self.block } else { &self.alone }
    }
}

/// Takes `frames` samples of each limiter, interleaved.
fn take_interleaved<'l>(
    block: &mut [i16],
    limiters: impl IntoIterator<Item = &'l mut Limiter, IntoIter: ExactSizeIterator>,
    frames: usize,
) {
    let limiters = limiters.into_iter();
    let count = limiters.len();
    for (i, limiter) in limiters.enumerate() {
        let places = block.iter_mut().skip(i).step_by(count);
        places.zip(limiter.take(frames)).for_each(|(out, &x)| *out = to_i16(x));
    }
}

impl Channel<'_> {
    /// Sums and limits until `frames` samples can be taken. The sum runs ahead of the limiter,
    /// which looks ahead.
    fn prepare(&mut self, frames: usize) -> Result<()> {
        let Self { readers, gate, limiter, alone } = self;
        while limiter.ready() < frames {
            limiter.push(BLOCK, |sum| {
                if alone.is_empty() {
                    readers.iter_mut().try_for_each(|reader| reader.add_to(sum))?;
                }
                for (reader, alone) in readers.iter_mut().zip(alone.iter_mut()) {
                    alone.push(BLOCK, |own| {
                        reader.add_to(own)?;
                        loops::add(sum, own, 1.0);
                        Ok(())
                    })?;
                }
                if let Some(gate) = gate {
                    gate.pass(sum);
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}
