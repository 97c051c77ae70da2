//! A processed call: its report, and its tracks for a mix.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callweave::error::Stage;
use callweave::export::Names;
use callweave::host;
use callweave::process::{PartyChunk, ProcessedTrack, Redaction};
use callweave::run::RunOptions;
use callweave::units::{Rate, Span};
use callweave::{Config, WriteOptions};
use numpy::{IntoPyArray, PyArray1, PyArray2};
use pyo3::prelude::*;

use crate::error::raise;
use crate::work::Work;
use crate::{arguments, arrays};

/// A processed call with its tracks.
#[pyclass(frozen, module = "callweave._callweave")]
pub struct Processed(Shared);

/// The call, for the thread that works on it.
#[derive(Clone)]
struct Shared(Arc<Mutex<callweave::Processed>>);

impl From<callweave::Processed> for Processed {
    fn from(processed: callweave::Processed) -> Self {
        Self(Shared(Arc::new(Mutex::new(processed))))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, callweave::Processed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Processed {
    /// Does something with the call while the interpreter is free. Another thread may be at it: all
    /// of it may wait.
    fn work<T: Send + 'static>(
        &self,
        py: Python<'_>,
        what: impl FnOnce(&mut callweave::Processed, &RunOptions) -> callweave::Result<T> + Send + 'static,
    ) -> PyResult<T> {
        self.on(Work::new(py, None, None), what)
    }

    /// As `work`, for what is done in no time: on one thread.
    fn look<T: Send + 'static>(
        &self,
        py: Python<'_>,
        what: impl FnOnce(&mut callweave::Processed) -> callweave::Result<T> + Send + 'static,
    ) -> PyResult<T> {
        self.on(Work::new(py, None, Some(1)), |call, _| what(call))
    }

    fn on<T: Send + 'static>(
        &self,
        work: Work<'_>,
        what: impl FnOnce(&mut callweave::Processed, &RunOptions) -> callweave::Result<T> + Send + 'static,
    ) -> PyResult<T> {
        let call = self.0.clone();
        work.run(move |run| {
            let mut call = call.lock();
            run.check(Stage::Input)?;
            what(&mut call, run)
        })
    }
}

#[pymethods]
impl Processed {
    /// The report as JSON, with the outputs that were written so far.
    fn report_json(&self, py: Python<'_>) -> PyResult<String> {
        self.look(py, |call| call.report.to_json())
    }

    /// The mix as 16-bit samples, their rate, and what is to be said of its level.
    fn mix<'py>(&self, py: Python<'py>, config: &str) -> PyResult<MixParts<'py>> {
        let config = arguments::config(py, config)?;
        let (samples, rate, warnings) = self.work(py, move |call, run| {
            let (samples, rate) = arrays::gather(call.mix(&config.mix)?, run)?;
            let warnings = call.level_warnings(&config.mix).into_iter().map(|warning| warning.message);
            Ok((samples, rate, warnings.collect()))
        })?;
        Ok((samples.into_pyarray(py), rate, warnings))
    }

    /// Writes the mix, the report and what else is asked for to a folder.
    #[expect(clippy::too_many_arguments, reason = "the options of one call, by position from a façade that names them")]
    fn write(
        &self,
        py: Python<'_>,
        folder: PathBuf,
        config: &str,
        page: bool,
        embed_audio: bool,
        peaks: Option<u32>,
        series: bool,
        labels: Vec<String>,
        show_parties: bool,
        redacted_tracks: Option<&str>,
        keep_unsure: bool,
    ) -> PyResult<()> {
        let config = arguments::config(py, config)?;
        let labels = labels.iter().map(|name| host::label_format(name)).collect::<callweave::Result<_>>();
        let labels = labels.map_err(|e| raise(py, e))?;
        let names = if show_parties { Names::Parties } else { Names::Roles };
        let redacted_tracks = redacted_tracks.map(|name| host::audio_format(Some(name), None)).transpose();
        let redacted_tracks = redacted_tracks.map_err(|e| raise(py, e))?;
        let options = WriteOptions { page, embed_audio, peaks, series, labels, names, redacted_tracks, keep_unsure };
        self.work(py, move |call, run| call.write_with(&folder, &config.mix, &options, run))
    }

    /// Takes what a redaction, as JSON, names out of every track.
    fn redact(&self, py: Python<'_>, what: &str) -> PyResult<()> {
        let what: Redaction = host::from_json(what).map_err(|e| raise(py, e))?;
        self.work(py, move |call, _| call.redact(&what))
    }

    /// Each second's level by track, as JSON.
    fn series(&self, py: Python<'_>) -> PyResult<String> {
        self.look(py, |call| call.series())
    }

    /// The chunks for a transcriber.
    fn chunks(
        &self,
        py: Python<'_>,
        config: &str,
        longest_ms: Option<f64>,
        pad_ms: Option<f64>,
        merge_gap_ms: Option<f64>,
    ) -> PyResult<Vec<ChunkParts>> {
        let config = arguments::config(py, config)?;
        let options = host::chunk_options(&config, longest_ms, pad_ms, merge_gap_ms).map_err(|e| raise(py, e))?;
        let pairs = |parts: &[Span]| parts.iter().map(|part| (part.start.0, part.end.0)).collect();
        let parts = move |call: &callweave::Processed, party: &PartyChunk| {
            let (on_call, role) = (party.chunk.call, party.role.name().to_owned());
            let lies = (on_call.start.0, on_call.end.0);
            let place = (party.placed, party.track, party.voice);
            (place, role, lies, pairs(&party.parts), host::chunk_knots(call, party))
        };
        self.work(py, move |call, _| {
            let chunks = call.chunks(&config, &options)?;
            Ok(chunks.iter().map(|chunk| parts(call, chunk)).collect())
        })
    }

    /// The samples of a chunk: of a track's place, a voice and parts of the track's time.
    fn cut<'py>(
        &self,
        py: Python<'py>,
        place: (usize, Option<usize>),
        parts: Vec<(f64, f64)>,
        pad_ms: Option<f64>,
        rate_hz: Option<u32>,
    ) -> PyResult<(Bound<'py, PyArray1<f32>>, u32)> {
        let options = host::chunk_options(&Config::default(), None, pad_ms, None).map_err(|e| raise(py, e))?;
        let (samples, rate) = self.look(py, move |call| {
            let parts = parts.into_iter().map(|(start, end)| Span::new(start, end)).collect();
            host::chunk_samples(call, place, parts, &options, rate_hz)
        })?;
        Ok((samples.into_pyarray(py), rate.hz()))
    }

    /// The tracks that are here: each one's place among the report's, its role and its rate.
    fn placed(&self, py: Python<'_>) -> PyResult<Vec<(usize, String, u32)>> {
        self.look(py, |call| {
            let parts =
                |placed: &ProcessedTrack| (placed.index, placed.track.role.name().to_owned(), placed.track.rate.hz());
            Ok(call.tracks.iter().map(parts).collect())
        })
    }

    /// A track's samples along the call's timeline, at its own rate or another.
    fn aligned<'py>(
        &self,
        py: Python<'py>,
        placed: usize,
        rate_hz: Option<u32>,
    ) -> PyResult<Bound<'py, PyArray1<f32>>> {
        let samples = self.work(py, move |call, _| call.aligned(placed, rate_hz.map(Rate::new).transpose()?))?;
        Ok(samples.into_pyarray(py))
    }
}

type MixParts<'py> = (Bound<'py, PyArray2<i16>>, u32, Vec<String>);

/// A chunk: the track's place here and in the report with its voice, its role, where it lies on the
/// call, its parts in the track's time, and the way from its own time to the call's.
type ChunkParts = ((usize, usize, Option<usize>), String, (f64, f64), Vec<(f64, f64)>, Vec<(f64, f64)>);
