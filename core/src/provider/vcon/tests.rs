//! Tests with the draft's examples, copied exactly, and of the content of a vCon.

use serde_json::{Value, json};

use super::*;
use crate::call::{Fact, FactKind, FactTime};
use crate::error::ErrorKind;
use crate::provider::{read as read_text, read_all};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/");

fn fixture(name: &str) -> String {
    std::fs::read_to_string(format!("{FOLDER}{name}")).unwrap()
}

fn published(name: &str) -> String {
    fixture(&format!("published/vcon/{name}.vcon"))
}

/// Returns a report of another call.
fn report() -> crate::report::Report {
    serde_json::from_str(&fixture("short/report.json")).unwrap()
}

pub(super) fn codes(call: &CallDescription) -> Vec<&str> {
    call.warnings.iter().map(|warning| &*warning.code).collect()
}

/// Returns a vCon of two parties, the customer first, with dialogs.
pub(super) fn with_dialogs(dialogs: Value) -> String {
    let parties =
        json!([{"tel": "+1", "role": "customer"}, {"sip": "sip:a@x", "role": "agent"}, {"name": "C", "role": "agent"}]);
    json!({"vcon": "0.4.0", "uuid": "u", "parties": parties, "dialog": dialogs}).to_string()
}

fn facts_of(history: Value) -> Vec<(FactKind, Option<String>, String)> {
    let dialog = json!([{"type": "recording", "parties": [0, 1], "filename": "a.wav", "party_history": history}]);
    let told = |fact: Fact| {
        let FactTime::At(at) = fact.time else { panic!("a vCon has the calendar's time") };
        (fact.kind, fact.party, at.to_rfc3339())
    };
    read_text(&with_dialogs(dialog)).unwrap().call.facts.into_iter().map(told).collect()
}

#[test]
fn the_example_with_its_recording_outside_is_read_word_for_word() {
    for name in ["ab_call_ext_rec", "ab_call_ext_rec_amended", "ab_call_ext_rec_analysis"] {
        let call = read_text(&published(name)).unwrap();
        assert_eq!((call.kind, codes(&call)), (Kind::Vcon, vec![]), "{name}");
        assert!(call.call.id.as_deref().unwrap().starts_with("019f15a6-a"), "{name}");
        assert_eq!(call.call.started_at.unwrap().to_rfc3339(), "2022-06-21T17:53:26Z");
        let [recording] = &call.recordings[..] else { panic!("one recording") };
        assert_eq!((recording.leg.role, recording.duration.unwrap().0), (Role::Mixed, 33_120.0));
        assert_eq!(recording.over_by.unwrap().to_rfc3339(), "2022-06-21T17:53:59.12Z");
        let parties: Vec<_> = recording.parts.iter().map(|p| (p.leg.channel, p.leg.party.as_deref())).collect();
        assert_eq!(parties, [(Some(0), Some("+12345678901")), (Some(1), Some("+19876543210"))]);
        assert_eq!(recording.aliases, ["ab_call.mp3", "dialog[0]"]);
        assert!(
            recording.urls[0].ends_with("/examples/ab_call.mp3")
                && recording.content_hash[0].starts_with("sha512-GLy6")
        );
        assert_eq!(call.attach([("ab_call.mp3".to_owned(), ())]).found.len(), 1);
    }
    let amended = read_text(&published("ab_call_ext_rec_amended")).unwrap();
    assert_eq!(amended.extra["dialog"][0]["body"], "Good day!");
    let analysis = read_text(&published("ab_call_ext_rec_analysis")).unwrap();
    assert_eq!(analysis.extra["analysis"][0]["type"], "transcript");
}

#[test]
fn the_example_with_its_recording_inside_holds_it() {
    let call = read_text(&published("ab_call_int_rec")).unwrap();
    let bytes = call.recordings[0].inline.as_deref().unwrap();
    assert_eq!((bytes.len(), &bytes[..4], call.recordings[0].label().as_str()), (7730, &b"RIFF"[..], "ab_call.wav"));
    let matched = call.attach([("ab_call.wav".to_owned(), ())]);
    assert_eq!((matched.found.len(), matched.missing.len(), matched.unused.len()), (0, 0, 1));
}

#[test]
fn the_redacted_example_says_so_and_lacks_its_audio() {
    let call = read_text(&published("ab_call_ext_rec_redacted")).unwrap();
    assert_eq!(codes(&call), ["vcon_redacted"]);
    assert_eq!(call.recordings[0].parts[0].leg.party.as_deref(), Some("Alice"));
    assert!(call.recordings[0].urls.is_empty() && call.extra["redacted"]["type"] == "PII Redaction");
}

#[test]
fn the_signed_and_the_encrypted_example_are_refused_by_name() {
    for (name, said) in [("signed", "a signed vCon (JWS)"), ("encrypted", "an encrypted vCon (JWE)")] {
        let error = read_text(&published(&format!("ab_call_ext_rec_{name}"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains(said), "{error}");
    }
    let critical = r#"{"critical": ["x"], "parties": [], "dialog": []}"#;
    let error = read_text(critical).unwrap_err();
    assert_eq!((error.kind(), error.found()), (ErrorKind::Unsupported, Some(r#"["x"]"#)));
}

#[test]
fn the_examples_of_mail_hold_no_recording_and_say_what_they_hold() {
    for (name, found) in [
        ("ab_email_acct_prob_thread", "dialogs of the types text, text"),
        ("ab_email_prob_followup_text_thread", "dialogs of the types text, text, text"),
    ] {
        let error = read_text(&published(name)).unwrap_err();
        assert_eq!((error.kind(), error.found()), (ErrorKind::Provider, Some(found)), "{name}");
    }
    let failed = with_dialogs(json!([{"type": "incomplete", "disposition": "busy"}]));
    assert_eq!(read_text(&failed).unwrap_err().found(), Some("dialogs of the types incomplete (busy)"));
}

#[test]
fn roles_direction_and_channels_are_what_the_vcon_says() {
    let call = read_text(&fixture("stereo/call.vcon.json")).unwrap();
    assert_eq!((call.call.direction, call.customer.as_deref()), (Some(Direction::In), Some("+447700900165")));
    assert_eq!(call.agent.as_deref(), Some("201@lakeside.example"));
    let facts: Vec<_> = call.call.facts.iter().map(|fact| (fact.kind, fact.party.as_deref())).collect();
    assert_eq!(facts, [(FactKind::Answer, None), (FactKind::Hangup, Some("+447700900165"))]);
    let unknown: Vec<_> = call.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(unknown.len(), 2);
    assert!(unknown[0].contains("\"x_ticket\"") && unknown[1].contains("\"parties[1].x_desk\""), "{unknown:?}");
    assert_eq!((&call.extra["x_ticket"]["open"], &call.extra["parties"][1]["x_desk"]), (&json!(true), &json!(12)));
    assert_eq!(
        (&call.recordings[0].extra["skill"], &call.recordings[0].extra["$dialog"]),
        (&json!("orders"), &json!(0))
    );
    let shapes = |parties: Value| {
        let call =
            read_text(&with_dialogs(json!([{"type": "recording", "parties": parties, "filename": "a.wav"}]))).unwrap();
        let parts = call.recordings[0].parts.iter().map(|p| (p.leg.channel.unwrap(), p.leg.role)).collect::<Vec<_>>();
        (call.recordings[0].leg.role, call.recordings[0].leg.party.clone(), parts)
    };
    assert_eq!(shapes(json!(1)), (Role::Agent, Some("a@x".to_owned()), vec![]));
    assert_eq!(shapes(json!([0])), (Role::Customer, Some("+1".to_owned()), vec![]));
    assert_eq!(shapes(json!([[0, 1]])), (Role::Mixed, None, vec![]));
    assert_eq!(
        shapes(json!([null, 0, [1, 2]])),
        (Role::Mixed, None, vec![(0, Role::Unknown), (1, Role::Customer), (2, Role::Mixed)])
    );
    assert_eq!(shapes(json!(null)), (Role::Unknown, None, vec![]));
}

#[test]
fn separate_recordings_of_a_set_are_customer_first_and_the_set_says_when_the_call_began() {
    let one = |party: u32, start: &str| json!({"type": "recording", "parties": party, "start": start, "recording_set": 0, "url": format!("https://h/{party}.wav")});
    let dialogs = json!([
        {"type": "recording-set", "recordings": [1, 2], "start": "2026-01-01T10:00:00Z", "parties": [1, 0], "originator": 1},
        one(1, "2026-01-01T10:00:01.5Z"), one(0, "2026-01-01T10:00:03Z")]);
    let call = read_text(&with_dialogs(dialogs)).unwrap();
    assert_eq!(
        (call.call.direction, call.call.started_at.unwrap().to_rfc3339().as_str()),
        (Some(Direction::Out), "2026-01-01T10:00:00Z")
    );
    let heard: Vec<_> = call.recordings.iter().map(|r| (r.leg.role, r.extra["$dialog"].as_u64().unwrap())).collect();
    assert_eq!(heard, [(Role::Customer, 2), (Role::Agent, 1)]);
    assert_eq!(call.extra["dialog"][0]["$dialog"], 0);
}

#[test]
fn a_history_becomes_facts() {
    let at = |second: u32| format!("2026-01-01T10:00:{second:02}Z");
    let event = |party: u32, event: &str, second: u32| json!({"party": party, "event": event, "time": at(second)});
    let facts = facts_of(json!([
        event(1, "drop", 50), event(0, "join", 0), event(1, "join", 5), event(1, "hold", 10), event(1, "unhold", 20),
        event(0, "mute", 21), event(0, "unmute", 22), event(2, "join", 30), event(2, "drop", 31), event(2, "join", 32),
        {"party": 0, "event": "keydown", "button": "#", "time": at(40)}, {"party": 0, "event": "keyup", "button": "#", "time": at(41)}]));
    let (customer, agent, other) = (Some("+1"), Some("a@x"), Some("C"));
    let expected = [
        (FactKind::Answer, None, 5),
        (FactKind::Hold, agent, 10),
        (FactKind::Resume, agent, 20),
        (FactKind::Mute, customer, 21),
        (FactKind::Unmute, customer, 22),
        (FactKind::Conference, other, 30),
        (FactKind::Conference, other, 32),
        (FactKind::Key, customer, 40),
        (FactKind::Hangup, agent, 50),
    ];
    assert_eq!(facts, expected.map(|(kind, party, second)| (kind, party.map(str::to_owned), at(second))));
    // The party without a `join` was present from the beginning.
    assert_eq!(facts_of(json!([event(1, "join", 5)])), [(FactKind::Answer, None, at(5))]);
}

#[test]
fn a_transfer_begins_another_agents_part() {
    let dialogs = json!([
        {"type": "recording", "parties": [0, 1], "start": "2026-01-01T10:00:00Z", "filename": "a.wav"},
        {"type": "recording", "parties": [0, 2], "start": "2026-01-01T10:01:00Z", "filename": "b.wav"},
        {},
        {"type": "transfer", "transferee": 0, "transferor": 1, "transfer_target": [2], "original": 0, "consultation": 2, "target_dialog": 1}]);
    let call = read_text(&with_dialogs(dialogs)).unwrap();
    let facts: Vec<_> = call.call.facts.iter().map(|fact| (fact.kind, fact.party.as_deref())).collect();
    assert_eq!(facts, [(FactKind::Transfer, Some("+1"))]);
    assert_eq!(call.recordings[1].parts[1].leg.role, Role::Transfer);
    assert_eq!(call.extra["dialog"].as_array().unwrap().len(), 2);
}

#[test]
fn mistakes_are_named_with_their_place() {
    let dialog = |fields: Value| {
        let mut dialog = json!({"type": "recording", "filename": "a.wav"});
        dialog.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        with_dialogs(json!([dialog]))
    };
    let history = |entry: Value| dialog(json!({"party_history": [entry]}));
    for (text, message) in [
        (dialog(json!({"parties": 3})), "wrong dialog[0].parties: found 3, expected an index below 3"),
        (dialog(json!({"parties": [[0, "b"]]})), "wrong dialog[0].parties: found \"b\", expected an index below 3"),
        (dialog(json!({"originator": -1})), "wrong dialog[0].originator: found -1, expected an index below 3"),
        (
            dialog(json!({"body": "%", "encoding": "base64url"})),
            "wrong dialog[0].body: found '%' at character 0, expected base64url",
        ),
        (
            dialog(json!({"body": "QQ", "encoding": "none"})),
            "wrong dialog[0].encoding: found \"none\", expected base64url of a recording",
        ),
        (dialog(json!({"content_hash": 7})), "wrong dialog[0].content_hash: found 7, expected sha512-… in base64url"),
        (
            history(json!({"event": "join"})),
            "wrong dialog[0].party_history[0]: found no party, expected the index of one",
        ),
        (history(json!({"party": 9})), "wrong dialog[0].party_history[0].party: found 9, expected an index below 3"),
        (
            json!({"parties": {}, "dialog": []}).to_string(),
            "wrong parties: found an object, expected an array of objects",
        ),
        (json!({"parties": [], "dialog": [1]}).to_string(), "wrong dialog[0]: found a number, expected an object"),
    ] {
        let error = read_text(&text).unwrap_err();
        assert_eq!(error.to_string(), format!("provider: vcon: {message}"));
        assert_eq!(error.kind(), ErrorKind::Malformed);
    }
}

#[test]
fn what_is_doubtful_is_kept_and_noted() {
    let entry = |fields: Value| fields;
    let dialogs = json!([
        {"type": "recording", "filename": "a.wav", "start": "yesterday", "duration": [1], "content_hash": ["md5-x"], "new": 1,
         "party_history": [entry(json!({"party": 0, "event": "wave", "time": "2026-01-01T10:00:00Z"})), {"party": 0, "event": "hold"},
                           {"party": 0, "event": "keydown", "button": "menu", "time": "2026-01-01T10:00:00Z"}]},
        {"type": "song"}]);
    let call = read_text(&with_dialogs(dialogs)).unwrap();
    let mut codes = codes(&call);
    codes.sort_unstable();
    let expected = [
        "content_hash_unchecked",
        "event_without_time",
        "unknown_field",
        "unknown_value",
        "unknown_value",
        "unknown_value",
        "unknown_value",
        "wrong_type",
    ];
    assert_eq!(codes, expected, "{:?}", call.warnings);
    let extra = &call.recordings[0].extra;
    assert_eq!((&extra["start"], &extra["duration"], &extra["new"]), (&json!("yesterday"), &json!([1]), &json!(1)));
    assert_eq!(call.recordings[0].leg.started_at, None);
}

#[test]
fn audio_that_is_not_the_one_of_its_hash_is_refused() {
    let sha = |bytes: &str, hash: &str| {
        with_dialogs(json!([{"type": "recording", "body": bytes, "encoding": "base64url", "content_hash": hash}]))
    };
    let abc = "sha512-3a81oZNherrMQXNJriBBMRLm-k6JqX6iCp7u5ktV05ohkpkqJ0_BqDa6PCOj_uu9RU1EI2Q86A4qmslPpUyknw";
    assert_eq!(read_text(&sha("YWJj", abc)).unwrap().recordings[0].inline.as_deref(), Some(&b"abc"[..]));
    let error = read_text(&sha("YWJk", abc)).unwrap_err();
    assert_eq!((error.kind(), error.expected(), error.input()), (ErrorKind::Malformed, Some(abc), Some("dialog[0]")));
    let older = json!([{"type": "recording", "body": "YWJk", "encoding": "base64url", "alg": "SHA-512", "signature": &abc[7..]}]);
    assert_eq!(read_text(&with_dialogs(older)).unwrap_err().kind(), ErrorKind::Malformed);
}

#[test]
fn an_array_of_vcons_is_several_calls() {
    let one = |id: &str| json!({"uuid": id, "parties": [], "dialog": [{"type": "recording", "filename": "a.wav"}]});
    let calls = read_all(&json!([one("b"), one("a")]).to_string(), &Default::default()).unwrap();
    assert_eq!(calls.iter().filter_map(|call| call.call.id.as_deref()).collect::<Vec<_>>(), ["b", "a"]);
    let error = read_all(&json!([one("b"), {"ciphertext": ""}]).to_string(), &Default::default()).unwrap_err();
    assert_eq!(error.input(), Some("item 1"));
}

#[test]
fn a_report_goes_in_and_everything_else_stays_as_it_was_written() {
    let report = report();
    let body = serde_json::to_value(&report).unwrap();
    for name in [
        "ab_call_ext_rec",
        "ab_call_int_rec",
        "ab_call_ext_rec_amended",
        "ab_call_ext_rec_redacted",
        "ab_call_ext_rec_analysis",
        "ab_email_acct_prob_thread",
    ] {
        let text = published(name);
        let with = with_report(&text, &report).unwrap();
        let added: Value = serde_json::from_str(&with).unwrap();
        let mut entry = added["analysis"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(entry.as_object_mut().unwrap().remove("body").unwrap(), body);
        let dialog = if name.contains("email") { json!([]) } else { json!([0]) };
        let expected = json!({"type": "report", "dialog": dialog, "mediatype": "application/json", "vendor": "callweave",
                              "product": "callweave", "schema": "urn:callweave:report:1", "encoding": "json"});
        assert_eq!(entry, expected);
        // The original text is complete: the added text is in one piece.
        let before = text.bytes().zip(with.bytes()).take_while(|(a, b)| a == b).count();
        let behind = text.bytes().rev().zip(with.bytes().rev()).take_while(|(a, b)| a == b).count();
        assert!(before + behind >= text.len(), "{name}: {before} {behind} {}", text.len());
    }
}

#[test]
fn a_report_finds_its_place_whatever_the_form_of_the_text() {
    let report = report();
    for text in [
        r#"{"parties":[],"dialog":[]}"#,
        " {\n \"\\u0061nalysis\" : null , \"parties\" : [ {\"a\": \"]}\\\"\"} ], \"dialog\":[ ] }\n",
        r#"{"analysis": [ ], "dialog": [1.50, true, null], "analysis": [ {"type": "x"} ]}"#,
        "\u{feff}{\"parties\":[],\"vcon\":\"0.4.0\" }",
    ] {
        let with = with_report(text, &report).unwrap();
        let plain = |text: &str| serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}')).unwrap();
        let (mut added, mut given) = (plain(&with), plain(text));
        let list = added["analysis"].as_array_mut().unwrap();
        assert_eq!(list.pop().unwrap()["type"], "report", "{text}");
        let left = list.is_empty().then(Vec::new).unwrap_or_else(|| list.clone());
        given["analysis"] = Value::Array(left.clone());
        added["analysis"] = Value::Array(left);
        assert_eq!(added, given);
    }
    for (text, kind) in [
        ("{\"tracks\": []}", ErrorKind::Unsupported),
        ("{\"ciphertext\": \"\"}", ErrorKind::Unsupported),
        ("[{\"parties\": []}]", ErrorKind::Malformed),
        ("{\"parties\": [], \"analysis\": 7}", ErrorKind::Malformed),
        ("{", ErrorKind::Malformed),
    ] {
        assert_eq!(with_report(text, &report).unwrap_err().kind(), kind, "{text}");
    }
}

#[test]
fn a_redacted_call_is_not_put_beside_its_audio() {
    let mut report = report();
    report.redacted = vec![crate::units::Span::new(1_000.0, 2_000.0)];
    let error = with_report(&published("ab_call_int_rec"), &report).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.to_string().contains("keeps its audio"), "{error}");
}
