//! Calls of which everything is known, made of the fixtures.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::call::Tag;
use crate::export::encode_audio;
use crate::units::Rate;

/// A folder with a call of two channels, one of one channel, one whose channels are the same, and
/// one that is no audio.
struct Calls(PathBuf);

impl Calls {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("callweave-evaluate-{name}-{}", std::process::id()));
        fs::create_dir_all(folder.join("more")).unwrap();
        let fixture = format!("{}/../fixtures/stereo/call.wav", env!("CARGO_MANIFEST_DIR"));
        fs::copy(&fixture, folder.join("more/a.wav")).unwrap();
        let one = vec![100; 8_000 * 5];
        let write = |name: &str, channels: &[Vec<i16>]| {
            let bytes = encode_audio(channels, Rate::NARROWBAND, crate::config::Format::Wav).unwrap();
            fs::write(folder.join(name), bytes).unwrap();
        };
        write("mono.wav", std::slice::from_ref(&one));
        write("same.wav", &[one.clone(), one]);
        write("brief.wav", &[vec![1; 800], vec![100; 800]]);
        fs::write(folder.join("text.mp3"), "no audio").unwrap();
        fs::write(folder.join("notes.txt"), "not looked at").unwrap();
        Self(folder)
    }

    fn evaluate(&self, options: &EvaluateOptions, threads: usize) -> Result<Evaluation> {
        let run = RunOptions { threads: Some(threads), ..RunOptions::default() };
        evaluate(&self.0, options, &Config::default(), &run)
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_call_of_two_channels_is_its_own_truth() {
    let calls = Calls::new("truth");
    let options = EvaluateOptions::default();
    let found = calls.evaluate(&options, 1).unwrap();
    assert_eq!((found.calls.found, found.calls.used, found.calls.failed), (5, 1, 0));
    let unused: Vec<(&str, u64)> = found.calls.unused.iter().map(|(why, &count)| (why.as_str(), count)).collect();
    assert_eq!(unused, [("not_two_channels", 1), ("same_channels", 1), ("too_short", 1), ("unreadable", 1)]);
    let split = found.placement.iter().find(|row| row.kind == Some(Disturbance::Split)).unwrap();
    assert_eq!((split.within_250_ms.count, split.equal_starts.count, split.equal_ends.count), (1, 1, 1));
    assert!(split.median_ms < 20.0, "{split:?}");
    let speech = found.speech.iter().find(|row| row.kind == Some(Disturbance::Split)).unwrap();
    assert!(speech.f1.unwrap() > 0.97, "the same channels, in files of their own: {speech:?}");
    let all = found.placement.last().unwrap();
    assert_eq!((all.kind, all.within_250_ms.of), (None, 7), "what is summed is not placed");
    let binned = |bins: &[ConfidenceBin]| bins.iter().map(|bin| bin.right.of).sum::<u64>();
    assert_eq!((binned(&found.confidence), binned(&found.confidence_fine)), (7, 7), "each is in one bin");
    let frames = [speech.missed, speech.added, found.voices.right];
    assert!(
        frames.iter().all(|share| share.share.is_some() && share.low.is_none()),
        "frames hang together: {frames:?}"
    );
    let twice = options.clone().with_kinds([Disturbance::ALL, Disturbance::ALL].concat());
    assert_eq!(calls.evaluate(&twice, 1).unwrap(), found, "a kind given twice is done once");
    let json = found.to_json().unwrap();
    assert!(!json.contains("-0.0"), "{json}");
    assert!(!json.contains("a.wav") && !json.contains("more"), "nothing of a single call: {json}");
    assert_eq!(serde_json::from_str::<Evaluation>(&json).unwrap(), found);
    assert!(found.to_text().contains("1 calls of 5 files"), "{}", found.to_text());
    assert_eq!(calls.evaluate(&options, 2).unwrap(), found, "on any number of threads");
    let other = calls.evaluate(&options.clone().with_seed(2), 1).unwrap();
    assert!(other.placement != found.placement, "another seed draws other disturbances");
}

#[test]
fn what_was_measured_of_a_recorder_is_nothing_of_disturbances() {
    let calls = Calls::new("prior");
    let parties = [Role::Agent, Role::Customer];
    let options = EvaluateOptions::default().with_kinds(vec![Disturbance::Shifted]).with_roles(parties);
    let prior = r#"{"of": "customer", "after": "agent", "meanMs": 30000, "spreadMs": 0, "calls": 1000}"#;
    let profile = format!(r#"{{"name": "trunk", "config": {{"align": {{"offsetPrior": {prior}}}}}}}"#);
    let plain = calls.evaluate(&options, 1).unwrap();
    let configs = [format!(r#"{{"align": {{"offsetPrior": {prior}}}}}"#), format!(r#"{{"profile": {profile}}}"#)];
    for config in configs {
        let config = Config::from_json(&config).unwrap();
        let found = evaluate(&calls.0, &options, &config, &RunOptions::default()).unwrap();
        assert_eq!((found.calls.failed, &found.config_hash), (0, &config.hash().unwrap()));
        assert_eq!((found.placement, found.speech), (plain.placement.clone(), plain.speech.clone()));
    }
}

#[test]
fn labels_are_held_against_what_is_heard() {
    let calls = Calls::new("labels");
    let path = calls.0.join("labels.csv");
    let read = |text: &str| {
        fs::write(&path, text).unwrap();
        read_labels(&path)
    };
    let of = |text: &str| {
        let options = EvaluateOptions::default().with_kinds(vec![Disturbance::Split]).with_labels(read(text).unwrap());
        calls.evaluate(&options, 1).map(|found| found.labels)
    };
    let heard = of("file,tag\nmore/a.wav,normal,conversation\n").unwrap().unwrap();
    assert_eq!((heard.tag.of, heard.outcome.of, heard.tag.count + heard.changed.len() as u64), (1, 1, 1));
    let wrong = of("more/a.wav, wrong_or_spam").unwrap().unwrap();
    assert_eq!((wrong.tag.count, wrong.outcome.of), (0, 0));
    assert_eq!(wrong.changed[0].from, Tag::WrongOrSpam.name());
    for (labels, call) in [("b.wav,normal", "b.wav"), ("more/a.wav,normal\nmono.wav,short", "mono.wav")] {
        let error = of(labels).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.to_string().contains(call), "{error}");
    }
    for nonsense in ["a.wav", "a.wav,good", "a.wav,normal,nice", "a,b,c,d", ",normal", "a.wav,"] {
        assert!(read(nonsense).unwrap_err().to_string().contains("line 1"), "{nonsense}");
    }
    let twice = read("file,tag\na.wav,normal\na.wav,normal").unwrap_err().to_string();
    assert!(twice.contains("line 3") && twice.contains("a.wav"), "{twice}");
    for empty in ["", "file,tag\n"] {
        assert!(read(empty).unwrap_err().to_string().contains("no label"));
    }
}

#[test]
fn an_evaluation_by_a_map_of_confidence_is_not_calibrated_again() {
    let calls = Calls::new("again");
    let options = EvaluateOptions::default().with_kinds(vec![Disturbance::Split]);
    let config = Config::default().with_confidence_map(vec![(0.5, 0.4), (0.9, 0.8)]);
    let found = evaluate(&calls.0, &options, &config, &RunOptions::default()).unwrap();
    let error = calibrate("again", &found).unwrap_err();
    assert!(found.calibrated && error.to_string().contains("calibrated already"), "{error}");
    let plain = Evaluation { calibrated: false, ..found };
    assert!(calibrate("first", &plain).unwrap_err().to_string().contains("too little"));
    let mut huge = plain.clone();
    huge.confidence_fine.truncate(1);
    huge.confidence_fine[0].right.of = u64::MAX;
    huge.confidence_fine.push(huge.confidence_fine[0].clone());
    assert!(calibrate("huge", &huge).is_ok(), "counts that no folder gives");
    let json = plain.to_json().unwrap();
    assert_eq!(Evaluation::from_json(&json).unwrap(), plain);
    let refused = |from: &str, to: &str| Evaluation::from_json(&json.replacen(from, to, 1)).unwrap_err().to_string();
    let unsaid = refused("\"calibrated\":false,", "");
    assert!(unsaid.contains("calibrated"), "what is not said is not taken for no: {unsaid}");
    let other = refused("\"schemaVersion\":1", "\"schemaVersion\":2");
    assert!(other.contains("found schemaVersion 2, expected schemaVersion 1"), "{other}");
    assert!(refused("\"schemaVersion\":1,", "").contains("found no schemaVersion"));
}

#[test]
fn files_of_every_container_are_looked_at() {
    let files = fs::read_dir(format!("{}/../fixtures/codecs", env!("CARGO_MANIFEST_DIR"))).unwrap();
    // Of one channel, without a header, or no recording.
    let others = ["amr", "awb", "alaw", "g722", "g726", "g729", "gsm", "sln", "ulaw", "vox", "zip", "json"];
    let paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    let is_other = |path: &PathBuf| others.iter().any(|ending| path.extension().is_some_and(|e| e == *ending));
    let unseen: Vec<&PathBuf> = paths.iter().filter(|path| !is_audio(path) && !is_other(path)).collect();
    assert!(unseen.is_empty() && paths.len() > 50, "{unseen:?}");
    assert!(is_audio(Path::new("CALL.MOV")) && !is_audio(Path::new("call.txt")));
}

#[test]
fn counts_of_nothing_are_no_negative_zeros() {
    let sure = tally::sure(&[]);
    assert_eq!((sure.wrong, sure.expected_wrong, sure.most_by_chance), (Share::default(), 0.0, 0.5));
    assert!(sure.expected_wrong.is_sign_positive());
}

#[test]
fn a_profile_says_who_is_on_the_channels_unless_the_options_do() {
    let config = crate::config::Profile::preset("vicidial").unwrap().config().unwrap();
    let plain = EvaluateOptions::default();
    assert_eq!(roles(&plain, &config).unwrap(), [Role::Agent, Role::Customer]);
    assert_eq!(roles(&plain, &Config::default()).unwrap(), [Role::Unknown; 2]);
    let said = plain.clone().with_roles([Role::Customer, Role::Agent]);
    assert_eq!(roles(&said, &config).unwrap(), [Role::Customer, Role::Agent]);
    // A profile whose channels say nothing of such a call is not passed over.
    for channels in [&["caller", "callee"][..], &["agent"], &["agent", "customer", "transfer"]] {
        let profile = crate::config::Profile::new("trunk", Default::default()).unwrap();
        let config = profile.with_channels(channels.to_vec()).unwrap().config().unwrap();
        let error = roles(&plain, &config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.to_string().contains(&format!("{} of trunk", channels.join(", "))), "{error}");
        assert_eq!(roles(&said, &config).unwrap(), [Role::Customer, Role::Agent]);
    }
}

#[test]
fn a_folder_without_two_channel_calls_is_refused() {
    let calls = Calls::new("none");
    fs::remove_dir_all(calls.0.join("more")).unwrap();
    let error = calls.evaluate(&EvaluateOptions::default(), 1).unwrap_err();
    assert!(error.to_string().contains("4 audio files"), "{error}");
    let gone = evaluate("gone", &EvaluateOptions::default(), &Config::default(), &RunOptions::default());
    assert_eq!(gone.unwrap_err().kind(), ErrorKind::Io);
    let run = RunOptions::default();
    run.cancel.cancel();
    let cancelled = evaluate(&calls.0, &EvaluateOptions::default(), &Config::default(), &run);
    assert_eq!(cancelled.unwrap_err().kind(), ErrorKind::Cancelled);
}
