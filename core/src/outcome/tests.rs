//! Every rule at its limits.

use super::*;
use crate::timeline::Event;
use crate::units::Span;

fn party(role: Role, speech: &[(f64, f64)]) -> TrackFacts {
    let speech: Vec<Span> = speech.iter().map(|&(a, b)| Span::new(a * 1000.0, b * 1000.0)).collect();
    TrackFacts {
        role,
        voiced: speech.clone(),
        speech,
        duration: Millis(60_000.0),
        end: Millis(60_000.0),
        ..TrackFacts::default()
    }
}

fn with(mut party: TrackFacts, events: &[(EventKind, f64, f64)]) -> TrackFacts {
    let event = |&(kind, a, b): &(EventKind, f64, f64)| Event {
        kind,
        span: Span::new(a * 1000.0, b * 1000.0),
        detail: None,
        confidence: 1.0,
    };
    party.events = events.iter().map(event).collect();
    party
}

fn call(customer: TrackFacts, agent: TrackFacts, exchanges: u32) -> Facts {
    Facts { tracks: vec![customer, agent], exchanges: Some(exchanges), comparable: true, ..Facts::default() }
}

fn customer(speech: &[(f64, f64)]) -> TrackFacts {
    party(Role::Customer, speech)
}

fn agent(speech: &[(f64, f64)]) -> TrackFacts {
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
        (call(TrackFacts { dead: true, ..customer(&[]) }, agent(talk), 0), Outcome::OneWayAudio, Tag::Other),
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
        let half = speech / 2.0;
        // The first who speaks is there at the end too.
        let first = customer(&[(0.0, half - 0.5), (end - 0.5, end)]);
        decided(&call(first, agent(&[(end - 1.0 - half, end - 1.0)]), exchanges)).1
    };
    assert_eq!(of(2.99, 60.0, 5), Tag::Short, "less than 3 s of speech");
    assert_eq!(of(3.0, 60.0, 5), Tag::Normal);
    assert_eq!(of(10.0, 20.0, 1), Tag::Short, "at most 20 s with one exchange");
    assert_eq!(of(10.0, 20.001, 1), Tag::Normal);
    assert_eq!(of(10.0, 20.0, 2), Tag::Normal);
}

#[test]
fn a_voice_without_a_span_of_speech_is_no_conversation() {
    let sound = TrackFacts { voiced: vec![Span::new(1000.0, 1400.0)], ..customer(&[]) };
    let facts = call(sound.clone(), sound, 0);
    assert!(facts.speakers(&OutcomeConfig::default()) > 0, "the detector takes it for a voice");
    assert_eq!(decided(&facts).0, Outcome::Unknown);
}

#[test]
fn exchanges_that_cannot_be_counted_are_no_more_than_the_pauses() {
    let tag = |speech: &[(f64, f64)]| {
        let facts = Facts { tracks: vec![party(Role::Mixed, speech)], comparable: true, ..Facts::default() };
        decided(&facts).1
    };
    assert_eq!(tag(&[(1.0, 4.0), (5.0, 8.0), (9.0, 12.0)]), Tag::Normal, "18 s of a mixed call may hold two exchanges");
    assert_eq!(tag(&[(1.0, 4.0), (5.0, 8.0)]), Tag::Short, "two spans hold at most one");
    assert_eq!(tag(&[(1.0, 2.0), (3.0, 4.0), (5.0, 5.9)]), Tag::Short, "less than 3 s of speech");
}

#[test]
fn an_uncertain_call_is_short_only_if_it_is_however_its_tracks_lie() {
    let tagged = |uncertainty: f64, exchanges| {
        let facts = call(customer(&[(0.0, 4.5), (11.5, 12.0)]), agent(&[(5.0, 11.0)]), exchanges);
        decided(&Facts { comparable: false, uncertainty: Millis(uncertainty), ..facts }).1
    };
    assert_eq!(tagged(4_000.0, 1), Tag::Short, "12 s, and 4 s more at either end");
    assert_eq!(tagged(4_001.0, 1), Tag::Normal, "only the amount of speech is known");
    assert_eq!(tagged(600.0, 2), Tag::Normal);
}

#[test]
fn limits_of_the_silent_party() {
    let config = OutcomeConfig::default();
    let of = |seconds: f64, talk: &[(f64, f64)]| {
        let silent = TrackFacts { duration: Millis(seconds * 1000.0), ..customer(&[]) };
        outcome(&call(silent, agent(talk), 0), &config).value
    };
    assert_eq!(of(10.0, &[(0.0, 2.0), (3.5, 4.5)]), Outcome::SilentParty);
    assert_eq!(of(9.9, &[(0.0, 2.0), (3.5, 4.5)]), Outcome::Conversation);
    assert_eq!(of(10.0, &[(0.0, 2.0), (3.4, 4.5)]), Outcome::Conversation, "no room for an answer");
}

#[test]
fn spam_needs_a_known_party_who_pressed_nothing() {
    let config = OutcomeConfig { tags: [(Outcome::SilentParty, Tag::WrongOrSpam)].into(), ..OutcomeConfig::default() };
    let tagged = |customer: TrackFacts| {
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
    let facts = Facts { tracks: vec![party(Role::Mixed, &[(0.0, 40.0)])], comparable: true, ..Facts::default() };
    assert_eq!(decided(&facts), (Outcome::Conversation, Tag::Normal));
}

/// A call whose tracks nobody can place.
fn apart(facts: Facts) -> Facts {
    Facts { comparable: false, uncertainty: Millis(60_000.0), ..facts }
}

#[test]
fn syllables_within_anothers_speech_are_not_an_answer() {
    let talk: &[(f64, f64)] = &[(1.0, 3.0), (6.0, 8.0), (11.0, 13.0)];
    let of = |voice: &[(f64, f64)]| decided(&call(customer(voice), agent(talk), 0)).0;
    assert_eq!(of(&[(1.5, 2.19), (6.5, 7.19)]), Outcome::SilentParty, "syllables of the other party");
    assert_eq!(of(&[(1.5, 2.21)]), Outcome::Conversation, "longer than 700 ms is nobody's syllable");
    assert_eq!(of(&[(4.0, 4.29)]), Outcome::SilentParty, "less than 300 ms of voice is none");
    assert_eq!(of(&[(4.0, 4.3)]), Outcome::Conversation, "a word in a pause is an answer");
    assert_eq!(
        decided(&apart(call(customer(&[(1.5, 2.1)]), agent(talk), 0))).0,
        Outcome::Conversation,
        "who can tell?"
    );
}

#[test]
fn where_bleed_is_known_its_tail_is_nobodys_answer_either() {
    let talk: &[(f64, f64)] = &[(1.0, 3.0), (6.0, 8.0)];
    let tail: &[(f64, f64)] = &[(2.9, 3.3), (7.9, 8.3)];
    let hears = |bleed: Vec<Span>| decided(&call(TrackFacts { bleed, ..customer(tail) }, agent(talk), 0)).0;
    assert_eq!(hears(vec![Span::new(1_200.0, 2_900.0)]), Outcome::SilentParty);
    assert_eq!(hears(vec![]), Outcome::Conversation);
}

#[test]
fn a_tone_that_sounds_like_speech_is_not_speech() {
    let tone = |kind| call(with(customer(&[(1.2, 1.8)]), &[(kind, 1.2, 10.7)]), agent(&[]), 0);
    assert_eq!(decided(&tone(EventKind::Busy)).0, Outcome::Busy);
    assert_eq!(decided(&tone(EventKind::Congestion)).0, Outcome::Busy);
    assert_eq!(decided(&tone(EventKind::Ringback)).0, Outcome::NoAnswer);
    let spoken = call(with(customer(&[(11.2, 11.8)]), &[(EventKind::Ringback, 1.2, 10.7)]), agent(&[]), 0);
    assert_eq!(decided(&spoken), (Outcome::Conversation, Tag::Short), "it rang, then somebody spoke");
}

#[test]
fn a_fax_says_less_than_a_second() {
    let of = |seconds: f64| {
        let machine =
            with(customer(&[(20.0, 20.0 + seconds)]), &[(EventKind::Fax, 1.0, 1.5), (EventKind::Fax, 4.5, 5.0)]);
        decided(&call(machine, agent(&[(0.5, 1.5)]), 1)).0
    };
    assert_eq!(of(0.999), Outcome::Fax);
    assert_eq!(of(1.0), Outcome::Conversation);
}

#[test]
fn limits_of_the_monologue() {
    let of = |talk: &[(f64, f64)], answer: &[(f64, f64)]| call(customer(talk), agent(answer), 1);
    let greeting: &[(f64, f64)] = &[(0.5, 4.0)];
    assert_eq!(
        decided(&of(&[(1.0, 16.0)], greeting)).0,
        Outcome::Monologue,
        "15 s, a greeting within 3 s of its start"
    );
    assert_eq!(decided(&of(&[(1.0, 15.999)], greeting)).0, Outcome::Conversation);
    assert_eq!(decided(&of(&[(1.0, 9.0), (10.499, 17.5)], greeting)).0, Outcome::Monologue);
    assert_eq!(
        decided(&of(&[(1.0, 9.0), (10.5, 17.5)], greeting)).0,
        Outcome::Conversation,
        "1.5 s is room for an answer"
    );
    assert_eq!(decided(&of(&[(1.0, 16.0)], &[(0.5, 4.001)])).0, Outcome::Conversation);
    let with_word = |start: f64, end: f64| [(1.0, 9.0), (start, end), (11.4, 18.5)];
    let of_two =
        |start: f64, end: f64| decided(&call(shared(customer(&with_word(start, end))), shared(agent(greeting)), 1)).0;
    assert_eq!(of_two(10.2, 10.599), Outcome::Conversation, "a word on one channel may be an answer");
    assert_eq!(of_two(10.2, 10.6), Outcome::Monologue, "it shows whose it is");
    assert_eq!(of_two(10.401, 10.6), Outcome::Monologue, "no word");
    assert_eq!(of_two(9.599, 9.95), Outcome::Monologue, "it does not stand apart");
    assert_eq!(of_two(10.45, 10.81), Outcome::Monologue, "nor does this");
    assert_eq!(decided(&of(&with_word(10.2, 10.5), greeting)).0, Outcome::Monologue, "a track of its own shows it");
    // Without a common time: whenever it was said, it was no more than a greeting.
    assert_eq!(decided(&apart(of(&[(1.0, 16.0)], &[(40.0, 43.0)]))).0, Outcome::Monologue);
    assert_eq!(decided(&apart(of(&[(1.0, 16.0)], &[(40.0, 43.001)]))).0, Outcome::Conversation);
}

#[test]
fn limits_of_the_voicemail() {
    let machine = |talk: &[(f64, f64)]| with(agent(talk), &[(EventKind::Beep, 7.0, 7.4)]);
    let of = |caller: &[(f64, f64)], talk: &[(f64, f64)]| call(customer(caller), machine(talk), 1);
    let greeting: &[(f64, f64)] = &[(1.0, 6.0)];
    assert_eq!(
        decided(&of(&[(2.0, 3.0), (9.0, 15.0)], greeting)).0,
        Outcome::Voicemail,
        "\"hello?\" into the greeting"
    );
    assert_eq!(decided(&of(&[(2.0, 3.001), (9.0, 15.0)], greeting)).0, Outcome::Conversation);
    assert_eq!(decided(&of(&[(9.0, 15.0)], &[(1.0, 6.0), (7.2, 7.9)])).0, Outcome::Voicemail, "the beep's own tail");
    assert_eq!(decided(&of(&[(9.0, 15.0)], &[(1.0, 6.0), (20.0, 21.0)])).0, Outcome::Conversation, "somebody is there");
    assert_eq!(decided(&of(&[(9.0, 11.0)], &[])).0, Outcome::Conversation, "no greeting");
    assert_eq!(decided(&of(&[], greeting)).0, Outcome::Voicemail, "the caller hangs up, or waits");
    // Without a common time: all of it fits between the beep and the end of the recording at 60 s,
    // or it does not.
    assert_eq!(decided(&apart(of(&[(0.0, 53.6)], greeting))).0, Outcome::Voicemail);
    assert_eq!(decided(&apart(of(&[(0.0, 53.601)], greeting))).0, Outcome::Conversation);
}

#[test]
fn the_spam_profile_names_silence_and_monologues_unless_a_person_may_be_there() {
    let config = OutcomeConfig { profile: TagProfile::Spam, ..OutcomeConfig::default() };
    let tagged = |facts: &Facts| tag(&outcome(facts, &config), facts, &config).value;
    let talk: &[(f64, f64)] = &[(0.0, 2.0), (5.0, 8.0)];
    let silent = call(customer(&[]), agent(talk), 0);
    assert_eq!(tagged(&silent), Tag::WrongOrSpam);
    assert_eq!(tagged(&call(customer(&[(0.0, 20.0)]), agent(&[]), 0)), Tag::WrongOrSpam, "a monologue");
    assert_eq!(tagged(&Facts { damaged: true, ..silent.clone() }), Tag::Other, "a recording that cannot be trusted");
    assert_eq!(tagged(&call(party(Role::Unknown, &[]), agent(talk), 0)), Tag::Other, "it may be the customer");
    let ask = OutcomeConfig { tags: [(Outcome::SilentParty, Tag::Other)].into(), ..config.clone() };
    assert_eq!(tag(&outcome(&silent, &ask), &silent, &ask).value, Tag::Other, "what is asked for stands");
}

#[test]
fn a_fax_of_an_unknown_party_is_not_called_spam() {
    let facts = call(with(party(Role::Unknown, &[]), &[(EventKind::Fax, 1.0, 1.5)]), agent(&[]), 0);
    assert_eq!(decided(&facts), (Outcome::Fax, Tag::Other));
}

#[test]
fn a_machine_without_a_tone_is_known_by_how_it_talks() {
    let of = |caller: &[(f64, f64)], talk: &[(f64, f64)]| decided(&call(customer(caller), agent(talk), 1)).0;
    let greeting: &[(f64, f64)] = &[(1.0, 3.0), (3.6, 5.0), (5.5, 8.0)];
    assert_eq!(of(&[], greeting), Outcome::Voicemail, "the caller hangs up");
    assert_eq!(of(&[(10.0, 14.0), (14.8, 19.0)], greeting), Outcome::Voicemail, "the caller leaves a message");
    assert_eq!(of(&[(7.0, 8.0), (9.0, 15.0)], greeting), Outcome::Voicemail, "\"hello?\" into its end");
    assert_eq!(of(&[(6.9, 8.0), (9.0, 15.0)], greeting), Outcome::Conversation, "more than a second is an answer");
    assert_eq!(of(&[(10.0, 14.0)], &[(1.0, 4.0), (15.0, 16.0)]), Outcome::Conversation, "somebody is there");
    assert_eq!(of(&[(0.5, 0.9), (9.0, 15.0)], greeting), Outcome::Conversation, "a person spoke first");
    assert_eq!(of(&[], &[(1.0, 4.0)]), Outcome::Conversation, "3 s may be a person's");
    assert_eq!(of(&[], &[(1.0, 4.001)]), Outcome::Voicemail);
    assert_eq!(of(&[], &[(1.0, 3.0), (4.0, 8.0)]), Outcome::Conversation, "a pause of 1 s is no machine's");
}

#[test]
fn a_person_who_says_hello_is_no_machine() {
    let hello = call(customer(&[(1.0, 1.6), (3.0, 3.6), (6.0, 6.7)]), agent(&[]), 0);
    assert_eq!(decided(&hello).0, Outcome::SilentParty);
    let once = call(customer(&[(1.0, 1.6), (2.2, 2.9)]), agent(&[]), 0);
    assert_eq!(decided(&once), (Outcome::Conversation, Tag::Short));
}

#[test]
fn before_the_answer_there_is_no_party() {
    use EventKind::{Music, Sit};
    let song = call(with(customer(&[]), &[(Music, 0.5, 20.0)]), agent(&[]), 0);
    assert_eq!(decided(&song).0, Outcome::NoAnswer, "a song instead of ringing");
    let intercept = call(with(customer(&[(2.0, 7.0)]), &[(Sit, 0.5, 1.6)]), agent(&[]), 0);
    assert_eq!(decided(&intercept).0, Outcome::Busy, "the network says that there is nobody");
    let answered =
        call(with(customer(&[(22.0, 24.0), (27.0, 29.0)]), &[(Music, 0.5, 20.0)]), agent(&[(24.5, 26.0)]), 2);
    assert_eq!(decided(&answered).0, Outcome::Conversation);
}

#[test]
fn a_confidence_is_a_probability_that_grows_with_the_evidence() {
    let config = OutcomeConfig::default();
    let of = |facts: &Facts| outcome(facts, &config).confidence;
    let greets = |end: f64| of(&call(customer(&[]), agent(&[(1.0, end)]), 0));
    assert!(greets(4.1) < greets(5.0) && greets(5.0) < greets(8.0), "the longer, the surer");
    let talk = |exchanges| of(&call(customer(&[(5.0, 9.0)]), agent(&[(1.0, 2.0), (10.0, 20.0)]), exchanges));
    assert!(talk(0) < talk(1) && talk(1) < talk(4));
    let timed = call(customer(&[]), agent(&[(1.0, 8.0)]), 0);
    assert!(of(&apart(timed.clone())) < of(&timed), "parties that cannot be compared");
    let one_track = |may_hide_another, exchanges| {
        let speaks = shared(party(Role::Mixed, &[(1.0, 4.0), (6.0, 9.0)]));
        of(&Facts { tracks: vec![speaks], exchanges, may_hide_another, comparable: true, ..Facts::default() })
    };
    assert!(one_track(true, None) < one_track(false, None), "one voice, or nobody knows how many");
    assert!(one_track(false, None) < one_track(false, Some(0)), "one party's track");
    for facts in [Facts::default(), timed, call(customer(&[]), agent(&[]), 0)] {
        assert!((0.0..=1.0).contains(&of(&facts)));
    }
}

/// A call whose tracks may lie elsewhere by up to `ms`.
fn uncertain(ms: f64, facts: Facts) -> Facts {
    Facts { comparable: false, uncertainty: Millis(ms), ..facts }
}

#[test]
fn two_who_talk_after_a_greeting_talk_with_each_other() {
    let of = |others: &[TrackFacts]| {
        let mut facts = call(customer(&[(9.0, 15.0), (20.0, 24.0)]), agent(&[(1.0, 8.0)]), 3);
        facts.tracks.extend_from_slice(others);
        decided(&facts).0
    };
    assert_eq!(of(&[]), Outcome::Voicemail);
    assert_eq!(of(&[party(Role::Transfer, &[(16.0, 16.699)])]), Outcome::Voicemail);
    assert_eq!(of(&[party(Role::Transfer, &[(16.0, 16.7)])]), Outcome::Conversation);
}

#[test]
fn a_word_during_a_greeting_that_goes_on_is_a_persons() {
    let greeting: &[(f64, f64)] = &[(1.0, 3.0), (3.6, 5.0), (5.5, 8.0)];
    let of = |caller: TrackFacts| decided(&call(caller, agent(greeting), 2)).0;
    let message = (9.0, 15.0);
    assert_eq!(of(customer(&[(5.5, 6.0), message])), Outcome::Conversation, "\"yes\", and two seconds more");
    assert_eq!(of(customer(&[(5.6, 6.1), message])), Outcome::Voicemail, "\"hello?\", and less than two");
    let heard =
        |start: f64, end: f64| TrackFacts { bleed: vec![Span::new(start, end)], ..customer(&[(5.5, 6.0), message]) };
    assert_eq!(of(heard(1_100.0, 5_001.0)), Outcome::Voicemail, "what the gate left of the greeting");
    assert_eq!(of(heard(1_100.0, 4_999.0)), Outcome::Conversation);
    let shared = call(shared(customer(&[(5.5, 6.0), message])), shared(agent(greeting)), 2);
    assert_eq!(decided(&shared).0, Outcome::Voicemail, "on one channel, a word may be with the wrong voice");
}

#[test]
fn tracks_that_may_lie_elsewhere_by_a_second_are_compared_with_that_slack() {
    let talk: &[(f64, f64)] = &[(1.0, 3.0), (6.0, 8.0), (11.0, 13.0)];
    let of = |voice: (f64, f64), ms| decided(&uncertain(ms, call(customer(&[voice]), agent(talk), 0))).0;
    assert_eq!(of((3.0, 3.6), 600.0), Outcome::SilentParty, "bleed that lies 0.6 s off");
    assert_eq!(of((3.0, 3.6), 599.0), Outcome::Conversation);
    assert_eq!(of((1.5, 2.1), 1_000.0), Outcome::SilentParty);
    assert_eq!(of((1.5, 2.1), 1_001.0), Outcome::Conversation, "who can tell?");
    // The caller's recording goes on after the machine's, so that it does not fit into it.
    let machine = TrackFacts { end: Millis(20_000.0), ..agent(&[(1.0, 6.0)]) };
    let machine = with(machine, &[(EventKind::Beep, 7.0, 7.4)]);
    let message = |start: f64, ms| decided(&uncertain(ms, call(customer(&[(start, 30.0)]), machine.clone(), 1))).0;
    assert_eq!(message(6.5, 500.0), Outcome::Voicemail, "at most a second before the tone, wherever it lies");
    assert_eq!(message(6.5, 501.0), Outcome::Monologue);
    assert_eq!(message(9.0, 1_001.0), Outcome::Monologue, "it may have begun before the tone");
}

#[test]
fn a_detectors_blip_is_no_word() {
    let of = |blip: f64| decided(&call(customer(&[]), agent(&[(1.0, 8.0), (10.0, 10.0 + blip)]), 0)).0;
    assert_eq!(of(0.096), Outcome::Voicemail, "three frames");
    assert_eq!(of(0.128), Outcome::SilentParty, "a word, and room for an answer");
}

#[test]
fn what_sounds_right_beside_a_key_is_the_key() {
    let keys = [(EventKind::Dtmf, 5.0, 5.15), (EventKind::Dtmf, 9.0, 9.15)];
    let of = |voice: &[(f64, f64)]| decided(&call(with(customer(voice), &keys), agent(&[(1.0, 4.0), (6.0, 8.0)]), 0)).0;
    assert_eq!(of(&[(4.8, 5.0), (9.1, 9.35)]), Outcome::IvrOnly);
    assert_eq!(of(&[(4.8, 5.0), (9.1, 9.4)]), Outcome::Conversation, "more than 200 ms from it");
}

#[test]
fn keys_beside_a_short_word_on_one_channel_are_no_menu() {
    let of = |announcer: TrackFacts| {
        let presses = with(shared(customer(&[])), &[(EventKind::Dtmf, 9.5, 9.7)]);
        let facts = call(presses, announcer, 0);
        let may_hide_another = facts.hides_answers(&OutcomeConfig::default());
        decided(&Facts { may_hide_another, ..facts }).0
    };
    let menu: &[(f64, f64)] = &[(1.0, 4.0), (4.6, 9.0), (12.0, 16.0)];
    assert_eq!(of(shared(agent(menu))), Outcome::IvrOnly);
    let answered: &[(f64, f64)] = &[(1.0, 4.0), (4.6, 9.0), (10.2, 10.5), (12.0, 16.0)];
    assert_eq!(of(shared(agent(answered))), Outcome::Conversation, "the word may be the customer's");
    assert_eq!(of(agent(answered)), Outcome::IvrOnly, "a track of its own shows whose it is");
    let beside_key: &[(f64, f64)] = &[(1.0, 4.0), (4.6, 8.8), (9.5, 9.8), (12.0, 16.0)];
    assert_eq!(of(shared(agent(beside_key))), Outcome::Conversation, "100 ms more than the key");
    assert_eq!(of(with(shared(agent(beside_key)), &[(EventKind::Dtmf, 9.5, 9.7)])), Outcome::IvrOnly, "the key");
    let waits: &[(f64, f64)] = &[(1.0, 4.0), (6.0, 9.0), (10.5, 10.8), (13.0, 16.0)];
    assert_eq!(of(shared(agent(waits))), Outcome::IvrOnly, "an answer comes sooner than after 1.5 s");
}

/// A party whose speech was told apart from that of others on one channel.
fn shared(party: TrackFacts) -> TrackFacts {
    TrackFacts { shared: true, ..party }
}

#[test]
fn what_is_short_on_one_channel_does_not_bring_a_machine_back() {
    use EventKind::Beep;
    let beep: &[(EventKind, f64, f64)] = &[(Beep, 7.0, 7.4)];
    let of = |talk: &[(f64, f64)], caller: &[(f64, f64)], own: bool| {
        let tracks = [customer(caller), agent(talk)].map(|t| with(if own { t } else { shared(t) }, beep));
        decided(&Facts { tracks: tracks.into(), exchanges: Some(3), comparable: true, ..Facts::default() }).0
    };
    let message: &[(f64, f64)] = &[(9.0, 15.0), (16.0, 20.0)];
    let word: &[(f64, f64)] = &[(1.0, 6.0), (15.2, 15.6)];
    assert_eq!(of(word, message, false), Outcome::Voicemail, "0.4 s of the message went to the wrong voice");
    assert_eq!(of(word, message, true), Outcome::Conversation, "on a line of its own, it is an answer");
    assert_eq!(of(&[(1.0, 6.0), (15.2, 15.9)], message, false), Outcome::Conversation, "0.7 s is told from another");
    let words: &[(f64, f64)] = &[(1.0, 6.0), (15.0, 15.6), (20.5, 21.0)];
    assert_eq!(of(words, message, false), Outcome::Conversation, "more than a second together");
    let toneless = |talk: &[(f64, f64)]| decided(&call(shared(customer(message)), shared(agent(talk)), 3)).0;
    assert_eq!(toneless(&[(1.0, 6.0)]), Outcome::Voicemail);
    assert_eq!(toneless(&[(1.0, 6.0), (15.2, 15.4)]), Outcome::Conversation, "without a tone, every word counts");
}

#[test]
fn a_greeting_taken_for_two_voices_is_one_machine() {
    let of = |first: &[(f64, f64)], second: &[(f64, f64)], caller: &[(f64, f64)]| {
        let tracks = [first, second, caller].map(|speech| shared(with(agent(speech), &[(EventKind::Beep, 7.0, 7.4)])));
        decided(&Facts { tracks: tracks.into(), exchanges: Some(4), comparable: true, ..Facts::default() }).0
    };
    assert_eq!(of(&[(1.0, 3.0)], &[(3.2, 6.0)], &[(9.0, 15.0)]), Outcome::Voicemail);
    assert_eq!(of(&[(1.0, 3.0), (16.0, 17.0)], &[(3.2, 6.0)], &[(9.0, 15.0)]), Outcome::Conversation, "one answers");
    assert_eq!(of(&[(1.0, 3.0)], &[(3.2, 6.0)], &[]), Outcome::Conversation, "two talk, and nobody after the tone");
}

#[test]
fn one_voice_before_and_after_a_tone_is_a_machine_and_its_caller() {
    use EventKind::Beep;
    let of = |speech: &[(f64, f64)], beeps: &[(EventKind, f64, f64)]| {
        let tracks = vec![shared(with(party(Role::Mixed, speech), beeps))];
        decided(&Facts { tracks, comparable: true, ..Facts::default() }).0
    };
    let talk: &[(f64, f64)] = &[(1.0, 5.0), (9.0, 15.0), (16.0, 20.0)];
    assert_eq!(of(talk, &[(Beep, 6.0, 6.4)]), Outcome::Voicemail);
    assert_eq!(of(talk, &[(Beep, 6.0, 6.4), (Beep, 15.3, 15.7)]), Outcome::Conversation, "tones that repeat");
    assert_eq!(of(talk, &[(Beep, 8.01, 8.4)]), Outcome::Conversation, "3 s after the greeting");
    assert_eq!(of(talk, &[(Beep, 15.2, 15.6)]), Outcome::Conversation, "not after the first talk");
    assert_eq!(of(&[(1.0, 16.0), (18.0, 20.0)], &[(Beep, 16.5, 17.0)]), Outcome::Conversation, "15 s is no greeting");
}

#[test]
fn what_sounds_while_the_line_rings_is_no_greeting() {
    let of = |rings: &[(EventKind, f64, f64)]| {
        let machine = with(agent(&[(0.5, 0.8), (9.0, 14.0)]), rings);
        decided(&call(customer(&[(15.0, 20.0)]), machine, 1)).0
    };
    assert_eq!(of(&[(EventKind::Ringback, 1.5, 8.5)]), Outcome::Voicemail);
    assert_eq!(of(&[]), Outcome::Conversation, "a word, then a long pause");
    let caller = |end: f64| {
        let machine = with(agent(&[(9.0, 14.0)]), &[(EventKind::Ringback, 1.5, 8.5)]);
        decided(&call(customer(&[(0.5, end), (15.0, 20.0)]), machine, 1)).0
    };
    assert_eq!(caller(8.5), Outcome::Voicemail, "whoever makes it");
    assert_eq!(caller(8.6), Outcome::Conversation, "it is over after the answer");
}

#[test]
fn a_channel_with_fax_tones_on_which_nobody_speaks_again_is_a_fax() {
    use EventKind::Fax;
    let of = |speech: &[(f64, f64)], faxes: &[(EventKind, f64, f64)]| {
        let tracks = vec![shared(with(party(Role::Mixed, speech), faxes))];
        decided(&Facts { tracks, comparable: true, ..Facts::default() }).0
    };
    let tones: &[(EventKind, f64, f64)] = &[(Fax, 1.5, 2.0), (Fax, 5.0, 5.5), (Fax, 8.5, 9.0)];
    assert_eq!(of(&[(1.0, 3.0)], tones), Outcome::Fax);
    assert_eq!(of(&[(1.0, 3.0), (9.5, 12.0)], tones), Outcome::Conversation, "somebody talks on");
    assert_eq!(of(&[(1.0, 3.0)], &tones[..1]), Outcome::Conversation, "one tone may be another's");
}
