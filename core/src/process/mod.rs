//! The whole way of a call: recordings in, one report and one mix out. The only owner of the order of stages and of
//! threads.

mod assemble;
mod given;
mod hear;
mod normalize;
#[cfg(test)]
mod tests;
mod watch;

pub use given::{CallInput, Given};
pub use normalize::{NormalizeOptions, Normalized, normalize};

use std::fs;
use std::path::Path;

use rayon::prelude::*;

use crate::call::{Leg, Role};
use crate::config::{Config, MixConfig};
use crate::control::Control;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::export;
use crate::mix::{Mixer, Placed};
use crate::report::{Output, Report};
use crate::timeline::Placement;
use crate::track::Track;
use crate::units::Decibels;

use assemble::assemble;
use hear::{Heard, Kept, hear};
use watch::Watch;

/// The version of callweave.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A processed call: its report, and its placed tracks where they were kept.
#[derive(Debug)]
pub struct Processed {
    /// What was heard.
    pub report: Report,
    /// The tracks that could be read, with their places.
    pub tracks: Vec<PlacedTrack>,
}

/// A track on the call's timeline.
#[derive(Debug)]
pub struct PlacedTrack {
    /// Its place among the report's tracks.
    pub index: usize,
    /// The samples.
    pub track: Track,
    /// Where it lies.
    pub placement: Placement,
    /// The gain that brings the party to the configured level.
    pub gain: Decibels,
}

/// One track on its way through the stages.
struct Lane {
    index: usize,
    recorder: usize,
    role: Role,
    leg: Leg,
    heard: Result<Heard>,
}

/// Processes a call and keeps its tracks, so that it can be mixed.
///
/// ```no_run
/// use callweave::{Config, Control, Input, Role, process};
///
/// let inputs = vec![Input::path("a.mp3").role(Role::Customer), Input::path("b.mp3").role(Role::Agent)];
/// let call = process(inputs, &Config::default(), &Control::default())?;
/// println!("{}", call.report.to_json());
/// # Ok::<(), callweave::Error>(())
/// ```
///
/// # Errors
/// `invalid_argument` for a configuration, a number of roles or of tracks that makes no sense; `cancelled`; the first
/// recording's error where not one of them could be read. A recording that fails among others is listed in the report.
pub fn process(call: impl Into<CallInput>, config: &Config, control: &Control) -> Result<Processed> {
    run(call.into(), config, Keep::Tracks, control)
}

/// Processes a call for its report alone: samples are dropped as they are heard.
///
/// # Errors
/// As [`process`].
pub fn analyze(call: impl Into<CallInput>, config: &Config, control: &Control) -> Result<Report> {
    Ok(run(call.into(), config, Keep::Nothing, control)?.report)
}

/// What becomes of the samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// They are dropped as they are heard.
    Nothing,
    /// They stay, as 16-bit tracks.
    Tracks,
}

fn run(call: CallInput, config: &Config, keep: Keep, control: &Control) -> Result<Processed> {
    config.check()?;
    if call.recordings.is_empty() {
        return Err(Error::new(ErrorKind::InvalidArgument, Stage::Input, "no recording was given"));
    }
    let CallInput { call, recordings, roles, warnings } = call;
    let heard = in_threads(control, || hear_all(recordings, config, keep, control))?;
    let lanes = into_lanes(heard, &roles)?;
    if lanes.len() > config.decode.max_tracks {
        return Err(Error::new(ErrorKind::LimitExceeded, Stage::Input, "more tracks than the limit")
            .found(lanes.len(), format!("at most {} (decode.maxTracks)", config.decode.max_tracks)));
    }
    assemble(lanes, call, warnings, config)
}

/// Runs work on as many threads as the caller allows.
fn in_threads<T: Send>(control: &Control, work: impl FnOnce() -> T + Send) -> Result<T> {
    let Some(threads) = control.threads else { return Ok(work()) };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|e| Error::new(ErrorKind::Io, Stage::Config, format!("no threads to work on: {e}")))?;
    Ok(pool.install(work))
}

fn hear_all(recordings: Vec<Given>, config: &Config, keep: Keep, control: &Control) -> Vec<(Leg, Result<Vec<Heard>>)> {
    let sizes = recordings.iter().map(|given| match given {
        Given::Input(input) => input.size_hint(),
        Given::Missing { .. } => Some(0),
    });
    let watch = Watch::new(sizes.sum());
    let kept = Kept { own: keep == Keep::Tracks, narrow: recordings.len() > 1 };
    let one = |given: Given| match given {
        Given::Missing { leg, error } => (leg, Err(error)),
        Given::Input(input) => {
            let leg = input.leg.clone();
            (leg, hear(input, config, kept, control, &watch))
        }
    };
    recordings.into_par_iter().map(one).collect()
}

/// Tracks in order; a recording with several channels is several tracks of one recorder, of which its leg says nothing.
fn into_lanes(heard: Vec<(Leg, Result<Vec<Heard>>)>, roles: &[Role]) -> Result<Vec<Lane>> {
    let mut lanes = Vec::new();
    for (recorder, (leg, result)) in heard.into_iter().enumerate() {
        match result {
            Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
            Err(error) => lanes.push((recorder, leg, Err(error))),
            Ok(tracks) => {
                let several = tracks.len() > 1;
                for track in tracks {
                    let mut leg = track.leg.clone();
                    if several {
                        (leg.role, leg.party) = (Role::Unknown, None);
                    }
                    lanes.push((recorder, leg, Ok(track)));
                }
            }
        }
    }
    if !roles.is_empty() && roles.len() != lanes.len() {
        return Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, "number of roles")
            .found(roles.len(), format!("{} (one per track)", lanes.len())));
    }
    let lane = |(index, (recorder, leg, heard)): (usize, (usize, Leg, Result<Heard>))| Lane {
        index,
        recorder,
        role: roles.get(index).copied().unwrap_or(leg.role),
        leg,
        heard,
    };
    Ok(lanes.into_iter().enumerate().map(lane).collect())
}

impl Processed {
    /// The mix of the call, to be read in blocks.
    ///
    /// # Errors
    /// As [`Mixer::new`].
    pub fn mix(&self, config: &MixConfig) -> Result<Mixer<'_>> {
        let placed: Vec<Placed> = self.tracks.iter().map(PlacedTrack::placed).collect();
        Mixer::new(&placed, self.report.call.duration_ms, config)
    }

    /// Writes `mix.wav` and `report.json` to a folder, which is made if need be, and adds the mix to the report's
    /// outputs. Each file appears whole or not at all.
    ///
    /// # Errors
    /// `io`, `cancelled`, and those of the mix.
    pub fn write(&mut self, folder: &Path, config: &MixConfig, control: &Control) -> Result<()> {
        let failed = |e| Error::io(Stage::Export, e).in_input(folder.display().to_string());
        fs::create_dir_all(folder).map_err(failed)?;
        let name = "mix.wav";
        let path = folder.join(name);
        let mut mixer = self.mix(config)?;
        let (rate, channels) = (mixer.rate(), mixer.channels());
        export::write_wav(&path, &mut mixer, control)?;
        self.report.outputs.push(Output {
            kind: "mix".into(),
            path: name.into(),
            sample_rate_hz: rate.hz(),
            channels,
            sha256: export::sha256_of(&path)?,
        });
        export::write_text(&folder.join("report.json"), &format!("{}\n", self.report.to_json()))
    }
}

impl PlacedTrack {
    fn placed(&self) -> Placed<'_> {
        Placed {
            samples: &self.track.samples,
            rate: self.track.rate,
            role: self.track.role,
            placement: &self.placement,
            gain: self.gain,
        }
    }
}
