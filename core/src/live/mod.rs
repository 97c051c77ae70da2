//! Analyzes calls while they go on: samples are pushed as they arrive, and events are reported as
//! soon as they are certain.
//!
//! [`SpeechStream`] detects speech on one track. [`LiveCall`] analyzes a whole call: speech, turns,
//! overlap, keys, tones, music, silence, the answer, and a report at any time.

mod answer;
mod call;
mod event;
mod floor;
mod hysteresis;
mod keep;
mod ledger;
mod limit;
mod noise;
mod options;
mod packets;
mod samples;
mod stream;
mod track;

pub use call::{LiveCall, LiveOptions, LiveTrackOptions};
pub use event::{Certainty, LiveEvent, LiveEventKind};
pub use hysteresis::StreamEvent;
pub use keep::Keep;
pub use options::StreamOptions;
pub use packets::{LivePacket, PacketCounts};
pub use samples::{LiveSamples, SampleEncoding};
pub use stream::SpeechStream;
