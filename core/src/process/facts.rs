//! Applies what the caller knows about the call: it constrains the analysis, and contradictions are
//! reported.

use std::cmp::Ordering;
use std::fmt::Display;
use std::mem;

use crate::call::{Call, Direction, Fact, FactKind, FactTime, Moment, Role};
use crate::error::Warning;
use crate::report::FactReport;
use crate::timeline::{Event, EventKind};
use crate::units::{Millis, Span, sum, without};

use super::gate::PlacedTrack;

/// Speech of at least this duration where no one can have spoken is not a detector's error.
const CONTRADICTS: Millis = Millis(1000.0);
/// Recordings begin and end about when the phone system says it: a fact this far beyond one of
/// their ends, and beyond what its clock leaves open, still belongs to it.
const NEAR: Millis = Millis(1000.0);

/// A fact with its time on the call's timeline, which may lie beyond the call.
struct TimedFact<'a> {
    fact: &'a Fact,
    at: Millis,
    /// How far its time may be off on either side.
    slack: Millis,
    /// Whether it lies outside of the call, and of what its clock leaves open.
    outside: bool,
    /// Indices of the tracks concerned.
    tracks: Vec<usize>,
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
    /// How many keys were told whose time has no place in the call.
    pub keys_without_place: usize,
}

impl PlacedFacts {
    /// Places the facts of a call, tells what contradicts them, and bounds the tracks by them. The
    /// order in which they are given changes nothing.
    pub(super) fn apply(call: &Call, tracks: &mut [PlacedTrack]) -> Self {
        let mut placed = Self::default();
        let end = tracks.iter().map(PlacedTrack::end).fold(Millis(0.0), Millis::max);
        let (ends, begins): (Vec<_>, Vec<_>) =
            placed.timed(call, tracks, end).into_iter().partition(|timed| ends(timed.fact.kind));
        begins.iter().for_each(|timed| placed.begin(timed, end));
        ends.iter().for_each(|timed| placed.end(timed));
        placed.close(end);
        placed.judge(tracks, end);
        placed.bound(tracks, end);
        placed
    }

    fn warn(&mut self, code: &'static str, fact: impl Display, why: impl Display) {
        self.warnings.push(Warning::new(code, format!("{fact}: {why}")));
    }

    fn warn_outside(&mut self, fact: impl Display, end: Millis) {
        self.warn("fact_outside_call", fact, format_args!("not applied, the call lasts from 0 to {end}"));
    }

    /// The facts that have a place, in order; each but a key once, as exactly as it is told.
    fn timed<'a>(&mut self, call: &'a Call, tracks: &[PlacedTrack], end: Millis) -> Vec<TimedFact<'a>> {
        let mut facts: Vec<&Fact> = call.facts.iter().collect();
        facts.sort_by(|a, b| said(a).cmp(&said(b)));
        let mut timed = Vec::new();
        for fact in facts {
            let tracks_of = || concerned(fact.party.as_deref(), call.direction, tracks);
            match on_call(fact, call, tracks) {
                Some((at, slack)) => timed.push(TimedFact::new(fact, (at, slack), end, tracks_of())),
                None => {
                    self.keys_without_place += usize::from(fact.kind == FactKind::Key);
                    let name = name(fact.kind, fact.party.as_deref());
                    self.warn("fact_without_clock", name, "no recording says when it began");
                }
            }
        }
        timed.sort_by(|a, b| a.order(b).then(a.slack.0.total_cmp(&b.slack.0)));
        timed.dedup_by(|a, b| a.fact.kind != FactKind::Key && a.order(b).is_eq());
        timed
    }

    /// Adds a fact, unless it lies outside of the call; what lasts may reach into the call. One
    /// that lasts goes on until it is ended.
    fn begin(&mut self, timed: &TimedFact, end: Millis) {
        let TimedFact { fact, at, slack, outside, .. } = *timed;
        if outside && !(lasts(fact.kind) && at < Millis(0.0)) {
            return self.warn_outside(timed.name(), end);
        }
        let span = Span { start: at, end: if lasts(fact.kind) { Millis(f64::INFINITY) } else { at } };
        let (kind, party, reason) = (fact.kind, fact.party.clone(), fact.reason.clone());
        let told = FactReport { kind, party, reason, span, contradicted: false };
        self.facts.push(PlacedFact { told, tracks: timed.tracks.clone(), slack, key: fact.key });
    }

    /// Ends the last fact that began before; else one that began at the same time.
    fn end(&mut self, timed: &TimedFact) {
        let before = |open: &PlacedFact| open.ends_with(timed) && open.told.span.start < timed.at;
        let at_once = |open: &PlacedFact| open.ends_with(timed) && open.told.span.start == timed.at;
        let place = self.facts.iter().rposition(before).or_else(|| self.facts.iter().rposition(at_once));
        match place.and_then(|place| self.facts.get_mut(place)) {
            Some(open) => open.told.span.end = timed.at,
            None => self.warn("fact_unpaired", timed.name(), "nothing that it ends was told before"),
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
        for mut fact in mem::take(&mut self.facts) {
            let (kind, name, span) = (fact.told.kind, fact.name(), &mut fact.told.span);
            if span.end.0.is_infinite() {
                // A leg goes on in a conference.
                let ends = |by: FactKind| by != FactKind::Conference || kind != FactKind::Transfer;
                let later = last.iter().filter(|&&(by, at)| ends(by) && at > span.start).map(|&(_, at)| at);
                let open = if span.start < Millis(0.0) { span.start } else { end };
                span.end = later.reduce(Millis::min).unwrap_or(open);
            }
            *span = Span { start: span.start.max(Millis(0.0)), end: span.end.min(end) };
            if span.end < span.start {
                self.warn_outside(name, end);
                continue;
            }
            if fact.tracks.is_empty() {
                self.warn("fact_party_unknown", name, "no track is of its party");
            }
            self.facts.push(fact);
        }
    }

    /// Notes what contradicts the facts, before any of them changes what is heard.
    fn judge(&mut self, tracks: &[PlacedTrack], end: Millis) {
        let answer = self.answer();
        for fact in &mut self.facts {
            fact.told.contradicted = fact.is_contradicted(tracks, answer, end);
            if fact.told.contradicted {
                let message = format!("{}: what is heard contradicts it", fact.name());
                self.warnings.push(Warning::new("fact_contradicted", message));
            }
        }
    }

    /// Bounds the tracks, and puts the keys on them. A key of nobody known is on none.
    fn bound(&mut self, tracks: &mut [PlacedTrack], end: Millis) {
        let answer = self.answer();
        for fact in &self.facts {
            if let Some(stretch) = fact.silent(answer, end) {
                fact.silence(tracks, stretch);
            }
        }
        let mut heard: Vec<Vec<Event>> = tracks.iter().map(|track| keys(&track.events)).collect();
        let mut astray = Vec::new();
        for fact in self.facts.iter().filter(|fact| fact.told.kind == FactKind::Key) {
            astray.extend((!fact.press(tracks, &mut heard)).then(|| fact.name()));
        }
        for name in astray {
            self.warn("fact_party_unknown", name, "on none of several tracks, for nothing tells which of them");
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

impl<'a> TimedFact<'a> {
    /// A fact at a time; one that is near the call is within it. What is no number is nowhere.
    fn new(fact: &'a Fact, (at, slack): (Millis, Millis), end: Millis, tracks: Vec<usize>) -> Self {
        let near = slack + NEAR;
        let outside = !(Millis(0.0) - near..=end + near).contains(&at);
        let at = if outside { at } else { at.max(Millis(0.0)).min(end) };
        Self { fact, at, slack, outside, tracks }
    }

    /// Facts in the order of their times, those of one time by what they say.
    fn order(&self, other: &Self) -> Ordering {
        let words = |timed: &Self| said(timed.fact).0;
        self.at.0.total_cmp(&other.at.0).then_with(|| words(self).cmp(&words(other)))
    }

    fn name(&self) -> String {
        format!("{} at {}", name(self.fact.kind, self.fact.party.as_deref()), self.at)
    }
}

/// What a fact says, and its time as it is told: for an order that depends on nothing else.
type Said<'a> = ((&'static str, Option<&'a str>, Option<&'a str>, Option<char>), (bool, i64, u64));

fn said(fact: &Fact) -> Said<'_> {
    let time = match fact.time {
        FactTime::At(moment) => (true, moment.unix_ms(), moment.resolution().0.to_bits()),
        FactTime::OnCall(at) => (false, 0, at.0.to_bits()),
    };
    ((fact.kind.name(), fact.party.as_deref(), fact.reason.as_deref(), fact.key), time)
}

/// A fact's kind, and whose it is.
fn name(kind: FactKind, party: Option<&str>) -> String {
    party.map_or_else(|| kind.to_string(), |party| format!("{kind} of {party}"))
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

/// Returns the indices of a party's tracks: by role, or by number, address or name. A recording
/// that was delivered twice, for two parties, holds both and is of neither.
fn concerned(party: Option<&str>, direction: Option<Direction>, tracks: &[PlacedTrack]) -> Vec<usize> {
    let Some(party) = party else { return (0..tracks.len()).collect() };
    let role = Role::parse(party, direction).filter(|&role| role != Role::Unknown);
    let both = |track: &PlacedTrack| track.shared && track.track.role != Role::Mixed;
    let named = |track: &PlacedTrack| Some(track.track.role) == role || track.track.leg.party.as_deref() == Some(party);
    let of = |track: &PlacedTrack| named(track) && !both(track);
    (0..tracks.len()).filter(|&place| tracks.get(place).is_some_and(of)).collect()
}

/// Returns how much a track speaks within a span.
fn spoken(track: &PlacedTrack, within: Span) -> Millis {
    Millis(sum(track.speech.iter().filter_map(|span| span.overlap(&within)).map(|span| span.duration().0)))
}

impl PlacedFact {
    /// Returns `true` if a fact ends this one: it is open, and concerns the same party if both name
    /// one, by whatever name.
    fn ends_with(&self, timed: &TimedFact) -> bool {
        let (party, own) = (&timed.fact.party, &self.told.party);
        let same_track = || self.tracks.iter().any(|track| timed.tracks.contains(track));
        let same = party.is_none() || own.is_none() || own == party || same_track();
        self.told.kind.ended_by() == Some(timed.fact.kind) && self.told.span.end.0.is_infinite() && same
    }

    fn name(&self) -> String {
        format!("{} at {}", name(self.told.kind, self.told.party.as_deref()), self.told.span.start)
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

    /// The stretch in which nobody of its party speaks to anybody. What is heard on both sides
    /// before an answer is no song.
    fn silent(&self, answer: Option<Millis>, end: Millis) -> Option<Span> {
        let at = self.told.span.start;
        match self.told.kind {
            FactKind::Answer if self.opens(answer) && !self.told.contradicted => {
                Some(Span { start: Millis(0.0), end: at - self.slack })
            }
            // What is heard after a hang-up makes its time wrong, not what is heard.
            FactKind::Hangup if !self.told.contradicted => Some(Span { start: at + self.slack, end }),
            FactKind::Mute | FactKind::Hold if self.told.party.is_some() => self.surely(self.told.span),
            _ => None,
        }
    }

    /// Whether what is heard contradicts the fact. Before an answer one side alone is a song or an
    /// announcement; of the call's first answer all sides count, whoever answered. On hold it is
    /// music.
    fn is_contradicted(&self, tracks: &[PlacedTrack], answer: Option<Millis>, end: Millis) -> bool {
        let kind = self.told.kind;
        let within = if kind == FactKind::Pause { self.surely(self.told.span) } else { self.silent(answer, end) };
        let Some(within) = within else { return false };
        let everyone = kind == FactKind::Answer && answer == Some(self.told.span.start);
        let heard = |(place, track): &(usize, &PlacedTrack)| {
            // A recording that was delivered twice is one side.
            track.repeats.is_none() && (everyone || self.tracks.contains(place))
        };
        let talk = tracks.iter().enumerate().filter(heard).map(|(_, track)| spoken(track, within));
        let talk = talk.filter(|&talk| talk >= CONTRADICTS).count();
        let least = if kind == FactKind::Answer { 2 } else { 1 };
        talk >= least && !(kind == FactKind::Hold && self.music(tracks, within))
    }

    fn of<'t>(&self, tracks: &'t mut [PlacedTrack]) -> impl Iterator<Item = &'t mut PlacedTrack> {
        let places = self.tracks.clone();
        tracks.iter_mut().enumerate().filter(move |(place, _)| places.contains(place)).map(|(_, track)| track)
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

    /// Adds a key that was told beside the audio to its track, where it is not heard. A key that is
    /// heard stands for one that is told. Returns `false` if it may be of several tracks.
    fn press(&self, tracks: &mut [PlacedTrack], heard: &mut [Vec<Event>]) -> bool {
        let (near, detail) = (self.near(), self.key.map(|key| key.to_string()));
        let same = |event: &Event| {
            (detail.is_none() || event.detail == detail) && event.span.start <= near.end && event.span.end >= near.start
        };
        for &place in &self.tracks {
            let Some(heard) = heard.get_mut(place) else { continue };
            if let Some(key) = heard.iter().position(same) {
                heard.remove(key);
                return true;
            }
        }
        let mut of: Vec<&mut PlacedTrack> = self.of(tracks).filter(|track| track.repeats.is_none()).collect();
        if let [track] = of.as_mut_slice() {
            track.events.push(Event { kind: EventKind::Dtmf, span: self.told.span, detail, confidence: 1.0 });
            track.events.sort_by(|a, b| a.span.start.0.total_cmp(&b.span.start.0).then(a.kind.cmp(&b.kind)));
        }
        of.len() < 2
    }
}
