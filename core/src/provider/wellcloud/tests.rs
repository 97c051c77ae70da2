//! Tests of Wellcloud's lists and refusals.

use super::*;
use crate::error::{Error, ErrorKind};
use crate::provider::{read as read_text, read_with};
use serde_json::json;

/// The sample of Wellcloud's document, copied exactly.
const SAMPLE: &str = r#"[
  {
    "id": "a0981ac5-b1ec-495c-a17f-0d28f5ccef3d",
    "ani": "8010@zhen04.cc",
    "dnis": "933255490@zhen04.cc",
    "callDirection": "Outbound",
    "startTime": "2018.01.29 16:08:23",
    "endTime": "2018.01.29 16:08:34",
    "callLength": 10,
    "fileSize": 0,
    "deviceId": "8010@zhen04.cc",
    "callId": "c19e9298-fb83-445f-8206-19b59ea7e337",
    "state": "Success",
    "tenantId": "61739917-7ba2-43e9-b81a-5a8eb41461b4"
  }
]"#;

fn sample() -> Value {
    serde_json::from_str::<Value>(SAMPLE).unwrap()[0].clone()
}

fn with(changes: &[(&str, Value)]) -> Value {
    let mut row = sample();
    for (name, value) in changes {
        row[*name] = value.clone();
    }
    row
}

#[test]
fn the_published_sample_is_read_word_for_word() {
    let rows: Vec<Row> = serde_json::from_str(SAMPLE).unwrap();
    assert_eq!(serde_json::to_value(&rows).unwrap(), serde_json::from_str::<Value>(SAMPLE).unwrap());
    let call = read_text(SAMPLE).unwrap();
    assert_eq!(call.call.id.as_deref(), Some("c19e9298-fb83-445f-8206-19b59ea7e337"));
    assert_eq!(call.call.direction, Some(Direction::Out));
    assert_eq!(call.call.started_at.unwrap().to_rfc3339(), "2018-01-29T16:08:23+08:00");
    assert_eq!(
        (call.customer.as_deref(), call.agent.as_deref()),
        (Some("933255490@zhen04.cc"), Some("8010@zhen04.cc"))
    );
    let [one] = &call.recordings[..] else { panic!("one recording") };
    assert_eq!((one.leg.role, one.state, one.bytes), (Role::Mixed, State::Ready, None));
    assert_eq!((one.duration, one.extra["fileSize"].as_i64()), (Some(Millis(10_000.0)), Some(0)));
    assert_eq!(one.leg_of_channel(0).map(|l| l.role), Some(Role::Agent));
    assert_eq!(one.leg_of_channel(1).map(|l| l.role), Some(Role::Customer));
    assert_eq!(one.leg_of_channel(2), None);
    assert_eq!(one.leg_of_channel(0).and_then(|l| l.started_at), one.leg.started_at);
    let codes: Vec<&str> = call.warnings.iter().map(|w| &*w.code).collect();
    assert_eq!(codes, ["sides_assumed"]);
}

#[test]
fn every_direction_tells_who_is_who() {
    let agent = "8010@zhen04.cc";
    let other = "933255490@zhen04.cc";
    for (said, ani, dnis, direction, customer) in [
        ("Inbound", other, agent, Some(Direction::In), Some(other)),
        ("Inbound", other, "4001234567", Some(Direction::In), Some(other)),
        ("Outbound", agent, other, Some(Direction::Out), Some(other)),
        ("PreOccupied", agent, other, Some(Direction::Out), Some(other)),
        ("PreDictive", other, agent, Some(Direction::Out), Some(other)),
        ("predictive", "4001234567", other, Some(Direction::Out), Some(other)),
        ("Internal", agent, "8011@zhen04.cc", Some(Direction::Internal), None),
        ("Offhook", agent, other, None, Some(other)),
        ("Sideways", agent, other, Some(Direction::Out), Some(other)),
        ("Sideways", other, agent, Some(Direction::In), Some(other)),
        ("Sideways", other, other, None, None),
        ("", other, agent, Some(Direction::In), Some(other)),
    ] {
        let row = with(&[("callDirection", said.into()), ("ani", ani.into()), ("dnis", dnis.into())]);
        let call = read_text(&json!([row]).to_string()).unwrap();
        assert_eq!((call.call.direction, call.customer.as_deref()), (direction, customer), "{said} {ani} {dnis}");
        assert_eq!(call.agent.as_deref(), Some(agent));
        let odd = call.warnings.iter().any(|w| w.code == "unknown_value" && w.message.contains("Sideways"));
        assert_eq!(odd, said == "Sideways");
    }
}

#[test]
fn pieces_stand_in_the_order_of_their_times_and_a_second_extension_is_a_transfer() {
    let second = with(&[("id", "b".into()), ("startTime", "2018.01.29 16:09:00".into())]);
    let third = with(&[
        ("id", "c".into()),
        ("startTime", "2018.01.29 16:10:00".into()),
        ("deviceId", "8011@zhen04.cc".into()),
        ("ani", "8011@zhen04.cc".into()),
    ]);
    let call = read_text(&json!([third, second, sample(), sample()]).to_string()).unwrap();
    let ids: Vec<&str> = call.recordings.iter().filter_map(|r| r.leg.recording_id.as_deref()).collect();
    assert_eq!(ids, ["a0981ac5-b1ec-495c-a17f-0d28f5ccef3d", "b", "c"]);
    let callers: Vec<Option<Role>> = call.recordings.iter().map(|r| r.leg_of_channel(0).map(|l| l.role)).collect();
    assert_eq!(callers, [Some(Role::Agent), Some(Role::Agent), Some(Role::Transfer)]);
    assert_eq!(call.recordings[0].aliases, Vec::<String>::new());
}

#[test]
fn a_failed_recording_has_no_file_and_says_so() {
    let call = read_text(&json!([with(&[("state", "Fail".into())])]).to_string()).unwrap();
    let matched = call.attach(Vec::<(String, ())>::new());
    assert_eq!(matched.missing[0].error.kind(), ErrorKind::Provider);
    let found = call.attach([("a0981ac5-b1ec-495c-a17f-0d28f5ccef3d".to_owned(), ())]);
    assert_eq!((found.found.len(), &*found.warnings[0].code), (1, "state_not_ready"));
    let call = read_text(&json!([with(&[("state", "Lost".into())])]).to_string()).unwrap();
    assert_eq!((call.recordings[0].state, &call.recordings[0].extra["state"]), (State::Unknown, &json!("Lost")));
}

#[test]
fn the_zone_is_a_parameter() {
    let options = Options { local_offset_s: Some(25_200) };
    let call = read_with(SAMPLE, &options).unwrap();
    assert_eq!(call.call.started_at.unwrap().to_rfc3339(), "2018-01-29T16:08:23+07:00");
    assert!(read_with(SAMPLE, &Options { local_offset_s: Some(1 << 30) }).is_err());
    let odd = read_text(&json!([with(&[("startTime", "soon".into())])]).to_string()).unwrap();
    assert_eq!((odd.call.started_at, &odd.recordings[0].extra["startTime"]), (None, &json!("soon")));
}

#[test]
fn refusals_are_known_by_status_or_body() {
    assert_eq!(Refusal::read(448, b""), Some(Refusal::NoFile));
    assert_eq!(Refusal::read(200, br#"{"code": 425, "msg": "x"}"#), Some(Refusal::NoRecord));
    assert_eq!(Refusal::read(500, br#"{"code": "448"}"#), Some(Refusal::NoFile));
    assert_eq!(Refusal::read(200, b"RIFF"), None);
    assert_eq!(Refusal::read(200, br#"{"code": 0}"#), None);
    assert_eq!(Refusal::read(401, b"<html>"), Some(Refusal::Other(401)));
    assert!(Refusal::NoRecord.retryable() && !Refusal::NoFile.retryable() && Refusal::Other(503).retryable());
    assert_eq!(
        Error::from(Refusal::NoFile).to_string(),
        "provider: Wellcloud: 448: the recording's file does not exist"
    );
    for code in [425, 448, 401] {
        assert_eq!(Refusal::from_code(code).code(), code);
    }
}

#[test]
fn paths_hold_ids_safely() {
    assert_eq!(list_path("a/b").unwrap(), "/api/operation/tenant/calls/a%2Fb/recordings2");
    assert!(list_path("..").is_err() && stream_path("").is_err());
    assert_eq!(stream_path("a-1").unwrap(), "/api/operation/tenant/recording/a-1/stream2?download=false");
}
