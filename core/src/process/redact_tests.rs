//! Tracks that are written anew without what was redacted.

use std::fs;
use std::path::PathBuf;

use crate::call::{Fact, FactKind, FactTime, Leg, Moment, Role};
use crate::config::{Config, Format, MixConfig};
use crate::decode::{Input, decode};
use crate::error::ErrorKind;
use crate::process::{CallInput, Processed, Redaction, WriteOptions, analyze, process};
use crate::run::RunOptions;
use crate::speech::ChunkOptions;
use crate::timeline::{Event, EventKind};
use crate::units::{Millis, Rate, Span};

/// A call with keys, and doubts where it is told to have some.
fn call(doubts: &[Span]) -> Processed {
    let manifest = format!("{}/../fixtures/keypad-hold/manifest.json", env!("CARGO_MANIFEST_DIR"));
    let mut call = process(CallInput::open(&[manifest]).unwrap(), &Config::default(), &RunOptions::default()).unwrap();
    call.tracks.iter_mut().for_each(|placed| placed.key_doubts.clear());
    call.tracks[0].key_doubts = doubts.to_vec();
    call
}

fn folder(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("callweave-{name}-{}", std::process::id()))
}

fn tracks(format: Format) -> WriteOptions {
    WriteOptions::default().with_redacted_tracks(Some(format))
}

fn keys() -> Redaction {
    Redaction { keys: true, ..Redaction::default() }
}

fn write(call: &mut Processed, folder: &PathBuf, options: &WriteOptions) -> Result<(), ErrorKind> {
    call.write_with(folder, &MixConfig::default(), options, &RunOptions::default()).map_err(|e| e.kind())
}

#[test]
fn each_track_is_written_anew_as_long_as_it_was_and_without_its_keys() {
    for format in [Format::Wav, Format::Flac] {
        let folder = folder(&format!("anew-{}", format.extension()));
        let mut call = call(&[]);
        let before: Vec<Vec<i16>> = call.tracks.iter().map(|placed| placed.track.samples.clone()).collect();
        call.redact(&Redaction { spans: vec![Span::new(22_000.0, 23_000.0)], ..keys() }).unwrap();
        write(&mut call, &folder, &tracks(format)).unwrap();
        let told: Vec<_> = call.report.outputs.iter().filter(|output| output.kind == "redacted").collect();
        assert_eq!(told.len(), before.len());
        for ((placed, before), output) in call.tracks.iter().zip(&before).zip(told) {
            let (path, rate) = (folder.join(&output.path), placed.track.rate);
            assert_eq!(output.path, format!("redacted-{}.{}", placed.index, format.extension()));
            let read = decode(Input::path(&path), &Default::default()).unwrap();
            assert_eq!((read.len(), read[0].samples.len(), read[0].rate), (1, before.len(), rate), "{path:?}");
            let at = |ms: f64| rate.sample_at(placed.placement.to_track(Millis(ms))) as usize;
            assert!(read[0].samples[at(21_760.0)..at(23_240.0)].iter().all(|&x| x == 0));
            // No key lies near.
            assert_eq!(read[0].samples[at(24_000.0)..at(24_500.0)], before[at(24_000.0)..at(24_500.0)]);
            assert!(before[at(21_760.0)..at(23_240.0)].iter().any(|&x| x != 0), "something was there");
            let report = analyze(vec![Input::path(&path)], &Config::default(), &RunOptions::default()).unwrap();
            assert!(report.tracks[0].events.iter().all(|event| event.kind != EventKind::Dtmf), "{path:?}");
        }
        fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn where_a_key_may_have_stayed_nothing_is_written_unless_it_is_asked_for() {
    let folder = folder("unsure");
    let doubted = || call(&[Span::new(20_000.0, 21_000.0)]);
    let mut kept = doubted();
    kept.redact(&keys()).unwrap();
    assert!(kept.report.warnings.iter().any(|warning| warning.code == "keys_unsure"));
    assert_eq!(write(&mut kept, &folder, &tracks(Format::Wav)), Err(ErrorKind::Unsure));
    assert!(!folder.exists(), "not even the mix");
    // A part of the stretch is not the stretch.
    let first_half = Span::new(19_500.0, 20_400.0);
    kept.redact(&Redaction { spans: vec![first_half], ..Redaction::default() }).unwrap();
    assert_eq!(write(&mut kept, &folder, &tracks(Format::Wav)), Err(ErrorKind::Unsure));
    write(&mut kept, &folder, &tracks(Format::Wav).with_keep_unsure(true)).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    let mut covered = doubted();
    covered.redact(&Redaction { unsure: true, ..keys() }).unwrap();
    assert!(covered.report.warnings.iter().all(|warning| warning.code != "keys_unsure"));
    write(&mut covered, &folder, &tracks(Format::Wav)).unwrap();
    let samples = &covered.tracks[0].track.samples;
    let rate = covered.tracks[0].track.rate;
    assert!(
        samples[rate.sample_at(Millis(19_760.0)) as usize..rate.sample_at(Millis(21_240.0)) as usize]
            .iter()
            .all(|&x| x == 0)
    );
    let mut later = doubted();
    later.redact(&keys()).unwrap();
    let on_call = later.tracks[0].placement.span_to_call(Span::new(20_000.0, 21_000.0));
    later.redact(&Redaction { spans: vec![on_call], ..Redaction::default() }).unwrap();
    write(&mut later, &folder, &tracks(Format::Wav)).unwrap();
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_later_redaction_takes_what_an_earlier_one_left_open() {
    let mut call = call(&[Span::new(20_000.0, 21_000.0)]);
    call.redact(&keys()).unwrap();
    let error = call.write_with(folder("open"), &MixConfig::default(), &tracks(Format::Wav), &RunOptions::default());
    let error = error.unwrap_err().to_string();
    for option in ["`unsure`", "--redact-unsure", "`keep_unsure`", "`keepUnsure`", "--keep-unsure"] {
        assert!(error.contains(option), "{error}");
    }
    call.redact(&Redaction { unsure: true, ..keys() }).unwrap();
    assert!(call.report.warnings.iter().all(|warning| warning.code != "keys_unsure"), "none is left");
    let (samples, rate) = (&call.tracks[0].track.samples, call.tracks[0].track.rate);
    let taken = rate.sample_at(Millis(19_760.0)) as usize..rate.sample_at(Millis(21_240.0)) as usize;
    assert!(samples[taken].iter().all(|&x| x == 0));
}

#[test]
fn keys_that_were_told_are_taken_out_like_those_that_are_heard() {
    let at = Millis(26_000.0);
    let told = |party: &str| {
        let manifest = format!("{}/../fixtures/keypad-hold/manifest.json", env!("CARGO_MANIFEST_DIR"));
        let fact = Fact { key: Some('7'), ..Fact::new(FactKind::Key, FactTime::OnCall(at)) };
        let fact = if party.is_empty() { fact } else { fact.of(party) };
        let config = Config { dtmf_digits: true, ..Config::default() };
        process(CallInput::open(&[manifest]).unwrap().with_facts(vec![fact]), &config, &RunOptions::default()).unwrap()
    };
    let digit = |call: &Processed| -> Option<String> {
        let mut keys = call.report.tracks.iter().flat_map(|track| &track.events);
        keys.find(|event| event.kind == EventKind::Dtmf && event.span.start == at).unwrap().detail.clone()
    };
    let mut by_span = told("customer");
    assert_eq!(digit(&by_span).as_deref(), Some("7"));
    by_span.redact(&Redaction { spans: vec![Span::new(25_000.0, 25_750.0)], ..Redaction::default() }).unwrap();
    assert_eq!(digit(&by_span), None, "a moment at the very end of a stretch");
    // A key of nobody known is on no track, and taken out of all of them.
    for party in ["customer", ""] {
        let mut by_keys = told(party);
        let events = by_keys.report.tracks.iter().flat_map(|track| &track.events);
        assert_eq!(events.filter(|event| event.span.start == at).count(), usize::from(!party.is_empty()));
        by_keys.redact(&keys()).unwrap();
        let events = by_keys.report.tracks.iter().flat_map(|track| &track.events);
        assert!(events.filter(|event| event.span.start == at).all(|event| event.detail.is_none()));
        let redacted = &by_keys.report.redacted;
        assert!(redacted.iter().any(|span| span.start < at && at < span.end), "{redacted:?}");
        for placed in &by_keys.tracks {
            let sample = |ms: f64| placed.track.rate.sample_at(placed.placement.to_track(Millis(ms))) as usize;
            assert!(placed.track.samples[sample(25_760.0)..sample(26_240.0)].iter().all(|&x| x == 0));
        }
    }
}

#[test]
fn a_key_that_was_told_without_a_place_may_have_stayed() {
    let at = FactTime::At(Moment::from_unix_seconds(1_700_000_012.0).unwrap());
    let path = format!("{}/../fixtures/stereo/call.wav", env!("CARGO_MANIFEST_DIR"));
    let input = CallInput::open(&[path]).unwrap().with_facts(vec![Fact::new(FactKind::Key, at)]);
    let mut call = process(input, &Config::default(), &RunOptions::default()).unwrap();
    call.tracks.iter_mut().for_each(|placed| placed.key_doubts.clear());
    call.redact(&Redaction { spans: vec![Span::new(5_000.0, 6_000.0)], ..Redaction::default() }).unwrap();
    assert!(call.report.warnings.iter().all(|warning| warning.code != "keys_unsure"), "no keys were asked for");
    call.redact(&keys()).unwrap();
    let warning = call.report.warnings.iter().find(|warning| warning.code == "keys_unsure").unwrap();
    assert_eq!(warning.message, "keys that were told without a place in the call, not redacted: 1");
    let folder = folder("nowhere");
    let error = call.write_with(&folder, &MixConfig::default(), &tracks(Format::Wav), &RunOptions::default());
    let error = error.unwrap_err();
    assert!(error.kind() == ErrorKind::Unsure && error.to_string().contains("start times"), "{error}");
    write(&mut call, &folder, &tracks(Format::Wav).with_keep_unsure(true)).unwrap();
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_key_that_was_heard_on_a_track_that_is_not_kept_is_taken_out() {
    let mut call = call(&[]);
    let span = Span::new(10_000.0, 10_100.0);
    let digit = || Some("7".to_owned());
    let event = Event { kind: EventKind::Dtmf, span, detail: digit(), confidence: 1.0 };
    call.report.tracks[1].events.push(event);
    call.redact(&keys()).unwrap();
    assert!(call.report.tracks.iter().flat_map(|track| &track.events).all(|event| event.detail != digit()));
    assert!(call.report.redacted.iter().any(|taken| taken.start <= span.start && span.end <= taken.end));
    for placed in &call.tracks {
        let sample = |ms: Millis| placed.track.rate.sample_at(placed.placement.to_track(ms)) as usize;
        assert!(placed.track.samples[sample(span.start)..sample(span.end)].iter().all(|&x| x == 0));
    }
}

/// A call of two tracks whose placements are unsure by so much, without the stretch of a second.
fn without_a_second(unsure: [f64; 2], one_recorder: bool) -> Processed {
    let mut call = call(&[]);
    for (placed, unsure) in call.tracks.iter_mut().zip(unsure) {
        placed.placement.uncertainty = Millis(unsure);
        placed.recorder = if one_recorder { 0 } else { placed.recorder };
    }
    call.redact(&Redaction { spans: vec![Span::new(22_000.0, 23_000.0)], ..Redaction::default() }).unwrap();
    call
}

#[test]
fn a_stretch_is_as_wide_as_placements_are_unsure() {
    let call = without_a_second([300.0, 400.0], false);
    assert_eq!(call.report.redacted, [Span::new(21_050.0, 23_950.0)], "the sum of both, not the larger");
    for placed in &call.tracks {
        let sample = |ms: f64| placed.track.rate.sample_at(placed.placement.to_track(Millis(ms))) as usize;
        assert!(placed.track.samples[sample(21_060.0)..sample(23_940.0)].iter().all(|&x| x == 0));
    }
    let one = without_a_second([400.0, 400.0], true);
    assert_eq!(one.report.redacted, [Span::new(21_350.0, 23_650.0)], "the tracks of one recorder count once");
}

/// A customer's recordings of 3 s and another of 10 s later, beside an agent's, if there is one,
/// without half a second of the later one.
fn of_two_segments(fraction: f64, with_agent: bool) -> Processed {
    let recorded = |role, party: &str, second: f64, seconds: usize| {
        let noise: Vec<i16> = (0..8_000 * seconds).map(|n| (n * n % 1_009) as i16).collect();
        let started_at = Moment::from_unix_seconds(1_600_000_000.0 + fraction + second);
        let leg = Leg { role, party: Some(party.into()), started_at, ..Leg::default() };
        Input::samples(format!("{party} {second}"), noise, Rate::NARROWBAND).leg(leg)
    };
    let mut inputs = vec![recorded(Role::Customer, "+1", 0.0, 3), recorded(Role::Customer, "+1", 10.0, 3)];
    inputs.extend(with_agent.then(|| recorded(Role::Agent, "+2", 0.0, 13)));
    let mut call = process(inputs, &Config::default(), &RunOptions::default()).unwrap();
    assert_eq!(call.tracks.len(), 1 + usize::from(with_agent));
    call.tracks.iter_mut().for_each(|placed| placed.placement.uncertainty = Millis(0.0));
    call.redact(&Redaction { spans: vec![Span::new(10_500.0, 11_000.0)], ..Redaction::default() }).unwrap();
    call
}

#[test]
fn a_stretch_is_as_wide_as_start_times_leave_a_later_segment_open() {
    let widened = |call: &Processed| {
        let [Span { start, end }] = call.report.redacted[..] else { panic!("{:?}", call.report.redacted) };
        ((10_500.0 - start.0).round(), (end.0 - 11_000.0).round())
    };
    let whole_seconds = of_two_segments(0.0, true);
    assert_eq!(widened(&whole_seconds), (1_664.0, 1_664.0), "two times of a second's resolution");
    let warning = whole_seconds.report.warnings.iter().find(|warning| warning.code == "redaction_widened").unwrap();
    assert!(warning.message.contains("start times of its pieces that leave 1414 ms open"), "{}", warning.message);
    assert_eq!(widened(&of_two_segments(0.25, true)), (251.0, 251.0), "times of a millisecond's");
    assert_eq!(widened(&of_two_segments(0.0, false)), (250.0, 250.0), "nothing else to lie beside");
}

#[test]
fn what_was_taken_out_beyond_what_was_asked_is_told() {
    let told = |call: &Processed| -> Vec<String> {
        let warnings = call.report.warnings.iter().filter(|warning| warning.code == "redaction_widened");
        warnings.map(|warning| warning.message.clone()).collect()
    };
    let mut call = without_a_second([300.0, 400.0], false);
    let share = 100.0 * 2_900.0 / call.report.call.duration_ms.0;
    let methods = [1, 0].map(|at| call.tracks[at].placement.method.name());
    assert_eq!(
        told(&call),
        [format!(
            "asked for 1000 ms, taken out 2900 ms ({share:.1} % of the call): each stretch is wider by 950 ms on \
             either side, because track 1 is placed by {} with an uncertaintyMs of 400 and track 0 is placed by {} \
             with an uncertaintyMs of 300. Known offsets, `aligned` and exact start times narrow that",
            methods[0], methods[1]
        )]
    );
    call.redact(&Redaction { spans: vec![Span::new(10_000.0, 10_500.0)], ..Redaction::default() }).unwrap();
    let [both] = told(&call).try_into().unwrap();
    assert!(both.starts_with("asked for 1500 ms, taken out 5300 ms"), "of both redactions: {both}");
    assert!(told(&without_a_second([0.0, 250.0], false)).is_empty(), "no more than every span is wider");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let (folder, mut call) = (folder("no-sense"), call(&[]));
    assert_eq!(write(&mut call, &folder, &tracks(Format::Wav)), Err(ErrorKind::InvalidArgument), "nothing redacted");
    let alone = WriteOptions::default().with_keep_unsure(true);
    assert_eq!(write(&mut call, &folder, &alone), Err(ErrorKind::InvalidArgument));
    let unsure = Redaction { unsure: true, ..Redaction::default() };
    assert_eq!(call.redact(&unsure).unwrap_err().kind(), ErrorKind::InvalidArgument);
    let nothing = call.redact(&Redaction::default()).unwrap_err();
    assert_eq!(
        (nothing.kind(), nothing.to_string().contains("neither spans nor keys")),
        (ErrorKind::InvalidArgument, true)
    );
    assert!(!folder.exists());
}

#[test]
fn levels_of_what_was_taken_out_are_not_told() {
    let mut call = call(&[]);
    assert!(call.tracks.iter().all(|placed| placed.levels[21..24].iter().all(Option::is_some)));
    call.redact(&Redaction { spans: vec![Span::new(22_000.0, 23_000.0)], ..Redaction::default() }).unwrap();
    assert!(call.tracks.iter().all(|placed| placed.levels[21..24].iter().all(Option::is_none)));
    assert!(call.tracks.iter().all(|placed| placed.levels[26].is_some()));
}

#[test]
fn a_call_without_samples_gives_no_audio() {
    let report = call(&[]).report;
    let folder = folder("no-samples");
    let mut call = Processed::from(report);
    let config = Config::default();
    let kinds = [
        call.mix(&config.mix).unwrap_err().kind(),
        call.chunks(&config, &ChunkOptions::default()).unwrap_err().kind(),
        call.series().unwrap_err().kind(),
        write(&mut call, &folder, &WriteOptions::default()).unwrap_err(),
    ];
    assert_eq!(kinds, [ErrorKind::NoAudio; 4]);
    let keys = Redaction { keys: true, ..Redaction::default() };
    assert_eq!(call.redact(&keys).unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert!(call.report.redacted.is_empty() && !folder.exists());
}
