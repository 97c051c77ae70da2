//! What was heard to happen in a call, and the tag that follows: rules over plain facts, tried in order.
//!
//! The first rule whose evidence holds decides. Each gives its reasons with measured value and limit; all limits are in
//! [`OutcomeConfig`]. Where facts are missing — parties cannot be compared in time — a rule that needs them abstains.

use serde::{Deserialize, Serialize};

use crate::call::{Outcome, Role, Tag};
use crate::config::OutcomeConfig;
use crate::timeline::{Event, EventKind};
use crate::units::{Millis, Span, total};

/// Why an outcome was chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// Stable name of what was measured.
    pub code: String,
    /// What was measured.
    pub measured: f64,
    /// What it was held against.
    pub limit: f64,
    /// The unit of both.
    pub unit: String,
    /// The same in words.
    pub message: String,
}

/// An outcome with its reasons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The outcome.
    pub value: Outcome,
    /// Why.
    pub reasons: Vec<Reason>,
}

/// A tag and what it came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tagged {
    /// The tag.
    pub value: Tag,
    /// The outcome, or `conversation_short` for a conversation too short to be normal.
    pub from: String,
}

/// One track as the rules see it, on the call's timeline.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// Who it is.
    pub role: Role,
    /// Own speech.
    pub speech: Vec<Span>,
    /// Time in which the detector heard speech of this party's own, before short spans were dropped.
    pub voiced: Millis,
    /// Other sounds of its own.
    pub events: Vec<Event>,
    /// The line carries no signal at all: digital zero, or far below any line's noise.
    pub dead: bool,
    /// How long it was recorded.
    pub duration: Millis,
}

impl Heard {
    /// Whether the party ever spoke: judged on the detector's probabilities, for a short "yes" makes no span.
    fn speaks(&self) -> bool {
        !self.speech.is_empty() || self.voiced >= VOICED_AT_ALL
    }

    fn of_kind(&self, kinds: &[EventKind]) -> usize {
        self.events.iter().filter(|e| kinds.contains(&e.kind)).count()
    }
}

/// A call as the rules see it.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The tracks.
    pub tracks: Vec<Heard>,
    /// Turns that pass from one party to another.
    pub exchanges: u32,
    /// Whether the placements allow comparing parties in time.
    pub comparable: bool,
}

/// Less voiced time than this is no speech.
const VOICED_AT_ALL: Millis = Millis(300.0);

impl Facts {
    fn talk(&self) -> Millis {
        Millis(self.tracks.iter().map(|t| total(&t.speech).0).sum())
    }

    /// From the first to the last speech of anybody.
    fn first_to_last(&self) -> Millis {
        let spans = || self.tracks.iter().flat_map(|t| &t.speech);
        let first = spans().map(|s| s.start.0).fold(f64::INFINITY, f64::min);
        let last = spans().map(|s| s.end.0).fold(0.0, f64::max);
        Millis((last - first).max(0.0))
    }

    fn speakers(&self) -> usize {
        self.tracks.iter().filter(|t| t.speaks()).count()
    }

    /// The only party who speaks, if others are there and silent.
    fn lone_speaker(&self) -> Option<&Heard> {
        let mut speaking = self.tracks.iter().filter(|t| t.speaks());
        let lone = speaking.next()?;
        (speaking.next().is_none() && self.tracks.len() > 1).then_some(lone)
    }
}

type Rule = fn(&Facts, &OutcomeConfig) -> Option<Vec<Reason>>;

/// The rules in the order in which they are tried.
const RULES: [(Outcome, Rule); 9] = [
    (Outcome::Fax, fax),
    (Outcome::NoAnswer, no_answer),
    (Outcome::Busy, busy),
    (Outcome::OneWayAudio, one_way_audio),
    (Outcome::Voicemail, voicemail),
    (Outcome::IvrOnly, ivr_only),
    (Outcome::SilentParty, silent_party),
    (Outcome::Monologue, monologue),
    (Outcome::Conversation, conversation),
];

/// The outcome of a call.
pub fn outcome(facts: &Facts, config: &OutcomeConfig) -> Decision {
    for (value, rule) in RULES {
        if let Some(reasons) = rule(facts, config) {
            return Decision { value, reasons };
        }
    }
    let nothing = time("speech_total", facts.talk(), Millis(0.0), "nothing was heard that can be named");
    Decision { value: Outcome::Unknown, reasons: vec![nothing] }
}

/// The tag of an outcome.
pub fn tag(decision: &Decision, facts: &Facts, config: &OutcomeConfig) -> Tagged {
    let outcome = decision.value;
    let short = outcome == Outcome::Conversation && is_short(facts, config);
    let from = if short { "conversation_short".to_owned() } else { outcome.name().to_owned() };
    let default = match outcome {
        Outcome::Conversation if short => Tag::Short,
        Outcome::Conversation => Tag::Normal,
        Outcome::Fax => Tag::WrongOrSpam,
        _ => Tag::Other,
    };
    let chosen = if short { None } else { config.tags.get(&outcome).copied() };
    let mut value = chosen.unwrap_or(default);
    // Calling a customer spam is the one mistake that cannot be seen later: evidence of a person forbids it.
    let keys = facts.tracks.iter().any(|t| t.role == Role::Customer && t.of_kind(&[EventKind::Dtmf]) > 0);
    let unknown = facts.tracks.iter().any(|t| t.role == Role::Unknown);
    if value == Tag::WrongOrSpam && outcome != Outcome::Fax && (keys || unknown) {
        value = Tag::Other;
    }
    Tagged { value, from }
}

fn fax(facts: &Facts, _: &OutcomeConfig) -> Option<Vec<Reason>> {
    let faxes = facts.tracks.iter().filter(|t| !t.speaks()).map(|t| t.of_kind(&[EventKind::Fax])).max()?;
    (faxes >= 1).then(|| vec![count("fax_tones", faxes, 1, "fax tones from a party who never speaks")])
}

fn nobody_speaks_but(facts: &Facts, kinds: &[EventKind], code: &str, message: &str) -> Option<Vec<Reason>> {
    let heard: usize = facts.tracks.iter().map(|t| t.of_kind(kinds)).sum();
    (heard >= 1 && facts.speakers() == 0).then(|| vec![count(code, heard, 1, message)])
}

fn no_answer(facts: &Facts, _: &OutcomeConfig) -> Option<Vec<Reason>> {
    nobody_speaks_but(facts, &[EventKind::Ringback], "ringback", "it rings and nobody speaks")
}

fn busy(facts: &Facts, _: &OutcomeConfig) -> Option<Vec<Reason>> {
    let kinds = [EventKind::Busy, EventKind::Congestion];
    nobody_speaks_but(facts, &kinds, "busy_tone", "busy or congestion tones and nobody speaks")
}

fn one_way_audio(facts: &Facts, _: &OutcomeConfig) -> Option<Vec<Reason>> {
    let dead = facts.tracks.iter().filter(|t| t.dead).count();
    let talks = facts.tracks.iter().any(|t| !t.dead && t.speaks());
    let message = "a track carries no signal while the other party talks";
    (dead >= 1 && talks && facts.tracks.len() >= 2).then(|| vec![count("dead_tracks", dead, 1, message)])
}

/// A greeting, then a beep on the same side, then nobody there any more while the other side talks.
fn voicemail(facts: &Facts, _: &OutcomeConfig) -> Option<Vec<Reason>> {
    if !facts.comparable {
        return None;
    }
    facts.tracks.iter().enumerate().find_map(|(i, machine)| {
        let beep = machine.events.iter().rfind(|e| e.kind == EventKind::Beep)?.span;
        let greets = machine.speech.iter().any(|s| s.start < beep.start);
        let gone = !machine.speech.iter().any(|s| s.end.0 > beep.end.0 + 500.0);
        let others = || facts.tracks.iter().enumerate().filter(|(j, _)| *j != i).flat_map(|(_, t)| &t.speech);
        let before = Millis(others().map(|s| (s.end.min(beep.start) - s.start).0.max(0.0)).sum());
        let alone = before.0 <= 1000.0;
        (greets && gone && alone)
            .then(|| vec![time("beep_at", beep.start, Millis(0.0), "a greeting, a beep, then one side alone")])
    })
}

/// One side announces, the other presses keys and never says a word.
fn ivr_only(facts: &Facts, _: &OutcomeConfig) -> Option<Vec<Reason>> {
    facts.lone_speaker()?;
    let silent = facts.tracks.iter().filter(|t| !t.speaks());
    let keys: usize = silent.map(|t| t.of_kind(&[EventKind::Dtmf])).sum();
    (keys >= 1).then(|| vec![count("keys", keys, 1, "announcements answered by keys, not in speech")])
}

fn silent_party(facts: &Facts, config: &OutcomeConfig) -> Option<Vec<Reason>> {
    let talker = facts.lone_speaker()?;
    let open =
        facts.tracks.iter().filter(|t| !t.speaks() && !t.dead).map(|t| t.duration).fold(Millis(0.0), Millis::max);
    let times = waits(talker, config) + 1;
    (open >= config.silent_party_ms && times as u32 >= config.silent_party_turns).then(|| {
        vec![
            time("silent_for", open, config.silent_party_ms, "the line is open and one party never speaks"),
            count("spoken_to", times, config.silent_party_turns as usize, "the other party speaks and waits"),
        ]
    })
}

/// How often a party leaves room for an answer between two of its spans.
fn waits(party: &Heard, config: &OutcomeConfig) -> usize {
    party.speech.windows(2).filter(|w| w[1].start - w[0].end >= config.monologue_gap_ms).count()
}

/// One party talks without room for an answer, the others fall silent after a greeting.
fn monologue(facts: &Facts, config: &OutcomeConfig) -> Option<Vec<Reason>> {
    if facts.tracks.len() < 2 || !facts.comparable && facts.speakers() > 1 {
        return None;
    }
    facts.tracks.iter().enumerate().find_map(|(i, talker)| {
        let talk = total(&talker.speech);
        let began = talker.speech.first()?.start;
        let answered = facts.tracks.iter().enumerate().filter(|(j, _)| *j != i).flat_map(|(_, t)| &t.speech);
        let silent_after = answered.map(|s| s.end.0).fold(0.0, f64::max) <= began.0 + GREETING_MS;
        (talk >= config.monologue_ms && waits(talker, config) == 0 && silent_after).then(|| {
            vec![time("talk_without_pause", talk, config.monologue_ms, "one party talks without room for an answer")]
        })
    })
}

/// A greeting ends at most this long after the talker has begun.
const GREETING_MS: f64 = 3000.0;

fn conversation(facts: &Facts, config: &OutcomeConfig) -> Option<Vec<Reason>> {
    if facts.speakers() == 0 {
        return None;
    }
    let mut reasons = vec![time("speech_total", facts.talk(), config.short_speech_ms, "somebody speaks")];
    if facts.comparable {
        reasons.push(time("first_to_last", facts.first_to_last(), config.short_span_ms, "from first to last speech"));
        let exchanges = facts.exchanges as usize;
        reasons.push(count("exchanges", exchanges, config.short_exchanges as usize, "turns passed to the other party"));
    }
    Some(reasons)
}

/// Short in speech, or short in time with hardly an exchange; measured between the first and the last speech.
fn is_short(facts: &Facts, config: &OutcomeConfig) -> bool {
    let in_speech = facts.talk() < config.short_speech_ms;
    let in_time = facts.first_to_last() <= config.short_span_ms && facts.exchanges < config.short_exchanges;
    in_speech || (facts.comparable && in_time)
}

fn time(code: &str, measured: Millis, limit: Millis, message: &str) -> Reason {
    let round = |ms: Millis| (ms.0 * 1000.0).round() / 1000.0;
    Reason {
        code: code.into(),
        measured: round(measured),
        limit: round(limit),
        unit: "ms".into(),
        message: message.into(),
    }
}

fn count(code: &str, measured: usize, limit: usize, message: &str) -> Reason {
    Reason {
        code: code.into(),
        measured: measured as f64,
        limit: limit as f64,
        unit: "count".into(),
        message: message.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(role: Role, speech: &[(f64, f64)]) -> Heard {
        let speech: Vec<Span> = speech.iter().map(|&(a, b)| Span::new(a * 1000.0, b * 1000.0)).collect();
        Heard { role, voiced: total(&speech), speech, duration: Millis(60_000.0), ..Heard::default() }
    }

    fn with(mut party: Heard, events: &[(EventKind, f64, f64)]) -> Heard {
        let event = |&(kind, a, b): &(EventKind, f64, f64)| Event {
            kind,
            span: Span::new(a * 1000.0, b * 1000.0),
            detail: None,
            confidence: 1.0,
        };
        party.events = events.iter().map(event).collect();
        party
    }

    fn call(customer: Heard, agent: Heard, exchanges: u32) -> Facts {
        Facts { tracks: vec![customer, agent], exchanges, comparable: true }
    }

    fn customer(speech: &[(f64, f64)]) -> Heard {
        party(Role::Customer, speech)
    }

    fn agent(speech: &[(f64, f64)]) -> Heard {
        party(Role::Agent, speech)
    }

    fn decided(facts: &Facts) -> (Outcome, Tag) {
        let config = OutcomeConfig::default();
        let decision = outcome(facts, &config);
        assert!(!decision.reasons.is_empty());
        (decision.value, tag(&decision, facts, &config).value)
    }

    #[test]
    fn each_rule_decides_the_call_it_is_made_for() {
        use EventKind::{Beep, Busy, Dtmf, Fax, Ringback};
        let talk: &[(f64, f64)] = &[(1.0, 4.0), (8.0, 12.0), (30.0, 35.0)];
        let answer: &[(f64, f64)] = &[(5.0, 7.0), (20.0, 25.0)];
        let table = [
            (call(with(customer(&[]), &[(Fax, 1.0, 1.5)]), agent(talk), 0), Outcome::Fax, Tag::WrongOrSpam),
            (call(customer(&[]), with(agent(&[]), &[(Ringback, 0.5, 20.0)]), 0), Outcome::NoAnswer, Tag::Other),
            (call(customer(&[]), with(agent(&[]), &[(Busy, 0.5, 9.0)]), 0), Outcome::Busy, Tag::Other),
            (call(Heard { dead: true, ..customer(&[]) }, agent(talk), 0), Outcome::OneWayAudio, Tag::Other),
            (
                call(customer(&[(9.0, 15.0)]), with(agent(&[(1.0, 6.0)]), &[(Beep, 7.0, 7.4)]), 1),
                Outcome::Voicemail,
                Tag::Other,
            ),
            (call(with(customer(&[]), &[(Dtmf, 5.0, 5.1)]), agent(talk), 0), Outcome::IvrOnly, Tag::Other),
            (call(customer(&[]), agent(talk), 0), Outcome::SilentParty, Tag::Other),
            (call(customer(&[(0.9, 20.0), (20.3, 30.0)]), agent(&[(0.5, 1.9)]), 1), Outcome::Monologue, Tag::Other),
            (call(customer(answer), agent(talk), 4), Outcome::Conversation, Tag::Normal),
            (call(customer(&[(2.0, 2.5)]), agent(&[(0.5, 1.5)]), 1), Outcome::Conversation, Tag::Short),
            (call(customer(&[]), agent(&[]), 0), Outcome::Unknown, Tag::Other),
        ];
        for (facts, outcome, tag) in table {
            assert_eq!(decided(&facts), (outcome, tag));
        }
    }

    #[test]
    fn a_conversation_is_short_below_its_limits() {
        let of = |speech: f64, end: f64, exchanges| {
            decided(&call(customer(&[(0.0, speech / 2.0)]), agent(&[(end - speech / 2.0, end)]), exchanges)).1
        };
        assert_eq!(of(2.99, 60.0, 5), Tag::Short, "less than 3 s of speech");
        assert_eq!(of(3.0, 60.0, 5), Tag::Normal);
        assert_eq!(of(10.0, 20.0, 1), Tag::Short, "at most 20 s with one exchange");
        assert_eq!(of(10.0, 20.001, 1), Tag::Normal);
        assert_eq!(of(10.0, 20.0, 2), Tag::Normal);
    }

    #[test]
    fn what_compares_parties_abstains_where_it_cannot() {
        let mut facts = call(customer(&[(0.0, 5.0)]), agent(&[(6.0, 12.0)]), 1);
        facts.comparable = false;
        assert_eq!(decided(&facts), (Outcome::Conversation, Tag::Normal), "only the amount of speech is known");
    }

    #[test]
    fn limits_of_the_silent_party() {
        let config = OutcomeConfig::default();
        let of = |seconds: f64, talk: &[(f64, f64)]| {
            let silent = Heard { duration: Millis(seconds * 1000.0), ..customer(&[]) };
            outcome(&call(silent, agent(talk), 0), &config).value
        };
        assert_eq!(of(10.0, &[(0.0, 2.0), (3.0, 4.0)]), Outcome::SilentParty);
        assert_eq!(of(9.9, &[(0.0, 2.0), (3.0, 4.0)]), Outcome::Conversation);
        assert_eq!(of(10.0, &[(0.0, 2.0), (2.9, 4.0)]), Outcome::Conversation, "no room for an answer");
    }

    #[test]
    fn spam_needs_a_known_party_who_pressed_nothing() {
        let config =
            OutcomeConfig { tags: [(Outcome::SilentParty, Tag::WrongOrSpam)].into(), ..OutcomeConfig::default() };
        let tagged = |customer: Heard| {
            let facts = call(customer, agent(&[(0.0, 2.0), (5.0, 8.0)]), 0);
            tag(&outcome(&facts, &config), &facts, &config).value
        };
        assert_eq!(tagged(customer(&[])), Tag::WrongOrSpam);
        assert_eq!(tagged(party(Role::Unknown, &[])), Tag::Other);
        // A key makes it an announcement that was answered by a key.
        assert_eq!(tagged(with(customer(&[]), &[(EventKind::Dtmf, 1.0, 1.1)])), Tag::Other);
    }

    #[test]
    fn a_single_mixed_track_is_a_conversation() {
        let facts = Facts { tracks: vec![party(Role::Mixed, &[(0.0, 40.0)])], exchanges: 0, comparable: true };
        assert_eq!(decided(&facts), (Outcome::Conversation, Tag::Normal));
    }
}
