//! Tests of sessions: pushes in any order, CDRs, repeats, late legs.

use super::*;
use crate::call::Direction;
use crate::provider::read;
use crate::units::Millis;
use proptest::prelude::*;
use serde_json::json;

const S: i64 = 1_608_130_000;
const NOW: i64 = 1_608_131_000_000;

fn delivery(action: &str, uuid: &str, body: Value) -> Delivery {
    Delivery::read(action, Some(uuid), &body.to_string()).unwrap()
}

fn record(user: &str, start: i64) -> Delivery {
    let body = json!({
        "SdkAppId": 1, "RecordId": (S + start + 90).to_string(), "SessionId": "s", "Timestamp": S + start + 90,
        "EndpointUser": user, "RecordURL": format!("https://h/{}-{}.mp3", user.len(), S + start),
    });
    delivery("record", &format!("u-{user}-{start}"), body)
}

fn participant(mail: &str, sequence: i64) -> Value {
    json!({"Mail": mail, "Sequence": sequence, "AcceptTimestamp": S + sequence})
}

fn cdr(direction: i64, agents: &[&str]) -> Delivery {
    let (caller, callee) = if direction == 0 { ("0812345678", "021234567") } else { ("021234567", "0812345678") };
    let agents: Vec<Value> = agents.iter().zip(1..).map(|(mail, at)| participant(mail, at)).collect();
    let body = json!({
        "SdkAppId": 1, "SessionId": "s", "Caller": caller, "Callee": callee, "Direction": direction,
        "AcceptTimestamp": S, "ServeParticipants": agents, "SeatUser": {"Mail": "last@x.example"}, "Duration": 60,
    });
    delivery("cdr", &format!("c-{direction}-{}", agents.len()), body)
}

fn taken(deliveries: &[Delivery]) -> Session {
    let mut session = Session::new("s");
    for delivery in deliveries {
        session.take(delivery.clone(), NOW).unwrap();
        session = serde_json::from_str(&serde_json::to_string(&session).unwrap()).unwrap();
    }
    session
}

fn roles(session: &Session) -> Vec<(Role, String)> {
    let call = session.describe().unwrap();
    call.recordings.into_iter().map(|r| (r.leg.role, r.leg.party.unwrap_or_default())).collect()
}

fn patience() -> Patience {
    Patience::default()
}

const ANNA: &str = "anna@x.example";
const BEN: &str = "ben@x.example";
const PHONE: &str = "+66812345678";

#[test]
fn customer_and_agent_are_a_call_and_one_of_them_waits() {
    let mut session = taken(&[record(ANNA, 3)]);
    assert_eq!(session.standing(&patience(), NOW), Standing::Waiting { until_ms: NOW + 7_200_000 });
    session.take(record(PHONE, 0), NOW + 1_000).unwrap();
    assert_eq!(session.standing(&patience(), NOW + 1_000), Standing::Waiting { until_ms: NOW + 6_000 });
    assert_eq!(session.standing(&patience(), NOW + 6_000), Standing::Ready);
    let expects = Patience { expects_cdr: true, ..patience() };
    assert_eq!(session.standing(&expects, NOW + 6_000), Standing::Waiting { until_ms: NOW + 7_201_000 });
}

#[test]
fn a_deadline_ends_the_waiting_for_a_leg_that_never_comes() {
    let session = taken(&[record(ANNA, 3)]);
    assert_eq!(session.standing(&patience(), NOW + 7_200_000), Standing::Ready);
    assert_eq!(roles(&session), [(Role::Agent, ANNA.to_owned())]);
}

#[test]
fn the_cdr_says_direction_roles_and_who_is_still_to_come() {
    for (direction, expected) in [(0, Direction::In), (1, Direction::Out)] {
        let mut session = taken(&[record(PHONE, 0), record(ANNA, 3), cdr(direction, &[ANNA, BEN])]);
        assert!(matches!(session.standing(&patience(), NOW + 60_000), Standing::Waiting { .. }));
        session.take(record(BEN, 40), NOW + 60_000).unwrap();
        assert_eq!(session.standing(&patience(), NOW + 65_000), Standing::Ready);
        let call = session.describe().unwrap();
        assert_eq!((call.call.direction, call.customer.as_deref()), (Some(expected), Some("0812345678")));
        assert_eq!(call.agent.as_deref(), Some(ANNA));
        let names = [(Role::Customer, PHONE), (Role::Agent, ANNA), (Role::Transfer, BEN)];
        assert_eq!(roles(&session), names.map(|(role, name)| (role, name.to_owned())));
    }
}

#[test]
fn the_order_of_agents_is_the_cdr_s_and_their_telephones_are_no_customers() {
    let mut body = cdr(0, &[]).body;
    let first = json!({"Mail": BEN, "Phone": "0899999999", "Sequence": 1, "AcceptTimestamp": S});
    let second = participant(ANNA, 2);
    let rang = json!({"Mail": "carla@x.example", "Sequence": 3, "AcceptTimestamp": 0});
    body.insert("ServeParticipants".to_owned(), json!([second, first, rang]));
    let cdr = delivery("cdr", "c", Value::Object(body));
    let session = taken(&[record(ANNA, 3), record("+66899999999", 40), record(PHONE, 0), cdr]);
    let names = [(Role::Customer, PHONE), (Role::Agent, "+66899999999"), (Role::Transfer, ANNA)];
    assert_eq!(roles(&session), names.map(|(role, name)| (role, name.to_owned())));
    assert_eq!(session.standing(&patience(), NOW + 5_000), Standing::Ready);
}

#[test]
fn a_repeat_changes_nothing_by_uuid_or_by_body() {
    let mut session = taken(&[record(PHONE, 0), record(ANNA, 3)]);
    let before = session.standing(&patience(), NOW + 5_000);
    let mut other_body = record(ANNA, 3);
    other_body.body.insert("Timestamp".to_owned(), json!(1));
    let mut other_uuid = record(PHONE, 0);
    other_uuid.uuid = Some("v".to_owned());
    let mut known_uuid = record(BEN, 9);
    known_uuid.uuid = Some("v".to_owned());
    for repeat in [record(PHONE, 0), other_body, other_uuid, known_uuid] {
        assert_eq!(session.take(repeat, NOW + 4_000).unwrap(), Taken::Repeat);
    }
    assert_eq!((session.standing(&patience(), NOW + 5_000), before), (Standing::Ready, Standing::Ready));
    assert_eq!(roles(&session).len(), 2);
}

#[test]
fn an_unknown_action_is_kept_and_no_phantom_track() {
    let mut session = taken(&[record(PHONE, 0), record(ANNA, 3)]);
    let mail = json!({"SessionId": "s", "RecordURL": "https://h/voicemail.mp3", "RecordId": "9"});
    assert_eq!(session.take(delivery("voicemail", "m", mail), NOW + 9_000).unwrap(), Taken::Kept);
    assert_eq!(session.take(delivery("record", "n", json!({"SessionId": "s"})), NOW).unwrap(), Taken::Kept);
    assert_eq!((roles(&session).len(), session.others().count()), (2, 2));
    assert_eq!(session.standing(&patience(), NOW + 5_000), Standing::Ready);
    assert!(session.take(delivery("record", "o", json!({"SessionId": "t", "RecordId": "1"})), NOW).is_err());
}

#[test]
fn what_comes_later_makes_it_anew_and_what_says_nothing_new_does_not() {
    let mut session = taken(&[record(PHONE, 0), record(ANNA, 3)]);
    session.handled(session.fingerprint());
    assert_eq!(session.standing(&patience(), NOW + 6_000), Standing::Settled);
    let mut fuller = record(ANNA, 3);
    fuller.uuid = Some("w".to_owned());
    fuller.body.insert("CustomRecordURL".to_owned(), json!("https://own/14-1608130003.mp3"));
    assert_eq!(session.take(fuller, NOW + 10_000).unwrap(), Taken::New);
    assert_eq!(session.standing(&patience(), NOW + 10_000), Standing::Settled);
    session.take(record(BEN, 40), NOW + 300_000).unwrap();
    assert_eq!(session.standing(&patience(), NOW + 301_000), Standing::Waiting { until_ms: NOW + 305_000 });
    assert_eq!(session.standing(&patience(), NOW + 305_000), Standing::Changed);
    session.handled(session.fingerprint());
    session.take(cdr(1, &[ANNA, BEN]), NOW + 400_000).unwrap();
    assert_eq!(session.standing(&patience(), NOW + 405_000), Standing::Changed);
}

#[test]
fn a_withheld_number_beside_one_agent_is_the_customer() {
    for user in ["anonymous", "Restricted", "", "No Caller ID"] {
        let session = taken(&[record(user, 0), record(ANNA, 3)]);
        let call = session.describe().unwrap();
        assert_eq!(call.recordings[0].leg.role, Role::Customer, "{user}");
        assert!(call.warnings.iter().any(|w| w.code == "number_withheld"), "{:?}", call.warnings);
        assert_eq!(session.standing(&patience(), NOW + 5_000), Standing::Ready);
    }
    let named = taken(&[record("recorder 7", 0), record(ANNA, 3)]);
    assert_eq!(roles(&named)[1].0, Role::Unknown);
    let two = taken(&[record("anonymous", 0), record(ANNA, 3), record(BEN, 9)]);
    assert_eq!(roles(&two)[2].0, Role::Unknown);
    let by_cdr = taken(&[record("anonymous", 0), record(ANNA, 3), record(BEN, 9), cdr(0, &[ANNA, BEN])]);
    assert_eq!(roles(&by_cdr)[0], (Role::Customer, "anonymous".to_owned()));
    assert_eq!(by_cdr.standing(&patience(), NOW + 5_000), Standing::Ready);
}

#[test]
fn a_leg_whose_push_was_lost_is_found_in_the_cdr() {
    let mut body = cdr(0, &[]).body;
    body.insert("RecordURL".to_owned(), json!("https://h/customer-1608130000.mp3"));
    body.insert("RecordId".to_owned(), json!("77"));
    let agent = json!({"Mail": ANNA, "Sequence": 1, "AcceptTimestamp": S, "RecordURL": "https://h/14-1608130003.mp3"});
    body.insert("ServeParticipants".to_owned(), json!([agent]));
    let cdr = delivery("cdr", "c", Value::Object(body));
    let session = taken(&[record(ANNA, 3), cdr.clone()]);
    let names = [(Role::Customer, "0812345678"), (Role::Agent, ANNA)];
    assert_eq!(roles(&session), names.map(|(role, name)| (role, name.to_owned())));
    let whole = taken(&[record(ANNA, 3), cdr.clone(), record(PHONE, 0)]);
    assert_eq!(roles(&whole).len(), 2);
    let alone = taken(&[cdr]);
    assert_eq!(alone.standing(&patience(), NOW + 5_000), Standing::Ready);
    assert_eq!(roles(&alone).len(), 2);
}

#[test]
fn calls_between_agents_and_calls_nobody_took_are_told() {
    let mut body = cdr(0, &[ANNA]).body;
    body.insert("CallType".to_owned(), json!(6));
    let internal = taken(&[record(ANNA, 0), record(BEN, 1), delivery("cdr", "c", Value::Object(body))]);
    let call = internal.describe().unwrap();
    assert_eq!((call.call.direction, call.customer), (Some(Direction::Internal), None));
    assert!(call.recordings.iter().all(|r| r.leg.role == Role::Participant));
    let mut body = cdr(0, &[]).body;
    body.insert("AcceptTimestamp".to_owned(), json!(0));
    let missed = taken(&[delivery("cdr", "c", Value::Object(body))]);
    assert!(missed.describe().is_err());
    assert_eq!(missed.standing(&patience(), NOW + 7_200_000), Standing::Ready);
}

#[test]
fn its_document_is_read_as_it_describes_itself() {
    let session = taken(&[record(BEN, 40), cdr(1, &[ANNA, BEN]), record(PHONE, 0), record(ANNA, 3)]);
    assert_eq!(read(&session.document().to_string()).unwrap(), session.describe().unwrap());
    assert!(session.describe().unwrap().extra.contains_key("$cdr"));
}

proptest! {
    #[test]
    fn any_order_and_any_repeats_come_to_the_same(order in prop::collection::vec(0usize..4, 0..12)) {
        let all = [record(PHONE, 0), record(ANNA, 3), record(BEN, 40), cdr(1, &[ANNA, BEN])];
        let mut mixed: Vec<Delivery> = order.iter().map(|&at| all[at].clone()).collect();
        mixed.extend(all.iter().rev().cloned());
        let (session, plain) = (taken(&mixed), taken(&all));
        prop_assert_eq!(session.describe().unwrap(), plain.describe().unwrap());
        prop_assert_eq!(session.fingerprint(), plain.fingerprint());
        let at = NOW + Millis(5_000.0).0 as i64;
        prop_assert_eq!(session.standing(&patience(), at), Standing::Ready);
    }
}
