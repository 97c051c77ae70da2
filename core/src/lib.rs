//! The audio library for call recordings: what one call left behind becomes one aligned, levelled,
//! labelled call.
//!
//! ```
//! use callweave::{Config, Input, Role, RunOptions, analyze};
//!
//! let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/short");
//! let inputs = vec![
//!     Input::path(format!("{folder}/customer.wav")).role(Role::Customer),
//!     Input::path(format!("{folder}/agent.wav")).role(Role::Agent),
//! ];
//! let report = analyze(inputs, &Config::default(), &RunOptions::default())?;
//! println!("{}: {} because of {:?}", report.tag.value, report.outcome.value, report.outcome.reasons);
//! # Ok::<(), callweave::Error>(())
//! ```
//!
//! # Where to begin
//!
//! | I have | and want | call |
//! |---|---|---|
//! | recordings of one call | its report | [`analyze`] |
//! | recordings of one call | its report, its mix, a page, labels | [`process()`], then [`Processed::write`] |
//! | a manifest or a provider's document | the same | [`CallInput::open`], then [`process()`] |
//! | many calls | their reports, in order | [`analyze_batch`], [`process_batch`] |
//! | one recording | what it is and what is wrong with it | [`probe()`], [`probe_head`] |
//! | one recording | its samples | [`decode()`] |
//! | one recording | a wav or FLAC of one rate and level | [`normalize`] |
//! | samples in memory | any of the above | [`Input::samples`] |
//! | one track's samples | where somebody speaks | [`speech::detect`] |
//! | a track whose samples are still coming | where somebody begins and ends to speak | [`live::SpeechStream`] |
//! | one track's samples | keys, ringing, busy, fax, beeps, music | [`events::detect`] |
//! | one track's samples | how loud it is | [`level::measure`] |
//! | two tracks' samples | where they lie on one timeline | [`align::pair`] |
//! | placed tracks | their mix | [`mix::tracks`] |
//! | a processed call | its mix, to a file, a socket, a `Vec<u8>` | [`Processed::write_mix`] |
//! | a detector of my own | a call heard by it | [`CallInput::with_detector`] |
//! | a processed call | speech cut for a transcriber | [`Processed::chunks`] |
//! | a processed call | spans and key presses taken out | [`Processed::redact`] |
//! | two folders of reports | what changed | [`compare::compare`] |
//! | a folder of two-channel calls | how well they are heard | [`evaluate::evaluate`] |
//!
//! # Map
//!
//! | module | what |
//! |---|---|
//! | [`process`](mod@process) | one call from recordings to report and mix; batches |
//! | [`config`], [`run`] | every choice with its default; cancel, progress and threads |
//! | [`decode`](mod@decode) | inputs, formats, warnings about damage |
//! | [`vad`], [`speech`] | probability of speech; spans, turns, chunks, the gate against bleed |
//! | [`events`] | keys, ringing, busy, fax, beeps, music |
//! | [`level`], [`resample`](mod@resample) | loudness and levels; other rates |
//! | [`align`], [`timeline`] | placement of tracks on the call's timeline |
//! | [`metrics`](mod@metrics), [`integrity`], [`outcome`] | figures, flaws, outcome and tag |
//! | [`mix`], [`export`], [`redact`] | the mix, files and labels, redaction |
//! | [`evaluate`], [`compare`] | how well the caller's own calls are heard; what changed between reports |
//! | [`live`] | the same ears while the call goes on |
//! | [`provider`] | documents of Tencent, Wellcloud, VoIPBin, MCloud and 3CX |
//! | [`report`], [`call`], [`units`], [`samples`], [`track`], [`error`] | the types that all of them share |
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod align;
pub mod call;
#[cfg(feature = "cli")]
pub mod cli;
pub mod compare;
pub mod config;
pub mod decode;
pub mod error;
pub mod evaluate;
pub mod events;
pub mod export;
mod files;
#[doc(hidden)]
pub mod host;
pub mod integrity;
#[doc(hidden)]
pub mod json;
pub mod level;
pub mod live;
pub mod metrics;
pub mod mix;
pub mod outcome;
pub mod process;
pub mod provider;
pub mod redact;
pub mod report;
pub mod resample;
mod room;
pub mod run;
pub mod samples;
mod simd;
pub mod speech;
mod threads;
pub mod timeline;
pub mod track;
pub mod units;
pub mod vad;
mod voices;

pub use call::{Call, Direction, Fact, FactKind, FactTime, KnownOffset, Moment, Outcome, Role, Tag};
pub use config::{Config, DecodeOptions, MixConfig};
pub use decode::{Input, Probe, decode, probe, probe_head};
pub use error::{Error, ErrorKind, Result, Warning};
pub use process::{
    CallInput, NormalizeOptions, Normalized, Processed, VERSION, WriteOptions, analyze, analyze_batch, normalize,
    process, process_batch,
};
pub use report::Report;
pub use run::{Cancel, CancelGuard, Progress, RunOptions, Timings};
