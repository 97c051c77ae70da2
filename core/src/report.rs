//! The report: the result of analyzing a call.
//!
//! Names, units and meanings are a contract with other programs. They change only together with
//! [`SCHEMA_VERSION`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::call::{Direction, FactKind, Moment, Role};
use crate::decode::SourceInfo;
use crate::error::{Error, ErrorKind, Result, Warning};
use crate::integrity::Finding;
use crate::json;
use crate::metrics::Metrics;
use crate::outcome::{Decision, Tagged};
use crate::timeline::{Event, Knot, Method, Placement};
use crate::units::{Decibels, Millis, Ppm, Span};

/// The version of the report's schema.
pub const SCHEMA_VERSION: u32 = 1;

/// The analysis of one call.
///
/// Times are milliseconds on the call's timeline unless a field says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Report {
    /// The schema version, [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The library that made the report.
    pub library: Named,
    /// The settings that differ from the defaults.
    pub config: Value,
    /// SHA-256 of the whole configuration, in hexadecimal.
    pub config_hash: String,
    /// The configuration's profile.
    #[serde(default)]
    pub profile: Option<ProfileReport>,
    /// The revision of each stage, as in [`REVISIONS`]. Empty in reports made before revisions
    /// existed.
    #[serde(default)]
    pub stages: BTreeMap<String, u32>,
    /// The speech detector.
    pub detector: DetectorReport,
    /// The call.
    pub call: CallReport,
    /// The tracks, in the order in which they were given.
    pub tracks: Vec<TrackReport>,
    /// The parties' turns.
    pub turns: Vec<TurnReport>,
    /// The conversation's metrics.
    pub metrics: Metrics,
    /// The outcome and its reasons.
    pub outcome: Decision,
    /// The tag that follows from the outcome.
    pub tag: Tagged,
    /// Problems with the recordings, as measured.
    #[serde(default)]
    pub integrity: Vec<Finding>,
    /// Spans in which audio was redacted.
    #[serde(default)]
    pub redacted: Vec<Span>,
    /// What the caller knew about the call.
    #[serde(default)]
    pub facts: Vec<FactReport>,
    /// Warnings about the call as a whole.
    pub warnings: Vec<Warning>,
    /// The files that were written.
    pub outputs: Vec<OutputFile>,
}

/// The stages and their revisions, in processing order.
///
/// A revision rises when the stage's numbers change, including through a change in an earlier
/// stage. A patch release changes none.
pub const REVISIONS: [(&str, u32); 9] = [
    ("decode", 1),
    ("level", 1),
    ("events", 1),
    ("align", 1),
    ("speech", 1),
    ("voices", 1),
    ("metrics", 1),
    ("integrity", 1),
    ("outcome", 1),
];

/// Returns this version's revisions by stage.
pub(crate) fn revisions() -> BTreeMap<String, u32> {
    REVISIONS.iter().map(|&(stage, revision)| (stage.to_owned(), revision)).collect()
}

/// The profile on which a configuration is based.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProfileReport {
    /// The profile's name.
    pub name: String,
    /// SHA-256 of the profile, in hexadecimal.
    pub hash: String,
}

impl ProfileReport {
    /// Creates the entry from a profile's name and hash.
    pub(crate) fn new(name: &str, hash: String) -> Self {
        Self { name: name.to_owned(), hash }
    }
}

/// A fact about the call, as given by the caller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct FactReport {
    /// What happened.
    pub kind: FactKind,
    /// The party concerned, as the caller named it.
    pub party: Option<String>,
    /// The reason, if the caller gave one.
    pub reason: Option<String>,
    /// When it happened: a point in time, or beginning and end.
    #[serde(flatten)]
    pub span: Span,
    /// Whether the audio contradicts it.
    pub contradicted: bool,
}

/// A name with a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Named {
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
}

/// The speech detector of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DetectorReport {
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
    /// How Silero's network was computed: `int16` by 16-bit integers, `f32`, or `portable` by f32
    /// with the same bits on every machine. `None` for other detectors.
    #[serde(default)]
    pub arithmetic: Option<String>,
}

/// The call as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CallReport {
    /// The call's id at its provider.
    pub id: Option<String>,
    /// The provider's name.
    pub provider: Option<String>,
    /// Who called whom.
    pub direction: Option<Direction>,
    /// When the call began.
    pub started_at: Option<Moment>,
    /// Time from the first recorded sample of any track to the last.
    pub duration_ms: Millis,
}

/// One track of the call.
///
/// A track that could not be read has an `error`, and no source, alignment or level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TrackReport {
    /// The track's index in the call.
    pub index: usize,
    /// Who speaks.
    pub role: Role,
    /// The party's number, address or name.
    pub party: Option<String>,
    /// Why the track could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<TrackError>,
    /// The channel of its recording, if that has several and the track is one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<u16>,
    /// The recording it comes from.
    pub source: Option<SourceInfo>,
    /// The recordings it consists of, if a party has several in sequence. `source` is then the
    /// first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pieces: Vec<SegmentReport>,
    /// Its placement on the call's timeline.
    pub alignment: Option<AlignmentReport>,
    /// Its levels.
    pub level: Option<LevelReport>,
    /// Spans in which the party speaks.
    pub speech: Vec<Span>,
    /// The parties of a mixed track, in the order of their first speech. `None` if the track was
    /// not examined or the voices cannot be told apart.
    #[serde(default)]
    pub voices: Option<Vec<VoiceReport>>,
    /// The expected share of speech time that is with its right voice, from 0 to 1, with four
    /// decimals. `None` if `voices` is, and without speech.
    #[serde(default)]
    pub voices_confidence: Option<f64>,
    /// Spans in which another party is faintly audible.
    pub bleed: Vec<Bleed>,
    /// Sounds other than speech: tones, music, silence, damage.
    pub events: Vec<Event>,
}

/// One party of a mixed track.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VoiceReport {
    /// The voice's index on its track.
    pub voice: usize,
    /// Who speaks.
    pub role: Role,
    /// Probability that the role is right. `None` if the role is unknown.
    pub role_confidence: Option<f64>,
    /// Spans in which this party speaks.
    pub speech: Vec<Span>,
}

/// One of the recordings of a track.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SegmentReport {
    /// The recording it comes from.
    pub source: SourceInfo,
    /// The time it covers on the call's timeline.
    #[serde(flatten)]
    pub span: Span,
}

/// Why a track could not be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TrackError {
    /// The error's stable code.
    pub code: ErrorKind,
    /// The error's message.
    pub message: String,
}

impl From<&Error> for TrackError {
    fn from(error: &Error) -> Self {
        Self { code: error.kind(), message: error.to_string() }
    }
}

/// A track's placement on the call's timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AlignmentReport {
    /// Call time of the track's first sample, with the codec delay removed.
    pub offset_ms: Millis,
    /// The recorder's clock error; positive if it ran fast.
    pub drift_ppm: Ppm,
    /// How the placement was found.
    pub method: Method,
    /// Probability that the placement is within 250 ms of the truth, from 0 to 1, with four
    /// decimals.
    pub confidence: f64,
    /// Half the width of the 90 % interval around the placement.
    pub uncertainty_ms: Millis,
    /// The placement itself: pairs of track time and call time.
    pub knots: Vec<Knot>,
}

impl From<&Placement> for AlignmentReport {
    fn from(placement: &Placement) -> Self {
        Self {
            offset_ms: placement.offset(),
            drift_ppm: placement.drift(),
            method: placement.method,
            confidence: rounded(placement.confidence),
            uncertainty_ms: placement.uncertainty,
            knots: placement.knots().to_vec(),
        }
    }
}

/// A track's levels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LevelReport {
    /// Active speech level (ITU-T P.56) in dBov. `None` if no speech is active.
    pub active_dbov: Option<Decibels>,
    /// Share of the time in which speech is active (ITU-T P.56), from 0 to 1, with four decimals.
    pub activity_factor: f64,
    /// True peak in dBTP. `None` for digital silence.
    pub true_peak_dbtp: Option<Decibels>,
    /// Integrated loudness (EBU R 128) in LUFS. `None` for silence, or for less than 400 ms.
    pub loudness_lufs: Option<Decibels>,
    /// Noise level outside speech in dBov. `None` if there is only digital silence.
    pub noise_dbov: Option<Decibels>,
    /// Number of samples at full scale.
    pub clipped_samples: u64,
    /// The gain that brings the party to the mix's level.
    pub gain_db: Decibels,
}

/// A span in which another party is faintly audible on this track.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Bleed {
    /// When it is audible.
    #[serde(flatten)]
    pub span: Span,
    /// The track of the party that is audible.
    pub from_track: usize,
}

impl Bleed {
    /// Creates a span of bleed from another track.
    pub const fn new(span: Span, from_track: usize) -> Self {
        Self { span, from_track }
    }
}

/// One party's turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TurnReport {
    /// The party's track.
    pub track: usize,
    /// The party's voice, on a mixed track.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<usize>,
    /// When the turn begins and ends.
    #[serde(flatten)]
    pub span: Span,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct OutputFile {
    /// The kind of file, for example `mix`.
    pub kind: String,
    /// The file's path, relative to the report.
    pub path: String,
    /// Sample rate in Hz.
    pub sample_rate_hz: u32,
    /// Number of channels.
    pub channels: u16,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
}

impl Report {
    /// Returns the stages whose results are out of date, in processing order.
    ///
    /// These are the stages whose revision differs from this version's. To update them, analyze the
    /// call again.
    ///
    /// ```
    /// use callweave::{Config, Input, RunOptions, analyze, units::Rate};
    ///
    /// let call = vec![Input::samples("call", vec![0i16; 8000], Rate::NARROWBAND)];
    /// let mut report = analyze(call, &Config::default(), &RunOptions::default())?;
    /// assert!(report.outdated().is_empty());
    /// report.stages.insert("speech".to_owned(), 0);
    /// assert_eq!(report.outdated(), ["speech"]);
    /// # Ok::<(), callweave::Error>(())
    /// ```
    pub fn outdated(&self) -> Vec<&'static str> {
        let differs = |(stage, revision): &&(&'static str, u32)| self.stages.get(*stage) != Some(revision);
        REVISIONS.iter().filter(differs).map(|(stage, _)| *stage).collect()
    }

    /// Returns the report as JSON. Every language writes the same bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if serialization fails, which is a defect.
    pub fn to_json(&self) -> Result<String> {
        json::text(self)
    }
}

/// Rounds a share or a probability to four decimals.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
