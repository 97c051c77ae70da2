//! A processed call: its report and its placed tracks, ready to be mixed.

use crate::config::{Layout, LevelTarget, MixConfig};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::level::Hops;
use crate::mix::{self, MixInput, Mixer, PartyLevel, VoiceInput};
use crate::report::{Report, VoiceReport};
#[cfg(feature = "cli")]
use crate::run::RunOptions;
use crate::threads;
use crate::timeline::{EventKind, Placement};
use crate::track::Track;
use crate::units::{Decibels, Millis, Rate, Span};
use crate::vad::CustomDetector;

use super::gate::PlacedTrack;
use super::kept::KEPT;
use super::measure::CallAnalysis;
use super::redact::TakenOut;

/// A processed call: its report, and its placed tracks if they were kept.
#[derive(Debug)]
#[non_exhaustive]
pub struct Processed {
    /// The report.
    pub report: Report,
    /// The tracks that could be read, with their placements.
    pub tracks: Vec<ProcessedTrack>,
    /// The caller's detector, if one was used.
    pub(super) detector: Option<CustomDetector>,
    /// Key presses that known facts tell, as exactly as their times are known.
    pub(super) told_keys: Vec<Span>,
    /// How many more they tell, whose times have no place in the call.
    pub(super) keys_without_place: usize,
    /// What was redacted. `None` if nothing has been redacted.
    pub(super) taken: Option<TakenOut>,
}

/// A track of a processed call.
#[derive(Debug)]
#[non_exhaustive]
pub struct ProcessedTrack {
    /// The track's index in the report.
    pub index: usize,
    /// The recorder that made it: tracks of one lie where the others do.
    pub(super) recorder: usize,
    /// How far a later segment of it may lie off its place on the recorder's clock.
    pub(super) lead_uncertainty: Millis,
    /// The samples.
    pub track: Track,
    /// The track's placement on the call's timeline.
    pub placement: Placement,
    /// The gain that brings the party to the configured level.
    pub gain: Decibels,
    /// The levels from which the gain for another target is computed.
    pub party_level: PartyLevel,
    /// Key presses in the track's own time, including those of other parties that are audible here.
    pub keys: Vec<Span>,
    /// Spans that may contain key presses hidden by noise or speech, in the track's own time.
    pub key_doubts: Vec<Span>,
    /// Mean level of each second of the call, or `None` where the track has no audio.
    pub levels: Vec<Option<Decibels>>,
}

impl From<Report> for Processed {
    /// Creates a call with a report and no tracks.
    fn from(report: Report) -> Self {
        let (tracks, told_keys) = (Vec::new(), Vec::new());
        Self { report, tracks, detector: None, told_keys, keys_without_place: 0, taken: None }
    }
}

impl Processed {
    /// Returns a reader of the call's mix in blocks.
    ///
    /// # Errors
    /// - [`NoAudio`](crate::ErrorKind::NoAudio) for a call whose samples were not kept.
    /// - Those of [`Mixer::new`].
    pub fn mix(&self, config: &MixConfig) -> Result<Mixer<'_>> {
        self.require_samples(Stage::Mix)?;
        let inputs: Vec<VoiceInput> = self.tracks.iter().flat_map(|track| self.inputs(track, config)).collect();
        Mixer::of_voices(&inputs, self.report.call.duration_ms, config)
    }

    /// Returns the report. The tracks are freed in parallel: giving megabytes back takes time.
    #[cfg(feature = "cli")]
    pub(crate) fn into_report(self, run: &RunOptions) -> Report {
        let Self { report, tracks, .. } = self;
        // Without threads they are freed all the same.
        let _ = super::in_threads(run, false, || threads::map(tracks, drop));
        report
    }

    /// Returns the inputs of a track for the mix: the whole track, or one per voice.
    fn inputs<'a>(&'a self, track: &'a ProcessedTrack, config: &MixConfig) -> Vec<VoiceInput<'a>> {
        let whole = track.mix_input(config.level);
        let told = self.report.tracks.iter().find(|told| told.index == track.index);
        match told.and_then(|told| told.voices.as_deref()) {
            Some(voices) if config.layout == Layout::Voices && voices.len() > 1 => {
                let one = |told: &'a VoiceReport| VoiceInput {
                    track: MixInput { role: told.role, ..whole },
                    speech: Some(&told.speech),
                };
                voices.iter().map(one).collect()
            }
            _ => vec![VoiceInput { track: whole, speech: None }],
        }
    }
}

impl Processed {
    /// Returns a track's samples along the call's timeline as recorded, without level changes, at
    /// its own rate or another.
    ///
    /// # Errors
    /// - [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a track whose samples were not
    ///   kept.
    /// - Those of [`mix::aligned`].
    pub fn aligned(&self, placed: usize, rate: Option<Rate>) -> Result<Vec<f32>> {
        let Some(placed) = self.tracks.get(placed).filter(|placed| !placed.track.samples.is_empty()) else {
            let found = format!("{placed} of {}", self.tracks.len());
            return Err(Error::new(ErrorKind::InvalidArgument, Stage::Mix, "the track's samples were not kept")
                .with_mismatch(found, KEPT));
        };
        let input = placed.mix_input(LevelTarget::Off);
        mix::aligned(&input, self.report.call.duration_ms, rate.unwrap_or(placed.track.rate))
    }
}

impl ProcessedTrack {
    fn mix_input(&self, level: LevelTarget) -> MixInput<'_> {
        MixInput {
            samples: &self.track.samples,
            rate: self.track.rate,
            role: self.track.role,
            placement: &self.placement,
            gain: self.party_level.gain(level),
        }
    }
}

/// Returns the tracks to mix. Of tracks with the same audio, the first is kept.
pub(super) fn keep_tracks(analysis: CallAnalysis) -> Vec<ProcessedTrack> {
    let seconds = analysis.duration.seconds().ceil() as usize;
    let kept = analysis.tracks.into_iter().filter(|t| t.repeats.is_none());
    threads::map(kept.collect(), |track| keep(track, seconds))
}

fn keep(placed: PlacedTrack, seconds: usize) -> ProcessedTrack {
    let analysis = placed.track.analysis;
    let keys = analysis.events.iter().filter(|event| event.kind == EventKind::Dtmf);
    threads::drop_later((analysis.narrowband, analysis.speech));
    ProcessedTrack {
        index: placed.track.index,
        recorder: placed.track.recorder,
        lead_uncertainty: placed.track.lead_uncertainty,
        keys: keys.map(|key| Span::new(key.start_ms, key.end_ms)).collect(),
        key_doubts: analysis.key_doubts,
        levels: levels(&analysis.level.hops, &placed.placement, seconds),
        track: Track { samples: analysis.samples, rate: analysis.rate, role: placed.track.role },
        placement: placed.placement,
        gain: placed.gain,
        party_level: placed.party_level,
    }
}

/// Returns the mean level of each second of the call on a track.
fn levels(hops: &Hops, placement: &Placement, seconds: usize) -> Vec<Option<Decibels>> {
    let hop =
        |second: usize| (placement.to_track(Millis(second as f64 * 1000.0)).0 / Hops::MS).round().max(0.0) as usize;
    let level = |second: usize| {
        let power = hops.power().get(hop(second)..hop(second + 1).min(hops.len()))?;
        let sum: f64 = power.iter().map(|&p| f64::from(p)).sum();
        (!power.is_empty()).then(|| Decibels::from_power(sum / power.len() as f64))
    };
    (0..seconds).map(level).collect()
}
