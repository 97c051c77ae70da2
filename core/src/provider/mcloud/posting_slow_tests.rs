//! Tests of postings over slow connections and on slow machines: which faults end a posting, and
//! which do not.

use super::*;

/// Returns the faults in sequence, repeated this many times.
fn in_turn(faults: &[u8], times: usize) -> Vec<u8> {
    faults.repeat(times).into_iter().rev().collect()
}

#[test]
fn a_slow_connection_or_machine_gives_no_recording_up() {
    // The response to each first post is lost. Each address has expired when the audio is sent.
    for faults in [&[5, 0, 0, 0][..], &[0, 4, 0, 0, 0]] {
        let mut service = Service { stingy: true, faults: in_turn(faults, 10), ..Service::default() };
        let (posting, next) = work(new_posting(Tag::Normal), &mut service, vec![]);
        assert_eq!((next, posting.failed()), (NextTry::Done, None), "{faults:?}");
        assert_eq!(service.only().1, Some("a"));
    }
    // The work is interrupted after each first post.
    let mut service = Service { stingy: true, ..Service::default() };
    let (posting, next) = work(new_posting(Tag::Normal), &mut service, in_turn(&[2, 0, 0, 0], 10));
    assert_eq!((next, posting.failed(), service.only().1), (NextTry::Done, None, Some("a")));
}

#[test]
fn a_recording_that_is_made_anew_each_time_rests_in_between() {
    let (policy, mut posting, mut waits) = (RetryPolicy::default(), new_posting(Tag::Normal), Vec::new());
    let mut service = Service { stingy: true, faults: in_turn(&[0, 4, 0, 0, 0], 5), ..Service::default() };
    while let Some(request) = posting.request(&api()).unwrap() {
        let answer = service.answer(&request, posting.uploads());
        if let NextTry::Rest { wait } = posting.answered(&answer, &policy, 0) {
            waits.push((request.method, wait.0));
        }
    }
    let [(HttpVerb::Get, wait)] = waits[..] else { panic!("{waits:?}") };
    assert!((150_000.0..=300_000.0).contains(&wait), "{wait}");
}

#[test]
fn where_no_post_gives_an_address_or_somebody_always_deletes_it_stops() {
    let mut service = Service { mute: true, ..Service::default() };
    let (_, next) = work(new_posting(Tag::Normal), &mut service, vec![]);
    assert_eq!((next, service.made), (NextTry::Stop { reason: "no_upload_address".to_owned() }, 4));
    let (policy, mut posting) = (RetryPolicy::default(), new_posting(Tag::Normal));
    let created = Answered::new(201, r#"{"id": "r", "uploadUrl": "https://storage.example/s/r"}"#);
    let missing = Answered::new(404, r#"{"error": {"code": "not_found"}}"#);
    for posts in 1..10 {
        for answer in [&created, &Answered::new(200, "")] {
            posting.request(&api()).unwrap();
            posting.answered(answer, &policy, 0);
        }
        posting.request(&api()).unwrap();
        if let NextTry::Stop { reason } = posting.answered(&missing, &policy, 0) {
            return assert_eq!((reason.as_str(), posts), ("not_found", 4));
        }
    }
    panic!("no end");
}

#[test]
fn an_address_that_expired_under_a_slow_upload_is_asked_for_later() {
    let mut service = Service::default();
    let (mut posting, _) = work(new_posting(Tag::Normal), &mut service, vec![]);
    service.recordings.get_mut("r1").unwrap().0.insert("score".to_owned(), json!(86));
    posting.revise(body(Direction::In, Tag::Normal), file("b")).unwrap();
    let policy = RetryPolicy::default();
    let step = |posting: &mut Posting, service: &mut Service| {
        let request = posting.request(&api()).unwrap().unwrap();
        let answer = service.answer(&request, posting.uploads());
        (request.method, posting.answered(&answer, &policy, 0))
    };
    // The recording is read, posted, and not uploaded in time. Then no address is returned.
    service.faults = vec![4, 0, 0];
    let verbs: Vec<HttpVerb> = (0..3).map(|_| step(&mut posting, &mut service).0).collect();
    assert_eq!(verbs, [HttpVerb::Get, HttpVerb::Post, HttpVerb::Put]);
    service.stingy = true;
    for _ in 0..3 {
        assert_eq!(step(&mut posting, &mut service).0, HttpVerb::Post);
        let (verb, next) = step(&mut posting, &mut service);
        assert!(verb == HttpVerb::Get && matches!(next, NextTry::Rest { .. }), "{next:?}");
    }
    let given_up = work(stored(&posting), &mut service, vec![]).1;
    assert_eq!(given_up, NextTry::Stop { reason: "no_upload_address".to_owned() });
    service.stingy = false;
    let (_, next) = work(posting, &mut service, vec![]);
    assert_eq!((next, service.only().1, service.made), (NextTry::Done, Some("b"), 1));
}
