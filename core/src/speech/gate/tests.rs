use proptest::prelude::*;

use super::*;
use crate::timeline::{Knot, Method};

/// Samples in a second.
const SECOND: usize = 8_000;

fn random(seed: u32) -> impl FnMut() -> f32 {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    }
}

fn noise(seed: u32, samples: usize) -> Vec<f32> {
    let mut next = random(seed);
    (0..samples).map(|_| next()).collect()
}

/// Loudness of syllables of about 200 ms, from 0 to 1.
fn syllables(seed: u32, samples: usize) -> Vec<f32> {
    let mut next = random(seed);
    let mut out = Vec::with_capacity(samples);
    while out.len() < samples {
        let (length, peak) = ((1_600.0 + 800.0 * next()) as usize, 0.6 + 0.4 * next());
        out.extend((0..length).map(|n| peak * (std::f32::consts::PI * n as f32 / length as f32).sin()));
    }
    out.truncate(samples);
    out
}

/// Something like a voice: pulses of a gliding pitch and some breath through two resonances, in
/// syllables. About −20 dB.
fn voice(seed: u32, seconds: f64) -> Vec<f32> {
    let samples = (seconds * SECOND as f64) as usize;
    let mut next = random(seed ^ 0x5eed);
    let (mut phase, mut pitch, mut formants) = (0.0f32, 120.0 + 60.0 * next(), [(500.0f32, 1500.0f32); 1]);
    let mut states = [[0.0f32; 2]; 2];
    let loud = syllables(seed, samples);
    let voiced = |n: usize, states: &mut [[f32; 2]; 2], next: &mut dyn FnMut() -> f32| {
        if n.is_multiple_of(1_200) {
            pitch = (pitch + 40.0 * next()).clamp(90.0, 260.0);
            formants[0] = (500.0 + 250.0 * next(), 1_600.0 + 700.0 * next());
        }
        phase += pitch / SECOND as f32;
        let pulse = if phase >= 1.0 { 1.0 } else { 0.0 };
        phase -= pulse;
        let mut x = pulse + 0.1 * next();
        for (state, hz) in states.iter_mut().zip([formants[0].0, formants[0].1]) {
            let y = x + 1.9 * (std::f32::consts::TAU * hz / SECOND as f32).cos() * state[0] - 0.9025 * state[1];
            *state = [y, state[0]];
            x = 0.3 * y;
        }
        x
    };
    let mut voiced = voiced;
    (0..samples).map(|n| voiced(n, &mut states, &mut next) * loud[n]).collect()
}

fn db(level: f32) -> f32 {
    10f32.powf(level / 20.0)
}

/// A track of so many seconds with line noise at −80 dB.
fn line(seed: u32, seconds: f64) -> Vec<f32> {
    let hiss = noise(seed, (seconds * SECOND as f64) as usize);
    hiss.into_iter().map(|x| x * db(-80.0)).collect()
}

/// Adds a sound at a second, at a level in decibels.
fn put(track: &mut [f32], at: f64, sound: &[f32], level: f32) {
    let start = (at * SECOND as f64) as usize;
    track.iter_mut().skip(start).zip(sound).for_each(|(t, &s)| *t += s * db(level));
}

fn span(from: f64, to: f64) -> Span {
    Span::new(from * 1000.0, to * 1000.0)
}

fn at(offset: f64, uncertainty: f64) -> Placement {
    Placement::at(Millis(offset), Method::Bleed, 0.9, Millis(uncertainty))
}

/// The gate's answer for the first of two tracks, of which the second talks all the time.
fn gated(hearer: &Vec<f32>, talker: &Vec<f32>, spans: &[Span], placement: &Placement) -> Gated {
    let reference = Placement::reference();
    let tracks = [
        GateInput { spans, samples: hearer, placement: &reference },
        GateInput { spans: &[], samples: talker, placement },
    ];
    gate(&tracks, &Config::default()).remove(0)
}

fn only_bleed(got: &Gated) -> bool {
    got.own.is_empty() && got.bleed.iter().all(|b| b.from == 1)
}

#[test]
fn another_party_heard_faintly_is_bleed() {
    let talk = voice(1, 6.0);
    for late in [0.005, 0.06, 0.2, 0.69, 0.95] {
        let mut hearer = line(2, 7.5);
        put(&mut hearer, late, &talk, -34.0);
        let begin = if late < 0.5 { 0.5 } else { 1.2 };
        let got = gated(&hearer, &talk, &[span(begin, 5.5)], &at(0.0, 0.0));
        assert_eq!(got.bleed, [BleedSpan { span: span(begin, 5.5), from: 1 }], "{late} s late");
        assert!(only_bleed(&got));
    }
}

#[test]
fn a_delay_that_jumps_within_a_call_is_followed() {
    // A jitter buffer: 690 ms late, 45 ms later than that after twenty seconds.
    let talk = voice(30, 40.0);
    let mut hearer = line(31, 42.0);
    put(&mut hearer, 0.69, &talk[..20 * SECOND], -36.0);
    put(&mut hearer, 20.735, &talk[20 * SECOND..], -36.0);
    let spans: Vec<Span> = (0..12).map(|k| span(1.5 + 3.0 * f64::from(k), 4.2 + 3.0 * f64::from(k))).collect();
    let got = gated(&hearer, &talk, &spans, &at(0.0, 0.0));
    let bled: f64 = got.bleed.iter().map(|b| b.span.duration().seconds()).sum();
    let given: f64 = spans.iter().map(|s| s.duration().seconds()).sum();
    assert!(bled > 0.95 * given, "{bled} of {given} s: {:?}", got.own);
}

#[test]
fn a_long_call_is_gated_as_a_short_one() {
    // More cells than are searched everywhere: those between are found by their neighbours' lag.
    let talk = voice(32, 120.0);
    let mut hearer = line(33, 121.0);
    put(&mut hearer, 0.42, &talk, -34.0);
    let got = gated(&hearer, &talk, &[span(1.0, 119.0)], &at(0.0, 0.0));
    assert!(only_bleed(&got), "{:?}", got.own);
}

#[test]
fn a_room_between_does_not_hide_it() {
    let talk = voice(3, 6.0);
    let mut hearer = line(4, 6.5);
    for (tap, level) in [(0.020, -30.0), (0.0225, -36.0), (0.027, -38.0), (0.034, -44.0)] {
        put(&mut hearer, tap, &talk, level);
    }
    assert!(only_bleed(&gated(&hearer, &talk, &[span(0.5, 5.5)], &at(0.0, 0.0))));
}

#[test]
fn the_louder_track_never_bleeds_from_the_fainter() {
    let talk = voice(5, 6.0);
    let mut faint = line(6, 6.5);
    put(&mut faint, 0.02, &talk, -34.0);
    let got = gated(&talk, &faint, &[span(0.5, 5.5)], &at(0.0, 0.0));
    assert_eq!((got.own, got.bleed), (vec![span(0.5, 5.5)], vec![]));
}

#[test]
fn a_soft_speaker_stays() {
    // 20 dB below a party who talks at the same time, without a trace of that party on the track.
    for seed in 0..12 {
        let mut hearer = line(seed + 40, 8.0);
        put(&mut hearer, 0.0, &voice(seed, 8.0), -20.0);
        let got = gated(&hearer, &voice(seed + 20, 8.0), &[span(0.3, 3.1), span(3.5, 7.7)], &at(0.0, 200.0));
        assert_eq!((got.own, got.bleed), (vec![span(0.3, 3.1), span(3.5, 7.7)], vec![]), "seed {seed}");
    }
}

#[test]
fn a_soft_speaker_between_bleed_stays() {
    // One span of the detector: bleed, then the party, 20 dB below the other, then bleed again.
    let mut talk = voice(7, 9.0);
    talk[3 * SECOND..6 * SECOND].fill(0.0);
    let mut hearer = line(8, 9.5);
    put(&mut hearer, 0.03, &talk, -30.0);
    put(&mut hearer, 3.0, &voice(9, 3.0), -20.0);
    let got = gated(&hearer, &talk, &[span(0.0, 9.0)], &at(0.0, 0.0));
    let own: Vec<(f64, f64)> = got.own.iter().map(|s| (s.start.seconds(), s.end.seconds())).collect();
    assert_eq!((own.len(), got.bleed.len()), (1, 2), "{got:?}");
    assert!((own[0].0 - 3.0).abs() < 0.2 && (own[0].1 - 6.0).abs() < 0.2, "{own:?}");
}

/// A hearer with the talker's echo at −30 dB, in which 0.4 s are somebody else at a level.
fn interrupted(talk: &[f32], level: f32) -> Vec<f32> {
    let (from, to) = (4 * SECOND, 4 * SECOND + 2 * SECOND / 5);
    let mut hearer = line(51, 9.0);
    let mut echo = talk.to_vec();
    echo[from..to].fill(0.0);
    put(&mut hearer, 0.03, &echo, -30.0);
    put(&mut hearer, 4.03, &voice(52, 0.4), level);
    hearer
}

#[test]
fn a_short_piece_as_loud_as_the_echo_is_echo() {
    let talk = voice(50, 8.5);
    for level in [-40.0, -32.0] {
        let got = gated(&interrupted(&talk, level), &talk, &[span(0.5, 8.0)], &at(0.0, 0.0));
        assert!(only_bleed(&got), "{level} dB: {got:?}");
    }
}

#[test]
fn a_word_louder_than_the_echo_or_after_it_stays() {
    let own = |talk: &[f32], level: f32| {
        let got = gated(&interrupted(talk, level), &talk.to_vec(), &[span(0.5, 8.0)], &at(0.0, 0.0));
        got.own.iter().map(|s| s.start.seconds()).collect::<Vec<f64>>()
    };
    let talk = voice(50, 8.5);
    let louder = own(&talk, -20.0);
    assert!(louder.len() == 1 && (louder[0] - 4.0).abs() < 0.2, "{louder:?}");
    // The talker pauses: whatever is heard then is no echo, however soft.
    let mut pauses = talk;
    pauses[4 * SECOND - SECOND / 5..5 * SECOND].fill(0.0);
    let after = own(&pauses, -38.0);
    assert!(after.iter().any(|start| (start - 4.0).abs() < 0.3), "{after:?}");
}

#[test]
fn where_bleed_placed_a_track_it_is_found_though_its_place_is_in_doubt() {
    let talk = voice(17, 8.0);
    let mut hearer = line(18, 8.5);
    put(&mut hearer, 0.06, &talk, -34.0);
    let spans = [span(0.5, 7.0)];
    let placed = |method, uncertainty| Placement::at(Millis(900.0), method, 0.4, Millis(uncertainty));
    assert!(only_bleed(&gated(&hearer, &talk, &spans, &placed(Method::Bleed, 2_000.0))));
    assert_eq!(gated(&hearer, &talk, &spans, &placed(Method::Turns, 2_000.0)).own, spans);
    assert_eq!(gated(&hearer, &talk, &spans, &placed(Method::Bleed, 2_501.0)).own, spans);
}

#[test]
fn both_at_once_is_speech() {
    // The other's echo lies 10 dB below the soft party's own voice.
    let talk = voice(10, 8.0);
    let mut hearer = line(11, 8.5);
    put(&mut hearer, 0.03, &talk, -30.0);
    put(&mut hearer, 0.0, &voice(12, 8.0), -20.0);
    let got = gated(&hearer, &talk, &[span(0.0, 8.0)], &at(0.0, 0.0));
    assert!(got.bleed.is_empty(), "{got:?}");
}

#[test]
fn a_similar_envelope_alone_is_speech() {
    let samples = 8 * SECOND;
    let loud = syllables(13, samples);
    let modulated =
        |seed: u32| -> Vec<f32> { noise(seed, samples).iter().zip(&loud).map(|(x, l)| 0.3 * x * l).collect() };
    let mut hearer = line(14, 8.0);
    put(&mut hearer, 0.0, &modulated(15), -30.0);
    let got = gated(&hearer, &modulated(16), &[span(0.0, 8.0)], &at(0.0, 0.0));
    assert!(got.bleed.is_empty(), "{got:?}");
}

#[test]
fn placements_may_be_off_by_what_they_say() {
    let talk = voice(17, 8.0);
    let mut hearer = line(18, 8.5);
    put(&mut hearer, 0.06, &talk, -34.0);
    let spans = [span(0.5, 7.0)];
    for (offset, uncertainty) in [(40.0, 10.0), (-40.0, 10.0), (150.0, 150.0), (-150.0, 150.0), (-240.0, 240.0)] {
        assert!(only_bleed(&gated(&hearer, &talk, &spans, &at(offset, uncertainty))), "{offset} ± {uncertainty} ms");
    }
}

#[test]
fn clocks_that_drift_and_lose_audio_are_followed_by_their_placement() {
    let talk = voice(19, 20.0);
    let mut hearer = line(20, 20.5);
    put(&mut hearer, 0.03, &talk, -34.0);
    // The talker's recorder lost two seconds.
    let lost: Vec<f32> = [&talk[..10 * SECOND], &talk[12 * SECOND..]].concat();
    let knots = [(0.0, 0.0), (10_000.0, 10_000.0), (10_000.0, 12_000.0), (18_000.0, 20_000.0)];
    let knots = knots.map(|(track, call)| Knot { track: Millis(track), call: Millis(call) }).to_vec();
    let placement = Placement::through(knots, Method::Bleed, 0.9, Millis(5.0));
    assert!(only_bleed(&gated(&hearer, &lost, &[span(1.0, 9.5), span(12.6, 19.0)], &placement)));
}

#[test]
fn it_can_be_switched_off() {
    let talk = voice(21, 4.0);
    let mut hearer = line(22, 4.5);
    put(&mut hearer, 0.03, &talk, -34.0);
    let (reference, spans) = (Placement::reference(), [span(0.5, 3.5)]);
    let tracks = [&hearer, &talk].map(|samples| GateInput { spans: &spans, samples, placement: &reference });
    let mut config = Config::default();
    assert_eq!(gate(&tracks, &config)[0].own, []);
    assert_eq!(gate(&tracks, &config)[1].own, spans);
    config.speech.bleed_gate = false;
    assert_eq!(gate(&tracks, &config)[0].own, spans);
}

#[test]
fn nothing_breaks_it() {
    assert!(gate(&[], &Config::default()).is_empty());
    let silence = vec![0.0f32; SECOND];
    let loud = vec![1.0f32; SECOND];
    let bad = vec![f32::NAN; SECOND];
    for (hearer, talker) in
        [(&silence, &loud), (&loud, &silence), (&loud, &bad), (&bad, &loud), (&bad, &vec![]), (&vec![], &bad)]
    {
        for offset in [0.0, -7e9, 1e300, -1e300] {
            let got = gated(hearer, talker, &[span(0.0, 0.4), span(0.4, 4e12)], &at(offset, 0.0));
            assert_eq!(got.own, [span(0.0, 0.4), span(0.4, 4e12)]);
        }
    }
}

proptest! {
    #[test]
    fn own_speech_and_bleed_are_what_was_given(
        kinds in prop::collection::vec(0usize..3, 60),
        edges in prop::collection::btree_set(0u32..7_000, 2..20),
    ) {
        let edges: Vec<f64> = edges.into_iter().map(f64::from).collect();
        let spans: Vec<Span> = edges.chunks_exact(2).map(|e| Span::new(e[0], e[1])).collect();
        let mut judged = cells(&spans, usize::MAX);
        for cell in &mut judged {
            cell.from = kinds[cell.number].checked_sub(1).map(|from| (from, 0.5));
        }
        let got = sort(&spans, &judged);
        let mut all: Vec<Span> = got.own.iter().copied().chain(got.bleed.iter().map(|b| b.span)).collect();
        all.sort_by(|a, b| a.start.0.total_cmp(&b.start.0));
        let covered: f64 = all.iter().map(|s| s.duration().0).sum();
        let given: f64 = spans.iter().map(|s| s.duration().0).sum();
        prop_assert!((covered - given).abs() < 1e-6);
        for pair in all.windows(2) {
            prop_assert!(pair[0].end <= pair[1].start);
        }
        for piece in &all {
            prop_assert!(spans.iter().any(|s| s.start <= piece.start && piece.end <= s.end));
        }
    }
}
