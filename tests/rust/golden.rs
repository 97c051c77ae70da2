//! The report of every fixture call, byte for byte, as the program prints it. `UPDATE_GOLDEN=1`
//! writes them again.

use crate::{program, read, root};

/// The fixture calls and the document that describes each.
pub const CALLS: [(&str, &str); 8] = [
    ("keypad-hold", "manifest.json"),
    ("short", "manifest.json"),
    ("stereo", "manifest.json"),
    ("tencent-dual", "pushes.json"),
    ("tencent-transfer", "pushes.json"),
    ("unclosed", "manifest.json"),
    ("voipbin", "recording.json"),
    ("wellcloud", "recordings2.json"),
];

/// The report with the library's version taken out: a release changes no result.
fn without_version(report: &str) -> String {
    let version = format!("\"library\":{{\"name\":\"callweave\",\"version\":\"{}\"}}", callweave::VERSION);
    assert!(report.contains(&version), "{report}");
    report.replacen(&version, "\"library\":{\"name\":\"callweave\",\"version\":\"*\"}", 1)
}

pub fn reported(call: &str, document: &str, more: &[&str]) -> String {
    let path = format!("fixtures/{call}/{document}");
    let args = [&["process", path.as_str(), "--json", "--portable"], more].concat();
    let (status, out, err) = program(&args);
    assert_eq!(status, 0, "{call}: {err}");
    out
}

#[test]
fn reports_are_the_golden_ones() {
    let mut different = Vec::new();
    for (call, document) in CALLS {
        let golden = format!("fixtures/{call}/report.json");
        let report = without_version(&reported(call, document, &[]));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(root().join(&golden), &report).unwrap();
        } else if read(&golden) != report {
            different.push(format!("{golden}: {report}"));
        }
    }
    assert!(different.is_empty(), "if it is meant: UPDATE_GOLDEN=1\n{}", different.join("\n"));
}

#[test]
fn every_fixture_call_is_tested() {
    for entry in std::fs::read_dir(root().join("fixtures")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let listed = CALLS.iter().any(|(call, _)| *call == name);
        assert!(!entry.path().join("truth.json").exists() || listed, "{name}");
    }
}

#[test]
fn keeping_the_tracks_changes_nothing() {
    use callweave::{CallInput, Config, RunOptions, analyze, process};
    std::env::set_current_dir(root()).unwrap();
    let (config, run) = (Config::default(), RunOptions::default());
    for (call, document) in CALLS {
        let open = || CallInput::open(&[format!("fixtures/{call}/{document}")]).unwrap();
        let report = analyze(open(), &config, &run).unwrap();
        assert_eq!(process(open(), &config, &run).unwrap().report, report, "{call}");
    }
}

#[test]
fn threads_change_nothing() {
    for (call, document) in CALLS {
        let one = reported(call, document, &["--threads", "1"]);
        assert_eq!(one, reported(call, document, &["--threads", "3"]), "{call}");
    }
}

#[test]
fn reports_read_back_as_they_were_written() {
    for (call, _) in CALLS {
        let text = read(format!("fixtures/{call}/report.json"));
        let report: callweave::Report = serde_json::from_str(&text).unwrap();
        assert_eq!(report.to_json().unwrap(), text.trim_end(), "{call}");
    }
}

#[test]
fn the_readmes_picture_is_drawn_from_a_fixture() {
    let report = serde_json::from_str(&reported("keypad-hold", "manifest.json", &[])).unwrap();
    let drawn = callweave::export::strip_svg(&report);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(root().join("core/docs/strip.svg"), &drawn).unwrap();
    }
    assert!(read("core/docs/strip.svg") == drawn, "core/docs/strip.svg is old: UPDATE_GOLDEN=1");
}
