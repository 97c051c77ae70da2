//! Requests, policy, sessions and postings for other languages: values in, values out, each step a
//! helper. States are what the helper before gave.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::arguments;
use crate::error::Result;
use crate::provider::mcloud::{
    Created, Endpoint, ListQuery, McloudApi, NewRecording, Posting, Record, RecordingPage, Review, UploadFile, Whoami,
    content_type, upload,
};
use crate::provider::policy::{
    Answered, Judgement, Pacing, Retries, RetryPolicy, judge_audio, judge_mcloud, judge_upload, judge_voipbin,
    judge_wellcloud, transfer_limit,
};
use crate::provider::session::{Patience, PieceSession};
use crate::provider::tencent::{Delivery, Session};
use crate::provider::voipbin::{RecordPage, RecordingStart, VoipbinApi};
use crate::provider::wellcloud::{WellcloudApi, read_list};
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
    ApiAccess { token: Option<String>, access_key: Option<String>, base: Option<String>, business: Option<String> }
    McloudAsk {
        api: Option<ApiAccess>, endpoint: Endpoint, id: Option<String>, query: Option<Value>,
        body: Option<Value>, upload_url: Option<String>, content_type: Option<String>,
    }
    WellcloudAsk { api: ApiAccess, endpoint: String, id: String, download: Option<bool> }
    VoipbinAsk {
        api: ApiAccess, endpoint: String, id: Option<String>, page_size: Option<u32>, page_token: Option<String>,
        start: Option<StartOptions>,
    }
    StartOptions {
        end_of_silence: Option<u32>, end_of_key: Option<String>, duration: Option<u32>, on_end_flow_id: Option<String>,
    }
    ReadAnswer { endpoint: Endpoint, body: String }
    ListAnswer { status: u16, body: String }
    PageAnswer { body: String }
    FileHead { head: Vec<u8> }
    Judge { of: String, answer: Answered, since_ms: Option<i64>, now_ms: i64 }
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

/// Does what a helper does; none for a name that is not one of these.
///
/// # Errors
/// Those of the helper; `invalid_argument` for arguments that are not its own.
pub(super) fn answer(helper: &str, json: &str) -> Result<Option<Value>> {
    let requests = match helper {
        "mcloudRequest" => mcloud_request(&arguments(json)?)?,
        "mcloudAnswer" => mcloud_answer(&arguments(json)?)?,
        "wellcloudRequest" => wellcloud_request(&arguments(json)?)?,
        "wellcloudList" => wellcloud_list(&arguments(json)?)?,
        "voipbinRequest" => voipbin_request(arguments(json)?)?,
        "voipbinPage" => voipbin_page(&arguments(json)?)?,
        "contentType" => json!(content_type(&arguments::<FileHead>(json)?.head)),
        _ => return policy_answer(helper, json),
    };
    Ok(Some(requests))
}

fn policy_answer(helper: &str, json: &str) -> Result<Option<Value>> {
    let answer = match helper {
        "judge" => json!(judge(&arguments(json)?)?),
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
            let PiecesNew { kind, call_id, ended_ms } = arguments(json)?;
            json!(PieceSession::new(kind, call_id, ended_ms))
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
                None => json!(Posting::new(body, audio)),
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

fn mcloud_api(access: &ApiAccess) -> Result<McloudApi> {
    let api = McloudApi::new(access.token.as_deref().unwrap_or_default())?;
    let api = access.base.iter().try_fold(api, |api, base| api.at(base))?;
    access.business.iter().try_fold(api, |api, business| api.of_business(business))
}

fn mcloud_request(ask: &McloudAsk) -> Result<Value> {
    if ask.endpoint == Endpoint::Upload {
        let kind = ask.content_type.as_deref().unwrap_or("audio/wav");
        return Ok(json!(upload(ask.upload_url.as_deref().unwrap_or_default(), kind)?));
    }
    let none = ApiAccess { token: None, access_key: None, base: None, business: None };
    let api = mcloud_api(ask.api.as_ref().unwrap_or(&none))?;
    let (id, empty) = (ask.id.as_deref().unwrap_or_default(), json!({}));
    let written = |value: &Option<Value>| value.as_ref().unwrap_or(&empty).to_string();
    Ok(json!(match ask.endpoint {
        Endpoint::Whoami | Endpoint::Upload => api.whoami(),
        Endpoint::List => api.list(&ListQuery::from_json(&written(&ask.query))?)?,
        Endpoint::Create => api.create(&arguments::<NewRecording>(&written(&ask.body))?)?,
        Endpoint::Recording => api.recording(id),
        Endpoint::Review => api.review(id, &Review::from_json(&written(&ask.body), None)?)?,
        Endpoint::Delete => api.delete(id),
        Endpoint::Reextract => api.reextract(id),
    }))
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

fn wellcloud_request(ask: &WellcloudAsk) -> Result<Value> {
    let api = WellcloudApi::new(ask.api.token.as_deref().unwrap_or_default())?;
    let api = ask.api.base.iter().try_fold(api, |api, base| api.at(base))?;
    let download = ask.download.unwrap_or(false);
    match &*ask.endpoint {
        "recordings" => Ok(json!(api.recordings(&ask.id))),
        "audio" => Ok(json!(api.audio(&ask.id, download))),
        "audioOfCall" => Ok(json!(api.audio_of_call(&ask.id, download))),
        other => Err(crate::error::unknown_name(other, ["recordings", "audio", "audioOfCall"].into_iter())),
    }
}

fn wellcloud_list(answer: &ListAnswer) -> Result<Value> {
    Ok(match read_list(answer.status, answer.body.as_bytes())? {
        Ok(rows) => json!({"rows": rows, "refusal": null}),
        Err(refusal) => json!({"rows": [], "refusal": refusal.code()}),
    })
}

fn voipbin_request(ask: VoipbinAsk) -> Result<Value> {
    let api = match (&ask.api.access_key, &ask.api.token) {
        (Some(key), _) => VoipbinApi::with_access_key(key)?,
        (None, token) => VoipbinApi::with_token(token.as_deref().unwrap_or_default())?,
    };
    let api = ask.api.base.iter().try_fold(api, |api, base| api.at(base))?;
    let id = ask.id.unwrap_or_default();
    match &*ask.endpoint {
        "recordings" => Ok(json!(api.recordings(ask.page_size, ask.page_token.as_deref()))),
        "recording" => Ok(json!(api.recording(&id))),
        "recordingFile" => Ok(json!(api.recording_file(&id))),
        "recordingStart" => {
            let (start, plain) = (ask.start, RecordingStart::default());
            let start = start.map_or(plain.clone(), |start| RecordingStart {
                end_of_silence: start.end_of_silence.unwrap_or(plain.end_of_silence),
                end_of_key: start.end_of_key.unwrap_or(plain.end_of_key),
                duration: start.duration.unwrap_or(plain.duration),
                on_end_flow_id: start.on_end_flow_id.unwrap_or(plain.on_end_flow_id),
                ..plain
            });
            Ok(json!(api.recording_start(&id, &start)?))
        }
        other => {
            let known = ["recordings", "recording", "recordingFile", "recordingStart"];
            Err(crate::error::unknown_name(other, known.into_iter()))
        }
    }
}

fn voipbin_page(answer: &PageAnswer) -> Result<Value> {
    let page = RecordPage::read(answer.body.as_bytes())?;
    Ok(json!({"records": page.records, "nextPageToken": page.next_page_token}))
}

fn judge(ask: &Judge) -> Result<Judgement> {
    match &*ask.of {
        "mcloud" => Ok(judge_mcloud(&ask.answer, ask.now_ms)),
        "upload" => Ok(judge_upload(&ask.answer, ask.now_ms)),
        "wellcloud" => Ok(judge_wellcloud(&ask.answer, ask.since_ms, ask.now_ms)),
        "voipbin" => Ok(judge_voipbin(&ask.answer, ask.now_ms)),
        "audio" => Ok(judge_audio(&ask.answer, ask.since_ms, ask.now_ms)),
        other => {
            let known = ["mcloud", "upload", "wellcloud", "voipbin", "audio"];
            Err(crate::error::unknown_name(other, known.into_iter()))
        }
    }
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
    fn requests_of_every_endpoint() {
        let api = json!({"token": "crk_1", "base": "http://h/api/v1", "business": "b1"});
        for (endpoint, url) in [
            ("whoami", "GET http://h/api/v1/meta/whoami"),
            ("list", "GET http://h/api/v1/recordings?limit=5"),
            ("recording", "GET http://h/api/v1/recordings/a"),
            ("review", "PATCH http://h/api/v1/recordings/a"),
            ("delete", "DELETE http://h/api/v1/recordings/a"),
            ("reextract", "POST http://h/api/v1/recordings/a/reextract"),
        ] {
            let query = json!({"limit": 5});
            let asked = json!({"api": api, "endpoint": endpoint, "id": "a", "query": query, "body": {}});
            let request = ask("mcloudRequest", asked);
            assert_eq!(format!("{} {}", request["method"].as_str().unwrap(), request["url"].as_str().unwrap()), url);
        }
        let put = ask(
            "mcloudRequest",
            json!({"endpoint": "upload", "uploadUrl": "https://s/a?b", "contentType": "audio/flac"}),
        );
        assert_eq!((&put["file"], &put["headers"][0][1]), (&json!(true), &json!("audio/flac")));
        let well = ask("wellcloudRequest", json!({"api": {"token": "t"}, "endpoint": "audio", "id": "a"}));
        assert_eq!(well["query"], "download=false");
        let start =
            json!({"api": {"accessKey": "k"}, "endpoint": "recordingStart", "id": "c", "start": {"duration": 60}});
        assert!(ask("voipbinRequest", start)["body"].as_str().unwrap().contains("\"duration\":60"));
        let page = json!({"api": {"token": "k"}, "endpoint": "recordings", "pageSize": 9});
        assert_eq!(ask("voipbinRequest", page)["query"], "token=k&page_size=9");
        refused("mcloudRequest", json!({"endpoint": "whoami"}));
        refused("mcloudRequest", json!({"endpoint": "whoami", "key": 1}));
        refused("wellcloudRequest", json!({"api": {"token": "t"}, "endpoint": "x", "id": "a"}));
        refused("voipbinRequest", json!({"api": {"token": "t"}, "endpoint": "x"}));
    }

    #[test]
    fn answers_and_policy() {
        let who = json!({"endpoint": "whoami", "body": r#"{"level": "business", "scopes": ["view_recording_all"]}"#});
        assert_eq!(ask("mcloudAnswer", who)["may"], json!(["whoami", "list", "recording", "upload"]));
        let record = json!({"endpoint": "recording", "body": r#"{"processingStatus": "completed"}"#});
        assert_eq!(ask("mcloudAnswer", record)["processing"], "completed");
        let list = ask("wellcloudList", json!({"status": 448, "body": ""}));
        assert_eq!(list, json!({"rows": [], "refusal": 448}));
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
        refused("judge", json!({"of": "x", "answer": {}, "nowMs": 0}));
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
        let audio = json!({"sha256": "x", "bytes": 3});
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
