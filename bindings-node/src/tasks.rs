//! Work on recordings, on libuv's threads. Each task takes what it needs once, works, and gives its
//! result to JavaScript's thread.

use std::path::Path;

use callweave::error::Stage;
use callweave::export::{self, PeakBits, Peaks};
use callweave::{Config, Error, ErrorKind, Input, RunOptions, host};
use napi::{Env, Task};
use napi_derive::napi;

use crate::arguments::Opened;
use crate::error::raise;
use crate::processed::Processed;
use crate::samples::{self, AudioParts, PeakParts, Planes};

/// Takes what a task works on; a task runs once.
pub(crate) fn taken<T>(slot: &mut Option<T>) -> napi::Result<T> {
    let twice = || Error::new(ErrorKind::Internal, Stage::Input, "work that was done before");
    slot.take().ok_or_else(|| raise(twice()))
}

/// `process`.
pub struct ProcessTask {
    call: Option<Opened>,
    config: Config,
    run: RunOptions,
    threads: u32,
    strict: bool,
}

impl ProcessTask {
    pub(crate) fn new(call: Opened, config: Config, run: RunOptions, (threads, strict): (u32, bool)) -> Self {
        Self { call: Some(call), config, run, threads, strict }
    }
}

#[napi]
impl Task for ProcessTask {
    type Output = (callweave::Processed, String);
    type JsValue = Processed;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let call = taken(&mut self.call)?;
        let work = || {
            let processed = callweave::process(call()?, &self.config, &self.run)?;
            if self.strict {
                host::complete(&processed.report)?;
            }
            let report = processed.report.to_json()?;
            Ok((processed, report))
        };
        host::on_own(Some(self.threads as usize), work).map_err(raise)
    }

    fn resolve(&mut self, env: Env, (call, report): Self::Output) -> napi::Result<Self::JsValue> {
        Processed::new(env, call, report)
    }
}

/// `analyze`.
pub struct AnalyzeTask {
    call: Option<Opened>,
    config: Config,
    run: RunOptions,
    threads: u32,
    strict: bool,
}

impl AnalyzeTask {
    pub(crate) fn new(call: Opened, config: Config, run: RunOptions, (threads, strict): (u32, bool)) -> Self {
        Self { call: Some(call), config, run, threads, strict }
    }
}

#[napi]
impl Task for AnalyzeTask {
    type Output = String;
    type JsValue = String;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let call = taken(&mut self.call)?;
        let work = || {
            let report = callweave::analyze(call()?, &self.config, &self.run)?;
            if self.strict {
                host::complete(&report)?;
            }
            report.to_json()
        };
        host::on_own(Some(self.threads as usize), work).map_err(raise)
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        Ok(output)
    }
}

/// `probe`.
pub struct ProbeTask {
    input: Option<Input>,
    quick: bool,
    config: Config,
    threads: u32,
}

impl ProbeTask {
    pub(crate) fn new(input: Input, quick: bool, config: Config, threads: u32) -> Self {
        Self { input: Some(input), quick, config, threads }
    }
}

#[napi]
impl Task for ProbeTask {
    type Output = String;
    type JsValue = String;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let (input, options) = (taken(&mut self.input)?, &self.config.decode);
        let probe = if self.quick {
            host::guarded(|| callweave::probe_head(input, options))
        } else {
            host::on_own(Some(self.threads as usize), || callweave::probe(input, options))
        };
        probe.and_then(|probe| host::text(&probe)).map_err(raise)
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        Ok(output)
    }
}

/// `decode`.
pub struct DecodeTask {
    input: Option<Input>,
    config: Config,
    float32: bool,
    run: RunOptions,
    threads: u32,
}

impl DecodeTask {
    pub(crate) fn new(input: Input, config: Config, float32: bool, run: RunOptions, threads: u32) -> Self {
        Self { input: Some(input), config, float32, run, threads }
    }
}

#[napi]
impl Task for DecodeTask {
    type Output = (Planes, u32, String);
    type JsValue = AudioParts;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let input = taken(&mut self.input)?;
        let work = || samples::decode(input, &self.config, self.float32, &self.run);
        host::on_own(Some(self.threads as usize), work).map_err(raise)
    }

    fn resolve(&mut self, _env: Env, (planes, rate, source): Self::Output) -> napi::Result<Self::JsValue> {
        Ok(AudioParts::new(planes, rate, Some(source)))
    }
}

/// `normalize`.
pub struct NormalizeTask {
    input: Option<Input>,
    config: Config,
    path: Option<String>,
    run: RunOptions,
    threads: u32,
}

impl NormalizeTask {
    pub(crate) fn new(input: Input, config: Config, path: Option<String>, run: RunOptions, threads: u32) -> Self {
        Self { input: Some(input), config, path, run, threads }
    }
}

/// Samples of no channel where they went to a file, their rate, what the recording was, as JSON,
/// and the gain.
fn normalized(
    input: Input,
    config: &Config,
    path: Option<&str>,
    run: &RunOptions,
) -> callweave::Result<(Planes, u32, String, f64)> {
    let made = host::normalize(input, config, path.map(Path::new), run)?;
    let planes = made.planes.map_or_else(Vec::new, |planes| planes.channels);
    Ok((Planes::Int16(planes), made.rate.hz(), host::text(&made.source)?, made.gain.0))
}

#[napi]
impl Task for NormalizeTask {
    type Output = (Planes, u32, String, f64);
    type JsValue = AudioParts;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let input = taken(&mut self.input)?;
        let Self { config, path, run, .. } = &*self;
        host::on_own(Some(self.threads as usize), || normalized(input, config, path.as_deref(), run)).map_err(raise)
    }

    fn resolve(&mut self, _env: Env, (planes, rate, source, gain): Self::Output) -> napi::Result<Self::JsValue> {
        Ok(AudioParts { gain_db: Some(gain), ..AudioParts::new(planes, rate, Some(source)) })
    }
}

/// `peaks`.
pub struct PeaksTask {
    input: Option<Input>,
    points_per_second: Option<u32>,
    bits: Option<u32>,
    config: Config,
    run: RunOptions,
    threads: u32,
}

impl PeaksTask {
    pub(crate) fn new(
        input: Input,
        (points_per_second, bits): (Option<u32>, Option<u32>),
        config: Config,
        run: RunOptions,
        threads: u32,
    ) -> Self {
        Self { input: Some(input), points_per_second, bits, config, run, threads }
    }
}

#[napi]
impl Task for PeaksTask {
    type Output = (Peaks, PeakBits);
    type JsValue = PeakParts;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let bits = host::peak_bits(self.bits).map_err(raise)?;
        let input = taken(&mut self.input)?;
        let points = self.points_per_second.unwrap_or(host::PEAKS_PER_SECOND);
        let work = || export::peaks(input, points, &self.config.decode, &self.run);
        Ok((host::on_own(Some(self.threads as usize), work).map_err(raise)?, bits))
    }

    fn resolve(&mut self, _env: Env, (peaks, bits): Self::Output) -> napi::Result<Self::JsValue> {
        Ok(PeakParts::new(&peaks, bits))
    }
}

/// Work that ends with two texts.
type TextsWork = Box<dyn FnOnce() -> callweave::Result<(String, String)> + Send>;

/// Work that ends with two texts, such as JSON and a table.
pub struct TextsTask {
    work: Option<TextsWork>,
    threads: u32,
}

impl TextsTask {
    pub(crate) fn new(
        work: impl FnOnce() -> callweave::Result<(String, String)> + Send + 'static,
        threads: u32,
    ) -> Self {
        Self { work: Some(Box::new(work)), threads }
    }
}

#[napi]
impl Task for TextsTask {
    type Output = (String, String);
    type JsValue = Vec<String>;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let work = taken(&mut self.work)?;
        host::on_own(Some(self.threads as usize), work).map_err(raise)
    }

    fn resolve(&mut self, _env: Env, (json, text): Self::Output) -> napi::Result<Self::JsValue> {
        Ok(vec![json, text])
    }
}
