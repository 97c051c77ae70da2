//! Measures accuracy on the caller's own calls, using two-channel recordings as their own truth.
//!
//! Both channels of such a recording were made by one machine, so their placement is known. The
//! channels are split, shifted, cut, thinned, transcoded and summed, like recorders and networks
//! do, and analyzed again. Placement and confidence are compared with the truth. Speech, voices,
//! tags and outcomes are compared with the analysis of the undisturbed recording. The result
//! contains only counts, nothing about any single call.

mod calibrate;
mod dice;
mod disturb;
mod known;
mod labels;
mod offsets;
#[cfg(test)]
mod offsets_tests;
mod rate;
mod reports;
mod score;
mod switch;
mod table;
mod tally;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use calibrate::calibrate;
pub use disturb::Disturbance;
pub use labels::{CallLabel, read_labels};
pub use offsets::{OffsetMeasurement, measure_offsets, measure_offsets_of};
pub use rate::Share;
pub use reports::UnreadableReport;
pub(crate) use reports::{ReportSet, reports};
pub use switch::Switch;
pub(crate) use switch::switches;
pub use tally::{
    CallCounts, ConfidenceBin, Evaluation, LabelScore, PlacementScore, SpeechScore, SureScore, TagScore, VoicesScore,
};

use crate::call::Role;
use crate::config::{Config, setters};
use crate::decode::AUDIO_ENDINGS;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::files::files_within;
use crate::process::{Batch, VERSION, analyze};
use crate::report::Named;
use crate::run::RunOptions;

use dice::Dice;
use known::{KnownCall, Unused};
use labels::Labelled;
use score::TrialScore;

/// The version of an evaluation's schema.
const SCHEMA_VERSION: u32 = 1;
/// Results that may wait for those before them; they are small.
const WAITING: usize = 256;

/// Options of an evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluateOptions {
    /// Seed of the random disturbances. The same seed and files give the same counts.
    pub seed: u64,
    /// What is done to the calls; a kind that is given twice is done once.
    pub kinds: Vec<Disturbance>,
    /// Who is on the first channel, and who on the second; where both are unknown, as the
    /// configuration's profile says.
    pub roles: [Role; 2],
    /// Known tags and outcomes, by the files' paths within the folder.
    pub labels: BTreeMap<String, CallLabel>,
}

impl Default for EvaluateOptions {
    fn default() -> Self {
        let kinds = Disturbance::ALL.to_vec();
        Self { seed: 1, kinds, roles: [Role::Unknown; 2], labels: BTreeMap::new() }
    }
}

setters! { EvaluateOptions:
    with_seed(seed: u64),
    with_kinds(kinds: Vec<Disturbance>),
    with_roles(roles: [Role; 2]),
    into with_labels(labels: BTreeMap<String, CallLabel>),
}

/// The result of one file.
#[derive(Debug, Default)]
struct CallScore {
    unused: Option<Unused>,
    trials: Vec<TrialScore>,
    failed: u64,
    labelled: Option<Labelled>,
}

/// Evaluates callweave on the two-channel recordings of a folder, and of those within it. Where
/// recordings start is drawn, so that `align.offsetPrior` of the configuration is left aside;
/// [`measure_offsets`] measures it.
///
/// ```no_run
/// use callweave::evaluate::{EvaluateOptions, evaluate};
/// use callweave::{Config, RunOptions};
///
/// let result = evaluate("my-calls", &EvaluateOptions::default(), &Config::default(), &RunOptions::default())?;
/// println!("{}", result.to_text());
/// # Ok::<(), callweave::Error>(())
/// ```
///
/// # Errors
/// `io` where the folder cannot be read, `invalid_argument` where it holds no two-channel recording
/// that can be used or a label names no such recording in it, `cancelled`, and defects.
pub fn evaluate(
    folder: impl AsRef<Path>,
    options: &EvaluateOptions,
    config: &Config,
    run: &RunOptions,
) -> Result<Evaluation> {
    evaluate_counted(folder.as_ref(), options, config, run, |_, _| {})
}

/// Like [`evaluate`], and calls `heard` after each file with the number of finished files and the
/// total.
pub(crate) fn evaluate_counted(
    folder: &Path,
    options: &EvaluateOptions,
    config: &Config,
    run: &RunOptions,
    mut heard: impl FnMut(usize, usize),
) -> Result<Evaluation> {
    config.validate()?;
    let files = audio_files(folder)?;
    check_labels(&options.labels, &files, folder)?;
    let (count, work) = (files.len(), work(folder, options, config)?);
    let results = Batch::new(run, work)?.keep(WAITING).over(files);
    let mut calls = Vec::with_capacity(count);
    for result in results {
        calls.push(result?);
        heard(calls.len(), count);
    }
    run.check(Stage::Input)?;
    summary(&calls, options, config, folder)
}

/// Processes one file.
fn work(
    folder: &Path,
    options: &EvaluateOptions,
    config: &Config,
) -> Result<impl Fn(PathBuf, &RunOptions) -> Result<CallScore> + Send + Sync + 'static> {
    let roles = roles(options, config)?;
    let (folder, options, config) = (folder.to_owned(), options.clone(), without_prior(config));
    Ok(move |path: PathBuf, run: &RunOptions| {
        let name = name_in(&folder, &path);
        match KnownCall::open(&path, roles, &config, run)? {
            Err(unused) if options.labels.contains_key(&name) => Err(label_unused(&name, unused)),
            Err(unused) => Ok(CallScore { unused: Some(unused), ..CallScore::default() }),
            Ok(call) => one(&call, &name, &options, &config, run),
        }
    })
}

/// The configuration without what was measured of a recorder's starts: disturbances draw their own.
/// The settings of its profile are in the other fields.
fn without_prior(config: &Config) -> Config {
    let mut config = config.clone();
    if config.align.offset_prior.take().is_some() {
        config.profile = None;
    }
    config
}

/// Who is on the channels: as the options say, or as the profile does.
///
/// # Errors
/// `invalid_argument` where the profile's channels do not say it of a recording of two channels
/// whose direction is not known.
fn roles(options: &EvaluateOptions, config: &Config) -> Result<[Role; 2]> {
    let profile = config.profile.as_ref().filter(|profile| !profile.channels().is_empty());
    let Some(profile) = profile.filter(|_| options.roles == [Role::Unknown; 2]) else { return Ok(options.roles) };
    let told = |name: &String| Role::parse(name, None).filter(|role| name == role.name());
    let known: Option<Vec<Role>> = profile.channels().iter().map(told).collect();
    known.and_then(|known| known.try_into().ok()).ok_or_else(|| {
        Error::new(ErrorKind::InvalidArgument, Stage::Config, "the profile's channels do not say who is on which")
            .with_mismatch(
                format!("{} of {}", profile.channels().join(", "), profile.name()),
                "two roles; caller and callee need a direction, so give `roles`",
            )
    })
}

/// Refuses the label of a call that is not heard: a count of labels would be smaller than the file.
fn label_unused(name: &str, unused: Unused) -> Error {
    Error::new(ErrorKind::InvalidArgument, Stage::Config, "the label of a call that cannot be used")
        .with_mismatch(unused.code(), "a call of two channels, or no label for it")
        .in_input(name)
}

/// Applies every disturbance to a call, and analyzes the results.
fn one(
    call: &KnownCall,
    name: &str,
    options: &EvaluateOptions,
    config: &Config,
    run: &RunOptions,
) -> Result<CallScore> {
    let labelled = options.labels.get(name).map(|&label| Labelled::new(label, &call.report));
    let mut score = CallScore { labelled, ..CallScore::default() };
    for kind in Disturbance::ALL.into_iter().filter(|kind| options.kinds.contains(kind)) {
        let mut dice = Dice::new(options.seed, &format!("{}/{name}", kind.name()));
        let trial = disturb::disturb(call, kind, &mut dice)?;
        let report = match analyze(trial.inputs, config, run) {
            Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
            report => report.ok(),
        };
        match report.and_then(|report| score::score(call, kind, &trial.truth, &report)) {
            Some(trial) => score.trials.push(trial),
            None => score.failed += 1,
        }
    }
    Ok(score)
}

fn summary(calls: &[CallScore], options: &EvaluateOptions, config: &Config, folder: &Path) -> Result<Evaluation> {
    let used = calls.iter().filter(|call| call.unused.is_none()).count();
    if used == 0 {
        return Err(Error::new(ErrorKind::InvalidArgument, Stage::Input, "nothing to evaluate on")
            .with_mismatch(
                format!("{} audio files, none of them a call of two channels", calls.len()),
                "two-channel recordings, a party on each channel",
            )
            .in_input(folder.display().to_string()));
    }
    let mut unused: BTreeMap<String, u64> = BTreeMap::new();
    for why in calls.iter().filter_map(|call| call.unused) {
        *unused.entry(why.code().to_owned()).or_default() += 1;
    }
    let trials: Vec<TrialScore> = calls.iter().flat_map(|call| call.trials.iter().cloned()).collect();
    let labelled: Vec<Labelled> = calls.iter().filter_map(|call| call.labelled).collect();
    Ok(Evaluation {
        schema_version: SCHEMA_VERSION,
        library: Named { name: "callweave".into(), version: VERSION.into() },
        config_hash: config.hash()?,
        calibrated: !config.confidence_map.is_empty(),
        seed: options.seed,
        calls: CallCounts {
            found: calls.len() as u64,
            used: used as u64,
            unused,
            failed: calls.iter().map(|call| call.failed).sum(),
        },
        placement: tally::placements(&trials),
        confidence: tally::confidence(&trials),
        confidence_fine: tally::confidence_fine(&trials),
        sure: tally::sure(&trials),
        speech: tally::speech(&trials),
        voices: tally::voices(&trials),
        tags: tally::tags(&trials),
        labels: labels::score(&labelled),
    })
}

/// Returns a file's path within a folder, with the same separators on all systems.
fn name_in(folder: &Path, path: &Path) -> String {
    let within = path.strip_prefix(folder).unwrap_or(path);
    within.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// Returns the audio files of a folder and its subfolders, sorted by name. Links are not followed.
pub(crate) fn audio_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = files_within(folder)?;
    files.retain(|file| is_audio(file));
    files.sort();
    Ok(files)
}

fn is_audio(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| AUDIO_ENDINGS.contains(&ending.as_str()))
}

/// Rejects labels of missing files, because a mistake would look like a small count.
fn check_labels(labels: &BTreeMap<String, CallLabel>, files: &[PathBuf], folder: &Path) -> Result<()> {
    let names: Vec<String> = files.iter().map(|file| name_in(folder, file)).collect();
    match labels.keys().find(|label| !names.contains(label)) {
        None => Ok(()),
        Some(label) => {
            Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, "a label of a file that is not there")
                .with_mismatch(label, "the path of an audio file within the folder")
                .in_input(folder.display().to_string()))
        }
    }
}
