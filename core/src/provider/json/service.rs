//! Requests, policy, sessions and postings for other languages. Each step is a helper that takes
//! values and returns values. A state is the value that the previous helper returned.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::arguments;
use super::requests::{ApiAccess, mcloud_api, mcloud_request, voipbin_request, wellcloud_request};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::provider::mcloud::{
    Created, Endpoint, NewRecording, Posting, Record, RecordingPage, UploadFile, Whoami, content_type,
};
use crate::provider::policy::{
    Answered, Judgement, Pacing, Retries, RetryPolicy, is_text, judge_audio, judge_file, judge_mcloud, judge_upload,
    judge_voipbin, judge_wellcloud, needs_another_key, transfer_limit,
};
use crate::provider::session::{Patience, PieceSession};
use crate::provider::tencent::{Delivery, Session};
use crate::provider::voipbin::{Record as VoipbinRecord, RecordPage};
use crate::provider::wellcloud::read_list;
use crate::provider::{Kind, Options};
use crate::units::Millis;

macro_rules! arguments_of {
    ($($name:ident { $($field:ident: $type:ty),* $(,)? })+) => {$(
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct $name { $($field: $type),* }
    )+};
}
arguments_of! {
    ReadAnswer { endpoint: Endpoint, body: String }
    ListAnswer { status: u16, body: String }
    PageAnswer { body: String }
    FileHead { head: Vec<u8> }
    RefusalReason { reason: String }
    Judge { of: String, answer: Answered, since_ms: Option<i64>, file: Option<bool>, now_ms: i64 }
    Try { retries: Retries, policy: Option<RetryPolicy>, judgement: Judgement, now_ms: i64 }
    Pace { pacing: Option<Pacing>, hold_ms: Option<f64>, now_ms: i64 }
    Transfer { bytes: u64 }
    SessionTake { session: Option<Session>, action: String, uuid: Option<String>, body: String, now_ms: i64 }
    SessionLook { session: Session, patience: Option<Patience>, now_ms: i64 }
    SessionDone { session: Session, fingerprint: String }
    PiecesNew { kind: Kind, call_id: String, ended_ms: i64 }
    PiecesTake { pieces: PieceSession, rows: Vec<Map<String, Value>>, now_ms: i64 }
    PiecesLook { pieces: PieceSession, patience: Option<Patience>, now_ms: i64 }
    PiecesDone { pieces: PieceSession, fingerprint: String }
    PostingBody { posting: Option<Posting>, body: NewRecording, audio: Option<UploadFile> }
    PostingAsk { posting: Posting, api: ApiAccess }
    PostingAnswer { posting: Posting, answer: Answered, policy: Option<RetryPolicy>, now_ms: i64 }
}

/// Runs a helper, or returns `None` for an unknown name.
///
/// # Errors
/// The errors of the helper; `invalid_argument` for unknown arguments.
pub(super) fn answer(helper: &str, json: &str) -> Result<Option<Value>> {
    let requests = match helper {
        "mcloudRequest" => mcloud_request(json)?,
        "mcloudAnswer" => mcloud_answer(&arguments(json)?)?,
        "wellcloudRequest" => wellcloud_request(json)?,
        "wellcloudList" => wellcloud_list(&arguments(json)?)?,
        "voipbinRequest" => voipbin_request(json)?,
        "voipbinPage" => voipbin_page(&arguments(json)?)?,
        "contentType" => json!(content_type(&arguments::<FileHead>(json)?.head)),
        "isText" => json!(is_text(&arguments::<FileHead>(json)?.head)),
        _ => return policy_answer(helper, json),
    };
    Ok(Some(requests))
}

fn policy_answer(helper: &str, json: &str) -> Result<Option<Value>> {
    let answer = match helper {
        "judge" => json!(judge(&arguments(json)?)?),
        "needsAnotherKey" => json!(needs_another_key(&arguments::<RefusalReason>(json)?.reason)),
        "nextTry" => {
            let Try { mut retries, policy, judgement, now_ms } = arguments(json)?;
            let next = retries.next(&policy.unwrap_or_default(), &judgement, now_ms);
            json!({"retries": retries, "next": next})
        }
        "pace" => pace(arguments(json)?),
        "transferLimit" => json!(transfer_limit(arguments::<Transfer>(json)?.bytes)),
        _ => return session_answer(helper, json),
    };
    Ok(Some(answer))
}

fn session_answer(helper: &str, json: &str) -> Result<Option<Value>> {
    let answer = match helper {
        "sessionTake" => session_take(arguments(json)?)?,
        "sessionStanding" => {
            let SessionLook { session, patience, now_ms } = arguments(json)?;
            let standing = session.standing(&patience.unwrap_or_default(), now_ms);
            let described = session.describe().ok();
            let (fingerprint, document) = (session.fingerprint(), session.document());
            json!({"standing": standing, "fingerprint": fingerprint, "document": document, "described": described})
        }
        "sessionHandled" => {
            let SessionDone { mut session, fingerprint } = arguments(json)?;
            session.handled(fingerprint);
            json!(session)
        }
        "piecesNew" => {
            json!(pieces_new(arguments(json)?)?)
        }
        "piecesTake" => {
            let PiecesTake { mut pieces, rows, now_ms } = arguments(json)?;
            let changed = pieces.take(rows, now_ms);
            json!({"pieces": pieces, "changed": changed})
        }
        "piecesStanding" => pieces_standing(&arguments(json)?),
        "piecesHandled" => {
            let PiecesDone { mut pieces, fingerprint } = arguments(json)?;
            pieces.handled(fingerprint);
            json!(pieces)
        }
        _ => return posting_answer(helper, json),
    };
    Ok(Some(answer))
}

fn posting_answer(helper: &str, json: &str) -> Result<Option<Value>> {
    let answer = match helper {
        "posting" => {
            let PostingBody { posting, body, audio } = arguments(json)?;
            match posting {
                None => json!(Posting::new(body, audio)?),
                Some(mut posting) => {
                    posting.revise(body, audio)?;
                    json!(posting)
                }
            }
        }
        "postingRequest" => {
            let PostingAsk { mut posting, api } = arguments(json)?;
            let request = posting.request(&mcloud_api(&api)?)?;
            json!({"posting": posting, "request": request, "uploads": posting.uploads()})
        }
        "postingAnswered" => {
            let PostingAnswer { mut posting, answer, policy, now_ms } = arguments(json)?;
            let next = posting.answered(&answer, &policy.unwrap_or_default(), now_ms);
            let (id, warnings) = (posting.recording_id(), posting.warnings());
            json!({"posting": posting, "next": next, "recordingId": id, "warnings": warnings})
        }
        _ => return Ok(None),
    };
    Ok(Some(answer))
}

fn mcloud_answer(answer: &ReadAnswer) -> Result<Value> {
    let body = answer.body.as_bytes();
    Ok(match answer.endpoint {
        Endpoint::Whoami => {
            let who = Whoami::read(body)?;
            let may: Vec<Endpoint> = Endpoint::ALL.iter().copied().filter(|endpoint| who.may(*endpoint)).collect();
            let (level, user, scopes, businesses) = (who.level, who.user_id, who.scopes, who.businesses);
            json!({"level": level, "userId": user, "scopes": scopes, "businesses": businesses, "may": may})
        }
        Endpoint::List => {
            let page = RecordingPage::read(body)?;
            json!({"items": page.items, "total": page.total})
        }
        Endpoint::Create => json!(Created::read(body)?),
        Endpoint::Recording | Endpoint::Review => {
            let record = Record::read(body)?;
            json!({"processing": record.processing(), "recording": record})
        }
        Endpoint::Upload | Endpoint::Delete | Endpoint::Reextract => Value::Null,
    })
}

fn wellcloud_list(answer: &ListAnswer) -> Result<Value> {
    Ok(match read_list(answer.status, answer.body.as_bytes())? {
        Ok(rows) => json!({"rows": rows, "refusal": null}),
        Err(refusal) => json!({"rows": [], "refusal": refusal.code()}),
    })
}

fn voipbin_page(answer: &PageAnswer) -> Result<Value> {
    let page = RecordPage::read(answer.body.as_bytes())?;
    let created: Vec<Option<i64>> = page.records.iter().map(VoipbinRecord::created_ms).collect();
    Ok(json!({
        "records": page.records,
        "createdMs": created,
        "nextPageToken": page.next_page_token,
        "overlappingToken": page.overlapping_token(),
    }))
}

fn judge(ask: &Judge) -> Result<Judgement> {
    let (answer, since_ms, now_ms) = (&ask.answer, ask.since_ms, ask.now_ms);
    if since_ms.is_some() && matches!(&*ask.of, "mcloud" | "upload" | "voipbin") {
        return Err(unused("sinceMs", &ask.of));
    }
    let judgement = match &*ask.of {
        "mcloud" => judge_mcloud(answer, now_ms),
        "upload" => judge_upload(answer, now_ms),
        "wellcloud" => judge_wellcloud(answer, since_ms, now_ms),
        "voipbin" => judge_voipbin(answer, now_ms),
        "audio" => judge_audio(answer, since_ms, now_ms),
        other => {
            let known = ["mcloud", "upload", "wellcloud", "voipbin", "audio"];
            return Err(crate::error::unknown_name(other, known.into_iter()));
        }
    };
    Ok(if ask.file == Some(true) { judge_file(judgement, answer) } else { judgement })
}

fn unused(name: &str, of: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, Stage::Provider, format!("answers of {of}: {name}"))
        .with_mismatch("a value", "none: it is not used")
}

fn pieces_new(call: PiecesNew) -> Result<PieceSession> {
    if call.call_id.trim().is_empty() || !matches!(call.kind, Kind::Wellcloud | Kind::Voipbin) {
        return Err(Error::new(ErrorKind::InvalidArgument, Stage::Provider, "no call in pieces")
            .with_mismatch(format!("\"{}\" of {}", call.call_id, call.kind), "an id of wellcloud or voipbin"));
    }
    Ok(PieceSession::new(call.kind, call.call_id, call.ended_ms))
}

fn pace(ask: Pace) -> Value {
    let mut pacing = ask.pacing.unwrap_or_default();
    let wait = match ask.hold_ms {
        Some(hold) => {
            pacing.hold(Millis(hold), ask.now_ms);
            Millis(0.0)
        }
        None => pacing.reserve(ask.now_ms),
    };
    json!({"pacing": pacing, "waitMs": wait})
}

fn session_take(ask: SessionTake) -> Result<Value> {
    let delivery = Delivery::read(&ask.action, ask.uuid.as_deref(), &ask.body)?;
    let (id, kind) = (delivery.session_id().map(str::to_owned), delivery.kind());
    let Some(id) = id else {
        return Ok(json!({"session": null, "sessionId": null, "taken": "kept", "kind": kind}));
    };
    let mut session = ask.session.unwrap_or_else(|| Session::new(&id));
    let taken = session.take(delivery, ask.now_ms)?;
    Ok(json!({"session": session, "sessionId": id, "taken": taken, "kind": kind}))
}

fn pieces_standing(look: &PiecesLook) -> Value {
    let (pieces, patience) = (&look.pieces, look.patience.clone().unwrap_or_default());
    json!({
        "standing": pieces.standing(&patience, look.now_ms),
        "nextLookMs": pieces.next_look(&patience),
        "fingerprint": pieces.fingerprint(),
        "document": pieces.document(),
        "described": pieces.describe(&Options::default()).ok(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::answer;
    use super::*;
    use crate::error::ErrorKind;

    fn ask(helper: &str, arguments: Value) -> Value {
        serde_json::from_str(&answer(helper, &arguments.to_string()).unwrap()).unwrap()
    }

    fn refused(helper: &str, arguments: Value) {
        let error = answer(helper, &arguments.to_string()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{helper} {arguments}: {error}");
    }

    #[test]
    fn answers_and_policy() {
        let who = json!({"endpoint": "whoami", "body": r#"{"level": "business", "scopes": ["view_recording_all"]}"#});
        assert_eq!(ask("mcloudAnswer", who)["may"], json!(["whoami", "list", "recording", "upload"]));
        let record = json!({"endpoint": "recording", "body": r#"{"processingStatus": "completed"}"#});
        assert_eq!(ask("mcloudAnswer", record)["processing"], "completed");
        let list = ask("wellcloudList", json!({"status": 448, "body": ""}));
        assert_eq!(list, json!({"rows": [], "refusal": 448}));
        let page = r#"{"result": [{"id": "a", "tm_create": "1970-01-01 00:00:07"}, {}], "next_page_token": "1970-01-01 00:00:07"}"#;
        let page = ask("voipbinPage", json!({"body": page}));
        assert_eq!(
            (&page["createdMs"], &page["overlappingToken"]),
            (&json!([7000, null]), &json!("1970-01-01 00:00:07.000001"))
        );
        assert_eq!(ask("voipbinPage", json!({"body": r#"{"result": []}"#}))["nextPageToken"], Value::Null);
        assert_eq!(ask("contentType", json!({"head": b"fLaC"})), "audio/flac");
        let early = json!({"of": "wellcloud", "answer": {"status": 448}, "sinceMs": 0, "nowMs": 5000});
        assert_eq!(ask("judge", early), json!({"judgement": "early"}));
        let again = json!({"retries": {"seed": 1}, "judgement": {"judgement": "again", "waitMs": 7000}, "nowMs": 0});
        let next = ask("nextTry", again);
        assert!((7000.0..7501.0).contains(&next["next"]["waitMs"].as_f64().unwrap()), "{next}");
        let paced = ask("pace", json!({"nowMs": 0}));
        let held = ask("pace", json!({"pacing": paced["pacing"], "holdMs": 900, "nowMs": 0}));
        assert_eq!(ask("pace", json!({"pacing": held["pacing"], "nowMs": 0}))["waitMs"], 900);
        assert_eq!(ask("transferLimit", json!({"bytes": 32000})), 31000);
        let page = json!({"of": "audio", "answer": {"status": 200, "body": "<html>"}, "file": true, "nowMs": 0});
        assert_eq!(ask("judge", page), json!({"judgement": "refused", "reason": "not_audio"}));
        assert_eq!(ask("isText", json!({"head": b"<html>"})), true);
        assert_eq!(ask("needsAnotherKey", json!({"reason": "wellcloud_401"})), true);
        refused("judge", json!({"of": "x", "answer": {}, "nowMs": 0}));
        refused("judge", json!({"of": "mcloud", "answer": {}, "nowMs": 0, "sinceMs": 0}));
    }

    #[test]
    fn sessions_and_pieces_step_by_step() {
        let push = |user: &str| json!({"SessionId": "s", "RecordId": user, "EndpointUser": user}).to_string();
        let mut session = Value::Null;
        for user in ["+66812345678", "anna@x.example"] {
            let taken = ask(
                "sessionTake",
                json!({"session": session, "action": "record", "uuid": user, "body": push(user), "nowMs": 0}),
            );
            assert_eq!((&taken["taken"], &taken["sessionId"]), (&json!("new"), &json!("s")));
            session = taken["session"].clone();
        }
        let look = |session: &Value| ask("sessionStanding", json!({"session": session, "nowMs": 5000}));
        let ready = look(&session);
        assert_eq!((&ready["standing"]["standing"], ready["document"].as_array().unwrap().len()), (&json!("ready"), 2));
        let done = ask("sessionHandled", json!({"session": session, "fingerprint": ready["fingerprint"]}));
        assert_eq!(look(&done)["standing"]["standing"], "settled");
        let stray = ask("sessionTake", json!({"session": null, "action": "x", "uuid": null, "body": "{}", "nowMs": 0}));
        assert_eq!((&stray["session"], &stray["taken"]), (&Value::Null, &json!("kept")));

        refused("piecesNew", json!({"kind": "wellcloud", "callId": " ", "endedMs": 0}));
        refused("piecesNew", json!({"kind": "tencent", "callId": "c", "endedMs": 0}));
        let pieces = ask("piecesNew", json!({"kind": "wellcloud", "callId": "c", "endedMs": 0}));
        let taken = ask("piecesTake", json!({"pieces": pieces, "rows": [{"id": "a", "callId": "c"}], "nowMs": 4000}));
        assert_eq!(taken["changed"], true);
        let standing = ask("piecesStanding", json!({"pieces": taken["pieces"], "nowMs": 4001}));
        assert_eq!((&standing["standing"]["standing"], &standing["nextLookMs"]), (&json!("waiting"), &json!(8000)));
        ask("piecesHandled", json!({"pieces": taken["pieces"], "fingerprint": standing["fingerprint"]}));
    }

    #[test]
    fn a_posting_step_by_step() {
        let body = json!({"dataId": "a", "callAt": "2026-05-20T08:14:00+07:00", "direction": "in", "tag": "normal"});
        let audio = json!({"sha256": "x", "bytes": 3, "contentType": "audio/wav"});
        refused("posting", json!({"posting": null, "body": body, "audio": {"sha256": "x", "bytes": 3}}));
        let posting = ask("posting", json!({"posting": null, "body": body, "audio": audio}));
        let asked = ask("postingRequest", json!({"posting": posting, "api": {"token": "crk_1"}}));
        assert_eq!((&asked["request"]["method"], &asked["uploads"]), (&json!("POST"), &Value::Null));
        let answer = json!({"status": 201, "body": r#"{"id": "r", "uploadUrl": "https://s/a?b"}"#});
        let next = ask("postingAnswered", json!({"posting": asked["posting"], "answer": answer, "nowMs": 0}));
        assert_eq!((&next["next"], &next["recordingId"]), (&json!({"next": "wait", "waitMs": 0}), &json!("r")));
        let put = ask("postingRequest", json!({"posting": next["posting"], "api": {"token": "crk_1"}}));
        assert_eq!((&put["request"]["file"], &put["uploads"]["bytes"]), (&json!(true), &json!(3)));
        let same = ask("posting", json!({"posting": put["posting"], "body": body, "audio": audio}));
        assert_eq!(same, put["posting"]);
    }
}
