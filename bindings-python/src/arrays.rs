//! Samples for numpy: `(channels, frames)`, moved out of Rust without a copy.

use std::path::Path;

use callweave::Input;
use callweave::config::Config;
use callweave::error::{Error, ErrorKind, Stage};
use callweave::export;
use callweave::host::{self, Plane, Planes};
use callweave::mix::Mixer;
use callweave::run::RunOptions;
use numpy::ndarray::{Array2, Array3};
use numpy::{Element, IntoPyArray, PyArray1, PyArray2, PyArray3};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::arguments;
use crate::error::raise;
use crate::work::Work;

/// The array of some channels.
fn joined<T>(planes: Planes<T>) -> callweave::Result<Array2<T>> {
    let shape = (planes.channels.len(), planes.channels.first().map_or(0, Vec::len));
    let mut channels = planes.channels.into_iter();
    let mut flat = channels.next().unwrap_or_default();
    flat.reserve_exact((shape.0 * shape.1).saturating_sub(flat.len()));
    channels.for_each(|channel| flat.extend(channel));
    Array2::from_shape_vec(shape, flat).map_err(uneven)
}

fn uneven(error: numpy::ndarray::ShapeError) -> Error {
    Error::new(ErrorKind::Internal, Stage::Decode, "channels of one length").caused_by(error)
}

/// All samples of a mix, by channel, and their rate.
pub fn gather(mixer: Mixer<'_>, run: &RunOptions) -> callweave::Result<(Array2<i16>, u32)> {
    let planes = host::mix(mixer, run)?;
    let rate = planes.rate.hz();
    Ok((joined(planes)?, rate))
}

/// Decodes a recording at its own rate: samples, rate, and what it is, as JSON.
pub fn decode<'py, T: Plane + Element>(
    py: Python<'py>,
    input: &Bound<'py, PyAny>,
    config: &str,
) -> PyResult<(Bound<'py, PyArray2<T>>, u32, String)> {
    let config = arguments::config(py, config)?;
    let mut work = Work::new(py, None, None);
    let input = arguments::input(&mut work, input, 0)?;
    let (samples, rate, source) = work.run(move |run| {
        let (planes, source) = host::decode::<T>(input, &config.decode, run)?;
        let rate = planes.rate.hz();
        Ok((joined(planes)?, rate, host::text(&source)?))
    })?;
    Ok((samples.into_pyarray(py), rate, source))
}

/// A recording at another rate and level.
pub struct NormalizedCall {
    /// The samples, where they were not written to a file.
    pub samples: Option<Array2<i16>>,
    /// Their rate.
    pub rate_hz: u32,
    /// What the recording was, as JSON.
    pub source: String,
    /// The gain that was applied.
    pub gain_db: f64,
}

/// Normalises a recording, into a file where a path is given.
pub fn normalize(
    input: Input,
    config: &Config,
    path: Option<&Path>,
    run: &RunOptions,
) -> callweave::Result<NormalizedCall> {
    let made = host::normalize(input, config, path, run)?;
    let samples = made.planes.map(joined).transpose()?;
    Ok(NormalizedCall { samples, rate_hz: made.rate.hz(), source: host::text(&made.source)?, gain_db: made.gain.0 })
}

/// A recording's waveform.
pub struct PeaksMade {
    rate_hz: u32,
    samples_per_point: u32,
    points: Array3<i16>,
    json: String,
    dat: Vec<u8>,
}

/// Rate, samples a point, `(channels, points, 2)`, JSON, `.dat`.
pub type PeakParts<'py> = (u32, u32, Bound<'py, PyArray3<i16>>, String, Bound<'py, PyBytes>);

/// The peaks of a recording, in numbers and in audiowaveform's formats.
pub fn peaks(
    input: Input,
    points_per_second: Option<u32>,
    bits: Option<u32>,
    config: &Config,
    run: &RunOptions,
) -> callweave::Result<PeaksMade> {
    let width = host::peak_bits(bits)?;
    let points_per_second = points_per_second.unwrap_or(host::PEAKS_PER_SECOND);
    let made = export::peaks(input, points_per_second, &config.decode, run)?;
    let channels = made.channels();
    let shape = (channels.len(), channels.first().map_or(0, Vec::len), 2);
    let flat = channels.iter().flatten().flatten().copied().collect();
    Ok(PeaksMade {
        rate_hz: made.rate().hz(),
        samples_per_point: made.samples_per_point(),
        points: Array3::from_shape_vec(shape, flat).map_err(uneven)?,
        json: made.to_json(width),
        dat: made.to_dat(width),
    })
}

impl PeaksMade {
    /// What Python gets of it.
    pub fn into_python(self, py: Python<'_>) -> PeakParts<'_> {
        let dat = PyBytes::new(py, &self.dat);
        (self.rate_hz, self.samples_per_point, self.points.into_pyarray(py), self.json, dat)
    }
}

/// Speech on one channel of a recording: pairs in a unit, probabilities, their hop, rate and length.
pub type SpeechParts<'py> = (Bound<'py, PyArray2<f64>>, Bound<'py, PyArray1<f32>>, f64, u32, f64, String);

/// Where somebody speaks on one channel of a recording.
pub fn listen<'py>(py: Python<'py>, input: &Bound<'py, PyAny>, config: &str, unit: &str) -> PyResult<SpeechParts<'py>> {
    let config = arguments::config(py, config)?;
    let unit = host::SpanUnit::from_name(unit).map_err(|e| raise(py, e))?;
    let mut work = Work::new(py, None, None);
    let input = arguments::input(&mut work, input, 0)?;
    let heard = work.run(move |run| host::listen(input, &config, run))?;
    let pairs = Array2::from(heard.pairs(unit)).into_pyarray(py);
    let hop = heard.probabilities.hop.0;
    let warnings = host::text(&heard.warnings).map_err(|e| raise(py, e))?;
    Ok((pairs, heard.probabilities.values.into_pyarray(py), hop, heard.rate.hz(), heard.duration.0, warnings))
}

/// A stretch of a recording: samples, rate, and what the recording is, as JSON, where it was read to
/// its end.
pub fn load<'py, T: Plane + Element>(
    py: Python<'py>,
    input: &Bound<'py, PyAny>,
    config: &str,
    what: host::LoadOptions,
) -> PyResult<(Bound<'py, PyArray2<T>>, u32, Option<String>)> {
    let config = arguments::config(py, config)?;
    let mut work = Work::new(py, None, None);
    let input = arguments::input(&mut work, input, 0)?;
    let (samples, rate, source) = work.run(move |run| {
        let loaded = host::load::<T>(input, &config, &what, run)?;
        let rate = loaded.planes.rate.hz();
        Ok((joined(loaded.planes)?, rate, loaded.source.as_ref().map(host::text).transpose()?))
    })?;
    Ok((samples.into_pyarray(py), rate, source))
}
