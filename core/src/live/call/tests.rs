mod limits;

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::decode::{Input, decode};
use crate::events::testing::{noisy, silence, sines, train};
use crate::live::Keep;
use crate::live::{Certainty, LiveEventKind};
use crate::process::{analyze, process};
use crate::run::Cancel;
use crate::timeline::EventKind;
use crate::track::{Track, to_f32, to_i16};

/// The tracks of a fixture's call.
fn tracks(names: &[&str]) -> Vec<Track> {
    let path = |name: &&str| format!("{}/../fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    let decoded = names.iter().flat_map(|name| decode(Input::path(path(name)), &Config::default().decode).unwrap());
    decoded.collect()
}

fn live(tracks: &[Track], config: &Config, options: &LiveOptions) -> LiveCall {
    let roles = [Role::Customer, Role::Agent];
    let track = |(track, role): (&Track, Role)| LiveTrackOptions::new(track.rate).role(role);
    LiveCall::new(tracks.iter().zip(roles).map(track).collect(), config, options).unwrap()
}

/// What `process` says of the same samples on one timeline.
fn processed(tracks: &[Track], config: &Config) -> Report {
    let roles = [Role::Customer, Role::Agent];
    let input = |(place, (track, role)): (usize, (&Track, Role))| {
        let input = Input::samples(format!("track {place}"), track.samples.clone(), track.rate);
        input.role(role).offset(KnownOffset::default())
    };
    let inputs: Vec<Input> = tracks.iter().zip(roles).enumerate().map(input).collect();
    process(inputs, config, &RunOptions::default()).unwrap().report
}

/// Pushes tracks side by side, as parts of so many milliseconds each.
fn push_all(call: &mut LiveCall, tracks: &[Track], parts_ms: &[usize]) -> Vec<LiveEvent> {
    let mut events = Vec::new();
    let mut at = vec![0; tracks.len()];
    for &ms in parts_ms.iter().cycle() {
        for (place, track) in tracks.iter().enumerate() {
            let end = (at[place] + ms * track.rate.hz() as usize / 1000).min(track.samples.len());
            call.push(place, &track.samples[at[place]..end]).unwrap();
            at[place] = end;
        }
        events.extend(std::iter::from_fn(|| call.next_event()));
        if at.iter().zip(tracks).all(|(at, track)| *at == track.samples.len()) {
            return events;
        }
    }
    events
}

fn heard(tracks: &[Track], config: &Config, options: &LiveOptions, parts_ms: &[usize]) -> (Vec<LiveEvent>, Report) {
    let mut call = live(tracks, config, options);
    let mut events = push_all(&mut call, tracks, parts_ms);
    let report = call.finish(&RunOptions::default()).unwrap().report;
    events.extend(std::iter::from_fn(|| call.next_event()));
    events.sort_by(|a, b| a.known.0.total_cmp(&b.known.0).then(a.id.cmp(&b.id)));
    (events, report)
}

/// What is left of each thing that was told: the last word on it, without those withdrawn.
fn last_words(events: &[LiveEvent]) -> Vec<LiveEvent> {
    let mut last = BTreeMap::new();
    for event in events {
        let before: Option<LiveEvent> = last.insert(event.id, event.clone());
        assert!(
            before.is_none_or(|b| b.kind == event.kind
                && b.track == event.track
                && b.end.is_none_or(|_| event.end == b.end || event.certainty != b.certainty)),
            "{event:?}"
        );
    }
    last.into_values().filter(|event| event.certainty != Certainty::Withdrawn).collect()
}

fn of_kind(events: &[LiveEvent], kind: LiveEventKind) -> Vec<&LiveEvent> {
    events.iter().filter(|event| event.kind == kind).collect()
}

fn one(samples: &[f32]) -> Vec<Track> {
    let samples = samples.iter().map(|&x| to_i16(x)).collect();
    vec![Track { samples, rate: Rate::NARROWBAND, role: Role::Customer }]
}

#[test]
fn kept_samples_give_the_report_of_process_to_the_byte() {
    let keep = LiveOptions { keep: Keep::Memory, ..LiveOptions::default() };
    let folder = std::env::temp_dir().join(format!("callweave-live-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let spool = LiveOptions { keep: Keep::from(folder.clone()), ..LiveOptions::default() };
    let config = Config::default();
    for names in [&["keypad-hold/customer.mp3", "keypad-hold/agent.mp3"][..], &["stereo/call.wav"]] {
        let tracks = tracks(names);
        let expected = processed(&tracks, &config).to_json().unwrap();
        for (options, parts) in [(&keep, &[20][..]), (&spool, &[333, 1, 70])] {
            assert_eq!(heard(&tracks, &config, options, parts).1.to_json().unwrap(), expected);
        }
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "spooled files are removed");
    std::fs::remove_dir(&folder).unwrap();
}

#[test]
fn without_samples_the_report_is_the_same_but_for_what_needs_them() {
    let mut config = Config::default();
    config.speech.bleed_gate = false;
    for names in [&["keypad-hold/customer.mp3", "keypad-hold/agent.mp3"][..], &["stereo/call.wav"]] {
        let tracks = tracks(names);
        let expected = processed(&tracks, &config);
        let (_, mut report) = heard(&tracks, &config, &LiveOptions::default(), &[20]);
        let marked: Vec<_> = report.warnings.drain(..).map(|warning| warning.code).collect();
        assert_eq!(marked, ["samples_not_kept"]);
        assert_eq!(report.to_json().unwrap(), Report { warnings: Vec::new(), ..expected }.to_json().unwrap());
    }
}

#[test]
fn a_finish_that_is_cancelled_loses_nothing() {
    let (tracks, config) = (tracks(&["stereo/call.wav"]), Config::default());
    let folder = std::env::temp_dir().join(format!("callweave-cancelled-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for keep in [Keep::Nothing, Keep::Memory, Keep::from(folder.clone())] {
        let options = LiveOptions::default().with_keep(keep);
        let (events, expected) = heard(&tracks, &config, &options, &[20]);
        let mut call = live(&tracks, &config, &options);
        let mut told = push_all(&mut call, &tracks, &[20]);
        let cancel = Cancel::default();
        cancel.cancel();
        let cancelled = RunOptions { cancel, ..RunOptions::default() };
        for _ in 0..2 {
            assert_eq!(call.finish(&cancelled).unwrap_err().kind(), ErrorKind::Cancelled);
            assert!(call.push(0, &[0i16; 160][..]).is_err(), "its tracks have ended");
        }
        let report = call.finish(&RunOptions::default()).unwrap().report;
        assert_eq!(report.to_json().unwrap(), expected.to_json().unwrap());
        told.extend(std::iter::from_fn(|| call.next_event()));
        assert_eq!(told.len(), events.len(), "the end is told once");
        assert!(call.finish(&RunOptions::default()).is_err());
    }
    std::fs::remove_dir(&folder).unwrap();
}

#[test]
fn a_call_is_told_as_the_report_has_it() {
    let tracks = tracks(&["keypad-hold/customer.mp3", "keypad-hold/agent.mp3"]);
    let (events, report) = heard(&tracks, &Config::default(), &LiveOptions::default(), &[20]);
    let told = last_words(&events);
    assert!(told.iter().all(|event| event.certainty == Certainty::Confirmed && event.end.is_some()), "{told:#?}");
    for kind in [EventKind::Dtmf, EventKind::Music] {
        let live: Vec<f64> = of_kind(&told, LiveEventKind::Sound(kind)).iter().map(|event| event.start.0).collect();
        let all = report.tracks.iter().flat_map(|track| &track.events).filter(|event| event.kind == kind);
        let reported: Vec<f64> = all.map(|event| event.span.start.0).collect();
        assert!(!reported.is_empty() && live.len() >= reported.len(), "{kind:?}: {live:?} {reported:?}");
        let near = |at: &f64| live.iter().any(|start| (start - at).abs() < 600.0);
        assert!(reported.iter().all(near), "{kind:?}: {live:?} {reported:?}");
    }
    let turns = of_kind(&told, LiveEventKind::Turn);
    assert!(turns.len().abs_diff(report.turns.len()) <= 2, "{turns:#?} {:#?}", report.turns);
    let late = |event: &&LiveEvent| event.kind == LiveEventKind::Speech && event.known.0 - event.start.0 > 64.0;
    let begun: BTreeMap<u64, &LiveEvent> = events.iter().rev().map(|event| (event.id, event)).collect();
    assert_eq!(begun.into_values().filter(late).count(), 0, "speech is told with the frame that holds it");
    assert!(events.iter().all(|event| event.detail.is_none() || event.kind != LiveEventKind::Sound(EventKind::Dtmf)));
}

#[test]
fn a_snapshot_is_a_report_of_what_was_heard() {
    let tracks = tracks(&["stereo/call.wav"]);
    let mut call = live(&tracks, &Config::default(), &LiveOptions::default());
    assert_eq!(call.snapshot().unwrap_err().kind(), ErrorKind::NoAudio);
    let mut last = Millis(0.0);
    for seconds in 0..8 {
        for (place, track) in tracks.iter().enumerate() {
            let second = track.rate.hz() as usize;
            call.push(place, &track.samples[seconds * second..(seconds + 1) * second]).unwrap();
        }
        let report = call.snapshot().unwrap();
        assert!(report.call.duration_ms > last && report.tracks.len() == 2);
        last = report.call.duration_ms;
    }
    assert!(last.0 > 7_900.0);
}

#[test]
fn ringing_is_told_after_a_ring_and_known_after_two_and_who_answers() {
    let ring = sines(&[(440.0, 0.1), (480.0, 0.1)], 2000.0);
    let mut line = silence(500.0);
    line.extend(train(&ring, 4000.0, 3));
    line.extend(silence(1500.0));
    let person = tracks(&["short/customer.wav"]).remove(0);
    let hello: Vec<f32> = person.samples.iter().map(|&x| to_f32(x)).collect();
    line.extend(hello);
    line.extend(silence(1500.0));
    let called = LiveOptions { called: Some(0), ..LiveOptions::default() };
    let (events, report) = heard(&one(&noisy(line, -60.0, 3)), &Config::default(), &called, &[20]);
    let rings: Vec<&LiveEvent> = of_kind(&events, LiveEventKind::Sound(EventKind::Ringback));
    assert!(rings[0].certainty == Certainty::Provisional && rings[0].known.0 < 2_800.0, "{rings:#?}");
    assert!(rings[1].certainty == Certainty::Confirmed && rings[1].known.0 < 8_800.0, "{rings:#?}");
    assert!(rings.last().unwrap().end.is_some());
    let answers: Vec<_> = of_kind(&events, LiveEventKind::Answer);
    let names: Vec<_> = answers.iter().map(|event| event.detail.as_deref().unwrap()).collect();
    assert_eq!(names[..3], ["ringing", "ringing", "answered"], "{answers:#?}");
    assert!(["person", "machine"].contains(names.last().unwrap()), "{names:?}");
    assert!(report.tracks[0].events.iter().any(|event| event.kind == EventKind::Ringback));
}

#[test]
fn busy_fax_and_beep_are_answers_too() {
    let busy = train(&sines(&[(425.0, 0.1)], 500.0), 500.0, 6);
    let cng = train(&sines(&[(1100.0, 0.1)], 500.0), 3000.0, 3);
    let called = LiveOptions { called: Some(0), ..LiveOptions::default() };
    for (line, name, within) in [(busy, "busy", 4_000.0), (cng, "fax", 1_500.0)] {
        let line = [silence(500.0), line, silence(500.0)].concat();
        let (events, _) = heard(&one(&noisy(line, -60.0, 3)), &Config::default(), &called, &[20]);
        let answers = of_kind(&events, LiveEventKind::Answer);
        assert!(answers[0].detail.as_deref() == Some(name) && answers[0].known.0 < within, "{answers:#?}");
    }
}

#[test]
fn a_dead_track_is_told_and_taken_back_once_it_lives() {
    let mut line = vec![0.0; 80_000];
    let (events, _) = heard(&one(&line), &Config::default(), &LiveOptions::default(), &[20]);
    let dead = of_kind(&events, LiveEventKind::DeadTrack);
    assert_eq!((dead[0].certainty, dead[0].known), (Certainty::Provisional, Millis(5_024.0)));
    assert_eq!(dead.last().unwrap().certainty, Certainty::Confirmed);
    line.extend(noisy(silence(2_000.0), -40.0, 1));
    let (events, _) = heard(&one(&line), &Config::default(), &LiveOptions::default(), &[20]);
    assert_eq!(of_kind(&events, LiveEventKind::DeadTrack).last().unwrap().certainty, Certainty::Withdrawn);
}

#[test]
fn overlap_and_the_silence_of_both_are_told() {
    let voice = tracks(&["short/customer.wav"]).remove(0).samples;
    let pause = vec![0i16; 40_000];
    let track = |samples: Vec<i16>| Track { samples, rate: Rate::NARROWBAND, role: Role::Unknown };
    let both = [track([voice.clone(), pause.clone()].concat()), track([voice.clone(), pause].concat())];
    let (events, _) = heard(&both, &Config::default(), &LiveOptions::default(), &[20]);
    assert!(!of_kind(&events, LiveEventKind::Overlap).is_empty());
    let silent = of_kind(&events, LiveEventKind::Sound(EventKind::Silence));
    assert!(silent.iter().any(|event| event.certainty == Certainty::Provisional), "{silent:#?}");
    assert!(
        silent.iter().all(|event| event.track.is_none() && event.known.0 - event.start.0 >= 3_000.0),
        "{silent:#?}"
    );
}

#[test]
fn packets_are_the_line_whatever_their_order() {
    let tracks = tracks(&["stereo/call.wav"]);
    let encoding = SampleEncoding::S16Be;
    let bytes: Vec<Vec<u8>> =
        tracks.iter().map(|t| t.samples.iter().flat_map(|x| x.to_be_bytes()).collect::<Vec<u8>>()).collect();
    let options = LiveOptions { keep: Keep::Memory, ..LiveOptions::default() };
    let frame = tracks[0].rate.hz() as usize / 50;
    let count = tracks[0].samples.len().div_ceil(frame);
    let sent = |lost: &[usize]| {
        let mut call = live(&tracks, &Config::default(), &options);
        for n in 0..count {
            // Every pair of packets comes the wrong way round, every seventh twice.
            let n = if n ^ 1 < count { n ^ 1 } else { n };
            for (place, bytes) in bytes.iter().enumerate() {
                let from = 2 * n * frame;
                let payload = &bytes[from..(from + 2 * frame).min(bytes.len())];
                let packet =
                    LivePacket { sequence: (n as u16).wrapping_add(65_000), timestamp: (n * frame) as u32, payload };
                if lost.contains(&n) || (n == 1 && place == 1) {
                    continue;
                }
                for _ in 0..1 + usize::from(n % 7 == 0) {
                    call.packet(place, encoding, packet).unwrap();
                }
            }
        }
        let counts = call.packets(0).unwrap().unwrap();
        (call.finish(&RunOptions::default()).unwrap().report, counts)
    };
    // The first packet that came is where the line begins.
    let (whole, counts) = sent(&[0]);
    assert_eq!((counts.lost, counts.late), (0, 0), "{counts:?}");
    assert!(whole.tracks[0].source.as_ref().unwrap().warnings.is_empty());
    let (holed, counts) = sent(&[0, 50, 51, 52, 300]);
    assert_eq!(counts.lost, 4);
    let source = holed.tracks[0].source.as_ref().unwrap();
    assert_eq!(source.warnings[0].code, "packets_lost");
    assert_eq!(source.duration_ms, whole.tracks[0].source.as_ref().unwrap().duration_ms);
    assert!(holed.integrity.iter().any(|finding| finding.track == 0), "{:?}", holed.integrity);
}

#[test]
fn bad_input_is_refused_and_nothing_is_lost() {
    let tracks = one(&noisy(silence(1_000.0), -40.0, 1));
    let mut call = live(&tracks, &Config::default(), &LiveOptions { keep: Keep::Memory, ..LiveOptions::default() });
    let refused = |result: Result<()>, said: &str| {
        let error = result.unwrap_err();
        assert!(error.kind() == ErrorKind::InvalidArgument && error.to_string().contains(said), "{error}");
    };
    call.push(0, &[] as &[i16]).unwrap();
    call.push(0, &[] as &[f32]).unwrap();
    refused(call.push(1, &tracks[0].samples[..]), "track 1");
    call.push(0, &tracks[0].samples[..]).unwrap();
    refused(call.push_at(0, Rate::WIDEBAND, &[0i16; 320][..]), "16000 Hz");
    refused(call.push(0, &[f32::NAN; 3][..]), "encoding changed");
    refused(call.begin(0, Millis(5.0)), "cannot be set");
    let packet = LivePacket { sequence: 0, timestamp: 0, payload: &[0; 160] };
    refused(call.packet(0, SampleEncoding::MuLaw, packet), "packets after samples");
    let report = call.finish(&RunOptions::default()).unwrap().report;
    assert_eq!(report.call.duration_ms, Millis(1_000.0));
    refused(call.push(0, &tracks[0].samples[..]), "finished");
    refused(call.finish(&RunOptions::default()).map(drop), "finished");
    let config = Config::default();
    for (tracks, options, said) in [
        (0, LiveOptions::default(), "no tracks"),
        (1, LiveOptions { called: Some(1), ..LiveOptions::default() }, "called"),
        (1, LiveOptions { window_ms: Millis(f64::NAN), ..LiveOptions::default() }, "windowMs"),
    ] {
        let tracks = vec![LiveTrackOptions::new(Rate::NARROWBAND); tracks];
        refused(LiveCall::new(tracks, &config, &options).map(drop), said);
    }
}

#[test]
fn samples_that_are_no_audio_are_told_as_in_a_recording() {
    let samples: Vec<f32> = (0..16_000)
        .map(|n| {
            if n % 100 == 0 {
                f32::NAN
            } else if n % 101 == 0 {
                2e4
            } else {
                0.01
            }
        })
        .collect();
    let bytes: Vec<u8> = samples.iter().flat_map(|x| x.to_le_bytes()).collect();
    let recording = Input::samples("track 0", &samples, Rate::NARROWBAND);
    let expected = analyze(vec![recording], &Config::default(), &RunOptions::default()).unwrap();
    let expected = &expected.tracks[0].source.as_ref().unwrap().warnings;
    assert_eq!(expected.len(), 2);
    for keep in [Keep::Nothing, Keep::Memory] {
        let options = LiveOptions::default().with_keep(keep);
        for as_bytes in [false, true] {
            let track = LiveTrackOptions::new(Rate::NARROWBAND);
            let mut call = LiveCall::new(vec![track], &Config::default(), &options).unwrap();
            assert_eq!(call.packets(0).unwrap(), None);
            assert!(call.packets(1).is_err());
            if as_bytes {
                bytes.chunks(333).for_each(|part| call.push(0, LiveSamples::Bytes(SampleEncoding::F32, part)).unwrap());
            } else {
                samples.chunks(77).for_each(|part| call.push(0, part).unwrap());
            }
            let report = call.finish(&RunOptions::default()).unwrap().report;
            assert_eq!(&report.tracks[0].source.as_ref().unwrap().warnings, expected, "{as_bytes}");
        }
    }
}

#[test]
fn a_track_that_never_comes_is_named_and_holds_nobody_up() {
    let voice = tracks(&["short/customer.wav"]);
    let two = [voice[0].clone(), Track { samples: Vec::new(), ..voice[0].clone() }];
    let (events, report) = heard(&two, &Config::default(), &LiveOptions::default(), &[20]);
    assert!(report.tracks[1].error.as_ref().is_some_and(|error| error.code == ErrorKind::NoAudio));
    let turn = of_kind(&events, LiveEventKind::Turn);
    assert!(!turn.is_empty() && turn[0].track == Some(0), "{events:#?}");
    let (mut call, nobody) = (live(&two, &Config::default(), &LiveOptions::default()), RunOptions::default());
    assert_eq!(call.finish(&nobody).unwrap_err().kind(), ErrorKind::NoAudio);
}

#[test]
fn a_track_may_begin_later_and_end_sooner() {
    let voice = tracks(&["short/customer.wav"]);
    let mut call = live(&[voice[0].clone(), voice[0].clone()], &Config::default(), &LiveOptions::default());
    call.begin(1, Millis(2_000.0)).unwrap();
    call.push(0, &voice[0].samples[..]).unwrap();
    call.end(0).unwrap();
    call.push(1, &voice[0].samples[..]).unwrap();
    assert!(call.push(0, &[0i16; 1][..]).is_err());
    let report = call.finish(&RunOptions::default()).unwrap().report;
    let speech = |track: usize| report.tracks[track].speech[0].start.0;
    assert_eq!(speech(1), speech(0) + 2_000.0);
}

#[test]
fn calls_cross_threads() {
    fn crosses<T: Send + Sync + fmt::Debug>() {}
    crosses::<LiveCall>();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]
    #[test]
    fn any_cutting_gives_the_same(parts in prop::collection::vec(0usize..900, 1..40), from in 0usize..3) {
        let whole = tracks(&["keypad-hold/customer.mp3", "keypad-hold/agent.mp3"]);
        let second = whole[0].rate.hz() as usize;
        let cut = |track: &Track| {
            Track { samples: track.samples[from * 9 * second..][..20 * second].to_vec(), ..track.clone() }
        };
        let tracks: Vec<Track> = whole.iter().map(cut).collect();
        let keep = LiveOptions { keep: Keep::Memory, ..LiveOptions::default() };
        let parts: Vec<usize> = parts.into_iter().chain([7]).collect();
        let (events, report) = heard(&tracks, &Config::default(), &keep, &[20]);
        let (same, same_report) = heard(&tracks, &Config::default(), &keep, &parts);
        prop_assert_eq!(events, same);
        prop_assert_eq!(report.to_json().unwrap(), same_report.to_json().unwrap());
    }
}
