//! The native half of the pip package `callweave`: argument conversion, the release of the interpreter and error
//! mapping. Defaults, checks and arithmetic live in the crate `callweave`; names and types for people in
//! `python/callweave`.

mod error;

use pyo3::prelude::*;

/// The native module; `python/callweave` is its public face.
#[pymodule(gil_used = false)]
mod _callweave {
    use super::*;
    use callweave::config::Config;
    use callweave::error::ErrorKind;
    use pyo3::types::PyTuple;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("VERSION", env!("CARGO_PKG_VERSION"))?;
        module.add("ERROR_CODES", PyTuple::new(module.py(), ErrorKind::ALL.map(ErrorKind::code))?)
    }

    /// The whole configuration, the part that differs from the defaults, and its hash, from a part in JSON.
    #[pyfunction]
    fn read_config(py: Python<'_>, json: &str) -> PyResult<(String, String, String)> {
        let config = Config::from_json(json).map_err(|e| error::raise(py, e))?;
        let full = serde_json::to_string(&config).unwrap_or_default();
        Ok((full, config.changes().to_string(), config.hash()))
    }
}
