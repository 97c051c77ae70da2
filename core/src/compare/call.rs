//! What changed between two reports of one call.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::report::{Report, TrackReport};
use crate::timeline::Placement;
use crate::units::{Millis, Span, total, without};

/// A track that moves by more than this sounds misplaced: what `confidence` in reports stands for.
const MOVED: Millis = Millis(250.0);

/// A value that became another, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Switch {
    /// What it was.
    pub from: String,
    /// What it is.
    pub to: String,
    /// How often.
    pub count: u64,
}

/// Pairs that differ, counted.
pub(super) fn switches<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<Switch> {
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for pair in pairs.filter(|(from, to)| from != to) {
        *counts.entry(pair).or_default() += 1;
    }
    let switch = |((from, to), count): ((&str, &str), u64)| Switch { from: from.into(), to: to.into(), count };
    counts.into_iter().map(switch).collect()
}

/// What changed of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CallDifference {
    /// The call: the path of its report in the folder.
    pub call: String,
    /// The tag, where it changed.
    pub tag: Option<Switch>,
    /// The outcome, where it changed.
    pub outcome: Option<Switch>,
    /// Its tracks, those that changed.
    pub tracks: Vec<TrackDifference>,
    /// How many tracks one report has more than the other.
    pub tracks_more: u64,
}

/// What changed of a track.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TrackDifference {
    /// The track.
    pub track: usize,
    /// How far it moved against the first track.
    pub moved_ms: Millis,
    /// Speech that was none before.
    pub speech_added_ms: Millis,
    /// Speech that is none any more.
    pub speech_removed_ms: Millis,
    /// How many spans of speech begin or end elsewhere.
    pub spans_moved: u64,
    /// By how much at most.
    pub span_moved_max_ms: Millis,
    /// How many events there are more, or fewer where it is below 0.
    pub events_more: i64,
}

impl CallDifference {
    pub(super) fn new(name: &str, old: &Report, new: &Report) -> Self {
        let pairs = old.tracks.iter().zip(&new.tracks);
        let reference = |report: &Report| report.tracks.first().map_or(Millis(0.0), offset);
        let from = Millis(reference(new).0 - reference(old).0);
        let one = |from: &str, to: &str| switches([(from, to)].into_iter()).pop();
        Self {
            call: name.to_owned(),
            tag: one(old.tag.value.name(), new.tag.value.name()),
            outcome: one(old.outcome.value.name(), new.outcome.value.name()),
            tracks: pairs.map(|(old, new)| track(old, new, from)).filter(TrackDifference::is_there).collect(),
            tracks_more: old.tracks.len().abs_diff(new.tracks.len()) as u64,
        }
    }

    /// Whether anything changed.
    pub(super) fn is_there(&self) -> bool {
        self.tag.is_some() || self.outcome.is_some() || !self.tracks.is_empty() || self.tracks_more > 0
    }

    /// Whether a track moved so far that it sounds misplaced.
    pub(super) fn is_moved(&self) -> bool {
        self.tracks.iter().any(|track| track.moved_ms.0.abs() > MOVED.0)
    }

    /// Whether speech differs.
    pub(super) fn speaks_otherwise(&self) -> bool {
        self.changed_speech() > 0.0
    }

    /// Milliseconds of speech that are on one side alone.
    fn changed_speech(&self) -> f64 {
        self.tracks.iter().map(|track| track.speech_added_ms.0 + track.speech_removed_ms.0).sum()
    }
}

/// The calls that differ: other tags first, then other outcomes, then tracks that moved, then by
/// how much speech changed.
pub(super) fn ranked(mut calls: Vec<CallDifference>) -> Vec<CallDifference> {
    calls.retain(CallDifference::is_there);
    let weight =
        |call: &CallDifference| (call.tag.is_none(), call.outcome.is_none(), call.tracks_more == 0, !call.is_moved());
    calls.sort_by(|a, b| {
        let speech = || b.changed_speech().total_cmp(&a.changed_speech());
        weight(a).cmp(&weight(b)).then_with(speech).then_with(|| a.call.cmp(&b.call))
    });
    calls
}

impl TrackDifference {
    fn is_there(&self) -> bool {
        let changed = self.moved_ms.0 != 0.0 || self.spans_moved > 0 || self.events_more != 0;
        changed || self.speech_added_ms.0 > 0.0 || self.speech_removed_ms.0 > 0.0
    }
}

/// What changed of a track; `from`: how far the first track moved.
fn track(old: &TrackReport, new: &TrackReport, from: Millis) -> TrackDifference {
    let (was, is) = (own_time(old), own_time(new));
    let (moved, max) = moved_spans(&was, &is);
    TrackDifference {
        track: new.index,
        moved_ms: Millis(offset(new).0 - offset(old).0 - from.0),
        speech_added_ms: beyond(&is, &was),
        speech_removed_ms: beyond(&was, &is),
        spans_moved: moved,
        span_moved_max_ms: max,
        events_more: new.events.len() as i64 - old.events.len() as i64,
    }
}

fn offset(track: &TrackReport) -> Millis {
    track.alignment.as_ref().map_or(Millis(0.0), |told| told.offset_ms)
}

/// A track's speech in its own time, so that where the track lies changes none of it.
fn own_time(track: &TrackReport) -> Vec<Span> {
    let Some(told) = &track.alignment else { return track.speech.clone() };
    let placement = Placement::through(told.knots.clone(), told.method, told.confidence, told.uncertainty_ms);
    // Reports write times to a microsecond.
    let own = |at: Millis| Millis((placement.to_track(at).0 * 1000.0).round() / 1000.0);
    track.speech.iter().map(|span| Span { start: own(span.start), end: own(span.end) }).collect()
}

/// Changes below this are rounding.
const ROUNDING_MS: f64 = 0.01;

/// How much of some spans lies outside of others.
fn beyond(spans: &[Span], others: &[Span]) -> Millis {
    let left = others.iter().fold(spans.to_vec(), |left, &other| without(&left, other));
    let left: Vec<Span> = left.into_iter().filter(|span| span.duration().0 > ROUNDING_MS).collect();
    total(&left)
}

/// How many spans begin or end elsewhere than the one that they overlap, and by how much at most.
fn moved_spans(was: &[Span], is: &[Span]) -> (u64, Millis) {
    let (mut moved, mut max) = (0, 0.0f64);
    for span in was {
        let overlap = |other: &&Span| span.overlap(other).map_or(0.0, |shared| shared.duration().0);
        let Some(other) =
            is.iter().filter(|other| overlap(other) > 0.0).max_by(|a, b| overlap(a).total_cmp(&overlap(b)))
        else {
            continue;
        };
        let off = (other.start.0 - span.start.0).abs().max((other.end.0 - span.end.0).abs());
        moved += u64::from(off > ROUNDING_MS);
        max = max.max(off);
    }
    (moved, if moved > 0 { Millis(max) } else { Millis(0.0) })
}
