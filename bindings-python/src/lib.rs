//! The native half of the pip package `callweave`: argument conversion, the release of the
//! interpreter and error mapping. Defaults, checks and arithmetic live in the crate `callweave`;
//! names and types for people in `python/callweave`.

mod amr;
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
    use pyo3::types::{PyBytes, PyDict, PyTuple};
    use std::ffi::OsString;
    use std::path::PathBuf;
    use work::Work;

    #[pymodule_export]
    use amr::AmrPackets;
    #[pymodule_export]
    use batch::Batch;
    #[pymodule_export]
    use live::{LiveCall, SpeechStream};
    #[pymodule_export]
    use processed::Processed;
    #[pymodule_export]
    use work::Switch;

    type Samples<'py, T> = Bound<'py, PyArray2<T>>;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("VERSION", callweave::VERSION)?;
        module.add("REPORT_SCHEMA", host::REPORT_SCHEMA)?;
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
    #[expect(clippy::too_many_arguments, reason = "the options of one call, by position from a façade that names them")]
    fn process<'py>(
        py: Python<'py>,
        inputs: Vec<Bound<'py, PyAny>>,
        roles: Vec<String>,
        config: &str,
        progress: Option<Bound<'py, PyAny>>,
        threads: Option<usize>,
        strict: bool,
        facts: Option<String>,
    ) -> PyResult<Processed> {
        let config = arguments::config(py, config)?;
        let mut work = Work::new(py, progress, threads);
        let call = arguments::call(&mut work, &inputs, &roles)?;
        let call = move || host::with_facts(call()?, facts.as_deref());
        work.run(move |run| complete(callweave::process(call()?, &config, run)?, strict)).map(Processed::from)
    }

    /// Processes a call for its report alone, as JSON.
    #[pyfunction]
    #[expect(clippy::too_many_arguments, reason = "the options of one call, by position from a façade that names them")]
    fn analyze<'py>(
        py: Python<'py>,
        inputs: Vec<Bound<'py, PyAny>>,
        roles: Vec<String>,
        config: &str,
        progress: Option<Bound<'py, PyAny>>,
        threads: Option<usize>,
        strict: bool,
        facts: Option<String>,
    ) -> PyResult<String> {
        let config = arguments::config(py, config)?;
        let mut work = Work::new(py, progress, threads);
        let call = arguments::call(&mut work, &inputs, &roles)?;
        work.run(move |run| {
            let call = host::with_facts(call()?, facts.as_deref())?;
            let report = callweave::analyze(call, &config, run)?;
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
        bits: Option<u32>,
        config: &str,
        progress: Option<Bound<'py, PyAny>>,
    ) -> PyResult<arrays::PeakParts<'py>> {
        let config = arguments::config(py, config)?;
        let mut work = Work::new(py, progress, None);
        let input = arguments::input(&mut work, input, 0)?;
        let made = work.run(move |run| arrays::peaks(input, points_per_second, bits, &config, run))?;
        Ok(made.into_python(py))
    }

    /// Where somebody speaks on one channel of a recording.
    #[pyfunction]
    fn listen<'py>(
        py: Python<'py>,
        input: &Bound<'py, PyAny>,
        config: &str,
        unit: &str,
    ) -> PyResult<arrays::SpeechParts<'py>> {
        arrays::listen(py, input, config, unit)
    }

    /// Silero's `get_speech_timestamps` of its arguments as JSON: pairs of samples or seconds.
    #[pyfunction]
    fn speech_timestamps<'py>(py: Python<'py>, input: &Bound<'py, PyAny>, options: &str) -> PyResult<Vec<(f64, f64)>> {
        let options: host::SileroOptions = host::from_json(options).map_err(|e| error::raise(py, e))?;
        let mut work = Work::new(py, None, None);
        let input = arguments::input(&mut work, input, 0)?;
        let pairs = work.run(move |run| host::speech_timestamps(input, &options, run))?;
        Ok(pairs.into_iter().map(|[start, end]| (start, end)).collect())
    }

    /// A preset of the parameters of speech, as JSON.
    #[pyfunction]
    fn speech_preset(py: Python<'_>, name: &str) -> PyResult<String> {
        host::speech_preset(name).and_then(|preset| host::text(&preset)).map_err(|e| error::raise(py, e))
    }

    /// A stretch of a recording as 32-bit floats, its rate, and what the recording is, as JSON.
    #[pyfunction]
    fn load_float32<'py>(
        py: Python<'py>,
        input: &Bound<'py, PyAny>,
        config: &str,
        start_ms: Option<f64>,
        duration_ms: Option<f64>,
        rate_hz: Option<u32>,
    ) -> PyResult<(Samples<'py, f32>, u32, Option<String>)> {
        arrays::load(py, input, config, host::LoadOptions { start_ms, duration_ms, rate_hz })
    }

    /// The same as 16-bit numbers.
    #[pyfunction]
    fn load_int16<'py>(
        py: Python<'py>,
        input: &Bound<'py, PyAny>,
        config: &str,
        start_ms: Option<f64>,
        duration_ms: Option<f64>,
        rate_hz: Option<u32>,
    ) -> PyResult<(Samples<'py, i16>, u32, Option<String>)> {
        arrays::load(py, input, config, host::LoadOptions { start_ms, duration_ms, rate_hz })
    }

    /// The levels of each channel of a recording, as JSON.
    #[pyfunction]
    fn levels<'py>(py: Python<'py>, input: &Bound<'py, PyAny>, config: &str) -> PyResult<String> {
        let config = arguments::config(py, config)?;
        let mut work = Work::new(py, None, None);
        let input = arguments::input(&mut work, input, 0)?;
        work.run(move |run| host::text(&host::levels(input, &config.decode, run)?))
    }

    /// A recording as the bytes of a file: in the format of a name, or of a file's name.
    #[pyfunction]
    fn encode<'py>(
        py: Python<'py>,
        input: &Bound<'py, PyAny>,
        config: &str,
        format: Option<&str>,
        path: Option<PathBuf>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let config = arguments::config(py, config)?;
        let format = host::audio_format(format, path.as_deref()).map_err(|e| error::raise(py, e))?;
        let mut work = Work::new(py, None, None);
        let input = arguments::input(&mut work, input, 0)?;
        let bytes = work.run(move |run| host::encode(input, &config.decode, format, run))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// How well the calls of a folder are heard, with options as JSON: counts as JSON, and as text.
    #[pyfunction]
    fn evaluate(
        py: Python<'_>,
        folder: PathBuf,
        options: String,
        config: &str,
        threads: Option<usize>,
    ) -> PyResult<(String, String)> {
        let config = arguments::config(py, config)?;
        let work = Work::new(py, None, threads);
        work.run(move |run| host::evaluate(&folder, &options, &config, run))
    }

    /// The profile that is fitted to an evaluation and to folders of reports, as JSON.
    #[pyfunction]
    fn calibrate(py: Python<'_>, evaluation: Option<String>, name: String, reports: Vec<PathBuf>) -> PyResult<String> {
        Work::new(py, None, None).run(move |run| host::calibrate(evaluation.as_deref(), &name, &reports, run))
    }

    /// What changed between two folders of reports: as JSON, and as text.
    #[pyfunction]
    fn compare(py: Python<'_>, old: PathBuf, new: Option<PathBuf>) -> PyResult<(String, String)> {
        Work::new(py, None, None).run(move |_| host::compare(&old, new.as_deref()))
    }

    /// Writes a file, whole or not at all.
    #[pyfunction]
    fn write_file(py: Python<'_>, path: PathBuf, bytes: &Bound<'_, PyBytes>) -> PyResult<()> {
        host::write_file(&path, bytes.as_bytes()).map_err(|e| error::raise(py, e))
    }

    /// The first and the last sample of a stretch of so many samples, the last not included.
    #[pyfunction]
    fn frames(
        py: Python<'_>,
        start_ms: Option<f64>,
        end_ms: Option<f64>,
        rate_hz: u32,
        count: usize,
    ) -> PyResult<(usize, usize)> {
        host::frames(start_ms, end_ms, rate_hz, count).map_err(|e| error::raise(py, e))
    }

    /// A recording's waveform as a picture, SVG.
    #[pyfunction]
    fn wave_svg<'py>(py: Python<'py>, input: &Bound<'py, PyAny>, config: &str) -> PyResult<String> {
        let config = arguments::config(py, config)?;
        let mut work = Work::new(py, None, None);
        let input = arguments::input(&mut work, input, 0)?;
        work.run(move |run| host::wave_svg(input, &config.decode, run))
    }

    /// A report's labels in the format of a name.
    #[pyfunction]
    fn labels(py: Python<'_>, report: &str, format: &str, show_parties: bool) -> PyResult<String> {
        let told = host::from_json(report).and_then(|report| host::labels(&report, format, show_parties));
        told.map_err(|e| error::raise(py, e))
    }

    /// Words, as JSON, in a format: `srt`, `vtt` or `json`, without those in spans.
    #[pyfunction]
    fn transcript(py: Python<'_>, words: &str, format: &str, redacted: Vec<(f64, f64)>) -> PyResult<String> {
        let spans = redacted.into_iter().map(|(start, end)| callweave::units::Span::new(start, end)).collect();
        host::transcript(words, format, spans).map_err(|e| error::raise(py, e))
    }

    /// Calls a function of Python's; the work that it starts stops when the switch is thrown.
    #[pyfunction]
    fn cancellable<'py>(
        switch: &Bound<'py, Switch>,
        function: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: &Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let _within = switch.get().enter();
        function.call(args, Some(kwargs))
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
