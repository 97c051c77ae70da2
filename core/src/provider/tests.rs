//! Tests of the properties that all documents have in common.

use super::*;
use crate::error::ErrorKind;

#[test]
fn documents_are_told_apart() {
    let kind = |text: &str| detect(&serde_json::from_str(text).unwrap());
    assert_eq!(kind(r#"{"tracks": null}"#), Some(Kind::Manifest));
    assert_eq!(kind(r#"{"RecordURL": null}"#), Some(Kind::Tencent));
    assert_eq!(kind(r#"[null, {"SessionId": "a"}]"#), Some(Kind::Tencent));
    assert_eq!(kind(r#"[{"callId": null}]"#), Some(Kind::Wellcloud));
    assert_eq!(kind(r#"{"result": [{"tm_start": ""}]}"#), Some(Kind::Voipbin));
    assert_eq!(kind(r#"{"items": [{"id": "a", "dataId": "b"}], "total": 1}"#), Some(Kind::Mcloud));
    assert_eq!(kind(r#"{"id": "a", "callAt": null}"#), Some(Kind::Mcloud));
    for nothing in ["[]", "{}", "null", "7", "\"tracks\"", r#"{"id": "a"}"#, r#"[{"tracks": []}]"#] {
        assert_eq!(kind(nothing), None, "{nothing}");
    }
}

#[test]
fn what_is_no_document_says_what_it_is() {
    let error = |text: &str| read(text).unwrap_err();
    assert_eq!(error("<html>").kind(), ErrorKind::Malformed);
    assert_eq!(error("").to_string(), "provider: not JSON: EOF while parsing a value at line 1 column 0");
    assert_eq!(error("[]").kind(), ErrorKind::Provider);
    assert!(error("[7]").to_string().contains("found an array, expected one of manifest"));
    assert!(error(r#"{"error": 1}"#).to_string().contains("found fields error"));
    assert_eq!(error("7").kind(), ErrorKind::Unsupported);
    assert_eq!(error(&" ".repeat(MAX_DOCUMENT_BYTES + 1)).kind(), ErrorKind::LimitExceeded);
    assert!(read("\u{feff}{\"tracks\": [{\"path\": \"a\"}]}").is_ok());
}

#[test]
fn what_is_no_record_is_kept_and_named() {
    let call = read(r#"[7, {"RecordId": "1"}]"#).unwrap();
    assert_eq!((call.recordings.len(), &call.extra["item 0"]), (1, &7.into()));
    assert!(call.warnings.iter().any(|w| w.code == "not_a_record"));
}

#[test]
fn a_field_that_is_said_twice_is_kept_and_named() {
    let call = read(r#"[{"SessionId": "s", "RecordId": "1", "EndpointUser": "a@x", "EndpointUser": "b@x"}]"#).unwrap();
    assert_eq!(call.agent.as_deref(), Some("b@x"));
    assert_eq!(call.extra["$earlier"], serde_json::json!([{"EndpointUser": "a@x"}]));
    let codes: Vec<&str> = call.warnings.iter().map(|w| &*w.code).collect();
    assert_eq!(codes, ["field_repeated"]);
}

#[test]
fn a_document_of_a_known_kind_is_read_without_a_telling_field() {
    let options = Options::default();
    assert_eq!(read_as(Kind::Tencent, r#"[{"id": "a"}]"#, &options).unwrap()[0].kind, Kind::Tencent);
    assert_eq!(read_as(Kind::Threecx, "{}", &options).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(detect_text(r#"{"tracks": []}"#).unwrap(), Some(Kind::Manifest));
    assert_eq!((detect_text("[]").unwrap(), detect_text("<html>").is_err()), (None, true));
}

/// Returns the path of a file of the repository.
fn fixture(name: &str) -> std::path::PathBuf {
    std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures")).join(name)
}

/// Returns what a fixture's document and folder yield: role, party and file of each recording, and
/// the seconds of its start after the first.
fn found(document: &str) -> Vec<(String, String, String, i64)> {
    let path = fixture(document);
    let call = read(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let matched = locate(&call, path.parent().unwrap()).unwrap();
    assert!(matched.missing.is_empty(), "{:?}", matched.missing);
    let start = call.call.started_at.unwrap().unix_ms();
    let file = |found: &FoundAudio<std::path::PathBuf>| found.audio.file_name().unwrap().to_string_lossy().into_owned();
    let row = |found: &FoundAudio<std::path::PathBuf>| {
        let seconds = (found.leg.started_at.unwrap().unix_ms() - start) / 1000;
        (found.leg.role.to_string(), found.leg.party.clone().unwrap_or_default(), file(found), seconds)
    };
    matched.found.iter().map(row).collect()
}

#[test]
fn the_fixture_of_a_transfer_is_described_and_found() {
    let found = found("tencent-transfer/pushes.json");
    let name = |n: u32, time: u64| format!("000-33970893{n}-1236{n}-c2f5a7d018c64b8e9d277e3f40a1b956-00{n}-{time}.mp3");
    let row = |role: &str, party: &str, file: String, s| (role.to_owned(), party.to_owned(), file, s);
    let expected = [
        row("customer", "+447700900187", name(0, 1_779_331_209), 0),
        row("agent", "ben@lakeside-cycles.example", name(1, 1_779_331_211), 2),
        row("transfer", "carla@lakeside-cycles.example", name(2, 1_779_331_236), 27),
    ];
    assert_eq!(found, expected);
}

#[test]
fn the_fixtures_of_wellcloud_and_voipbin_are_described_and_found() {
    let pieces = found("wellcloud/recordings2.json");
    let files: Vec<(&str, &str, i64)> = pieces.iter().map(|(role, _, file, s)| (&**role, &**file, *s)).collect();
    let expected = [
        ("mixed", "a4f1c0b2-64d3-4b5e-8c1d-90e7f2a3b4c5.wav", 0),
        ("mixed", "b8e2d1c3-75e4-4c6f-9d2e-a1f803b4c5d6.wav", 15),
    ];
    assert_eq!(files, expected);
    let zip = found("voipbin/recording.json");
    assert_eq!((zip[0].0.as_str(), zip[0].2.as_str()), ("mixed", "0e9b7a34-5d12-4f0c-b6a8-71c2d3e4f506.zip"));
}

#[test]
fn a_described_call_can_be_printed_as_json() {
    let call = read(r#"[{"RecordId": "1", "EndpointUser": "a@x", "RecordURL": "http://h/a-1608130637.mp3"}]"#).unwrap();
    let json = serde_json::to_value(&call).unwrap();
    assert_eq!((&json["kind"], &json["call"]["provider"]), (&"tencent".into(), &"tencent".into()));
    assert_eq!(json["recordings"][0]["leg"]["startedAt"], "2020-12-16T14:57:17Z");
    assert_eq!(json["recordings"][0]["startBasis"], "file_name");
}

#[test]
fn records_convert_into_a_call() {
    let push: tencent::Push = serde_json::from_str(r#"{"SessionId": "s", "RecordId": "1"}"#).unwrap();
    assert_eq!(CallDescription::try_from(vec![push]).unwrap().call.id.as_deref(), Some("s"));
    assert_eq!(CallDescription::try_from(Vec::<wellcloud::Row>::new()).unwrap_err().kind(), ErrorKind::Provider);
    let record = |id: &str| voipbin::Record { id: Some(id.to_owned()), ..Default::default() };
    let records = vec![record("a"), record("b")];
    assert_eq!(CallDescription::try_from(records).unwrap_err().kind(), ErrorKind::InvalidArgument);
}
