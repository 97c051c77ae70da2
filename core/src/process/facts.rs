//! Applies what the caller knows about the call: it constrains the analysis, and contradictions are
//! reported.

use std::cmp::Ordering;

use crate::call::{Call, Direction, Fact, FactKind, FactTime, Moment, Role};
use crate::error::Warning;
use crate::report::FactReport;
use crate::timeline::{Event, EventKind};
use crate::units::{Millis, Span, without};

use super::gate::PlacedTrack;

/// Speech of at least this duration where no one can have spoken is not a detector's error.
const CONTRADICTS: Millis = Millis(1000.0);
/// Recordings begin and end about when the phone system says it: a fact this far beyond one of their
/// ends, and beyond what its clock leaves open, still belongs to it.
const NEAR: Millis = Millis(1000.0);

/// A fact with its time on the call's timeline, which may lie beyond the call.
struct TimedFact<'a> {
    fact: &'a Fact,
    at: Millis,
    /// How far its time may be off on either side.
    slack: Millis,
}

/// A fact on the call's timeline.
pub(super) struct PlacedFact {
    pub told: FactReport,
    /// Indices of the tracks concerned: all of them if the fact names no party.
    tracks: Vec<usize>,
    /// How far its time may be off on either side.
    slack: Millis,
    key: Option<char>,
}

/// The facts on the call's timeline, and their consequences.
#[derive(Default)]
pub(super) struct PlacedFacts {
    facts: Vec<PlacedFact>,
    pub warnings: Vec<Warning>,
}

impl PlacedFacts {
    /// Places the facts of a call, tells what contradicts them, and bounds the tracks by them. The
    /// order in which they are given changes nothing.
    pub(super) fn apply(call: &Call, tracks: &mut [PlacedTrack]) -> Self {
        let mut placed = Self::default();
        let end = tracks.iter().map(PlacedTrack::end).fold(Millis(0.0), Millis::max);
        let (ends, begins): (Vec<_>, Vec<_>) =
            placed.timed(call, tracks, end).into_iter().partition(|timed| ends(timed.fact.kind));
        begins.iter().for_each(|timed| placed.begin(timed, call.direction, tracks));
        ends.iter().for_each(|timed| placed.end(timed));
        placed.close(end);
        placed.judge(tracks, end);
        placed.bound(tracks, end);
        placed
    }

    fn warn(&mut self, code: &'static str, fact: &Fact, why: &str) {
        self.warnings.push(Warning::new(code, format!("{}: {why}", fact.kind)));
    }

    /// The facts that may concern the call, in order; each but a key once.
    fn timed<'a>(&mut self, call: &'a Call, tracks: &[PlacedTrack], end: Millis) -> Vec<TimedFact<'a>> {
        let mut timed = Vec::new();
        for fact in &call.facts {
            match on_call(fact, call, tracks) {
                Some((at, slack)) => timed.extend(self.within(TimedFact { fact, at, slack }, end)),
                None => self.warn("fact_without_clock", fact, "no recording says when it began"),
            }
        }
        timed.sort_by(TimedFact::order);
        timed.dedup_by(|a, b| a.fact.kind != FactKind::Key && a.order(b).is_eq());
        timed
    }

    /// A fact, unless it lies outside of the call, with its time within. What lasts may reach into
    /// the call.
    fn within<'a>(&mut self, timed: TimedFact<'a>, end: Millis) -> Option<TimedFact<'a>> {
        let (TimedFact { fact, at, slack }, near) = (&timed, timed.slack + NEAR);
        let (before, after) = (*at < Millis(0.0) - near, *at > end + near);
        if !before && !after {
            return Some(TimedFact { at: at.max(Millis(0.0)).min(end), slack: *slack, fact });
        }
        self.warn("fact_outside_call", fact, &format!("at {at}, and the call lasts from 0 to {end}"));
        (ends(fact.kind) || before && lasts(fact.kind)).then_some(timed)
    }

    /// Adds a fact; one that lasts goes on until it is ended.
    fn begin(&mut self, timed: &TimedFact, direction: Option<Direction>, tracks: &[PlacedTrack]) {
        let TimedFact { fact, at, slack } = *timed;
        let concerned = concerned(fact.party.as_deref(), direction, tracks);
        if concerned.is_empty() {
            self.warn("fact_party_unknown", fact, "no track is of its party");
        }
        let span = Span { start: at, end: if lasts(fact.kind) { Millis(f64::INFINITY) } else { at } };
        let (kind, party, reason) = (fact.kind, fact.party.clone(), fact.reason.clone());
        let told = FactReport { kind, party, reason, span, contradicted: false };
        self.facts.push(PlacedFact { told, tracks: concerned, slack, key: fact.key });
    }

    /// Ends the last fact that began before; else one that began at the same time.
    fn end(&mut self, timed: &TimedFact) {
        let before = |open: &PlacedFact| open.ends_with(timed.fact) && open.told.span.start < timed.at;
        let at_once = |open: &PlacedFact| open.ends_with(timed.fact) && open.told.span.start == timed.at;
        let place = self.facts.iter().rposition(before).or_else(|| self.facts.iter().rposition(at_once));
        match place.and_then(|place| self.facts.get_mut(place)) {
            Some(open) => open.told.span.end = timed.at,
            None => self.warn("fact_unpaired", timed.fact, "nothing that it ends was told before"),
        }
    }

    /// Ends what was not ended, and leaves out what lies outside of the call: one that began before
    /// it and was never ended too.
    fn close(&mut self, end: Millis) {
        let last = |fact: &PlacedFact| {
            matches!(fact.told.kind, FactKind::Transfer | FactKind::Hangup | FactKind::Conference)
                .then_some((fact.told.kind, fact.told.span.start))
        };
        let last: Vec<(FactKind, Millis)> = self.facts.iter().filter_map(last).collect();
        for fact in &mut self.facts {
            let (kind, span) = (fact.told.kind, &mut fact.told.span);
            if span.end.0.is_infinite() {
                // A leg goes on in a conference.
                let ends = |by: FactKind| by != FactKind::Conference || kind != FactKind::Transfer;
                let later = last.iter().filter(|&&(by, at)| ends(by) && at > span.start).map(|&(_, at)| at);
                let open = if span.start < Millis(0.0) { span.start } else { end };
                span.end = later.reduce(Millis::min).unwrap_or(open);
            }
            *span = Span { start: span.start.max(Millis(0.0)), end: span.end.min(end) };
        }
        self.facts.retain(|fact| fact.told.span.end >= fact.told.span.start);
    }

    /// Notes what contradicts the facts, before any of them changes what is heard.
    fn judge(&mut self, tracks: &[PlacedTrack], end: Millis) {
        let answer = self.answer();
        for fact in &mut self.facts {
            fact.told.contradicted = fact.is_contradicted(tracks, answer, end);
            if fact.told.contradicted {
                let message = format!("what is heard contradicts {} at {}", fact.told.kind, fact.told.span.start);
                self.warnings.push(Warning::new("fact_contradicted", message));
            }
        }
    }

    /// Bounds the tracks.
    fn bound(&self, tracks: &mut [PlacedTrack], end: Millis) {
        let answer = self.answer();
        for fact in &self.facts {
            if let Some(stretch) = fact.silent(answer, end) {
                fact.silence(tracks, stretch);
            }
        }
        let mut heard: Vec<Vec<Event>> = tracks.iter().map(|track| keys(&track.events)).collect();
        for fact in self.facts.iter().filter(|fact| fact.told.kind == FactKind::Key) {
            fact.press(tracks, &mut heard);
        }
    }

    /// When the call was first answered.
    fn answer(&self) -> Option<Millis> {
        let answers = self.facts.iter().filter(|fact| fact.told.kind == FactKind::Answer);
        answers.map(|fact| fact.told.span.start).reduce(Millis::min)
    }

    /// Returns spans in which silence is expected: before the answer, on hold, while recording is
    /// paused.
    pub(super) fn excused(&self) -> Vec<Span> {
        let answer = self.answer();
        let excused = |fact: &PlacedFact| match fact.told.kind {
            FactKind::Hold | FactKind::Pause | FactKind::Consult => Some(fact.told.span),
            FactKind::Answer if Some(fact.told.span.start) == answer && !fact.told.contradicted => {
                Some(Span { start: Millis(0.0), end: fact.told.span.start })
            }
            _ => None,
        };
        crate::units::joined(self.facts.iter().filter_map(excused).collect())
    }

    /// Stretches and moments across which nobody answers anybody: on hold, recording paused, and
    /// where another leg begins.
    pub(super) fn breaks(&self) -> Vec<Span> {
        let breaks = |fact: &PlacedFact| match fact.told.kind {
            FactKind::Hold | FactKind::Pause | FactKind::Consult => Some(fact.told.span),
            FactKind::Transfer => Some(Span { start: fact.told.span.start, end: fact.told.span.start }),
            _ => None,
        };
        self.facts.iter().filter_map(breaks).collect()
    }

    /// When keys were pressed that were told beside the audio, as exactly as that is known.
    pub(super) fn keys(&self) -> Vec<Span> {
        let keys = self.facts.iter().filter(|fact| fact.told.kind == FactKind::Key);
        keys.map(PlacedFact::near).collect()
    }

    /// Returns `true` if the call is known to have been answered.
    pub(super) fn answered(&self) -> bool {
        self.answer().is_some()
    }

    /// Returns the facts for the report.
    pub(super) fn told(&self) -> Vec<FactReport> {
        self.facts.iter().map(|fact| fact.told.clone()).collect()
    }
}

impl TimedFact<'_> {
    /// Facts in the order of their times, those of one time by what they say.
    fn order(&self, other: &Self) -> Ordering {
        let said = |timed: &Self| {
            let Fact { kind, party, reason, key, .. } = timed.fact.clone();
            (kind.name(), party, reason, key)
        };
        self.at.0.total_cmp(&other.at.0).then_with(|| said(self).cmp(&said(other)))
    }
}

const fn lasts(kind: FactKind) -> bool {
    matches!(
        kind,
        FactKind::Hold
            | FactKind::Pause
            | FactKind::Mute
            | FactKind::Consult
            | FactKind::Conference
            | FactKind::Transfer
    )
}

const fn ends(kind: FactKind) -> bool {
    matches!(kind, FactKind::Resume | FactKind::Unpause | FactKind::Unmute)
}

/// The keys among events.
fn keys(events: &[Event]) -> Vec<Event> {
    events.iter().filter(|event| event.kind == EventKind::Dtmf).cloned().collect()
}

/// Returns a fact's time on the call's timeline, and its uncertainty. Calendar times are placed by
/// the track with the most exact start time.
fn on_call(fact: &Fact, call: &Call, tracks: &[PlacedTrack]) -> Option<(Millis, Millis)> {
    let at = match fact.time {
        FactTime::OnCall(at) => return Some((at, Millis(0.0))),
        FactTime::At(moment) => moment,
    };
    let started = |track: &PlacedTrack| {
        let start = track.track.leg.started_at?;
        Some((start, track.placement.offset(), track.placement.uncertainty))
    };
    let known = tracks.iter().filter_map(started);
    let finest = known.min_by(|a, b| a.0.resolution().0.total_cmp(&b.0.resolution().0));
    // Where no recording says it, the call's own beginning is the first sample's, give or take.
    let (start, offset, unsure) = finest.or_else(|| call.started_at.map(|start| (start, Millis(0.0), Millis(0.0))))?;
    Some((offset + since(start, at), at.resolution().max(start.resolution()) + unsure))
}

fn since(start: Moment, at: Moment) -> Millis {
    Millis((at.unix_ms() - start.unix_ms()) as f64)
}

/// Returns the indices of a party's tracks: by role, or by number, address or name.
fn concerned(party: Option<&str>, direction: Option<Direction>, tracks: &[PlacedTrack]) -> Vec<usize> {
    let Some(party) = party else { return (0..tracks.len()).collect() };
    let role = Role::parse(party, direction).filter(|&role| role != Role::Unknown);
    let of = |track: &PlacedTrack| Some(track.track.role) == role || track.track.leg.party.as_deref() == Some(party);
    (0..tracks.len()).filter(|&place| tracks.get(place).is_some_and(of)).collect()
}

impl PlacedFact {
    /// Returns `true` if a fact ends this one: it is open, and concerns the same party if both name
    /// one.
    fn ends_with(&self, fact: &Fact) -> bool {
        let same = fact.party.is_none() || self.told.party.is_none() || self.told.party == fact.party;
        self.told.kind.ended_by() == Some(fact.kind) && self.told.span.end.0.is_infinite() && same
    }

    /// Returns the span that is certainly within the fact, or `None` if its time is too uncertain.
    fn surely(&self, span: Span) -> Option<Span> {
        let sure = Span { start: span.start + self.slack, end: span.end - self.slack };
        (sure.end > sure.start).then_some(sure)
    }

    /// When it was, give or take what its clock leaves open.
    fn near(&self) -> Span {
        Span { start: self.told.span.start - self.slack, end: self.told.span.end + self.slack }
    }

    /// Whether nobody is said to speak before: of an answer of the whole call, the first.
    fn opens(&self, answer: Option<Millis>) -> bool {
        self.told.party.is_some() || answer == Some(self.told.span.start)
    }

    /// The stretch in which nobody of its party speaks to anybody. What is heard on both sides before
    /// an answer is no song.
    fn silent(&self, answer: Option<Millis>, end: Millis) -> Option<Span> {
        let at = self.told.span.start;
        match self.told.kind {
            FactKind::Answer if self.opens(answer) && !self.told.contradicted => {
                Some(Span { start: Millis(0.0), end: at - self.slack })
            }
            FactKind::Hangup => Some(Span { start: at + self.slack, end }),
            FactKind::Mute | FactKind::Hold if self.told.party.is_some() => self.surely(self.told.span),
            _ => None,
        }
    }

    /// Whether what is heard contradicts the fact. Before an answer one side alone is a song or an
    /// announcement; on hold it is music.
    fn is_contradicted(&self, tracks: &[PlacedTrack], answer: Option<Millis>, end: Millis) -> bool {
        let kind = self.told.kind;
        let within = if kind == FactKind::Pause { self.surely(self.told.span) } else { self.silent(answer, end) };
        let Some(within) = within else { return false };
        let talk = self.spoken(tracks, within).into_iter().filter(|&talk| talk >= CONTRADICTS).count();
        let least = if kind == FactKind::Answer { 2 } else { 1 };
        talk >= least && !(kind == FactKind::Hold && self.music(tracks, within))
    }

    fn of<'t>(&self, tracks: &'t mut [PlacedTrack]) -> impl Iterator<Item = &'t mut PlacedTrack> {
        let places = self.tracks.clone();
        tracks.iter_mut().enumerate().filter(move |(place, _)| places.contains(place)).map(|(_, track)| track)
    }

    /// Returns how much each track concerned speaks within a span.
    fn spoken(&self, tracks: &[PlacedTrack], within: Span) -> Vec<Millis> {
        let talk = |track: &PlacedTrack| {
            Millis(track.speech.iter().filter_map(|span| span.overlap(&within)).map(|span| span.duration().0).sum())
        };
        self.tracks.iter().filter_map(|&place| tracks.get(place)).map(talk).collect()
    }

    /// Removes a span from the tracks' speech, because what is said there is said to no one.
    fn silence(&self, tracks: &mut [PlacedTrack], stretch: Span) {
        for track in self.of(tracks) {
            track.speech = without(&track.speech, stretch);
            track.voiced = without(&track.voiced, stretch);
            for voice in track.voices.iter_mut().flat_map(|told| &mut told.voices) {
                voice.speech = without(&voice.speech, stretch);
            }
        }
    }

    /// Returns `true` if one of the tracks has music within a span.
    fn music(&self, tracks: &[PlacedTrack], within: Span) -> bool {
        let plays = |event: &Event| event.kind == EventKind::Music && event.span.overlap(&within).is_some();
        self.tracks.iter().filter_map(|&place| tracks.get(place)).any(|track| track.events.iter().any(plays))
    }

    /// Adds a key that was told beside the audio, where it is not heard. A key that is heard stands for
    /// one that is told.
    fn press(&self, tracks: &mut [PlacedTrack], heard: &mut [Vec<Event>]) {
        let (near, detail) = (self.near(), self.key.map(|key| key.to_string()));
        let same = |event: &Event| {
            (detail.is_none() || event.detail == detail) && event.span.start <= near.end && event.span.end >= near.start
        };
        for &place in &self.tracks {
            let Some(heard) = heard.get_mut(place) else { continue };
            if let Some(key) = heard.iter().position(same) {
                heard.remove(key);
                return;
            }
        }
        let Some(track) = self.of(tracks).next() else { return };
        track.events.push(Event { kind: EventKind::Dtmf, span: self.told.span, detail, confidence: 1.0 });
        track.events.sort_by(|a, b| a.span.start.0.total_cmp(&b.span.start.0).then(a.kind.cmp(&b.kind)));
    }
}
