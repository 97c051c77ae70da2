//! Calls while they go on: samples are pushed as they arrive, and what is certain is told at once.
//!
//! [`SpeechStream`] hears speech in one track.

mod hysteresis;
mod options;
mod samples;
mod stream;

pub use hysteresis::StreamEvent;
pub use options::StreamOptions;
pub use samples::{LiveSamples, SampleEncoding};
pub use stream::SpeechStream;
