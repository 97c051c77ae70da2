//! The program's proof on calls: evaluate, calibrate, compare; known facts and profiles.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::{program, root};

/// A folder that goes when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("callweave-proof-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.0.join(name), text).unwrap();
        self.path(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_folder_of_calls_is_evaluated_and_only_counts_come_out() {
    let folder = Folder::new("evaluate");
    let counts = folder.path("counts.json");
    let run = |more: &[&str]| program(&[&["evaluate", "fixtures/stereo", "--kinds", "split,summed"], more].concat());
    let (status, out, err) = run(&["-o", &counts]);
    assert_eq!(status, 0, "{err}");
    assert!(out.contains("1 calls of 1 files") && out.contains("equal starts"), "{out}");
    let written = fs::read_to_string(&counts).unwrap();
    assert_eq!(run(&["--json"]).1, written);
    assert!(!written.contains("call.wav"), "{written}");
    let (status, _, err) = program(&["calibrate", &counts]);
    assert_eq!(status, 2, "one placement is too little: {err}");
    let (status, _, err) = program(&["calibrate", &counts, "-o", &counts]);
    assert!(status == 2 && err.contains("would overwrite"), "{err}");
    assert_eq!(fs::read_to_string(&counts).unwrap(), written);
    assert_eq!(program(&["evaluate", "fixtures/short"]).0, 1, "no call of two channels");
    assert_eq!(run(&["--roles", "agent"]).0, 2);
    assert_eq!(run(&["--kinds", "bent"]).0, 2);
}

#[test]
fn nothing_that_is_read_is_written_over() {
    let folder = Folder::new("over");
    for (from, to) in [("stereo/call.wav", "call.wav"), ("stereo/call.wav", "more.wav")] {
        fs::copy(root().join("fixtures").join(from), folder.0.join(to)).unwrap();
    }
    let (call, calls) = (folder.path("call.wav"), folder.0.display().to_string());
    let facts = folder.write("facts.json", "[]");
    let config = folder.write("config.json", "{}");
    let labels = folder.write("labels.csv", "call.wav,normal\n");
    let manifest = folder.write("manifest.json", r#"{"tracks": [{"path": "call.wav"}]}"#);
    let out = folder.path("out");
    let (report, profile) = (folder.path("out/report.json"), folder.write("profile.json", r#"{"name": "a"}"#));
    let cases: [&[&str]; 8] = [
        &["process", &call, "--timings", &call],
        &["process", &manifest, "--timings", &call],
        &["process", &manifest, "--timings", &manifest],
        &["process", &call, "--facts", &facts, "--timings", &facts],
        &["process", &call, "--profile", &profile, "--timings", &profile],
        &["process", &call, "-o", &out, "--timings", &report],
        &["evaluate", &calls, "-o", &folder.path("more.wav")],
        &["evaluate", &calls, "--labels", &labels, "--config", &config, "-o", &config],
    ];
    for case in cases {
        let (status, _, err) = program(case);
        assert!(status == 2 && err.contains("would overwrite"), "{case:?}: {status} {err}");
    }
    assert!(!folder.0.join("out").exists(), "before anything is done");
    assert_eq!(fs::read_to_string(&facts).unwrap(), "[]");
    let timings = folder.path("timings.json");
    assert_eq!(program(&["process", &call, "--timings", &timings]).0, 0);
    assert_eq!(program(&["process", &call, "--timings", &timings]).0, 0, "a file of its own is written anew");
}

#[test]
fn a_call_has_one_profile() {
    let folder = Folder::new("profiles");
    fs::copy(root().join("fixtures/stereo/call.wav"), folder.0.join("call.wav")).unwrap();
    let manifest = folder
        .write("manifest.json", r#"{"profile": "freeswitch", "direction": "in", "tracks": [{"path": "call.wav"}]}"#);
    let (status, out, err) = program(&["process", &manifest, "--json"]);
    assert_eq!(status, 0, "{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!([&report["tracks"][0]["role"], &report["tracks"][1]["role"]], ["customer", "agent"]);
    assert_eq!(program(&["process", &manifest, "--profile", "freeswitch"]).0, 0);
    let (status, _, err) = program(&["process", &manifest, "--profile", "vicidial"]);
    assert!(status == 2 && err.contains("freeswitch") && err.contains("vicidial"), "{err}");
    let trunk = r#"{"name": "trunk", "config": {"speech": {"threshold": 0.6}, "voices": false}}"#;
    let (trunk, named) = (folder.write("trunk.json", trunk), format!(r#"{{"profile": {trunk}}}"#));
    let named = folder.write("named.json", &named);
    for command in [&["process", "fixtures/stereo/call.wav"][..], &["evaluate", "fixtures/stereo"]] {
        let (status, _, err) = program(&[command, &["--config", &named, "--profile", "vicidial"]].concat());
        assert!(status == 2 && err.contains("trunk") && err.contains("vicidial"), "{err}");
    }
    // What is given goes before the profile, though it equals the default.
    let given = folder.write("given.json", r#"{"speech": {"threshold": 0.5}}"#);
    for more in [&["--config", &named][..], &["--config", &given, "--profile", &trunk], &["--profile", &trunk]] {
        let (status, out, err) = program(&[&["process", "fixtures/stereo/call.wav", "--json"], more].concat());
        assert_eq!(status, 0, "{err}");
        let config = &serde_json::from_str::<Value>(&out).unwrap()["config"];
        let threshold = if more.contains(&given.as_str()) { Value::Null } else { 0.6.into() };
        assert_eq!((&config["speech"]["threshold"], &config["voices"]), (&threshold, &false.into()), "{more:?}");
    }
}

#[test]
fn a_profile_is_fitted_to_an_evaluation_and_named_by_the_report() {
    let folder = Folder::new("calibrate");
    let bin = |said: f64, count: u64| {
        serde_json::json!({"from": said, "to": said, "said": said,
        "right": {"count": count, "of": 50, "share": null, "low": null, "high": null}})
    };
    let (status, out, err) = program(&["evaluate", "fixtures/stereo", "--kinds", "split", "--json"]);
    assert_eq!(status, 0, "{err}");
    let mut evaluation: Value = serde_json::from_str(&out).unwrap();
    evaluation["confidenceFine"] = serde_json::json!([bin(0.5, 10), bin(0.9, 30)]);
    let (evaluation, profile) = (folder.write("evaluation.json", &evaluation.to_string()), folder.path("trunk.json"));
    let (status, _, err) = program(&["calibrate", &evaluation, "--name", "trunk", "-o", &profile]);
    assert_eq!(status, 0, "{err}");
    let (status, out, err) = program(&["process", "fixtures/short/manifest.json", "--json", "--profile", &profile]);
    assert_eq!(status, 0, "{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["profile"]["name"], "trunk");
    let said = report["tracks"][1]["alignment"]["confidence"].as_f64().unwrap();
    assert!(said <= 0.63, "no more than what was right at 0.9: {said}");
}

#[test]
fn the_distance_of_recorders_is_measured_on_reports() {
    let folder = Folder::new("offsets");
    let report = fs::read_to_string(root().join("fixtures/tencent-dual/report.json")).unwrap();
    let mut report: Value = serde_json::from_str(&report).unwrap();
    report["tracks"][1]["alignment"]["confidence"] = 0.95.into();
    let write = |name: &str, report: &Value| {
        fs::create_dir_all(folder.0.join(name)).unwrap();
        folder.write(&format!("{name}/report.json"), &report.to_string())
    };
    for number in 0..10 {
        for track in 0..2 {
            report["tracks"][track]["source"]["sha256"] = format!("{number} {track}").into();
        }
        report["tracks"][1]["alignment"]["offsetMs"] = (-850 + 10 * (number - 5)).into();
        write(&format!("{}/{number}", if number < 9 { "may" } else { "june" }), &report);
    }
    let (may, june, profile) = (folder.path("may"), folder.path("june"), folder.path("trunk.json"));
    let (status, _, err) = program(&["calibrate", "--reports", &may]);
    assert!(status == 2 && err.contains("found 9 of 9 reports, expected at least 10"), "{status} {err}");
    let (status, _, err) = program(&["calibrate"]);
    assert!(status == 2 && err.contains("required"), "{err}");
    let all = ["calibrate", "--reports", &may, &june, "--name", "trunk", "-o"];
    let (status, out, err) = program(&[&all[..], &[&profile]].concat());
    assert_eq!(status, 0, "{err}");
    assert!(out.contains("the customer starts 855 ms after the agent, with a spread of 37 ms, on 10 calls"), "{out}");
    let fitted: Value = serde_json::from_str(&fs::read_to_string(&profile).unwrap()).unwrap();
    let told = serde_json::json!({"of": "customer", "after": "agent", "meanMs": 855, "spreadMs": 37, "calls": 10});
    assert_eq!(fitted["config"], serde_json::json!({"align": {"offsetPrior": told}}));
    let one = folder.path("may/3/report.json");
    let (status, _, err) = program(&[&all[..], &[&one]].concat());
    assert!(status == 2 && err.contains("would overwrite"), "{err}");
    assert_eq!(program(&["process", "fixtures/short/manifest.json", "--json", "--profile", &profile]).0, 0);
    write("june/broken", &Value::Null);
    let (status, out, err) = program(&all[..6]);
    assert_eq!((status, serde_json::from_str::<Value>(&out).unwrap()), (1, fitted), "{err}");
    assert!(err.contains("june/broken/report.json: a report that cannot be read"), "{err}");
}

#[test]
fn a_preset_says_who_is_on_which_channel() {
    let call = "fixtures/stereo/call.wav";
    let roles = |profile: &str| -> Vec<String> {
        let (status, out, err) = program(&["process", call, "--json", "--profile", profile]);
        assert_eq!(status, 0, "{err}");
        let report: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(report["profile"]["name"], profile);
        report["tracks"].as_array().unwrap().iter().map(|track| track["role"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(roles("vicidial"), ["agent", "customer"]);
    assert_eq!(roles("freeswitch"), ["unknown", "unknown"], "the direction decides, and nobody said it");
    let (_, _, err) = program(&["process", call, "--profile", "freeswitch"]);
    assert!(err.contains("profile_channels_unused"), "{err}");
    let (status, _, err) = program(&["process", call, "--profile", "none"]);
    assert!(status == 2 && err.contains("freeswitch"), "{err}");
}

#[test]
fn facts_are_read_from_a_file_and_from_a_manifest() {
    let folder = Folder::new("facts");
    let manifest = "fixtures/short/manifest.json";
    let facts = folder.write("facts.json", r#"[{"kind": "hangup", "atMs": 3000}]"#);
    let (status, out, err) = program(&["process", manifest, "--json", "--facts", &facts]);
    assert_eq!(status, 0, "{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&report["facts"][0]["kind"], &report["facts"][0]["contradicted"]), (&"hangup".into(), &true.into()));
    let ends = report["turns"].as_array().unwrap().iter().map(|turn| turn["endMs"].as_f64().unwrap());
    assert!(ends.fold(0.0, f64::max) > 5_000.0, "what contradicts it stays: {}", report["turns"]);
    let wrong = folder.write("wrong.json", r#"[{"kind": "ring", "atMs": 3000}]"#);
    let (status, _, err) = program(&["process", manifest, "--facts", &wrong]);
    assert!(status == 2 && err.contains("ring") && err.matches(&wrong).count() == 1, "{err}");
    let broken = folder.write("broken.json", "[{]");
    let (status, _, err) = program(&["process", manifest, "--facts", &broken]);
    assert!(status == 2 && err.contains("line 1 column 3"), "where and why: {err}");
    let gone = folder.path("gone.json");
    let (status, _, err) = program(&["process", manifest, "--facts", &gone]);
    assert!(status == 2 && err.matches(&gone).count() == 1, "named once: {err}");
    for track in ["customer.wav", "agent.wav"] {
        fs::copy(root().join("fixtures/short").join(track), folder.0.join(track)).unwrap();
    }
    let call = folder.write(
        "manifest.json",
        r#"{"tracks": [{"path": "customer.wav", "startedAt": 1779450482}, {"path": "agent.wav", "startedAt": 1779450482}],
            "events": [{"kind": "hangup", "at": 1779450485}]}"#,
    );
    let (status, out, err) = program(&["process", &call, "--json"]);
    assert_eq!(status, 0, "{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert!((report["facts"][0]["startMs"].as_f64().unwrap() - 3_000.0).abs() < 1_500.0, "{}", report["facts"]);
}

#[test]
fn two_folders_of_reports_are_compared() {
    let folder = Folder::new("compare");
    let report = fs::read_to_string(root().join("fixtures/short/report.json")).unwrap();
    for (set, text) in [("old", report.clone()), ("new", report.replace("\"value\":\"normal\"", "\"value\":\"short\""))]
    {
        fs::create_dir_all(folder.0.join(set).join("a")).unwrap();
        fs::write(folder.0.join(set).join("a/report.json"), text).unwrap();
    }
    let (old, new) = (folder.path("old"), folder.path("new"));
    let (status, out, err) = program(&["compare", &old, &old]);
    assert!(status == 0 && out.contains("1 calls in both"), "{out}{err}");
    let (status, out, _) = program(&["compare", &old, &new, "--json"]);
    let found: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, &found["both"]), (0, &1.into()));
    let (status, out, _) = program(&["compare", &old]);
    assert!(status == 0 && out.contains("0 of 1 reports"), "{out}");
    assert_eq!(program(&["compare", &old, &folder.path("gone")]).0, 1);
    fs::create_dir_all(folder.0.join("new/b")).unwrap();
    fs::write(folder.0.join("new/b/report.json"), "{\"schemaVersion\":").unwrap();
    let (status, out, err) = program(&["compare", &old, &new, "--json"]);
    let found: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, &found["unreadableNew"][0]["report"]), (1, &"b/report.json".into()), "{err}");
    assert!(err.contains("b/report.json: a report that cannot be read: not JSON: EOF"), "{err}");
    assert_eq!(program(&["compare", &new]).0, 1);
}
