//! What a mix holds: levels, times, limits.

use std::f64::consts::TAU;

use super::*;
use crate::level::LevelMeter;
use crate::timeline::{Knot, Method};
use crate::track::{SampleSink, to_f32};

fn sine(amplitude: f64, rate: u32, seconds: f64) -> Vec<i16> {
    let wave = |n: u32| amplitude * (TAU * 500.0 * f64::from(n) / f64::from(rate)).sin();
    (0..(seconds * f64::from(rate)) as u32).map(|n| to_i16(wave(n) as f32)).collect()
}

fn placed<'a>(samples: &'a [i16], hz: u32, role: Role, placement: &'a Placement) -> MixInput<'a> {
    MixInput { samples, rate: Rate::new(hz).unwrap(), role, placement, gain: Decibels(0.0) }
}

fn at(ms: f64) -> Placement {
    Placement::at(Millis(ms), Method::Timestamps, 0.44, Millis(684.0))
}

fn mixed(tracks: &[MixInput], ms: f64, config: &MixConfig) -> Vec<i16> {
    let mut mixer = Mixer::new(tracks, Millis(ms), config).unwrap();
    let mut all = Vec::new();
    while let Some(block) = mixer.next_block().unwrap() {
        all.extend_from_slice(block);
    }
    all
}

#[test]
fn a_track_at_the_output_rate_comes_through_as_it_is() {
    let samples = sine(0.3, 8000, 1.0);
    let got = mixed(&[placed(&samples, 8000, Role::Agent, &at(0.0))], 1000.0, &MixConfig::default());
    assert_eq!(got, samples);
}

#[test]
fn channels_stand_in_the_order_of_roles() {
    let (loud, soft) = (vec![20_000i16; 80], vec![100i16; 80]);
    let place = at(0.0);
    let tracks = [placed(&loud, 8000, Role::Agent, &place), placed(&soft, 8000, Role::Customer, &place)];
    assert_eq!(mixed(&tracks, 10.0, &MixConfig::default())[..4], [100, 20_000, 100, 20_000]);
}

#[test]
fn an_impulse_lands_where_its_track_is_placed() {
    for (hz, offset) in [(8000, 0.0), (8000, 1234.5), (16_000, 777.0), (44_100, 31.25)] {
        for second in [0.0, 0.4, 0.97] {
            let mut samples = vec![0i16; hz as usize];
            samples[(second * f64::from(hz)) as usize] = 16_000;
            let place = at(offset);
            let config = MixConfig { rate: OutputRate::Fixed(Rate::WIDEBAND), ..MixConfig::default() };
            let got = mixed(&[placed(&samples, hz, Role::Agent, &place)], offset + 1000.0, &config);
            let peak = (0..got.len()).max_by_key(|&i| i32::from(got[i]).abs()).unwrap();
            let want = (offset / 1000.0 + second) * 16_000.0;
            assert!((peak as f64 - want).abs() <= 1.0, "{hz} Hz at {offset} ms: {peak} for {want}");
        }
    }
}

#[test]
fn lost_audio_is_silence_and_a_drifting_clock_is_set_right() {
    let hz = 8000u32;
    // 100 ppm fast over 60 s: 6 ms more than true; then 200 ms are lost; then 10 s more.
    let knot = |t: f64, c: f64| Knot { track: Millis(t), call: Millis(c) };
    let knots = vec![knot(0.0, 0.0), knot(60_006.0, 60_000.0), knot(60_006.0, 60_200.0), knot(70_007.0, 70_200.0)];
    let place = Placement::through(knots, Method::Bleed, 0.95, Millis(5.0));
    for ms in [10.0f64, 30_000.0, 59_990.0, 60_100.0, 69_000.0] {
        let mut samples = vec![0i16; (70.007 * f64::from(hz)) as usize];
        samples[(ms * 8.0) as usize] = 16_000;
        let got = mixed(&[placed(&samples, hz, Role::Agent, &place)], 70_200.0, &MixConfig::default());
        let peak = (0..got.len()).max_by_key(|&i| i32::from(got[i]).abs()).unwrap();
        let want = place.to_call(Millis(ms)).0 * 8.0;
        assert!((peak as f64 - want).abs() <= 1.0, "at {ms} ms: {peak} for {want}");
    }
}

#[test]
fn a_mono_mix_gives_its_tracks_alone_as_a_split_mix_does() {
    let (loud, soft) = (sine(0.99, 8000, 2.0), sine(0.2, 16_000, 1.5));
    let places = [at(0.0), at(250.0)];
    let tracks = [
        placed(&loud, 8000, Role::Agent, &places[0]),
        placed(&soft, 16_000, Role::Customer, &places[1]),
        placed(&soft, 16_000, Role::Participant, &places[0]),
    ];
    let mono = MixConfig { layout: Layout::Mono, ..MixConfig::default() };
    let mut mixer = Mixer::new(&tracks, Millis(2000.0), &mono).unwrap().with_tracks_alone();
    let (mut sum, mut alone) = (Vec::new(), Vec::new());
    while mixer.advance().unwrap() {
        sum.extend_from_slice(mixer.block());
        alone.extend_from_slice(mixer.tracks_alone());
    }
    assert_eq!(sum, mixed(&tracks, 2000.0, &mono));
    assert_eq!(alone, mixed(&tracks, 2000.0, &MixConfig::default()));
    for (tracks, config) in [(&tracks[..], MixConfig::default()), (&tracks[..1], mono)] {
        let mut mixer = Mixer::new(tracks, Millis(2000.0), &config).unwrap().with_tracks_alone();
        assert!(mixer.advance().unwrap());
        assert_eq!(mixer.tracks_alone(), mixer.block(), "one track a channel");
    }
}

#[test]
fn a_sum_beyond_full_scale_is_limited_not_clipped() {
    let samples = sine(0.8, 8000, 2.0);
    let place = at(0.0);
    let tracks = [placed(&samples, 8000, Role::Agent, &place), placed(&samples, 8000, Role::Customer, &place)];
    let config = MixConfig { layout: Layout::Mono, ..MixConfig::default() };
    let got: Vec<f32> = mixed(&tracks, 2000.0, &config).iter().map(|&x| to_f32(x)).collect();
    let mut meter = LevelMeter::new(Rate::NARROWBAND);
    meter.push(&got);
    let level = meter.finish();
    assert!(level.true_peak.unwrap().0 <= -1.0, "{:?}", level.true_peak);
    assert!(level.true_peak.unwrap().0 >= -2.0, "{:?}", level.true_peak);
    assert_eq!(level.clipped, 0);
}

#[test]
fn true_peaks_stay_below_minus_one_by_another_meter() {
    let mut state = 1u32;
    let mut noise = |n: usize| -> Vec<i16> {
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as i16
        };
        (0..n).map(|_| next()).collect()
    };
    for (from, to) in [(8_000, 8_000), (16_000, 8_000), (44_100, 16_000), (8_000, 48_000)] {
        let (a, b) = (noise(2 * from as usize), noise(2 * from as usize));
        let knots = [(0.0, 0.0), (2_000.0, 2_000.2)].map(|(t, c)| Knot { track: Millis(t), call: Millis(c) });
        let places = [at(0.3), Placement::through(knots.to_vec(), Method::Bleed, 0.9, Millis(5.0))];
        let tracks = [placed(&a, from, Role::Agent, &places[0]), placed(&b, from, Role::Customer, &places[1])];
        for layout in [Layout::Mono, Layout::Split] {
            let rate = OutputRate::Fixed(Rate::new(to).unwrap());
            let channels = if layout == Layout::Mono { 1 } else { 2 };
            let got = mixed(&tracks, 2_000.0, &MixConfig { rate, layout, ..MixConfig::default() });
            let mut meter = ebur128::EbuR128::new(channels, to, ebur128::Mode::TRUE_PEAK).unwrap();
            meter.add_frames_i16(&got).unwrap();
            for channel in 0..channels {
                let peak = 20.0 * meter.true_peak(channel).unwrap().log10();
                assert!((-3.0..=-1.0).contains(&peak), "{from} to {to} Hz, {layout:?}: {peak:.2} dBTP");
            }
        }
    }
}

#[test]
fn gain_keeps_its_bounds() {
    let level_of = |amplitude: f32| {
        let mut meter = LevelMeter::new(Rate::NARROWBAND);
        let wave = |n: usize| amplitude * (TAU as f32 * 500.0 * n as f32 / 8000.0).sin();
        meter.push(&(0..40_000).map(wave).collect::<Vec<f32>>());
        meter.finish()
    };
    let speech = [Span::new(0.0, 5000.0)];
    let target = LevelTarget::default();
    let gain_of = |amplitude, noise: f64| gain(&level_of(amplitude), &speech, Some(Decibels(noise)), target).0;
    assert!((gain_of(0.1, -80.0) + 3.0).abs() < 0.1, "from -23 to -26 dBov");
    assert_eq!(gain_of(0.9, -80.0), -12.0);
    assert_eq!(gain_of(0.001, -80.0), 18.0);
    assert!((gain_of(0.02, -55.0) - 5.0).abs() < 1e-9, "noise stays at -50 dBov");
    assert_eq!(gain(&level_of(0.1), &[Span::new(0.0, 1999.0)], None, target).0, 0.0, "too little speech");
    assert_eq!(gain(&level_of(0.1), &speech, None, LevelTarget::Off).0, 0.0);
}

#[test]
fn no_track_is_no_mix() {
    let error = Mixer::new(&[], Millis(0.0), &MixConfig::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoAudio);
}
