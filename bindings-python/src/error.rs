//! From callweave's error to the Python exception of its kind, with every field.

use pyo3::prelude::*;

/// The exception `callweave.errors` makes for an error.
pub fn raise(py: Python<'_>, error: callweave::error::Error) -> PyErr {
    let made = (|| {
        py.import("callweave.errors")?.getattr("from_native")?.call1((
            error.code(),
            error.to_string(),
            error.stage().name(),
            error.message(),
            error.input(),
            error.byte(),
            error.found(),
            error.expected(),
        ))
    })();
    made.map_or_else(|e| e, PyErr::from_value)
}
