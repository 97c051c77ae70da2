//! The program on bad input: one clear line, the right exit status, nothing on standard output, nothing written half.

use std::fs;
use std::path::PathBuf;

use crate::{program, root};

/// A folder of its own for a test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("callweave-tests-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// A file in it; its path.
    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    /// A folder for output in it.
    fn output(&self) -> String {
        self.0.join("out").display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs `process` on inputs that make no call; the line on standard error.
fn refused(folder: &Folder, status: u8, inputs: &[&str]) -> String {
    let output = folder.output();
    let (found, out, err) = program(&[&["process", "-o", &output], inputs].concat());
    assert_eq!((found, out.as_str()), (status, ""), "{inputs:?}: {err}");
    let leftovers: Vec<_> = fs::read_dir(&output).map(|d| d.flatten().collect()).unwrap_or_default();
    assert!(leftovers.is_empty(), "{inputs:?} left {leftovers:?}");
    err
}

/// A wav header of 8 kHz mono 16-bit sound, with `sound` behind it.
fn wave(sound: &[u8]) -> Vec<u8> {
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + sound.len() as u32).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data");
    bytes.extend((sound.len() as u32).to_le_bytes());
    bytes.extend(sound);
    bytes
}

#[test]
fn bad_files_are_named_with_what_was_found_and_expected() {
    let folder = Folder::new("files");
    let manifest = r#"{"tracks": [{"path": "../outside.wav"}]}"#;
    let cases = [
        (folder.0.join("gone.mp3").display().to_string(), "gone.mp3"),
        (folder.0.display().to_string(), "expected"),
        (folder.file("empty.mp3", ""), "empty.mp3"),
        (folder.file("json.mp3", r#"{"Response": {"Error": {"Code": "AuthFailure"}}}"#), "JSON"),
        (folder.file("page.mp3", "<!DOCTYPE html><html><body>404</body></html>"), "HTML"),
        (folder.file("header.wav", wave(&[])), "header.wav"),
        (folder.file("unknown.wav", [0xA7; 4096]), "unknown.wav"),
        (folder.file("leaves.json", manifest), "outside.wav"),
        (folder.file("broken.json", r#"{"tracks": ["#), "broken.json"),
        (folder.file("nothing.json", "{}"), "nothing.json"),
    ];
    for (input, word) in &cases {
        let err = refused(&folder, 1, &[input]);
        assert_eq!(err.lines().count(), 1, "{input}: {err}");
        assert!(err.starts_with("error: ") && err.contains(word), "{input}: {err}");
        assert!(!err.contains("panicked") && err.len() < 400 + input.len(), "{err}");
    }
}

#[test]
fn contradictory_arguments_are_wrong_arguments() {
    let folder = Folder::new("arguments");
    let call = root().join("fixtures/short/agent.wav").display().to_string();
    let manifest = root().join("fixtures/short/manifest.json").display().to_string();
    let cases: [&[&str]; 8] = [
        &[],
        &[&call, "--roles", "customer,agent"],
        &[&call, "--roles", "boss"],
        &[&call, &manifest],
        &[&call, "--rate", "7999"],
        &[&call, "--level", "-3db"],
        &[&call, "--layout", "round"],
        &[&call, "--no-such-option"],
    ];
    for case in cases {
        let err = refused(&folder, 2, case);
        assert!(err.starts_with("error: ") || err.contains("Usage:"), "{case:?}: {err}");
    }
}

#[test]
fn a_configuration_file_is_read_and_checked() {
    let folder = Folder::new("config");
    let call = root().join("fixtures/short/manifest.json").display().to_string();
    let wrong = folder.file("wrong.json", r#"{"speech": {"threshold": 2}}"#);
    let err = refused(&folder, 2, &[&call, "--config", &wrong]);
    assert!(err.contains("speech.threshold") && err.contains("wrong.json"), "{err}");
    let right = folder.file("right.json", r#"{"mix": {"rate": 8000}}"#);
    let (status, out, err) = program(&["process", &call, "--config", &right, "--json"]);
    assert_eq!(status, 0, "{err}");
    assert!(out.contains(r#""config":{"mix":{"rate":8000}}"#), "{out}");
}

#[test]
fn one_dead_track_is_listed_and_the_rest_is_processed() {
    let folder = Folder::new("dead");
    let dead = folder.file("dead.mp3", "<html>expired</html>");
    let alive = root().join("fixtures/short/agent.wav").display().to_string();
    let (status, out, err) = program(&["process", &alive, &dead, "--roles", "agent,customer", "--json"]);
    assert_eq!(status, 0, "{err}");
    assert!(err.contains("dead.mp3") && err.lines().any(|line| line.starts_with("error: track 1")), "{err}");
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["tracks"][1]["error"]["code"], "unsupported");
    assert!(report["tracks"][0]["error"].is_null() && !report["tracks"][0]["speech"].as_array().unwrap().is_empty());
}

#[test]
fn a_call_is_written_with_the_report_that_names_its_mix() {
    let folder = Folder::new("written");
    let (output, call) = (folder.output(), root().join("fixtures/short/manifest.json").display().to_string());
    let (status, out, err) = program(&["process", &call, "-o", &output, "--rate", "16000", "--layout", "mono"]);
    assert_eq!(status, 0, "{err}");
    assert!(out.contains("mix.wav") && out.contains("report.json"), "{out}");
    let report: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(folder.0.join("out/report.json")).unwrap()).unwrap();
    assert_eq!(report["outputs"][0]["path"], "mix.wav");
    assert_eq!((&report["outputs"][0]["sampleRateHz"], &report["outputs"][0]["channels"]), (&16000.into(), &1.into()));
    let (status, out, err) = program(&["probe", &folder.0.join("out/mix.wav").display().to_string(), "--json"]);
    assert_eq!(status, 0, "{err}");
    assert!(out.contains(report["outputs"][0]["sha256"].as_str().unwrap()), "{out}");
    let (status, out, _) =
        program(&["probe", "--quick", &folder.0.join("out/mix.wav").display().to_string(), "--json"]);
    assert!(status == 0 && out.contains("declaredDurationMs") && out.contains(r#""source":null"#), "{out}");
    let mut names: Vec<_> = fs::read_dir(&output).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["mix.wav", "report.json"]);
}

#[test]
fn normalize_writes_one_wav_per_recording_and_tells_of_the_bad_one() {
    let folder = Folder::new("normalize");
    let bad = folder.file("bad.wav", "nothing");
    let good = root().join("fixtures/stereo/call.wav").display().to_string();
    let output = folder.output();
    let (status, out, err) = program(&["normalize", &good, &bad, "-o", &output, "--rate", "16000"]);
    assert_eq!(status, 1);
    assert!(out.contains("call.wav") && err.contains("bad.wav") && err.lines().count() == 1, "{out} {err}");
    let names: Vec<_> = fs::read_dir(&output).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["call.wav"]);
}
