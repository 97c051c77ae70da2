//! Reports of the fixtures, changed by hand.

use std::fs;

use super::*;
use crate::call::{Outcome, Tag};
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
    assert_eq!((track.track, track.moved_ms, track.speech_added_ms), (1, Millis(400.0), Millis(0.0)), "{track:?}");
    let track = &found.calls[2].tracks[0];
    assert!((track.speech_removed_ms.0 - 50.0).abs() < 0.01 && track.spans_moved == 1, "{track:?}");
    assert!((track.span_moved_max_ms.0 - 50.0).abs() < 0.01, "{track:?}");
    assert_eq!(found.stages, [StageDifference { stage: "speech".to_owned(), calls: 1 }]);
    let text = found.to_text();
    assert!(text.contains("normal became other: 1") && text.contains("track 1: moved +400 ms"), "{text}");
    assert_eq!(serde_json::from_str::<ReportComparison>(&found.to_json().unwrap()).unwrap(), found);
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
    let found = outdated(folder.join("old")).unwrap();
    assert_eq!((found.reports, found.calls.as_slice()), (2, &["one".to_owned()][..]));
    assert_eq!(found.stages.len(), REVISIONS.len(), "a report without revisions is older than all");
    let same = compare(folder.join("old"), folder.join("old")).unwrap();
    assert_eq!((same.both, same.calls.len()), (2, 0));
    fs::create_dir_all(folder.join("none")).unwrap();
    assert_eq!(compare(folder.join("old"), folder.join("none")).unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert_eq!(outdated(folder.join("gone")).unwrap_err().kind(), ErrorKind::Io);
    fs::remove_dir_all(folder).unwrap();
}
