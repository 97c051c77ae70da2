//! Tests of MCloud's recordings as input, and of the request bodies.

use super::*;
use crate::call::Moment;
use crate::error::ErrorKind;
use crate::provider::{read as read_text, read_all};
use serde_json::json;

/// The response in MCloud's document, copied exactly.
const SAMPLE: &str = r#"{
"items": [
{
"id": "0192b9...",
"dataId": "rec_2026_05_20_001",
"callAt": "2026-05-20T08:14:00+07:00",
"direction": "in",
"customerPhone": "+66812345678",
"tag": "normal",
"score": 86,
"processingStatus": "completed",
"audioUrl": "/api/recording/audio/0192b9...",
"transcriptUrl": "/api/recording/transcript/0192b9...",
"summaryUrl": "/api/recording/summary/0192b9..."
}
],
"total": 1284,
"limit": 10,
"offset": 0
}"#;

/// The pushes of Tencent's document, shortened to the fields that a body needs.
const PUSHES: &str = r#"[
{"RecordId": "1608130650", "SessionId": "e97be0ab-1ef6-4ad2-a8c4-2b2bbfb18e55", "EndpointUser": "lululing@tencent.com",
 "RecordURL": "http://host/000-1608130637.mp3"},
{"RecordId": "1608130651", "SessionId": "e97be0ab-1ef6-4ad2-a8c4-2b2bbfb18e55", "EndpointUser": "0812345678",
 "RecordURL": "http://host/001-1608130636.mp3"}]"#;

fn outgoing() -> Outgoing {
    Outgoing {
        direction: Some(Direction::In),
        dialling: Some(Dialling::thailand()),
        offset_s: Some(25_200),
        ..Outgoing::default()
    }
}

#[test]
fn the_published_page_is_read_word_for_word() {
    let call = read_text(SAMPLE).unwrap();
    assert_eq!((call.kind, call.call.id.as_deref()), (Kind::Mcloud, Some("rec_2026_05_20_001")));
    assert_eq!(call.call.direction, Some(Direction::In));
    assert_eq!(call.call.started_at.unwrap().to_rfc3339(), "2026-05-20T08:14:00+07:00");
    assert_eq!((call.customer.as_deref(), call.extra["total"].as_i64()), (Some("+66812345678"), Some(1284)));
    let one = &call.recordings[0];
    assert_eq!((one.extra["tag"].as_str(), one.extra["score"].as_i64()), (Some("normal"), Some(86)));
    assert_eq!(one.urls, ["/api/recording/audio/0192b9..."]);
    assert!(call.warnings.is_empty(), "{:?}", call.warnings);
    let page: Value = serde_json::from_str(SAMPLE).unwrap();
    let wire: Record = serde_json::from_value(page["items"][0].clone()).unwrap();
    assert_eq!(serde_json::to_value(wire).unwrap(), page["items"][0]);
    for key in ["rec_2026_05_20_001.wav", "0192b9...", "rec_2026_05_20_001"] {
        assert_eq!(call.attach([(key.to_owned(), ())]).found.len(), 1, "{key}");
    }
}

#[test]
fn a_recording_from_mcloud_goes_back_under_its_own_id() {
    let body = NewRecording::of(&read_text(SAMPLE).unwrap(), None, &Outgoing::default()).unwrap();
    assert_eq!((body.data_id.as_str(), body.direction), ("rec_2026_05_20_001", Direction::In));
    assert_eq!(body.call_at.to_rfc3339(), "2026-05-20T08:14:00+07:00");
}

#[test]
fn a_page_of_several_is_several_calls_and_an_empty_one_is_none() {
    let page = json!({"items": [{"id": "b", "dataId": "y"}, {"id": "a", "dataId": "x"}, {"id": "a", "dataId": "x"}]});
    let ids: Vec<Option<String>> =
        read_all(&page.to_string(), &Default::default()).unwrap().into_iter().map(|c| c.call.id).collect();
    assert_eq!(ids, [Some("x".to_owned()), Some("y".to_owned())]);
    let empty = read_text(r#"{"items": [], "total": 0, "limit": 20, "offset": 0}"#).unwrap_err();
    assert_eq!(empty.kind(), ErrorKind::Provider);
}

#[test]
fn values_that_are_not_documented_are_kept_and_named() {
    let call = read_text(r#"{"dataId": "a", "direction": "sideways", "tag": "odd", "callAt": "soon"}"#).unwrap();
    let extra = &call.recordings[0].extra;
    assert_eq!(
        (&extra["direction"], &extra["tag"], &extra["callAt"]),
        (&"sideways".into(), &"odd".into(), &"soon".into())
    );
    assert_eq!(call.warnings.iter().filter(|w| w.code == "unknown_value").count(), 3);
}

#[test]
fn a_processed_call_becomes_the_body_of_a_post() {
    let call = read_text(PUSHES).unwrap();
    let body = NewRecording::of(&call, Some(Tag::Normal), &outgoing()).unwrap();
    let json = serde_json::to_value(&body).unwrap();
    let expected = json!({
        "dataId": body.data_id, "callAt": "2020-12-16T21:57:16+07:00", "direction": "in", "customerPhone": "+66812345678",
        "tag": "normal", "audioPresignedUploadUrl": true,
    });
    assert_eq!(json, expected);
    assert_eq!(serde_json::from_value::<NewRecording>(json).unwrap(), body);
}

/// The bodies of `POST /recordings` in MCloud's documents, copied exactly: from the start page and
/// from the reference.
const BODIES: [&str; 2] = [
    r#"{
"dataId": "rec_2026_05_20_001",
"callAt": "2026-05-20T08:14:00+07:00",
"direction": "in",
"customerPhone": "+66812345678",
"audioPresignedUploadUrl": true
}"#,
    r#"{
"dataId": "rec_2026_05_20_001",
"callAt": "2026-05-20T08:14:00+07:00",
"direction": "in",
"audioPresignedUploadUrl": true
}"#,
];

#[test]
fn the_published_bodies_are_read_and_written() {
    for text in BODIES {
        let sample: Value = serde_json::from_str(text).unwrap();
        let body: NewRecording = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_value(body).unwrap(), sample);
    }
    let created: Created = serde_json::from_str(r#"{"id": "0192b9", "uploadUrl": "https://s/x", "new": 1}"#).unwrap();
    assert_eq!((created.upload_url.as_deref(), &created.extra["new"]), (Some("https://s/x"), &json!(1)));
}

#[test]
fn a_report_gives_the_same_body_as_the_document_it_came_from() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/tencent-transfer");
    let Ok(text) = std::fs::read_to_string(format!("{path}/report.json")) else { return };
    let report: crate::Report = serde_json::from_str(&text).unwrap();
    let call = read_text(&std::fs::read_to_string(format!("{path}/pushes.json")).unwrap()).unwrap();
    let alone = NewRecording::of_report(&report, None, &outgoing()).unwrap();
    assert_eq!(alone, NewRecording::of_report(&report, Some(&call), &outgoing()).unwrap());
    assert_eq!((alone.tag, alone.customer_phone.as_deref()), (Some(Tag::Normal), Some("+447700900187")));
    let options = Outgoing { tag: Some(Tag::Other), score: Some(50.0), ..outgoing() };
    let chosen = NewRecording::of_report(&report, None, &options).unwrap();
    assert_eq!((chosen.tag, chosen.score), (Some(Tag::Other), Some(50.0)));
    let wrong = Outgoing { score: Some(101.0), ..outgoing() };
    assert!(NewRecording::of_report(&report, None, &wrong).is_err());
}

#[test]
fn a_data_id_is_the_same_for_the_same_call_and_tells_nobodys_number() {
    let id = |text: &str| NewRecording::of(&read_text(text).unwrap(), None, &outgoing()).unwrap().data_id;
    let first = id(PUSHES);
    let mut pushes: Vec<Value> = serde_json::from_str(PUSHES).unwrap();
    pushes.reverse();
    pushes.push(json!({"RecordId": "3", "SessionId": pushes[0]["SessionId"], "EndpointUser": "new@x.example"}));
    assert_eq!(id(&json!(pushes).to_string()), first, "a third recording does not make another call");
    assert_ne!(id(&PUSHES.replace("e97be0ab", "e97be0ac")), first);
    // The id is fixed here, because another release must not post the same call under another id.
    assert_eq!(first, "tencent_7d91359c6895a138a0a95127bd880acb");
    let manifest = |id: &str, provider: &str| {
        json!({"id": id, "provider": provider, "direction": "in",
               "tracks": [{"path": "a", "party": id, "startedAt": 1_608_130_637}]})
        .to_string()
    };
    for (call, provider) in [("+66812345678", "66812345678"), ("anna@x.example", "anna@x.example")] {
        let made = id(&manifest(call, provider));
        assert!(made.starts_with("call_") && !made.contains("812345678") && !made.contains('@'), "{made}");
    }
}

#[test]
fn a_given_data_id_must_not_tell_who_called() {
    let call = read_text(PUSHES).unwrap();
    let post = |id: &str| NewRecording::of(&call, None, &Outgoing { data_id: Some(id.to_owned()), ..outgoing() });
    assert_eq!(post("rec_2026_05_20_001").unwrap().data_id, "rec_2026_05_20_001");
    for id in ["call-0812345678", "+66 81 234 5678", "lululing@tencent.com", " "] {
        assert_eq!(post(id).unwrap_err().kind(), ErrorKind::InvalidArgument, "{id}");
    }
}

#[test]
fn what_the_api_requires_and_nobody_says_is_an_error() {
    let call = read_text(PUSHES).unwrap();
    let message = |options: &Outgoing, text: &str| {
        NewRecording::of(&read_text(text).unwrap(), None, options).unwrap_err().to_string()
    };
    let found = message(&Outgoing::default(), PUSHES);
    assert_eq!(found, "provider: MCloud recording: no direction: found nothing, expected in or out");
    let internal = Outgoing { direction: Some(Direction::Internal), ..Outgoing::default() };
    assert!(message(&internal, PUSHES).contains("found internal"));
    let untimed = PUSHES.replace("1608130637", "x").replace("1608130636", "x");
    assert!(message(&outgoing(), &untimed).contains("no callAt"));
    assert!(message(&outgoing(), r#"{"tracks": [{"path": "a", "startedAt": 1}]}"#).contains("no dataId"));
    let given = Outgoing { call_at: Moment::from_unix_seconds(1e9), offset_s: None, ..outgoing() };
    assert_eq!(NewRecording::of(&call, None, &given).unwrap().call_at.to_rfc3339(), "2001-09-09T01:46:40Z");
    assert!(NewRecording::of(&call, None, &Outgoing { offset_s: Some(i32::MIN), ..outgoing() }).is_err());
}

#[test]
fn numbers_stay_as_they_are_where_e164_cannot_be_had() {
    let phone = |text: &str, options: &Outgoing| {
        NewRecording::of(&read_text(&PUSHES.replace("0812345678", text)).unwrap(), None, options)
            .unwrap()
            .customer_phone
    };
    let plain = Outgoing { dialling: None, ..outgoing() };
    assert_eq!(phone("0812345678", &plain).as_deref(), Some("0812345678"));
    assert_eq!(phone("138****8000", &outgoing()).as_deref(), Some("138****8000"));
    assert_eq!(phone("anna@x.example", &outgoing()), None);
}

#[test]
fn a_review_never_carries_a_tag_unless_asked() {
    let review = Review { score: Some(86.0), note: Some("checked".to_owned()), ..Review::default() };
    assert_eq!(review.to_json().unwrap(), r#"{"score":86.0,"note":"checked"}"#);
    assert_eq!(Review::default().to_json().unwrap(), "{}");
    assert_eq!(Review::of(Tag::WrongOrSpam, None, false).to_json().unwrap(), "{}");
    assert_eq!(Review::of(Tag::WrongOrSpam, None, true).to_json().unwrap(), r#"{"tag":"wrong_or_spam"}"#);
}

#[test]
fn a_review_is_checked_before_it_is_sent() {
    let user = "96f3c1d8-2b47-4e6a-8f05-3a1b9c7d2e40".to_owned();
    let linked = |link| Review { link: Some(link), ..Review::default() }.to_json();
    assert_eq!(linked(RecordLink::To(user.clone())).unwrap(), format!(r#"{{"linkedUserId":"{user}"}}"#));
    assert_eq!(linked(RecordLink::Nobody).unwrap(), r#"{"linkedUserId":null}"#);
    assert!(linked(RecordLink::To("anna".to_owned())).is_err());
    for score in [-1.0, 100.5, f64::NAN] {
        assert!(Review { score: Some(score), ..Review::default() }.to_json().is_err(), "{score}");
    }
}
