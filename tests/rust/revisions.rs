//! The revisions of the stages, held against the reports of the fixture calls: a stage whose
//! numbers moved since the last release has another revision, and a patch release moves none.

use std::collections::BTreeMap;

use callweave::report::REVISIONS;
use serde_json::{Value, json};

use crate::golden::{CALLS, reported};
use crate::{read, root};

const RELEASE: &str = "fixtures/revisions.json";

/// What of a report each stage makes: parts of the report, and of each track.
const PARTS: [(&str, &[&str], &[&str]); 9] = [
    ("decode", &[], &["source", "pieces"]),
    ("level", &[], &["level"]),
    ("events", &[], &["events"]),
    ("align", &["call"], &["alignment"]),
    ("speech", &["turns"], &["speech", "bleed"]),
    ("voices", &[], &["voices", "voicesConfidence"]),
    ("metrics", &["metrics"], &[]),
    ("integrity", &["integrity"], &[]),
    ("outcome", &["outcome", "tag"], &[]),
];

/// A hash of what a stage makes of the fixture calls: FNV-1a of 64 bits, which notes a change and
/// needs no library.
fn hash(reports: &[Value], parts: &[&str], of_tracks: &[&str]) -> String {
    let tracks = |report: &Value| report["tracks"].as_array().cloned().unwrap_or_default();
    let told = reports.iter().flat_map(|report| {
        let whole = parts.iter().map(|part| report[*part].to_string());
        let tracks = tracks(report);
        let each = tracks.iter().flat_map(|track| of_tracks.iter().map(|part| track[*part].to_string()));
        whole.chain(each).collect::<Vec<String>>()
    });
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for byte in told.flat_map(String::into_bytes) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{hash:016x}")
}

/// The revision and the hash of each stage.
fn stages() -> BTreeMap<&'static str, Value> {
    let reports: Vec<Value> =
        CALLS.iter().map(|(call, document)| serde_json::from_str(&reported(call, document, &[])).unwrap()).collect();
    let stage = |(stage, parts, of_tracks): &(&'static str, &[&str], &[&str])| {
        let revision = REVISIONS.iter().find(|(name, _)| name == stage).map(|(_, revision)| revision);
        (*stage, json!({"revision": revision, "hash": hash(&reports, parts, of_tracks)}))
    };
    PARTS.iter().map(stage).collect()
}

#[test]
fn numbers_move_with_their_revision_and_in_no_patch_release() {
    assert_eq!(REVISIONS.map(|(stage, _)| stage), PARTS.map(|(stage, _, _)| stage));
    let now = json!({"version": callweave::VERSION, "stages": stages()});
    let is_patch = !callweave::VERSION.ends_with(".0");
    if std::env::var_os("UPDATE_GOLDEN").is_some() && !is_patch {
        // Of a version that is not yet released: its numbers are what they come to.
        std::fs::write(root().join(RELEASE), format!("{now:#}\n")).unwrap();
        return;
    }
    let release: Value = serde_json::from_str(&read(RELEASE)).unwrap();
    let minor = |version: &Value| version.as_str().unwrap().rsplit_once('.').unwrap().0.to_owned();
    assert_eq!(minor(&release["version"]), minor(&now["version"]), "UPDATE_GOLDEN=1 for a new minor release");
    assert_eq!(release["stages"], now["stages"], "a patch release moves no number; before 0.x.0, UPDATE_GOLDEN=1");
}
