//! A processed call: its report, and its tracks for a mix.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use numpy::PyArray2;
use pyo3::prelude::*;

use crate::work::Work;
use crate::{arguments, arrays};

/// A processed call with its tracks.
#[pyclass(frozen, module = "callweave._callweave")]
pub struct Processed(Mutex<callweave::Processed>);

impl From<callweave::Processed> for Processed {
    fn from(processed: callweave::Processed) -> Self {
        Self(Mutex::new(processed))
    }
}

impl Processed {
    fn lock(&self) -> MutexGuard<'_, callweave::Processed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Processed {
    /// The report as JSON, with the outputs that were written so far.
    fn report_json(&self, py: Python<'_>) -> String {
        py.detach(|| self.lock().report.to_json())
    }

    /// The mix as 16-bit samples, and their rate.
    fn mix<'py>(&self, py: Python<'py>, config: &str) -> PyResult<(Bound<'py, PyArray2<i16>>, u32)> {
        let config = arguments::config(py, config)?;
        let (planes, rate) = Work::new(py, None, None).run(|control| {
            let call = self.lock();
            let mixer = call.mix(&config.mix)?;
            let rate = mixer.rate().hz();
            Ok((arrays::gather(mixer, control)?, rate))
        })?;
        Ok((arrays::into_python(py, planes)?, rate))
    }

    /// Writes mix.wav and report.json to a folder.
    fn write(&self, py: Python<'_>, folder: PathBuf, config: &str) -> PyResult<()> {
        let config = arguments::config(py, config)?;
        Work::new(py, None, None).run(|control| self.lock().write(&folder, &config.mix, control))
    }
}
