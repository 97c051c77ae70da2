//! What the caller knows of the call: it bounds what is inferred, and what is heard against it is
//! told.

use crate::call::{Call, Direction, Fact, FactKind, FactTime, Moment, Role};
use crate::error::Warning;
use crate::report::FactReport;
use crate::timeline::{Event, EventKind};
use crate::units::{Millis, Span, without};

use super::gate::PlacedTrack;

/// So much speech where nobody can have spoken is no detector's slip.
const CONTRADICTS: Millis = Millis(1000.0);

/// A fact on the call's timeline.
pub(super) struct PlacedFact {
    pub told: FactReport,
    /// The places of the tracks that it concerns; all of them where it names no party.
    tracks: Vec<usize>,
    /// How far its time may be off on either side.
    slack: Millis,
    key: Option<char>,
}

/// Facts on the call's timeline, and what they change.
#[derive(Default)]
pub(super) struct PlacedFacts {
    facts: Vec<PlacedFact>,
    pub warnings: Vec<Warning>,
}

impl PlacedFacts {
    /// Places the facts of a call, bounds the tracks by them, and tells what contradicts them.
    pub(super) fn apply(call: &Call, tracks: &mut [PlacedTrack]) -> Self {
        let mut placed = Self::default();
        let end = tracks.iter().map(PlacedTrack::end).fold(Millis(0.0), Millis::max);
        for fact in &call.facts {
            match on_call(fact, call, tracks) {
                Some((at, slack)) => placed.add(fact, call.direction, tracks, (at, slack, end)),
                None => placed.warn("fact_without_clock", fact, "no recording says when it began"),
            }
        }
        placed.close(end);
        for fact in &mut placed.facts {
            fact.told.contradicted = fact.bound(tracks, end);
            if fact.told.contradicted {
                let message = format!("what is heard contradicts {} at {}", fact.told.kind, fact.told.span.start);
                placed.warnings.push(Warning::new("fact_contradicted", message));
            }
        }
        placed
    }

    fn warn(&mut self, code: &'static str, fact: &Fact, why: &str) {
        self.warnings.push(Warning::new(code, format!("{}: {why}", fact.kind)));
    }

    /// Adds a fact, or ends the one that it ends.
    fn add(
        &mut self,
        fact: &Fact,
        direction: Option<Direction>,
        tracks: &[PlacedTrack],
        (at, slack, end): (Millis, Millis, Millis),
    ) {
        let at = at.max(Millis(0.0)).min(end);
        if matches!(fact.kind, FactKind::Resume | FactKind::Unpause | FactKind::Unmute) {
            let opened = self.facts.iter_mut().rev().find(|open| open.ends_with(fact));
            return match opened {
                Some(open) => open.told.span.end = at.max(open.told.span.start),
                None => self.warn("fact_unpaired", fact, "nothing that it ends was told before"),
            };
        }
        let concerned = concerned(fact.party.as_deref(), direction, tracks);
        if concerned.is_empty() {
            self.warn("fact_party_unknown", fact, "no track is of its party");
        }
        // A fact that lasts goes on until it is ended.
        let until = if lasts(fact.kind) { Millis(f64::INFINITY) } else { at };
        let (kind, party, reason) = (fact.kind, fact.party.clone(), fact.reason.clone());
        let span = Span { start: at, end: until };
        let told = FactReport { kind, party, reason, span, contradicted: false };
        self.facts.push(PlacedFact { told, tracks: concerned, slack, key: fact.key });
    }

    /// Ends what was not ended.
    fn close(&mut self, end: Millis) {
        let ends = |kind| matches!(kind, FactKind::Transfer | FactKind::Hangup | FactKind::Conference);
        let ended: Vec<Millis> = self.facts.iter().filter(|f| ends(f.told.kind)).map(|f| f.told.span.start).collect();
        for fact in self.facts.iter_mut().filter(|fact| fact.told.span.end.0.is_infinite()) {
            let later = ended.iter().copied().filter(|&at| at > fact.told.span.start);
            fact.told.span.end = later.fold(end, Millis::min);
        }
    }

    /// Stretches in which silence means nothing: before the answer, on hold, recording paused.
    pub(super) fn excused(&self) -> Vec<Span> {
        let excused = |fact: &PlacedFact| match fact.told.kind {
            FactKind::Hold | FactKind::Pause | FactKind::Consult => Some(fact.told.span),
            FactKind::Answer => Some(Span { start: Millis(0.0), end: fact.told.span.start }),
            _ => None,
        };
        crate::units::joined(self.facts.iter().filter_map(excused).collect())
    }

    /// Whether somebody is known to have answered.
    pub(super) fn answered(&self) -> bool {
        self.facts.iter().any(|fact| fact.told.kind == FactKind::Answer)
    }

    /// The facts as the report tells them.
    pub(super) fn told(&self) -> Vec<FactReport> {
        self.facts.iter().map(|fact| fact.told.clone()).collect()
    }
}

const fn lasts(kind: FactKind) -> bool {
    matches!(kind, FactKind::Hold | FactKind::Pause | FactKind::Mute | FactKind::Consult | FactKind::Conference)
}

/// When a fact was on the call's timeline, and how far that may be off. A clock is placed by the
/// track whose start time is the most exact.
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

/// The places of the tracks of a party: of a role, or with a number, address or name.
fn concerned(party: Option<&str>, direction: Option<Direction>, tracks: &[PlacedTrack]) -> Vec<usize> {
    let Some(party) = party else { return (0..tracks.len()).collect() };
    let role = Role::parse(party, direction).filter(|&role| role != Role::Unknown);
    let of = |track: &PlacedTrack| Some(track.track.role) == role || track.track.leg.party.as_deref() == Some(party);
    (0..tracks.len()).filter(|&place| tracks.get(place).is_some_and(of)).collect()
}

impl PlacedFact {
    /// Whether this is what another fact ends: open, of the same party where both name one.
    fn ends_with(&self, fact: &Fact) -> bool {
        let same = fact.party.is_none() || self.told.party.is_none() || self.told.party == fact.party;
        self.told.kind.ended_by() == Some(fact.kind) && self.told.span.end.0.is_infinite() && same
    }

    /// The stretch that is surely within the fact; `None` where its time is too inexact.
    fn surely(&self, span: Span) -> Option<Span> {
        let sure = Span { start: span.start + self.slack, end: span.end - self.slack };
        (sure.end > sure.start).then_some(sure)
    }

    /// Bounds the tracks; whether what is heard contradicts the fact.
    fn bound(&self, tracks: &mut [PlacedTrack], end: Millis) -> bool {
        let (at, span) = (self.told.span.start, self.told.span);
        match self.told.kind {
            FactKind::Answer => {
                let before = Span { start: Millis(0.0), end: at - self.slack };
                let talk = self.spoken(tracks, before);
                self.silence(tracks, before);
                // One side alone is a song or an announcement.
                talk.iter().filter(|&&talk| talk >= CONTRADICTS).count() > 1
            }
            FactKind::Hangup => {
                let after = Span { start: at + self.slack, end };
                let talk = self.spoken(tracks, after);
                self.silence(tracks, after);
                talk.iter().any(|&talk| talk >= CONTRADICTS)
            }
            FactKind::Mute | FactKind::Hold => self.surely(span).is_some_and(|sure| {
                let music = self.told.kind == FactKind::Hold && self.music(tracks, sure);
                let talk = if self.told.party.is_some() { self.spoken(tracks, sure) } else { Vec::new() };
                if self.told.party.is_some() {
                    self.silence(tracks, sure);
                }
                !music && talk.iter().any(|&talk| talk >= CONTRADICTS)
            }),
            FactKind::Pause => {
                self.surely(span).is_some_and(|sure| self.spoken(tracks, sure).iter().any(|&talk| talk >= CONTRADICTS))
            }
            FactKind::Key => {
                self.press(tracks);
                false
            }
            _ => false,
        }
    }

    fn of<'t>(&self, tracks: &'t mut [PlacedTrack]) -> impl Iterator<Item = &'t mut PlacedTrack> {
        let places = self.tracks.clone();
        tracks.iter_mut().enumerate().filter(move |(place, _)| places.contains(place)).map(|(_, track)| track)
    }

    /// How much each track that the fact concerns speaks in a stretch.
    fn spoken(&self, tracks: &[PlacedTrack], within: Span) -> Vec<Millis> {
        let talk = |track: &PlacedTrack| {
            Millis(track.speech.iter().filter_map(|span| span.overlap(&within)).map(|span| span.duration().0).sum())
        };
        self.tracks.iter().filter_map(|&place| tracks.get(place)).map(talk).collect()
    }

    /// Takes a stretch out of the speech of the tracks: what is heard there is said to nobody.
    fn silence(&self, tracks: &mut [PlacedTrack], stretch: Span) {
        for track in self.of(tracks) {
            track.speech = without(&track.speech, stretch);
            track.voiced = without(&track.voiced, stretch);
            for voice in track.voices.iter_mut().flat_map(|told| &mut told.voices) {
                voice.speech = without(&voice.speech, stretch);
            }
        }
    }

    /// Whether music sounds in a stretch on one of the tracks.
    fn music(&self, tracks: &[PlacedTrack], within: Span) -> bool {
        let plays = |event: &Event| event.kind == EventKind::Music && event.span.overlap(&within).is_some();
        self.tracks.iter().filter_map(|&place| tracks.get(place)).any(|track| track.events.iter().any(plays))
    }

    /// Adds a key that was told beside the audio, where it is not heard.
    fn press(&self, tracks: &mut [PlacedTrack]) {
        let near = Span { start: self.told.span.start - self.slack, end: self.told.span.end + self.slack };
        let detail = self.key.map(|key| key.to_string());
        let Some(track) = self.of(tracks).next() else { return };
        let heard = |event: &Event| {
            let same = detail.is_none() || event.detail == detail;
            event.kind == EventKind::Dtmf && same && event.span.start <= near.end && event.span.end >= near.start
        };
        if !track.events.iter().any(heard) {
            track.events.push(Event { kind: EventKind::Dtmf, span: self.told.span, detail, confidence: 1.0 });
            track.events.sort_by(|a, b| a.span.start.0.total_cmp(&b.span.start.0).then(a.kind.cmp(&b.kind)));
        }
    }
}
