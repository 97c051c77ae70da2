//! Tencent Cloud Contact Center: one push for each participant's recording of a session, mp3.
//!
//! A session has two recordings, a transferred one three; `SessionId` joins them. `EndpointUser` is the customer's number or
//! an agent's mail address. The push does not say when a recording began: `Timestamp` is when its file was made. The file
//! name in the published sample ends in a time 13 s before that, which we take for the start.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::names::{Party, party, stem, url_file_name};
use super::wire::{Notes, filled, wire};
use super::{
    Described, Kind, MAX_RECORDINGS, Matched, Recording, StartBasis, earliest, no_recordings, party_of, records,
    too_many,
};
use crate::call::{Call, Leg, Moment, Role};
use crate::error::Result;

wire! {
    /// One push: `POST https://{custom_url}?action=record&version=1`.
    Push {
        /// The application's id.
        sdk_app_id: i64 = "SdkAppId",
        /// The recording's id. In the published sample it is the time of `Timestamp`, so two recordings may share one.
        record_id: String = "RecordId",
        /// The session's id, the same for all recordings of a call.
        session_id: String = "SessionId",
        /// When the file was made, Unix seconds.
        timestamp: i64 = "Timestamp",
        /// Who is heard: the customer's number or the agent's mail address.
        endpoint_user: String = "EndpointUser",
        /// Address of the file; kept for three months.
        record_url: String = "RecordURL",
        /// Address in the customer's own storage, where that is switched on.
        custom_record_url: String = "CustomRecordURL",
    }
}

/// The answer to a push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// 0 for success.
    #[serde(rename = "ErrCode")]
    pub err_code: i64,
    /// What went wrong; empty for success.
    #[serde(rename = "ErrMsg")]
    pub err_msg: String,
}

impl Reply {
    /// The push was taken: `{"ErrCode":0,"ErrMsg":""}`.
    pub fn ok() -> Self {
        Self { err_code: 0, err_msg: String::new() }
    }

    /// The push was not taken, with a code other than 0 and a reason.
    pub fn failed(code: i64, reason: impl Into<String>) -> Self {
        Self { err_code: code, err_msg: reason.into() }
    }
}

/// The seconds a recording may last before its file is made: a day, as long as the longest recording that is decoded.
const LONGEST_S: i64 = 86_400;

/// The seconds by which the clock of the file's name may run ahead of the push's.
const CLOCK_SLACK_S: i64 = 5;

/// 2010-01-01, before which no recording of this service began.
const FIRST_S: i64 = 1_262_304_000;

impl Push {
    /// When the recording began, by the ten digits at the end of its file's name (`…-1608130637.mp3`). Other endings,
    /// and times after the file was made or more than a day before, are none.
    pub fn started_at(&self) -> Option<Moment> {
        let urls = [&self.record_url, &self.custom_record_url];
        let names = urls.into_iter().filter_map(|url| url_file_name(filled(url.as_ref())?));
        let mut times = names.filter_map(|name| time_of_name(&name));
        let plausible = |&time: &i64| match self.timestamp.filter(|made| *made >= FIRST_S) {
            Some(made) => (made.saturating_sub(LONGEST_S)..=made.saturating_add(CLOCK_SLACK_S)).contains(&time),
            None => true,
        };
        times.find(plausible).and_then(|time| Moment::from_unix_seconds(time as f64))
    }

    /// The kind of party that `EndpointUser` names.
    fn party(&self) -> Party {
        filled(self.endpoint_user.as_ref()).map_or(Party::Other, party)
    }

    /// Whether two pushes are about one recording: nothing that both say differs, and an id or a file is the same.
    fn is_same(&self, other: &Self) -> bool {
        let file = |push: &Self| filled(push.record_url.as_ref()).and_then(url_file_name);
        let ids = agree(filled(self.record_id.as_ref()), filled(other.record_id.as_ref()));
        let files = agree(file(self), file(other));
        let users = agree(filled(self.endpoint_user.as_ref()), filled(other.endpoint_user.as_ref()));
        let contradicted = [ids, files, users].contains(&Some(false));
        !contradicted && (ids == Some(true) || files == Some(true))
    }

    /// How many fields say something.
    fn said(&self) -> usize {
        Map::from(self.clone()).len()
    }
}

/// Whether two values are the same; none if one of them is missing.
fn agree<T: PartialEq>(a: Option<T>, b: Option<T>) -> Option<bool> {
    Some(a? == b?)
}

/// The Unix time at the end of a file name: a last word of exactly ten digits.
fn time_of_name(name: &str) -> Option<i64> {
    let word = stem(name).rsplit(|c: char| !c.is_ascii_alphanumeric()).next()?;
    let digits = word.len() == 10 && word.bytes().all(|b| b.is_ascii_digit());
    word.parse().ok().filter(|time| digits && *time >= FIRST_S)
}

/// The pushes of one call, with the audio by record id (or URL, or file name).
///
/// # Errors
/// `provider` for no pushes, `invalid_argument` for the pushes of several sessions.
pub fn call<T>(pushes: Vec<Push>, audio: impl IntoIterator<Item = (String, T)>) -> Result<(Described, Matched<T>)> {
    let described = super::only(calls(pushes)?)?;
    let matched = described.attach(audio);
    Ok((described, matched))
}

/// Any number of pushes in any order, repeated or not, as calls in the order of their `SessionId`.
///
/// A push without a `SessionId` joins the only session there is; of several, each such push is a call of its own.
///
/// # Errors
/// `provider` for no pushes, `limit_exceeded` for more recordings in a call than [`MAX_RECORDINGS`].
pub fn calls(pushes: Vec<Push>) -> Result<Vec<Described>> {
    if pushes.is_empty() {
        return Err(no_recordings());
    }
    let mut sessions: BTreeMap<String, Vec<Push>> = BTreeMap::new();
    let mut without = Vec::new();
    for push in pushes {
        match filled(push.session_id.as_ref()) {
            Some(id) => sessions.entry(id.to_owned()).or_default().push(push),
            None => without.push(push),
        }
    }
    let mut groups: Vec<(Option<String>, Vec<Push>)> =
        sessions.into_iter().map(|(id, group)| (Some(id), group)).collect();
    match &mut groups[..] {
        [] => groups.push((None, without)),
        [(_, only)] => only.append(&mut without),
        _ => groups.extend(merged(without)?.into_iter().map(|(push, _)| (None, vec![push]))),
    }
    groups.into_iter().map(|(id, group)| describe(id, group)).collect()
}

/// Reads one push or an array of them.
pub(super) fn read(document: Value) -> Result<Vec<Described>> {
    let (mut extra, mut notes) = (Map::new(), Notes::default());
    let pushes = records(document, &mut extra, &mut notes).into_iter().map(Push::from).collect();
    let mut calls = calls(pushes)?;
    if let Some(first) = calls.first_mut() {
        first.extra.append(&mut extra);
        first.warnings.extend(notes.into_list());
    }
    Ok(calls)
}

fn describe(session: Option<String>, pushes: Vec<Push>) -> Result<Described> {
    let mut notes = Notes::default();
    if pushes.iter().any(|p| filled(p.session_id.as_ref()).is_none()) {
        notes.add("session_missing", "a push has no SessionId; taken for a part of this call");
    }
    let mut recordings = Vec::new();
    for (push, repeats) in merged(pushes)? {
        notes.extra(&push.extra, Push::FIELDS);
        recordings.push(recording(push, repeats, &mut notes));
    }
    assign_roles(&mut recordings, &mut notes);
    note_shared_ids(&recordings, &mut notes);
    Ok(Described {
        kind: Kind::Tencent,
        call: Call {
            id: session,
            provider: Some(Kind::Tencent.name().to_owned()),
            direction: None,
            started_at: earliest(&recordings),
        },
        customer: party_of(&recordings, Role::Customer),
        agent: party_of(&recordings, Role::Agent),
        recordings,
        extra: Map::new(),
        warnings: notes.into_list(),
    })
}

/// One push for each recording, filled from its repeats; and the repeats that say something else, to be kept.
///
/// The fullest pushes come first, so the result does not depend on the order in which they came.
fn merged(pushes: Vec<Push>) -> Result<Vec<(Push, Vec<Value>)>> {
    let written = |push: &Push| Value::Object(push.clone().into()).to_string();
    let mut pushes: Vec<(usize, String, Push)> =
        pushes.into_iter().map(|p| (usize::MAX - p.said(), written(&p), p)).collect();
    pushes.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    pushes.dedup_by(|a, b| a.1 == b.1);
    let mut merged: Vec<(Push, Vec<Value>)> = Vec::new();
    for (_, _, push) in pushes {
        let full = merged.len() == MAX_RECORDINGS;
        match merged.iter_mut().find(|(known, _)| known.is_same(&push)) {
            Some((known, repeats)) => fill(known, push, repeats),
            None if full => return Err(too_many(MAX_RECORDINGS + 1)),
            None => merged.push((push, Vec::new())),
        }
    }
    Ok(merged)
}

/// Fills what a push does not say from a repeat; a repeat that contradicts it is kept.
fn fill(known: &mut Push, repeat: Push, repeats: &mut Vec<Value>) {
    let mut fields = Map::from(known.clone());
    let repeat = Map::from(repeat);
    let differs = repeat.iter().any(|(name, value)| fields.get(name).is_some_and(|said| said != value));
    for (name, value) in &repeat {
        fields.entry(name).or_insert_with(|| value.clone());
    }
    if differs {
        repeats.push(Value::Object(repeat));
    }
    *known = Push::from(fields);
}

fn recording(push: Push, repeats: Vec<Value>, notes: &mut Notes) -> Recording {
    let started_at = push.started_at();
    let role = match push.party() {
        Party::Phone => Role::Customer,
        Party::Mail => Role::Agent,
        Party::Other => Role::Unknown,
    };
    let party = filled(push.endpoint_user.as_ref()).map(str::to_owned);
    let over_by = push.timestamp.and_then(|made| Moment::from_unix_seconds(made as f64));
    let urls = [&push.record_url, &push.custom_record_url]
        .into_iter()
        .filter_map(|url| filled(url.as_ref()))
        .map(str::to_owned);
    let mut made = Recording {
        leg: Leg {
            role,
            party,
            started_at,
            channel: None,
            recording_id: filled(push.record_id.as_ref()).map(str::to_owned),
        },
        start_basis: started_at.map(|_| StartBasis::FileName),
        over_by,
        urls: urls.collect(),
        extra: push.extra,
        ..Recording::default()
    };
    if let Some(id) = push.sdk_app_id {
        made.extra.insert("SdkAppId".to_owned(), id.into());
    }
    if let (Some(odd), None) = (push.timestamp, over_by) {
        made.extra.insert("Timestamp".to_owned(), odd.into());
        notes.add("unknown_value", format!("Timestamp {odd} is no plausible time; it is kept but not understood"));
    }
    if !repeats.is_empty() {
        notes.add("repeat_differs", format!("pushes of recording {} differ; the fullest one counts", made.label()));
        made.extra.insert("$repeats".to_owned(), Value::Array(repeats));
    }
    if role == Role::Unknown {
        notes.add("role_unknown", format!("recording {} names neither a number nor a mail address", made.label()));
    }
    made
}

/// Numbers are customers, the first agent by time is the agent, later ones are those the call was transferred to.
fn assign_roles(recordings: &mut [Recording], notes: &mut Notes) {
    let agents = parties_by_time(recordings, Role::Agent);
    let customers = parties_by_time(recordings, Role::Customer);
    let untimed = |r: &Recording| r.leg.role == Role::Agent && r.leg.started_at.is_none();
    if agents.len() > 1 && recordings.iter().any(untimed) {
        notes.add("transfer_guessed", "not every agent's recording says when it began; who came first is a guess");
    }
    for party in agents.iter().skip(1) {
        change_role(recordings, party, Role::Transfer);
    }
    if customers.len() > 1 {
        let (kept, role) = if agents.is_empty() { (0, Role::Unknown) } else { (1, Role::Participant) };
        let message =
            format!("{} telephone numbers in one session; who the customer is, is not certain", customers.len());
        notes.add("role_ambiguous", message);
        for party in customers.iter().skip(kept) {
            change_role(recordings, party, role);
        }
    }
    recordings.sort_by_cached_key(|r| (r.leg.role.order(), when(r), r.leg.recording_id.clone(), r.urls.clone()));
}

fn change_role(recordings: &mut [Recording], party: &str, role: Role) {
    for recording in recordings.iter_mut().filter(|r| key(r).is_some_and(|k| k == party)) {
        recording.leg.role = role;
    }
}

/// A party's name for comparison: mail addresses differ in case alone.
fn key(recording: &Recording) -> Option<String> {
    recording.leg.party.as_ref().map(|p| p.to_lowercase())
}

/// When a recording began and when it was over, the unknown last.
fn when(recording: &Recording) -> (i64, i64) {
    let ms = |moment: Option<Moment>| moment.map_or(i64::MAX, Moment::unix_ms);
    (ms(recording.leg.started_at), ms(recording.over_by))
}

/// The different parties of a role in the order in which they came: by their starts if all are known, else by the times
/// at which their files were made.
fn parties_by_time(recordings: &[Recording], role: Role) -> Vec<String> {
    let of_role: Vec<&Recording> = recordings.iter().filter(|r| r.leg.role == role).collect();
    let all_start = of_role.iter().all(|r| r.leg.started_at.is_some());
    let time = |r: &Recording| if all_start { when(r) } else { (when(r).1, when(r).0) };
    let mut parties: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for recording in of_role {
        let Some(party) = key(recording) else { continue };
        let first = parties.entry(party).or_insert((i64::MAX, i64::MAX));
        *first = time(recording).min(*first);
    }
    let mut ordered: Vec<((i64, i64), String)> = parties.into_iter().map(|(party, time)| (time, party)).collect();
    ordered.sort();
    ordered.into_iter().map(|(_, party)| party).collect()
}

fn note_shared_ids(recordings: &[Recording], notes: &mut Notes) {
    let mut seen = std::collections::BTreeSet::new();
    for id in recordings.iter().filter_map(|r| r.leg.recording_id.as_deref()) {
        if !seen.insert(id) {
            notes.add(
                "record_id_shared",
                format!("several recordings have RecordId {id}; only their URLs tell them apart"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::provider::{read as read_text, read_all};
    use serde_json::json;

    /// The sample of Tencent's document, word for word.
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

    fn roles(call: &Described) -> Vec<(Role, &str)> {
        call.recordings.iter().map(|r| (r.leg.role, r.leg.party.as_deref().unwrap_or(""))).collect()
    }

    fn codes(call: &Described) -> Vec<&str> {
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
}
