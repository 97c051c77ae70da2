//! Events of a live call.

use serde::{Serialize, Serializer};

use crate::timeline::EventKind;
use crate::units::Millis;

/// The kind of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LiveEventKind {
    /// A party speaks.
    Speech,
    /// A party's turn: its speech, joined across pauses.
    Turn,
    /// Two parties speak at the same time.
    Overlap,
    /// A track carries no signal.
    DeadTrack,
    /// Whether and by whom the call was answered; see `detail`.
    Answer,
    /// Another sound, or silence of all parties.
    Sound(EventKind),
}

impl LiveEventKind {
    /// Returns the kind's stable name. Sounds have the report's names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Speech => "speech",
            Self::Turn => "turn",
            Self::Overlap => "overlap",
            Self::DeadTrack => "dead_track",
            Self::Answer => "answer",
            Self::Sound(kind) => kind.name(),
        }
    }
}

impl Serialize for LiveEventKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// How certain an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Certainty {
    /// The event may be withdrawn.
    Provisional,
    /// The event is final.
    Confirmed,
    /// The event was provisional and turned out to be wrong.
    Withdrawn,
}

/// An event of a live call.
///
/// A later event with the same id updates it: it is confirmed, withdrawn, or has ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LiveEvent {
    /// Identifies the event across updates.
    pub id: u64,
    /// What happened.
    pub kind: LiveEventKind,
    /// How certain it is.
    pub certainty: Certainty,
    /// The track, or `None` for an event of all tracks.
    pub track: Option<usize>,
    /// When it began, on the call's timeline.
    #[serde(rename = "startMs")]
    pub start: Millis,
    /// When it ended. `None` means that it continues, as far as is known.
    #[serde(rename = "endMs")]
    pub end: Option<Millis>,
    /// Details: the key, the tone, the countries, the answer.
    pub detail: Option<String>,
    /// Confidence, from 0 to 1.
    pub confidence: f64,
    /// The end of the frame that decided, on the call's timeline.
    #[serde(rename = "knownMs")]
    pub known: Millis,
}

/// An event in the time of its source.
#[derive(Debug, Clone)]
pub(super) struct Told {
    /// Sequence number within its source.
    pub number: u64,
    /// The track, if the call as a whole reports an event of a track.
    pub track: Option<usize>,
    pub kind: LiveEventKind,
    pub start: f64,
    pub end: Option<f64>,
    pub detail: Option<String>,
    pub confidence: f64,
}

/// Collects the events of one source: a track, or the call as a whole.
#[derive(Debug)]
pub(super) struct Teller {
    /// The track's index, or the number of tracks for the call.
    source: u64,
    /// Number of tracks plus one.
    sources: u64,
    track: Option<usize>,
    /// Start of the source's time on the call's timeline in milliseconds.
    pub offset: f64,
    next: u64,
    out: Vec<LiveEvent>,
}

impl Teller {
    /// Creates a collector for one of `tracks` tracks, or for the call if `source` is one past the
    /// last.
    pub fn new(source: usize, tracks: usize) -> Self {
        let track = (source < tracks).then_some(source);
        Self { source: source as u64, sources: tracks as u64 + 1, track, offset: 0.0, next: 0, out: Vec::new() }
    }

    /// Reports the beginning of an event.
    pub fn begin(&mut self, kind: LiveEventKind, start: f64, certainty: Certainty, known: f64) -> Told {
        let told = self.unsaid(kind, start);
        self.tell(&told, certainty, known);
        told
    }

    /// Creates an event that is not reported yet.
    pub fn unsaid(&mut self, kind: LiveEventKind, start: f64) -> Told {
        self.next += 1;
        Told { number: self.next - 1, track: self.track, kind, start, end: None, detail: None, confidence: 1.0 }
    }

    /// Reports an event, or an update of it.
    pub fn tell(&mut self, told: &Told, certainty: Certainty, known: f64) {
        let on_call = |ms: f64| Millis(ms + self.offset);
        self.out.push(LiveEvent {
            id: told.number * self.sources + self.source,
            kind: told.kind,
            certainty,
            track: told.track,
            start: on_call(told.start),
            end: told.end.map(on_call),
            detail: told.detail.clone(),
            confidence: told.confidence,
            known: on_call(known),
        });
    }

    /// Returns the collected events.
    pub fn drain(&mut self) -> impl Iterator<Item = LiveEvent> + '_ {
        self.out.drain(..)
    }
}
