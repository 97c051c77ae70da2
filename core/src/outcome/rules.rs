//! The rules for outcomes, in order. Each has a name, the evidence it requires, and the limits it
//! applies.

use crate::call::Outcome;
use crate::config::OutcomeConfig;
use crate::timeline::EventKind;
use crate::units::{Millis, Span, sum, total};

use super::{Facts, Reason, TrackFacts, count, machine, time};

pub(super) type Rule = fn(&Facts, &OutcomeConfig) -> Option<Vec<Reason>>;

/// The rules, in the order in which they are tried.
pub(super) const RULES: [(Outcome, Rule); 10] = [
    (Outcome::Fax, fax),
    (Outcome::NoAnswer, no_answer),
    (Outcome::Busy, busy),
    (Outcome::OneWayAudio, one_way_audio),
    (Outcome::Voicemail, machine::by_tone),
    (Outcome::IvrOnly, ivr_only),
    (Outcome::Voicemail, machine::by_talk),
    (Outcome::SilentParty, silent_party),
    (Outcome::Monologue, monologue),
    (Outcome::Conversation, conversation),
];

fn fax(facts: &Facts, config: &OutcomeConfig) -> Option<Vec<Reason>> {
    let silent = |i: usize| facts.voice(i) < config.fax_voice_ms;
    let machines = facts.tracks.iter().enumerate().filter(|(i, _)| silent(*i)).map(|(_, t)| t);
    let faxes = machines.map(|t| t.of_kind(&[EventKind::Fax])).max().unwrap_or(0).max(faxes_alone(facts, config));
    (faxes >= 1).then(|| vec![count("fax_tones", faxes, 1, "fax tones from a party that never speaks")])
}

/// Returns the number of fax tones of one channel whose parties are not told apart, if it has two
/// and more, and nobody speaks after the second: a person hangs up on a fax.
fn faxes_alone(facts: &Facts, config: &OutcomeConfig) -> usize {
    let [channel] = &facts.tracks[..] else { return 0 };
    let mut tones = channel.events.iter().filter(|e| e.kind == EventKind::Fax);
    let Some(second) = tones.nth(1).filter(|_| channel.shared) else { return 0 };
    let later = facts.own_voice(0).map(|run| (run.end - run.start.max(second.span.start)).0.max(0.0));
    if sum(later) < config.min_voice_ms.0 { 2 + tones.count() } else { 0 }
}

fn nobody_speaks_but(facts: &Facts, config: &OutcomeConfig, kinds: &[EventKind]) -> Option<usize> {
    let heard: usize = facts.tracks.iter().map(|t| t.of_kind(kinds)).sum();
    (heard >= 1 && facts.speakers(config) == 0 && !facts.answered).then_some(heard)
}

fn no_answer(facts: &Facts, config: &OutcomeConfig) -> Option<Vec<Reason>> {
    if let Some(rings) = nobody_speaks_but(facts, config, &[EventKind::Ringback]) {
        return Some(vec![count("ringback", rings, 1, "the line rings and nobody speaks")]);
    }
    let songs = nobody_speaks_but(facts, config, &[EventKind::Music])?;
    Some(vec![count("music", songs, 1, "music instead of ringing, and nobody speaks")])
}

fn busy(facts: &Facts, config: &OutcomeConfig) -> Option<Vec<Reason>> {
    if let Some(tones) = nobody_speaks_but(facts, config, &[EventKind::Busy, EventKind::Congestion, EventKind::Sit]) {
        return Some(vec![count("busy_tone", tones, 1, "busy or congestion tones, and nobody speaks")]);
    }
    intercepted(facts, config)
}

/// The network's three rising tones, followed by its announcement; no party speaks.
fn intercepted(facts: &Facts, config: &OutcomeConfig) -> Option<Vec<Reason>> {
    let network = facts.lone_speaker(config)?;
    let first = network.speech.first()?.start;
    let tones = network.events.iter().filter(|e| e.kind == EventKind::Sit && e.span.start <= first).count();
    (tones >= 1).then(|| vec![count("sit", tones, 1, "network tones, then an announcement, and nobody answers")])
}

fn one_way_audio(facts: &Facts, config: &OutcomeConfig) -> Option<Vec<Reason>> {
    let dead = facts.tracks.iter().filter(|t| t.dead).count();
    let talks = facts.tracks.iter().enumerate().any(|(i, t)| !t.dead && facts.speaks(i, config));
    let message = "a track carries no signal while the other party talks";
    (dead >= 1 && talks && facts.tracks.len() >= 2).then(|| vec![count("dead_tracks", dead, 1, message)])
}

/// One side announces; the other presses keys and never speaks.
fn ivr_only(facts: &Facts, config: &OutcomeConfig) -> Option<Vec<Reason>> {
    facts.lone_speaker(config)?;
    let keys: usize = facts.silent(config).map(|t| t.of_kind(&[EventKind::Dtmf])).sum();
    (keys >= 1).then(|| vec![count("keys", keys, 1, "announcements are answered with keys, not speech")])
}

fn silent_party(facts: &Facts, config: &OutcomeConfig) -> Option<Vec<Reason>> {
    let talker = facts.lone_speaker(config)?;
    let open = facts.silent(config).filter(|t| !t.dead).map(|t| facts.open(t)).fold(Millis(0.0), Millis::max);
    let times = waits(talker, facts, config) + 1;
    (open >= config.silent_party_ms && times as u32 >= config.silent_party_turns).then(|| {
        vec![
            time("silent_for", open, config.silent_party_ms, "one party's line is open, and it never speaks"),
            count("spoken_to", times, config.silent_party_turns as usize, "the other party speaks, then waits"),
        ]
    })
}

/// Returns how often a party leaves room for an answer between two of its spans.
fn waits(party: &TrackFacts, facts: &Facts, config: &OutcomeConfig) -> usize {
    let gap = |w: &&[Span]| facts.gap(Span { start: w[0].end, end: w[1].start });
    party.speech.windows(2).filter(|w| gap(w) >= config.monologue_gap_ms).count()
}

/// One party talks without room for an answer, and the others are silent after a greeting.
fn monologue(facts: &Facts, config: &OutcomeConfig) -> Option<Vec<Reason>> {
    if facts.tracks.len() < 2 {
        return None;
    }
    facts.tracks.iter().enumerate().find_map(|(i, talker)| {
        let talk = total(&talker.speech);
        let began = talker.speech.first()?.start;
        let greeted = (0..facts.tracks.len()).filter(|&j| j != i && facts.speaks(j, config)).all(|j| {
            let first = facts.own_voice(j).map(|run| run.start).fold(Millis(f64::INFINITY), Millis::min);
            let last = facts.own_voice(j).map(|run| run.end).fold(Millis(0.0), Millis::max);
            // Where nothing is known of when it was said, that little of it was said must do.
            let from = if facts.comparable { began } else { began.max(first) };
            last <= from + config.greeting_ms
        });
        (talk >= config.monologue_ms && waits(talker, facts, config) == 0 && greeted && !talker.may_be_answered(config))
            .then(|| {
                vec![time(
                    "talk_without_pause",
                    talk,
                    config.monologue_ms,
                    "one party talks without leaving room for an answer",
                )]
            })
    })
}

fn conversation(facts: &Facts, config: &OutcomeConfig) -> Option<Vec<Reason>> {
    // A sound that the detector takes for a voice, and that is no span of speech, is no conversation.
    if facts.speakers(config) == 0 || facts.talk().0 == 0.0 {
        return None;
    }
    let mut reasons = vec![time("speech_total", facts.talk(), config.short_speech_ms, "total speech")];
    if facts.comparable {
        reasons.push(time(
            "first_to_last",
            facts.first_to_last(),
            config.short_span_ms,
            "time from first to last speech",
        ));
        reasons.extend(
            facts
                .exchanges
                .map(|n| count("exchanges", n as usize, config.short_exchanges as usize, "changes of speaker")),
        );
    }
    Some(reasons)
}
