//! Tests of VoIPBin's recordings and file names.

use super::*;
use crate::error::ErrorKind;
use crate::provider::read as read_text;
use serde_json::json;

/// The structure in VoIPBin's document, copied exactly.
const SAMPLE: &str = r#"{
    "id": "<string>",
    "customer_id": "<string>",
    "owner_type": "<string>",
    "owner_id": "<string>",
    "activeflow_id": "<string>",
    "reference_type": "<string>",
    "reference_id": "<string>",
    "status": "<string>",
    "format": "<string>",
    "on_end_flow_id": "<string>",
    "tm_start": "<string>",
    "tm_end": "<string>",
    "tm_create": "<string>",
    "tm_update": "<string>",
    "tm_delete": "<string>"
}"#;

const NIL: &str = "00000000-0000-0000-0000-000000000000";
const CALL: &str = "96f3c1d8-2b47-4e6a-8f05-3a1b9c7d2e40";
const ID: &str = "0e9b7a34-5d12-4f0c-b6a8-71c2d3e4f506";

fn filled_in(changes: &[(&str, &str)]) -> String {
    let mut record = json!({
        "id": ID, "customer_id": "c", "owner_type": "", "owner_id": NIL, "activeflow_id": NIL,
        "reference_type": "call", "reference_id": CALL, "status": "ended", "format": "wav", "on_end_flow_id": NIL,
        "tm_start": "2021-01-29 05:31:47.870000", "tm_end": "2021-01-29T05:31:59.820000Z",
        "tm_create": "2021-01-29 05:31:47.775000", "tm_update": "", "tm_delete": "9999-01-01 00:00:00.000000",
    });
    for (name, value) in changes {
        record[*name] = json!(value);
    }
    record.to_string()
}

fn codes(call: &CallDescription) -> Vec<&str> {
    call.warnings.iter().map(|w| &*w.code).collect()
}

#[test]
fn the_published_structure_is_read_word_for_word() {
    let wire: Record = serde_json::from_str(SAMPLE).unwrap();
    assert!(wire.extra.is_empty());
    assert_eq!(serde_json::to_value(&wire).unwrap(), serde_json::from_str::<Value>(SAMPLE).unwrap());
    assert_eq!(Record::FIELDS.len(), 15);
    let call = read_text(SAMPLE).unwrap();
    assert_eq!((call.kind, call.recordings[0].state), (Kind::Voipbin, State::Unknown));
    assert_eq!(call.recordings[0].extra["tm_start"], "<string>");
}

#[test]
fn a_recording_of_a_call_is_understood_in_both_spellings() {
    let call = read_text(&filled_in(&[])).unwrap();
    assert_eq!((call.call.id.as_deref(), call.recordings.len()), (Some(CALL), 1));
    let one = &call.recordings[0];
    assert_eq!(one.leg.started_at.unwrap().to_rfc3339(), "2021-01-29T05:31:47.87Z");
    assert_eq!((one.duration, one.state, one.leg.role), (Some(Millis(11_950.0)), State::Ready, Role::Mixed));
    assert_eq!((call.agent.as_deref(), codes(&call)), (None, vec!["sides_assumed"]));
    let owned = read_text(&filled_in(&[("owner_type", "agent"), ("owner_id", ID)])).unwrap();
    assert_eq!(owned.agent.as_deref(), Some(ID));
}

#[test]
fn unset_times_and_nil_ids_are_none() {
    for unset in ["", "9999-01-01 00:00:00.000000", "9999-01-01T00:00:00Z"] {
        let call = read_text(&filled_in(&[("tm_start", unset), ("tm_end", unset), ("reference_id", NIL)])).unwrap();
        assert_eq!((call.call.started_at, call.recordings[0].over_by), (None, None));
        assert_eq!((call.call.id.as_deref(), codes(&call)), (Some(ID), vec!["sides_assumed"]));
    }
}

#[test]
fn only_an_ended_recording_has_a_file() {
    for status in Status::ALL {
        let call = read_text(&filled_in(&[("status", status.name())])).unwrap();
        let missing = call.attach(Vec::<(String, ())>::new()).missing;
        let expected = if *status == Status::Ended { ErrorKind::InvalidArgument } else { ErrorKind::Provider };
        assert_eq!(missing[0].error.kind(), expected, "{status}");
    }
    let call = read_text(&filled_in(&[("status", "progressing")])).unwrap();
    assert_eq!((call.recordings[0].state, codes(&call)[0]), (State::Unknown, "unknown_value"));
    let call = read_text(&filled_in(&[("tm_delete", "2021-02-01 00:00:00.000000")])).unwrap();
    assert!(codes(&call).contains(&"deleted"));
}

#[test]
fn a_conference_is_one_mixed_file() {
    let call = read_text(&filled_in(&[("reference_type", "confbridge")])).unwrap();
    assert!(call.recordings[0].parts.is_empty() && codes(&call).is_empty());
}

#[test]
fn file_names_tell_call_time_and_side() {
    let name = format!("call_{CALL}_2021-01-29T05:31:47Z_in.wav");
    let read = VoipbinFileName::parse(&name).unwrap();
    assert_eq!((read.reference_type.as_str(), read.reference_id.as_str()), ("call", CALL));
    assert_eq!((read.started_at.unwrap().unix_ms(), read.side), (1_611_898_307_000, Some(Side::In)));
    for marked in [name.replace(':', "_"), name.replace(':', "-"), format!("a/b/{name}")] {
        assert_eq!(VoipbinFileName::parse(&marked), Some(read.clone()), "{marked}");
    }
    let mixed = VoipbinFileName::parse(&format!("confbridge_{CALL}.wav")).unwrap();
    assert_eq!((mixed.side, mixed.started_at), (None, None));
    for other in ["call.wav", "call_1_in.wav", "", "_in", "call_gggggggg-2b47-4e6a-8f05-3a1b9c7d2e40_in.wav"] {
        assert_eq!(VoipbinFileName::parse(other), None, "{other}");
    }
}

#[test]
fn a_zip_by_id_or_two_files_by_the_calls_id_are_found() {
    let call = read_text(&filled_in(&[])).unwrap();
    let zip = call.attach([(format!("{ID}.zip"), ())]);
    assert_eq!((zip.found.len(), zip.found[0].leg.role), (1, Role::Mixed));
    let one = &call.recordings[0];
    let member = |side: &str| format!("call_{CALL}_2021-01-29T05:31:47Z_{side}.wav");
    assert_eq!(one.leg_of_file(&member("in")).map(|l| l.role), Some(Role::Customer));
    assert_eq!(one.leg_of_file(&member("out")).map(|l| l.role), Some(Role::Agent));
    let late = member("in").replace("05:31:47", "06:00:00");
    let two = call.attach([(member("out"), 'o'), (member("in"), 'i'), (late, 'l')]);
    let found: Vec<(Role, char)> = two.found.iter().map(|f| (f.leg.role, f.audio)).collect();
    assert_eq!(found, [(Role::Agent, 'o'), (Role::Customer, 'i')]);
    assert_eq!(two.unused.len(), 1);
    // Both files have the same time, so their distance in time is uncertain.
    assert_eq!(two.found[0].leg.started_at.unwrap().resolution(), Millis(250.0));
}

#[test]
fn a_page_of_a_list_is_several_calls() {
    let page = format!(r#"{{"result": [{}], "next_page_token": "x", "more": 1}}"#, filled_in(&[]));
    let call = read_text(&page).unwrap();
    assert_eq!((call.extra["next_page_token"].as_str(), call.extra["more"].as_i64()), (Some("x"), Some(1)));
    assert_eq!(codes(&call), ["sides_assumed", "unknown_field"]);
}
