//! From JavaScript's values to callweave's inputs.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use callweave::decode::Raw;
use callweave::error::{Error, ErrorKind, Stage};
use callweave::provider::json::Document;
use callweave::samples::Samples;
use callweave::units::{Millis, Rate};
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
pub struct Bytes {
    held: Vec<u8>,
    /// Whether more was read of a head than there is.
    starved: Arc<AtomicBool>,
}

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
        self.held.extend_from_slice(piece);
        Ok(())
    }

    /// Whether these bytes are the head of a stream of which more is needed.
    #[napi(getter)]
    pub fn starved(&self) -> bool {
        self.starved.load(Ordering::Relaxed)
    }

    fn reserve(&mut self, more: usize) -> napi::Result<()> {
        self.held.try_reserve(more).map_err(|e| raise(Error::new(ErrorKind::Io, Stage::Input, e.to_string())))
    }
}

/// One recording, as the façade hands it over: a path or bytes, and what is known of it.
#[napi(object)]
pub struct InputSpec {
    /// The path of a file.
    pub path: Option<String>,
    /// The bytes, which are taken out.
    pub bytes: Option<Reference<Bytes>>,
    /// What the bytes are, where they are samples: one channel after the other.
    pub samples: Option<SamplesSpec>,
    /// The format of a file without a header.
    pub raw: Option<String>,
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
    /// Whether the path is of a file that keeps a stream, whose name nobody should read.
    pub is_temporary: Option<bool>,
    /// Whether the bytes are the head of a stream that goes on.
    pub is_head: Option<bool>,
    /// Instead of bytes: why they could not be had.
    pub failed: Option<String>,
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
            || self.raw.is_some()
            || self.offset_ms.is_some()
            || self.offset_uncertainty_ms.is_some();
        self.path.as_ref().filter(|_| !known && !self.is_temporary.unwrap_or_default()).map(PathBuf::from)
    }

    /// The recording; `index` names bytes that have no name of their own.
    pub fn recording(self, index: usize) -> napi::Result<Input> {
        let own_name = || self.name.clone().unwrap_or_else(|| format!("input-{index}"));
        let starved = self.bytes.as_ref().map(|bytes| Arc::clone(&bytes.starved)).unwrap_or_default();
        let bytes = self.bytes.map(|mut bytes| std::mem::take(&mut bytes.held)).unwrap_or_default();
        if let (Some(raw), Some(_)) = (&self.raw, &self.samples) {
            let error = host::refused("raw is the format of a file without a header");
            return Err(raise(
                error.with_mismatch(format!("{raw} with samples"), "samples alone").in_input(own_name()),
            ));
        }
        let mut input = match (&self.path, self.samples) {
            _ if self.failed.is_some() => Input::reader(own_name(), Failed(self.failed.unwrap_or_default())),
            // A file that a stream was kept in has the stream's name.
            (Some(path), _) if self.is_temporary.unwrap_or_default() => Input::reader(own_name(), Spooled::new(path)),
            (Some(path), _) => Input::path(path),
            (None, Some(samples)) => samples.input(own_name(), &bytes)?,
            (None, None) if self.is_head.unwrap_or_default() => {
                Input::reader(own_name(), Head { bytes, at: 0, starved })
            }
            (None, None) => Input::bytes(own_name(), bytes),
        };
        if let Some(raw) = self.raw {
            input = input.raw(raw.parse::<Raw>().map_err(raise)?);
        }
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

/// What is asked of a call beside its recordings.
#[napi(object)]
pub struct CallSpec {
    /// Who is heard on the tracks, in order.
    pub roles: Vec<String>,
    /// What is known of the call, as JSON.
    pub facts: Option<String>,
    /// Whether a recording that cannot be read fails the call.
    pub strict: bool,
}

/// What bytes of samples are.
#[napi(object)]
pub struct SamplesSpec {
    /// Whether they are 32-bit floats; 16-bit numbers else. Both little-endian.
    pub float32: bool,
    /// How many channels there are.
    pub channels: u32,
    /// Samples per second.
    pub sample_rate_hz: f64,
}

impl SamplesSpec {
    fn input(&self, name: String, bytes: &[u8]) -> napi::Result<Input> {
        let hz = if self.sample_rate_hz.fract() == 0.0 { self.sample_rate_hz as u32 } else { 0 };
        let rate = Rate::new(hz).map_err(raise)?;
        let channels: Vec<Samples> = if self.float32 {
            self.planes(bytes.as_chunks::<4>().0.iter().map(|x| f32::from_le_bytes(*x)).collect::<Vec<f32>>())
        } else {
            self.planes(bytes.as_chunks::<2>().0.iter().map(|x| i16::from_le_bytes(*x)).collect::<Vec<i16>>())
        };
        Ok(Input::channels(name, channels, rate))
    }

    fn planes<T: Clone>(&self, samples: Vec<T>) -> Vec<Samples<'static>>
    where
        Samples<'static>: From<Vec<T>>,
    {
        let (count, frames) = (self.channels as usize, samples.len() / (self.channels as usize).max(1));
        let channel = |at: usize| samples.get(at * frames..(at + 1) * frames).unwrap_or_default().to_vec();
        (0..count).map(|at| Samples::from(channel(at))).collect()
    }
}

/// A file that is opened when it is read.
struct Spooled {
    path: PathBuf,
    file: Option<File>,
}

impl Spooled {
    fn new(path: &str) -> Self {
        Self { path: path.into(), file: None }
    }
}

impl Read for Spooled {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let file = match self.file.take() {
            Some(file) => file,
            None => File::open(&self.path)?,
        };
        self.file.insert(file).read(out)
    }
}

/// A recording that could not be had.
struct Failed(String);

impl Read for Failed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other(self.0.clone()))
    }
}

/// The head of a stream; who reads beyond it has had too little.
struct Head {
    bytes: Vec<u8>,
    at: usize,
    starved: Arc<AtomicBool>,
}

impl Read for Head {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = self.bytes.get(self.at..).unwrap_or_default();
        if left.is_empty() && !out.is_empty() {
            self.starved.store(true, Ordering::Relaxed);
            return Err(io::Error::other("the head ends here"));
        }
        let count = left.len().min(out.len());
        for (to, from) in out.iter_mut().zip(left) {
            *to = *from;
        }
        self.at += count;
        Ok(count)
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

/// The same call with what a phone system knows of it, as JSON.
pub fn with_facts(call: Opened, facts: Option<String>) -> Opened {
    Box::new(move || host::with_facts(call()?, facts.as_deref()))
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
