//! Property tests for all providers: no input causes a panic, and no data is lost without a
//! warning.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value, json};

use super::mcloud::{Dialling, ListQuery, NewRecording, Outgoing, e164};
use super::names::url_file_name;
use super::parties::percent_encoded;
use super::*;
use crate::call::Direction;
use crate::error::ErrorKind;

/// Returns a document of each kind with every field filled.
fn documents() -> Vec<Value> {
    let push = |user: &str, time: i64| {
        json!({"SdkAppId": 1, "RecordId": format!("r{time}"), "SessionId": "s", "Timestamp": time + 60, "EndpointUser": user,
               "RecordURL": format!("http://h/p-{time}.mp3?a=b"), "CustomRecordURL": format!("http://own/p-{time}.mp3")})
    };
    let row = |id: &str, time: &str| {
        json!({"id": id, "ani": "8010@t", "dnis": "933255490@t", "callDirection": "Outbound", "callLength": 10, "fileSize": 7,
               "startTime": format!("2018.01.29 {time}"), "endTime": "2018.01.29 17:08:34", "deviceId": "8010@t",
               "callId": "c", "state": "Success", "tenantId": "t"})
    };
    let voipbin = json!({
        "id": "0e9b7a34-5d12-4f0c-b6a8-71c2d3e4f506", "customer_id": "c", "owner_type": "agent", "owner_id": "o",
        "activeflow_id": "a", "reference_type": "call", "reference_id": "96f3c1d8-2b47-4e6a-8f05-3a1b9c7d2e40",
        "status": "ended", "format": "wav", "on_end_flow_id": "f", "tm_start": "2021-01-29 05:31:47.870000",
        "tm_end": "2021-01-29T05:31:59Z", "tm_create": "2021-01-29 05:31:47.7", "tm_update": "2021-01-29 05:32:00",
        "tm_delete": "2021-02-01 00:00:00"});
    let mcloud = json!({
        "id": "m", "dataId": "d", "callAt": "2026-05-20T08:14:00+07:00", "direction": "in", "customerPhone": "+66812345678",
        "callcenterNumber": "021234567", "callcenterName": "n", "tag": "normal", "score": 86, "note": "x",
        "contentType": "audio/wav", "sourceProvider": "threecx", "processingStatus": "completed", "audioUrl": "/a/m",
        "transcriptUrl": "/t/m", "summaryUrl": "/s/m"});
    let manifest = json!({
        "id": "i", "direction": "in", "provider": "p",
        "tracks": [{"path": "a.wav", "role": "caller", "party": "+66812345678", "startedAt": 1_608_130_637, "channel": 0}]});
    let vcon = json!({
        "vcon": "0.4.0", "uuid": "u", "parties": [{"tel": "+66812345678", "role": "customer"}, {"sip": "sip:a@x", "role": "agent"}],
        "dialog": [{"type": "recording", "start": "2026-01-01T10:00:00Z", "duration": 9.5, "parties": [0, 1], "originator": 0,
                    "filename": "a.wav", "url": "https://h/a.wav", "mediatype": "audio/x-wav", "alg": "SHA-512", "signature": "x",
                    "party_history": [{"party": 1, "time": "2026-01-01T10:00:01Z", "event": "join"}]},
                   {"type": "recording", "start": "2026-01-01T10:00:09Z", "parties": 1, "filename": "b.wav"}]});
    vec![
        json!([push("+66812345678", 1_608_130_637), push("a@x", 1_608_130_640), push("b@x", 1_608_130_650)]),
        json!([row("i1", "16:08:23"), row("i2", "16:09:23")]),
        json!({"result": [voipbin], "next_page_token": "n"}),
        json!({"items": [mcloud], "total": 1}),
        manifest,
        vcon,
    ]
}

/// Returns the records of a document whose fields the tests change.
fn records_of(document: &mut Value) -> Vec<&mut Map<String, Value>> {
    let list = match document {
        Value::Array(items) => Some(items),
        page => ["items", "tracks", "result", "dialog"]
            .iter()
            .find(|name| page.get(**name).is_some())
            .and_then(|name| page[*name].as_array_mut()),
    };
    list.map(|items| objects(items)).unwrap_or_default()
}

fn objects(items: &mut [Value]) -> Vec<&mut Map<String, Value>> {
    items.iter_mut().filter_map(Value::as_object_mut).collect()
}

/// Generates any JSON of moderate size.
fn junk() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("2020-12-16T14:57:17Z")),
        Just(json!("+66812345678")),
        Just(json!("9999-01-01 00:00:00.000000")),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-zA-Z_]{0,10}", inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

#[derive(Debug, Clone)]
enum Change {
    Drop(Index, Index),
    Null(Index, Index),
    Replace(Index, Index, Value),
    Add(Index, String, Value),
}

fn change() -> impl Strategy<Value = Change> {
    let at = || (any::<Index>(), any::<Index>());
    prop_oneof![
        at().prop_map(|(r, f)| Change::Drop(r, f)),
        at().prop_map(|(r, f)| Change::Null(r, f)),
        (at(), junk()).prop_map(|((r, f), v)| Change::Replace(r, f, v)),
        (any::<Index>(), "[a-zA-Z$_ ]{0,12}", junk()).prop_map(|(r, n, v)| Change::Add(r, n, v)),
    ]
}

fn apply(document: &mut Value, change: Change) {
    let mut records = records_of(document);
    let count = records.len().max(1);
    let mut record = |at: Index| records.swap_remove(at.index(count));
    let field = |record: &Map<String, Value>, at: Index| record.keys().nth(at.index(record.len().max(1))).cloned();
    match change {
        Change::Drop(r, f) => {
            let record = record(r);
            field(record, f).map(|name| record.remove(&name));
        }
        Change::Null(r, f) => {
            let record = record(r);
            field(record, f).map(|name| record.insert(name, Value::Null));
        }
        Change::Replace(r, f, value) => {
            let record = record(r);
            field(record, f).map(|name| record.insert(name, value));
        }
        Change::Add(r, name, value) => {
            record(r).insert(name, value);
        }
    }
}

fn changed() -> impl Strategy<Value = Value> {
    (0..documents().len(), prop::collection::vec(change(), 0..8)).prop_map(|(which, changes)| {
        let mut document = documents().swap_remove(which);
        changes.into_iter().for_each(|change| apply(&mut document, change));
        document
    })
}

/// Returns all data that was read, as text.
fn everything(calls: &[CallDescription]) -> String {
    format!("{calls:?}")
}

/// A text that occurs nowhere else.
const MARK: &str = "zq7mark";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_panics_and_errors_are_of_the_expected_kinds(document in changed()) {
        match read_all(&document.to_string(), &Options::default()) {
            Ok(calls) => {
                prop_assert!(!calls.is_empty());
                for call in &calls {
                    prop_assert!(!call.recordings.is_empty());
                    let _ = NewRecording::of(call, None, &Outgoing::default());
                }
            }
            Err(e) => {
                let expected = [ErrorKind::Malformed, ErrorKind::Unsupported, ErrorKind::Provider];
                prop_assert!(expected.contains(&e.kind()), "{e}");
            }
        }
    }

    #[test]
    fn any_json_is_survived(document in junk()) {
        let _ = detect(&document);
        let _ = read_all(&document.to_string(), &Options::default());
    }

    #[test]
    fn an_added_field_is_kept_and_named(which in 0..6usize, at in any::<Index>(), name in "New[a-z]{0,6}", value in junk()) {
        let mut document = documents().swap_remove(which);
        let value = json!({"is": MARK, "value": value});
        apply(&mut document, Change::Add(at, name.clone(), value.clone()));
        let calls = read_all(&document.to_string(), &Options::default()).unwrap();
        let kept = calls.iter().flat_map(|c| &c.recordings).filter_map(|r| r.extra.get(&name)).collect::<Vec<_>>();
        // Numbers may lose their last digit when they are converted to text. Everything else is the
        // same.
        prop_assert_eq!(kept.iter().map(|v| &v["is"]).collect::<Vec<_>>(), vec![&value["is"]]);
        let named = calls.iter().flat_map(|c| &c.warnings).any(|w| w.code == "unknown_field" && w.message.contains(&name));
        prop_assert!(named);
    }

    #[test]
    fn what_stands_in_a_field_is_somewhere_afterwards(which in 0..6usize, r in any::<Index>(), f in any::<Index>(), kind in 0..3) {
        let mut document = documents().swap_remove(which);
        let value = [json!(MARK), json!([MARK]), json!({"a": {"b": MARK}})][kind as usize].clone();
        apply(&mut document, Change::Replace(r, f, value));
        match read_all(&document.to_string(), &Options::default()) {
            Ok(calls) => prop_assert!(everything(&calls).contains(MARK), "{document}"),
            Err(e) => prop_assert!(which >= 4 && e.kind() == ErrorKind::Malformed, "{which}: {e}"),
        }
    }

    #[test]
    fn order_and_repeats_change_nothing(document in changed(), seed in any::<u64>(), again in any::<Index>()) {
        if let Value::Array(mut items) = document.clone() {
            let first = read_all(&document.to_string(), &Options::default());
            items.push(items[again.index(items.len())].clone());
            let key = |v: &Value| {
                let text = v.to_string();
                text.bytes().fold(seed | 1, |hash, byte| hash.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte))
            };
            items.sort_by_cached_key(key);
            let second = read_all(&Value::Array(items).to_string(), &Options::default());
            prop_assert_eq!(first.map_err(|e| e.to_string()), second.map_err(|e| e.to_string()));
        }
    }

    #[test]
    fn the_order_of_fields_changes_nothing(document in changed(), seed in any::<u64>()) {
        let plain = read_all(&document.to_string(), &Options::default());
        let shuffled = read_all(&written(&document, seed), &Options::default());
        prop_assert_eq!(plain.map_err(|e| e.to_string()), shuffled.map_err(|e| e.to_string()));
    }

    #[test]
    fn a_field_said_twice_is_kept_and_named(which in 0..6usize, r in any::<Index>(), f in any::<Index>()) {
        let mut document = documents().swap_remove(which);
        apply(&mut document, Change::Add(r, "ZZ".to_owned(), json!("second")));
        let text = document.to_string().replacen("\"ZZ\"", &format!("\"ZZ\":\"{MARK}{}\",\"ZZ\"", f.index(9)), 1);
        let calls = read_all(&text, &Options::default()).unwrap();
        prop_assert!(everything(&calls).contains(MARK));
        prop_assert!(calls.iter().flat_map(|c| &c.warnings).any(|w| w.code == "field_repeated" && w.message.contains("ZZ")));
    }

    #[test]
    fn wire_types_read_back_what_they_write(document in changed()) {
        let mut document = document;
        for record in records_of(&mut document) {
            round_trip::<tencent::Push>(record, tencent::Push::FIELDS)?;
            round_trip::<wellcloud::Row>(record, wellcloud::Row::FIELDS)?;
            round_trip::<voipbin::Record>(record, voipbin::Record::FIELDS)?;
            round_trip::<mcloud::Record>(record, mcloud::Record::FIELDS)?;
        }
    }

    #[test]
    fn every_recording_and_every_audio_is_accounted_for(document in changed(), keys in prop::collection::vec(key(), 0..6)) {
        for call in read_all(&document.to_string(), &Options::default()).unwrap_or_default() {
            let matched = call.attach(keys.iter().cloned().zip(0..));
            prop_assert_eq!(matched.found.len() + matched.unused.len(), keys.len());
            for at in 0..call.recordings.len() {
                let found = matched.found.iter().any(|f| f.recording == at);
                let missing = matched.missing.iter().filter(|m| m.recording == at).count();
                prop_assert_eq!(missing, usize::from(!found));
            }
        }
    }

    #[test]
    fn names_and_numbers_of_any_text(text in "\\PC{0,40}", digits in "[+0-9() -]{0,20}") {
        let _ = (threecx::ThreecxFileName::parse(&text), voipbin::VoipbinFileName::parse(&text));
        prop_assert_eq!(url_file_name(&format!("http://h/{}", percent_encoded(&text))).unwrap_or_default(), text.clone());
        for text in [&text, &digits] {
            if let Some(number) = e164(text, Some(&Dialling::thailand())) {
                prop_assert!(number.len() <= 16 && number[1..].bytes().all(|b| b.is_ascii_digit()), "{number}");
                prop_assert_eq!(e164(&number, None), Some(number));
            }
        }
        let query = ListQuery { search: Some(text), ..ListQuery::default() }.to_query().unwrap();
        prop_assert!(query.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%=&".contains(&b)), "{query}");
    }

    #[test]
    fn no_data_id_tells_a_party(number in "[1-9][0-9]{8,11}", user in "[a-z]{6,10}") {
        let mail = format!("{user}@x.example");
        let pushes = json!([
            {"RecordId": number, "SessionId": number, "EndpointUser": number, "RecordURL": "http://h/a-1608130637.mp3"},
            {"RecordId": mail, "SessionId": number, "EndpointUser": mail}]);
        let call = read(&pushes.to_string()).unwrap();
        let options = Outgoing { direction: Some(Direction::In), ..Outgoing::default() };
        let id = NewRecording::of(&call, None, &options).unwrap().data_id;
        prop_assert!(!id.contains(&number) && !id.contains('@') && !id.contains(&user), "{id}");
    }
}

/// Returns a vCon with every known field.
fn vcon() -> Value {
    json!({
        "vcon": "0.4.0", "uuid": "u", "subject": "s", "critical": [], "redacted": {},
        "parties": [{"tel": "+66812345678", "role": "customer"}, {"sip": "sip:a@x", "role": "agent"}],
        "dialog": [{"type": "recording", "start": "2026-01-01T10:00:00Z", "duration": 1.5, "parties": [0, 1], "originator": 0,
                    "filename": "a.wav", "url": "https://h/a.wav", "content_hash": "sha512-x", "body": "YWJj", "encoding": "base64url",
                    "party_history": [{"party": 1, "time": "2026-01-01T10:00:01Z", "event": "join", "button": "5"}]},
                   {"type": "transfer", "transferee": 0, "transferor": 1, "transfer_target": [1], "target_dialog": 0}],
        "analysis": [{"type": "summary", "body": 1.50}], "attachments": []})
}

/// The objects of a vCon whose fields the tests change.
const PLACES: [&str; 6] = ["", "/parties/0", "/dialog/0", "/dialog/0/party_history/0", "/dialog/1", "/analysis/0"];

fn changed_vcon() -> impl Strategy<Value = Value> {
    let change = (0..PLACES.len(), any::<Index>(), "[a-z]{0,6}", junk(), any::<bool>());
    prop::collection::vec(change, 0..6).prop_map(|changes| {
        let mut document = vcon();
        // Without the hash, most of these documents are readable.
        document["dialog"][0]["content_hash"] = Value::Null;
        for (place, at, new, value, known) in changes {
            let Some(Value::Object(fields)) = document.pointer_mut(PLACES[place]) else { continue };
            let name = fields.keys().nth(at.index(fields.len().max(1))).filter(|_| known).cloned().unwrap_or(new);
            fields.insert(name, value);
        }
        document
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_changed_vcon_is_read_or_refused(document in changed_vcon()) {
        match read_all(&document.to_string(), &Options::default()) {
            Ok(calls) => prop_assert!(calls.iter().all(|call| call.kind != Kind::Vcon || !call.recordings.is_empty())),
            Err(e) => {
                let expected = [ErrorKind::Malformed, ErrorKind::Unsupported, ErrorKind::Provider];
                prop_assert!(expected.contains(&e.kind()), "{e}");
            }
        }
    }

    #[test]
    fn a_vcon_is_the_same_but_for_its_report(document in changed_vcon(), seed in any::<u64>()) {
        let report = serde_json::from_str(include_str!("../../../fixtures/short/report.json")).unwrap();
        let text = written(&document, seed);
        let Ok(with) = vcon::with_report(&text, &report) else { return Ok(()) };
        let mut added: Value = serde_json::from_str(&with).unwrap();
        let own = added["analysis"].as_array_mut().unwrap().pop().unwrap();
        prop_assert_eq!(&own["vendor"], "callweave");
        let mut given: Value = serde_json::from_str(&text).unwrap();
        if given.get("analysis").is_none_or(Value::is_null) {
            given["analysis"] = json!([]);
        }
        prop_assert_eq!(added, given);
    }

    #[test]
    fn any_xml_is_survived(inside in "(<[a-z]{1,3}( [a-z]='[^<&]{0,3}')?/?>|</[a-z]{1,3}>|[^<&]{0,4}|&[a-z]{1,3};){0,8}") {
        let root = "recording xmlns='urn:ietf:params:xml:ns:recording:1'";
        let known = ["session", "stream", "participant", "participantstreamassoc", "nameID", "send"];
        for text in [format!("<{root}>{inside}</recording>"), format!("<{inside}"), format!("<{root}><{}>{inside}", known[inside.len() % 6])] {
            let _ = (detect_text(&text), read_all(&text, &Options::default()));
        }
    }
}

/// Writes JSON with the fields of its objects in another order.
fn written(value: &Value, seed: u64) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| written(item, seed)).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(fields) => {
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            let key = |name: &str| name.bytes().fold(seed | 1, |h, b| h.wrapping_mul(0x100_0000_01b3) ^ u64::from(b));
            fields.sort_by_key(|(name, _)| key(name));
            let one = |(name, value): (&String, &Value)| format!("{}:{}", json!(name), written(value, seed));
            format!("{{{}}}", fields.into_iter().map(one).collect::<Vec<_>>().join(","))
        }
        leaf => leaf.to_string(),
    }
}

fn key() -> impl Strategy<Value = String> {
    let known =
        ["r1608130637", "p-1608130640.mp3", "http://own/p-1608130650.mp3?x", "i1.wav", "i2", "a.wav", "d", "m.wav"];
    prop_oneof![prop::sample::select(known.to_vec()).prop_map(str::to_owned), ".{0,10}"]
}

/// Asserts that reading what was written gives the same record, and that only nulls of known fields
/// are lost.
fn round_trip<W>(record: &Map<String, Value>, fields: &[&str]) -> Result<(), TestCaseError>
where
    W: From<Map<String, Value>> + Into<Map<String, Value>> + Clone + PartialEq + fmt::Debug,
{
    let wire = W::from(record.clone());
    let written: Map<String, Value> = wire.clone().into();
    prop_assert_eq!(W::from(written.clone()), wire);
    for (name, value) in record {
        let known = fields.contains(&name.as_str());
        match written.get(name) {
            None => prop_assert!(known && value.is_null(), "{name} {value}"),
            Some(same) => prop_assert!(same == value || known && alike(same, value), "{name} {same} {value}"),
        }
    }
    Ok(())
}

/// Returns `true` if two values are equal apart from their type: `"7"` and `7`, `7` and `7.0`.
fn alike(a: &Value, b: &Value) -> bool {
    let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), |text| text.trim().to_owned());
    let number = |v: &Value| text(v).parse::<f64>().ok();
    text(a) == text(b) || number(a).is_some() && number(a) == number(b)
}
