//! The native half of the npm package `callweave`: argument conversion, work off the event loop and
//! error mapping. Defaults, checks and arithmetic live in the crate `callweave`; names and types
//! for people in `lib/`.

mod amr;
mod arguments;
mod batch;
mod error;
mod live;
mod processed;
mod samples;
mod tasks;
mod threads;

use std::path::PathBuf;

use callweave::{ErrorKind, RunOptions, host};
use napi::Env;
use napi::bindgen_prelude::AsyncTask;
use napi_derive::napi;

use arguments::{CallSpec, CancelSwitch, InputSpec, OnProgress};
use tasks::{AnalyzeTask, DecodeTask, NormalizeTask, PeaksTask, ProbeTask, ProcessTask, TextsTask};

/// The library's version.
#[napi]
pub fn version() -> &'static str {
    callweave::VERSION
}

/// The codes of errors, in the order of the core.
#[napi]
pub fn error_codes() -> Vec<&'static str> {
    ErrorKind::ALL.map(ErrorKind::code).to_vec()
}

/// The whole configuration, as JSON, from a part of it in JSON.
#[napi]
pub fn read_config(json: String) -> napi::Result<String> {
    host::text(&arguments::config(&json)?).map_err(error::raise)
}

/// Refuses a name that is none of an encoding of samples.
#[napi]
pub fn check_encoding(name: String) -> napi::Result<()> {
    host::OwnedSamples::bytes(&name, Vec::new()).map(drop).map_err(error::raise)
}

/// How many threads can run at a time, as far as the system lets this process: processors,
/// affinity, quotas.
#[napi]
pub fn parallelism() -> u32 {
    u32::try_from(host::parallelism()).unwrap_or(u32::MAX)
}

/// The name nearest to one that does not exist, if one is near.
#[napi]
pub fn nearest_name(found: String, names: Vec<String>) -> Option<String> {
    callweave::config::nearest(&found, names.iter().map(String::as_str)).map(str::to_owned)
}

/// How many threads one call can use; more would wait for each other.
#[napi]
pub fn max_threads_per_call() -> u32 {
    u32::try_from(host::MAX_THREADS_PER_CALL).unwrap_or(u32::MAX)
}

/// Bytes outside of JavaScript's memory that its garbage collector knows of.
#[napi]
pub fn external_memory(env: Env) -> napi::Result<i64> {
    env.adjust_external_memory(0)
}

/// A helper for providers' documents: its name, its arguments as JSON; its answer as JSON.
#[napi]
pub fn provider(helper: String, json: String) -> napi::Result<String> {
    callweave::provider::json::answer(&helper, &json).map_err(error::raise)
}

/// The `callweave` program: its arguments with the program's name first; the exit status.
#[napi]
pub fn run_program(args: Vec<String>) -> u8 {
    callweave::cli::run(args, &mut std::io::stdout(), &mut std::io::stderr())
}

/// Processes a call and keeps its tracks.
#[napi]
pub fn process(
    inputs: Vec<InputSpec>,
    asked: CallSpec,
    config: String,
    threads: u32,
    cancel: &CancelSwitch,
    progress: Option<OnProgress>,
) -> napi::Result<AsyncTask<ProcessTask>> {
    let config = arguments::config(&config)?;
    let call = arguments::with_facts(arguments::call(inputs, &asked.roles)?, asked.facts);
    Ok(AsyncTask::new(ProcessTask::new(call, config, cancel.run(progress), (threads, asked.strict))))
}

/// Processes a call for its report alone, as JSON.
#[napi]
pub fn analyze(
    inputs: Vec<InputSpec>,
    asked: CallSpec,
    config: String,
    threads: u32,
    cancel: &CancelSwitch,
    progress: Option<OnProgress>,
) -> napi::Result<AsyncTask<AnalyzeTask>> {
    let config = arguments::config(&config)?;
    let call = arguments::with_facts(arguments::call(inputs, &asked.roles)?, asked.facts);
    Ok(AsyncTask::new(AnalyzeTask::new(call, config, cancel.run(progress), (threads, asked.strict))))
}

/// How well the calls of a folder are heard, with options as JSON: counts as JSON, and as text.
#[napi]
pub fn evaluate(
    folder: String,
    options: String,
    config: String,
    threads: u32,
    cancel: &CancelSwitch,
) -> napi::Result<AsyncTask<TextsTask>> {
    let (config, run) = (arguments::config(&config)?, cancel.run(None));
    let work = move || host::evaluate(folder.as_ref(), &options, &config, &run);
    Ok(AsyncTask::new(TextsTask::new(work, threads)))
}

/// The profile that is fitted to an evaluation, both as JSON.
#[napi]
pub fn calibrate(evaluation: String, name: String) -> napi::Result<String> {
    host::calibrate(Some(&evaluation), &name, &[], &RunOptions::default()).map_err(error::raise)
}

/// The profile that is fitted to folders of reports, and to an evaluation if there is one, as JSON.
#[napi]
pub fn calibrate_by_reports(
    evaluation: Option<String>,
    name: String,
    reports: Vec<String>,
    threads: u32,
    cancel: &CancelSwitch,
) -> AsyncTask<TextsTask> {
    let folders: Vec<PathBuf> = reports.into_iter().map(PathBuf::from).collect();
    let run = cancel.run(None);
    let work = move || Ok((host::calibrate(evaluation.as_deref(), &name, &folders, &run)?, String::new()));
    AsyncTask::new(TextsTask::new(work, threads))
}

/// What changed between two folders of reports: as JSON, and as text.
#[napi]
pub fn compare(old: String, new: Option<String>, threads: u32) -> AsyncTask<TextsTask> {
    let work = move || host::compare(old.as_ref(), new.as_ref().map(AsRef::as_ref));
    AsyncTask::new(TextsTask::new(work, threads))
}

/// What a recording really is, as JSON: read to its end, or by its first bytes alone.
#[napi]
pub fn probe(input: InputSpec, quick: bool, config: String, threads: u32) -> napi::Result<AsyncTask<ProbeTask>> {
    let config = arguments::config(&config)?;
    Ok(AsyncTask::new(ProbeTask::new(input.recording(0)?, quick, config, threads)))
}

/// All samples of a recording, as 32-bit floats or 16-bit numbers.
#[napi]
pub fn decode(
    input: InputSpec,
    float32: bool,
    config: String,
    threads: u32,
    cancel: &CancelSwitch,
) -> napi::Result<AsyncTask<DecodeTask>> {
    let config = arguments::config(&config)?;
    Ok(AsyncTask::new(DecodeTask::new(input.recording(0)?, config, float32, cancel.run(None), threads)))
}

/// One recording at the rate, the layout and the level of the configuration's mix, in memory or in
/// a file.
#[napi]
pub fn normalize(
    input: InputSpec,
    path: Option<String>,
    config: String,
    threads: u32,
    cancel: &CancelSwitch,
    progress: Option<OnProgress>,
) -> napi::Result<AsyncTask<NormalizeTask>> {
    let config = arguments::config(&config)?;
    let run = cancel.run(progress);
    Ok(AsyncTask::new(NormalizeTask::new(input.recording(0)?, config, path, run, threads)))
}

/// A recording's waveform as numbers.
#[napi]
pub fn peaks(
    input: InputSpec,
    points_per_second: Option<u32>,
    bits: Option<u32>,
    config: String,
    threads: u32,
    cancel: &CancelSwitch,
    progress: Option<OnProgress>,
) -> napi::Result<AsyncTask<PeaksTask>> {
    let (config, run) = (arguments::config(&config)?, cancel.run(progress));
    Ok(AsyncTask::new(PeaksTask::new(input.recording(0)?, (points_per_second, bits), config, run, threads)))
}

/// The call's time of a moment of a track, by the knots of its placement: pairs of track time and
/// call time.
#[napi]
pub fn to_call(knots: Vec<Vec<f64>>, time_ms: f64) -> f64 {
    let pairs = knots.iter().filter_map(|pair| Some((*pair.first()?, *pair.get(1)?)));
    host::to_call(pairs, time_ms)
}

/// A report's labels, of its JSON, in the format of a name.
#[napi]
pub fn labels(report: String, format: String, show_parties: bool) -> napi::Result<String> {
    let told = host::from_json(&report).and_then(|report| host::labels(&report, &format, show_parties));
    told.map_err(error::raise)
}

/// What the package does before anything else.
#[napi_derive::module_init]
fn init() {
    host::at_start(threads::step_back);
}
