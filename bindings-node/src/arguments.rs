//! From JavaScript's values to callweave's inputs.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use callweave::error::{Error, ErrorKind, Stage};
use callweave::provider::json::Document;
use callweave::units::Millis;
use callweave::{CallInput, Cancel, Config, Input, Moment, Progress, Role, RunOptions, host};
use napi::Status;
use napi::bindgen_prelude::{FnArgs, Reference};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;

use crate::error::raise;

/// Called with the stage, the bytes done and the bytes in all. One call waits at a time; what comes
/// meanwhile is left out, so a busy event loop is never flooded. It does not keep the process
/// alive.
pub type OnProgress = ThreadsafeFunction<News, (), News, Status, false, true, 1>;

/// The arguments of a call of progress.
pub type News = FnArgs<(String, f64, Option<f64>)>;

/// The configuration of a JSON text.
pub fn config(json: &str) -> napi::Result<Config> {
    Config::from_json(json).map_err(raise)
}

/// A recording's bytes, outside JavaScript's memory: they are copied piece by piece, so that no
/// copy of a long recording holds up the event loop.
#[napi]
#[derive(Default)]
pub struct Bytes(Vec<u8>);

#[napi]
impl Bytes {
    /// Room for so many bytes, if it is known how many there will be.
    #[napi(constructor)]
    pub fn new(expected: Option<f64>) -> napi::Result<Self> {
        let mut bytes = Self::default();
        bytes.reserve(expected.unwrap_or_default() as usize)?;
        Ok(bytes)
    }

    /// Adds a piece.
    #[napi]
    pub fn append(&mut self, piece: &[u8]) -> napi::Result<()> {
        self.reserve(piece.len())?;
        self.0.extend_from_slice(piece);
        Ok(())
    }

    fn reserve(&mut self, more: usize) -> napi::Result<()> {
        self.0.try_reserve(more).map_err(|e| raise(Error::new(ErrorKind::Io, Stage::Input, e.to_string())))
    }
}

/// One recording, as the façade hands it over: a path or bytes, and what is known of it.
#[napi(object)]
pub struct InputSpec {
    /// The path of a file.
    pub path: Option<String>,
    /// The bytes, which are taken out.
    pub bytes: Option<Reference<Bytes>>,
    /// What reports and errors call it.
    pub name: Option<String>,
    /// Who is heard.
    pub role: Option<String>,
    /// The party's number, address or name.
    pub party: Option<String>,
    /// When the recording began, as JSON.
    pub started_at: Option<String>,
    /// The channel that is meant, from 0.
    pub channel: Option<u16>,
    /// Where the recording begins on the call's timeline, and half the width of what holds it nine
    /// times in ten.
    pub offset_ms: Option<f64>,
    pub offset_uncertainty_ms: Option<f64>,
    /// The name by which a described call knows the recording.
    pub key: Option<String>,
    /// Instead of a recording: the document of the call whose recordings follow, as JSON.
    pub document: Option<String>,
}

impl InputSpec {
    /// The path of an input that says nothing else.
    fn bare_path(&self) -> Option<PathBuf> {
        let known = self.name.is_some()
            || self.role.is_some()
            || self.party.is_some()
            || self.started_at.is_some()
            || self.channel.is_some()
            || self.offset_ms.is_some()
            || self.offset_uncertainty_ms.is_some();
        self.path.as_ref().filter(|_| !known).map(PathBuf::from)
    }

    /// The recording; `index` names bytes that have no name of their own.
    pub fn recording(self, index: usize) -> napi::Result<Input> {
        let mut input = match (self.path, self.bytes) {
            (Some(path), _) => Input::path(path),
            (None, bytes) => {
                let bytes = bytes.map(|mut bytes| std::mem::take(&mut bytes.0)).unwrap_or_default();
                Input::bytes(self.name.unwrap_or_else(|| format!("input-{index}")), bytes)
            }
        };
        if let Some(name) = self.role {
            input = input.role(role(&name)?);
        }
        if let Some(party) = self.party {
            input = input.party(party);
        }
        if let Some(json) = self.started_at {
            input = input.started_at(host::from_json::<Moment>(&json).map_err(raise)?);
        }
        if let Some(channel) = self.channel {
            input = input.channel(channel);
        }
        input.offset_of(self.offset_ms.map(Millis), self.offset_uncertainty_ms.map(Millis)).map_err(raise)
    }
}

fn role(name: &str) -> napi::Result<Role> {
    host::role(name).map_err(raise)
}

/// A call that is looked up on disk, if it is to be, when the work begins.
pub type Opened = Box<dyn FnOnce() -> callweave::Result<CallInput> + Send>;

/// The call of some inputs: bare paths mean what they mean to the program (recordings, or one
/// document with its audio beside it), everything else is a recording.
pub fn call(inputs: Vec<InputSpec>, roles: &[String]) -> napi::Result<Opened> {
    let roles = roles.iter().map(|name| role(name)).collect::<napi::Result<Vec<Role>>>()?;
    if let Some(json) = inputs.first().and_then(|first| first.document.clone()) {
        let (document, audio) = described(&json, inputs)?;
        return Ok(Box::new(move || Ok(CallInput::from_attached(document.read()?, audio).with_roles(roles))));
    }
    if let Some(paths) = inputs.iter().map(InputSpec::bare_path).collect::<Option<Vec<PathBuf>>>() {
        return Ok(Box::new(move || Ok(CallInput::open(&paths)?.with_roles(roles))));
    }
    let read = inputs.into_iter().enumerate().map(|(index, input)| input.recording(index));
    let read = read.collect::<napi::Result<Vec<Input>>>()?;
    Ok(Box::new(move || Ok(CallInput::from(read).with_roles(roles))))
}

/// The document of a described call, and its audio by name.
fn described(json: &str, inputs: Vec<InputSpec>) -> napi::Result<(Document, Vec<(String, Input)>)> {
    let document = Document::from_json(json).map_err(raise)?;
    let named = |(index, input): (usize, InputSpec)| {
        let key = input.key.clone().unwrap_or_default();
        Ok((key, input.recording(index)?))
    };
    let audio = inputs.into_iter().skip(1).enumerate().map(named).collect::<napi::Result<_>>()?;
    Ok((document, audio))
}

/// A switch that JavaScript holds to stop work.
#[napi]
#[derive(Default)]
pub struct CancelSwitch(Cancel);

#[napi]
impl CancelSwitch {
    /// A switch that is off.
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops the work at its next block.
    #[napi]
    pub fn cancel(&self) {
        self.0.cancel();
    }
}

impl CancelSwitch {
    /// The run of a piece of work.
    pub fn run(&self, progress: Option<OnProgress>) -> RunOptions {
        let hear = |call: OnProgress| -> callweave::run::OnProgress {
            let last = Mutex::new(None);
            Arc::new(move |p: Progress| {
                if last.lock().unwrap_or_else(PoisonError::into_inner).replace(p) == Some(p) {
                    return;
                }
                let news = (p.stage.name().to_owned(), p.bytes_done as f64, p.bytes_total.map(|bytes| bytes as f64));
                call.call(news.into(), ThreadsafeFunctionCallMode::NonBlocking);
            })
        };
        RunOptions { cancel: self.0.clone(), progress: progress.map(hear), ..RunOptions::default() }
    }
}
