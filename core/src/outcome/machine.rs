//! Rules for answering machines: by their tone, or by how they talk.

use crate::config::OutcomeConfig;
use crate::timeline::EventKind;
use crate::units::{Millis, Span, sum};

use super::{Facts, Reason, TrackFacts, count, time};

/// Time after its tone or greeting in which a machine may still make noise.
const GONE_MS: f64 = 500.0;
/// Spans of one channel shorter than this may be with the wrong voice: windows of speech of 0.65 s
/// hardly tell two voices apart (`voices::likeness`).
const TOO_SHORT_TO_TELL: Millis = Millis(700.0);
/// Runs of a detector shorter than this are no word: three of its frames.
const NO_WORD: Millis = Millis(100.0);
/// Who hears a machine waits for its end. Who says a word and is talked to for this long after it
/// talks with a person.
const TALKS_ON: Millis = Millis(2000.0);
/// A span this close to bleed may be what the gate left of it.
const BESIDE_BLEED_MS: f64 = 500.0;
/// Longest time between a greeting and its tone. Made mailboxes take up to 1.2 s.
const TONE_FOLLOWS: Millis = Millis(3000.0);

/// A greeting followed by a tone on the same side, which is then silent. The other side talks after
/// it, or never.
pub(super) fn by_tone(facts: &Facts, config: &OutcomeConfig) -> Option<Vec<Reason>> {
    (0..facts.tracks.len()).find_map(|party| tone_of(facts, party, config)).or_else(|| tone_of_one_voice(facts, config))
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
    (greets && gone(facts, party, beep.end, config.before_beep_ms) && waits_for(facts, party, beep, config))
        .then(|| vec![time("beep_at", beep.start, Millis(0.0), "a greeting, then a beep, then one side only")])
}

/// A greeting and one tone on a channel whose only voice goes on after the tone. Such a voice is
/// the machine's and the caller's, taken for one: a person does not sound a tone and talk on.
fn tone_of_one_voice(facts: &Facts, config: &OutcomeConfig) -> Option<Vec<Reason>> {
    let mut speaking = facts.tracks.iter().filter(|track| !track.speech.is_empty());
    let lone = speaking.next().filter(|track| track.shared && speaking.next().is_none())?;
    let mut beeps = lone.events.iter().filter(|e| e.kind == EventKind::Beep).map(|e| e.span);
    let beep = beeps.next().filter(|_| beeps.next().is_none())?;
    let (greeting, _) = greeting(lone, config)?;
    let follows = greeting.end <= beep.start && beep.start - greeting.end <= TONE_FOLLOWS;
    (follows && greeting.duration() < config.max_greeting_ms)
        .then(|| vec![time("beep_at", beep.start, Millis(0.0), "a greeting, then a beep, on one channel")])
}

fn talk_of(facts: &Facts, party: usize, config: &OutcomeConfig) -> Option<Vec<Reason>> {
    let machine = facts.tracks.get(party).filter(|_| facts.tracks.len() > 1)?;
    let (greeting, pause) = greeting(machine, config)?;
    let long = greeting.duration() > config.machine_greeting_ms && greeting.duration() < config.max_greeting_ms;
    // Where tracks cannot be compared, their likeliest places still say who spoke first.
    let answered = answered(machine);
    let begins = |other: &TrackFacts| other.speech.iter().find(|s| s.end > answered).map(|s| s.start);
    let first = facts.others(party).all(|other| begins(other).is_none_or(|begins| begins >= greeting.start))
        && said_before(facts, party, greeting.end) - said_before(facts, party, answered) <= config.before_beep_ms
        && !talks_on_after_a_word(facts, party, greeting);
    // A tone has a rule of its own.
    let toneless = machine.of_kind(&[EventKind::Beep]) == 0;
    // Without a tone there is less to rest on, so every word after it counts, on one channel too.
    let stays_silent = gone(facts, party, greeting.end, Millis(0.0));
    if !(long && first && toneless && stays_silent) || several_talk(facts, party, greeting.end) {
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

/// Returns when a party's line stops ringing, or 0. Nobody has answered before, so what sounds until
/// then is no talk.
fn answered(party: &TrackFacts) -> Millis {
    let rings = party.events.iter().filter(|e| e.kind == EventKind::Ringback).map(|e| e.span.end);
    rings.fold(Millis(0.0), Millis::max)
}

/// Returns a party's first talk after the answer, across pauses too short for an answer, and the
/// longest of those pauses.
fn greeting(party: &TrackFacts, config: &OutcomeConfig) -> Option<(Span, Millis)> {
    let answered = answered(party);
    let mut spans = party.speech.iter().filter(|span| span.end > answered);
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

/// Returns `true` if another says a word during a greeting that goes on long after it.
fn talks_on_after_a_word(facts: &Facts, greeter: usize, greeting: Span) -> bool {
    let beside = |word: Span, bleed: &Span| {
        bleed.start.0 < word.end.0 + BESIDE_BLEED_MS && bleed.end.0 > word.start.0 - BESIDE_BLEED_MS
    };
    let heard = |other: &TrackFacts, word: Span| {
        word.start > greeting.start
            && greeting.end - word.end >= TALKS_ON
            && !other.bleed.iter().any(|bleed| beside(word, bleed))
    };
    // On one channel, a word of the greeter's own may be with another voice.
    let apart = |other: &&TrackFacts| !other.shared;
    facts.others(greeter).filter(apart).any(|other| other.speech.iter().any(|&word| heard(other, word)))
}

/// Returns `true` if a party never speaks again. On a channel of several parties, short spans may be
/// another's: as much as `most` of them counts as nothing.
fn gone(facts: &Facts, party: usize, after: Millis, most: Millis) -> bool {
    let shared = facts.tracks.get(party).is_some_and(|track| track.shared);
    let words = facts.own_voice(party).filter(|run| run.duration() >= NO_WORD);
    let later = words.filter(|run| run.end.0 > after.0 + GONE_MS);
    let later: Vec<Millis> = later.map(|run| run.end - run.start.max(after)).collect();
    if !shared {
        return later.is_empty();
    }
    later.iter().all(|&length| length < TOO_SHORT_TO_TELL) && sum(later.iter().map(|length| length.0)) <= most.0
}

/// Returns `true` if more than one other party talks after a greeting: one caller leaves a message,
/// two talk with each other.
fn several_talk(facts: &Facts, greeter: usize, after: Millis) -> bool {
    let later = |span: &Span| (span.end - span.start.max(after)).max(Millis(0.0)).0;
    let talks = |other: &&TrackFacts| sum(other.speech.iter().map(later)) >= TOO_SHORT_TO_TELL.0;
    facts.others(greeter).filter(talks).count() > 1
}

/// Returns how much the others say before a time.
fn said_before(facts: &Facts, machine: usize, until: Millis) -> Millis {
    let speech = facts.others(machine).flat_map(|t| &t.speech);
    said(speech, until)
}

fn said<'a>(speech: impl Iterator<Item = &'a Span>, until: Millis) -> Millis {
    Millis(sum(speech.map(|s| (s.end.min(until) - s.start).0.max(0.0))))
}

/// Returns how much those who speak after a tone may say before it, if they lie up to `slack`
/// elsewhere. On a channel of several parties, one machine may have been taken for two voices, both
/// of which end with the tone.
fn said_by_callers(facts: &Facts, machine: usize, beep: Span, slack: Millis, config: &OutcomeConfig) -> Millis {
    let until = beep.start + slack;
    let goes_on = |other: &usize| !gone(facts, *other, beep.end, config.before_beep_ms);
    let shared = facts.tracks.iter().all(|track| track.shared);
    let callers: Vec<usize> = (0..facts.tracks.len()).filter(|&other| other != machine).filter(goes_on).collect();
    if !shared || callers.is_empty() {
        return said_before(facts, machine, until);
    }
    said(callers.iter().filter_map(|&caller| facts.tracks.get(caller)).flat_map(|t| &t.speech), until)
}

/// Returns `true` if the others are silent before a machine's beep, wherever the placements leave
/// them. If tracks cannot be compared in time: whether all that they say fits between the beep and
/// the end of the machine's recording, and hardly anywhere else.
fn waits_for(facts: &Facts, machine: usize, beep: Span, config: &OutcomeConfig) -> bool {
    let early = facts.slack().map(|slack| said_by_callers(facts, machine, beep, slack, config));
    let waits = early.is_some_and(|early| early <= config.before_beep_ms);
    if facts.comparable || waits {
        return waits;
    }
    let speech = || facts.others(machine).flat_map(|t| &t.speech);
    let Some(end) = facts.tracks.get(machine).map(|t| t.end) else { return false };
    let first = speech().map(|s| s.start.0).fold(f64::INFINITY, f64::min);
    let last = speech().map(|s| s.end.0).fold(0.0, f64::max);
    last - first.min(last) <= (end - beep.end).0 + config.before_beep_ms.0
}
