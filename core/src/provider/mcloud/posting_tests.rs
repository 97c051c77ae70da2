//! Tests of postings with a service that fails in every documented way and some others, and with
//! work that is interrupted at any point.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::call::{Direction, Moment, Tag};
use crate::provider::http::{HttpVerb, RequestBody};

#[path = "posting_slow_tests.rs"]
mod slow;

fn body(direction: Direction, tag: Tag) -> NewRecording {
    NewRecording {
        data_id: "tencent_1".to_owned(),
        call_at: Moment::from_rfc3339("2026-05-20T08:14:00+07:00").unwrap(),
        direction,
        customer_phone: Some("+66812345678".to_owned()),
        callcenter_number: None,
        callcenter_name: None,
        tag: Some(tag),
        score: None,
        note: Some("outcome: conversation".to_owned()),
        content_type: Some("audio/wav".to_owned()),
        audio_presigned_upload_url: true,
    }
}

fn file(name: &str) -> Option<UploadFile> {
    Some(UploadFile { sha256: name.to_owned(), bytes: 10, content_type: "audio/wav".to_owned() })
}

fn new_posting(tag: Tag) -> Posting {
    Posting::new(body(Direction::In, tag), file("a")).unwrap()
}

fn api() -> McloudApi {
    McloudApi::new("crk_1").unwrap()
}

/// A service with recordings, and faults that occur in sequence.
#[derive(Default)]
struct Service {
    recordings: BTreeMap<String, (Map<String, Value>, Option<String>)>,
    made: usize,
    /// Whether a repeated post returns no address.
    stingy: bool,
    /// Whether no post returns an address.
    mute: bool,
    faults: Vec<u8>,
    requests: Vec<String>,
}

impl Service {
    /// Returns the response to a request, and whether the response is lost.
    fn answer(&mut self, request: &HttpRequest, audio: Option<&UploadFile>) -> Answered {
        self.requests.push(format!("{} {}", request.method, request.path));
        match self.faults.pop().unwrap_or(0) {
            1 => return Answered::failed(),
            2 => return Answered::new(503, "<html>"),
            3 => {
                return Answered {
                    retry_after: Some("2".to_owned()),
                    ..Answered::new(429, r#"{"error": {"code": "rate_limited"}}"#)
                };
            }
            4 if request.body == RequestBody::File => return Answered::new(403, "<Code>AccessDenied</Code>"),
            5 => {
                self.act(request, audio);
                return Answered::failed();
            }
            6 => {
                self.act(request, audio);
                return Answered::new(200, "<html>a proxy</html>");
            }
            _ => {}
        }
        self.act(request, audio)
    }

    fn act(&mut self, request: &HttpRequest, audio: Option<&UploadFile>) -> Answered {
        let id = request.path.split('/').nth(2).unwrap_or_default().to_owned();
        let missing = Answered::new(404, r#"{"error": {"code": "not_found"}}"#);
        match (request.method, &request.body, self.recordings.get_mut(&id)) {
            (HttpVerb::Post, RequestBody::Text(body), _) => self.create(serde_json::from_str(body).unwrap()),
            (HttpVerb::Put, RequestBody::File, Some(found)) => {
                found.1 = Some(audio.unwrap().sha256.clone());
                Answered::new(200, "")
            }
            (HttpVerb::Get, _, Some(found)) => Answered::new(200, json!(found.0).to_string()),
            (HttpVerb::Patch, RequestBody::Text(body), Some(found)) => {
                found.0.extend(serde_json::from_str::<Map<String, Value>>(body).unwrap());
                Answered::new(200, json!(found.0).to_string())
            }
            (HttpVerb::Delete, _, Some(_)) => {
                self.recordings.remove(&id);
                Answered::new(204, "")
            }
            (HttpVerb::Post, RequestBody::Empty, Some(_)) => Answered::new(202, "{}"),
            _ => missing,
        }
    }

    fn create(&mut self, body: Map<String, Value>) -> Answered {
        let known = self.recordings.iter().find(|(_, (fields, _))| fields["dataId"] == body["dataId"]);
        let repeated = known.is_some();
        let id = known.map(|(id, _)| id.clone()).unwrap_or_else(|| {
            self.made += 1;
            format!("r{}", self.made)
        });
        self.recordings.entry(id.clone()).or_insert_with(|| {
            let mut fields = body;
            fields.insert("id".to_owned(), json!(id));
            (fields, None)
        });
        let mut answer = json!({"id": id});
        if !(self.mute || repeated && self.stingy) {
            answer["uploadUrl"] = json!(format!("https://storage.example/s/{id}?sign=x"));
        }
        Answered::new(if repeated { 200 } else { 201 }, answer.to_string())
    }

    /// Returns the only recording.
    fn only(&self) -> (&Map<String, Value>, Option<&str>) {
        assert_eq!(self.recordings.len(), 1, "{:?}", self.requests);
        let (fields, audio) = self.recordings.values().next().unwrap();
        (fields, audio.as_deref())
    }
}

fn stored(posting: &Posting) -> Posting {
    serde_json::from_str(&serde_json::to_string(posting).unwrap()).unwrap()
}

/// Works until nothing is left to do. `broken` lists the interruptions: 1 means before the request
/// is sent, 2 means after its response and before that is stored.
fn work(mut posting: Posting, service: &mut Service, mut broken: Vec<u8>) -> (Posting, NextTry) {
    let (policy, mut now_ms) = (RetryPolicy::default(), 1_800_000_000_000);
    for _ in 0..400 {
        let mut next = stored(&posting);
        let Some(request) = next.request(&api()).unwrap() else { return (posting, NextTry::Done) };
        posting = stored(&next);
        let breaks = broken.pop().unwrap_or(0);
        if breaks == 1 {
            continue;
        }
        let answer = service.answer(&request, next.uploads());
        if breaks == 2 {
            continue;
        }
        let what = next.answered(&answer, &policy, now_ms);
        posting = stored(&next);
        match what {
            NextTry::Wait { wait } | NextTry::Rest { wait } => now_ms += wait.0 as i64,
            other => return (posting, other),
        }
    }
    panic!("no end: {:?}", service.requests);
}

#[test]
fn a_call_is_posted_uploaded_and_extracted() {
    let mut service = Service::default();
    let (posting, next) = work(new_posting(Tag::Normal), &mut service, vec![]);
    assert_eq!((next, posting.failed(), posting.recording_id()), (NextTry::Done, None, Some("r1")));
    assert_eq!(service.requests, ["POST /recordings", "PUT /s/r1", "POST /recordings/r1/reextract"]);
    assert_eq!(service.only().1, Some("a"));
    let (_, next) = work(posting, &mut service, vec![]);
    assert_eq!((next, service.requests.len()), (NextTry::Done, 3));
}

#[test]
fn an_expired_address_is_posted_for_again() {
    let mut service = Service { faults: vec![0, 4, 0], ..Service::default() };
    work(new_posting(Tag::Normal), &mut service, vec![]);
    let posts = service.requests.iter().filter(|r| *r == "POST /recordings").count();
    assert_eq!((posts, service.only().1), (2, Some("a")));
}

#[test]
fn a_repeated_post_without_an_address_makes_the_untouched_recording_anew() {
    let mut service = Service { stingy: true, ..Service::default() };
    let (posting, next) = work(new_posting(Tag::Normal), &mut service, vec![2]);
    assert_eq!((next, posting.recording_id()), (NextTry::Done, Some("r2")));
    assert_eq!(service.only().1, Some("a"));
    let fresh =
        ["POST /recordings", "POST /recordings", "GET /recordings/r1", "DELETE /recordings/r1", "POST /recordings"];
    assert_eq!(service.requests[..5], fresh);
}

#[test]
fn what_somebody_has_reviewed_is_never_deleted() {
    for (field, value) in
        [("tag", json!("other")), ("score", json!(86)), ("reviewComment", json!("good")), ("note", json!("mine"))]
    {
        let mut service = Service { stingy: true, ..Service::default() };
        let (posting, _) = work(new_posting(Tag::Normal), &mut service, vec![]);
        service.recordings.get_mut("r1").unwrap().0.insert(field.to_owned(), value.clone());
        let mut posting = stored(&posting);
        posting.revise(body(Direction::Out, Tag::Short), file("b")).unwrap();
        let (posting, next) = work(posting, &mut service, vec![]);
        assert_eq!(next, NextTry::Stop { reason: "no_upload_address".to_owned() }, "{field}");
        assert_eq!(
            (posting.failed(), posting.warnings()[0].as_str()),
            (Some("no_upload_address"), "reviewed_before_change")
        );
        assert_eq!((service.only().0[field].clone(), service.only().1), (value, Some("a")));
    }
}

#[test]
fn a_late_leg_changes_audio_and_tag_if_they_are_still_ours() {
    let mut service = Service::default();
    let (mut posting, _) = work(new_posting(Tag::Short), &mut service, vec![]);
    posting.revise(body(Direction::In, Tag::Normal), file("b")).unwrap();
    let (mut posting, next) = work(posting, &mut service, vec![]);
    assert_eq!((next, service.only().1, service.only().0["tag"].clone()), (NextTry::Done, Some("b"), json!("normal")));
    service.recordings.get_mut("r1").unwrap().0.insert("tag".to_owned(), json!("other"));
    posting.revise(body(Direction::In, Tag::WrongOrSpam), file("c")).unwrap();
    let (posting, next) = work(posting, &mut service, vec![]);
    assert_eq!((next, service.only().1, service.only().0["tag"].clone()), (NextTry::Done, Some("c"), json!("other")));
    assert_eq!(posting.warnings(), ["tag_is_not_ours"]);
    assert_eq!(service.made, 1);
}

#[test]
fn another_direction_makes_the_untouched_recording_anew() {
    let mut service = Service::default();
    let (mut posting, _) = work(new_posting(Tag::Normal), &mut service, vec![]);
    posting.revise(body(Direction::Out, Tag::Normal), file("a")).unwrap();
    let (_, next) = work(posting, &mut service, vec![]);
    assert_eq!(
        (next, service.only().0["direction"].clone(), service.only().1),
        (NextTry::Done, json!("out"), Some("a"))
    );
}

#[test]
fn what_was_deleted_there_is_posted_again_only_when_there_is_something_new() {
    let mut service = Service::default();
    let (mut posting, _) = work(new_posting(Tag::Normal), &mut service, vec![]);
    service.recordings.clear();
    posting.revise(body(Direction::In, Tag::Normal), file("a")).unwrap();
    let (mut posting, _) = work(posting, &mut service, vec![]);
    assert!(service.recordings.is_empty());
    posting.revise(body(Direction::In, Tag::Normal), file("b")).unwrap();
    work(posting, &mut service, vec![]);
    assert_eq!(service.only().1, Some("b"));
}

#[test]
fn what_is_refused_stops_with_its_reason_and_goes_on_when_revised() {
    let (policy, mut posting) = (RetryPolicy::default(), new_posting(Tag::Normal));
    posting.request(&api()).unwrap();
    let refusal = Answered::new(
        403,
        r#"{"error": {"code": "insufficient_scope", "message": "Token lacks 'manage_call_recording'"}}"#,
    );
    assert_eq!(posting.answered(&refusal, &policy, 0), NextTry::Stop { reason: "insufficient_scope".to_owned() });
    assert_eq!((posting.request(&api()).unwrap(), posting.failed()), (None, Some("insufficient_scope")));
    posting.revise(body(Direction::In, Tag::Normal), file("a")).unwrap();
    assert!(posting.request(&api()).unwrap().is_some());
    let other = NewRecording { data_id: "x".to_owned(), ..body(Direction::In, Tag::Normal) };
    assert!(posting.revise(other, None).is_err());
}

#[test]
fn addresses_that_are_refused_each_time_are_asked_for_ever_more_slowly() {
    let (policy, mut posting, mut now_ms) = (RetryPolicy::default(), new_posting(Tag::Normal), 0);
    let created = Answered::new(201, r#"{"id": "r", "uploadUrl": "https://storage.example/s/r?sign=x"}"#);
    for posts in 0..100 {
        posting.request(&api()).unwrap();
        posting.answered(&created, &policy, now_ms);
        assert!(posting.uploads().is_some());
        match posting.answered(&Answered::new(403, "<Code>AccessDenied</Code>"), &policy, now_ms) {
            NextTry::Wait { wait } => now_ms += wait.0 as i64,
            NextTry::Rest { .. } => return assert!((8..40).contains(&posts), "{posts}"),
            other => panic!("{other:?}"),
        }
    }
    panic!("no rest in {now_ms} ms");
}

#[test]
fn an_upload_that_was_put_down_asks_for_another_address_and_keeps_the_one_it_has() {
    for (said, path) in
        [(r#"{"id": "r", "uploadUrl": "https://storage.example/new"}"#, "/new"), (r#"{"id": "r"}"#, "/old")]
    {
        let (policy, mut posting, mut now_ms) = (RetryPolicy::default(), new_posting(Tag::Normal), 0);
        let created = Answered::new(201, r#"{"id": "r", "uploadUrl": "https://storage.example/old"}"#);
        posting.request(&api()).unwrap();
        posting.answered(&created, &policy, now_ms);
        loop {
            assert_eq!(posting.request(&api()).unwrap().unwrap().path, "/old");
            match posting.answered(&Answered::failed(), &policy, now_ms) {
                NextTry::Wait { wait } => now_ms += wait.0 as i64,
                NextTry::Rest { .. } => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(posting.request(&api()).unwrap().unwrap().path, "/recordings");
        posting.answered(&Answered::new(200, said), &policy, now_ms);
        assert_eq!(posting.request(&api()).unwrap().unwrap().path, path);
    }
}

#[test]
fn an_answer_without_an_id_is_asked_for_again() {
    let mut posting = new_posting(Tag::Normal);
    posting.request(&api()).unwrap();
    for body in [r#"{"uploadUrl": "https://storage.example/s"}"#, r#"{"id": " "}"#] {
        let next = posting.answered(&Answered::new(201, body), &RetryPolicy::default(), 0);
        assert!(matches!(next, NextTry::Wait { wait } if wait.0 > 0.0), "{next:?}");
        assert_eq!((posting.request(&api()).unwrap().unwrap().path.as_str(), posting.uploads()), ("/recordings", None));
    }
    posting.answered(&Answered::new(201, r#"{"id": ".."}"#), &RetryPolicy::default(), 0);
    assert_eq!(posting.request(&api()).unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[test]
fn the_type_is_that_of_what_is_uploaded() {
    let untyped = NewRecording { content_type: None, ..body(Direction::In, Tag::Normal) };
    let flac = UploadFile { content_type: "audio/flac".to_owned(), ..file("a").unwrap() };
    let mut posting = Posting::new(untyped.clone(), Some(flac.clone())).unwrap();
    let RequestBody::Text(sent) = posting.request(&api()).unwrap().unwrap().body else { panic!("no text") };
    assert!(sent.contains(r#""contentType":"audio/flac""#), "{sent}");
    let answer = Answered::new(201, r#"{"id": "r", "uploadUrl": "https://storage.example/s"}"#);
    posting.answered(&answer, &RetryPolicy::default(), 0);
    assert_eq!(posting.request(&api()).unwrap().unwrap().header("Content-Type"), Some("audio/flac"));
    let error = Posting::new(body(Direction::In, Tag::Normal), Some(flac.clone())).unwrap_err();
    assert!(error.to_string().contains("contentType"), "{error}");
    assert!(new_posting(Tag::Normal).revise(body(Direction::In, Tag::Normal), Some(flac)).is_err());
    assert_eq!(Posting::new(untyped, None).unwrap().uploads(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn whatever_fails_and_breaks_off_there_is_one_recording_as_it_shall_be(
        stingy: bool,
        faults in prop::collection::vec(0u8..7, 0..14),
        broken in prop::collection::vec(0u8..3, 0..10),
        revised_behind in 0usize..6,
        later_faults in prop::collection::vec(0u8..7, 0..14),
        later_broken in prop::collection::vec(0u8..3, 0..10),
    ) {
        let mut service = Service { stingy, faults, ..Service::default() };
        let mut posting = new_posting(Tag::Short);
        // Some of the requests, then a late leg. The value that was stored last counts.
        let (policy, mut broken) = (RetryPolicy::default(), broken);
        for now_ms in 0..revised_behind {
            let mut next = stored(&posting);
            let Some(request) = next.request(&api()).unwrap() else { break };
            posting = stored(&next);
            let answer = service.answer(&request, next.uploads());
            if broken.pop() != Some(2) {
                next.answered(&answer, &policy, now_ms as i64);
                posting = stored(&next);
            }
        }
        posting.revise(body(Direction::Out, Tag::Normal), file("b")).unwrap();
        service.faults.extend(later_faults);
        let (posting, next) = work(posting, &mut service, later_broken);
        prop_assert_eq!(next, NextTry::Done);
        let (fields, audio) = service.only();
        prop_assert_eq!((&fields["direction"], &fields["tag"], audio), (&json!("out"), &json!("normal"), Some("b")));
        prop_assert_eq!(posting.recording_id(), fields["id"].as_str());
    }
}
