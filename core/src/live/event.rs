//! What is told of a call while it goes on.

use serde::{Serialize, Serializer};

use crate::timeline::EventKind;
use crate::units::Millis;

/// What an event is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LiveEventKind {
    /// A party speaks.
    Speech,
    /// A party holds the floor: its speech, joined across pauses.
    Turn,
    /// Two parties speak at once.
    Overlap,
    /// A track carries no signal.
    DeadTrack,
    /// Whether and by whom the call was answered; which of these `detail` says.
    Answer,
    /// Another sound, or the silence of all.
    Sound(EventKind),
}

impl LiveEventKind {
    /// The kind's stable name; a sound's is that of the report.
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

/// How sure an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Certainty {
    /// It may be withdrawn.
    Provisional,
    /// It stays.
    Confirmed,
    /// It was provisional and is not so.
    Withdrawn,
}

/// What is told of a call while it goes on. A later event with the same id says more of the same:
/// that it is certain, that it is not so, or when it ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LiveEvent {
    /// The same in everything that is told of one thing.
    pub id: u64,
    /// What it is of.
    pub kind: LiveEventKind,
    /// How sure it is.
    pub certainty: Certainty,
    /// The track; `None` for what is of all of them.
    pub track: Option<usize>,
    /// When it began, on the call's timeline.
    #[serde(rename = "startMs")]
    pub start: Millis,
    /// When it ended; `None`: it goes on, as far as is known.
    #[serde(rename = "endMs")]
    pub end: Option<Millis>,
    /// The key, the tone, the countries, the answer.
    pub detail: Option<String>,
    /// How likely it is, 0 to 1.
    pub confidence: f64,
    /// The end of the frame that decided, on the call's timeline.
    #[serde(rename = "knownMs")]
    pub known: Millis,
}

/// One thing that is told of, in the time of its track.
#[derive(Debug, Clone)]
pub(super) struct Told {
    /// Counts what its source tells of.
    pub number: u64,
    /// Whose it is, where the call as a whole tells of a track.
    pub track: Option<usize>,
    pub kind: LiveEventKind,
    pub start: f64,
    pub end: Option<f64>,
    pub detail: Option<String>,
    pub confidence: f64,
}

/// Collects what one source tells: a track, or the call as a whole.
#[derive(Debug)]
pub(super) struct Teller {
    /// The track's place; the number of tracks for the call.
    source: u64,
    /// Tracks and the call.
    sources: u64,
    track: Option<usize>,
    /// Where the source's time begins on the call's timeline, in milliseconds.
    pub offset: f64,
    next: u64,
    out: Vec<LiveEvent>,
}

impl Teller {
    /// A teller for a track of so many; one past the last is the call.
    pub fn new(source: usize, tracks: usize) -> Self {
        let track = (source < tracks).then_some(source);
        Self { source: source as u64, sources: tracks as u64 + 1, track, offset: 0.0, next: 0, out: Vec::new() }
    }

    /// Begins to tell of something.
    pub fn begin(&mut self, kind: LiveEventKind, start: f64, certainty: Certainty, known: f64) -> Told {
        let told = self.unsaid(kind, start);
        self.tell(&told, certainty, known);
        told
    }

    /// Something to be told of.
    pub fn unsaid(&mut self, kind: LiveEventKind, start: f64) -> Told {
        self.next += 1;
        Told { number: self.next - 1, track: self.track, kind, start, end: None, detail: None, confidence: 1.0 }
    }

    /// Tells of something, or more of it.
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

    /// Hands over what was told.
    pub fn drain(&mut self) -> impl Iterator<Item = LiveEvent> + '_ {
        self.out.drain(..)
    }
}
