//! Batches of the program: each call a folder and a line, resumed where they stopped.

use std::fs;

use crate::program::{Folder, wave};
use crate::{program, root};

/// A folder with a list of three good calls and two bad ones; the list's path.
fn list(folder: &Folder) -> String {
    let fixtures = root().join("fixtures");
    fs::create_dir_all(folder.0.join("sound")).unwrap();
    for name in ["agent.wav", "customer.wav"] {
        fs::copy(fixtures.join("short").join(name), folder.0.join("sound").join(name)).unwrap();
    }
    folder.file("poisoned.mp3", "<html>expired</html>");
    let manifest = r#"{"id": "in/line", "tracks": [{"path": "sound/customer.wav", "role": "customer"}]}"#;
    let lines = [
        "# Calls of a day.",
        &fixtures.join("short/manifest.json").display().to_string(),
        "poisoned.mp3",
        "",
        manifest,
        "gone/manifest.json",
        "sound/agent.wav",
    ];
    folder.file("list.txt", lines.join("\n"))
}

fn lines(text: &str) -> Vec<serde_json::Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_batch_gives_each_call_a_folder_and_a_line_in_order() {
    let folder = Folder::new("batch");
    let (list, output) = (list(&folder), folder.output());
    let (status, out, err) = program(&["batch", &list, "-o", &output, "--json", "--series", "--threads", "2"]);
    assert_eq!(status, 1, "{err}");
    let told = lines(&out);
    assert_eq!(out, fs::read_to_string(folder.0.join("out/calls.jsonl")).unwrap());
    let names: Vec<_> = told.iter().map(|line| line["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["short", "poisoned", "in_line", "gone", "agent"]);
    let ok: Vec<_> = told.iter().map(|line| line["ok"] == true).collect();
    assert_eq!(ok, [true, false, true, false, true]);
    assert_eq!((&told[1]["error"]["code"], &told[3]["error"]["code"]), (&"unsupported".into(), &"io".into()));
    assert!(err.lines().count() == 2 && err.contains("poisoned.mp3") && err.contains("gone"), "{err}");
    assert_eq!(told[2]["input"].as_str().unwrap().len(), 81);
    for line in told.iter().filter(|line| line["ok"] == true) {
        let call = folder.0.join("out").join(line["name"].as_str().unwrap());
        let mut files: Vec<_> = fs::read_dir(&call).unwrap().map(|e| e.unwrap().file_name()).collect();
        files.sort();
        assert_eq!(files, ["call.json", "mix.wav", "report.html", "report.json", "series.json"]);
        let report = fs::read_to_string(folder.0.join("out").join(line["report"].as_str().unwrap())).unwrap();
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        assert_eq!((&report["outcome"]["value"], &report["tag"]["value"]), (&line["outcome"], &line["tag"]));
        assert_eq!(report["call"]["durationMs"], line["durationMs"]);
    }
    let alone = program(&["process", &folder.0.join("sound/agent.wav").display().to_string(), "-o", &output]);
    assert_eq!(alone.0, 0);
    let read = |path: &str| fs::read_to_string(folder.0.join("out").join(path)).unwrap();
    assert_eq!(read("report.json"), read("agent/report.json"), "a call of a batch is the same call");
}

#[test]
fn a_batch_that_was_stopped_goes_on_where_it_stopped() {
    let folder = Folder::new("resume");
    let (list, output) = (list(&folder), folder.output());
    let run = |more: &[&str]| program(&[&["batch", &list, "-o", &output, "--no-page"], more].concat());
    let path = |name: &str| folder.0.join("out").join(name);
    assert!(run(&[]).1.starts_with("5 calls: 3 done, 0 done before, 2 failed: "));
    let whole = fs::read(path("calls.jsonl")).unwrap();
    // A run that was killed leaves half a log, half a call, and files under way.
    fs::write(path("calls.jsonl"), &whole[..whole.len() / 2]).unwrap();
    fs::remove_file(path("agent/call.json")).unwrap();
    fs::remove_file(path("agent/report.json")).unwrap();
    fs::write(path("agent/mix.wav"), "half").unwrap();
    fs::write(path("agent/report.json.part"), "half").unwrap();
    let kept = vec![b'k'; fs::read(path("short/mix.wav")).unwrap().len()];
    fs::write(path("short/mix.wav"), &kept).unwrap();
    folder.file("poisoned.mp3", fs::read(root().join("fixtures/keypad-hold/agent.mp3")).unwrap());
    let (status, out, err) = run(&[]);
    assert!(out.starts_with("5 calls: 2 done, 2 done before, 1 failed: "), "{out} {err}");
    assert_eq!(status, 1);
    assert!(fs::read(path("short/mix.wav")).unwrap() == kept, "a call that was done is left alone");
    assert!(fs::metadata(path("agent/mix.wav")).unwrap().len() > 1000 && path("agent/report.json").exists());
    let (was, now) = (lines(std::str::from_utf8(&whole).unwrap()), fs::read_to_string(path("calls.jsonl")).unwrap());
    let now = lines(&now);
    assert!([0, 2, 3, 4].iter().all(|&i| was[i] == now[i]) && now[1]["ok"] == true, "{now:?}");
    // Another configuration is other work.
    assert!(run(&["--layout", "mono"]).1.starts_with("5 calls: 4 done, 0 done before, 1 failed: "));
}

#[test]
fn a_batch_without_personal_data_names_nobody() {
    let folder = Folder::new("batch-pii");
    let list = folder.file("list.txt", "+66812345678.wav\n");
    folder.file("+66812345678.wav", wave(&[]));
    let (status, out, err) = program(&["batch", &list, "-o", &folder.output(), "--json", "--pii", "drop"]);
    assert_eq!(status, 1);
    assert!(out.contains("\"name\":\"line-1\"") && !out.contains("6681") && !err.contains("6681"), "{out} {err}");
}

#[test]
fn a_batch_with_wrong_arguments_is_refused() {
    let folder = Folder::new("batch-arguments");
    let (list, output) = (list(&folder), folder.output());
    let empty = folder.file("empty.txt", "# nothing\n");
    let cases: [(u8, &[&str]); 9] = [
        (2, &["batch"]),
        (2, &["batch", &list]),
        (2, &["batch", &empty, "-o", &output]),
        (2, &["batch", &list, "-o", &output, "--redact", "1-2"]),
        (2, &["batch", &list, "-o", &output, "--offsets", "0,1200"]),
        (2, &["batch", &list, "-o", &output, "--facts", &list]),
        (2, &["batch", &list, "-o", &output, "--timings", &list]),
        (2, &["batch", &list, "-o", &output, "--rate", "1"]),
        (1, &["batch", "gone.txt", "-o", &output]),
    ];
    for (expected, case) in cases {
        let (status, out, err) = program(case);
        assert_eq!((status, out.as_str()), (expected, ""), "{case:?}: {err}");
        assert!(!folder.0.join("out").exists(), "{case:?}");
    }
    let (status, help, _) = program(&["batch", "--help"]);
    assert!(
        status == 0 && help.contains("LIST") && !help.contains("--redact <") && !help.contains("--offsets"),
        "{help}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_device_is_no_list_and_no_configuration() {
    let call = root().join("fixtures/unclosed/call.wav").display().to_string();
    let folder = Folder::new("device");
    for command in [&["process", &call, "--config", "/dev/zero"][..], &["batch", "/dev/zero", "-o", &folder.output()]] {
        let (status, _, err) = program(command);
        assert!(status != 0 && err.contains("not a file"), "{command:?}: {status} {err}");
    }
}

#[test]
fn a_batch_does_again_what_is_no_longer_so() {
    let folder = Folder::new("resumed");
    let audio = root().join("fixtures/unclosed/call.wav");
    let call = folder.file("call-1.wav", fs::read(&audio).unwrap());
    let list = folder.file("list.txt", format!("{call}\n"));
    let output = folder.output();
    let run = || {
        let (status, out, err) = program(&["batch", &list, "-o", &output, "--no-page", "--threads", "1"]);
        assert_eq!(status, 0, "{err}");
        out
    };
    assert!(run().contains("1 done, 0 done before"));
    assert!(run().contains("0 done, 1 done before"));
    fs::remove_file(folder.0.join("out/call-1/mix.wav")).unwrap();
    assert!(run().contains("1 done, 0 done before"), "an output is missing");
    let shorter = fs::read(&audio).unwrap();
    fs::write(&call, &shorter[..shorter.len() - 4000]).unwrap();
    assert!(run().contains("1 done, 0 done before"), "the recording is another");
    assert!(run().contains("0 done, 1 done before"));
    let mut names: Vec<_> = fs::read_dir(&output).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["call-1", "calls.jsonl"]);
}

#[test]
fn a_line_that_ended_the_process_twice_is_a_result() {
    let folder = Folder::new("poison");
    let call = root().join("fixtures/unclosed/call.wav").display().to_string();
    let list = folder.file("list.txt", format!("{call}\n{call}\n"));
    let output = folder.output();
    fs::create_dir_all(folder.0.join("out/.work")).unwrap();
    fs::write(folder.0.join("out/.work/unclosed"), "2\n").unwrap();
    let (status, out, _) = program(&["batch", &list, "-o", &output, "--no-page", "--json", "--threads", "1"]);
    let lines: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((status, lines.len()), (1, 2));
    assert_eq!((&lines[0]["error"]["code"], &lines[1]["ok"]), (&"internal".into(), &true.into()), "{out}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_has_one_batch_at_a_time() {
    let folder = Folder::new("held");
    let call = root().join("fixtures/unclosed/call.wav").display().to_string();
    let list = folder.file("list.txt", format!("{call}\n"));
    let output = folder.output();
    fs::create_dir_all(&output).unwrap();
    fs::write(folder.0.join("out/.batch"), "4711\n").unwrap();
    let held = fs::File::open(&output).unwrap();
    held.lock().unwrap();
    let (status, _, err) = program(&["batch", &list, "-o", &output]);
    assert!(status == 1 && err.contains("process 4711"), "{err}");
}
