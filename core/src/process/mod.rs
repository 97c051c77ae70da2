//! The whole way of a call: recordings in, one report and one mix out. The only owner of the order of stages and of
//! threads.

mod assemble;
mod batch;
mod chunked;
#[cfg(test)]
mod click_tests;
mod ears;
mod given;
mod hear;
mod lanes;
mod normalize;
mod on_call;
mod pieces;
mod places;
mod quiet;
mod reader;
mod redacted;
#[cfg(test)]
mod tests;
mod watch;
mod write;

pub use batch::{Batch, analyze_batch, process_batch};
pub use chunked::PartyChunk;
pub use given::{CallInput, RecordingSource};
pub use normalize::{NormalizeOptions, Normalized, normalize};
pub use redacted::Redaction;
pub use write::WriteOptions;

use crate::config::{Config, MixConfig};
use crate::decode::Input;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::mix::{MixInput, Mixer};
use crate::report::Report;
use crate::run::RunOptions;
use crate::threads::{self, Pool};
use crate::timeline::Placement;
use crate::track::Track;
use crate::units::{Decibels, Span};

use assemble::assemble;
use hear::{Retention, hear};
use lanes::{File, HeardFile};
use watch::ProgressCounter;

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
    /// Key presses in the track's own time, those of other parties that are heard here too.
    pub keys: Vec<Span>,
    /// Mean level of each second of the call, from its beginning; `None` where the track holds nothing.
    pub levels: Vec<Option<Decibels>>,
}

/// Processes a call and keeps its tracks, so that it can be mixed.
///
/// ```no_run
/// use callweave::{Config, RunOptions, Input, Role, process};
///
/// let inputs = vec![Input::path("a.mp3").role(Role::Customer), Input::path("b.mp3").role(Role::Agent)];
/// let call = process(inputs, &Config::default(), &RunOptions::default())?;
/// println!("{}", call.report.to_json());
/// # Ok::<(), callweave::Error>(())
/// ```
///
/// # Errors
/// `invalid_argument` for a configuration, a number of roles or of tracks that makes no sense; `cancelled`; the first
/// recording's error where not one of them could be read. A recording that fails among others is listed in the report.
pub fn process(call: impl Into<CallInput>, config: &Config, run: &RunOptions) -> Result<Processed> {
    process_call(call.into(), config, true, run)
}

/// Processes a call for its report alone: samples are dropped as they are heard.
///
/// # Errors
/// As [`process`].
pub fn analyze(call: impl Into<CallInput>, config: &Config, run: &RunOptions) -> Result<Report> {
    Ok(process_call(call.into(), config, false, run)?.report)
}

fn process_call(call: CallInput, config: &Config, keep_tracks: bool, run: &RunOptions) -> Result<Processed> {
    config.validate()?;
    if call.recordings.is_empty() {
        return Err(Error::new(ErrorKind::InvalidArgument, Stage::Input, "no recording was given"));
    }
    in_threads(run, || place_and_measure(call, config, keep_tracks, run))?
}

fn place_and_measure(call: CallInput, config: &Config, keep_tracks: bool, run: &RunOptions) -> Result<Processed> {
    let CallInput { call, recordings, roles, warnings } = call;
    let files = lanes::files(recordings, &config.decode);
    let several = files.len() > 1;
    let keep = Retention { tracks: keep_tracks, narrow: several, alone: !several };
    let lanes = lanes::lanes(hear_all(files, config, keep, run), &roles)?;
    if lanes.len() > config.decode.max_tracks {
        return Err(Error::new(ErrorKind::LimitExceeded, Stage::Input, "more tracks than the limit")
            .with_mismatch(lanes.len(), format!("at most {} (decode.maxTracks)", config.decode.max_tracks)));
    }
    let lanes = pieces::join(lanes, config.decode.max_duration_ms);
    assemble(lanes, call, warnings, config)
}

/// Runs work on as many threads as the caller allows.
fn in_threads<T: Send>(run: &RunOptions, work: impl FnOnce() -> T + Send) -> Result<T> {
    match run.threads {
        Some(threads) => Ok(Pool::new(threads)?.run(work)),
        None => Ok(threads::pooled(work)),
    }
}

fn hear_all(files: Vec<File>, config: &Config, keep: Retention, run: &RunOptions) -> Vec<HeardFile> {
    let sizes = files.iter().map(|file| file.input.as_ref().map_or(Some(0), Input::size_hint));
    let watch = ProgressCounter::new(sizes.sum());
    let one = |file: File| HeardFile {
        heard: file.input.and_then(|input| hear(input, config, keep, run, &watch)),
        leg: file.leg,
        described: file.described,
    };
    threads::map(files, one)
}

impl Processed {
    /// The mix of the call, to be read in blocks.
    ///
    /// # Errors
    /// As [`Mixer::new`].
    pub fn mix(&self, config: &MixConfig) -> Result<Mixer<'_>> {
        let placed: Vec<MixInput> = self.tracks.iter().map(PlacedTrack::placed).collect();
        Mixer::new(&placed, self.report.call.duration_ms, config)
    }
}

impl PlacedTrack {
    fn placed(&self) -> MixInput<'_> {
        MixInput {
            samples: &self.track.samples,
            rate: self.track.rate,
            role: self.track.role,
            placement: &self.placement,
            gain: self.gain,
        }
    }
}
