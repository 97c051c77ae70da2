//! Work on libuv's threads. Each task takes what it needs once, works, and gives its result to JavaScript's thread.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callweave::timeline::Placement;
use callweave::{Config, Control, Error, ErrorKind, Input, NormalizeOptions};
use napi::bindgen_prelude::AsyncTask;
use napi::{Env, Task};
use napi_derive::napi;

use crate::arguments::{self, CancelSwitch, Opened};
use crate::error::raise;
use crate::samples::{self, AudioParts, Planes};

/// Takes what a task works on; a task runs once.
fn taken<T>(slot: &mut Option<T>) -> napi::Result<T> {
    let twice = || Error::new(ErrorKind::Internal, callweave::error::Stage::Input, "work that was done before");
    slot.take().ok_or_else(|| raise(twice()))
}

/// `process`.
pub struct ProcessTask {
    call: Option<Opened>,
    config: Config,
    control: Control,
}

impl ProcessTask {
    pub(crate) fn new(call: Opened, config: Config, control: Control) -> Self {
        Self { call: Some(call), config, control }
    }
}

#[napi]
impl Task for ProcessTask {
    type Output = callweave::Processed;
    type JsValue = Processed;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let call = taken(&mut self.call)?;
        call().and_then(|call| callweave::process(call, &self.config, &self.control)).map_err(raise)
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        Ok(Processed(Arc::new(Mutex::new(output))))
    }
}

/// `analyze`.
pub struct AnalyzeTask {
    call: Option<Opened>,
    config: Config,
    control: Control,
}

impl AnalyzeTask {
    pub(crate) fn new(call: Opened, config: Config, control: Control) -> Self {
        Self { call: Some(call), config, control }
    }
}

#[napi]
impl Task for AnalyzeTask {
    type Output = String;
    type JsValue = String;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let call = taken(&mut self.call)?;
        let report = call().and_then(|call| callweave::analyze(call, &self.config, &self.control));
        report.map(|report| report.to_json()).map_err(raise)
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        Ok(output)
    }
}

/// `probe`.
pub struct ProbeTask {
    input: Option<Input>,
    config: Config,
}

impl ProbeTask {
    pub(crate) fn new(input: Input, config: Config) -> Self {
        Self { input: Some(input), config }
    }
}

#[napi]
impl Task for ProbeTask {
    type Output = String;
    type JsValue = String;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let probe = callweave::probe(taken(&mut self.input)?, &self.config.decode).map_err(raise)?;
        Ok(serde_json::to_string(&probe).unwrap_or_default())
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
    control: Control,
}

impl DecodeTask {
    pub(crate) fn new(input: Input, config: Config, float32: bool, control: Control) -> Self {
        Self { input: Some(input), config, float32, control }
    }
}

#[napi]
impl Task for DecodeTask {
    type Output = (Planes, u32, String);
    type JsValue = AudioParts;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        samples::decode(taken(&mut self.input)?, &self.config, self.float32, &self.control).map_err(raise)
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
    control: Control,
}

impl NormalizeTask {
    pub(crate) fn new(input: Input, config: Config, path: Option<String>, control: Control) -> Self {
        Self { input: Some(input), config, path, control }
    }

    fn work(&self, input: Input) -> callweave::Result<(Planes, u32, String, f64)> {
        let (mix, decode) = (&self.config.mix, self.config.decode.clone());
        let options = NormalizeOptions { decode, rate: mix.rate, level: mix.level, layout: mix.layout };
        let normalized = callweave::normalize(input, &options, &self.control)?;
        let placement = Placement::reference();
        let mixer = normalized.samples(&placement)?;
        let rate = mixer.rate().hz();
        let planes = match &self.path {
            Some(path) => {
                normalized.write(Path::new(path), &self.control)?;
                Planes::Int16(Vec::new())
            }
            None => samples::gather(mixer, &self.control)?,
        };
        let source = serde_json::to_string(&normalized.source).unwrap_or_default();
        Ok((planes, rate, source, normalized.gain.0))
    }
}

#[napi]
impl Task for NormalizeTask {
    type Output = (Planes, u32, String, f64);
    type JsValue = AudioParts;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let input = taken(&mut self.input)?;
        self.work(input).map_err(raise)
    }

    fn resolve(&mut self, _env: Env, (planes, rate, source, gain): Self::Output) -> napi::Result<Self::JsValue> {
        Ok(AudioParts { gain_db: Some(gain), ..AudioParts::new(planes, rate, Some(source)) })
    }
}

type Shared = Arc<Mutex<callweave::Processed>>;

fn lock(call: &Shared) -> MutexGuard<'_, callweave::Processed> {
    call.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A processed call: its report, and its tracks for a mix.
#[napi]
pub struct Processed(Shared);

#[napi]
impl Processed {
    /// The report as JSON, with the outputs that were written so far.
    #[napi]
    pub fn report_json(&self) -> String {
        lock(&self.0).report.to_json()
    }

    /// The mix as 16-bit samples.
    #[napi]
    pub fn mix(&self, config: String, cancel: &CancelSwitch) -> napi::Result<AsyncTask<MixTask>> {
        let (call, config, control) = (self.0.clone(), arguments::config(&config)?, cancel.control(None));
        Ok(AsyncTask::new(MixTask { call, config, control }))
    }

    /// Writes the mix and report.json to a folder; the report that names them.
    #[napi]
    pub fn write(&self, folder: String, config: String, cancel: &CancelSwitch) -> napi::Result<AsyncTask<WriteTask>> {
        let (call, config, control) = (self.0.clone(), arguments::config(&config)?, cancel.control(None));
        Ok(AsyncTask::new(WriteTask { call, folder: PathBuf::from(folder), config, control }))
    }
}

/// `Processed.mix`.
pub struct MixTask {
    call: Shared,
    config: Config,
    control: Control,
}

impl MixTask {
    fn work(&self) -> callweave::Result<(Planes, u32)> {
        let call = lock(&self.call);
        let mixer = call.mix(&self.config.mix)?;
        let rate = mixer.rate().hz();
        Ok((samples::gather(mixer, &self.control)?, rate))
    }
}

#[napi]
impl Task for MixTask {
    type Output = (Planes, u32);
    type JsValue = AudioParts;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        self.work().map_err(raise)
    }

    fn resolve(&mut self, _env: Env, (planes, rate): Self::Output) -> napi::Result<Self::JsValue> {
        Ok(AudioParts::new(planes, rate, None))
    }
}

/// `Processed.write`.
pub struct WriteTask {
    call: Shared,
    folder: PathBuf,
    config: Config,
    control: Control,
}

#[napi]
impl Task for WriteTask {
    type Output = String;
    type JsValue = String;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let mut call = lock(&self.call);
        call.write(&self.folder, &self.config.mix, &self.control).map_err(raise)?;
        Ok(call.report.to_json())
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        Ok(output)
    }
}
