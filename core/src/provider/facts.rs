//! Reads the facts of a phone system about a call, from a manifest's `events` or from a separate
//! text.

use serde_json::{Map, Value};

use crate::call::{Fact, FactKind, FactTime, Moment};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::units::Millis;

use super::wire::json_type;

/// The maximum number of facts of one call: many times the keys of the longest conversations.
const MAX_FACTS: usize = 10_000;
/// The latest time on a call's timeline, in milliseconds: one day.
const MAX_MS: f64 = 86_400_000.0;
/// The fields of a fact.
const FIELDS: [&str; 6] = ["kind", "party", "at", "atMs", "reason", "key"];

/// Reads facts: an array of objects with `kind` and a time, and optionally `party`, `reason` and
/// `key`. The time is `at` (Unix seconds or RFC 3339) or `atMs` (milliseconds on the call's
/// timeline). Facts with `atMs` come first. Facts of the same clock are in the order of their
/// times.
///
/// ```
/// use callweave::FactKind;
/// use callweave::provider::read_facts;
///
/// let facts = read_facts(r#"[{"kind": "answer", "at": "2026-05-20T08:14:07Z"},
///                            {"kind": "hold", "party": "agent", "atMs": 31500}]"#)?;
/// assert_eq!((facts[0].kind, facts[1].kind), (FactKind::Hold, FactKind::Answer));
/// # Ok::<(), callweave::Error>(())
/// ```
///
/// # Errors
/// `malformed`, naming the invalid value.
pub fn read_facts(json: &str) -> Result<Vec<Fact>> {
    let refused = |e: serde_json::Error| {
        let error = Error::new(ErrorKind::Malformed, Stage::Provider, "facts");
        error.with_mismatch(&e, "an array of facts in JSON").caused_by(e)
    };
    let value = serde_json::from_str(json).map_err(refused)?;
    list(value)
}

/// Removes the facts from a manifest and returns them.
pub(super) fn take(fields: &mut Map<String, Value>) -> Result<Vec<Fact>> {
    fields.remove("events").filter(|value| !value.is_null()).map_or_else(|| Ok(Vec::new()), list)
}

fn list(value: Value) -> Result<Vec<Fact>> {
    let Value::Array(list) = value else {
        return Err(malformed("events").with_mismatch(json_type(&value), "an array"));
    };
    if list.len() > MAX_FACTS {
        return Err(malformed("events").with_mismatch(list.len(), format!("at most {MAX_FACTS}")));
    }
    let mut facts = list
        .into_iter()
        .enumerate()
        .map(|(i, value)| fact(value, &format!("events[{i}]")))
        .collect::<Result<Vec<_>>>()?;
    in_order(&mut facts);
    Ok(facts)
}

/// Rejects a document with more events than a call can have.
///
/// # Errors
/// `limit_exceeded`.
#[cfg(feature = "providers")]
pub(super) fn check_count(count: usize) -> Result<()> {
    if count <= MAX_FACTS {
        return Ok(());
    }
    Err(Error::new(ErrorKind::LimitExceeded, Stage::Provider, "too many events of one call")
        .with_mismatch(count, format!("at most {MAX_FACTS}")))
}

/// Sorts facts by clock, then by time.
pub(super) fn in_order(facts: &mut [Fact]) {
    facts.sort_by(|a, b| order(a).total_cmp(&order(b)));
}

/// Returns the time of a fact, for comparison with facts of the same clock.
fn order(fact: &Fact) -> f64 {
    match fact.time {
        FactTime::At(moment) => moment.unix_ms() as f64,
        FactTime::OnCall(at) => at.0,
    }
}

fn fact(value: Value, place: &str) -> Result<Fact> {
    let Value::Object(fields) = value else {
        return Err(malformed(place).with_mismatch(json_type(&value), "an object with a kind and a time"));
    };
    if let Some(unknown) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return Err(malformed(place).with_mismatch(unknown, FIELDS.join(", ")));
    }
    let kinds = || FactKind::ALL.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
    let name = text(&fields, place, "kind")?.unwrap_or_default();
    let kind =
        FactKind::from_name(&name).ok_or_else(|| malformed(&format!("{place}.kind")).with_mismatch(&name, kinds()))?;
    Ok(Fact {
        kind,
        party: text(&fields, place, "party")?,
        time: time(&fields, place)?,
        reason: text(&fields, place, "reason")?,
        key: key(&fields, place, kind)?,
    })
}

fn time(fields: &Map<String, Value>, place: &str) -> Result<FactTime> {
    let known = |name: &str| fields.get(name).filter(|value| !value.is_null());
    match (known("at"), known("atMs")) {
        (Some(at), None) => serde_json::from_value::<Moment>(at.clone()).map(FactTime::At).map_err(|_| {
            malformed(&format!("{place}.at")).with_mismatch(at, "Unix seconds or RFC 3339 with an offset")
        }),
        (None, Some(at)) => {
            let ms = at.as_f64().filter(|ms| (0.0..=MAX_MS).contains(ms));
            ms.map(|ms| FactTime::OnCall(Millis(ms)))
                .ok_or_else(|| malformed(&format!("{place}.atMs")).with_mismatch(at, "milliseconds within a day"))
        }
        (None, None) => Err(malformed(place).with_mismatch("no time", "at or atMs")),
        (Some(_), Some(_)) => Err(malformed(place).with_mismatch("two times", "at or atMs")),
    }
}

/// Reads the pressed key: one of sixteen. Only a fact of the kind key has one.
fn key(fields: &Map<String, Value>, place: &str, kind: FactKind) -> Result<Option<char>> {
    let Some(key) = text(fields, place, "key")? else { return Ok(None) };
    let wrong = |expected: &str| malformed(&format!("{place}.key")).with_mismatch(&key, expected);
    match (kind, key.chars().collect::<Vec<_>>().as_slice()) {
        (FactKind::Key, &[one]) if "0123456789*#ABCD".contains(one) => Ok(Some(one)),
        (FactKind::Key, _) => Err(wrong("one of 0 to 9, *, #, A to D")),
        _ => Err(wrong("no key: the fact is none")),
    }
}

fn text(fields: &Map<String, Value>, place: &str, name: &str) -> Result<Option<String>> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(wrong) => Err(malformed(&format!("{place}.{name}")).with_mismatch(json_type(wrong), "a text")),
    }
}

fn malformed(place: &str) -> Error {
    Error::new(ErrorKind::Malformed, Stage::Provider, format!("facts: wrong {place}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_in_the_order_of_their_times() {
        let json = r#"[{"kind": "resume", "at": 1700000040}, {"kind": "key", "key": 5, "at": "2023-11-14T22:13:25.5Z"},
                       {"kind": "pause", "reason": "card number", "party": "agent", "at": 1700000000}]"#;
        let facts = read_facts(json).unwrap();
        let kinds: Vec<FactKind> = facts.iter().map(|fact| fact.kind).collect();
        assert_eq!(kinds, [FactKind::Pause, FactKind::Key, FactKind::Resume]);
        assert_eq!((facts[1].key, facts[0].reason.as_deref()), (Some('5'), Some("card number")));
        assert_eq!(read_facts("[]").unwrap(), []);
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (json, said) in [
            ("{}", "an array"),
            ("[{]", "line 1 column 3"),
            ("[1]", "events[0]"),
            (r#"[{"kind": "answer"}]"#, "no time"),
            (r#"[{"kind": "answer", "at": 1, "atMs": 1}]"#, "two times"),
            (r#"[{"kind": "ring", "at": 1}]"#, "hangup"),
            (r#"[{"kind": "answer", "at": "noon"}]"#, "RFC 3339"),
            (r#"[{"kind": "answer", "atMs": -1}]"#, "within a day"),
            (r#"[{"kind": "answer", "atMs": 1, "key": "5"}]"#, "no key"),
            (r#"[{"kind": "key", "atMs": 1, "key": "55"}]"#, "0 to 9"),
            (r#"[{"kind": "answer", "atMs": 1, "who": "a"}]"#, "who"),
        ] {
            let error = read_facts(json).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Malformed);
            assert!(error.to_string().contains(said), "{json}: {error}");
        }
    }
}
