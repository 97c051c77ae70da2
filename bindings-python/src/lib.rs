//! The native half of the pip package `callweave`: argument conversion, the release of the
//! interpreter and error mapping. Defaults, checks and arithmetic live in the crate `callweave`;
//! names and types for people in `python/callweave`.

mod arguments;
mod arrays;
mod batch;
mod error;
mod live;
mod processed;
mod work;

use callweave::host;
use pyo3::prelude::*;

/// A processed call; where it must be whole, the error of a track that could not be read.
pub(crate) fn complete(call: callweave::Processed, strict: bool) -> callweave::Result<callweave::Processed> {
    if strict {
        host::complete(&call.report)?;
    }
    Ok(call)
}

/// The native module; `python/callweave` is its public face.
#[pymodule(gil_used = false)]
mod _callweave {
    use super::*;
    use callweave::error::Stage;
    use callweave::{Error, ErrorKind};
    use numpy::{IntoPyArray, PyArray2};
    use pyo3::types::PyTuple;
    use std::ffi::OsString;
    use std::path::PathBuf;
    use work::Work;

    #[pymodule_export]
    use batch::Batch;
    #[pymodule_export]
    use live::{LiveCall, SpeechStream};
    #[pymodule_export]
    use processed::Processed;

    type Samples<'py, T> = Bound<'py, PyArray2<T>>;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("VERSION", callweave::VERSION)?;
        module.add("ERROR_CODES", PyTuple::new(module.py(), ErrorKind::ALL.map(ErrorKind::code))?)
    }

    /// The whole configuration, the part that differs from the defaults, and its hash, from a part
    /// in JSON.
    #[pyfunction]
    fn read_config(py: Python<'_>, json: &str) -> PyResult<(String, String, String)> {
        let config = arguments::config(py, json)?;
        let read = || Ok((host::text(&config)?, config.changes()?.to_string(), config.hash()?));
        read().map_err(|e| error::raise(py, e))
    }

    /// Processes a call and keeps its tracks.
    #[pyfunction]
    fn process<'py>(
        py: Python<'py>,
        inputs: Vec<Bound<'py, PyAny>>,
        roles: Vec<String>,
        config: &str,
        progress: Option<Bound<'py, PyAny>>,
        threads: Option<usize>,
        strict: bool,
    ) -> PyResult<Processed> {
        let config = arguments::config(py, config)?;
        let mut work = Work::new(py, progress, threads);
        let call = arguments::call(&mut work, &inputs, &roles)?;
        work.run(move |run| complete(callweave::process(call()?, &config, run)?, strict)).map(Processed::from)
    }

    /// Processes a call for its report alone, as JSON.
    #[pyfunction]
    fn analyze<'py>(
        py: Python<'py>,
        inputs: Vec<Bound<'py, PyAny>>,
        roles: Vec<String>,
        config: &str,
        progress: Option<Bound<'py, PyAny>>,
        threads: Option<usize>,
        strict: bool,
    ) -> PyResult<String> {
        let config = arguments::config(py, config)?;
        let mut work = Work::new(py, progress, threads);
        let call = arguments::call(&mut work, &inputs, &roles)?;
        work.run(move |run| {
            let report = callweave::analyze(call()?, &config, run)?;
            if strict {
                host::complete(&report)?;
            }
            report.to_json()
        })
    }

    /// What a recording really is, or with `quick` what its first bytes say, as JSON.
    #[pyfunction]
    fn probe<'py>(py: Python<'py>, input: &Bound<'py, PyAny>, config: &str, quick: bool) -> PyResult<String> {
        let config = arguments::config(py, config)?;
        let mut work = Work::new(py, None, None);
        let input = arguments::input(&mut work, input, 0)?;
        work.run(move |_| {
            let ask = if quick { callweave::probe_head } else { callweave::probe };
            host::text(&ask(input, &config.decode)?)
        })
    }

    /// The samples of a recording as 32-bit floats, their rate, and what the recording is, as JSON.
    #[pyfunction]
    fn decode_float32<'py>(
        py: Python<'py>,
        input: &Bound<'py, PyAny>,
        config: &str,
    ) -> PyResult<(Samples<'py, f32>, u32, String)> {
        arrays::decode(py, input, config)
    }

    /// The samples of a recording as 16-bit numbers, their rate, and what the recording is, as
    /// JSON.
    #[pyfunction]
    fn decode_int16<'py>(
        py: Python<'py>,
        input: &Bound<'py, PyAny>,
        config: &str,
    ) -> PyResult<(Samples<'py, i16>, u32, String)> {
        arrays::decode(py, input, config)
    }

    /// One recording at the rate, the layout and the level of the configuration's mix: its samples
    /// where no path is given, their rate, what the recording was, as JSON, and the gain in dB.
    #[pyfunction]
    fn normalize<'py>(
        py: Python<'py>,
        input: &Bound<'py, PyAny>,
        config: &str,
        path: Option<PathBuf>,
        progress: Option<Bound<'py, PyAny>>,
    ) -> PyResult<(Option<Samples<'py, i16>>, u32, String, f64)> {
        let config = arguments::config(py, config)?;
        let mut work = Work::new(py, progress, None);
        let input = arguments::input(&mut work, input, 0)?;
        let done = work.run(move |run| arrays::normalize(input, &config, path.as_deref(), run))?;
        let samples = done.samples.map(|samples| samples.into_pyarray(py));
        Ok((samples, done.rate_hz, done.source, done.gain_db))
    }

    /// A recording's waveform: its rate, samples a point, the least and the greatest sample of each
    /// point by channel, and both of audiowaveform's formats.
    #[pyfunction]
    fn peaks<'py>(
        py: Python<'py>,
        input: &Bound<'py, PyAny>,
        points_per_second: Option<u32>,
        bits: u8,
        config: &str,
        progress: Option<Bound<'py, PyAny>>,
    ) -> PyResult<arrays::PeakParts<'py>> {
        let config = arguments::config(py, config)?;
        let mut work = Work::new(py, progress, None);
        let input = arguments::input(&mut work, input, 0)?;
        let made = work.run(move |run| arrays::peaks(input, points_per_second, bits, &config, run))?;
        Ok(made.into_python(py))
    }

    /// The call's time of a moment of a track, by the knots of its placement.
    #[pyfunction]
    fn to_call(knots: Vec<(f64, f64)>, time_ms: f64) -> f64 {
        host::to_call(knots, time_ms)
    }

    /// A report's strip, as SVG.
    #[pyfunction]
    fn strip_svg(py: Python<'_>, report: &str) -> PyResult<String> {
        let report = serde_json::from_str(report).map_err(|e| {
            error::raise(py, Error::new(ErrorKind::Malformed, Stage::Export, format!("not a report: {e}")))
        })?;
        Ok(callweave::export::strip_svg(&report))
    }

    /// A helper for providers' documents: its name, its arguments as JSON; its answer as JSON.
    #[pyfunction]
    fn provider(py: Python<'_>, helper: &str, json: &str) -> PyResult<String> {
        py.detach(|| callweave::provider::json::answer(helper, json)).map_err(|e| error::raise(py, e))
    }

    /// The `callweave` program: its arguments with the program's name first; the exit status.
    #[pyfunction]
    fn run_program(py: Python<'_>, args: Vec<OsString>) -> u8 {
        py.detach(|| callweave::cli::run(args, &mut std::io::stdout(), &mut std::io::stderr()))
    }
}
