//! The examples of RFC 7865 and RFC 8068, and what metadata can say.

use serde_json::json;

use super::*;
use crate::error::ErrorKind;
use crate::provider::{detect_text, read as read_text, read_all, read_as};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/");

fn published(name: &str) -> String {
    std::fs::read_to_string(format!("{FOLDER}published/siprec/{name}.xml")).unwrap()
}

/// Metadata of a session `s` with two participants, who each send a stream, and more elements.
fn metadata(more: &str) -> String {
    format!(
        r#"<?xml version="1.0"?><r:recording xmlns:r="urn:ietf:params:xml:ns:recording:1">
        <r:session session_id="s"><r:start-time>2026-01-01T10:00:00Z</r:start-time></r:session>
        <r:participant participant_id="a"><r:nameID aor="tel:+447700900165"/></r:participant>
        <r:participant participant_id="b"><r:nameID aor="sip:201@x.example"><r:name>Sam</r:name></r:nameID></r:participant>
        <r:stream stream_id="one" session_id="s"><r:label>1</r:label></r:stream>
        <r:stream stream_id="two" session_id="s"><r:label>2</r:label></r:stream>
        <r:participantstreamassoc participant_id="a"><r:send>one</r:send><r:recv>two</r:recv></r:participantstreamassoc>
        <r:participantstreamassoc participant_id="b"><r:send>two</r:send></r:participantstreamassoc>{more}</r:recording>"#
    )
}

fn facts_of(call: &CallDescription) -> Vec<(FactKind, Option<&str>, String)> {
    let at = |fact: &Fact| match fact.time {
        FactTime::At(at) => at.to_rfc3339(),
        FactTime::OnCall(at) => at.to_string(),
    };
    call.call.facts.iter().map(|fact| (fact.kind, fact.party.as_deref(), at(fact))).collect()
}

#[test]
fn the_complete_example_is_read_word_for_word() {
    let text = published("rfc7865-8.1");
    assert_eq!(detect_text(&text).unwrap(), Some(Kind::Siprec));
    let call = read_text(&text).unwrap();
    assert_eq!((call.kind, call.call.id.as_deref()), (Kind::Siprec, Some("hVpd7YQgRW2nD22h7q60JQ==")));
    assert_eq!(call.call.started_at.unwrap().to_rfc3339(), "2010-12-16T23:41:07Z");
    let heard: Vec<_> = call.recordings.iter().map(|r| (r.aliases[0].as_str(), r.leg.party.as_deref())).collect();
    let (bob, paul) = (Some("bob@biloxi.com"), Some("Paul@biloxi.com"));
    assert_eq!(heard, [("96", bob), ("97", bob), ("98", paul), ("99", paul)]);
    assert!(call.recordings.iter().all(|r| r.leg.started_at == call.call.started_at && r.leg.role == Role::Unknown));
    assert_eq!(facts_of(&call), []);
    let session = &call.extra["session"][0];
    assert_eq!(session["sipSessionID"][0], "ab30317f1a784dc48ff824d0d3715d86; remote=47755a9de7794ba387653f2099600ef2");
    assert!(
        call.extra["group"][0]["$xml"][0].as_str().unwrap().contains("<supervisor>sip:alice@atlanta.com</supervisor>")
    );
    assert_eq!(call.extra["participant"][0]["nameID"], json!([{"aor": "sip:bob@biloxi.com", "name": ["Bob"]}]));
    assert_eq!(call.extra["participantstreamassoc"][0]["recv"][1], "EiXGlc+4TruqqoDaNE76ag==");
    let named: Vec<&str> = call.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(named.len(), 2);
    assert!(
        named[0].contains("\"call-center\" of \"urn:ietf:params:xml:ns:callcenter\"") && named[1].contains("mydata")
    );
}

#[test]
fn updates_change_what_they_update() {
    let (whole, leaves, hold) = (published("rfc7865-8.1"), published("rfc7865-8.2"), published("rfc8068-hold"));
    let alone = read_text(&leaves).unwrap_err();
    assert_eq!((alone.kind(), alone.found()), (ErrorKind::Provider, Some("a partial update")));
    let call = read_text(&format!("{whole}\n{hold}{leaves}")).unwrap();
    let left = (FactKind::Hangup, Some("bob@biloxi.com"), "2010-12-16T23:41:07Z".to_owned());
    assert_eq!(facts_of(&call), [left]);
    // Who once sent a stream is heard on it.
    assert_eq!(call.recordings, read_text(&whole).unwrap().recordings);
    assert_eq!(call.extra["participantsessionassoc"][0]["associate-time"], json!(["2010-12-16T23:41:07Z"]));
}

#[test]
fn members_come_and_go() {
    let member = |who: &str, times: &str| {
        format!(
            r#"<r:participantsessionassoc participant_id="{who}" session_id="s">{times}</r:participantsessionassoc>"#
        )
    };
    let at = |name: &str, second: u32| format!("<r:{name}>2026-01-01T10:00:{second:02}Z</r:{name}>");
    let third = r#"<r:participant participant_id="c"/>"#;
    let more = [
        third.to_owned(),
        member("b", &at("associate-time", 5)),
        member("a", &at("associate-time", 0)),
        member("c", &(at("associate-time", 20) + &at("disassociate-time", 30))),
    ];
    let call = read_text(&metadata(&more.concat())).unwrap();
    let told: Vec<_> =
        facts_of(&call).into_iter().map(|(kind, party, at)| (kind, party, at[17..19].to_owned())).collect();
    let third = Some("participant[2]");
    let expected =
        [(FactKind::Answer, None, "05"), (FactKind::Conference, third, "20"), (FactKind::Hangup, third, "30")];
    assert_eq!(told, expected.map(|(kind, party, at)| (kind, party, at.to_owned())));
    let stopped = metadata("").replace("</r:session>", "<r:stop-time>2026-01-01T10:01:00Z</r:stop-time></r:session>");
    let call = read_text(&stopped).unwrap();
    assert_eq!(facts_of(&call), [(FactKind::Hangup, None, "2026-01-01T10:01:00Z".to_owned())]);
    assert_eq!(call.recordings[0].over_by.unwrap().to_rfc3339(), "2026-01-01T10:01:00Z");
}

#[test]
fn sessions_of_one_group_are_one_call_and_others_are_their_own() {
    let session = |id: &str, group: &str| {
        format!(r#"<session session_id="{id}">{group}</session><stream stream_id="of-{id}" session_id="{id}"/>"#)
    };
    let grouped = "<group-ref> g\n</group-ref>";
    let all = [session("1", grouped), session("2", ""), session("3", grouped)].concat();
    let text = format!("<recording xmlns='{}'>{all}</recording>", metadata::NAMESPACE);
    let calls = read_all(&text, &Default::default()).unwrap();
    let told: Vec<_> = calls.iter().map(|call| (call.call.id.as_deref(), call.recordings.len())).collect();
    assert_eq!(told, [(Some("g"), 2), (Some("2"), 1)]);
    assert!(calls[0].extra.contains_key("session") && calls[1].extra.is_empty());
    let alone = format!("<recording xmlns='{}'><stream stream_id='x'/></recording>", metadata::NAMESPACE);
    let call = read_text(&alone).unwrap();
    assert_eq!((call.call.id, call.recordings[0].label().as_str()), (None, "x"));
}

#[test]
fn what_is_no_metadata_is_refused_and_named() {
    let own = |inside: &str| format!("<recording xmlns='{}'>{inside}</recording>", metadata::NAMESPACE);
    let stream = r#"<stream stream_id="1" session_id="s"/>"#;
    let sessions = r#"<session session_id="a"/><session session_id="b"/>"#;
    for (text, kind, said) in [
        ("<a>".to_owned(), ErrorKind::Malformed, "not XML"),
        ("<html/>".to_owned(), ErrorKind::Unsupported, "found html of \"\""),
        ("<recording xmlns='urn:ietf:params:xml:ns:recording'/>".to_owned(), ErrorKind::Unsupported, "recording:1"),
        (own(""), ErrorKind::Provider, "no stream"),
        (own("<session/>"), ErrorKind::Malformed, "wrong session[0]: found no session_id"),
        (own("<datamode>half</datamode>"), ErrorKind::Malformed, "wrong datamode: found \"half\""),
        (own(&format!("{sessions}{stream}")), ErrorKind::Malformed, "wrong stream[0].session_id: found \"s\""),
        (own(&format!("{stream}<participantstreamassoc participant_id='x'/>")), ErrorKind::Malformed, "found \"x\""),
        ("<!DOCTYPE a [<!ENTITY b \"b\">]><a>&b;</a>".to_owned(), ErrorKind::Malformed, "DTD"),
        (own(&"<a/>".repeat(100_001)), ErrorKind::LimitExceeded, "nodes"),
        (own(&"x".repeat(1 << 20)), ErrorKind::LimitExceeded, "bytes"),
        (own(&"<a xmlns='b'/>".repeat(1025)), ErrorKind::LimitExceeded, "namespaces"),
        (own(&format!("<a {}/>", "b=''".repeat(1025))), ErrorKind::LimitExceeded, "attributes"),
    ] {
        let error = read_text(&text).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
    assert_eq!(read_as(Kind::Siprec, "{}", &Default::default()).unwrap_err().kind(), ErrorKind::Malformed);
    assert_eq!(detect_text("<html/>").unwrap(), None);
    // Deep nesting costs no stack.
    let deep = format!("{}{}", "<a>".repeat(40_000), "</a>".repeat(40_000));
    assert!(read_text(&own(&format!("{stream}{deep}"))).is_ok());
}

#[test]
fn a_stream_that_several_send_is_mixed_and_one_of_nobody_is_unknown() {
    let more = r#"<r:participantstreamassoc participant_id="b"><r:send>one</r:send></r:participantstreamassoc>
                  <r:stream stream_id="three" session_id="s"/><r:participantsessionassoc participant_id="a" session_id="s">
                  <r:associate-time>noon</r:associate-time></r:participantsessionassoc>"#;
    let call = read_text(&metadata(more)).unwrap();
    let heard: Vec<_> = call.recordings.iter().map(|r| (r.leg.role, r.leg.party.as_deref())).collect();
    assert_eq!(heard, [(Role::Mixed, None), (Role::Unknown, Some("201@x.example")), (Role::Unknown, None)]);
    assert_eq!(call.recordings[0].extra["$senders"], json!(["+447700900165", "201@x.example"]));
    assert_eq!(&*call.warnings[0].code, "unknown_value");
    assert_eq!(call.extra["participantsessionassoc"][0]["associate-time"], json!(["noon"]));
}
