//! The facts about a call and its tracks that the rules examine.

use crate::call::Role;
use crate::config::OutcomeConfig;
use crate::timeline::{Event, EventKind};
use crate::units::{Millis, Span, sum, total};

/// The facts about one track, on the call's timeline.
#[derive(Debug, Clone, Default)]
pub struct TrackFacts {
    /// Who speaks.
    pub role: Role,
    /// The party's own speech.
    pub speech: Vec<Span>,
    /// Where the detector is above its threshold and no one bleeds, however briefly. A short "yes"
    /// makes no span of speech.
    pub voiced: Vec<Span>,
    /// Other parties' bleed.
    pub bleed: Vec<Span>,
    /// Other sounds on the track.
    pub events: Vec<Event>,
    /// Whether the track's channel holds several parties. What is short may then be with the wrong
    /// one of them.
    pub shared: bool,
    /// Whether the line carries no signal: digital zero, or far below any line's noise.
    pub dead: bool,
    /// The recording's duration.
    pub duration: Millis,
    /// The recording's end.
    pub end: Millis,
}

/// The facts about a call.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The tracks.
    pub tracks: Vec<TrackFacts>,
    /// How often the word passes from one party to another. `None` if parties share a track and are
    /// not separated, or one may be hidden in the only voice.
    pub exchanges: Option<u32>,
    /// Whether another party may be hidden in the only voice of the call.
    pub may_hide_another: bool,
    /// Largest uncertainty of any placement.
    pub uncertainty: Millis,
    /// Whether the placements allow comparing parties in time.
    pub comparable: bool,
    /// Spans in which silence is expected: before the answer, on hold, paused.
    pub excused: Vec<Span>,
    /// Whether the call is known to have been answered.
    pub answered: bool,
    /// Whether a recording is damaged, so that its parties must not be tagged as spam.
    pub damaged: bool,
}

/// Voiced spans within another party's speech shorter than this may be its bleed, because the gate
/// misses single syllables.
const SYLLABLES: Millis = Millis(700.0);
/// Time for which bleed outlasts its talker, in a room or a network.
const TAIL_MS: f64 = 300.0;
/// Placements more uncertain than this say nothing of what a party hears while it speaks: by then,
/// people have answered each other.
const NEARLY_COMPARABLE: Millis = Millis(1000.0);
/// Time before and after a tone in which a speech detector may still respond to it: its window of
/// 32 ms, what it remembers, and the tone's echo.
const BESIDE_TONE_MS: f64 = 200.0;
/// A word of a shared track that is shorter than this is too short to tell whose it is (`voices`
/// compares no shorter one) ...
const TOO_SHORT_TO_TELL: Millis = Millis(400.0);
/// ... and one that is shorter than this is too short for an answer. Two recorded announcements of
/// 28 made calls (seeds 711 to 716) hold a piece of 150 ms that stands apart.
const SHORTEST_ANSWER: Millis = Millis(200.0);
/// Pause on either side of a word that stands apart. In those announcements no longer word does.
const STANDS_APART: Millis = Millis(600.0);

impl TrackFacts {
    /// Returns `true` if this speech may hold another party's answers: on a shared track, words
    /// that stand apart, are too short to tell whose they are, and come as soon as answers do.
    pub(super) fn may_be_answered(&self, config: &OutcomeConfig) -> bool {
        let answers = STANDS_APART..config.monologue_gap_ms;
        let answer = |at: usize, word: &Span| {
            let before = at.checked_sub(1).and_then(|at| self.speech.get(at));
            before.is_some_and(|before| answers.contains(&(word.start - before.end)))
                && self.speech.get(at + 1).is_none_or(|next| next.start - word.end >= STANDS_APART)
        };
        let short =
            |word: &Span| (SHORTEST_ANSWER..TOO_SHORT_TO_TELL).contains(&word.duration()) && !self.is_tone(*word);
        self.shared && self.speech.iter().enumerate().any(|(at, word)| short(word) && answer(at, word))
    }

    pub(super) fn of_kind(&self, kinds: &[EventKind]) -> usize {
        self.events.iter().filter(|e| kinds.contains(&e.kind)).count()
    }

    /// Returns `true` if a span lies within a train of tones on this track, or right beside it.
    fn is_tone(&self, voiced: Span) -> bool {
        self.events.iter().filter(|e| e.kind.is_tone()).any(|e| within(voiced, e.span, BESIDE_TONE_MS))
    }
}

impl Facts {
    pub(super) fn talk(&self) -> Millis {
        Millis(sum(self.tracks.iter().map(|t| total(&t.speech).0)))
    }

    /// Returns the number of exchanges, or the number of pauses as an upper bound if they cannot be
    /// counted.
    pub(super) fn most_exchanges(&self) -> u32 {
        let pauses = || self.tracks.iter().map(|t| t.speech.len()).sum::<usize>().saturating_sub(1);
        self.exchanges.unwrap_or_else(|| pauses() as u32)
    }

    /// Returns the time from the first to the last speech of anyone.
    pub(super) fn first_to_last(&self) -> Millis {
        let spans = || self.tracks.iter().flat_map(|t| &t.speech);
        let first = spans().map(|s| s.start.0).fold(f64::INFINITY, f64::min);
        let last = spans().map(|s| s.end.0).fold(0.0, f64::max);
        Millis((last - first).max(0.0))
    }

    /// Returns how long a track was open for its party to speak.
    pub(super) fn open(&self, track: &TrackFacts) -> Millis {
        let recorded = Span { start: track.end - track.duration, end: track.end };
        let excused = self.excused.iter().filter_map(|span| span.overlap(&recorded));
        Millis(track.duration.0 - excused.map(|span| span.duration().0).sum::<f64>())
    }

    /// Returns a gap's duration without excused time.
    pub(super) fn gap(&self, gap: Span) -> Millis {
        let excused = self.excused.iter().filter_map(|span| span.overlap(&gap));
        Millis(gap.end.0 - gap.start.0 - excused.map(|span| span.duration().0).sum::<f64>())
    }

    /// Returns all parties but one.
    pub(super) fn others(&self, track: usize) -> impl Iterator<Item = &TrackFacts> {
        self.tracks.iter().enumerate().filter(move |(i, _)| *i != track).map(|(_, heard)| heard)
    }

    /// Returns the spans that are certainly a party's own voice: neither a tone nor a syllable of
    /// another party.
    pub(super) fn own_voice(&self, track: usize) -> impl Iterator<Item = Span> {
        let heard = self.tracks.get(track);
        let voiced = heard.map(|heard| heard.voiced.as_slice()).unwrap_or_default();
        voiced
            .iter()
            .copied()
            .filter(move |&run| heard.is_some_and(|heard| !heard.is_tone(run)) && !self.may_be_bleed(track, run))
    }

    fn may_be_bleed(&self, track: usize, run: Span) -> bool {
        let (Some(heard), Some(slack)) = (self.tracks.get(track), self.slack()) else { return false };
        let tail = if heard.bleed.is_empty() { 0.0 } else { TAIL_MS };
        run.duration() < SYLLABLES
            && self.others(track).flat_map(|t| &t.speech).any(|&talk| within(run, talk, tail + slack.0))
    }

    /// Returns by how much parties may lie elsewhere when they are compared in time: 0 if placements
    /// allow that, their uncertainty if it is small, else `None`.
    pub(super) fn slack(&self) -> Option<Millis> {
        match self.comparable {
            true => Some(Millis(0.0)),
            false => Some(self.uncertainty).filter(|&uncertainty| uncertainty <= NEARLY_COMPARABLE),
        }
    }

    /// Returns the duration of a party's own voice.
    pub(super) fn voice(&self, track: usize) -> Millis {
        Millis(sum(self.own_voice(track).map(|run| run.duration().0)))
    }

    /// Returns `true` if a party speaks.
    pub(super) fn speaks(&self, track: usize, config: &OutcomeConfig) -> bool {
        self.voice(track) >= config.min_voice_ms
    }

    pub(super) fn speakers(&self, config: &OutcomeConfig) -> usize {
        (0..self.tracks.len()).filter(|&track| self.speaks(track, config)).count()
    }

    /// Returns the parties that never speak.
    pub(super) fn silent<'a>(&'a self, config: &'a OutcomeConfig) -> impl Iterator<Item = &'a TrackFacts> {
        self.tracks.iter().enumerate().filter(|(i, _)| !self.speaks(*i, config)).map(|(_, heard)| heard)
    }

    /// Returns `true` if the only party that speaks is a voice of a shared track that may hold
    /// another's answers.
    pub(crate) fn hides_answers(&self, config: &OutcomeConfig) -> bool {
        let mut speaking = self.tracks.iter().filter(|track| !track.speech.is_empty());
        let lone = speaking.next().filter(|_| speaking.next().is_none());
        lone.is_some_and(|lone| lone.may_be_answered(config))
    }

    /// Returns the only party that speaks, if others are certainly present and silent.
    pub(super) fn lone_speaker(&self, config: &OutcomeConfig) -> Option<&TrackFacts> {
        let mut speaking = (0..self.tracks.len()).filter(|&track| self.speaks(track, config));
        let lone = speaking.next()?;
        (speaking.next().is_none() && self.tracks.len() > 1 && !self.may_hide_another)
            .then(|| self.tracks.get(lone))
            .flatten()
    }
}

/// Returns `true` if a span lies within another, with a margin at either end.
fn within(inner: Span, outer: Span, margin_ms: f64) -> bool {
    inner.start.0 >= outer.start.0 - margin_ms && inner.end.0 <= outer.end.0 + margin_ms
}
