//! Places the tracks of a call on one timeline, and says how sure it is.
//!
//! Two tracks of a call do not hold the same sound: each hears its own party. Every kind of
//! evidence says how likely each lag is (`belief`), and what they say together is the placement;
//! the share of belief within 250 ms of it is the confidence.
//!
//! One party heard faintly on the other's track (`bleed`, by `vote` and `pair`) gives a delay to
//! the millisecond, but a delay is the lag and the way of the echo, which is near or far (`path`):
//! one way it leaves hypotheses up to 0.7 s apart, both ways fewer. Start times, lengths and the
//! habits of recorders (`prior`) and people answering each other (`turns`) choose between them. The
//! delay is then followed through the call for drift and lost audio (`follow`). What the caller
//! knows is not weighed but taken.

mod belief;
mod bleed;
mod drift;
mod dual;
mod fft;
mod follow;
mod map;
mod overlap;
mod own;
mod pair;
mod path;
mod place;
mod prior;
mod sound;
mod turns;
mod vote;

#[cfg(test)]
mod tests;
mod wave;

pub use overlap::overlap;
pub use own::{TrackSamples, pair};
pub use prior::StartTime;

use crate::call::{KnownOffset, Role};
pub use crate::config::AlignOptions;
use crate::error::{Result, Stage, Warning};
use crate::run::Cancel;
use crate::timeline::Placement;
use crate::track::Narrowband;
use crate::units::Millis;
use sound::Sound;

/// One track to place.
pub struct TrackInput<'a> {
    /// The samples: mono, 8 kHz, codec delay removed. Short stretches are read, here and there.
    pub samples: &'a dyn Narrowband,
    /// Mean square of each 10 ms of the samples, if it is known already; else the samples are read
    /// through once.
    pub energies: Option<&'a [f32]>,
    /// Probability of speech, one for each `hop`.
    pub probabilities: &'a [f32],
    /// Time between two probabilities.
    pub hop: Millis,
    /// When the recording began, if anybody said.
    pub started_at: Option<StartTime>,
    /// Where it begins on the call's timeline, if the caller knows: it is placed there, whatever is
    /// heard.
    pub offset: Option<KnownOffset>,
    /// Who is heard.
    pub role: Role,
}

/// Where the tracks of a call lie.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Alignment {
    /// A placement for every track, in the order given; the earliest first sample is call time 0.
    pub placements: Vec<Placement>,
    /// What is to be said of single tracks, by index: `alignment_unknown`, `path_delay_assumed`,
    /// `start_time_wrong`, `offset_contradicted`.
    pub warnings: Vec<(usize, Warning)>,
    /// Pairs of tracks, lower index first, that hold the same audio: one recording delivered twice.
    pub repeated: Vec<(usize, usize)>,
}

/// Places the tracks of one call.
///
/// One track is the reference, placed by its own clock; the first of two, and of more the one that
/// the others are surest about. Memory is about ten megabytes and one number for each 10 ms of a
/// track.
pub fn align(tracks: &[TrackInput], options: &AlignOptions) -> Alignment {
    place_all(tracks, options, &Cancel::default())
}

/// [`align`] that can be stopped.
///
/// # Errors
/// `cancelled`.
pub fn align_until(tracks: &[TrackInput], options: &AlignOptions, cancel: &Cancel) -> Result<Alignment> {
    cancel.check(Stage::Align)?;
    let alignment = place_all(tracks, options, cancel);
    // What was found by then rests on a part of the evidence.
    cancel.check(Stage::Align).map(|()| alignment)
}

fn place_all(tracks: &[TrackInput], options: &AlignOptions, cancel: &Cancel) -> Alignment {
    if let [_] = tracks {
        return Alignment { placements: vec![Placement::reference()], ..Alignment::default() };
    }
    let sounds: Vec<Sound> = tracks.iter().map(|track| Sound::new(track, options.portable, cancel)).collect();
    place::place(&sounds, options)
}
