//! Tests of what all documents have in common.

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
