//! Many calls side by side: calls go in on the caller's thread, which comes back for what became of
//! them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use callweave::error::{Error, Stage};
use callweave::run::{Cancel, RunOptions};
use callweave::{Config, Processed as Call, analyze, process};
use pyo3::prelude::*;

use crate::arguments::{self, Opened};
use crate::complete;
use crate::error::raise;
use crate::processed::Processed;
use crate::work::{self, Work};

/// How long a wait lasts before signals are looked at.
const LOOK_UP: Duration = Duration::from_millis(10);

type Calls = process::Batch<Begun, Ended>;

/// A call that goes in.
enum Begun {
    Call(Opened),
    /// One that could not be opened, and why: the exception comes out in its place.
    Refused(Py<PyAny>),
}

/// What comes out.
enum Ended {
    Call(Box<Call>),
    Refused(Py<PyAny>),
}

/// Calls under way.
#[pyclass(frozen, module = "callweave._callweave")]
pub struct Batch {
    calls: Mutex<Calls>,
    cancel: Cancel,
    max_bytes: u64,
}

impl Batch {
    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Batch {
    /// A batch with a configuration for all of its calls; without tracks, for reports alone.
    #[new]
    fn new(py: Python<'_>, config: &str, threads: Option<usize>, tracks: bool, strict: bool) -> PyResult<Self> {
        let config = arguments::config(py, config)?;
        let max_bytes = config.decode.max_bytes;
        let cancel = work::switch();
        let run = RunOptions { cancel: cancel.clone(), threads, ..RunOptions::default() };
        let calls = Calls::new(&run, move |call: Begun, run| done(call, &config, (tracks, strict), run));
        Ok(Self { calls: Mutex::new(calls.map_err(|e| raise(py, e))?), cancel, max_bytes })
    }

    /// Whether results must be taken before more calls are begun.
    fn is_full(&self) -> bool {
        self.lock().is_full()
    }

    /// Whether every call that was begun has been taken.
    fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Begins a call; its files are read into memory now.
    fn push<'py>(&self, py: Python<'py>, inputs: Vec<Bound<'py, PyAny>>) -> PyResult<()> {
        let call = arguments::call(&mut Work::ahead(py, self.max_bytes), &inputs, &[])?;
        self.lock().push(Begun::Call(call));
        Ok(())
    }

    /// Takes a call that cannot be begun: its exception comes out in its place.
    fn refuse(&self, error: Py<PyAny>) {
        self.lock().push(Begun::Refused(error));
    }

    /// What came of the next call in order, or the exception; nothing where none is in work.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        loop {
            let taken = py.detach(|| self.lock().take(LOOK_UP));
            py.check_signals()?;
            if self.cancel.is_cancelled() {
                return Err(raise(py, Error::cancelled(Stage::Input)));
            }
            match taken {
                Some(Ok(Ended::Refused(error))) => return Ok(Some(error.into_bound(py))),
                Some(Ok(Ended::Call(call))) => return Ok(Some(Bound::new(py, Processed::from(*call))?.into_any())),
                Some(Err(error)) => return Ok(Some(raise(py, error).into_value(py).into_bound(py).into_any())),
                None if self.is_empty() => return Ok(None),
                None => {}
            }
        }
    }

    /// Stops the work on all calls: what is done is dropped, what is in work is told to stop.
    fn cancel(&self, py: Python<'_>) {
        self.cancel.cancel();
        py.detach(|| while self.lock().take(Duration::ZERO).is_some() {});
    }
}

fn done(call: Begun, config: &Config, (tracks, strict): (bool, bool), run: &RunOptions) -> callweave::Result<Ended> {
    let call = match call {
        Begun::Call(open) => open()?,
        Begun::Refused(error) => return Ok(Ended::Refused(error)),
    };
    let call = if tracks { process(call, config, run)? } else { Call::from(analyze(call, config, run)?) };
    Ok(Ended::Call(Box::new(complete(call, strict)?)))
}
