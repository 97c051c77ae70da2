//! The audio library for call recordings.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod align;
pub mod call;
#[cfg(feature = "cli")]
pub mod cli;
pub mod config;
pub mod decode;
pub mod error;
pub mod events;
pub mod export;
#[doc(hidden)]
pub mod host;
pub mod integrity;
#[doc(hidden)]
pub mod json;
pub mod level;
pub mod metrics;
pub mod mix;
pub mod outcome;
pub mod process;
pub mod provider;
pub mod redact;
pub mod report;
pub mod resample;
pub mod run;
mod simd;
pub mod speech;
mod threads;
pub mod timeline;
pub mod track;
pub mod units;
pub mod vad;
pub mod voices;

pub use call::{Call, Direction, Moment, Outcome, Role, Tag};
pub use config::{Config, DecodeOptions, MixConfig};
pub use decode::{Input, Probe, decode, probe, probe_head};
pub use error::{Error, ErrorKind, Result, Warning};
pub use process::{
    CallInput, NormalizeOptions, Normalized, Processed, VERSION, WriteOptions, analyze, analyze_batch, normalize,
    process, process_batch,
};
pub use report::Report;
pub use run::{Cancel, CancelGuard, Progress, RunOptions};
