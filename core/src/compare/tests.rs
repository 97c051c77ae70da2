//! Reports of the fixtures, changed by hand.

use std::fs;

use super::*;
use crate::call::{Outcome, Role, Tag};
use crate::error::ErrorKind;
use crate::report::VoiceReport;
use crate::timeline::Knot;
use crate::units::{Millis, Span};

fn fixture(name: &str) -> Report {
    let path = format!("{}/../fixtures/{name}/report.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn named(reports: Vec<(&str, Report)>) -> BTreeMap<String, Report> {
    reports.into_iter().map(|(name, report)| (name.to_owned(), report)).collect()
}

#[test]
fn the_same_reports_differ_in_nothing() {
    let old = named(vec![("a", fixture("short")), ("b", fixture("keypad-hold"))]);
    let found = compare_reports(&old, &old);
    assert_eq!((found.both, found.calls.len(), found.tag.count, found.stages.len()), (2, 0, 0, 0));
}

#[test]
fn what_changed_is_told_and_the_worst_comes_first() {
    let plain = || fixture("keypad-hold");
    let mut tagged = plain();
    tagged.tag.value = Tag::Other;
    tagged.outcome.value = Outcome::Unknown;
    let mut moved = plain();
    let alignment = moved.tracks[1].alignment.as_mut().unwrap();
    alignment.offset_ms = alignment.offset_ms + Millis(400.0);
    alignment.knots.iter_mut().for_each(|knot| knot.call = knot.call + Millis(400.0));
    moved.tracks[1].speech.iter_mut().for_each(|span| {
        *span = Span { start: span.start + Millis(400.0), end: span.end + Millis(400.0) };
    });
    let mut spoken = plain();
    let span = &mut spoken.tracks[0].speech[0];
    *span = Span { start: span.start, end: span.end - Millis(50.0) };
    spoken.stages.insert("speech".to_owned(), 99);
    let old = named(vec![("a", plain()), ("b", plain()), ("c", plain()), ("gone", plain())]);
    let new = named(vec![("a", spoken), ("b", moved), ("c", tagged), ("come", plain())]);
    let found = compare_reports(&old, &new);
    let order: Vec<&str> = found.calls.iter().map(|call| call.call.as_str()).collect();
    assert_eq!(order, ["c", "b", "a"]);
    assert_eq!(
        (found.only_old.as_slice(), found.only_new.as_slice()),
        (&["gone".to_owned()][..], &["come".to_owned()][..])
    );
    assert_eq!((found.tag.count, found.outcome.count, found.moved.count, found.speech.count), (1, 1, 1, 1));
    assert_eq!((found.tags[0].from.as_str(), found.tags[0].to.as_str()), ("normal", "other"));
    let track = &found.calls[1].tracks[0];
    assert_eq!(
        (track.track, track.moved_ms, track.speech_added_ms),
        (1, Some(Millis(400.0)), Some(Millis(0.0))),
        "{track:?}"
    );
    let track = &found.calls[2].tracks[0];
    assert!((track.speech_removed_ms.unwrap().0 - 50.0).abs() < 0.01 && track.spans_moved == Some(1), "{track:?}");
    assert!((track.span_moved_max_ms.unwrap().0 - 50.0).abs() < 0.01, "{track:?}");
    assert_eq!(found.stages, [StageDifference { stage: "speech".to_owned(), calls: 1 }]);
    let text = found.to_text();
    assert!(text.contains("normal became other: 1") && text.contains("track 1: moved +400 ms"), "{text}");
    assert_eq!(serde_json::from_str::<ReportComparison>(&found.to_json().unwrap()).unwrap(), found);
}

#[test]
fn calls_are_paired_by_their_ids_and_else_by_their_names() {
    let with_id = |id: &str| {
        let mut report = fixture("short");
        report.call.id = Some(id.to_owned());
        report
    };
    let mut plain = fixture("short");
    plain.call.id = None;
    let old = named(vec![("x", with_id("1")), ("x~2", with_id("2")), ("y", with_id("3")), ("z", plain.clone())]);
    let new = named(vec![("x", with_id("2")), ("x~2", with_id("1")), ("y", with_id("4")), ("z", plain)]);
    assert_eq!(pair::calls(&old, &new), [("x", "x~2"), ("x~2", "x"), ("z", "z")]);
    let found = compare_reports(&old, &new);
    assert_eq!((found.both, found.calls.len()), (3, 0));
    assert_eq!((found.only_old, found.only_new), (vec!["y".to_owned()], vec!["y".to_owned()]));
    let twice = named(vec![("a", with_id("1")), ("b", with_id("1"))]);
    assert_eq!(pair::calls(&twice, &twice), [("a", "a"), ("b", "b")], "an id of two calls tells none of them");
}

#[test]
fn tracks_are_paired_by_their_recordings() {
    let old = fixture("keypad-hold");
    let mut new = old.clone();
    new.tracks.reverse();
    new.tracks.iter_mut().enumerate().for_each(|(index, track)| track.index = index);
    let difference = ComparedCall::new("a", &old, &new).difference;
    assert!(!difference.is_there(), "the same two tracks in another order: {difference:?}");
    let mut other = old.clone();
    other.tracks[1].source.as_mut().unwrap().sha256 = Some("another file".to_owned());
    let difference = ComparedCall::new("a", &old, &other).difference;
    assert_eq!((difference.tracks.len(), difference.tracks_unpaired), (0, 2), "{difference:?}");
}

#[test]
fn the_channels_of_one_recording_are_paired_by_their_numbers() {
    let old = fixture("stereo");
    assert_eq!(old.tracks.iter().map(|track| track.channel).collect::<Vec<_>>(), [Some(0), Some(1)]);
    assert!(fixture("short").tracks.iter().all(|track| track.channel.is_none()), "files of one channel");
    let mut new = old.clone();
    new.tracks.reverse();
    new.tracks.iter_mut().enumerate().for_each(|(index, track)| track.index = index);
    let difference = ComparedCall::new("a", &old, &new).difference;
    assert!(!difference.is_there(), "the second channel first: {difference:?}");
    new.tracks.remove(0);
    let difference = ComparedCall::new("a", &old, &new).difference;
    assert_eq!((difference.tracks.len(), difference.tracks_unpaired), (0, 1), "the first alone: {difference:?}");
    new.tracks.iter_mut().for_each(|track| track.channel = None);
    let difference = ComparedCall::new("a", &old, &new).difference;
    assert_eq!((difference.tracks.len(), difference.tracks_unpaired), (0, 1), "by the order, where none says it");
}

#[test]
fn a_placement_that_was_stretched_has_moved() {
    let old = fixture("keypad-hold");
    let mut new = old.clone();
    let knots = &mut new.tracks[1].alignment.as_mut().unwrap().knots;
    knots.truncate(1);
    knots.push(Knot { track: Millis(30_000.0), call: knots[0].call + Millis(30_600.0) });
    let found = compare_reports(&named(vec![("a", old)]), &named(vec![("a", new)]));
    assert_eq!((found.moved.count, found.moved.of), (1, 1));
    assert!(found.calls[0].tracks[0].moved_ms.unwrap() > Millis(500.0), "{:?}", found.calls);
}

#[test]
fn voices_and_roles_that_changed_are_told() {
    let voice = |voice, role, spans: &[(f64, f64)]| {
        let speech = spans.iter().map(|&(start, end)| Span::new(start, end)).collect();
        VoiceReport { voice, role, role_confidence: None, speech }
    };
    let of = |voices: Option<Vec<VoiceReport>>| {
        let mut report = fixture("keypad-hold");
        report.tracks[0].voices = voices;
        report
    };
    let two = |agent, customer| {
        let one = voice(0, agent, &[(1_000.0, 2_000.0), (3_000.0, 4_000.0)]);
        of(Some(vec![one, voice(1, customer, &[(2_000.0, 3_000.0)])]))
    };
    let old = two(Role::Agent, Role::Customer);
    let changed = |new: Report| {
        let difference = ComparedCall::new("a", &old, &new).difference;
        assert_eq!(difference.tracks.len(), 1, "{difference:?}");
        let text = compare_reports(&named(vec![("a", old.clone())]), &named(vec![("a", new)])).to_text();
        let track = &difference.tracks[0];
        let voices = track.voices.as_ref().map(|voices| (voices.from.clone(), voices.to.clone()));
        (voices, track.voice_changed_ms, track.role.is_some(), text)
    };
    assert!(!ComparedCall::new("a", &old, &old).difference.is_there());
    let pair = |to: &str| Some(("agent, customer".to_owned(), to.to_owned()));
    let one = changed(of(Some(vec![voice(0, Role::Unknown, &[(1_000.0, 4_000.0)])])));
    assert_eq!((one.0, one.1), (pair("unknown"), Some(Millis(1_000.0))));
    assert!(one.3.contains("voices agent, customer → unknown, 1000 ms of speech of another voice"), "{}", one.3);
    let flipped = changed(two(Role::Customer, Role::Agent));
    assert_eq!((flipped.0, flipped.1), (pair("customer, agent"), Some(Millis(0.0))));
    let untold = changed(of(None));
    assert_eq!((untold.0, untold.1), (pair("none"), None), "what is not told apart did not stay");
    let mut moved = old.clone();
    moved.tracks[0].voices.as_mut().unwrap().swap(0, 1);
    moved.tracks[0].voices.as_mut().unwrap().iter_mut().for_each(|told| told.role = Role::Agent);
    assert_eq!(changed(moved).1, Some(Millis(3_000.0)));
    let mut other = old.clone();
    other.tracks[0].role = Role::Transfer;
    let other = changed(other);
    assert!((other.0, other.2) == (None, true) && other.3.contains("→ transfer"), "{}", other.3);
}

#[test]
fn a_comparison_that_was_read_is_shown_whatever_it_says() {
    let old = named(vec![("a", fixture("short"))]);
    let mut found = compare_reports(&old, &old);
    found.both = 0;
    assert!(found.to_text().contains("changed in 0 of 1"), "{}", found.to_text());
}

#[test]
fn what_is_not_known_of_a_track_is_null() {
    let old = fixture("keypad-hold");
    let mut new = old.clone();
    let track = &mut new.tracks[0];
    track.error = Some(serde_json::from_str(r#"{"code": "malformed", "message": "broken"}"#).unwrap());
    (track.source, track.alignment, track.speech, track.events) = (None, None, Vec::new(), Vec::new());
    let difference = ComparedCall::new("a", &old, &new).difference;
    let [track] = difference.tracks.as_slice() else { panic!("one track changed: {difference:?}") };
    let error = track.error.as_ref().unwrap();
    assert_eq!((error.from.as_str(), error.to.as_str()), ("none", "malformed"));
    assert_eq!((track.moved_ms, track.speech_removed_ms, track.events_removed), (None, None, None));
    let found = compare_reports(&named(vec![("a", old.clone())]), &named(vec![("a", new)]));
    assert_eq!((found.both, found.moved, found.speech), (1, Share::default(), Share::default()), "not unchanged");
    let text = found.to_text();
    assert!(text.contains("track 0: error none → malformed"), "{text}");
    assert!(text.contains("placement  changed in 0 of 0, not known of 1"), "{text}");
    let mut other = old.clone();
    other.tracks[1].alignment = None;
    other.tracks[0].speech.clear();
    let found = compare_reports(&named(vec![("a", old)]), &named(vec![("a", other)]));
    assert_eq!((found.moved.of, found.speech.of, found.speech.count), (0, 1, 1), "one track that differs is enough");
}

#[test]
fn events_are_compared_by_kind_and_time() {
    let old = fixture("keypad-hold");
    let mut new = old.clone();
    let at = |report: &Report| report.tracks.iter().position(|track| track.events.len() > 1).unwrap();
    let place = at(&old);
    let events = &mut new.tracks[place].events;
    let count = events.len() as u64;
    events.iter_mut().for_each(|event| event.span.end = event.span.end + Millis(20.0));
    let of = |new: &Report| ComparedCall::new("a", &old, new).difference.tracks.remove(0);
    let track = of(&new);
    assert_eq!((track.events_added, track.events_removed, track.events_changed), (Some(0), Some(0), Some(count)));
    let mut new = old.clone();
    let event = &mut new.tracks[place].events[0];
    event.span = Span { start: event.span.start + Millis(90_000.0), end: event.span.end + Millis(90_000.0) };
    let track = of(&new);
    let changes = (track.events_added, track.events_removed, track.events_changed);
    assert_eq!(changes, (Some(1), Some(1), Some(0)), "as many as before, and one of them elsewhere");
}

#[test]
fn reports_are_found_by_their_folders_and_old_revisions_are_told() {
    let folder = std::env::temp_dir().join(format!("callweave-compare-{}", std::process::id()));
    fs::create_dir_all(folder.join("old/one")).unwrap();
    let mut old = fixture("short");
    fs::write(folder.join("old/two.json"), old.to_json().unwrap()).unwrap();
    old.stages.clear();
    fs::write(folder.join("old/one/report.json"), old.to_json().unwrap()).unwrap();
    fs::write(folder.join("old/calls.json"), "{}").unwrap();
    let newer = old.to_json().unwrap().replacen("\"schemaVersion\":1", "\"schemaVersion\":2", 1);
    for (name, text) in [("cut.json", "{\"schemaVersion\":1"), ("newer.json", newer.as_str())] {
        fs::write(folder.join("old").join(name), text).unwrap();
    }
    fs::create_dir_all(folder.join("old/three")).unwrap();
    fs::write(folder.join("old/three/report.json"), "{}").unwrap();
    let found = outdated(folder.join("old")).unwrap();
    let unreadable: Vec<(&str, &str)> =
        found.unreadable.iter().map(|told| (told.report.as_str(), told.reason.as_str())).collect();
    let [(cut, no_json), newer, three] = unreadable[..] else { panic!("{unreadable:?}") };
    assert!(cut == "cut.json" && no_json.starts_with("not JSON: EOF"), "{no_json}");
    assert_eq!(newer, ("newer.json", "schemaVersion: found 2, expected 1"));
    assert_eq!(three, ("three/report.json", "schemaVersion: found none, expected 1"));
    assert!(found.to_text().contains("cannot be read: newer.json: schemaVersion: found 2"), "{}", found.to_text());
    assert_eq!((found.reports, found.calls.as_slice()), (2, &["one".to_owned()][..]));
    assert_eq!(found.stages.len(), REVISIONS.len(), "a report without revisions is older than all");
    let same = compare(folder.join("old"), folder.join("old")).unwrap();
    assert_eq!((same.both, same.calls.len()), (2, 0));
    assert_eq!((same.unreadable_old.len(), same.unreadable().count()), (3, 6));
    fs::create_dir_all(folder.join("none")).unwrap();
    assert_eq!(compare(folder.join("old"), folder.join("none")).unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert_eq!(outdated(folder.join("gone")).unwrap_err().kind(), ErrorKind::Io);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn stages_that_this_version_does_not_know_are_named() {
    let newer = |revision| {
        let mut report = fixture("short");
        report.stages.insert("emotion".to_owned(), revision);
        report
    };
    let stages = |old: Report, new: Report| -> Vec<(String, u64)> {
        let found = compare_reports(&named(vec![("a", old)]), &named(vec![("a", new)]));
        found.stages.into_iter().map(|told| (told.stage, told.calls)).collect()
    };
    let one = vec![("emotion".to_owned(), 1)];
    assert_eq!(stages(newer(1), newer(2)), one);
    assert_eq!((stages(fixture("short"), newer(1)), stages(newer(1), fixture("short"))), (one.clone(), one));
    assert_eq!(stages(newer(1), newer(1)), []);
    let folder = std::env::temp_dir().join(format!("callweave-stages-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("report.json"), newer(1).to_json().unwrap()).unwrap();
    let found = outdated(&folder).unwrap();
    assert!(found.to_text().contains("stages of another revision: emotion (1 calls)"), "{}", found.to_text());
    assert_eq!(found.calls, ["report.json"]);
    fs::remove_dir_all(folder).unwrap();
}
