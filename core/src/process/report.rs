//! Last step: builds the report from the call's analysis and the tracks that could not be read.

use serde_json::Value;

use crate::call::{Call, Moment, Role};
use crate::config::{Config, Pii, Profile};
use crate::error::{Error, Result, Warning, bounded};
use crate::report::{
    AlignmentReport, CallReport, FactReport, LevelReport, Named, ProfileReport, Report, SCHEMA_VERSION, SegmentReport,
    TrackError, TrackReport, TurnReport, revisions, rounded,
};
use crate::timeline::{Event, EventKind};
use crate::units::Span;

use super::VERSION;
use super::detector::DetectorChoice;
use super::gate::PlacedTrack;
use super::measure::CallAnalysis;
use super::partition::{FailedTrack, TrackSegment};

/// Builds the report of a call.
///
/// # Errors
/// `internal` for a defect.
pub(super) fn report(
    call: Call,
    analysis: &CallAnalysis,
    failed: &[FailedTrack],
    warnings: Vec<Warning>,
    detector: &DetectorChoice,
) -> Result<Report> {
    let config = detector.config;
    Ok(Report {
        schema_version: SCHEMA_VERSION,
        library: Named { name: "callweave".into(), version: VERSION.into() },
        config: changes(config)?,
        config_hash: config.hash()?,
        profile: config.profile.as_ref().map(profile).transpose()?,
        stages: revisions(),
        detector: detector.report(),
        call: CallReport {
            id: call.id.filter(|_| config.pii == Pii::Keep),
            provider: call.provider,
            direction: call.direction,
            started_at: call.started_at.or_else(|| started_at(analysis, failed)),
            duration_ms: analysis.duration,
        },
        turns: turns(analysis),
        metrics: analysis.metrics.clone(),
        tracks: tracks(analysis, failed, config),
        integrity: analysis.integrity.clone(),
        redacted: Vec::new(),
        facts: facts(&analysis.facts, config.pii),
        outcome: analysis.outcome.clone(),
        tag: analysis.tag.clone(),
        warnings: call_warnings(warnings, config.pii),
        outputs: Vec::new(),
    })
}

/// Returns the settings that differ from the defaults. The profile is reported separately.
fn changes(config: &Config) -> Result<Value> {
    let mut changes = config.changes()?;
    if let Value::Object(fields) = &mut changes {
        fields.remove("profile");
    }
    Ok(changes)
}

fn profile(profile: &Profile) -> Result<ProfileReport> {
    Ok(ProfileReport::new(profile.name(), profile.hash()?))
}

/// Returns the caller's facts, without parties and reasons if personal data is dropped.
fn facts(facts: &[FactReport], pii: Pii) -> Vec<FactReport> {
    let kept = |text: &Option<String>| text.clone().filter(|text| pii == Pii::Keep || Role::from_name(text).is_some());
    facts
        .iter()
        .map(|fact| FactReport { party: kept(&fact.party), reason: kept(&fact.reason), ..fact.clone() })
        .collect()
}

/// Returns the earliest start time that a provider named.
fn started_at(analysis: &CallAnalysis, failed: &[FailedTrack]) -> Option<Moment> {
    let live = analysis.tracks.iter().map(|t| &t.track.leg);
    live.chain(failed.iter().map(|t| &t.leg)).filter_map(|leg| leg.started_at).min_by_key(|m| m.unix_ms())
}

fn turns(analysis: &CallAnalysis) -> Vec<TurnReport> {
    let report = |turn: &crate::speech::Turn| {
        let party = analysis.parties.get(turn.party)?;
        Some(TurnReport { track: party.track, voice: party.voice, span: turn.span })
    };
    analysis.turns.iter().filter_map(report).collect()
}

fn tracks(analysis: &CallAnalysis, failed: &[FailedTrack], config: &Config) -> Vec<TrackReport> {
    let live = analysis.tracks.iter().map(|track| live_track(track, config));
    let mut all: Vec<TrackReport> = live.chain(failed.iter().map(|track| failed_track(track, config))).collect();
    all.sort_by_key(|track| track.index);
    all
}

fn live_track(placed: &PlacedTrack, config: &Config) -> TrackReport {
    let keep = config.pii == Pii::Keep;
    let track = &placed.track;
    let mut source = track.analysis.source.clone();
    source.path = source.path.filter(|_| keep);
    TrackReport {
        index: track.index,
        role: track.role,
        party: track.leg.party.clone().filter(|_| keep),
        error: None,
        channel: track.analysis.channel.filter(|_| source.channels > 1),
        source: Some(source),
        pieces: track.segments.iter().map(|segment| segment_report(segment, placed, keep)).collect(),
        alignment: Some(AlignmentReport::from(&placed.placement)),
        level: Some(level_report(placed)),
        speech: placed.speech.clone(),
        voices: placed.voices.as_ref().map(|told| told.voices.clone()),
        voices_confidence: placed.voices.as_ref().and_then(|told| told.confidence),
        bleed: placed.bleed.clone(),
        events: placed.events.iter().map(|event| event_report(event, config)).collect(),
    }
}

fn failed_track(track: &FailedTrack, config: &Config) -> TrackReport {
    TrackReport {
        index: track.index,
        role: track.role,
        party: track.leg.party.clone().filter(|_| config.pii == Pii::Keep),
        error: Some(track_error(&track.error, config.pii)),
        channel: None,
        source: None,
        pieces: Vec::new(),
        alignment: None,
        level: None,
        speech: Vec::new(),
        voices: None,
        voices_confidence: None,
        bleed: Vec::new(),
        events: Vec::new(),
    }
}

/// Returns the call's warnings, limited per code, and without personal data if it is dropped.
fn call_warnings(warnings: Vec<Warning>, pii: Pii) -> Vec<Warning> {
    let mut warnings = bounded(warnings);
    if pii == Pii::Drop {
        // Their words may hold names of files and values of documents; their codes do not.
        warnings.iter_mut().for_each(|warning| warning.message = warning.code.replace('_', " "));
    }
    warnings
}

/// Returns why a track could not be read, with file names only if personal data is kept.
fn track_error(error: &Error, pii: Pii) -> TrackError {
    let message = if pii == Pii::Keep { error.to_string() } else { error.anonymous_text() };
    TrackError { code: error.kind(), message }
}

/// Returns a recording of a track on the call's timeline.
fn segment_report(segment: &TrackSegment, placed: &PlacedTrack, keep: bool) -> SegmentReport {
    let mut source = segment.source.clone();
    source.path = source.path.filter(|_| keep);
    SegmentReport { source, span: placed.placement.span_to_call(Span { start: segment.start, end: segment.end }) }
}

/// Returns an event for the report. It includes the key only if the configuration asks for it.
fn event_report(event: &Event, config: &Config) -> Event {
    let told = event.kind != EventKind::Dtmf || config.dtmf_digits;
    Event { detail: event.detail.clone().filter(|_| told), ..event.clone() }
}

fn level_report(placed: &PlacedTrack) -> LevelReport {
    let level = &placed.track.analysis.level;
    LevelReport {
        active_dbov: (level.active.activity > 0.0).then_some(level.active.level),
        activity_factor: rounded(level.active.activity),
        true_peak_dbtp: level.true_peak,
        loudness_lufs: level.loudness,
        noise_dbov: placed.noise,
        clipped_samples: level.clipped,
        gain_db: placed.gain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Input;
    use crate::process::analyze;
    use crate::run::RunOptions;

    #[test]
    fn a_track_that_cannot_be_read_keeps_its_name_to_itself_where_it_shall() {
        let track = format!("{}/../fixtures/short/agent.wav", env!("CARGO_MANIFEST_DIR"));
        let report = |pii| {
            let inputs = vec![Input::path(&track), Input::path("+66812345678.wav")];
            analyze(inputs, &Config { pii, ..Config::default() }, &RunOptions::default()).unwrap()
        };
        let (kept, dropped) = (report(Pii::Keep), report(Pii::Drop));
        assert!(kept.tracks[1].error.as_ref().unwrap().message.contains("+66812345678"));
        assert!(!dropped.to_json().unwrap().contains("66812345678"), "{:?}", dropped.tracks[1].error);
        for report in [kept, dropped] {
            let codes: Vec<_> = report.warnings.iter().map(|warning| &*warning.code).collect();
            assert_eq!(codes, ["track_unreadable"]);
        }
        let config = Config { pii: Pii::Drop, ..Config::default() };
        let error = analyze(vec![Input::path("+66812345678.wav")], &config, &RunOptions::default()).unwrap_err();
        assert_eq!((error.input(), error.to_string().contains("66812345678")), (None, false), "{error}");
    }
}
