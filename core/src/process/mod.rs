//! Processes one call, from recordings to report and mix. This module alone determines the order of
//! the steps and the use of threads.
//!
//! ```text
//! describe     opens the recordings; checks roles, limits and headers before anything is decoded
//! analyze      one pass over each recording
//! partition    splits tracks, once, into those that could be read and those that could not
//! join         segments of one party become one track
//! place, gate  where each track lies; own speech and bleed (and runaway channels)
//! facts        applies what the caller knows about the call
//! measure      turns, metrics, silences, integrity, outcome, tag
//! report       the report of all that
//! ```
//!
//! Each step is a file of that name.

mod analyze;
mod analyzer;
mod batch;
mod call_input;
#[cfg(test)]
mod cancel_tests;
mod channels;
mod chunks;
#[cfg(test)]
mod click_tests;
mod describe;
mod detector;
#[cfg(test)]
mod downsample_tests;
mod facts;
#[cfg(test)]
mod facts_tests;
mod gate;
mod join;
mod kept;
mod live;
mod measure;
mod normalize;
#[cfg(feature = "cli")]
mod outputs;
mod partition;
mod place;
mod processed;
mod progress;
mod reader;
mod redact;
#[cfg(test)]
mod redact_tests;
mod report;
mod runaway;
mod separate;
#[cfg(test)]
mod tests;
mod write;

pub use batch::{Batch, analyze_batch, process_batch};
pub use call_input::{CallInput, RecordingSource};
pub use chunks::PartyChunk;
pub(crate) use live::{LiveAnalyzer, LiveSource, process_kept, report_so_far};
pub use normalize::{NormalizeOptions, Normalized, normalize};
#[cfg(feature = "cli")]
pub(crate) use outputs::is_output;
#[cfg(feature = "cli")]
pub(crate) use partition::TRACK_UNREADABLE;
pub use processed::{Processed, ProcessedTrack};
pub use redact::Redaction;
pub use write::WriteOptions;

use crate::call::Role;
use crate::config::{Config, Pii};
use crate::decode::Budget;
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::report::Report;
use crate::run::RunOptions;
use crate::threads;

use analyze::AnalyzedRecording;
use describe::DescribedRecording;
use detector::DetectorChoice;

/// The version of callweave.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Processes a call and keeps its tracks, so that it can be mixed.
///
/// ```no_run
/// use callweave::{Config, Input, Role, RunOptions, process};
///
/// let inputs = vec![Input::path("a.mp3").role(Role::Customer), Input::path("b.mp3").role(Role::Agent)];
/// let call = process(inputs, &Config::default(), &RunOptions::default())?;
/// println!("{}", call.report.to_json()?);
/// # Ok::<(), callweave::Error>(())
/// ```
///
/// # Errors
/// - [`ErrorKind::InvalidArgument`] for an invalid configuration, no recordings, or a number of
///   roles that differs from the number of tracks.
/// - [`ErrorKind::LimitExceeded`] for more tracks than `decode.maxTracks`.
/// - [`Cancelled`](crate::ErrorKind::Cancelled) after the caller cancels.
/// - The first recording's error, if none could be read. If only some fail, the report lists them.
pub fn process(call: impl Into<CallInput>, config: &Config, run: &RunOptions) -> Result<Processed> {
    process_call(call.into(), config, true, &[], run)
}

/// Analyzes a call and returns its report. Samples are dropped as they are analyzed.
///
/// # Errors
/// Those of [`process`].
pub fn analyze(call: impl Into<CallInput>, config: &Config, run: &RunOptions) -> Result<Report> {
    Ok(process_call(call.into(), config, false, &[], run)?.report)
}

/// Processes a call. `noted` holds additional warnings for each recording.
fn process_call(
    call: CallInput,
    config: &Config,
    keep_tracks: bool,
    noted: &[Vec<Warning>],
    run: &RunOptions,
) -> Result<Processed> {
    let config = &call.config(config)?;
    config.validate()?;
    if call.recordings.is_empty() {
        return Err(Error::new(ErrorKind::InvalidArgument, Stage::Input, "no recordings given"));
    }
    let waits = call.recordings.iter().any(RecordingSource::is_reader);
    let processed = in_threads(run, waits, || {
        let mut call = call;
        let detector = DetectorChoice::new(config, call.detector.take());
        let (analyzed, call) = analyzed(call, &detector, keep_tracks, noted, run)?;
        run_steps(analyzed, call, detector, run)
    })?;
    processed.map_err(|error| without_names(error, config.pii))
}

/// Returns an error without what may be personal data, if that is dropped.
fn without_names(error: Error, pii: Pii) -> Error {
    if pii == Pii::Drop { error.anonymous() } else { error }
}

/// Runs the first two steps. The recordings are removed from the call that is returned.
fn analyzed(
    mut call: CallInput,
    detector: &DetectorChoice,
    keep_tracks: bool,
    noted: &[Vec<Warning>],
    run: &RunOptions,
) -> Result<(Vec<AnalyzedRecording>, CallInput)> {
    let (recordings, roles, config) = (std::mem::take(&mut call.recordings), &call.roles, detector.config);
    let budget = Budget::new(&config.decode, run.cancel.clone());
    let describe = || describe::describe(recordings, roles, &config.decode, &budget, run);
    let recordings = run.step("describe", describe)?;
    let mixed = roles.contains(&Role::Mixed) || recordings.iter().any(DescribedRecording::is_mixed);
    let mut analyzed = run.step("analyze", || analyze::analyze(recordings, detector, keep_tracks, mixed, run));
    budget.verdict()?;
    for (recording, noted) in analyzed.iter_mut().zip(noted) {
        let tracks = recording.tracks.iter_mut().flatten();
        tracks.for_each(|track| track.source.warnings.extend_from_slice(noted));
    }
    Ok((analyzed, call))
}

/// Runs the steps after the pass over the recordings.
fn run_steps(
    analyzed: Vec<AnalyzedRecording>,
    call: CallInput,
    detector: DetectorChoice,
    run: &RunOptions,
) -> Result<Processed> {
    let CallInput { call, roles, mut warnings, .. } = call;
    let config = detector.config;
    let mut tracks = partition::partition(analyzed, &roles)?;
    warnings.append(&mut tracks.warnings);
    if roles.is_empty() {
        warnings.extend(channels::assign(&mut tracks.live, call.direction, config));
    }
    tracks.live = run.step("join", || join::join(tracks.live, config.decode.max_duration_ms));
    tracks.renumber();
    let partition::Tracks { live, failed, .. } = tracks;
    let mut places = run.step("place", || place::place(&live, config, run))?;
    let placed = run.step("gate", || gate::gate(live, &mut places, config, run))?;
    warnings.append(&mut places.warnings);
    let mut placed = run.step("separate", || separate::separate(placed, call.direction, config, run))?;
    let known = facts::PlacedFacts::apply(&call, &mut placed);
    warnings.extend_from_slice(&known.warnings);
    let analysis = run.step("measure", || measure::measure(placed, failed.is_empty(), &known, config));
    warnings.extend(failed.iter().map(partition::FailedTrack::warning));
    let report = run.step("report", || report::report(call, &analysis, &failed, warnings, &detector))?;
    let (tracks, detector) = (processed::keep_tracks(analysis), detector.custom);
    let (told_keys, keys_without_place) = (known.keys(), known.keys_without_place);
    Ok(Processed { report, tracks, detector, told_keys, keys_without_place, taken: None })
}

/// Runs work on as many threads as the caller allows. Work that may block on the caller's reader
/// never runs on the shared pool.
fn in_threads<T: Send>(run: &RunOptions, waits: bool, work: impl FnOnce() -> T + Send) -> Result<T> {
    if waits || run.threads.is_some() { threads::apart(run.threads, work) } else { Ok(threads::pooled(work)) }
}
