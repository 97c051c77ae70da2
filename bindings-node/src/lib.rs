//! The native half of the npm package `callweave`: argument conversion, work off the event loop and error mapping.
//! Defaults, checks and arithmetic live in the crate `callweave`; names and types for people in `lib/`.

mod error;

use callweave::config::Config;
use callweave::error::ErrorKind;
use napi_derive::napi;

use error::raise;

/// The library's version.
#[napi]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// The codes of errors, in the order of the core.
#[napi]
pub fn error_codes() -> Vec<&'static str> {
    ErrorKind::ALL.map(ErrorKind::code).to_vec()
}

/// The whole configuration, as JSON, from a part of it in JSON.
#[napi]
pub fn read_config(json: String) -> napi::Result<String> {
    let config = Config::from_json(&json).map_err(raise)?;
    Ok(serde_json::to_string(&config).unwrap_or_default())
}
