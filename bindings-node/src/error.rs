//! From callweave's error to a JavaScript one: its fields travel as JSON in the reason, and the
//! façade makes a `CallweaveError` of them, with the stack of the caller.

use std::error::Error as _;

use serde_json::json;

/// The error for the façade to unpack.
pub fn raise(error: callweave::error::Error) -> napi::Error {
    let fields = json!({
        "code": error.code(),
        "text": error.to_string(),
        "stage": error.stage().name(),
        "reason": error.message(),
        "input": error.input(),
        "byte": error.byte(),
        "found": error.found(),
        "expected": error.expected(),
        "cause": error.source().map(ToString::to_string),
        "osError": error.os_error(),
    });
    napi::Error::from_reason(fields.to_string())
}
