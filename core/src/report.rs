//! The one document that says what callweave heard in a call. Its names, units and meanings are a
//! contract with other programs: they change only with [`SCHEMA_VERSION`].

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

/// The version of the report's names and meanings.
pub const SCHEMA_VERSION: u32 = 1;

/// What callweave heard in a call. Times are milliseconds on the call's timeline unless a name says
/// otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The library that made it.
    pub library: Named,
    /// What of the configuration differed from the defaults.
    pub config: Value,
    /// SHA-256 of the whole configuration.
    pub config_hash: String,
    /// The profile that the configuration came from.
    #[serde(default)]
    pub profile: Option<ProfileReport>,
    /// The revision of each stage ([`REVISIONS`]); empty in reports before there were any.
    #[serde(default)]
    pub stages: BTreeMap<String, u32>,
    /// The speech detector.
    pub detector: Named,
    /// The call.
    pub call: CallReport,
    /// Its tracks, in the order in which they were given.
    pub tracks: Vec<TrackReport>,
    /// Who held the floor when.
    pub turns: Vec<TurnReport>,
    /// The conversation's figures.
    pub metrics: Metrics,
    /// What was heard to happen.
    pub outcome: Decision,
    /// The tag that follows.
    pub tag: Tagged,
    /// What is wrong with the recordings.
    #[serde(default)]
    pub integrity: Vec<Finding>,
    /// Where sound was taken out of the tracks.
    #[serde(default)]
    pub redacted: Vec<Span>,
    /// What the caller knew of the call.
    #[serde(default)]
    pub facts: Vec<FactReport>,
    /// What is wrong with the call as a whole.
    pub warnings: Vec<Warning>,
    /// Files that were written.
    pub outputs: Vec<OutputFile>,
}

/// The stages of the work with their revisions, in the order of the work. A revision rises when a
/// stage's numbers change, be it by a stage before it; a patch release changes none.
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

/// The revisions of this version, by stage.
pub(crate) fn revisions() -> BTreeMap<String, u32> {
    REVISIONS.iter().map(|&(stage, revision)| (stage.to_owned(), revision)).collect()
}

/// The profile that a configuration came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProfileReport {
    /// Its name.
    pub name: String,
    /// SHA-256 of all it says.
    pub hash: String,
}

impl ProfileReport {
    /// A profile's name and hash.
    pub(crate) const fn new(name: String, hash: String) -> Self {
        Self { name, hash }
    }
}

/// Something that the caller knew of the call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct FactReport {
    /// What it is.
    pub kind: FactKind,
    /// The party whom it concerns, as the caller named it.
    pub party: Option<String>,
    /// Why, where the caller said so.
    pub reason: Option<String>,
    /// When it is or begins, and ends.
    #[serde(flatten)]
    pub span: Span,
    /// Whether what is heard contradicts it.
    pub contradicted: bool,
}

/// A name and a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Named {
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
}

/// The call as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CallReport {
    /// The call's id at its provider.
    pub id: Option<String>,
    /// The provider.
    pub provider: Option<String>,
    /// Who called whom.
    pub direction: Option<Direction>,
    /// When the call began.
    pub started_at: Option<Moment>,
    /// From the first recorded sample of any track to the last.
    pub duration_ms: Millis,
}

/// One track. A track that could not be read has an `error` and neither source, alignment nor
/// level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TrackReport {
    /// The track's place among the call's tracks.
    pub index: usize,
    /// Who is heard.
    pub role: Role,
    /// The party's number, address or name.
    pub party: Option<String>,
    /// Why the track could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<TrackError>,
    /// The recording.
    pub source: Option<SourceInfo>,
    /// The recordings it is made of, where a party has several, one after the other; `source` is
    /// the first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pieces: Vec<SegmentReport>,
    /// Its place on the timeline.
    pub alignment: Option<AlignmentReport>,
    /// How loud it is.
    pub level: Option<LevelReport>,
    /// Where the party speaks.
    pub speech: Vec<Span>,
    /// The parties of a track that holds several, in the order of their first speech; `None` where
    /// nobody looked, or where they cannot be told apart.
    #[serde(default)]
    pub voices: Option<Vec<VoiceReport>>,
    /// The expected share of speech that is with its right voice, with four decimals; `None` where
    /// `voices` is.
    #[serde(default)]
    pub voices_confidence: Option<f64>,
    /// Where another party is heard faintly.
    pub bleed: Vec<Bleed>,
    /// What else sounds.
    pub events: Vec<Event>,
}

/// One party of a track that holds several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VoiceReport {
    /// Its place among the track's voices.
    pub voice: usize,
    /// Who it is; unknown where nothing tells.
    pub role: Role,
    /// Probability that the role is the right one; `None` where it is unknown.
    pub role_confidence: Option<f64>,
    /// Where it speaks.
    pub speech: Vec<Span>,
}

/// One of the recordings that a track is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SegmentReport {
    /// The recording.
    pub source: SourceInfo,
    /// Where it lies on the call.
    #[serde(flatten)]
    pub span: Span,
}

/// Why a track could not be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TrackError {
    /// The error's stable code.
    pub code: ErrorKind,
    /// The error in words.
    pub message: String,
}

impl From<&Error> for TrackError {
    fn from(error: &Error) -> Self {
        Self { code: error.kind(), message: error.to_string() }
    }
}

/// Where a track lies on the timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AlignmentReport {
    /// Call time of the track's first sample, codec delay removed.
    pub offset_ms: Millis,
    /// The recorder's clock error.
    pub drift_ppm: Ppm,
    /// How the place was found.
    pub method: Method,
    /// Probability that the placement is within 250 ms of the truth, with four decimals.
    pub confidence: f64,
    /// Half the width of the interval that holds the truth nine times in ten.
    pub uncertainty_ms: Millis,
    /// The placement: pairs of track time and call time.
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

/// How loud a track is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LevelReport {
    /// Active speech level by ITU-T P.56 in dBov; `None` where nothing is active.
    pub active_dbov: Option<Decibels>,
    /// Share of the time in which speech is active, with four decimals.
    pub activity_factor: f64,
    /// True peak in dBTP; `None` for digital silence.
    pub true_peak_dbtp: Option<Decibels>,
    /// Integrated loudness in LUFS; `None` for silence or less than 400 ms.
    pub loudness_lufs: Option<Decibels>,
    /// The line's noise outside speech in dBov; `None` where there is only digital silence.
    pub noise_dbov: Option<Decibels>,
    /// Samples at full scale.
    pub clipped_samples: u64,
    /// The gain that brings the party to the mix's level.
    pub gain_db: Decibels,
}

/// Another party, heard faintly on this track.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Bleed {
    /// When.
    #[serde(flatten)]
    pub span: Span,
    /// The track of the party who is heard.
    pub from_track: usize,
}

impl Bleed {
    /// Another party, heard faintly in a span of the call.
    pub const fn new(span: Span, from_track: usize) -> Self {
        Self { span, from_track }
    }
}

/// A party's turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TurnReport {
    /// The party's track.
    pub track: usize,
    /// The party's voice, where the track holds several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<usize>,
    /// When.
    #[serde(flatten)]
    pub span: Span,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct OutputFile {
    /// What it is: `mix`.
    pub kind: String,
    /// Its path, relative to the report.
    pub path: String,
    /// Samples per second.
    pub sample_rate_hz: u32,
    /// Channels.
    pub channels: u16,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
}

impl Report {
    /// The stages whose results a call would have to be heard anew for, in the order of the work:
    /// those with another revision than this version's. What follows from them is among them.
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

    /// The report as JSON: the same bytes in every language.
    ///
    /// # Errors
    /// `internal` by a defect alone: every part of a report can be written.
    pub fn to_json(&self) -> Result<String> {
        json::text(self)
    }
}

/// A share or a probability with four decimals.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
