//! From Python's objects to callweave's inputs.

use std::io::{self, Cursor, Read};
use std::path::PathBuf;

use callweave::error::{Error, ErrorKind, Stage};
use callweave::provider::json::Document;
use callweave::{CallInput, Config, Input, Moment, Role};
use numpy::{PyArrayDyn, PyArrayMethods, PyUntypedArrayMethods};
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

/// The call of a list of `callweave.Input`: bare paths mean what they mean to the program (recordings, or one document
/// with its audio beside it), everything else is a recording.
pub fn call<'py>(work: &mut Work<'py>, inputs: &[Bound<'py, PyAny>], roles: &[String]) -> PyResult<Opened> {
    let roles: callweave::Result<Vec<Role>> = roles.iter().map(|name| role(name)).collect();
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
    for name in ["role", "party", "started_at", "channel", "name"] {
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
        input = input.role(self::role(&role).map_err(|e| raise(py, e))?);
    }
    if let Some(party) = item.getattr("party")?.extract::<Option<String>>()? {
        input = input.party(party);
    }
    if let Some(moment) = item.getattr("started_at")?.extract::<Option<String>>()? {
        input = input.started_at(moment_of(&moment).map_err(|e| raise(py, e))?);
    }
    let channel = item.getattr("channel")?;
    if let Some(channel) = channel.extract().map_err(|_| no_number(&channel, "channel", "0 or more"))? {
        input = input.channel(channel);
    }
    Ok(input)
}

/// The exception for a number that makes no sense.
fn no_number(found: &Bound<'_, PyAny>, name: &str, expected: &str) -> PyErr {
    raise(found.py(), Error::new(ErrorKind::InvalidArgument, Stage::Config, name).with_mismatch(found, expected))
}

/// A role by its name.
pub fn role(name: &str) -> callweave::Result<Role> {
    Role::from_name(name).ok_or_else(|| {
        let names: Vec<_> = Role::ALL.iter().map(|role| role.name()).collect();
        Error::new(ErrorKind::InvalidArgument, Stage::Config, "no such role").with_mismatch(name, names.join(", "))
    })
}

/// A moment from JSON: a number of Unix seconds or a string of RFC 3339.
fn moment_of(json: &str) -> callweave::Result<Moment> {
    serde_json::from_str(json).map_err(|e| Error::new(ErrorKind::InvalidArgument, Stage::Config, e.to_string()))
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
        return Ok(Input::reader(own_name(), wave(source)?));
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

/// The bytes of a Python file, read now; of one longer than the limit a few more than that, which core refuses. An exception of
/// the file's is met when the work comes to it, so that it is that call's.
fn read_ahead(name: String, file: &Bound<'_, PyAny>, limit: u64) -> PyResult<Input> {
    let mut bytes = Vec::new();
    while bytes.len() as u64 <= limit {
        match read_chunk(file) {
            Ok(chunk) if chunk.is_empty() => break,
            Ok(chunk) => bytes.extend(chunk),
            Err(e) if e.is_instance_of::<PyException>(file.py()) && !e.is_instance_of::<PyTypeError>(file.py()) => {
                return Ok(Input::reader(name, Cursor::new(bytes).chain(Refusing(e.to_string()))));
            }
            Err(e) => return Err(e),
        }
    }
    Ok(Input::bytes(name, bytes))
}

/// A file that raised an exception.
struct Refusing(String);

impl Read for Refusing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other(self.0.clone()))
    }
}

/// A `callweave.Audio` as a wav, which is made as it is read: the form in which core takes samples from outside.
fn wave(audio: &Bound<'_, PyAny>) -> PyResult<Box<dyn Read + Send>> {
    let rate = audio.getattr("sample_rate_hz")?;
    let rate: u32 = rate.extract().map_err(|_| no_number(&rate, "sample_rate_hz", "a whole number above 0"))?;
    let samples = audio.getattr("samples")?;
    if let Ok(array) = samples.cast::<PyArrayDyn<i16>>() {
        return Ok(Box::new(Wave::new(1, rate, planes(array)?, i16::to_le_bytes)));
    }
    if let Ok(array) = samples.cast::<PyArrayDyn<f32>>() {
        return Ok(Box::new(Wave::new(3, rate, planes(array)?, f32::to_le_bytes)));
    }
    let found = samples.getattr("dtype").map_or_else(|_| samples.get_type().to_string(), |dtype| dtype.to_string());
    Err(PyTypeError::new_err(format!("samples: found {found}, expected a numpy array of float32 or int16")))
}

/// Samples by channel, one channel after the other.
struct Planes<T> {
    channels: u16,
    samples: Vec<T>,
}

/// The channels of a `(channels, frames)` or `(frames,)` array, copied: another thread may write to it later.
fn planes<T: numpy::Element + Copy>(array: &Bound<'_, PyArrayDyn<T>>) -> PyResult<Planes<T>> {
    let channels = match *array.shape() {
        [_] => 1,
        [channels, _] => channels,
        _ => 0,
    };
    let Some(channels) = u16::try_from(channels).ok().filter(|&count| count > 0) else {
        let shape = array.shape();
        return Err(PyTypeError::new_err(format!("samples: found the shape {shape:?}, expected (channels, frames)")));
    };
    let array = array.readonly();
    let view = array.as_array();
    let samples = view.as_slice().map_or_else(|| view.iter().copied().collect(), <[T]>::to_vec);
    Ok(Planes { channels, samples })
}

/// How many frames are laid out at a time.
const FRAMES: usize = 1 << 14;

/// A wav of samples.
struct Wave<T, const N: usize> {
    planes: Planes<T>,
    bytes: fn(T) -> [u8; N],
    /// The next frame that is laid out.
    frame: usize,
    room: Cursor<Vec<u8>>,
}

impl<T: Copy, const N: usize> Wave<T, N> {
    fn new(format: u16, rate: u32, planes: Planes<T>, bytes: fn(T) -> [u8; N]) -> Self {
        let room = Cursor::new(head(format, rate, planes.channels, N as u16, planes.samples.len() * N));
        Self { planes, bytes, frame: 0, room }
    }
}

impl<T: Copy, const N: usize> Read for Wave<T, N> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.room.read(out)?;
        if read > 0 || out.is_empty() {
            return Ok(read);
        }
        let Planes { channels, samples } = &self.planes;
        let frames = samples.len() / usize::from(*channels);
        let next = frames.min(self.frame + FRAMES);
        let mut room = Vec::with_capacity((next - self.frame) * usize::from(*channels) * N);
        for frame in self.frame..next {
            samples.iter().skip(frame).step_by(frames).for_each(|&sample| room.extend((self.bytes)(sample)));
        }
        self.frame = next;
        self.room = Cursor::new(room);
        self.room.read(out)
    }
}

/// The head of a wav; sizes past 4 GiB are left open, which core reads as "to the end".
fn head(format: u16, rate: u32, channels: u16, width: u16, bytes: usize) -> Vec<u8> {
    let size = u32::try_from(bytes).ok().filter(|size| *size < u32::MAX - 36);
    let block = channels.saturating_mul(width);
    let mut out = Vec::with_capacity(44);
    out.extend(b"RIFF");
    out.extend(size.map_or(u32::MAX, |size| size + 36).to_le_bytes());
    out.extend(b"WAVEfmt \x10\0\0\0");
    out.extend(format.to_le_bytes());
    out.extend(channels.to_le_bytes());
    out.extend(rate.to_le_bytes());
    out.extend(rate.saturating_mul(u32::from(block)).to_le_bytes());
    out.extend(block.to_le_bytes());
    out.extend((8 * width).to_le_bytes());
    out.extend(b"data");
    out.extend(size.unwrap_or(u32::MAX).to_le_bytes());
    out
}
