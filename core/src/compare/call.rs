//! Compares two reports of one call.

use std::iter::zip;

use serde::{Deserialize, Serialize};

use crate::evaluate::{Switch, switches};
use crate::report::{Report, TrackReport};
use crate::timeline::{Event, Placement};
use crate::units::{Millis, Span, total, without};

use super::pair::paired;

/// A track that moves by more than this is misplaced, as defined by `confidence` in reports.
const MOVED: Millis = Millis(250.0);

/// The changes of one call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CallDifference {
    /// The call: the path of its new report in the folder.
    pub call: String,
    /// The change of the tag, if any.
    pub tag: Option<Switch>,
    /// The change of the outcome, if any.
    pub outcome: Option<Switch>,
    /// The tracks that changed.
    pub tracks: Vec<TrackDifference>,
    /// How many tracks are of one report alone.
    pub tracks_unpaired: u64,
}

/// What changed of a track: of the same recording in both reports. What is not known, because the
/// track could not be read or placed in one of them, is `None`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TrackDifference {
    /// The track's place among those of the new report.
    pub track: usize,
    /// Whether it could be read, where that changed: `none`, or the code of its error.
    pub error: Option<Switch>,
    /// How far it moved relative to the first track.
    pub moved_ms: Option<Millis>,
    /// Speech that was added.
    pub speech_added_ms: Option<Millis>,
    /// Speech that was removed.
    pub speech_removed_ms: Option<Millis>,
    /// Number of spans of speech that begin or end elsewhere.
    pub spans_moved: Option<u64>,
    /// Largest distance of such an edge.
    pub span_moved_max_ms: Option<Millis>,
    /// Events that were not there: none of their kind touches them in the old report.
    pub events_added: Option<u64>,
    /// Events that are not there any more.
    pub events_removed: Option<u64>,
    /// Events that begin or end elsewhere, or have another detail.
    pub events_changed: Option<u64>,
}

impl CallDifference {
    pub(super) fn new(name: &str, old: &Report, new: &Report) -> Self {
        let pairs = paired(&old.tracks, &new.tracks);
        let both = old.tracks.len() + new.tracks.len();
        // How far the first track of both moved: the call's time may begin elsewhere.
        let from = pairs.iter().find_map(|(old, new)| moved(old, new));
        let one = |from: &str, to: &str| switches([(from, to)]).pop();
        Self {
            call: name.to_owned(),
            tag: one(old.tag.value.name(), new.tag.value.name()),
            outcome: one(old.outcome.value.name(), new.outcome.value.name()),
            tracks_unpaired: (both - 2 * pairs.len()) as u64,
            tracks: pairs.iter().map(|(old, new)| track(old, new, from)).filter(TrackDifference::is_there).collect(),
        }
    }

    /// Returns `true` if anything changed.
    pub(super) fn is_there(&self) -> bool {
        self.tag.is_some() || self.outcome.is_some() || !self.tracks.is_empty() || self.tracks_unpaired > 0
    }

    /// Returns `true` if a track moved so far that it is misplaced.
    pub(super) fn is_moved(&self) -> bool {
        self.tracks.iter().filter_map(|track| track.moved_ms).any(|moved| moved.0.abs() > MOVED.0)
    }

    /// Returns `true` if speech differs.
    pub(super) fn speaks_otherwise(&self) -> bool {
        self.changed_speech() > 0.0
    }

    /// Whether tracks are there in one report alone, or could be read for it alone.
    fn tracks_differ(&self) -> bool {
        self.tracks_unpaired > 0 || self.tracks.iter().any(|track| track.error.is_some())
    }

    /// Milliseconds of speech that are on one side alone, as far as is known.
    fn changed_speech(&self) -> f64 {
        let of = |track: &TrackDifference| [track.speech_added_ms, track.speech_removed_ms];
        self.tracks.iter().flat_map(of).flatten().map(|speech| speech.0).sum()
    }
}

/// The calls that differ: other tags first, then other outcomes, then tracks of one side alone, then
/// tracks that moved, then by how much speech changed.
pub(super) fn ranked(mut calls: Vec<CallDifference>) -> Vec<CallDifference> {
    calls.retain(CallDifference::is_there);
    let weight =
        |call: &CallDifference| (call.tag.is_none(), call.outcome.is_none(), !call.tracks_differ(), !call.is_moved());
    calls.sort_by(|a, b| {
        let speech = || b.changed_speech().total_cmp(&a.changed_speech());
        weight(a).cmp(&weight(b)).then_with(speech).then_with(|| a.call.cmp(&b.call))
    });
    calls
}

impl TrackDifference {
    fn is_there(&self) -> bool {
        let times = [self.moved_ms, self.speech_added_ms, self.speech_removed_ms];
        let counts = [self.spans_moved, self.events_added, self.events_removed, self.events_changed];
        self.error.is_some()
            || times.iter().flatten().any(|time| time.0 != 0.0)
            || counts.iter().flatten().any(|&count| count > 0)
    }
}

/// Compares a track. `from` is how far the first track moved.
fn track(old: &TrackReport, new: &TrackReport, from: Option<Millis>) -> TrackDifference {
    let code = |track: &TrackReport| track.error.as_ref().map_or("none", |error| error.code.code());
    let read = old.error.is_none() && new.error.is_none();
    let speech = read.then(|| (own_spans(old, &old.speech), own_spans(new, &new.speech)));
    let spans = speech.as_ref().map(|(was, is)| moved_spans(was, is));
    let events = read.then(|| Events::new(old, new));
    TrackDifference {
        track: new.index,
        error: switches([(code(old), code(new))]).pop(),
        moved_ms: moved(old, new).zip(from).map(|(moved, from)| moved - from),
        speech_added_ms: speech.as_ref().map(|(was, is)| beyond(is, was)),
        speech_removed_ms: speech.as_ref().map(|(was, is)| beyond(was, is)),
        spans_moved: spans.map(|(moved, _)| moved),
        span_moved_max_ms: spans.map(|(_, max)| max),
        events_added: events.as_ref().map(|events| events.added),
        events_removed: events.as_ref().map(|events| events.removed),
        events_changed: events.as_ref().map(|events| events.changed),
    }
}

/// How far a track's first sample moved; `None` where a report does not place it.
fn moved(old: &TrackReport, new: &TrackReport) -> Option<Millis> {
    let offset = |track: &TrackReport| track.alignment.as_ref().map(|told| told.offset_ms);
    Some(offset(new)? - offset(old)?)
}

/// Spans of a track in its own time, so that where the track lies changes none of them.
fn own_spans(track: &TrackReport, spans: &[Span]) -> Vec<Span> {
    let Some(told) = &track.alignment else { return spans.to_vec() };
    let placement = Placement::through(told.knots.clone(), told.method, told.confidence, told.uncertainty_ms);
    // Reports write times to a microsecond.
    let own = |at: Millis| Millis((placement.to_track(at).0 * 1000.0).round() / 1000.0);
    spans.iter().map(|span| Span { start: own(span.start), end: own(span.end) }).collect()
}

/// Smaller changes are rounding errors.
const ROUNDING_MS: f64 = 0.01;

/// Returns how much of some spans lies outside others.
fn beyond(spans: &[Span], others: &[Span]) -> Millis {
    let left = others.iter().fold(spans.to_vec(), |left, &other| without(&left, other));
    let left: Vec<Span> = left.into_iter().filter(|span| span.duration().0 > ROUNDING_MS).collect();
    total(&left)
}

/// How far the ends of two spans are apart.
fn apart(a: Span, b: Span) -> f64 {
    (b.start.0 - a.start.0).abs().max((b.end.0 - a.end.0).abs())
}

/// Returns the number of spans that begin or end elsewhere than the overlapping one, and the
/// largest distance.
fn moved_spans(was: &[Span], is: &[Span]) -> (u64, Millis) {
    let overlap = |a: &Span, b: &Span| a.overlap(b).map_or(0.0, |shared| shared.duration().0);
    let off = |span: &Span| {
        let near = is.iter().filter(|other| overlap(span, other) > 0.0);
        let other = near.max_by(|a, b| overlap(span, a).total_cmp(&overlap(span, b)))?;
        Some(apart(*span, *other)).filter(|&off| off > ROUNDING_MS)
    };
    let moved: Vec<f64> = was.iter().filter_map(off).collect();
    (moved.len() as u64, Millis(moved.iter().copied().fold(0.0, f64::max)))
}

/// How the events of a track differ.
struct Events {
    added: u64,
    removed: u64,
    changed: u64,
}

impl Events {
    /// Each event belongs to the nearest of its kind that touches it and is not taken.
    fn new(old: &TrackReport, new: &TrackReport) -> Self {
        let mut left = events(new);
        let (mut removed, mut changed) = (0, 0);
        for (event, span) in events(old) {
            let touches = |(_, (other, at)): &(usize, &(&Event, Span))| {
                other.kind == event.kind && at.start <= span.end && span.start <= at.end
            };
            let near = left.iter().enumerate().filter(touches);
            match near.min_by(|a, b| apart(span, a.1.1).total_cmp(&apart(span, b.1.1))).map(|(i, _)| i) {
                None => removed += 1,
                Some(i) => {
                    let (other, at) = left.remove(i);
                    changed += u64::from(apart(span, at) > ROUNDING_MS || other.detail != event.detail);
                }
            }
        }
        Self { added: left.len() as u64, removed, changed }
    }
}

/// A track's events, each with its span in the track's own time.
fn events(track: &TrackReport) -> Vec<(&Event, Span)> {
    let spans: Vec<Span> = track.events.iter().map(|event| event.span).collect();
    zip(&track.events, own_spans(track, &spans)).collect()
}
