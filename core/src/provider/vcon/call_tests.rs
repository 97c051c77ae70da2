//! Tests of calls with several dialogs, and of doubtful data.

use serde_json::{Value, json};

use super::tests::{codes, with_dialogs};
use crate::call::{Direction, FactKind, FactTime, Role};
use crate::error::ErrorKind;
use crate::provider::{CallDescription, read};

fn at(second: u32) -> String {
    format!("2026-01-01T10:00:{second:02}Z")
}

fn call(dialogs: Value) -> CallDescription {
    read(&with_dialogs(dialogs)).unwrap()
}

/// Returns a recording of some parties that begins at a second. `more` holds a duration or a
/// history.
fn recording(parties: Value, start: u32, more: Value) -> Value {
    let mut dialog =
        json!({"type": "recording", "parties": parties, "start": at(start), "filename": format!("{start}.wav")});
    dialog.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    dialog
}

fn history(entries: &[(u32, &str, u32)]) -> Value {
    let entry =
        |&(party, event, second): &(u32, &str, u32)| json!({"party": party, "event": event, "time": at(second)});
    json!({"party_history": entries.iter().map(entry).collect::<Vec<_>>()})
}

fn facts(dialogs: Value) -> Vec<(FactKind, Option<String>, u32)> {
    let second = |time: FactTime| match time {
        FactTime::At(at) => at.to_rfc3339()[17..19].parse().unwrap(),
        FactTime::OnCall(_) => panic!("a vCon has the calendar's time"),
    };
    call(dialogs).call.facts.into_iter().map(|fact| (fact.kind, fact.party, second(fact.time))).collect()
}

fn expected(facts: &[(FactKind, Option<&str>, u32)]) -> Vec<(FactKind, Option<String>, u32)> {
    facts.iter().map(|&(kind, party, second)| (kind, party.map(str::to_owned), second)).collect()
}

const CUSTOMER: Option<&str> = Some("+1");
const AGENT: Option<&str> = Some("a@x");

#[test]
fn between_dialogs_nobody_hangs_up_and_nobody_answers() {
    let first = history(&[(0, "join", 0), (1, "join", 5), (0, "drop", 20), (1, "drop", 20)]);
    let second = history(&[(0, "join", 21), (1, "join", 22), (0, "drop", 50), (1, "drop", 51)]);
    let both = json!([recording(json!([0, 1]), 0, first.clone()), recording(json!([0, 1]), 21, second)]);
    let ends = [(FactKind::Answer, None, 5), (FactKind::Hangup, CUSTOMER, 50), (FactKind::Hangup, AGENT, 51)];
    assert_eq!(facts(both), expected(&ends));
    // The second recording has no history, but names its parties.
    let silent = json!([recording(json!([0, 1]), 0, first), recording(json!([0, 1]), 21, json!({}))]);
    assert_eq!(facts(silent), expected(&ends[..1]));
    // The order of the dialogs does not matter, and a set states the same facts as its recordings.
    let told = |second: u32| history(&[(0, "join", 0), (1, "join", 5), (1, "drop", second)]);
    let set = json!({"type": "recording-set", "recordings": [0, 1], "parties": [0, 1], "party_history": told(30)["party_history"]});
    let apart = json!([recording(json!(1), 5, told(30)), recording(json!(0), 0, json!({})), set]);
    assert_eq!(facts(apart), expected(&[(FactKind::Answer, None, 5), (FactKind::Hangup, AGENT, 30)]));
}

#[test]
fn who_takes_over_in_another_dialog_is_neither_an_answer_nor_a_conference() {
    let first = history(&[(0, "join", 0), (1, "join", 5), (1, "drop", 30)]);
    let second = history(&[(2, "join", 30), (0, "drop", 55)]);
    let dialogs = [recording(json!([0, 1]), 0, first), recording(json!([0, 2]), 30, second)];
    let told = [
        (FactKind::Answer, None, 5),
        (FactKind::Hangup, AGENT, 30),
        (FactKind::Transfer, CUSTOMER, 30),
        (FactKind::Hangup, CUSTOMER, 55),
    ];
    let by_second = |mut facts: Vec<(FactKind, Option<String>, u32)>| {
        facts.sort_by_key(|fact| (fact.2, fact.0.name()));
        facts
    };
    assert_eq!(by_second(facts(json!(dialogs))), expected(&told));
    // A dialog without a history ends after its duration.
    let quiet = recording(json!([0, 1]), 0, json!({"duration": 30}));
    let later = [quiet, recording(json!([0, 2]), 30, history(&[(2, "join", 31)]))];
    assert_eq!(facts(json!(later)), expected(&[(FactKind::Transfer, CUSTOMER, 31)]));
}

#[test]
fn a_consultation_is_beside_the_call() {
    let talk = history(&[(0, "join", 0), (1, "join", 5), (1, "drop", 40)]);
    let consultation = history(&[(1, "join", 20), (2, "join", 22), (1, "drop", 30), (2, "drop", 30)]);
    let target = history(&[(2, "join", 40)]);
    let dialogs = json!([
        recording(json!([1, 2]), 20, consultation),
        recording(json!([0, 1]), 0, talk),
        recording(json!([0, 2]), 40, target),
        {"type": "transfer", "transferee": 0, "transferor": 1, "transfer_target": 2, "original": 1, "consultation": 0, "target_dialog": 2}]);
    let told = [
        (FactKind::Answer, None, 5),
        (FactKind::Consult, AGENT, 20),
        (FactKind::Transfer, CUSTOMER, 40),
        (FactKind::Hangup, AGENT, 40),
    ];
    assert_eq!(facts(dialogs.clone()), expected(&told));
    // In the consultation, the agent called. In the call, the customer did.
    assert_eq!(call(dialogs).call.direction, Some(Direction::In));
}

#[test]
fn the_direction_is_that_of_the_earliest_dialog() {
    let consultation = || recording(json!([2, 1]), 20, json!({"originator": 1}));
    let direction = |first: Value| call(json!([consultation(), first])).call.direction;
    assert_eq!(direction(recording(json!([0, 1]), 0, json!({}))), Some(Direction::In));
    assert_eq!(direction(recording(json!([1, 0]), 0, json!({}))), Some(Direction::Out));
    // If the caller is unknown, later dialogs do not determine the direction.
    assert_eq!(direction(recording(json!(0), 0, json!({}))), None);
    let wrong = json!([recording(json!([0, 1]), 0, json!({})), recording(json!([1, 2]), 9, json!({"originator": 7}))]);
    assert_eq!(read(&with_dialogs(wrong)).unwrap_err().kind(), ErrorKind::Malformed);
}

#[test]
fn who_gets_a_call_back_is_the_agent_still() {
    let transfer = |from: u32, to: u32, original: u32, target: u32| json!({"type": "transfer", "transferee": 0, "transferor": from, "transfer_target": to, "original": original, "target_dialog": target});
    let dialogs = [
        recording(json!([0, 1]), 0, json!({})),
        recording(json!([0, 2]), 20, json!({})),
        recording(json!([0, 1]), 40, json!({})),
    ];
    let roles = |transfers: &[Value]| {
        let call = call(json!([&dialogs[..], transfers].concat()));
        let role = |at: usize| call.recordings[at].parts[1].leg.role;
        (call.agent.clone(), role(0), role(1))
    };
    let (there, back) = (transfer(1, 2, 0, 1), transfer(2, 1, 1, 2));
    let agents = (AGENT.map(str::to_owned), Role::Agent, Role::Transfer);
    assert_eq!(roles(&[there.clone(), back.clone()]), agents);
    assert_eq!(roles(&[back.clone(), there]), agents, "by their times, not by their places");
    // If the targets are the only agents, one of them stays an agent.
    let unnamed = |to: u32| json!({"type": "transfer", "transfer_target": to});
    assert_eq!(roles(&[unnamed(1), unnamed(2)]), agents);
}

#[test]
fn what_is_not_understood_is_kept_and_named() {
    let named = |dialogs: Value, said: &str| {
        let call = call(dialogs);
        let told = call.warnings.iter().filter(|warning| warning.message.contains(said)).count();
        assert_eq!((told, call.warnings.len()), (1, 1), "{said}: {:?}", call.warnings);
        call
    };
    let one = |more: Value| json!([recording(json!([0, 1]), 0, more)]);
    for duration in [json!(-1), json!(86_401), json!(1e300), json!("90000")] {
        let call = named(one(json!({"duration": duration})), "dialog[0].duration");
        let kept = call.recordings[0].extra["duration"].as_f64();
        assert_eq!((kept, call.recordings[0].duration), (duration.as_f64().or(Some(90_000.0)), None));
        assert_eq!(codes(&call), ["unknown_value"]);
    }
    let call =
        named(json!([recording(json!([0, 1]), 0, json!({})), {"url": "https://h/b.wav"}]), "dialog[1] says no type");
    assert_eq!(call.extra["dialog"][0]["url"], "https://h/b.wav");
    named(
        one(json!({"party_history": [{"party": 0, "event": "drop", "time": null}]})),
        "nothing says when the drop was",
    );
}

#[test]
fn a_hash_that_cannot_be_checked_is_named() {
    let hash = "3a81oZNherrMQXNJriBBMRLm-k6JqX6iCp7u5ktV05ohkpkqJ0_BqDa6PCOj_uu9RU1EI2Q86A4qmslPpUyknw";
    let sha256 = "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0";
    let inside = |bytes: &str, more: Value| {
        let mut dialog = json!({"type": "recording", "body": bytes, "encoding": "base64url"});
        dialog.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        read(&with_dialogs(json!([dialog])))
    };
    for more in [
        json!({"alg": "SHA-512", "signature": hash}),
        json!({"alg": "sha512", "signature": format!("{hash}==")}),
        json!({"alg": "SHA-256", "signature": sha256}),
        json!({"alg": "SHA-256", "signature": sha256, "content_hash": null}),
        json!({"alg": "SHA-256", "signature": sha256, "content_hash": format!("sha512-{hash}")}),
    ] {
        let call = inside("YWJj", more.clone()).unwrap();
        assert_eq!(codes(&call), Vec::<&str>::new(), "{more}");
        assert!(!call.recordings[0].content_hash.is_empty() && call.recordings[0].extra["alg"] == more["alg"]);
        assert_eq!(inside("YWJk", more).unwrap_err().kind(), ErrorKind::Malformed);
    }
    for (more, said) in [
        (json!({"content_hash": []}), "content_hash is empty"),
        (json!({"alg": "LMOTS_SHA256_N32_W8", "signature": sha256}), "alg \"LMOTS_SHA256_N32_W8\", signature"),
        (json!({"alg": "SHA-512", "signature": sha256}), "is no hash that is known"),
        (json!({"alg": "SHA-512"}), "alg \"SHA-512\" is no hash"),
        (json!({"signature": [1]}), "signature [1] is no hash"),
    ] {
        let call = inside("YWJj", more).unwrap();
        assert_eq!(codes(&call), ["content_hash_unchecked"]);
        assert!(call.warnings[0].message.contains(said), "{:?}", call.warnings);
    }
}

/// Returns a vCon with this many parties, and with dialogs.
fn with_parties(count: usize, dialogs: Value) -> String {
    let parties: Vec<Value> = (0..count).map(|_| json!({})).collect();
    json!({"parties": parties, "dialog": dialogs}).to_string()
}

#[test]
fn many_transfers_of_one_dialog_look_at_its_parties_once() {
    let steps = |count: u32| {
        let mut dialogs = vec![recording(json!((0..count).collect::<Vec<_>>()), 0, json!({}))];
        let transfer = |at| json!({"type": "transfer", "original": [0, 0], "transfer_target": [at, at]});
        dialogs.extend((0..count).map(transfer));
        super::events::STEPS.set(0);
        read(&with_parties(count as usize, json!(dialogs))).unwrap();
        super::events::STEPS.get()
    };
    let (half, whole) = (steps(1_000), steps(2_000));
    assert!(half >= 1_000 && whole <= 2 * half + 1, "{half} and {whole} steps");
}

#[test]
fn more_parties_than_calls_have_are_refused() {
    let parties: Vec<usize> = (0..1_000).collect();
    let dialogs = |count: usize| {
        let dialogs = vec![recording(json!([parties]), 0, json!({})); count];
        read(&with_parties(parties.len(), json!(dialogs)))
    };
    assert_eq!(dialogs(100).unwrap().recordings.len(), 100);
    let error = dialogs(101).unwrap_err();
    assert!(error.kind() == ErrorKind::LimitExceeded && error.to_string().contains("parties"), "{error}");
}
