//! Rules for answering machines: by their tone, or by how they talk.

use crate::config::OutcomeConfig;
use crate::timeline::EventKind;
use crate::units::{Millis, Span, sum};

use super::{Facts, Reason, TrackFacts, count, time};

/// Time after its tone or greeting in which a machine may still make noise.
const GONE_MS: f64 = 500.0;

/// A greeting followed by a tone on the same side, which is then silent. The other side talks after
/// it, or never.
pub(super) fn by_tone(facts: &Facts, config: &OutcomeConfig) -> Option<Vec<Reason>> {
    (0..facts.tracks.len()).find_map(|party| tone_of(facts, party, config))
}

/// A greeting without a pause, as no person answers, after which that side is silent: a mailbox
/// without a tone, a screened call, an announcement. The other side talks after it, or never.
pub(super) fn by_talk(facts: &Facts, config: &OutcomeConfig) -> Option<Vec<Reason>> {
    (0..facts.tracks.len()).find_map(|party| talk_of(facts, party, config))
}

/// Returns the index of the machine that greets, by its tone or by how it talks.
pub(crate) fn greeter(facts: &Facts, config: &OutcomeConfig) -> Option<usize> {
    let parties = || 0..facts.tracks.len();
    parties()
        .find(|&party| tone_of(facts, party, config).is_some())
        .or_else(|| parties().find(|&party| talk_of(facts, party, config).is_some()))
}

fn tone_of(facts: &Facts, party: usize, config: &OutcomeConfig) -> Option<Vec<Reason>> {
    let machine = facts.tracks.get(party)?;
    let beep = machine.events.iter().rfind(|e| e.kind == EventKind::Beep)?.span;
    let greets = machine.speech.iter().any(|s| s.start < beep.start);
    (greets && gone(facts, party, beep.end) && waits_for(facts, party, beep, config))
        .then(|| vec![time("beep_at", beep.start, Millis(0.0), "a greeting, then a beep, then one side only")])
}

fn talk_of(facts: &Facts, party: usize, config: &OutcomeConfig) -> Option<Vec<Reason>> {
    let machine = facts.tracks.get(party).filter(|_| facts.tracks.len() > 1)?;
    let (greeting, pause) = greeting(machine, config)?;
    let long = greeting.duration() > config.machine_greeting_ms && greeting.duration() < config.max_greeting_ms;
    // Where tracks cannot be compared, their likeliest places still say who spoke first.
    let first = facts.others(party).all(|t| t.speech.first().is_none_or(|s| s.start >= greeting.start))
        && said_before(facts, party, greeting.end) <= config.before_beep_ms;
    // A tone has a rule of its own.
    let toneless = machine.of_kind(&[EventKind::Beep]) == 0;
    if !(long && first && toneless && gone(facts, party, greeting.end)) {
        return None;
    }
    let rings = machine.events.iter().filter(|e| e.kind == EventKind::Ringback && e.span.end <= greeting.start).count();
    let mut reasons = vec![
        time(
            "first_talk",
            greeting.duration(),
            config.machine_greeting_ms,
            "the first talk is as long as a machine's greeting",
        ),
        time("longest_pause", pause, config.greeting_pause_ms, "its longest pause is too short for an answer"),
        count("answers", 0, 1, "nobody answers after it"),
    ];
    if rings > 0 {
        reasons.push(count("ringing_before", rings, 1, "the line rang before it"));
    }
    Some(reasons)
}

/// Returns a party's first talk, across pauses too short for an answer, and the longest of those
/// pauses.
fn greeting(party: &TrackFacts, config: &OutcomeConfig) -> Option<(Span, Millis)> {
    let mut spans = party.speech.iter();
    let mut talk = *spans.next()?;
    let mut longest = Millis(0.0);
    for span in spans {
        let pause = span.start - talk.end;
        if pause >= config.greeting_pause_ms {
            break;
        }
        (talk.end, longest) = (span.end, longest.max(pause));
    }
    Some((talk, longest))
}

/// Returns `true` if a party never speaks again.
fn gone(facts: &Facts, party: usize, after: Millis) -> bool {
    !facts.own_voice(party).any(|run| run.end.0 > after.0 + GONE_MS)
}

/// Returns how much the others say before a time.
fn said_before(facts: &Facts, machine: usize, until: Millis) -> Millis {
    let speech = facts.others(machine).flat_map(|t| &t.speech);
    Millis(sum(speech.map(|s| (s.end.min(until) - s.start).0.max(0.0))))
}

/// Returns `true` if the others are silent before a machine's beep. If tracks cannot be compared in
/// time: whether all that they say fits between the beep and the end of the machine's recording,
/// and hardly anywhere else.
fn waits_for(facts: &Facts, machine: usize, beep: Span, config: &OutcomeConfig) -> bool {
    if facts.comparable {
        return said_before(facts, machine, beep.start) <= config.before_beep_ms;
    }
    let speech = || facts.others(machine).flat_map(|t| &t.speech);
    let Some(end) = facts.tracks.get(machine).map(|t| t.end) else { return false };
    let first = speech().map(|s| s.start.0).fold(f64::INFINITY, f64::min);
    let last = speech().map(|s| s.end.0).fold(0.0, f64::max);
    last - first.min(last) <= (end - beep.end).0 + config.before_beep_ms.0
}
