//! Reads `manifest.json`, which describes a call's tracks if no provider's document does.
//!
//! A manifest is written for callweave, so an invalid value is an error that names its place. An
//! unknown field is kept and named in a warning, as in every document.

use serde_json::{Map, Value};

use super::records::{earliest, party_of, too_many};
use super::wire::{Lenient, WireWarnings, json_type, take};
use super::{CallDescription, Kind, MAX_RECORDINGS, Recording, StartBasis};
use crate::call::{Call, Direction, KnownOffset, Leg, Moment, Role};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::units::Millis;

/// Reads a manifest.
pub(super) fn read(document: Value) -> Result<CallDescription> {
    let Value::Object(mut fields) = document else {
        return Err(malformed("manifest").with_mismatch(json_type(&document), "an object"));
    };
    let mut notes = WireWarnings::default();
    let direction = named(&mut fields, "", "direction", Direction::from_name, Direction::ALL.iter().map(|d| d.name()))?;
    let call = Call {
        id: scalar(&mut fields, "", "id")?,
        provider: scalar(&mut fields, "", "provider")?,
        direction,
        started_at: None,
        facts: super::facts::take(&mut fields)?,
        profile: scalar(&mut fields, "", "profile")?,
    };
    let tracks = match fields.remove("tracks") {
        Some(Value::Array(tracks)) if !tracks.is_empty() => tracks,
        Some(Value::Array(_)) => return Err(malformed("tracks").with_mismatch("an empty array", "at least one track")),
        Some(other) => return Err(malformed("tracks").with_mismatch(json_type(&other), "an array")),
        None => return Err(malformed("tracks").with_mismatch("nothing", "an array")),
    };
    if tracks.len() > MAX_RECORDINGS {
        return Err(too_many(tracks.len()));
    }
    let aligned = aligned(&mut fields)?;
    notes.extra(&fields, &[]);
    let mut recordings = Vec::with_capacity(tracks.len());
    for (index, track) in tracks.into_iter().enumerate() {
        let mut recording = read_track(track, &format!("tracks[{index}]"), direction, &mut notes)?;
        if aligned {
            recording.leg.offset = recording.leg.offset.or(Some(KnownOffset::default()));
        }
        refuse_twice(&recordings, &recording, index)?;
        recordings.push(recording);
    }
    Ok(CallDescription {
        kind: Kind::Manifest,
        call: Call { started_at: earliest(&recordings), ..call },
        customer: party_of(&recordings, Role::Customer),
        agent: party_of(&recordings, Role::Agent),
        recordings,
        extra: fields,
        warnings: notes.into_list(),
    })
}

fn read_track(track: Value, place: &str, direction: Option<Direction>, notes: &mut WireWarnings) -> Result<Recording> {
    let Value::Object(mut fields) = track else {
        return Err(malformed(place).with_mismatch(json_type(&track), "an object with a path"));
    };
    let path: Option<String> = scalar(&mut fields, place, "path")?;
    let Some(path) = path.filter(|p| !p.is_empty()) else {
        return Err(malformed(&format!("{place}.path")).with_mismatch("nothing", "a path relative to the manifest"));
    };
    let roles = Role::ALL.iter().map(|r| r.name()).chain(["caller", "callee"]);
    let role: Option<String> = scalar(&mut fields, place, "role")?;
    let role = match role.as_deref() {
        None => Role::Unknown,
        Some(name) => Role::parse(name, direction).ok_or_else(|| not_one_of(&format!("{place}.role"), name, roles))?,
    };
    let started_at = match fields.remove("startedAt") {
        None | Some(Value::Null) => None,
        Some(value) => Some(moment(&value, place)?),
    };
    let party = scalar(&mut fields, place, "party")?;
    let channel = channel(&mut fields, place)?;
    let offset = offset(&mut fields, place)?;
    notes.extra(&fields, &[]);
    Ok(Recording {
        leg: Leg { role, party, started_at, channel, recording_id: None, offset },
        start_basis: started_at.map(|_| StartBasis::Field),
        path: Some(path),
        extra: fields,
        ..Recording::default()
    })
}

/// Rejects two tracks that share a file, unless they use different channels.
fn refuse_twice(recordings: &[Recording], new: &Recording, index: usize) -> Result<()> {
    let same = |r: &&Recording| {
        let overlapping = r.leg.channel == new.leg.channel || r.leg.channel.is_none() || new.leg.channel.is_none();
        r.path == new.path && overlapping
    };
    match recordings.iter().find(same) {
        None => Ok(()),
        Some(_) => Err(malformed(&format!("tracks[{index}]"))
            .with_mismatch(format!("{} a second time", new.label()), "another file or another channel")),
    }
}

fn moment(value: &Value, place: &str) -> Result<Moment> {
    serde_json::from_value(value.clone()).map_err(|_| {
        malformed(&format!("{place}.startedAt")).with_mismatch(value, "Unix seconds or RFC 3339 with an offset")
    })
}

/// Returns `true` if one recorder made all tracks.
fn aligned(fields: &mut Map<String, Value>) -> Result<bool> {
    match fields.remove("aligned") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(aligned)) => Ok(aligned),
        Some(wrong) => Err(malformed("aligned").with_mismatch(json_type(&wrong), "true or false")),
    }
}

/// Returns where a track begins, according to the manifest.
fn offset(fields: &mut Map<String, Value>, place: &str) -> Result<Option<KnownOffset>> {
    let mut take = |name: &str| match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or_else(|| {
            malformed(&joined(place, name)).with_mismatch(json_type(&value), "a number of milliseconds")
        }),
    };
    let (offset, uncertainty) = (take("offsetMs")?, take("offsetUncertaintyMs")?);
    let Some(offset) = offset else {
        return match uncertainty {
            None => Ok(None),
            Some(_) => {
                Err(malformed(&joined(place, "offsetUncertaintyMs")).with_mismatch("no offsetMs", "an offset too"))
            }
        };
    };
    let uncertainty = uncertainty.unwrap_or(0.0);
    KnownOffset::new(Millis(offset), Millis(uncertainty)).map(Some).ok_or_else(|| {
        malformed(&joined(place, "offsetMs")).with_mismatch(
            format!("{offset:e} and {uncertainty}"),
            "milliseconds within a day, the uncertainty 0 or more",
        )
    })
}

fn channel(fields: &mut Map<String, Value>, place: &str) -> Result<Option<u16>> {
    let number: Option<i64> = scalar(fields, place, "channel")?;
    let channel = number.map(u16::try_from).transpose();
    channel.map_err(|_| {
        malformed(&format!("{place}.channel")).with_mismatch(number.unwrap_or_default(), "a channel counted from 0")
    })
}

/// Removes a field that is a text or a number. Null counts as missing.
fn scalar<T: Lenient>(fields: &mut Map<String, Value>, place: &str, name: &str) -> Result<Option<T>> {
    let value = take(fields, name);
    match fields.get(name) {
        None => Ok(value),
        Some(wrong) => Err(malformed(&joined(place, name)).with_mismatch(json_type(wrong), "a text or a number")),
    }
}

/// Removes a field that is one of several names.
fn named<T>(
    fields: &mut Map<String, Value>,
    place: &str,
    name: &str,
    read: impl Fn(&str) -> Option<T>,
    names: impl Iterator<Item = &'static str>,
) -> Result<Option<T>> {
    let text: Option<String> = scalar(fields, place, name)?;
    match text {
        None => Ok(None),
        Some(text) => read(&text).map(Some).ok_or_else(|| not_one_of(&joined(place, name), &text, names)),
    }
}

fn not_one_of(place: &str, found: &str, names: impl Iterator<Item = &'static str>) -> Error {
    let names: Vec<&str> = names.collect();
    malformed(place).with_mismatch(format!("\"{found}\""), format!("one of {}", names.join(", ")))
}

fn joined(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") }
}

fn malformed(place: &str) -> Error {
    Error::new(ErrorKind::Malformed, Stage::Provider, format!("manifest: wrong {place}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::read as read_text;

    /// The example of the documentation, copied exactly.
    const EXAMPLE: &str = r#"{"id": "rec_2026_05_20_001", "direction": "in", "provider": "threecx",
 "tracks": [
   {"path": "a.mp3", "role": "customer", "party": "+66812345678", "startedAt": 1608130637},
   {"path": "b.wav", "role": "agent", "startedAt": "2020-12-16T14:57:17Z", "channel": 0}]}"#;

    #[test]
    fn the_example_is_read_word_for_word() {
        let call = read_text(EXAMPLE).unwrap();
        assert_eq!((call.kind, call.call.id.as_deref()), (Kind::Manifest, Some("rec_2026_05_20_001")));
        assert_eq!((call.call.direction, call.call.provider.as_deref()), (Some(Direction::In), Some("threecx")));
        assert_eq!(call.customer.as_deref(), Some("+66812345678"));
        let [a, b] = &call.recordings[..] else { panic!("two tracks") };
        assert_eq!((a.path.as_deref(), a.leg.role, a.leg.channel), (Some("a.mp3"), Role::Customer, None));
        assert_eq!((b.path.as_deref(), b.leg.role, b.leg.channel), (Some("b.wav"), Role::Agent, Some(0)));
        assert_eq!(a.leg.started_at.unwrap().unix_ms(), b.leg.started_at.unwrap().unix_ms());
        assert!(call.warnings.is_empty() && call.extra.is_empty());
    }

    #[test]
    fn only_a_path_is_required_and_null_is_as_good_as_missing() {
        let call = read_text(
            r#"{"id": null, "direction": null, "tracks": [{"path": "a", "role": null, "startedAt": null, "channel": null}]}"#,
        )
        .unwrap();
        assert_eq!((call.recordings[0].leg.clone(), call.call), (Leg::default(), Call::default()));
    }

    #[test]
    fn what_is_known_of_offsets_is_read() {
        let offsets = |text: &str| -> Vec<Option<(f64, f64)>> {
            let known = |o: KnownOffset| (o.offset.0, o.uncertainty.0);
            read_text(text).unwrap().recordings.iter().map(|r| r.leg.offset.map(known)).collect()
        };
        let one = r#"{"tracks": [{"path": "a", "offsetMs": -20, "offsetUncertaintyMs": 5.5}, {"path": "b"}]}"#;
        assert_eq!(offsets(one), [Some((-20.0, 5.5)), None]);
        let all = r#"{"aligned": true, "tracks": [{"path": "a", "offsetMs": 7}, {"path": "b"}]}"#;
        assert_eq!(offsets(all), [Some((7.0, 0.0)), Some((0.0, 0.0))]);
        assert_eq!(offsets(r#"{"aligned": false, "tracks": [{"path": "a", "offsetMs": null}]}"#), [None]);
    }

    #[test]
    fn caller_and_callee_go_by_the_direction() {
        let text =
            r#"{"direction": "out", "tracks": [{"path": "a", "role": "caller"}, {"path": "b", "role": "callee"}]}"#;
        let roles: Vec<Role> = read_text(text).unwrap().recordings.iter().map(|r| r.leg.role).collect();
        assert_eq!(roles, [Role::Agent, Role::Customer]);
    }

    #[test]
    fn unknown_fields_are_kept_and_named() {
        let call = read_text(r#"{"colour": 1, "tracks": [{"path": "a", "codec": "mp3"}]}"#).unwrap();
        assert_eq!((&call.extra["colour"], &call.recordings[0].extra["codec"]), (&1.into(), &"mp3".into()));
        let codes: Vec<&str> = call.warnings.iter().map(|w| &*w.code).collect();
        assert_eq!(codes, ["unknown_field", "unknown_field"]);
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (text, message) in [
            (r#"{"tracks": []}"#, "manifest: wrong tracks: found an empty array, expected at least one track"),
            (r#"{"tracks": {}}"#, "manifest: wrong tracks: found an object, expected an array"),
            (
                r#"{"tracks": [{"role": "agent"}]}"#,
                "manifest: wrong tracks[0].path: found nothing, expected a path relative to the manifest",
            ),
            (r#"{"tracks": [7]}"#, "manifest: wrong tracks[0]: found a number, expected an object with a path"),
            (
                r#"{"direction": "inbound", "tracks": [{"path": "a"}]}"#,
                "manifest: wrong direction: found \"inbound\", expected one of in, out, internal",
            ),
            (
                r#"{"tracks": [{"path": "a", "startedAt": "yesterday"}]}"#,
                "manifest: wrong tracks[0].startedAt: found \"yesterday\", expected Unix seconds or RFC 3339 with an offset",
            ),
            (
                r#"{"tracks": [{"path": "a"}, {"path": "a", "channel": 1}]}"#,
                "manifest: wrong tracks[1]: found a a second time, expected another file or another channel",
            ),
            (
                r#"{"aligned": 1, "tracks": [{"path": "a"}]}"#,
                "manifest: wrong aligned: found a number, expected true or false",
            ),
            (
                r#"{"tracks": [{"path": "a", "offsetMs": 1e99}]}"#,
                "manifest: wrong tracks[0].offsetMs: found 1e99 and 0, expected milliseconds within a day, the uncertainty 0 or more",
            ),
            (
                r#"{"tracks": [{"path": "a", "offsetUncertaintyMs": 5}]}"#,
                "manifest: wrong tracks[0].offsetUncertaintyMs: found no offsetMs, expected an offset too",
            ),
            (
                r#"{"tracks": [{"path": "a", "channel": -1}]}"#,
                "manifest: wrong tracks[0].channel: found -1, expected a channel counted from 0",
            ),
        ] {
            let error = read_text(text).unwrap_err();
            assert_eq!(error.to_string(), format!("provider: {message}"));
            assert_eq!(error.kind(), ErrorKind::Malformed);
        }
    }
}
