//! The program on bad input: one clear line, the right exit status, nothing on standard output,
//! nothing written half.

use std::fs;
use std::path::PathBuf;

use crate::{program, root};

/// A folder of its own for a test, removed at its end.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("callweave-tests-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// A file in it; its path.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    /// A folder for output in it.
    pub(crate) fn output(&self) -> String {
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
pub(crate) fn wave(sound: &[u8]) -> Vec<u8> {
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
    let cases: [&[&str]; 16] = [
        &[],
        &[&call, "--redact-with", "beep"],
        &[&call, "--roles", "customer,agent"],
        &[&call, "--roles", "boss"],
        &[&call, "--offsets", "soon"],
        &[&call, &manifest],
        &[&call, "--rate", "7999"],
        &[&call, "--downsample", "4000"],
        &[&call, "--downsample", "wide"],
        &[&call, "--level", "-3db"],
        &[&call, "--layout", "round"],
        &[&call, "--no-such-option"],
        &[&call, "--aligned", "--offsets", "0"],
        &[&call, "--pii", "drop", "--show-parties"],
        &[&call, "--no-page", "--show-parties"],
        &[&call, "--no-voices", "--layout", "voices"],
    ];
    for case in cases {
        let err = refused(&folder, 2, case);
        assert!(err.starts_with("error: ") || err.contains("Usage:"), "{case:?}: {err}");
    }
    for option in [["--rate", "8000"], ["--layout", "mono"], ["--format", "flac"]] {
        let (status, out, err) = program(&[&["process", &call, "--json"][..], &option].concat());
        assert_eq!((status, out.as_str(), err.contains("--output")), (2, "", true), "{option:?} without a mix: {err}");
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
fn offsets_that_are_given_are_in_the_report() {
    let track = |name: &str| root().join("fixtures/short").join(name).display().to_string();
    let (one, two) = (track("customer.wav"), track("agent.wav"));
    for (options, want) in [(&["--offsets", "0,1234.5"][..], 1234.5), (&["--aligned"][..], 0.0)] {
        let arguments = [&["process", &one, &two, "--json"][..], options].concat();
        let (status, out, err) = program(&arguments);
        assert_eq!(status, 0, "{err}");
        let report: serde_json::Value = serde_json::from_str(&out).unwrap();
        let found = &report["tracks"][1]["alignment"];
        assert_eq!((found["method"].as_str(), found["offsetMs"].as_f64()), (Some("given"), Some(want)));
    }
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
    assert_eq!(names, ["mix.wav", "report.html", "report.json"]);
}

#[test]
fn a_lower_rate_is_taken_and_told() {
    let folder = Folder::new("downsample");
    let call = root().join("fixtures/codecs/mpeg2.mp3").display().to_string();
    let (status, out, err) = program(&["process", &call, "--json", "--downsample", "8000"]);
    assert_eq!(status, 0, "{err}");
    assert!(out.contains(r#""sampleRateHz":16000"#) && out.contains(r#""decodedRateHz":8000"#), "{out}");
    let (status, out, err) = program(&["normalize", &call, "-o", &folder.output(), "--downsample", "8000"]);
    assert_eq!((status, out.lines().count()), (0, 1), "{err}");
    let wav = fs::read(folder.0.join("out/mpeg2.wav")).unwrap();
    assert_eq!(wav[24..28], 8_000u32.to_le_bytes());
    let (_, _, err) = program(&["process", &call, "--downsample", "4000"]);
    assert!(err.contains("found 4000, expected 8000 to 48000 Hz"), "{err}");
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

#[test]
fn the_name_of_a_3cx_file_and_the_offset_of_its_server_describe_the_call() {
    let folder = Folder::new("threecx");
    let audio = fs::read(root().join("fixtures/unclosed/call.wav")).unwrap();
    let file = folder.file("[Anna Lee]_0812345678-204_20260520081400(1734).wav", audio);
    let report = |args: &[&str]| -> serde_json::Value {
        let (status, out, err) = program(&[&["process", &file, "--json"], args].concat());
        assert_eq!(status, 0, "{err}");
        serde_json::from_str(&out).unwrap()
    };
    let call = report(&["--utc-offset", "+07:00"])["call"].clone();
    assert_eq!((&call["id"], &call["provider"]), (&"20260520081400(1734)".into(), &"threecx".into()));
    assert_eq!((&call["direction"], &call["startedAt"]), (&"in".into(), &"2026-05-20T08:14:00+07:00".into()));
    let without = report(&[]);
    assert_eq!(
        (&without["call"]["startedAt"], &without["tracks"][0]["role"]),
        (&serde_json::Value::Null, &"mixed".into())
    );
    assert!(without["warnings"].to_string().contains("time_without_zone"), "{without}");
    let (status, _, err) = program(&["process", &file, "--utc-offset", "seven"]);
    assert_eq!(status, 2, "{err}");
}

#[test]
fn the_offset_of_a_providers_times_is_the_callers_to_say() {
    let document = "fixtures/wellcloud/recordings2.json";
    for (offset, time) in [("+08:00", "16:08:23+08:00"), ("-03:30", "16:08:23-03:30")] {
        let (status, out, err) = program(&["process", document, "--json", "--utc-offset", offset]);
        assert_eq!(status, 0, "{err}");
        assert!(out.contains(&format!("\"startedAt\":\"2018-01-29T{time}\"")), "{out}");
    }
}

#[test]
fn peaks_and_labels_are_written_where_they_are_asked_for() {
    let folder = Folder::new("labels");
    let (output, call) = (folder.output(), root().join("fixtures/short/manifest.json").display().to_string());
    let formats = "rttm,textgrid,audacity,vtt,csv";
    let (status, _, err) = program(&["process", &call, "-o", &output, "--peaks=50", "--labels", formats]);
    assert_eq!(status, 0, "{err}");
    for name in ["call.rttm", "call.TextGrid", "labels.txt", "turns.vtt", "call.csv"] {
        assert!(fs::metadata(folder.0.join("out").join(name)).unwrap().len() > 40, "{name}");
    }
    // The peaks that were heard while the mix was written are those of its file.
    let mix = folder.0.join("out/mix.wav").display().to_string();
    let (status, out, err) = program(&["peaks", &mix, "--points", "50"]);
    assert_eq!(status, 0, "{err}");
    assert_eq!(out, fs::read_to_string(folder.0.join("out/peaks.json")).unwrap());
    let dat = folder.0.join("mix.dat").display().to_string();
    let (status, out, err) = program(&["peaks", &mix, "--points", "50", "--bits", "16", "-o", &dat]);
    assert_eq!((status, out.lines().count()), (0, 1), "{err}");
    let bytes = fs::read(&dat).unwrap();
    let points = u32::from_le_bytes(bytes[16..20].try_into().unwrap());
    assert_eq!(bytes.len(), 24 + points as usize * 2 * 2 * 2);
    for wrong in [["--points", "0"], ["--points", "4001"], ["--bits", "12"], ["-o", mix.as_str()]] {
        assert_eq!(program(&[&["peaks", mix.as_str()], wrong.as_slice()].concat()).0, 2, "{wrong:?}");
    }
}

#[test]
fn stretches_and_keys_are_taken_out_where_that_is_asked_for_and_each_second_has_its_level() {
    let folder = Folder::new("redact");
    let (output, call) = (folder.output(), root().join("fixtures/keypad-hold/manifest.json").display().to_string());
    let run = |more: &[&str]| program(&[&["process", &call, "-o", &output, "--no-page"], more].concat());
    let (status, out, err) =
        run(&["--redact", "1000-2000,22000-23000", "--redact-keys", "--redact-with", "beep", "--series"]);
    assert_eq!(status, 0, "{err}");
    assert!(out.contains("\n  redacted: ") && out.contains(" stretches ("), "{out}");
    assert!(err.contains("each stretch is wider by 530 ms on either side, because track 1 is placed by"), "{err}");
    let read = |name: &str| -> serde_json::Value {
        serde_json::from_str(&fs::read_to_string(folder.0.join("out").join(name)).unwrap()).unwrap()
    };
    let told = read("report.json")["redacted"].to_string();
    assert!(told.contains("{\"endMs\":2530,\"startMs\":470}") && told.matches("startMs").count() > 2, "{told}");
    assert_eq!(read("series.json")["stepMs"], 1000);
    fs::remove_dir_all(folder.0.join("out")).unwrap();
    for wrong in ["5", "2000-1000", "a-b", "1000-999999999", "NaN-5"] {
        let (status, _, err) = run(&["--redact", wrong]);
        assert_eq!((status, err.lines().count() > 0), (2, true), "{wrong}: {err}");
        assert!(!folder.0.join("out").exists(), "{wrong}: nothing is written");
    }
    assert_eq!(program(&["process", &call, "--redact-keys"]).0, 2, "there is nothing to redact without -o");
    let (status, out, err) = run(&["--redact-keys", "--redact-unsure", "--redacted-tracks", "flac"]);
    assert_eq!(status, 0, "{err}");
    assert!(out.contains("redacted-1.flac") && folder.0.join("out/redacted-1.flac").exists(), "{out}");
    for wrong in [
        &["--redacted-tracks", "wav"][..],
        &["--redact", "0-50", "--redact-unsure"],
        &["--redact-keys", "--keep-unsure"],
        &["--redact-keys", "--redacted-tracks", "mp3"],
    ] {
        assert_eq!(run(wrong).0, 2, "{wrong:?}");
    }
}

#[test]
fn a_call_is_never_written_over_itself() {
    let folder = Folder::new("itself");
    let output = folder.output();
    fs::create_dir_all(&output).unwrap();
    let mix = folder.0.join("out/mix.wav");
    fs::copy(root().join("fixtures/unclosed/call.wav"), &mix).unwrap();
    let before = fs::read(&mix).unwrap();
    let (status, _, err) = program(&["process", mix.to_str().unwrap(), "-o", &output]);
    assert_eq!(status, 2, "{err}");
    assert!(err.contains("would overwrite"), "{err}");
    assert_eq!(fs::read(&mix).unwrap(), before);
}

#[test]
fn names_are_shown_escaped() {
    let folder = Folder::new("escaped");
    let name = "a\x1b[2J\nb.wav";
    let file = folder.file(name, [0xA7; 4096]);
    for command in [&["process", &file][..], &["probe", &file], &["normalize", &file, "-o", &folder.output()]] {
        let (status, out, err) = program(command);
        assert_eq!(status, 1, "{command:?}");
        let said = out + &err;
        assert!(said.contains("a\\u{1b}[2J\\nb.wav") && !said.contains('\x1b'), "{said:?}");
        assert_eq!(said.trim_end().lines().count(), 1, "{said:?}");
    }
}

#[test]
fn dropped_names_are_in_no_error() {
    let folder = Folder::new("dropped");
    let (bad, good) = (folder.file("+66812345678.wav", [0xA7; 4096]), root().join("fixtures/unclosed/call.wav"));
    let good = good.display().to_string();
    for inputs in [&[bad.as_str()][..], &[&good, &bad]] {
        let (_, out, err) = program(&[&["process", "--json", "--pii", "drop"], inputs].concat());
        assert!(!(out.clone() + &err).contains("66812345678"), "{out} {err}");
    }
}

#[test]
fn dropped_names_of_members_are_in_no_error() {
    let folder = Folder::new("dropped-members");
    let zip = fs::read(root().join("fixtures/codecs/two.zip")).unwrap();
    // The members' names are as long as the one that is to be dropped.
    let member = zip.windows(30).position(|w| w.starts_with(b"PK\x03\x04")).unwrap();
    let length = usize::from(zip[member + 26]);
    let name = zip[member + 30..member + 30 + length].to_vec();
    let secret = format!("{}.wav", &"66812345678"[..length - 4]).into_bytes();
    let mut renamed = zip.clone();
    for at in 0..renamed.len() - length {
        if renamed[at..at + length] == name[..] {
            renamed[at..at + length].copy_from_slice(&secret);
        }
    }
    let secret = String::from_utf8(secret).unwrap();
    // A member that cannot be read, one beyond the limits, and a whole archive.
    let mut broken = renamed.clone();
    let body = member + 30 + length;
    broken[body..body + 64].fill(0xA7);
    for (file, bytes) in [("whole.zip", &renamed), ("broken.zip", &broken)] {
        let path = folder.file(file, bytes);
        let config = folder.file("config.json", r#"{"decode": {"maxMembersBytes": 20000}}"#);
        let limited = ["--config", config.as_str()];
        for more in [&[][..], &limited[..]] {
            let kept = program(&[&["process", "--json", &path], more].concat());
            let (_, out, err) = program(&[&["process", "--json", "--pii", "drop", &path], more].concat());
            let said = out + &err;
            assert!(!said.contains(&secret) && !said.contains(file), "{file}: {said}");
            assert!(!said.is_empty() && (kept.1 + &kept.2).contains(file), "{file}: without dropping it is named");
        }
    }
}

#[test]
fn a_document_in_the_folder_of_its_outputs_is_not_written_over() {
    let folder = Folder::new("documents");
    let output = folder.output();
    fs::create_dir_all(&output).unwrap();
    let place = |name: &str| folder.0.join("out").join(name);
    fs::copy(root().join("fixtures/unclosed/call.wav"), place("mix.wav")).unwrap();
    fs::copy(root().join("fixtures/unclosed/call.wav"), place("call.wav")).unwrap();
    let describe = |audio: &str| format!(r#"{{"tracks": [{{"path": "{audio}", "role": "customer"}}]}}"#);
    // A recording that a document in the folder names, and a document that is called as an output.
    for (document, audio) in [("manifest.json", "mix.wav"), ("report.json", "call.wav"), ("peaks.json", "call.wav")] {
        fs::write(place(document), describe(audio)).unwrap();
        let before = [document, audio].map(|name| fs::read(place(name)).unwrap());
        let path = place(document).display().to_string();
        let (status, _, err) = program(&["process", &path, "-o", &output, "--peaks=50"]);
        assert!(status == 2 && err.contains("would overwrite"), "{document}: {status} {err}");
        assert!(before == [document, audio].map(|name| fs::read(place(name)).unwrap()), "{document}");
    }
    let path = place("manifest.json").display().to_string();
    fs::write(&path, describe("call.wav")).unwrap();
    fs::remove_file(place("mix.wav")).unwrap();
    assert_eq!(program(&["process", &path, "-o", &output]).0, 0, "nothing of it is written over");
}

#[cfg(unix)]
#[test]
fn a_pipe_is_read_from_its_first_byte() {
    let file = root().join("fixtures/unclosed/call.wav").display().to_string();
    let (_, whole, _) = program(&["probe", &file, "--json"]);
    let sha256 = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let whole = sha256(&whole)["source"]["sha256"].clone();
    let folder = Folder::new("pipe");
    let pipe = folder.0.join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (from, to) = (file.clone(), pipe.clone());
    let writer = std::thread::spawn(move || fs::copy(from, fs::canonicalize(to).unwrap()).unwrap());
    let (status, out, err) = program(&["process", pipe.to_str().unwrap(), "--json"]);
    writer.join().unwrap();
    assert_eq!(status, 0, "{err}");
    assert_eq!(sha256(&out)["tracks"][0]["source"]["sha256"], whole);
}
