//! callweave turns the recordings of one phone call into one call: aligned, levelled, labelled.
//!
//! From the recordings of a call it makes a [`Report`] and a mix. It
//!
//! - decodes what phone systems write, and reports what is wrong with it;
//! - places the tracks on one timeline, and says how certain that is;
//! - detects speech, key presses, ringing, music and faxes;
//! - separates the parties of a mixed recording by their voices;
//! - measures who talked, waited and interrupted;
//! - decides what happened in the call, and its tag, with reasons;
//! - mixes the parties at one level, without clipping.
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
//! The result depends only on the inputs and the [`Config`]. callweave makes no network connection
//! and keeps no state.
//!
//! # Where to begin
//!
//! | I have | and want | call |
//! |---|---|---|
//! | recordings of one call | its report | [`analyze`] |
//! | recordings of one call | its report, mix, page and labels | [`process()`], then [`Processed::write`] |
//! | a manifest or a provider's document | the same | [`CallInput::open`], then [`process()`] |
//! | many calls | their reports, in order | [`analyze_batch`], [`process_batch`] |
//! | one recording | its format, and what is wrong with it | [`probe()`], [`probe_head`] |
//! | one recording | its samples | [`decode()`] |
//! | one recording | a WAV or FLAC file at a given rate and level | [`normalize`] |
//! | samples in memory | any of the above | [`Input::samples`] |
//! | one track's samples | where its party speaks | [`speech::detect`] |
//! | a track whose samples still arrive | when speech begins and ends | [`live::SpeechStream`] |
//! | one track's samples | keys, ringing, busy, fax, beeps, music | [`events::detect`] |
//! | one track's samples | its levels | [`level::measure`] |
//! | two tracks' samples | where they lie on one timeline | [`align::pair`] |
//! | placed tracks | their mix | [`mix::tracks`] |
//! | a processed call | its mix in a file, a socket, a `Vec<u8>` | [`Processed::write_mix`] |
//! | my own speech detector | calls analyzed with it | [`CallInput::with_detector`] |
//! | a processed call | speech in chunks for a transcriber | [`Processed::chunks`] |
//! | a processed call | spans and key presses redacted | [`Processed::redact`] |
//! | two folders of reports | what changed | [`compare::compare`] |
//! | a folder of two-channel calls | how accurate callweave is on them | [`evaluate::evaluate`] |
//!
//! # Modules
//!
//! | module | what it holds |
//! |---|---|
//! | [`process`](mod@process) | one call, from recordings to report and mix; batches |
//! | [`config`], [`run`] | every option with its default; cancellation, progress and threads |
//! | [`decode`](mod@decode) | inputs, formats, warnings about damage |
//! | [`vad`], [`speech`] | probability of speech; spans, turns, chunks, bleed |
//! | [`events`] | keys, ringing, busy, fax, beeps, music |
//! | [`level`], [`resample`](mod@resample) | loudness and levels; sample rate conversion |
//! | [`align`], [`timeline`] | placement of tracks on the call's timeline |
//! | [`metrics`](mod@metrics), [`integrity`], [`outcome`] | metrics, flaws, outcome and tag |
//! | [`mix`], [`export`], [`redact`] | the mix, files and labels, redaction |
//! | [`evaluate`], [`compare`] | accuracy on your own calls; differences between reports |
//! | [`live`] | analysis while the call goes on |
//! | [`provider`] | documents of Tencent, Wellcloud, VoIPBin, MCloud, 3CX; vCons, SIPREC metadata |
//! | [`report`], [`call`], [`units`], [`samples`], [`track`], [`error`] | types shared by all modules |
//!
//! # Features
//!
//! None is on by default. `opus` and `he-aac` add decoders, `webrtc` a second speech detector (it
//! needs a C compiler), `providers` the documents of providers, `page` the call as a web page,
//! `tracing` a span for each step of the work, and `cli` the `callweave` program.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod align;
pub mod call;
mod checksum;
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
#[cfg(target_arch = "x86_64")]
mod vnni;
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
