//! From Python's objects to callweave's inputs.

use std::io::{self, Cursor, Read};
use std::path::PathBuf;

use callweave::decode::Raw;
use callweave::error::{Error, ErrorKind, Stage};
use callweave::host;
use callweave::provider::json::Document;
use callweave::samples::Samples;
use callweave::units::{Millis, Rate};
use callweave::{CallInput, Config, Input, Moment, Role};
use numpy::{PyArrayDyn, PyArrayMethods};
use pyo3::exceptions::{PyException, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::raise;
use crate::work::{Work, read_chunk};

/// The configuration of a JSON text.
pub fn config(py: Python<'_>, json: &str) -> PyResult<Config> {
    Config::from_json(json).map_err(|e| raise(py, e))
}

/// A call that is looked up on disk, if it is to be, when the work begins.
pub type Opened = Box<dyn FnOnce() -> callweave::Result<CallInput> + Send>;

/// The call of a list of `callweave.Input`: bare paths mean what they mean to the program
/// (recordings, or one document with its audio beside it), everything else is a recording.
pub fn call<'py>(work: &mut Work<'py>, inputs: &[Bound<'py, PyAny>], roles: &[String]) -> PyResult<Opened> {
    let roles: callweave::Result<Vec<Role>> = roles.iter().map(|name| host::role(name)).collect();
    let roles = roles.map_err(|e| raise(work.py(), e))?;
    if let [described] = inputs
        && described.hasattr("document")?
    {
        let (document, audio) = self::described(work, described)?;
        return Ok(Box::new(move || Ok(CallInput::from_attached(document.read()?, audio).with_roles(roles))));
    }
    let bare: PyResult<Vec<Option<PathBuf>>> = inputs.iter().map(bare_path).collect();
    if let Some(paths) = bare?.into_iter().collect::<Option<Vec<PathBuf>>>() {
        return Ok(Box::new(move || Ok(CallInput::open(&paths)?.with_roles(roles))));
    }
    let read: PyResult<Vec<Input>> = inputs.iter().enumerate().map(|(i, item)| input(work, item, i)).collect();
    let read = read?;
    Ok(Box::new(move || Ok(CallInput::from(read).with_roles(roles))))
}

/// The document of a described call, and its audio by name.
fn described<'py>(work: &mut Work<'py>, call: &Bound<'py, PyAny>) -> PyResult<(Document, Vec<(String, Input)>)> {
    let json: String = call.getattr("document")?.extract()?;
    let document = Document::from_json(&json).map_err(|e| raise(work.py(), e))?;
    let audio: Vec<(String, Bound<'py, PyAny>)> = call.getattr("audio")?.extract()?;
    let read = audio.into_iter().enumerate().map(|(i, (key, item))| Ok((key, input(work, &item, i)?)));
    Ok((document, read.collect::<PyResult<_>>()?))
}

/// The path of an input that says nothing else.
fn bare_path(item: &Bound<'_, PyAny>) -> PyResult<Option<PathBuf>> {
    for name in ["role", "party", "started_at", "channel", "name", "offset_ms", "offset_uncertainty_ms", "raw"] {
        if !item.getattr(name)?.is_none() {
            return Ok(None);
        }
    }
    Ok(item.getattr("source")?.extract().ok())
}

/// The recording of a Python `callweave.Input`; `index` names what has no name of its own.
pub fn input<'py>(work: &mut Work<'py>, item: &Bound<'py, PyAny>, index: usize) -> PyResult<Input> {
    let py = item.py();
    let name: Option<String> = item.getattr("name")?.extract()?;
    let mut input = recording(work, &item.getattr("source")?, name, index)?;
    if let Some(role) = item.getattr("role")?.extract::<Option<String>>()? {
        input = input.role(host::role(&role).map_err(|e| raise(py, e))?);
    }
    if let Some(party) = item.getattr("party")?.extract::<Option<String>>()? {
        input = input.party(party);
    }
    if let Some(moment) = item.getattr("started_at")?.extract::<Option<String>>()? {
        input = input.started_at(host::from_json::<Moment>(&moment).map_err(|e| raise(py, e))?);
    }
    if let Some(raw) = item.getattr("raw")?.extract::<Option<String>>()? {
        input = input.raw(raw.parse::<Raw>().map_err(|e| raise(py, e))?);
    }
    let channel = item.getattr("channel")?;
    if let Some(channel) = channel.extract().map_err(|_| no_number(&channel, "channel", "0 or more"))? {
        input = input.channel(channel);
    }
    let number = |name: &str| -> PyResult<Option<f64>> {
        let found = item.getattr(name)?;
        found.extract().map_err(|_| no_number(&found, name, "milliseconds"))
    };
    let (offset, uncertainty) = (number("offset_ms")?, number("offset_uncertainty_ms")?);
    input.offset_of(offset.map(Millis), uncertainty.map(Millis)).map_err(|e| raise(py, e))
}

/// The exception for a number that makes no sense.
fn no_number(found: &Bound<'_, PyAny>, name: &str, expected: &str) -> PyErr {
    raise(found.py(), Error::new(ErrorKind::InvalidArgument, Stage::Config, name).with_mismatch(found, expected))
}

fn recording<'py>(
    work: &mut Work<'py>,
    source: &Bound<'py, PyAny>,
    name: Option<String>,
    index: usize,
) -> PyResult<Input> {
    let own_name = || name.clone().unwrap_or_else(|| format!("input-{index}"));
    if let Ok(path) = source.extract::<PathBuf>() {
        return Ok(Input::path(path));
    }
    if let Ok(bytes) = source.cast::<PyBytes>() {
        return Ok(Input::bytes(own_name(), bytes.as_bytes()));
    }
    if source.hasattr("sample_rate_hz")? {
        return audio(source, own_name());
    }
    if source.hasattr("read")? {
        let file_name = source.getattr("name").ok().and_then(|name| name.extract::<String>().ok());
        let name = name.or(file_name).unwrap_or_else(|| format!("input-{index}"));
        if let Some(limit) = work.reads_ahead() {
            return read_ahead(name, source, limit);
        }
        return Ok(Input::reader(name, work.reader(source.clone())));
    }
    if let Ok(view) = source.py().import("builtins")?.getattr("memoryview")?.call1((source,)) {
        let bytes = view.call_method0("tobytes")?;
        return Ok(Input::bytes(own_name(), bytes.cast::<PyBytes>()?.as_bytes()));
    }
    let kind = source.get_type().name()?;
    Err(PyTypeError::new_err(format!(
        "input {index}: found {kind}, expected a path, bytes, a buffer, a binary file or callweave.Audio"
    )))
}

/// The bytes of a Python file, read now; of one longer than the limit a few more than that, which
/// core refuses. An exception of the file's is met when the work comes to it, so that it is that
/// call's.
fn read_ahead(name: String, file: &Bound<'_, PyAny>, limit: u64) -> PyResult<Input> {
    let mut bytes = Vec::new();
    while bytes.len() as u64 <= limit {
        match read_chunk(file) {
            Ok(chunk) if chunk.is_empty() => break,
            Ok(chunk) => bytes.extend(chunk),
            Err(e) if e.is_instance_of::<PyException>(file.py()) && !e.is_instance_of::<PyTypeError>(file.py()) => {
                return Ok(Input::reader(name, Cursor::new(bytes).chain(Refusing(Some(e)))));
            }
            Err(e) => return Err(e),
        }
    }
    Ok(Input::bytes(name, bytes))
}

/// A file that raised an exception.
struct Refusing(Option<PyErr>);

impl Read for Refusing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(self.0.take().map_or_else(|| io::Error::other("a file that raised an exception"), io::Error::other))
    }
}

/// A `callweave.Audio` as an input.
fn audio(audio: &Bound<'_, PyAny>, name: String) -> PyResult<Input> {
    let rate = audio.getattr("sample_rate_hz")?;
    let hz: u32 = rate.extract().map_err(|_| no_number(&rate, "sample_rate_hz", "a whole number above 0"))?;
    let rate = Rate::new(hz).map_err(|e| raise(audio.py(), e))?;
    let samples = audio.getattr("samples")?;
    let channels = if let Ok(array) = samples.cast::<PyArrayDyn<i16>>() {
        channels(array)?
    } else if let Ok(array) = samples.cast::<PyArrayDyn<f32>>() {
        channels(array)?
    } else {
        let found = samples.getattr("dtype").map_or_else(|_| samples.get_type().to_string(), |dtype| dtype.to_string());
        return Err(PyTypeError::new_err(format!(
            "samples: found {found}, expected a numpy array of float32 or int16"
        )));
    };
    Ok(Input::channels(name, channels, rate))
}

/// The channels of a `(channels, frames)` or `(frames,)` array, copied: another thread may write to
/// it later.
fn channels<T: numpy::Element + Copy>(array: &Bound<'_, PyArrayDyn<T>>) -> PyResult<Vec<Samples<'static>>>
where
    Samples<'static>: From<Vec<T>>,
{
    let array = array.readonly();
    let view = array.as_array();
    match view.ndim() {
        1 => Ok(vec![Samples::from(view.iter().copied().collect::<Vec<T>>())]),
        2 => Ok(view.outer_iter().map(|row| Samples::from(row.iter().copied().collect::<Vec<T>>())).collect()),
        _ => Err(PyTypeError::new_err(format!(
            "samples: found the shape {:?}, expected (channels, frames)",
            view.shape()
        ))),
    }
}
