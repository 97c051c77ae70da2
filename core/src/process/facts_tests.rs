//! Calls of which the phone system knows something, made of a fixture's speech.

use crate::call::{Fact, FactKind, FactTime, Moment, Outcome, Role};
use crate::config::Config;
use crate::decode::{Input, decode};
use crate::process::{CallInput, analyze};
use crate::report::Report;
use crate::run::RunOptions;
use crate::timeline::EventKind;
use crate::units::{Millis, Rate, Span};

const RATE: Rate = Rate::NARROWBAND;
/// When the recordings began, in Unix seconds.
const BEGAN_S: f64 = 1_700_000_000.0;

/// Where the fixture's parties speak, as channel, start and end.
const FIRST: (usize, Span) = (0, Span::new(10_600.0, 13_160.0));
const SECOND: (usize, Span) = (1, Span::new(13_420.0, 15_480.0));

/// Speech of a party of the fixture.
fn speech((channel, span): (usize, Span)) -> Vec<i16> {
    let path = format!("{}/../fixtures/stereo/call.wav", env!("CARGO_MANIFEST_DIR"));
    let tracks = decode(Input::path(path), &Default::default()).unwrap();
    let at = |ms: Millis| RATE.sample_at(ms) as usize;
    tracks[channel].samples[at(span.start)..at(span.end)].to_vec()
}

/// A track of so many seconds with speech at seconds, over faint noise; `zero`: where it holds
/// nothing at all.
fn track(seconds: usize, said: &[(f64, (usize, Span))], zero: Option<(f64, f64)>) -> Vec<i16> {
    let mut state = 1u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 28) as i16 - 8
    };
    let mut samples: Vec<i16> = (0..seconds * 8_000).map(|_| noise()).collect();
    for &(at, what) in said {
        for (sample, said) in samples[(at * 8_000.0) as usize..].iter_mut().zip(speech(what)) {
            *sample = sample.saturating_add(said);
        }
    }
    if let Some((from, to)) = zero {
        samples[(from * 8_000.0) as usize..(to * 8_000.0) as usize].fill(0);
    }
    samples
}

fn heard(tracks: &[(Role, Vec<i16>)], facts: Vec<Fact>) -> Report {
    let began = Moment::from_rfc3339("2023-11-14T22:13:20.000Z").unwrap();
    assert_eq!(began.unix_ms() as f64, BEGAN_S * 1000.0);
    let input = |(i, (role, samples)): (usize, &(Role, Vec<i16>))| {
        Input::samples(i.to_string(), samples.clone(), RATE).role(*role).party(format!("party {i}")).started_at(began)
    };
    let call = CallInput::from(tracks.iter().enumerate().map(input).collect::<Vec<_>>()).with_facts(facts);
    analyze(call, &Config::default(), &RunOptions::default()).unwrap()
}

/// A fact some seconds after the recordings began.
fn fact(kind: FactKind, seconds: f64) -> Fact {
    // Told to the millisecond.
    let moment = Moment::from_unix_seconds(BEGAN_S + seconds + 0.001).unwrap();
    Fact::new(kind, FactTime::At(moment))
}

fn codes(report: &Report) -> Vec<&str> {
    report.warnings.iter().map(|warning| warning.code.as_ref()).collect()
}

#[test]
fn a_hold_is_no_silence_and_makes_no_silent_party() {
    let customer = track(37, &[], None);
    let agent = track(37, &[(1.0, SECOND), (34.0, SECOND)], None);
    let tracks = [(Role::Customer, customer), (Role::Agent, agent)];
    let plain = heard(&tracks, Vec::new());
    assert_eq!(plain.outcome.value, Outcome::SilentParty, "as far as can be heard");
    assert!(plain.metrics.non_talk_ms.unwrap() > Millis(20_000.0) && plain.facts.is_empty());
    let hold = |by: &str| vec![fact(FactKind::Hold, 4.0).of("agent"), fact(FactKind::Resume, 33.5).of(by)];
    let held = heard(&tracks, hold("agent"));
    assert_ne!(held.outcome.value, Outcome::SilentParty, "{:?}", held.outcome);
    assert_eq!((held.facts.len(), held.facts[0].kind, held.facts[0].contradicted), (1, FactKind::Hold, false));
    assert!((held.facts[0].span.end.0 - 33_501.0).abs() < 1.0, "{:?}", held.facts);
    assert!(held.metrics.non_talk_ms.unwrap() < Millis(5_000.0), "{:?}", held.metrics.non_talk);
    assert!(codes(&held).is_empty(), "{:?}", held.warnings);
    assert_eq!(heard(&tracks, hold("party 1")).to_json().unwrap(), held.to_json().unwrap(), "one party of two names");
    let other = heard(&tracks, hold("party 0"));
    assert_eq!(codes(&other), ["fact_unpaired", "fact_contradicted"], "on hold until the end, and heard");
    assert_eq!(other.facts[0].span.end, other.call.duration_ms);
    assert!(other.warnings[0].message.starts_with("resume of party 0 at 33501 ms: "), "{:?}", other.warnings);
}

#[test]
fn a_paused_recording_is_no_silence_and_speech_in_it_is_told() {
    let said = &[(1.0, SECOND), (34.0, SECOND)];
    let tracks = [
        (Role::Customer, track(40, &[(5.0, FIRST), (37.0, FIRST)], Some((9.0, 33.0)))),
        (Role::Agent, track(40, said, Some((9.0, 33.0)))),
    ];
    let pause = |from, to| {
        let reason = Some("card number".to_owned());
        vec![Fact { reason, ..fact(FactKind::Pause, from) }, fact(FactKind::Unpause, to)]
    };
    assert!(heard(&tracks, Vec::new()).metrics.non_talk_ms.unwrap() > Millis(20_000.0));
    let paused = heard(&tracks, pause(9.0, 33.0));
    assert_eq!(paused.outcome.value, Outcome::Conversation);
    assert_eq!((paused.metrics.non_talk_ms, codes(&paused).len()), (Some(Millis(0.0)), 0), "{:?}", paused.metrics);
    assert_eq!(paused.facts[0].reason.as_deref(), Some("card number"));
    let wrong = heard(&tracks, pause(0.5, 8.0));
    assert!(wrong.facts[0].contradicted && codes(&wrong) == ["fact_contradicted"], "{:?}", wrong.facts);
    assert_eq!(wrong.tracks[1].speech, paused.tracks[1].speech, "told, not overruled");
}

#[test]
fn nobody_speaks_to_anybody_before_the_answer() {
    let song = track(30, &[(1.0, SECOND), (4.5, SECOND), (8.0, SECOND)], None);
    let mut callee = song.clone();
    for (sample, said) in callee[20 * 8_000..].iter_mut().zip(speech(SECOND)) {
        *sample = sample.saturating_add(said);
    }
    let tracks = [(Role::Customer, callee), (Role::Agent, track(30, &[(24.0, FIRST)], None))];
    let plain = heard(&tracks, Vec::new());
    assert!(plain.tracks[0].speech[0].start < Millis(5_000.0), "a song with a voice is taken for speech");
    let known = heard(&tracks, vec![fact(FactKind::Answer, 15.0)]);
    assert!(known.tracks[0].speech.iter().all(|span| span.start >= Millis(14_000.0)), "{:?}", known.tracks[0].speech);
    assert!(known.turns.iter().all(|turn| turn.span.start >= Millis(14_000.0)) && known.turns.len() == 2);
    assert_eq!((known.outcome.value, known.facts[0].contradicted), (Outcome::Conversation, false));
    // Both sides talk, long before they are said to be connected.
    let late = heard(&tracks, vec![fact(FactKind::Answer, 29.5)]);
    assert!(late.facts[0].contradicted, "{:?}", late.facts);
    assert_eq!(late.turns, plain.turns, "told, not overruled");
    // The answer of a leg that comes later is none of the call's.
    let second = heard(&tracks, vec![fact(FactKind::Answer, 28.0), fact(FactKind::Answer, 15.0)]);
    assert_eq!((&second.turns, codes(&second).len()), (&known.turns, 0));
    // A song, and nobody: whether it was answered is what tells.
    let song = [(Role::Customer, song), (Role::Agent, track(30, &[], None))];
    let answered = heard(&song, vec![fact(FactKind::Answer, 15.0)]);
    assert!(![Outcome::NoAnswer, Outcome::Conversation].contains(&answered.outcome.value), "{:?}", answered.outcome);
}

#[test]
fn a_conference_and_a_transfer_are_told_and_a_key_beside_the_audio_is_an_event() {
    let tracks = [
        (Role::Customer, track(30, &[(1.0, SECOND), (14.0, SECOND)], None)),
        (Role::Agent, track(30, &[(6.0, FIRST), (20.0, FIRST)], None)),
        (Role::Participant, track(30, &[], None)),
    ];
    let key = Fact { key: Some('5'), ..fact(FactKind::Key, 12.0).of("customer") };
    let known = heard(&tracks, vec![key, fact(FactKind::Conference, 13.0), fact(FactKind::Mute, 1.0).of("nobody")]);
    assert_eq!(known.outcome.value, Outcome::Conversation);
    let kinds: Vec<FactKind> = known.facts.iter().map(|fact| fact.kind).collect();
    assert_eq!(kinds, [FactKind::Mute, FactKind::Key, FactKind::Conference], "in the order of their times");
    assert_eq!(known.facts[2].span.end, known.call.duration_ms, "until the call ends");
    let keys: Vec<_> = known.tracks[0].events.iter().filter(|event| event.detail.is_none()).collect();
    assert!(
        keys.iter().any(|key| (key.span.start.0 - 12_001.0).abs() < 1.0),
        "digits only where they are asked for: {keys:?}"
    );
    assert_eq!(codes(&known), ["fact_party_unknown"]);
    let unpaired = heard(&tracks, vec![fact(FactKind::Resume, 12.0)]);
    assert_eq!((codes(&unpaired), unpaired.facts.len()), (vec!["fact_unpaired"], 0));
}

#[test]
fn speech_after_the_hangup_contradicts_it_and_stays() {
    let plain = heard(&talk(), Vec::new());
    for hangup in [fact(FactKind::Hangup, 11.0), fact(FactKind::Hangup, 11.0).of("customer")] {
        let known = heard(&talk(), vec![hangup]);
        assert!(known.facts[0].contradicted && codes(&known) == ["fact_contradicted"], "{:?}", known.warnings);
        assert_eq!((&known.turns, &known.metrics), (&plain.turns, &plain.metrics));
        assert!(known.tracks.iter().zip(&plain.tracks).all(|(known, plain)| known.speech == plain.speech));
    }
}

#[test]
fn a_sound_after_the_hangup_is_said_to_nobody() {
    let click = (1, Span::new(13_420.0, 14_120.0));
    let tracks = [
        (Role::Customer, track(20, &[(1.0, SECOND), (14.0, click)], None)),
        (Role::Agent, track(20, &[(6.0, FIRST)], None)),
    ];
    let plain = heard(&tracks, Vec::new());
    assert!(plain.tracks[0].speech.iter().any(|span| span.start > Millis(12_000.0)), "{:?}", plain.tracks[0].speech);
    let known = heard(&tracks, vec![fact(FactKind::Hangup, 11.0)]);
    assert!(!known.facts[0].contradicted && codes(&known).is_empty(), "{:?}", known.warnings);
    assert!(known.turns.iter().all(|turn| turn.span.end <= Millis(12_002.0)), "{:?}", known.turns);
}

/// Two parties who take turns.
fn talk() -> [(Role, Vec<i16>); 2] {
    [
        (Role::Customer, track(20, &[(1.0, SECOND), (14.0, SECOND)], None)),
        (Role::Agent, track(20, &[(6.0, FIRST)], None)),
    ]
}

#[test]
fn what_lies_outside_of_the_call_is_told_and_not_applied() {
    let plain = heard(&talk(), Vec::new());
    for seconds in [-3.0, 25.0, 7_200.0] {
        for kind in [FactKind::Answer, FactKind::Hangup, FactKind::Key, FactKind::Hold, FactKind::Transfer] {
            let known = heard(&talk(), vec![fact(kind, seconds)]);
            assert_eq!((codes(&known), known.facts.len()), (vec!["fact_outside_call"], 0), "{kind} at {seconds}");
            assert_eq!((&known.turns, &known.metrics), (&plain.turns, &plain.metrics), "{kind} at {seconds}");
        }
    }
    let near = heard(&talk(), vec![fact(FactKind::Answer, -0.5), fact(FactKind::Hangup, 20.7)]);
    assert_eq!((codes(&near).len(), near.facts.len(), &near.turns), (0, 2, &plain.turns), "{:?}", near.warnings);
    assert!(!near.to_json().unwrap().contains("-0"), "no negative zero");
    let reaches_in = heard(&talk(), vec![fact(FactKind::Resume, 4.0), fact(FactKind::Hold, -3.0)]);
    assert!(codes(&reaches_in).is_empty(), "it is applied: {:?}", reaches_in.warnings);
    let reaches_out = heard(&talk(), vec![fact(FactKind::Resume, 25.0), fact(FactKind::Hold, 4.0)]);
    assert!(codes(&reaches_out).is_empty() && reaches_out.facts[0].span.end == reaches_out.call.duration_ms);
    let before = heard(&talk(), vec![fact(FactKind::Resume, -3.0), fact(FactKind::Hold, -6.0)]);
    assert_eq!((codes(&before), before.facts.len()), (vec!["fact_outside_call"], 0), "{:?}", before.warnings);
    let span = reaches_in.facts[0].span;
    assert!(span.start == Millis(0.0) && (span.end.0 - 4_001.0).abs() < 1.0, "{span:?}");
    let message = &heard(&talk(), vec![fact(FactKind::Answer, 7_200.0)]).warnings[0].message;
    assert!(message.contains("answer at 7200001 ms: ") && message.contains("20000 ms"), "{message}");
}

#[test]
fn the_order_of_facts_changes_nothing() {
    let mut facts = vec![
        fact(FactKind::Hangup, 11.0),
        fact(FactKind::Mute, 13.0).of("customer"),
        fact(FactKind::Unmute, 18.0).of("customer"),
        fact(FactKind::Hold, 2.0),
        fact(FactKind::Resume, 3.0),
        fact(FactKind::Hold, 3.0),
        fact(FactKind::Resume, 4.0),
        fact(FactKind::Resume, 4.0),
        fact(FactKind::Pause, 5.0),
        fact(FactKind::Unpause, 5.0),
    ];
    let known = heard(&talk(), facts.clone());
    let contradicted: Vec<FactKind> =
        known.facts.iter().filter(|fact| fact.contradicted).map(|fact| fact.kind).collect();
    assert_eq!(contradicted, [FactKind::Hangup, FactKind::Mute], "neither hides what contradicts the other");
    let holds: Vec<f64> =
        known.facts.iter().filter(|f| f.kind == FactKind::Hold).map(|f| f.span.duration().0).collect();
    assert_eq!(holds, [1_000.0, 1_000.0]);
    let text = known.to_json().unwrap();
    for _ in 0..facts.len() {
        facts.rotate_left(1);
        assert_eq!(heard(&talk(), facts.clone()).to_json().unwrap(), text);
    }
    facts.reverse();
    assert_eq!(heard(&talk(), facts).to_json().unwrap(), text);
}

#[test]
fn a_fact_that_is_told_twice_is_as_exact_as_the_better_of_them_in_any_order() {
    let second = FactTime::At(Moment::from_unix_seconds(BEGAN_S + 14.0).unwrap());
    let exact = FactTime::OnCall(Millis(14_000.0));
    let mut facts: Vec<Fact> = [second, exact].map(|at| Fact::new(FactKind::Mute, at).of("customer")).to_vec();
    facts.extend([fact(FactKind::Answer, 7_200.0), fact(FactKind::Transfer, 7_300.0), fact(FactKind::Resume, 1.0)]);
    let known = heard(&talk(), facts.clone());
    assert!(known.turns.iter().all(|turn| turn.span.end <= Millis(14_000.0)), "{:?}", known.turns);
    assert_eq!(known.facts.len(), 1);
    facts.reverse();
    assert_eq!(heard(&talk(), facts).to_json().unwrap(), known.to_json().unwrap(), "the warnings too");
}

#[test]
fn a_transfer_begins_a_leg_and_nobody_answers_across_it_or_a_hold() {
    let plain = heard(&talk(), Vec::new());
    assert_eq!(plain.metrics.response_ms.as_ref().unwrap().count, 2);
    let legs = vec![fact(FactKind::Transfer, 11.0), fact(FactKind::Transfer, 17.0), fact(FactKind::Conference, 12.0)];
    let known = heard(&talk(), legs);
    let ends: Vec<f64> = known.facts.iter().map(|fact| (fact.span.end.0 / 1000.0).round()).collect();
    assert_eq!(ends, [17.0, 17.0, 20.0], "each until the next leg, the last until the end: {:?}", known.facts);
    assert_eq!(known.metrics.response_ms.as_ref().unwrap().count, 1);
    let held = heard(&talk(), vec![fact(FactKind::Hold, 4.0), fact(FactKind::Resume, 5.0)]);
    let (held, plain) = (held.metrics.response_ms.unwrap(), plain.metrics.response_ms.unwrap());
    assert_eq!(held.count, 1);
    assert_ne!(held.mean, plain.mean);
}

#[test]
fn each_key_that_is_told_is_an_event() {
    // Told to the second.
    let second = |seconds: f64| FactTime::At(Moment::from_unix_seconds(BEGAN_S + seconds).unwrap());
    let key = |at: f64| Fact { key: Some('5'), ..Fact::new(FactKind::Key, second(at)).of("customer") };
    let known = heard(&talk(), vec![key(10.0), key(10.0), key(11.0)]);
    let keys = known.tracks[0].events.iter().filter(|event| event.kind == EventKind::Dtmf);
    assert_eq!(keys.count(), 3, "{:?}", known.tracks[0].events);
}

#[test]
fn a_key_of_nobody_known_is_a_fact_and_on_no_track() {
    let key = |party: Option<&str>| Fact { party: party.map(str::to_owned), ..fact(FactKind::Key, 12.0) };
    let keys = |report: &Report| -> usize {
        let events = report.tracks.iter().flat_map(|track| &track.events);
        events.filter(|event| event.kind == EventKind::Dtmf).count()
    };
    let known = heard(&talk(), vec![key(None)]);
    assert_eq!((keys(&known), known.facts.len(), codes(&known)), (0, 1, vec!["fact_party_unknown"]));
    assert!(known.warnings[0].message.starts_with("key at 12001 ms: "), "{:?}", known.warnings);
    let told = heard(&talk(), vec![key(Some("party 1"))]);
    assert_eq!((keys(&told), codes(&told).len()), (1, 0));
    let one = heard(&talk()[..1], vec![key(None)]);
    assert_eq!((keys(&one), codes(&one).len()), (1, 0), "one track is all that there is");
}

#[test]
fn a_time_that_is_no_number_is_nowhere() {
    let plain = heard(&talk(), Vec::new());
    for kind in [FactKind::Hangup, FactKind::Answer, FactKind::Hold, FactKind::Key] {
        let known = heard(&talk(), vec![Fact::new(kind, FactTime::OnCall(Millis(f64::NAN)))]);
        assert_eq!((codes(&known), known.facts.len()), (vec!["fact_outside_call"], 0), "{kind}");
        assert_eq!((&known.turns, &known.metrics), (&plain.turns, &plain.metrics), "{kind}");
    }
}

#[test]
fn a_recording_that_is_there_twice_is_one_side() {
    let path = format!("{}/../fixtures/stereo/call.wav", env!("CARGO_MANIFEST_DIR"));
    let channels = decode(Input::path(path), &Default::default()).unwrap();
    let pairs = channels[0].samples.iter().zip(&channels[1].samples);
    let both: Vec<i16> = pairs.map(|(a, b)| a.saturating_add(*b)).collect();
    let end = RATE.millis(both.len() as u64).seconds();
    let tracks = [(Role::Customer, both.clone()), (Role::Agent, both)];
    let known = heard(&tracks, vec![fact(FactKind::Answer, end - 1.0)]);
    assert_eq!((codes(&known), known.facts[0].contradicted), (vec!["repeated_track"], false), "{:?}", known.warnings);
    let plain = heard(&tracks, Vec::new());
    for kind in [FactKind::Key, FactKind::Mute, FactKind::Hangup] {
        let known = heard(&tracks, vec![fact(kind, 1.0).of("agent")]);
        assert_eq!(codes(&known), ["repeated_track", "fact_party_unknown"], "{kind}: both parties are on it");
        assert_eq!((&known.turns, &known.metrics), (&plain.turns, &plain.metrics), "{kind}");
    }
}

#[test]
fn both_sides_contradict_the_calls_answer_by_whomever_it_is() {
    let plain = heard(&talk(), Vec::new());
    for party in ["agent", "customer", "party 1"] {
        let late = heard(&talk(), vec![fact(FactKind::Answer, 19.5).of(party)]);
        assert_eq!((codes(&late), late.facts[0].contradicted), (vec!["fact_contradicted"], true), "{party}");
        assert_eq!((&late.turns, &late.metrics), (&plain.turns, &plain.metrics), "told, not overruled");
    }
    // A later answer is of one party alone: what the others say before it is theirs.
    let known = heard(&talk(), vec![fact(FactKind::Answer, 0.5), fact(FactKind::Answer, 19.5).of("agent")]);
    assert!(codes(&known).is_empty() && known.facts.iter().all(|fact| !fact.contradicted), "{:?}", known.warnings);
}
