//! The program on vCons and SIPREC metadata.

use std::fs;

use serde_json::Value;

use crate::program::Folder;
use crate::{program, read, root};

const VCON: &str = "fixtures/stereo/call.vcon.json";

#[test]
fn a_vcon_is_written_with_the_report_that_is_printed() {
    let folder = Folder::new("vcon");
    let output = folder.0.join("with.vcon.json").display().to_string();
    let (status, out, err) = program(&["process", VCON, "--json", "--vcon", &output]);
    assert_eq!(status, 0, "{err}");
    let (given, written) = (read(VCON), fs::read_to_string(&output).unwrap());
    let report: Value = serde_json::from_str(&out).unwrap();
    let with: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(with["analysis"][0]["body"], report);
    assert_eq!(report["facts"].as_array().unwrap().len(), 2);
    let (before, behind) = given.split_once("\"analysis\": []").unwrap();
    assert!(written.starts_with(before) && written.ends_with(behind));
    // It is a vCon still, and its own report in it changes nothing.
    fs::copy(root().join("fixtures/stereo/call.wav"), folder.0.join("call.wav")).unwrap();
    let (status, again, err) = program(&["process", &output, "--json"]);
    let again: Value = serde_json::from_str(&again).unwrap();
    assert_eq!((status, &again["turns"]), (0, &report["turns"]), "{err}");
}

#[test]
fn a_vcon_is_asked_for_where_there_is_one_and_is_not_written_over() {
    let folder = Folder::new("vcon-wrong");
    let output = folder.0.join("out.vcon").display().to_string();
    let own = folder.file("own.vcon", read("fixtures/published/vcon/ab_call_int_rec.vcon"));
    let (list, out) = (folder.file("list.txt", &own), folder.output());
    for (args, said) in [
        (vec!["process", "fixtures/short/manifest.json", "--vcon", &output], "found a document of the kind manifest"),
        (vec!["process", "fixtures/stereo/call.wav", "--vcon", &output], "expected one vCon as input"),
        (vec!["process", &own, &own, "--vcon", &output], "a document cannot be combined with other inputs"),
        (vec!["process", &own, "--vcon", &own], "the output would overwrite this file"),
        (vec!["process", &own, "-o", &out, "--redact-keys", "--vcon", &output], "--vcon: found a redaction"),
        (vec!["process", &own, "-o", &out, "--vcon", &output, "--redact", "1-2"], "--vcon: found a redaction"),
        (vec!["batch", &list, "-o", &folder.output(), "--vcon", &output], "--vcon names the file of one call"),
    ] {
        let (status, out, err) = program(&args);
        assert_eq!((status, out.as_str()), (2, ""), "{args:?}: {err}");
        assert!(err.contains(said), "{args:?}: {err}");
        assert!(!folder.0.join("out.vcon").exists());
    }
}

#[test]
fn what_cannot_be_read_is_told_in_one_line() {
    for (name, said) in [
        ("vcon/ab_call_ext_rec_signed.vcon", "a signed vCon (JWS) is not read"),
        ("vcon/ab_call_ext_rec_encrypted.vcon", "an encrypted vCon (JWE) is not read"),
        ("vcon/ab_call_ext_rec_redacted.vcon", "no audio for the recording"),
        ("vcon/ab_email_prob_followup_text_thread.vcon", "dialogs of the types text, text, text"),
        ("siprec/rfc7865-8.1.xml", "no audio for the recording"),
        ("siprec/rfc7865-8.2.xml", "found a partial update"),
    ] {
        let (status, out, err) = program(&["process", &format!("fixtures/published/{name}")]);
        assert_eq!((status, out.as_str()), (1, ""), "{name}: {err}");
        assert!(err.contains(said) && err.lines().count() == 1, "{name}: {err}");
    }
}

#[test]
fn a_batch_takes_vcons_and_siprec_metadata() {
    let folder = Folder::new("vcon-batch");
    let vcon = folder.file("one.vcon", read("fixtures/published/vcon/ab_call_int_rec.vcon"));
    let line: Value = serde_json::from_str(&read("fixtures/published/vcon/ab_call_int_rec.vcon")).unwrap();
    let siprec = root().join("fixtures/short/siprec.xml").display().to_string();
    let list = folder.file("list.txt", format!("{vcon}\n{siprec}\n{line}\n"));
    let (status, _, err) = program(&["batch", &list, "-o", &folder.output()]);
    assert_eq!(status, 0, "{err}");
    let calls = fs::read_to_string(folder.0.join("out/calls.jsonl")).unwrap();
    let names: Vec<Value> = calls.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect();
    assert!(names.iter().all(|line| line["error"].is_null()), "{calls}");
    assert!(folder.0.join("out/019f155a-5131-80ec-b9a2-279e0d16bc46/report.json").is_file(), "{calls}");
}

#[test]
fn the_example_with_its_recording_inside_is_heard() {
    let (status, out, err) = program(&["process", "fixtures/published/vcon/ab_call_int_rec.vcon", "--json"]);
    assert_eq!(status, 0, "{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&report["call"]["durationMs"], &report["tracks"][0]["source"]["path"]),
        (&4720.into(), &"ab_call.wav".into())
    );
}

#[test]
fn a_file_beside_the_vcon_is_held_against_its_hash() {
    let folder = Folder::new("vcon-hash");
    fs::copy(root().join("fixtures/stereo/call.wav"), folder.0.join("call.wav")).unwrap();
    let right = folder.file("right.vcon", read(VCON));
    let (status, out, err) = program(&["process", &right, "--json"]);
    assert_eq!(status, 0, "{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&report["tracks"][0]["role"], &report["tracks"][1]["role"]), (&"customer".into(), &"agent".into()));
    assert!(report["facts"].as_array().unwrap().iter().all(|fact| fact["contradicted"] == false), "{out}");
    let wrong = folder.file("wrong.vcon", read(VCON).replace("sha512-3jN", "sha512-4jN"));
    let (status, _, err) = program(&["process", &wrong]);
    assert_eq!(status, 1);
    assert!(err.contains("call.wav: the audio is not the document's: wrong content_hash: found sha512-3jN"), "{err}");
}

#[test]
fn the_streams_of_siprec_are_found_by_their_labels() {
    let (status, out, err) = program(&["process", "fixtures/short/siprec.xml", "--json"]);
    assert_eq!(status, 0, "{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    let party = |track: usize| report["tracks"][track]["party"].as_str().unwrap().to_owned();
    assert_eq!([party(0), party(1)], ["+447700900121", "202@lakeside.example"]);
}

#[test]
fn a_vcon_is_written_over_no_other_file() {
    let folder = Folder::new("vcon-over");
    let wav = folder.0.join("call.wav");
    fs::copy(root().join("fixtures/stereo/call.wav"), &wav).unwrap();
    let (vcon, wav) = (folder.file("call.vcon", read(VCON)), wav.display().to_string());
    let (out, other) = (folder.output(), folder.0.join("other").display().to_string());
    let (report, page) = (format!("{out}/report.json"), format!("{out}/./report.html"));
    let facts = folder.file("facts.json", "[]");
    for args in [
        vec!["--vcon", &wav],
        vec!["--vcon", &facts, "--facts", &facts],
        vec!["--vcon", &report, "-o", &out],
        vec!["--vcon", &page, "-o", &out],
        vec!["--vcon", &other, "--timings", &other],
    ] {
        let all = [vec!["process", &vcon], args].concat();
        let (status, printed, err) = program(&all);
        assert_eq!((status, printed.as_str()), (2, ""), "{all:?}: {err}");
        assert!(err.contains("the output would overwrite this file"), "{all:?}: {err}");
        assert!(!folder.0.join("out").exists() && !folder.0.join("other").exists(), "{all:?}");
    }
    assert_eq!(fs::read(&wav).unwrap(), fs::read(root().join("fixtures/stereo/call.wav")).unwrap());
}

#[test]
fn a_vcon_without_a_place_for_the_report_is_refused_before_the_call_is_heard() {
    let folder = Folder::new("vcon-place");
    fs::copy(root().join("fixtures/stereo/call.wav"), folder.0.join("call.wav")).unwrap();
    let vcon = folder.file("call.vcon", read(VCON).replace("\"analysis\": []", "\"analysis\": 7"));
    let output = folder.0.join("with.vcon").display().to_string();
    let (status, _, err) = program(&["process", &vcon, "-o", &folder.output(), "--vcon", &output]);
    assert_eq!(status, 1, "{err}");
    assert!(err.contains("vcon: wrong analysis: found a number, expected an array"), "{err}");
    assert!(!folder.0.join("out").exists() && !folder.0.join("with.vcon").exists(), "nothing was heard");
}

#[test]
fn parties_of_other_channels_than_there_are_are_not_given() {
    let folder = Folder::new("vcon-channels");
    fs::copy(root().join("fixtures/stereo/call.wav"), folder.0.join("call.wav")).unwrap();
    let parties = "\"parties\": [0, 1]";
    for (channels, known) in [("[1, 0]", true), ("[0, 1, 1]", false), ("[0, null, 1]", false), ("[null, 1]", true)] {
        let vcon = folder.file("call.vcon", read(VCON).replace(parties, &format!("\"parties\": {channels}")));
        let (status, out, err) = program(&["process", &vcon, "--json"]);
        assert_eq!(status, 0, "{err}");
        let report: Value = serde_json::from_str(&out).unwrap();
        let roles: Vec<&str> = (0..2).map(|track| report["tracks"][track]["role"].as_str().unwrap()).collect();
        assert_eq!(roles != ["unknown", "unknown"], known, "{channels}");
        assert_eq!(err.contains("call.wav has 2 channels, and its document says who is on 3"), !known, "{err}");
    }
}
