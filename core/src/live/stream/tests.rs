use proptest::prelude::*;

use super::*;
use crate::config::SpeechConfig;
use crate::live::SampleEncoding;
use crate::speech::spans;
use crate::track::{to_f32, to_i16};
use crate::units::Span;
use crate::vad::Probabilities;

/// Seconds of a real call in which somebody speaks and pauses.
fn speech() -> Vec<i16> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/reference/caller.wav");
    let reader = hound::WavReader::open(path).unwrap();
    reader.into_samples::<i16>().map(|s| s.unwrap()).skip(8_000 * 7).take(8_000 * 12).collect()
}

fn stream(rate: Rate, options: &StreamOptions) -> SpeechStream {
    SpeechStream::new(rate, options).unwrap()
}

/// The events and the probabilities of a track pushed in parts.
fn heard<'a>(stream: &mut SpeechStream, parts: impl Iterator<Item = LiveSamples<'a>>) -> (Vec<StreamEvent>, Vec<u32>) {
    let (mut events, mut probabilities) = (Vec::new(), Vec::new());
    let mut note = |probabilities_now: &[f32]| probabilities.extend(probabilities_now.iter().map(|p| p.to_bits()));
    for part in parts {
        events.extend_from_slice(stream.push(part).unwrap());
        note(stream.probabilities());
    }
    events.extend_from_slice(stream.flush().unwrap());
    note(stream.probabilities());
    (events, probabilities)
}

fn ended(events: &[StreamEvent]) -> Vec<Span> {
    let span = |event: &StreamEvent| match event {
        StreamEvent::SpeechEnd { span, .. } => Some(*span),
        StreamEvent::SpeechStart { .. } => None,
    };
    events.iter().filter_map(span).collect()
}

/// Every beginning is followed by its end, in order and apart, and known no earlier than it is.
fn check_order(events: &[StreamEvent]) {
    let mut last = 0.0;
    for pair in events.chunks(2) {
        let [StreamEvent::SpeechStart { at, known }, StreamEvent::SpeechEnd { span, known: end_known }] = pair else {
            panic!("a beginning without its end: {pair:?}");
        };
        assert!(*at == span.start && at.0 >= last && span.end > span.start, "{pair:?}");
        assert!(at <= known && known <= end_known && span.end <= *end_known, "{pair:?}");
        last = span.end.0;
    }
}

#[test]
fn speech_of_a_call_is_told_as_it_comes() {
    let samples = speech();
    let options = StreamOptions { min_silence_ms: Millis(200.0), min_speech_ms: Millis(120.0), ..Default::default() };
    let (events, probabilities) =
        heard(&mut stream(Rate::NARROWBAND, &options), samples.chunks(160).map(LiveSamples::I16));
    check_order(&events);
    let values: Vec<f32> = probabilities.into_iter().map(f32::from_bits).collect();
    let config = SpeechConfig {
        min_speech_ms: Millis(120.0),
        min_silence_ms: Millis(200.0),
        speech_pad_ms: Millis(30.0),
        ..SpeechConfig::metrics()
    };
    let duration = Rate::NARROWBAND.millis(samples.len() as u64);
    let expected = spans(&Probabilities { hop: SpeechStream::HOP, values }, duration, &config);
    assert!(expected.len() >= 3, "{expected:?}");
    assert_eq!(ended(&events), expected);
}

#[test]
fn a_stream_can_be_begun_anew_and_ends_once() {
    let samples = speech();
    let mut one = stream(Rate::NARROWBAND, &StreamOptions::default());
    let first = heard(&mut one, samples.chunks(333).map(LiveSamples::I16));
    for _ in 0..2 {
        let late = one.push(&samples[..10]).unwrap_err();
        assert_eq!(late.kind(), ErrorKind::InvalidArgument);
        assert!(late.to_string().contains("push after flush"), "{late}");
        assert!(one.flush().is_err());
    }
    one.reset().unwrap();
    assert_eq!((one.heard(), one.probability(), one.is_speaking()), (Millis(0.0), 0.0, false));
    assert_eq!(heard(&mut one, samples.chunks(160).map(LiveSamples::I16)), first);
}

#[test]
fn bad_input_is_refused_or_counts_as_silence() {
    let mut one = stream(Rate::NARROWBAND, &StreamOptions::default());
    for empty in [LiveSamples::I16(&[]), LiveSamples::F32(&[]), LiveSamples::Bytes(SampleEncoding::S16, &[])] {
        assert!(one.push(empty).unwrap().is_empty());
    }
    let other = one.push_at(Rate::WIDEBAND, &[0.0f32; 320][..]).unwrap_err();
    assert!(other.to_string().contains("16000 Hz") && other.kind() == ErrorKind::InvalidArgument, "{other}");
    one.push_at(Rate::NARROWBAND, &[f32::NAN; 700][..]).unwrap();
    one.push(&[f32::INFINITY, f32::MIN, f32::MAX, -1e9][..]).unwrap();
    one.push(LiveSamples::Bytes(SampleEncoding::S16, &[1])).unwrap();
    assert!(one.flush().unwrap_err().to_string().contains("part of a sample"));
    one.push(LiveSamples::Bytes(SampleEncoding::S16, &[1])).unwrap();
    assert!(one.flush().unwrap().is_empty());
    assert_eq!(one.heard(), Rate::NARROWBAND.millis(705));
    let mut silent = stream(Rate::NARROWBAND, &StreamOptions::default());
    silent.push(&[0.0f32; 705][..]).unwrap();
    let mut damaged = stream(Rate::NARROWBAND, &StreamOptions::default());
    damaged.push(&[f32::NAN; 705][..]).unwrap();
    assert_eq!(silent.probabilities(), damaged.probabilities());
}

#[test]
fn hours_of_silence_are_no_speech() {
    let mut one = stream(Rate::NARROWBAND, &StreamOptions::default());
    for _ in 0..20_000 {
        assert!(one.push(&[0i16; 160][..]).unwrap().is_empty());
    }
    assert_eq!(one.heard(), Millis(400_000.0));
    assert!(one.flush().unwrap().is_empty());
}

#[test]
fn streams_cross_threads() {
    fn crosses<T: Send + Sync + fmt::Debug>() {}
    crosses::<SpeechStream>();
    assert!(align_of::<SpeechStream>() <= 16, "objects of other languages are aligned to 16 bytes");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn any_cutting_gives_the_same(
        cuts in prop::collection::vec(0usize..3_000, 1..60),
        from in 0usize..48_000,
        double in any::<bool>(),
    ) {
        let track = &speech()[from..from + 40_000];
        let rate = if double { Rate::WIDEBAND } else { Rate::NARROWBAND };
        let options = StreamOptions::default();
        let whole = heard(&mut stream(rate, &options), [LiveSamples::I16(track)].into_iter());
        let floats: Vec<f32> = track.iter().map(|&x| to_f32(x)).collect();
        let bytes: Vec<u8> = track.iter().flat_map(|x| x.to_be_bytes()).collect();
        let ends = |factor: usize| {
            let all = cuts.iter().cycle().scan(0, move |at, cut| {
                let from = *at;
                *at = (from + cut.max(&1)).min(40_000 * factor);
                (from < 40_000 * factor).then_some(from..*at)
            });
            all.collect::<Vec<_>>()
        };
        let of_floats = ends(1).into_iter().map(|part| LiveSamples::F32(&floats[part]));
        prop_assert_eq!(&heard(&mut stream(rate, &options), of_floats), &whole);
        let of_bytes = ends(2).into_iter().map(|part| LiveSamples::Bytes(SampleEncoding::S16Be, &bytes[part]));
        prop_assert_eq!(&heard(&mut stream(rate, &options), of_bytes), &whole);
        prop_assert!(floats.iter().zip(track).all(|(&f, &i)| to_i16(f) == i));
    }

    #[test]
    fn spans_are_those_of_a_whole_track(
        values in prop::collection::vec(0.0f32..1.0, 0..300),
        stretched in 1usize..8,
        missing in 0.0..31.0f64,
        min_speech in 0.0..200.0f64,
        pad in 0.0..60.0f64,
        rest in 0.0..200.0f64,
    ) {
        let min_silence = 2.0 * pad + rest;
        let values: Vec<f32> = values.into_iter().flat_map(|p| std::iter::repeat_n(p, stretched)).collect();
        let options = StreamOptions {
            min_speech_ms: Millis(min_speech),
            min_silence_ms: Millis(min_silence),
            speech_pad_ms: Millis(pad),
            ..StreamOptions::default()
        };
        let config = SpeechConfig {
            min_speech_ms: options.min_speech_ms,
            min_silence_ms: options.min_silence_ms,
            speech_pad_ms: options.speech_pad_ms,
            ..SpeechConfig::metrics()
        };
        let duration = (values.len() as f64 * 32.0 - missing).max(0.0);
        let mut walk = Hysteresis::new(&options);
        let mut events = Vec::new();
        for (i, &p) in values.iter().enumerate() {
            let heard = ((i + 1) as f64 * 32.0).min(duration);
            events.extend(walk.push(i as f64 * 32.0, heard, p));
        }
        events.extend(walk.finish(duration).into_iter().flatten());
        check_order(&events);
        let probabilities = Probabilities { hop: SpeechStream::HOP, values };
        prop_assert_eq!(ended(&events), spans(&probabilities, Millis(duration), &config));
    }
}
