//! Tests with the examples of RFC 7865 and RFC 8068, and of the content of metadata.

use serde_json::json;

use super::*;
use crate::call::{Fact, FactKind, FactTime, Moment, Role};
use crate::error::ErrorKind;
use crate::provider::{Kind, detect_text, read as read_text, read_all, read_as};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/");

fn published(name: &str) -> String {
    std::fs::read_to_string(format!("{FOLDER}published/siprec/{name}.xml")).unwrap()
}

/// Returns the metadata of a session `s` with two participants who each send a stream, and with
/// more elements.
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
    assert_eq!(
        call.extra["participant"][0]["nameID"],
        json!([{"aor": "sip:bob@biloxi.com", "name": [{"xml:lang": "it", "$text": "Bob"}]}])
    );
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
    // A participant that once sent a stream remains its sender.
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

/// Returns the facts of a call, with the seconds of their times.
fn told(call: &CallDescription) -> Vec<(FactKind, Option<&str>, u32)> {
    let second = |(kind, party, at): (FactKind, _, String)| (kind, party, at[17..19].parse().unwrap());
    facts_of(call).into_iter().map(second).collect()
}

/// Returns the association of a participant with a session, with start and end.
fn member(who: &str, session: &str, since: Option<u32>, until: Option<u32>) -> String {
    let time = |name: &str, second: Option<u32>| {
        second.map(|second| format!("<r:{name}>2026-01-01T10:00:{second:02}Z</r:{name}>")).unwrap_or_default()
    };
    let times = time("associate-time", since) + &time("disassociate-time", until);
    format!(
        r#"<r:participantsessionassoc participant_id="{who}" session_id="{session}">{times}</r:participantsessionassoc>"#
    )
}

/// Returns an update.
fn partial(inside: &str) -> String {
    format!(
        r#"<?xml version="1.0"?><r:recording xmlns:r="urn:ietf:params:xml:ns:recording:1"><r:datamode>partial</r:datamode>{inside}</r:recording>"#
    )
}

const A: Option<&str> = Some("+447700900165");
const B: Option<&str> = Some("201@x.example");
const C: Option<&str> = Some("participant[2]");
const THIRD: &str = r#"<r:participant participant_id="c"/>"#;

#[test]
fn who_takes_over_is_no_conference() {
    for comes in [30, 35] {
        let more = [
            THIRD.to_owned(),
            member("a", "s", Some(0), None),
            member("b", "s", Some(5), Some(30)),
            member("c", "s", Some(comes), None),
        ];
        let call = read_text(&metadata(&more.concat())).unwrap();
        let expected = [(FactKind::Answer, None, 5), (FactKind::Hangup, B, 30), (FactKind::Transfer, A, comes)];
        let mut facts = told(&call);
        facts.sort_by_key(|fact| (fact.2, fact.0.name() != "hangup"));
        assert_eq!(facts, expected);
    }
}

#[test]
fn who_comes_back_has_not_hung_up() {
    let there = [member("a", "s", Some(0), None), member("b", "s", Some(5), Some(20))].concat();
    let left = [(FactKind::Answer, None, 5), (FactKind::Hangup, B, 20)];
    let answered = &left[..1];
    let first = metadata(&there);
    assert_eq!(told(&read_text(&first).unwrap()), left);
    // The return may be stated in an update or in the same document.
    for text in [
        first.clone() + &partial(&member("b", "s", Some(25), None)),
        metadata(&(there.clone() + &member("b", "s", Some(25), None))),
        metadata(&(member("b", "s", Some(25), None) + &there)),
    ] {
        let call = read_text(&text).unwrap();
        assert_eq!(told(&call), answered, "{text}");
        assert_eq!(call.extra["participantsessionassoc"].as_array().unwrap().len(), 3);
    }
    let again = first + &partial(&member("b", "s", Some(25), None)) + &partial(&member("b", "s", None, Some(40)));
    assert_eq!(told(&read_text(&again).unwrap()), [left[0], (FactKind::Hangup, B, 40)]);
}

#[test]
fn a_session_of_the_group_goes_on_where_another_ends() {
    let group = "<r:group-ref>g</r:group-ref>";
    let second = format!(
        r#"<r:session session_id="t">{group}<r:stop-time>2026-01-01T10:00:55Z</r:stop-time></r:session><r:stream stream_id="three" session_id="t"/>"#
    );
    let first = |stop: &str| {
        metadata("").replace("</r:session>", &format!("{group}{stop}</r:session>")).replace("</r:recording>", "")
    };
    let of = |stop: &str, members: &[String]| {
        let text = first(stop) + THIRD + &second + &members.concat() + "</r:recording>";
        let call = read_text(&text).unwrap();
        assert_eq!((call.call.id.as_deref(), call.recordings.len()), (Some("g"), 3));
        told(&call).into_iter().map(|(kind, who, at)| (kind, who.map(str::to_owned), at)).collect::<Vec<_>>()
    };
    let own = |facts: &[(FactKind, Option<&str>, u32)]| {
        facts.iter().map(|&(kind, who, at)| (kind, who.map(str::to_owned), at)).collect::<Vec<_>>()
    };
    // The agent consults in the second session, leaves it, and stays in the first.
    let talk = [member("a", "s", Some(0), None), member("b", "s", Some(5), None)];
    let consults = [member("b", "t", Some(20), Some(30)), member("c", "t", Some(21), Some(30))];
    let answer = (FactKind::Answer, None, 5);
    assert_eq!(of("", &[talk.clone(), consults].concat()), own(&[answer, (FactKind::Hangup, C, 30)]));
    // The second session replaces the first.
    let stop = "<r:stop-time>2026-01-01T10:00:30Z</r:stop-time>";
    let moved = [member("a", "t", Some(30), None), member("c", "t", Some(31), None)];
    let over = (FactKind::Hangup, None, 55);
    assert_eq!(of(stop, &[talk, moved].concat()), own(&[answer, (FactKind::Transfer, A, 31), over]));
}

#[test]
fn a_session_that_is_no_longer_recorded_is_not_hung_up() {
    let recorded =
        |times: &str| format!(r#"<r:sessionrecordingassoc session_id="s">{times}</r:sessionrecordingassoc>"#);
    let over = recorded(
        "<r:associate-time>2026-01-01T10:00:00Z</r:associate-time><r:disassociate-time>2026-01-01T10:00:20Z</r:disassociate-time>",
    );
    let call = read_text(&metadata(&over)).unwrap();
    assert_eq!(
        (told(&call), call.recordings[0].over_by.unwrap().to_rfc3339().as_str()),
        (vec![], "2026-01-01T10:00:20Z")
    );
    let again = partial(&recorded("<r:associate-time>2026-01-01T10:00:40Z</r:associate-time>"));
    let call = read_text(&(metadata(&over) + &again)).unwrap();
    assert_eq!((told(&call), call.recordings[0].over_by), (vec![], None));
}

#[test]
fn each_stream_has_the_times_of_its_own_association() {
    let sends = |stream: &str, since: u32, until: &str| {
        format!(
            r#"<r:participantstreamassoc participant_id="b"><r:send>{stream}</r:send><r:associate-time>2026-01-01T10:00:{since:02}Z</r:associate-time>{until}</r:participantstreamassoc>"#
        )
    };
    let until = |at: u32| format!("<r:disassociate-time>2026-01-01T10:00:{at:02}Z</r:disassociate-time>");
    let more = [
        r#"<r:stream stream_id="three" session_id="s"/>"#.to_owned(),
        sends("two", 10, &until(20)),
        sends("three", 30, ""),
    ];
    let times = |text: &str| {
        let call = read_text(text).unwrap();
        let second = |at: Option<Moment>| at.map(|at| at.to_rfc3339()[17..19].to_owned());
        call.recordings.iter().map(|r| (second(r.leg.started_at), second(r.over_by))).collect::<Vec<_>>()
    };
    let at = |second: &str| Some(second.to_owned());
    let text = metadata(&more.concat())
        .replace(r#"<r:participantstreamassoc participant_id="b"><r:send>two</r:send></r:participantstreamassoc>"#, "");
    assert_eq!(times(&text), [(at("00"), None), (at("10"), at("20")), (at("30"), None)]);
    // An end without a stream concerns all streams that are still sent.
    let whole = format!(r#"<r:participantstreamassoc participant_id="b">{}</r:participantstreamassoc>"#, until(50));
    assert_eq!(times(&(text + &partial(&whole))), [(at("00"), None), (at("10"), at("20")), (at("30"), at("50"))]);
}

#[test]
fn what_names_nothing_of_the_document_is_told() {
    let more = r#"<r:participantstreamassoc participant_id="a"><r:send>nine</r:send><r:recv>ten</r:recv></r:participantstreamassoc>
        <r:participantsessionassoc participant_id="a" session_id="u"/><r:sessionrecordingassoc session_id="v"/>
        <r:stream stream_id="three" session_id="w"/>"#;
    let call = read_text(&metadata(more)).unwrap();
    let mut said: Vec<&str> = call.warnings.iter().map(|warning| warning.message.as_str()).collect();
    said.sort_unstable();
    assert_eq!(
        said,
        [
            "participantsessionassoc[0].session_id \"u\" is no session of the document; it is kept",
            "participantstreamassoc[2].recv \"ten\" is no stream of the document; it is kept",
            "participantstreamassoc[2].send \"nine\" is no stream of the document; it is kept",
            "sessionrecordingassoc[0].session_id \"v\" is no session of the document; it is kept",
            "stream[2].session_id \"w\" is no session of the document; the stream is taken for the only one's",
        ]
    );
    assert_eq!(call.recordings.len(), 3);
}

#[test]
fn a_stream_without_a_session_is_told_and_never_joined_with_another_call() {
    let missing = |call: &CallDescription| {
        let told = call.warnings.iter().filter(|warning| &*warning.code == "session_missing");
        told.map(|warning| warning.message.clone()).collect::<Vec<_>>()
    };
    for id in ["", r#" session_id="""#] {
        let call = read_text(&metadata(&format!(r#"<r:stream stream_id="three"{id}/>"#))).unwrap();
        assert_eq!(missing(&call), ["stream[2] has no session_id; the stream is taken for the only one's"]);
        assert_eq!((call.recordings.len(), call.call.id.as_deref()), (3, Some("s")));
    }
    let stream = |id: &str, session: &str| format!(r#"<r:stream stream_id="{id}"{session}/>"#);
    let call = read_text(&partial(&(stream("one", "") + &stream("two", "")))).unwrap();
    assert_eq!((missing(&call).len(), call.recordings.len()), (2, 2));
    for (streams, said) in [
        (
            stream("one", r#" session_id="s""#) + &stream("two", r#" session_id="t""#),
            "stream[1].session_id: found \"t\"",
        ),
        (stream("one", r#" session_id="s""#) + &stream("two", ""), "stream[1].session_id: found none"),
    ] {
        let error = read_text(&partial(&streams)).unwrap_err();
        assert!(error.kind() == ErrorKind::Malformed && error.to_string().contains(said), "{error}");
    }
    let second = r#"<r:session session_id="t"/><r:stream stream_id="three"/>"#;
    let error = read_text(&metadata(second)).unwrap_err();
    assert!(error.to_string().contains("stream[2].session_id: found none"), "{error}");
}

#[test]
fn every_text_and_attribute_is_kept() {
    let more = r#"<r:participant participant_id="c"><r:nameID aor="sip:c@x" role="host" x:aor="no"><r:name xml:lang="de">Käthe</r:name>
            <r:name>Kate</r:name><r:nick>K</r:nick><x:more/>loose</r:nameID></r:participant>
        <r:stream stream_id="three" x:stream_id="no" session_id="s">bare<r:label xml:lang="en">3</r:label> text</r:stream>
        <r:stream stream_id="three" session_id="s"><r:label>drei</r:label></r:stream>beside"#;
    let text = metadata(more).replace("<r:recording ", "<r:recording xmlns:x='urn:x' x:made='by' ");
    let call = read_text(&text).unwrap();
    let name = &call.extra["participant"][2]["nameID"][0];
    assert_eq!(
        name,
        &json!({"aor": "sip:c@x", "role": "host", "{urn:x}aor": "no", "nick": ["K"], "$xml": ["<x:more/>"], "$text": "loose",
                "name": [{"xml:lang": "de", "$text": "Käthe"}, "Kate"]})
    );
    assert_eq!(call.extra["recording"], json!({"{urn:x}made": "by", "$text": "beside"}));
    let stream = &call.recordings[2];
    assert_eq!((stream.label().as_str(), &stream.aliases[..]), ("three", &["drei".to_owned()][..]));
    let expected = json!({"stream_id": "three", "{urn:x}stream_id": "no", "session_id": "s", "label": ["drei"], "$text": "bare text",
                          "$earlier": [{"label": [{"xml:lang": "en", "$text": "3"}]}], "$senders": []});
    assert_eq!(serde_json::Value::Object(stream.extra.clone()), expected);
    let mut codes: Vec<&str> = call.warnings.iter().map(|warning| &*warning.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["repeat_differs", "unknown_field", "unknown_field", "unknown_field", "unknown_field"]);
}

#[test]
fn an_update_alone_is_read_where_it_holds_a_stream() {
    let call = read_text(&partial(r#"<r:stream stream_id="one"/>"#)).unwrap();
    assert_eq!((call.recordings.len(), &*call.warnings[0].code), (1, "metadata_partial"));
}

#[test]
fn twice_the_metadata_is_twice_the_work() {
    let own = |inside: String| format!("<recording xmlns='{}'>{inside}</recording>", metadata::NAMESPACE);
    let all = |count: usize, one: &dyn Fn(usize) -> String| (0..count).map(one).collect::<String>();
    let streams = |count: usize| {
        let sessions = all(20, &|at| format!("<session session_id='{at}'/>"));
        own(sessions + &all(count, &|at| format!("<stream stream_id='{at}' session_id='{}'/>", at % 20)))
    };
    let participants = |count: usize| {
        own(format!("<stream stream_id='s'/>{}", all(count, &|at| format!("<participant participant_id='{at}'/>"))))
    };
    let senders = |count: usize| {
        let send = "<send>s</send>";
        let one = |at| {
            format!(
                "<participant participant_id='{at}'/><participantstreamassoc participant_id='{at}'>{send}</participantstreamassoc>"
            )
        };
        own(format!("<stream stream_id='s'/>{}", all(count, &one)))
    };
    let updates = |count: usize| {
        let sends = all(count, &|at| format!("<send>{at}</send>"));
        let assoc = format!("<participantstreamassoc participant_id='p'>{sends}</participantstreamassoc>");
        own(format!("<stream stream_id='0'/><participant participant_id='p'/>{assoc}{assoc}"))
    };
    let documents: [(&dyn Fn(usize) -> String, usize); 4] =
        [(&streams, 20_000), (&participants, 20_000), (&senders, 8_000), (&updates, 20_000)];
    for (which, (document, most)) in documents.into_iter().enumerate() {
        let steps = |count: usize| {
            metadata::STEPS.set(0);
            read_all(&document(count), &Default::default()).unwrap();
            metadata::STEPS.get()
        };
        let (half, whole) = (steps(most / 2), steps(most));
        assert!(half > most / 2 && whole <= 2 * half, "document {which}: {half} and {whole} steps");
    }
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
        (own(&format!("<a {}/>", "b='' ".repeat(1025))), ErrorKind::LimitExceeded, "attributes"),
    ] {
        let error = read_text(&text).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
    assert_eq!(read_as(Kind::Siprec, "{}", &Default::default()).unwrap_err().kind(), ErrorKind::Malformed);
    assert_eq!(detect_text("<html/>").unwrap(), None);
    // Deep nesting does not use the stack.
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

#[test]
fn a_sender_since_nobody_says_when_sends_from_the_beginning() {
    let sends = |who: &str, times: &str| {
        format!(
            r#"<r:participantstreamassoc participant_id="{who}">{times}<r:send>one</r:send></r:participantstreamassoc>"#
        )
    };
    let since = |time: &str| format!("<r:associate-time>2026-01-01T{time}Z</r:associate-time>");
    let until = |time: &str| format!("<r:disassociate-time>2026-01-01T{time}Z</r:disassociate-time>");
    for (more, expected) in [
        (sends("b", &since("10:05:00")), "2026-01-01T10:00:00Z"),
        (sends("a", &since("10:05:00")), "2026-01-01T10:05:00Z"),
        (sends("a", &until("10:05:00")) + &sends("a", &since("10:09:00")), "2026-01-01T10:00:00Z"),
    ] {
        let call = read_text(&metadata(&more)).unwrap();
        assert_eq!(call.recordings[0].leg.started_at.unwrap().to_rfc3339(), expected, "{more}");
    }
}

#[test]
fn an_element_that_is_repeated_and_then_changed_is_told_twice() {
    let stream =
        |label: &str| format!(r#"<r:stream stream_id="one" session_id="s"><r:label>{label}</r:label></r:stream>"#);
    let call = read_text(&format!("{}\n{}", metadata(""), metadata(&stream("3")))).unwrap();
    let codes: Vec<&str> = call.warnings.iter().map(|warning| &*warning.code).collect();
    assert_eq!(codes, ["repeat_differs"]);
}
