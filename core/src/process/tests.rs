//! Whole calls made in memory: what the gate does on the way of a call, and what damaged sound does
//! to it.

use std::io::Cursor;

use super::*;
use crate::call::{KnownOffset, Leg, Role};
use crate::config::{DecodeOptions, Layout, MixConfig, OutputRate};
use crate::decode::{Input, decode};
use crate::integrity::Flaw;
use crate::resample::resample;
use crate::samples::Samples;
use crate::timeline::Placement;
use crate::track::to_f32;
use crate::units::{Millis, Rate, Span};

/// A wav of 32-bit floats.
fn float_wav(hz: u32, channels: &[Vec<f32>]) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: channels.len() as u16,
        sample_rate: hz,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    for n in 0..channels[0].len() {
        channels.iter().for_each(|channel| writer.write_sample(channel[n]).unwrap());
    }
    writer.finalize().unwrap();
    bytes.into_inner()
}

/// One party of the fixture's call, at 8 kHz.
fn party() -> Vec<f32> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/keypad-hold/agent.mp3");
    let track = decode(Input::path(path), &DecodeOptions::default()).unwrap().remove(0);
    let samples: Vec<f32> = track.samples.iter().map(|&x| to_f32(x)).collect();
    resample(&samples, track.rate, Rate::NARROWBAND).unwrap()
}

fn analyzed(wav: Vec<u8>) -> Result<Report> {
    analyze(vec![Input::bytes("call.wav", wav)], &Config::default(), &RunOptions::default())
}

fn codes(report: &Report) -> Vec<&str> {
    report.warnings.iter().map(|warning| &*warning.code).collect()
}

#[test]
fn equal_channels_are_one_recording_of_all_parties() {
    let both = analyzed(float_wav(8_000, &[party(), party()])).unwrap();
    assert_eq!((codes(&both), both.metrics.overlap_ms), (vec!["repeated_track"], None));
    assert!(both.tracks[0].voices.is_some() && both.integrity.iter().any(|finding| finding.code == Flaw::DualMono));
    let other: Vec<f32> = party().into_iter().rev().collect();
    assert!(!codes(&analyzed(float_wav(8_000, &[party(), other])).unwrap()).contains(&"repeated_track"));
}

#[test]
fn samples_beside_zero_are_told_because_levels_count_them() {
    let offset = |by: f32| -> Report {
        let beside: Vec<f32> = party().iter().map(|x| x + by).collect();
        analyzed(float_wav(8_000, &[party(), beside])).unwrap()
    };
    let told = |report: &Report| -> Vec<(usize, f64)> {
        let offsets = report.integrity.iter().filter(|finding| finding.code == Flaw::DcOffset);
        offsets.map(|finding| (finding.track, finding.measured)).collect()
    };
    let (clean, beside) = (offset(0.0), offset(-0.02));
    assert_eq!((told(&clean), told(&beside)), (vec![], vec![(1, 0.02)]));
    let noise = |report: &Report| report.tracks[1].level.as_ref().unwrap().noise_dbov.unwrap();
    assert!(noise(&beside).0 > noise(&clean).0 + 10.0, "{:?} {:?}", noise(&clean), noise(&beside));
}

#[test]
fn one_recording_of_nobody_known_compares_nobody() {
    let of = |role| {
        let input = Input::samples("call", party(), Rate::NARROWBAND).role(role);
        analyze(vec![input], &Config::default(), &RunOptions::default()).unwrap().metrics
    };
    let (anyone, agent) = (of(Role::Unknown), of(Role::Agent));
    assert_eq!((anyone.overlap_ms, anyone.backchannels, anyone.unavailable.as_deref()), (None, None, Some("voices")));
    assert!(anyone.by_track[0].talk_ms > Millis(0.0) && anyone.speech_ms.is_some());
    assert_eq!((agent.overlap_ms, agent.unavailable), (Some(Millis(0.0)), None));
}

#[test]
fn a_role_of_a_recording_of_several_tracks_is_told_and_not_used() {
    let manifest = r#"{"tracks": [{"path": "call.wav", "role": "customer", "party": "+66812345678"}]}"#;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/stereo");
    let call = CallInput::from_described(crate::provider::read(manifest).unwrap(), folder).unwrap();
    let report = analyze(call, &Config::default(), &RunOptions::default()).unwrap();
    assert_eq!(report.tracks.iter().map(|track| track.role).collect::<Vec<_>>(), [Role::Unknown; 2]);
    let told = report.warnings.iter().find(|warning| warning.code == "role_unused").unwrap();
    assert!(told.message.contains("tracks 0 to 1") && !told.message.contains("668"), "{}", told.message);
}

#[test]
fn what_one_channel_hears_of_the_other_is_bleed() {
    let talker = party();
    let late = 200;
    let echo = |n: usize| n.checked_sub(late).map_or(0.0, |n| 0.04 * talker[n]);
    let mut state = 1u32;
    let hearer: Vec<f32> = (0..talker.len())
        .map(|n| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            echo(n) + ((state >> 8) as f32 / 8_388_608.0 - 1.0) * 1e-4
        })
        .collect();
    let report = analyzed(float_wav(8_000, &[talker, hearer])).unwrap();
    let (talker, hearer) = (&report.tracks[0], &report.tracks[1]);
    let heard: f64 = hearer.bleed.iter().map(|b| b.span.duration().0).sum();
    let said: f64 = talker.speech.iter().map(|s| s.duration().0).sum();
    assert!(talker.bleed.is_empty() && said > 2_000.0, "{said} ms said");
    assert!(hearer.bleed.iter().all(|b| b.from_track == 0) && heard > 0.8 * said, "{heard} of {said} ms");
    let own: f64 = hearer.speech.iter().map(|s| s.duration().0).sum();
    assert!(own < 0.02 * said, "{own} ms taken for the silent party's own: {:?}", hearer.speech);
    assert_eq!(report.metrics.by_track[1].talk_ms.0, own);
}

#[test]
fn speech_of_whole_samples_is_that_of_the_one_pass() {
    let talker = party();
    let config = Config::default();
    for hz in [8_000, 16_000] {
        let samples = resample(&talker, Rate::NARROWBAND, Rate::new(hz).unwrap()).unwrap();
        let report = analyzed(float_wav(hz, std::slice::from_ref(&samples))).unwrap();
        let alone = crate::speech::detect(&samples, Rate::new(hz).unwrap(), &config.speech).unwrap();
        let near = |(a, b): (&Span, &Span)| (a.start.0 - b.start.0).abs() < 1e-6 && (a.end.0 - b.end.0).abs() < 1e-6;
        let told = &report.tracks[0].speech;
        assert!(told.len() > 3 && told.len() == alone.spans.len(), "{hz} Hz: {} and {}", told.len(), alone.spans.len());
        assert!(told.iter().zip(&alone.spans).all(near), "{hz} Hz: {told:?} {:?}", alone.spans);
    }
}

#[test]
fn sound_that_is_no_sound_has_a_report() {
    let wild = |n: usize| [f32::NAN, f32::INFINITY, -1e30, 0.1][n % 4];
    let channels = [vec![f32::NAN; 20_000], (0..20_000).map(wild).collect(), vec![0.5; 20_000], vec![0.0; 20_000]];
    let report = analyzed(float_wav(8_000, &channels)).unwrap();
    assert_eq!(report.tracks.len(), 4);
    assert!(report.tracks.iter().all(|t| t.speech.is_empty() && t.bleed.is_empty()));
    assert!(!report.to_json().unwrap().contains("NaN"));
    let one_sample = analyzed(float_wav(8_000, &[vec![0.1], vec![f32::NAN]])).unwrap();
    assert!(one_sample.tracks.iter().all(|t| t.speech.is_empty()));
}

#[test]
fn any_sample_rate_has_a_report() {
    let mut config = Config::default();
    config.decode.min_rate_hz = 1;
    for hz in [1, 7, 16, 50, 100, 999, 4_000, 11_025, 96_000, 191_999, 192_000] {
        let samples: Vec<f32> = (0..hz.clamp(100, 20_000)).map(|n| ((n % 17) as f32 - 8.0) / 80.0).collect();
        let wav = Input::bytes("call.wav", float_wav(hz, &[samples.clone(), samples]));
        let report = analyze(vec![wav], &config, &RunOptions::default()).unwrap();
        assert_eq!(report.tracks.len(), 2, "{hz} Hz");
        assert_eq!(report.tracks[0].source.as_ref().unwrap().sample_rate_hz.hz(), hz);
    }
}

/// A fixture's call, processed with its tracks.
fn fixture(name: &str) -> Processed {
    let manifest = format!("{}/../fixtures/{name}/manifest.json", env!("CARGO_MANIFEST_DIR"));
    let call = CallInput::open(&[manifest]).unwrap();
    process(call, &Config { dtmf_digits: true, ..Config::default() }, &RunOptions::default()).unwrap()
}

/// The mix of a call, as a recording with a channel per party.
fn mixed(call: &Processed) -> Vec<Vec<i16>> {
    let mut mixer = call.mix(&MixConfig::default()).unwrap();
    let mut channels = vec![Vec::new(); mixer.channels().into()];
    while let Some(block) = mixer.next_block().unwrap() {
        for (i, &x) in block.iter().enumerate() {
            let count = channels.len();
            channels[i % count].push(x);
        }
    }
    channels
}

fn keys(report: &Report) -> usize {
    report.tracks.iter().flat_map(|t| &t.events).filter(|e| e.kind == crate::timeline::EventKind::Dtmf).count()
}

#[test]
fn redacted_keys_are_heard_by_no_second_detection() {
    for cover in [crate::redact::Cover::Silence, crate::redact::Cover::Beep] {
        let mut call = fixture("keypad-hold");
        let (before, pressed) = (mixed(&call), keys(&call.report));
        assert!(pressed >= 3, "the call has keys");
        call.redact(&Redaction { keys: true, cover, ..Redaction::default() }).unwrap();
        let after = mixed(&call);
        assert_eq!(after.iter().map(Vec::len).collect::<Vec<_>>(), before.iter().map(Vec::len).collect::<Vec<_>>());
        let floats = after.iter().map(|c| c.iter().map(|&x| to_f32(x)).collect()).collect::<Vec<Vec<f32>>>();
        let again = analyzed(float_wav(call.mix(&MixConfig::default()).unwrap().rate().hz(), &floats)).unwrap();
        assert_eq!(keys(&again), 0, "{cover:?}");
        let told = call.report.tracks.iter().flat_map(|t| &t.events);
        assert!(told.filter(|e| e.kind == crate::timeline::EventKind::Dtmf).all(|e| e.detail.is_none()), "no digits");
        assert!(!call.report.redacted.is_empty());
    }
}

#[test]
fn a_redacted_stretch_is_silent_on_every_channel_and_nothing_else_moves() {
    let mut call = fixture("keypad-hold");
    let (rate, before) = (call.mix(&MixConfig::default()).unwrap().rate(), mixed(&call));
    call.redact(&Redaction { spans: vec![Span::new(22_000.0, 23_000.0)], ..Redaction::default() }).unwrap();
    let after = mixed(&call);
    let at = |ms: f64| rate.sample_at(Millis(ms)) as usize;
    let mut unsure: Vec<f64> =
        call.report.tracks.iter().map(|t| t.alignment.as_ref().unwrap().uncertainty_ms.0).collect();
    unsure.sort_by(f64::total_cmp);
    let wider = 250.0 + unsure.iter().rev().take(2).sum::<f64>();
    let (from, to) = (22_000.0 - wider, 23_000.0 + wider);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.len(), after.len());
        // The limiter looks no further than a few milliseconds.
        assert!(before[..at(from - 150.0)] == after[..at(from - 150.0)], "moved before the hole");
        assert!(before[at(to + 150.0)..] == after[at(to + 150.0)..], "moved after the hole");
        assert!(after[at(from + 10.0)..at(to - 10.0)].iter().all(|x| x.abs() <= 1), "not silent");
    }
    assert!(
        before.iter().any(|c| c[at(21_760.0)..at(23_240.0)].iter().any(|x| x.abs() > 1_000)),
        "somebody spoke there"
    );
    assert_eq!(call.report.redacted, [Span::new(from, to)]);
}

#[test]
fn a_track_of_zeros_widens_no_redacted_stretch() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/keypad-hold/customer.mp3");
    let dead = Input::samples("dead", vec![0i16; 240_000], Rate::NARROWBAND);
    let mut call = process(vec![Input::path(path), dead], &Config::default(), &RunOptions::default()).unwrap();
    let unsure = call.report.tracks[1].alignment.as_ref().unwrap().uncertainty_ms.0;
    assert!(unsure > 1_000.0, "nothing tells where zeros lie: {unsure} ms");
    call.redact(&Redaction { spans: vec![Span::new(22_000.0, 23_000.0)], ..Redaction::default() }).unwrap();
    assert_eq!(call.report.redacted, [Span::new(21_750.0, 23_250.0)]);
}

#[test]
fn a_span_that_is_not_in_the_call_redacts_nothing() {
    let mut call = fixture("short");
    let before = mixed(&call);
    let spans = vec![Span::new(100.0, 200.0), Span::new(0.0, 1e9)];
    let error = call.redact(&Redaction { spans, ..Redaction::default() }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(before == mixed(&call) && call.report.redacted.is_empty());
}

#[test]
fn each_second_has_its_level() {
    let call = fixture("keypad-hold");
    let series: serde_json::Value = serde_json::from_str(&call.series().unwrap()).unwrap();
    let seconds = (call.report.call.duration_ms.0 / 1000.0).ceil() as usize;
    for track in series["tracks"].as_array().unwrap() {
        let levels = track["dbov"].as_array().unwrap();
        assert_eq!(levels.len(), seconds);
        assert!(levels.iter().flat_map(serde_json::Value::as_f64).any(|level| level > -40.0), "somebody speaks");
    }
    assert!(series["tracks"][1]["dbov"][0].is_null(), "the agent's recorder starts later");
}

/// The fixture's call as one recording of both parties.
fn summed() -> Vec<Input> {
    vec![Input::bytes("call.wav", float_wav(8_000, &[summed_samples()])).role(Role::Mixed)]
}

fn summed_samples() -> Vec<f32> {
    let call = fixture("keypad-hold");
    let config = MixConfig { layout: Layout::Mono, rate: OutputRate::Fixed(Rate::NARROWBAND), ..MixConfig::default() };
    let mut mixer = call.mix(&config).unwrap();
    let mut all = Vec::new();
    while let Some(block) = mixer.next_block().unwrap() {
        all.extend(block.iter().map(|&x| to_f32(x)));
    }
    all
}

#[test]
fn an_announcement_in_a_loop_is_no_partys() {
    let plain = analyze(summed(), &Config::default(), &RunOptions::default()).unwrap();
    let samples = summed_samples();
    let longest = plain.tracks[0].speech.iter().max_by(|a, b| a.duration().0.total_cmp(&b.duration().0)).unwrap();
    let at = |ms: Millis| Rate::NARROWBAND.sample_at(ms) as usize;
    let play = &samples[at(longest.start)..at(longest.end)];
    assert!(play.len() > 16_000, "a play of more than 2 s");
    let plays = [play, &[0.0; 48_000], play, &[0.0; 48_000], play, &[0.0; 16_000]].concat();
    let queued = float_wav(8_000, &[[&plays[..], &samples].concat()]);
    let queued = vec![Input::bytes("call.wav", queued).role(Role::Mixed)];
    let queued = analyze(queued, &Config::default(), &RunOptions::default()).unwrap();
    let answered = Rate::NARROWBAND.millis(plays.len() as u64);
    let before = |spans: &[Span]| spans.iter().filter(|span| span.start < answered).count();
    let track = &queued.tracks[0];
    assert!(before(&track.speech) >= 3, "its speech is told");
    assert!(track.voices.iter().flatten().all(|voice| before(&voice.speech) == 0), "and is no voice's");
    assert!(queued.turns.iter().all(|turn| turn.span.start >= answered));
    let speech = |report: &Report| report.metrics.speech_ms.unwrap().0;
    assert!((speech(&queued) - speech(&plain)).abs() < 500.0);
}

#[test]
fn each_voice_of_a_mixed_track_has_a_channel_of_its_own() {
    let call = process(summed(), &Config::default(), &RunOptions::default()).unwrap();
    let voices = call.report.tracks[0].voices.as_ref().unwrap();
    let channels = |layout| {
        let mut mixer = call.mix(&MixConfig { layout, ..MixConfig::default() }).unwrap();
        let (count, rate, mut all) = (usize::from(mixer.channels()), mixer.rate(), Vec::new());
        while let Some(block) = mixer.next_block().unwrap() {
            all.extend_from_slice(block);
        }
        let channel = |n: usize| all.iter().skip(n).step_by(count).copied().collect::<Vec<i16>>();
        (rate, (0..count).map(channel).collect::<Vec<_>>())
    };
    let (rate, whole) = channels(Layout::Split);
    let (_, split) = channels(Layout::Voices);
    assert!(voices.len() > 1, "two parties speak");
    assert_eq!((whole.len(), split.len()), (1, voices.len()));
    let mut told: Vec<_> = voices.iter().collect();
    told.sort_by_key(|voice| voice.role.order());
    for (voice, heard) in told.into_iter().zip(&split) {
        let at = |ms: Millis| rate.sample_at(ms) as usize;
        let own = |n: usize| voice.speech.iter().any(|span| (at(span.start)..at(span.end)).contains(&n));
        let loud = heard.iter().enumerate().filter(|(n, x)| own(*n) && x.abs() > 300).count();
        assert!(loud > 1_000, "somebody speaks");
        let same = heard.iter().zip(&whole[0]).enumerate().filter(|(n, _)| own(*n)).all(|(_, (a, b))| a == b);
        assert!(same, "speech comes through as it is");
        let far = |n: usize| voice.speech.iter().all(|span| n + 400 < at(span.start) || n > at(span.end) + 400);
        assert!(heard.iter().enumerate().filter(|(n, _)| far(*n)).all(|(_, &x)| x == 0), "and nothing else");
    }
}

#[test]
fn both_sides_quiet_is_told_once() {
    let mut one = vec![0.0f32; 8_000 * 12];
    for (i, x) in one.iter_mut().enumerate() {
        *x = ((i * 7_919 % 13) as f32 - 6.0) * 1e-4 + if i < 16_000 { 0.1 * (i as f32 * 0.4).sin() } else { 0.0 };
    }
    let report = analyzed(float_wav(8_000, &[one.clone(), one])).unwrap();
    let silences = report.tracks.iter().flat_map(|t| &t.events);
    let silences: Vec<_> = silences.filter(|e| e.kind == crate::timeline::EventKind::Silence).collect();
    assert_eq!(silences.len(), 1, "{silences:?}");
    assert_eq!(silences[0].span, Span::new(2_000.0, 12_000.0));
}

#[test]
fn chunks_hold_own_speech_and_know_the_way_back() {
    use crate::speech::ChunkOptions;
    use crate::units::Millis;

    let call = fixture("keypad-hold");
    let options = ChunkOptions { longest: Millis(5_000.0), ..ChunkOptions::default() };
    let chunks = call.chunks(&Config::default(), &options).unwrap();
    assert!(chunks.windows(2).all(|pair| pair[0].chunk.call.start <= pair[1].chunk.call.start));
    for party in &chunks {
        let placed = &call.tracks[party.placed];
        let samples = placed.cut(party.chunk.track, Rate::WIDEBAND).unwrap();
        let long = party.chunk.track.duration().0;
        assert!(long <= 5_000.0 + 1e-6, "{long}");
        assert!((samples.len() as f64 / 16.0 - long).abs() < 1.0, "{} samples for {long} ms", samples.len());
        let back = party.chunk.to_call(Millis(0.0), &placed.placement);
        assert!((back.0 - party.chunk.call.start.0).abs() < 1e-6);
    }
    for track in &call.report.tracks {
        let own: Vec<_> = chunks.iter().filter(|c| c.track == track.index).collect();
        let heard =
            |span: &Span| own.iter().filter_map(|c| c.chunk.call.overlap(span)).map(|s| s.duration().0).sum::<f64>();
        for span in &track.speech {
            assert!(heard(span) > 0.8 * span.duration().0, "{span:?}: {} ms", heard(span));
        }
    }
}

#[test]
#[cfg_attr(not(feature = "providers"), ignore = "needs the feature providers")]
fn no_number_of_threads_changes_a_report_a_sample_or_a_mix() {
    let calls =
        ["keypad-hold/manifest.json", "stereo/manifest.json", "tencent-dual/pushes.json", "wellcloud/recordings2.json"];
    let more =
        ["short/manifest.json", "tencent-transfer/pushes.json", "unclosed/manifest.json", "voipbin/recording.json"];
    for call in calls.into_iter().chain(more) {
        let processed = |threads| {
            let path = format!("{}/../fixtures/{call}", env!("CARGO_MANIFEST_DIR"));
            let call = CallInput::open(&[path]).unwrap();
            let run = RunOptions { threads: Some(threads), ..RunOptions::default() };
            process(call, &Config::default(), &run).unwrap()
        };
        let one = processed(1);
        for threads in [2, 3, 8] {
            let several = processed(threads);
            assert_eq!(one.report.to_json().unwrap(), several.report.to_json().unwrap(), "{call} on {threads} threads");
            let same = one.tracks.iter().zip(&several.tracks).all(|(a, b)| a.track == b.track && a.levels == b.levels);
            assert!(same && one.tracks.len() == several.tracks.len(), "{call} on {threads} threads: the samples");
            assert!(mixed(&one) == mixed(&several), "{call} on {threads} threads: the mix");
        }
    }
}

#[test]
fn a_written_call_is_the_same_on_any_number_of_threads() {
    let written = |threads: usize| {
        let run = RunOptions { threads: Some(threads), ..RunOptions::default() };
        let folder = std::env::temp_dir().join(format!("callweave-threads-{}-{threads}", std::process::id()));
        let formats = [crate::config::Format::Wav, crate::config::Format::Flac];
        let files = formats.map(|format| {
            let mut call = fixture("keypad-hold");
            let config = MixConfig { format, ..MixConfig::default() };
            let options = WriteOptions { peaks: Some(50), ..WriteOptions::default() };
            call.write_with(&folder, &config, &options, &run).unwrap();
            ["report.json", "peaks.json", &call.report.outputs[0].path].map(|f| std::fs::read(folder.join(f)).unwrap())
        });
        std::fs::remove_dir_all(folder).unwrap();
        files
    };
    assert!(written(1) == written(3));
}

#[test]
fn a_normalized_recording_is_the_same_on_any_number_of_threads() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/keypad-hold/agent.mp3");
    let normalized = |threads| {
        let run = RunOptions { threads: Some(threads), ..RunOptions::default() };
        let recording = normalize(Input::path(path), &NormalizeOptions::default(), &run).unwrap();
        let (place, mut all) = (Placement::reference(), Vec::new());
        let mut mixer = recording.samples(&place).unwrap();
        while let Some(block) = mixer.next_block().unwrap() {
            all.extend_from_slice(block);
        }
        (recording.source, recording.gain, all)
    };
    assert!(normalized(1) == normalized(4));
}

#[test]
fn samples_of_one_name_are_two_recordings() {
    let input = |value: i16, offset: f64| {
        let offset = KnownOffset::new(Millis(offset), Millis(0.0));
        Input::samples("call", vec![value; 40_000], Rate::NARROWBAND).leg(Leg { offset, ..Leg::default() })
    };
    let inputs = vec![input(100, 0.0), input(-200, 5_000.0)];
    let report = analyze(inputs, &Config::default(), &RunOptions::default()).unwrap();
    assert_eq!(report.tracks[1].alignment.as_ref().unwrap().offset_ms, Millis(5_000.0), "as it was given");
    assert_eq!(report.call.duration_ms, Millis(10_000.0));
    let stereo = |value: i16, offset: f64| {
        let channels = [vec![value; 40_000], vec![-value; 40_000]];
        let offset = KnownOffset::new(Millis(offset), Millis(0.0));
        let input = Input::channels("call", channels.each_ref().map(|c| Samples::from(c.as_slice())), Rate::NARROWBAND);
        input.leg(Leg { offset, ..Leg::default() })
    };
    let report =
        analyze(vec![stereo(100, 0.0), stereo(-300, 5_000.0)], &Config::default(), &RunOptions::default()).unwrap();
    let offsets: Vec<Millis> = report.tracks.iter().map(|t| t.alignment.as_ref().unwrap().offset_ms).collect();
    assert_eq!(offsets, [0.0, 0.0, 5_000.0, 5_000.0].map(Millis));
}
