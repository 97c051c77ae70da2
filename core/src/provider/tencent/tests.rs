//! Tests of Tencent's pushes.

use super::*;
use crate::error::ErrorKind;
use crate::provider::{read as read_text, read_all};
use serde_json::json;

/// The sample of Tencent's document, copied exactly.
const SAMPLE: &str = r#"{
"SdkAppId": 1400264214,
"RecordId":"1608130650",
"SessionId": "e97be0ab-1ef6-4ad2-a8c4-2b2bbfb18e55",
"Timestamp": 1608130650,
"EndpointUser": "lululing@tencent.com",
"RecordURL": "http://recorder-10018504.cos.ap-shanghai.myqcloud.com/def/month12/000-339708937-12367-473aa3561921478d8c57b425bd9d4b29-000-1608130637.mp3"
}"#;

fn push(user: &str, start: i64, made: i64) -> Value {
    json!({
        "SdkAppId": 1400264214, "RecordId": made.to_string(), "SessionId": "s1", "Timestamp": made,
        "EndpointUser": user, "RecordURL": format!("http://host/a/000-1-{user}-{start}.mp3"),
        "CustomRecordURL": format!("https://own/b/000-1-{user}-{start}.mp3"),
    })
}

fn roles(call: &CallDescription) -> Vec<(Role, &str)> {
    call.recordings.iter().map(|r| (r.leg.role, r.leg.party.as_deref().unwrap_or(""))).collect()
}

fn codes(call: &CallDescription) -> Vec<&str> {
    call.warnings.iter().map(|w| &*w.code).collect()
}

#[test]
fn the_published_sample_is_read_word_for_word() {
    let wire: Push = serde_json::from_str(SAMPLE).unwrap();
    assert_eq!((wire.sdk_app_id, wire.timestamp), (Some(1_400_264_214), Some(1_608_130_650)));
    assert_eq!(wire.custom_record_url, None);
    assert!(wire.extra.is_empty());
    let back: Value = serde_json::to_value(&wire).unwrap();
    assert_eq!(back, serde_json::from_str::<Value>(SAMPLE).unwrap());

    let call = read_text(SAMPLE).unwrap();
    assert_eq!(call.call.id.as_deref(), Some("e97be0ab-1ef6-4ad2-a8c4-2b2bbfb18e55"));
    assert_eq!((call.call.provider.as_deref(), call.call.direction), (Some("tencent"), None));
    assert_eq!((call.agent.as_deref(), &call.customer), (Some("lululing@tencent.com"), &None));
    let [one] = &call.recordings[..] else { panic!("one recording") };
    assert_eq!((one.leg.role, one.leg.recording_id.as_deref()), (Role::Agent, Some("1608130650")));
    assert_eq!(one.leg.started_at.unwrap().to_rfc3339(), "2020-12-16T14:57:17Z");
    assert_eq!(one.start_basis, Some(StartBasis::FileName));
    assert_eq!(one.over_by.unwrap().unix_ms(), 1_608_130_650_000);
    assert_eq!(one.extra.get("SdkAppId"), Some(&json!(1_400_264_214)));
    assert!(call.warnings.is_empty(), "{:?}", call.warnings);
}

#[test]
fn a_transfer_is_the_agent_who_starts_later_in_any_order_of_pushes() {
    let pushes = [
        push("carla@x.example", 1_608_130_700, 1_608_130_750),
        push("+8613800138000", 1_608_130_637, 1_608_130_760),
        push("ben@x.example", 1_608_130_640, 1_608_130_699),
        push("ben@x.example", 1_608_130_640, 1_608_130_699),
    ];
    let first = read_text(&json!(pushes).to_string()).unwrap();
    assert_eq!(
        roles(&first),
        [(Role::Customer, "+8613800138000"), (Role::Agent, "ben@x.example"), (Role::Transfer, "carla@x.example")]
    );
    assert_eq!(first.recordings[0].urls.len(), 2);
    assert_eq!(first.call.started_at.unwrap().unix_ms(), 1_608_130_637_000);
    for order in [[3, 2, 1, 0], [1, 0, 3, 2], [2, 3, 0, 1]] {
        let shuffled: Vec<&Value> = order.iter().map(|&i| &pushes[i]).collect();
        assert_eq!(read_text(&json!(shuffled).to_string()).unwrap(), first);
    }
}

#[test]
fn without_starts_the_times_of_the_files_decide_and_say_so() {
    let mut first = push("ben@x.example", 123_456_789, 1_608_130_699);
    let second = push("carla@x.example", 123_456_788, 1_608_130_750);
    let call = read_text(&json!([second, first]).to_string()).unwrap();
    assert_eq!(roles(&call), [(Role::Agent, "ben@x.example"), (Role::Transfer, "carla@x.example")]);
    assert_eq!(codes(&call), ["transfer_guessed"]);
    first["EndpointUser"] = Value::Null;
    let call = read_text(&first.to_string()).unwrap();
    assert_eq!((call.recordings[0].leg.role, codes(&call)), (Role::Unknown, vec!["role_unknown"]));
}

#[test]
fn only_ten_digits_that_fit_are_a_start() {
    let start = |name: &str, made: Option<i64>| {
        let push = Push { record_url: Some(format!("http://h/{name}")), timestamp: made, ..Push::default() };
        push.started_at().map(|m| m.unix_ms() / 1000)
    };
    assert_eq!(start("a-1608130637.mp3", None), Some(1_608_130_637));
    assert_eq!(start("a-1608130637.mp3?sign=1", Some(1_608_130_650)), Some(1_608_130_637));
    assert_eq!(start("a-1608130637", Some(1_608_130_650)), Some(1_608_130_637));
    for (name, made) in [
        ("a-160813063.mp3", None),
        ("a-16081306377.mp3", None),
        ("a-b1608130637.mp3", None),
        ("a-0608130637.mp3", None),
        ("a-1608130637.mp3", Some(1_608_130_600)),
        ("a-1608130637.mp3", Some(1_608_330_600)),
        ("a-1608130637.mp3", Some(i64::MAX)),
        ("", None),
    ] {
        assert_eq!(start(name, made), None, "{name} {made:?}");
    }
}

#[test]
fn a_push_is_known_by_every_field_of_its_own() {
    assert_eq!(Kind::Tencent.own_fields(), Push::FIELDS);
}

#[test]
fn every_field_can_be_null_missing_or_of_another_type() {
    let nulls: Map<String, Value> = Push::FIELDS.iter().map(|f| ((*f).to_owned(), Value::Null)).collect();
    assert_eq!(read_text(&Value::Object(nulls).to_string()).unwrap().recordings.len(), 1);
    for field in Push::FIELDS {
        for wrong in [json!([1]), json!({"a": 1}), json!(true), json!(1.5), json!("x")] {
            let mut changed = push("+8613800138000", 1_608_130_637, 1_608_130_660);
            changed[field] = wrong.clone();
            let call = read_text(&changed.to_string()).unwrap();
            let kept = call.recordings[0].extra.get(*field) == Some(&wrong);
            let read = matches!(&wrong, Value::String(_) | Value::Number(_));
            assert!(kept || read, "{field} {wrong}");
            assert_eq!(kept, codes(&call).contains(&"wrong_type"), "{field} {wrong}");
        }
    }
}

#[test]
fn repeats_fill_what_is_missing_and_keep_what_differs() {
    let full = push("+8613800138000", 1_608_130_637, 1_608_130_660);
    let mut other =
        json!({"SessionId": "s1", "RecordId": "1608130660", "RecordLength": 23, "Timestamp": 1_608_130_661});
    let call = read_text(&json!([other, full]).to_string()).unwrap();
    assert_eq!(call.recordings.len(), 1);
    assert_eq!(call.recordings[0].over_by.unwrap().unix_ms(), 1_608_130_660_000);
    assert_eq!(call.recordings[0].extra["RecordLength"], 23);
    assert_eq!(call.recordings[0].extra["$repeats"][0]["Timestamp"], 1_608_130_661);
    assert_eq!(codes(&call), ["unknown_field", "repeat_differs"]);
    other["EndpointUser"] = json!("ben@x.example");
    let call = read_text(&json!([other, full]).to_string()).unwrap();
    assert_eq!((call.recordings.len(), codes(&call).contains(&"record_id_shared")), (2, true));
}

#[test]
fn several_sessions_are_several_calls() {
    let mut other = push("ben@x.example", 1_608_130_640, 1_608_130_699);
    other["SessionId"] = json!("s0");
    let text = json!([push("+8613800138000", 1_608_130_637, 1_608_130_660), other]).to_string();
    assert_eq!(read_text(&text).unwrap_err().kind(), ErrorKind::InvalidArgument);
    let ids: Vec<Option<String>> =
        read_all(&text, &Default::default()).unwrap().into_iter().map(|c| c.call.id).collect();
    assert_eq!(ids, [Some("s0".to_owned()), Some("s1".to_owned())]);
    other["SessionId"] = Value::Null;
    let call = read_text(&json!([push("+8613800138000", 1, 1_608_130_660), other]).to_string()).unwrap();
    assert_eq!((call.recordings.len(), codes(&call)), (2, vec!["session_missing"]));
}

#[test]
fn audio_is_joined_by_record_id_url_or_file_name() {
    let pushes: Vec<Push> = serde_json::from_value(json!([
        push("+86138", 1_608_130_637, 1_608_130_660),
        push("b@x", 1_608_130_640, 1_608_130_699)
    ]))
    .unwrap();
    let held = [
        ("1608130660".to_owned(), 'c'),
        ("https://own/b/000-1-b@x-1608130640.mp3?sign=1".to_owned(), 'a'),
        ("x".to_owned(), 'x'),
    ];
    let (call_, matched) = call(pushes, held).unwrap();
    let found: Vec<(Role, char)> = matched.found.iter().map(|f| (f.leg.role, f.audio)).collect();
    assert_eq!(found, [(Role::Customer, 'c'), (Role::Agent, 'a')]);
    assert_eq!((matched.missing.len(), &matched.unused[..]), (0, &[("x".to_owned(), 'x')][..]));
    let none = call_.attach(Vec::<(String, ())>::new());
    assert_eq!(none.missing.len(), 2);
    assert_eq!(none.missing[0].error.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn the_reply_is_as_published() {
    assert_eq!(serde_json::to_string(&Reply::ok()).unwrap(), r#"{"ErrCode":0,"ErrMsg":""}"#);
    assert_eq!(serde_json::to_string(&Reply::failed(3, "no")).unwrap(), r#"{"ErrCode":3,"ErrMsg":"no"}"#);
}
