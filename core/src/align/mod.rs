//! Places the tracks of a call on one timeline, with a confidence.
//!
//! Two tracks of a call do not hold the same sound, because each records its own party. Each kind
//! of evidence gives a likelihood for every lag (`belief`). The placement is the peak of the
//! posterior, and its confidence is the probability within 250 ms of it.
//!
//! - Bleed, one party faintly audible on the other's track (`bleed`, from `vote` and `pair`), gives
//!   a delay to the millisecond. The delay is the lag plus that of the echo path, which is short or
//!   long (`path`). Bleed in one direction therefore leaves hypotheses up to 0.7 s apart; bleed in
//!   both directions leaves fewer, and fewer still if one echo jumps (`jumps`).
//! - Start times, lengths and the habits of recorders (`prior`), and the way people answer each
//!   other (`turns`), choose between the hypotheses.
//! - The delay is then followed through the call for drift and lost audio (`follow`).
//! - The channels of one recording stay together, unless bleed shows that one runs away
//!   (`channels`).
//!
//! Offsets given by the caller are not evidence to weigh; they are used as they are.

mod belief;
mod bleed;
mod channels;
mod drift;
mod dual;
mod fft;
mod follow;
mod jumps;
mod link;
mod map;
mod overlap;
mod own;
mod pair;
mod path;
mod place;
mod prior;
mod sound;
mod stretch;
mod turns;
mod vote;

#[cfg(test)]
pub(crate) mod tests;
mod wave;

pub(crate) use channels::channels;
pub use overlap::overlap;
pub use own::{TrackSamples, pair};
pub use prior::StartTime;

use crate::call::{KnownOffset, Role};
pub use crate::config::AlignOptions;
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::run::Cancel;
use crate::threads;
use crate::timeline::Placement;
use crate::track::Narrowband;
use crate::units::Millis;
use sound::Sound;

/// A track to place.
pub struct TrackInput<'a> {
    /// The samples: mono, 8 kHz, codec delay removed. Only short parts are read.
    pub samples: &'a dyn Narrowband,
    /// Mean square of each 10 ms of the samples, if known. Otherwise all samples are read once.
    pub energies: Option<&'a [f32]>,
    /// Probability of speech, one per `hop`.
    pub probabilities: &'a [f32],
    /// Time between two probabilities.
    pub hop: Millis,
    /// When the recording began, if known.
    pub started_at: Option<StartTime>,
    /// The track's offset on the call's timeline, if the caller knows it. It overrides all
    /// evidence.
    pub offset: Option<KnownOffset>,
    /// Who speaks.
    pub role: Role,
}

impl TrackInput<'_> {
    /// Checks what is told of the track.
    fn validate(&self, index: usize) -> Result<()> {
        let refuse = |field: &str, found: String, expected: &str| {
            let error = Error::new(ErrorKind::InvalidArgument, Stage::Align, format!("tracks[{index}].{field}"));
            Err(error.with_mismatch(found, expected))
        };
        if !(self.hop.0.is_finite() && self.hop.0 > 0.0) {
            return refuse("hop", self.hop.to_string(), "more than 0 ms");
        }
        let Some(StartTime { seconds, resolution_s }) = self.started_at else { return Ok(()) };
        if !seconds.is_finite() {
            return refuse("started_at.seconds", seconds.to_string(), "a finite number");
        }
        if !(resolution_s.is_finite() && resolution_s >= 0.0) {
            return refuse("started_at.resolution_s", resolution_s.to_string(), "0 s or more");
        }
        Ok(())
    }
}

/// The placements of a call's tracks.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Alignment {
    /// A placement for every track, in the given order. The earliest first sample is at call time
    /// 0.
    pub placements: Vec<Placement>,
    /// Warnings about single tracks, by index: `alignment_unknown`, `path_delay_assumed`,
    /// `start_time_wrong`, `offset_contradicted`.
    pub warnings: Vec<(usize, Warning)>,
    /// Pairs of tracks, lower index first, that hold the same audio: one recording delivered twice.
    pub repeated: Vec<(usize, usize)>,
}

/// Places the tracks of one call.
///
/// One track is the reference and keeps its own clock: the first of two, or, of more, the one whose
/// pairs are most certain. Needs about ten megabytes of memory, plus one number per 10 ms of each
/// track.
///
/// # Errors
/// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) if an option or a track's hop or start
/// time is out of its range.
pub fn align(tracks: &[TrackInput], options: &AlignOptions) -> Result<Alignment> {
    align_until(tracks, options, &Cancel::default())
}

/// Like [`align`], but can be cancelled.
///
/// # Errors
/// Those of [`align`], and [`Cancelled`](crate::ErrorKind::Cancelled) after the caller cancels.
pub fn align_until(tracks: &[TrackInput], options: &AlignOptions, cancel: &Cancel) -> Result<Alignment> {
    options.validate()?;
    tracks.iter().enumerate().try_for_each(|(index, track)| track.validate(index))?;
    cancel.check(Stage::Align)?;
    let alignment = place_all(tracks, options, cancel);
    // What was found by then rests on a part of the evidence.
    cancel.check(Stage::Align).map(|()| alignment)
}

fn place_all(tracks: &[TrackInput], options: &AlignOptions, cancel: &Cancel) -> Alignment {
    if let [_] = tracks {
        return Alignment { placements: vec![Placement::reference()], ..Alignment::default() };
    }
    let sounds = threads::map(tracks.iter().collect(), |track| Sound::new(track, options.portable, cancel));
    place::place(&sounds, options)
}
