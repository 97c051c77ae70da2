//! What the rules are held against: plain facts about a call and its tracks.

use crate::call::Role;
use crate::config::OutcomeConfig;
use crate::timeline::{Event, EventKind};
use crate::units::{Millis, Span, total};

/// One track as the rules see it, on the call's timeline.
#[derive(Debug, Clone, Default)]
pub struct TrackFacts {
    /// Who it is.
    pub role: Role,
    /// Own speech.
    pub speech: Vec<Span>,
    /// Where the detector is above its threshold and nobody else bleeds, however briefly: a short
    /// "yes" makes no span of speech.
    pub voiced: Vec<Span>,
    /// Other parties, heard here.
    pub bleed: Vec<Span>,
    /// Other sounds of its own.
    pub events: Vec<Event>,
    /// The line carries no signal at all: digital zero, or far below any line's noise.
    pub dead: bool,
    /// How long it was recorded.
    pub duration: Millis,
    /// When its recording ends.
    pub end: Millis,
}

/// A call as the rules see it.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The tracks.
    pub tracks: Vec<TrackFacts>,
    /// Turns that pass from one party to another; `None` where parties share a track and are not
    /// told apart.
    pub exchanges: Option<u32>,
    /// How uncertain the least certain placement is.
    pub uncertainty: Millis,
    /// Whether the placements allow comparing parties in time.
    pub comparable: bool,
    /// Stretches in which silence is known to mean nothing: before the answer, on hold, paused.
    pub excused: Vec<Span>,
    /// Whether somebody is known to have answered.
    pub answered: bool,
    /// Whether something is wrong with a recording, so that nobody should be called spam on its
    /// evidence.
    pub damaged: bool,
}

/// What is voiced within another party's speech and shorter than this may be its bleed: gates miss
/// single syllables.
const SYLLABLES: Millis = Millis(700.0);
/// Where bleed is known, a room's or a network's tail carries it on for so long after the talker.
const TAIL_MS: f64 = 300.0;
/// Tones that a speech detector answers to now and then.
const TONES: [EventKind; 7] = [
    EventKind::Ringback,
    EventKind::Busy,
    EventKind::Congestion,
    EventKind::Sit,
    EventKind::Fax,
    EventKind::Beep,
    EventKind::Dtmf,
];

impl TrackFacts {
    pub(super) fn of_kind(&self, kinds: &[EventKind]) -> usize {
        self.events.iter().filter(|e| kinds.contains(&e.kind)).count()
    }

    /// Whether a stretch lies within a train of tones on this track.
    fn is_tone(&self, voiced: Span) -> bool {
        self.events.iter().filter(|e| TONES.contains(&e.kind)).any(|e| within(voiced, e.span, 100.0))
    }
}

impl Facts {
    pub(super) fn talk(&self) -> Millis {
        Millis(self.tracks.iter().map(|t| total(&t.speech).0).sum())
    }

    /// Turns that pass from one party to another. Where they cannot be counted, no more than there
    /// are pauses.
    pub(super) fn most_exchanges(&self) -> u32 {
        let pauses = || self.tracks.iter().map(|t| t.speech.len()).sum::<usize>().saturating_sub(1);
        self.exchanges.unwrap_or_else(|| pauses() as u32)
    }

    /// From the first to the last speech of anybody.
    pub(super) fn first_to_last(&self) -> Millis {
        let spans = || self.tracks.iter().flat_map(|t| &t.speech);
        let first = spans().map(|s| s.start.0).fold(f64::INFINITY, f64::min);
        let last = spans().map(|s| s.end.0).fold(0.0, f64::max);
        Millis((last - first).max(0.0))
    }

    /// How long a track was open for its party to speak.
    pub(super) fn open(&self, track: &TrackFacts) -> Millis {
        let recorded = Span { start: track.end - track.duration, end: track.end };
        let excused = self.excused.iter().filter_map(|span| span.overlap(&recorded));
        Millis(track.duration.0 - excused.map(|span| span.duration().0).sum::<f64>())
    }

    /// How long a gap is, without what is excused.
    pub(super) fn gap(&self, gap: Span) -> Millis {
        let excused = self.excused.iter().filter_map(|span| span.overlap(&gap));
        Millis(gap.end.0 - gap.start.0 - excused.map(|span| span.duration().0).sum::<f64>())
    }

    /// Everybody but one.
    pub(super) fn others(&self, track: usize) -> impl Iterator<Item = &TrackFacts> {
        self.tracks.iter().enumerate().filter(move |(i, _)| *i != track).map(|(_, heard)| heard)
    }

    /// Where a party's voice is surely its own: not a tone that the detector answered to, not a
    /// syllable of another party.
    pub(super) fn own_voice(&self, track: usize) -> impl Iterator<Item = Span> {
        let heard = self.tracks.get(track);
        let voiced = heard.map(|heard| heard.voiced.as_slice()).unwrap_or_default();
        voiced
            .iter()
            .copied()
            .filter(move |&run| heard.is_some_and(|heard| !heard.is_tone(run)) && !self.may_be_bleed(track, run))
    }

    fn may_be_bleed(&self, track: usize, run: Span) -> bool {
        let Some(heard) = self.tracks.get(track) else { return false };
        let tail = if heard.bleed.is_empty() { 0.0 } else { TAIL_MS };
        self.comparable
            && run.duration() < SYLLABLES
            && self.others(track).flat_map(|t| &t.speech).any(|&talk| within(run, talk, tail))
    }

    /// How much of its own a party says.
    pub(super) fn voice(&self, track: usize) -> Millis {
        Millis(self.own_voice(track).map(|run| run.duration().0).sum())
    }

    /// Whether a party ever spoke.
    pub(super) fn speaks(&self, track: usize, config: &OutcomeConfig) -> bool {
        self.voice(track) >= config.min_voice_ms
    }

    pub(super) fn speakers(&self, config: &OutcomeConfig) -> usize {
        (0..self.tracks.len()).filter(|&track| self.speaks(track, config)).count()
    }

    /// Those who never speak.
    pub(super) fn silent<'a>(&'a self, config: &'a OutcomeConfig) -> impl Iterator<Item = &'a TrackFacts> {
        self.tracks.iter().enumerate().filter(|(i, _)| !self.speaks(*i, config)).map(|(_, heard)| heard)
    }

    /// The only party who speaks, if others are there and silent.
    pub(super) fn lone_speaker(&self, config: &OutcomeConfig) -> Option<&TrackFacts> {
        let mut speaking = (0..self.tracks.len()).filter(|&track| self.speaks(track, config));
        let lone = speaking.next()?;
        (speaking.next().is_none() && self.tracks.len() > 1).then(|| self.tracks.get(lone)).flatten()
    }
}

/// Whether a span lies in another, give or take a margin at either end.
fn within(inner: Span, outer: Span, margin_ms: f64) -> bool {
    inner.start.0 >= outer.start.0 - margin_ms && inner.end.0 <= outer.end.0 + margin_ms
}
