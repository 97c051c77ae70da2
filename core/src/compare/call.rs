//! Compares two reports of one call.

use std::iter::zip;

use serde::{Deserialize, Serialize};

use crate::evaluate::{Switch, switches};
use crate::report::{Report, TrackReport};
use crate::units::{Millis, Span, sum};

use super::events::{EventChanges, OwnEvent};
use super::moved::{TrackPlacements, placement};
use super::pair::paired;
use super::spans::{beyond, moved_spans};
use super::voices;

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
    /// The furthest that it moved relative to the first track, wherever in the recording that is: a
    /// drift or a loss moves a part of it.
    pub moved_ms: Option<Millis>,
    /// Speech that was added.
    pub speech_added_ms: Option<Millis>,
    /// Speech that was removed.
    pub speech_removed_ms: Option<Millis>,
    /// Number of spans of speech that begin or end elsewhere.
    pub spans_moved: Option<u64>,
    /// Largest distance of such an edge.
    pub span_moved_max_ms: Option<Millis>,
    /// Who is on it, where that changed.
    pub role: Option<Switch>,
    /// Who its voices are, where that changed: their roles in their order, `nobody` where it has
    /// none, and `none` where they are not told apart.
    pub voices: Option<Switch>,
    /// Speech of both reports that is with a voice of another number; `None` where one of them
    /// tells no voices apart.
    pub voice_changed_ms: Option<Millis>,
    /// Events that were not there: none of their kind touches them in the old report.
    pub events_added: Option<u64>,
    /// Events that are not there any more.
    pub events_removed: Option<u64>,
    /// Events that begin or end elsewhere, or have another detail.
    pub events_changed: Option<u64>,
}

/// What a comparison of a call says of all of its tracks.
pub(super) struct ComparedCall {
    /// What changed.
    pub difference: CallDifference,
    /// Whether a track moved so far that it is misplaced; `None` if that is not known of all.
    pub moved: Option<bool>,
    /// Whether speech differs; `None` if that is not known of all.
    pub speaks_otherwise: Option<bool>,
}

impl ComparedCall {
    pub(super) fn new(name: &str, old: &Report, new: &Report) -> Self {
        let pairs = paired(&old.tracks, &new.tracks);
        let placed: Vec<_> = pairs.iter().map(|(old, new)| TrackPlacements::new(old, new)).collect();
        let first = placed.iter().flatten().next();
        let moved = |placed: &Option<TrackPlacements>| Some(placed.as_ref()?.moved(first?));
        let tracks: Vec<TrackDifference> =
            zip(&pairs, &placed).map(|((old, new), placed)| track(old, new, moved(placed))).collect();
        let tracks_unpaired = (old.tracks.len() + new.tracks.len() - 2 * pairs.len()) as u64;
        let known = |holds: &dyn Fn(&TrackDifference) -> Option<bool>| {
            let told: Vec<Option<bool>> = tracks.iter().map(holds).collect();
            let whole = tracks_unpaired == 0 && told.iter().all(Option::is_some);
            told.contains(&Some(true)).then_some(true).or(whole.then_some(false))
        };
        let (moved, speaks_otherwise) = (known(&TrackDifference::is_moved), known(&TrackDifference::speaks_otherwise));
        let one = |from: &str, to: &str| switches([(from, to)]).pop();
        let difference = CallDifference {
            call: name.to_owned(),
            tag: one(old.tag.value.name(), new.tag.value.name()),
            outcome: one(old.outcome.value.name(), new.outcome.value.name()),
            tracks: tracks.into_iter().filter(TrackDifference::is_there).collect(),
            tracks_unpaired,
        };
        Self { difference, moved, speaks_otherwise }
    }
}

impl CallDifference {
    /// Returns `true` if anything changed.
    pub(super) fn is_there(&self) -> bool {
        self.tag.is_some() || self.outcome.is_some() || !self.tracks.is_empty() || self.tracks_unpaired > 0
    }

    /// Returns `true` if a track moved so far that it is misplaced.
    fn is_moved(&self) -> bool {
        self.tracks.iter().any(|track| track.is_moved() == Some(true))
    }

    /// Whether tracks are there in one report alone, or could be read for it alone.
    fn tracks_differ(&self) -> bool {
        self.tracks_unpaired > 0 || self.tracks.iter().any(|track| track.error.is_some())
    }

    /// Milliseconds of speech that are on one side alone, as far as is known.
    fn changed_speech(&self) -> f64 {
        let of = |track: &TrackDifference| [track.speech_added_ms, track.speech_removed_ms];
        sum(self.tracks.iter().flat_map(of).flatten().map(|speech| speech.0))
    }
}

/// The calls that differ: other tags first, then other outcomes, then tracks of one side alone,
/// then tracks that moved, then by how much speech changed.
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
    /// Whether the track moved so far that it is misplaced.
    fn is_moved(&self) -> Option<bool> {
        self.moved_ms.map(|moved| moved.0.abs() > MOVED.0)
    }

    /// Whether its speech differs.
    fn speaks_otherwise(&self) -> Option<bool> {
        self.speech_added_ms.zip(self.speech_removed_ms).map(|(added, removed)| added.0 + removed.0 > 0.0)
    }

    fn is_there(&self) -> bool {
        let times = [self.moved_ms, self.speech_added_ms, self.speech_removed_ms, self.voice_changed_ms];
        let switched = [&self.error, &self.role, &self.voices];
        let counts = [self.spans_moved, self.events_added, self.events_removed, self.events_changed];
        switched.into_iter().any(Option::is_some)
            || times.iter().flatten().any(|time| time.0 != 0.0)
            || counts.iter().flatten().any(|&count| count > 0)
    }
}

/// Compares a track, of which it is known how far it moved.
fn track(old: &TrackReport, new: &TrackReport, moved_ms: Option<Millis>) -> TrackDifference {
    let code = |track: &TrackReport| track.error.as_ref().map_or("none", |error| error.code.code());
    let read = old.error.is_none() && new.error.is_none();
    let speech = read.then(|| (own_spans(old, &old.speech), own_spans(new, &new.speech)));
    let spans = speech.as_ref().map(|(was, is)| moved_spans(was, is));
    let events = read.then(|| EventChanges::new(events(old), events(new)));
    let by_voice = |track: &TrackReport| -> Option<Vec<Vec<Span>>> {
        Some(track.voices.as_ref()?.iter().map(|told| own_spans(track, &told.speech)).collect())
    };
    let (was, is) = (by_voice(old), by_voice(new));
    let one = |from: &str, to: &str| switches([(from, to)]).pop();
    TrackDifference {
        track: new.index,
        error: one(code(old), code(new)),
        moved_ms,
        speech_added_ms: speech.as_ref().map(|(was, is)| beyond(is, was)),
        speech_removed_ms: speech.as_ref().map(|(was, is)| beyond(was, is)),
        spans_moved: spans.map(|(moved, _)| moved),
        span_moved_max_ms: spans.map(|(_, max)| max),
        role: one(old.role.name(), new.role.name()),
        voices: one(&voices::named(old), &voices::named(new)).filter(|_| read),
        voice_changed_ms: was.zip(is).filter(|_| read).map(|(was, is)| voices::changed(&was, &is)),
        events_added: events.as_ref().map(|events| events.added),
        events_removed: events.as_ref().map(|events| events.removed),
        events_changed: events.as_ref().map(|events| events.changed),
    }
}

/// Spans of a track in its own time, so that where the track lies changes none of them.
fn own_spans(track: &TrackReport, spans: &[Span]) -> Vec<Span> {
    let Some(placement) = placement(track) else { return spans.to_vec() };
    // Reports write times to a microsecond.
    let own = |at: Millis| Millis((placement.to_track(at).0 * 1000.0).round() / 1000.0);
    spans.iter().map(|span| Span { start: own(span.start), end: own(span.end) }).collect()
}

/// A track's events, each with its span in the track's own time.
fn events(track: &TrackReport) -> Vec<OwnEvent<'_>> {
    let spans: Vec<Span> = track.events.iter().map(|event| event.span).collect();
    zip(&track.events, own_spans(track, &spans)).collect()
}
