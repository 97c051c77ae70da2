//! Streams and calls that go on: samples are copied, and heard with the interpreter released.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callweave::Result as Outcome;
use callweave::host::{self, OwnedSamples};
use callweave::live;
use callweave::run::RunOptions;
use callweave::units::{Millis, Rate};
use numpy::{PyReadonlyArray1, PyUntypedArrayMethods};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::arguments;
use crate::error::raise;
use crate::processed::Processed;
use crate::work::Work;

/// The samples of an array of one dimension, or of bytes in an encoding.
fn samples(samples: &Bound<'_, PyAny>, encoding: Option<&str>) -> PyResult<OwnedSamples> {
    if let Ok(array) = samples.extract::<PyReadonlyArray1<'_, i16>>() {
        return Ok(OwnedSamples::I16(array.as_array().to_vec()));
    }
    if let Ok(array) = samples.extract::<PyReadonlyArray1<'_, f32>>() {
        return Ok(OwnedSamples::F32(array.as_array().to_vec()));
    }
    if let Ok(array) = samples.cast::<numpy::PyUntypedArray>() {
        let found = format!("{} of {} dimensions", array.dtype(), array.ndim());
        let said = format!("samples: found {found}, expected int16 or float32 of one dimension");
        return Err(PyTypeError::new_err(said));
    }
    let py = samples.py();
    let bytes = PyBuffer::<u8>::get(samples)?.to_vec(py)?;
    let Some(encoding) = encoding else {
        return Err(PyTypeError::new_err(
            "samples: found bytes without an encoding, expected one of s16, s16be, mulaw, alaw, f32",
        ));
    };
    OwnedSamples::bytes(encoding, bytes).map_err(|e| raise(py, e))
}

/// One line of samples.
#[pyclass(frozen, module = "callweave._callweave")]
pub struct SpeechStream {
    stream: Mutex<live::SpeechStream>,
}

impl SpeechStream {
    fn lock(&self) -> MutexGuard<'_, live::SpeechStream> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut live::SpeechStream) -> Outcome<T> + Send,
    ) -> PyResult<T> {
        py.detach(|| work(&mut self.lock())).map_err(|e| raise(py, e))
    }
}

#[pymethods]
impl SpeechStream {
    #[new]
    fn new(py: Python<'_>, sample_rate_hz: u32, options: &str) -> PyResult<Self> {
        let stream = host::speech_stream(sample_rate_hz, options).map_err(|e| raise(py, e))?;
        Ok(Self { stream: Mutex::new(stream) })
    }

    /// Events as JSON; none where there are none.
    fn push(
        &self,
        py: Python<'_>,
        samples: &Bound<'_, PyAny>,
        encoding: Option<&str>,
        sample_rate_hz: Option<u32>,
    ) -> PyResult<Option<String>> {
        let samples = self::samples(samples, encoding)?;
        self.with(py, |stream| {
            let rate = sample_rate_hz.map_or(Ok(stream.rate()), Rate::new)?;
            host::events(stream.push_at(rate, samples.live())?)
        })
    }

    fn flush(&self, py: Python<'_>) -> PyResult<Option<String>> {
        self.with(py, |stream| host::events(stream.flush()?))
    }

    fn reset(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, live::SpeechStream::reset)
    }

    #[getter]
    fn probabilities(&self) -> Vec<f32> {
        self.lock().probabilities().to_vec()
    }

    #[getter]
    fn probability(&self) -> f32 {
        self.lock().probability()
    }

    #[getter]
    fn heard_ms(&self) -> f64 {
        self.lock().heard().0
    }

    #[getter]
    fn speaking(&self) -> bool {
        self.lock().is_speaking()
    }

    #[getter]
    fn sample_rate_hz(&self) -> u32 {
        self.lock().rate().hz()
    }
}

/// A call that goes on.
#[pyclass(frozen, module = "callweave._callweave")]
pub struct LiveCall {
    call: Arc<Mutex<live::LiveCall>>,
}

fn locked(call: &Mutex<live::LiveCall>) -> MutexGuard<'_, live::LiveCall> {
    call.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LiveCall {
    fn lock(&self) -> MutexGuard<'_, live::LiveCall> {
        locked(&self.call)
    }

    fn with<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut live::LiveCall) -> Outcome<T> + Send,
    ) -> PyResult<T> {
        py.detach(|| work(&mut self.lock())).map_err(|e| raise(py, e))
    }
}

#[pymethods]
impl LiveCall {
    #[new]
    fn new(py: Python<'_>, tracks: &str, config: &str, options: &str) -> PyResult<Self> {
        let config = arguments::config(py, config)?;
        let call = host::live_call(tracks, &config, options).map_err(|e| raise(py, e))?;
        Ok(Self { call: Arc::new(Mutex::new(call)) })
    }

    /// Events as JSON; none where there are none.
    fn push(
        &self,
        py: Python<'_>,
        track: usize,
        samples: &Bound<'_, PyAny>,
        encoding: Option<&str>,
        sample_rate_hz: Option<u32>,
    ) -> PyResult<Option<String>> {
        let samples = self::samples(samples, encoding)?;
        self.with(py, |call| {
            match sample_rate_hz {
                Some(hz) => call.push_at(track, Rate::new(hz)?, samples.live())?,
                None => call.push(track, samples.live())?,
            }
            host::next_events(call)
        })
    }

    fn packet(
        &self,
        py: Python<'_>,
        track: usize,
        sequence: u16,
        timestamp: u32,
        payload: Vec<u8>,
        encoding: &str,
    ) -> PyResult<Option<String>> {
        self.with(py, |call| {
            let encoding = live::SampleEncoding::from_name(encoding)?;
            call.packet(track, encoding, live::LivePacket { sequence, timestamp, payload: &payload })?;
            host::next_events(call)
        })
    }

    fn rtp(&self, py: Python<'_>, track: usize, datagram: Vec<u8>, encoding: &str) -> PyResult<Option<String>> {
        self.with(py, |call| {
            call.rtp(track, live::SampleEncoding::from_name(encoding)?, &datagram)?;
            host::next_events(call)
        })
    }

    fn begin(&self, py: Python<'_>, track: usize, at_ms: f64) -> PyResult<()> {
        self.with(py, |call| call.begin(track, Millis(at_ms)))
    }

    fn end(&self, py: Python<'_>, track: usize) -> PyResult<Option<String>> {
        self.with(py, |call| {
            call.end(track)?;
            host::next_events(call)
        })
    }

    fn events(&self, py: Python<'_>) -> PyResult<Option<String>> {
        self.with(py, host::next_events)
    }

    /// How the packets of a track came, as JSON; `null` where it has taken none.
    fn packets(&self, py: Python<'_>, track: usize) -> PyResult<String> {
        self.with(py, |call| host::text(&call.packets(track)?))
    }

    #[getter]
    fn heard_ms(&self) -> f64 {
        self.lock().heard().0
    }

    fn snapshot(&self, py: Python<'_>) -> PyResult<String> {
        self.with(py, |call| call.snapshot()?.to_json())
    }

    fn finish(&self, py: Python<'_>) -> PyResult<Processed> {
        let call = Arc::clone(&self.call);
        let finish = move |run: &RunOptions| locked(&call).finish(run);
        Work::new(py, None, None).run(finish).map(Processed::from)
    }
}
