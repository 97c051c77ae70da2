//! From callweave's error to the Python exception of its kind, with every field and its cause.

use std::error::Error as _;

use pyo3::exceptions::{PyException, PyOSError};
use pyo3::prelude::*;

use callweave::error::Error;

/// The exception `callweave.errors` makes for an error.
pub fn raise(py: Python<'_>, error: Error) -> PyErr {
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
            error.os_error(),
        ))
    })();
    let made = made.map_or_else(|e| e, PyErr::from_value);
    made.set_cause(py, cause(py, &error));
    made
}

/// What an error came of: the exception that a Python file raised, or one for the system's or a
/// library's error.
fn cause(py: Python<'_>, error: &Error) -> Option<PyErr> {
    let source = error.source()?;
    let Some(io) = source.downcast_ref::<std::io::Error>() else {
        return Some(PyException::new_err(source.to_string()));
    };
    if let Some(raised) = io.get_ref().and_then(|inner| inner.downcast_ref::<PyErr>()) {
        return Some(raised.clone_ref(py));
    }
    Some(match io.raw_os_error() {
        Some(number) => PyOSError::new_err((number, words(io), error.input().map(str::to_owned))),
        None => PyOSError::new_err(io.to_string()),
    })
}

/// The system's words, without the number that Rust adds.
fn words(io: &std::io::Error) -> String {
    let said = io.to_string();
    said.split(" (os error").next().unwrap_or(&said).to_owned()
}
