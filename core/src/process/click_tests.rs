//! Clicks at known moments of a track, from an encoded recording to the mix: each within one sample
//! of its place, through every codec's delay, a change of rate, a drifting clock and lost audio.
//! Codecs that ffmpeg or lame lack here are skipped.

use std::f64::consts::TAU;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::call::Role;
use crate::config::{DecodeOptions, LevelTarget, MixConfig, OutputRate};
use crate::decode::{Input, decode};
use crate::mix::{MixInput, Mixer};
use crate::timeline::{Knot, Method, Placement};
use crate::track::{Track, to_f32};
use crate::units::{Decibels, Millis, Rate};

/// Seconds of the track; the loss of the placement is at 7 s.
const CLICKS_S: [f64; 6] = [0.31, 2.500_01, 4.7, 6.8, 7.2, 9.6];
const SECONDS: f64 = 10.0;
/// How far a click reaches, and how far around its place it is looked for, in seconds.
const AROUND_S: f64 = 0.002;

/// What a click is: a burst of 1 kHz, half a millisecond wide.
fn click(t: f64) -> f64 {
    0.6 * (-(t / 4e-4).powi(2)).exp() * (TAU * 1_000.0 * t).cos()
}

fn recording(rate: u32) -> Vec<i16> {
    let mut state = 1u32;
    let mut sample = |i: u32| {
        let t = f64::from(i) / f64::from(rate);
        let near = CLICKS_S.iter().map(|at| t - at).filter(|d| d.abs() < AROUND_S);
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (f64::from(state >> 8) / f64::from(1 << 24) - 0.5) * 2e-3;
        ((near.map(click).sum::<f64>() + noise) * 32_768.0) as i16
    };
    (0..(SECONDS * f64::from(rate)) as u32).map(&mut sample).collect()
}

/// The recording through an encoder: arguments with `IN` (a wav) and `OUT` in them. `None` where
/// there is none.
fn encoded(rate: u32, name: &str, command: &str, folder: &Path) -> Option<Track> {
    let (wav, out) = (folder.join("in.wav"), folder.join(name));
    let spec =
        hound::WavSpec { channels: 1, sample_rate: rate, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(&wav, spec).unwrap();
    recording(rate).into_iter().for_each(|x| writer.write_sample(x).unwrap());
    writer.finalize().unwrap();
    let words: Vec<String> = command
        .split_whitespace()
        .map(|w| w.replace("IN", &wav.display().to_string()).replace("OUT", &out.display().to_string()))
        .collect();
    let run = Command::new(&words[0]).args(&words[1..]).output();
    if !run.is_ok_and(|run| run.status.success()) {
        eprintln!("skipped: {command}");
        return None;
    }
    Some(decode(Input::path(out), &DecodeOptions::default()).unwrap().remove(0))
}

/// The call's time of the click nearest to one expected, in seconds: where the mix is most like a
/// click.
fn found(mix: &[f32], rate: u32, expected: f64) -> f64 {
    let likeness = |at: f64| -> f64 {
        let middle = (at * f64::from(rate)).round() as usize;
        let reach = rate as usize / 500;
        let samples = mix.iter().enumerate().skip(middle.saturating_sub(reach)).take(2 * reach);
        samples.map(|(i, &x)| f64::from(x) * click(i as f64 / f64::from(rate) - at)).sum()
    };
    let step = 0.05 / f64::from(rate);
    let steps = (AROUND_S / step) as i64;
    let best = (-steps..=steps)
        .max_by(|&i, &j| likeness(expected + i as f64 * step).total_cmp(&likeness(expected + j as f64 * step)));
    expected + best.unwrap() as f64 * step
}

fn mixed(track: &Track, placement: &Placement, rate: u32) -> Vec<f32> {
    let placed =
        MixInput { samples: &track.samples, rate: track.rate, role: Role::Agent, placement, gain: Decibels(0.0) };
    let config = MixConfig {
        rate: OutputRate::Fixed(Rate::new(rate).unwrap()),
        level: LevelTarget::Off,
        ..MixConfig::default()
    };
    let mut mixer = Mixer::new(&[placed], placement.to_call(track.duration()), &config).unwrap();
    let mut mix = Vec::new();
    while let Some(block) = mixer.next_block().unwrap() {
        mix.extend(block.iter().map(|&x| to_f32(x)));
    }
    mix
}

/// A fast clock, 150 ms lost at 7 s, and a start that is no whole sample.
fn wandering() -> Placement {
    let knot = |track: f64, call: f64| Knot { track: Millis(track), call: Millis(call) };
    let (start, slope) = (1_234.56, 1.0 - 120e-6);
    let at = |t: f64| start + t * slope;
    let knots =
        vec![knot(0.0, start), knot(7_000.0, at(7_000.0)), knot(7_000.0, at(7_150.0)), knot(10_000.0, at(10_150.0))];
    Placement::through(knots, Method::Bleed, 0.97, Millis(5.0))
}

#[test]
#[cfg_attr(not(feature = "opus"), ignore = "needs the feature opus")]
fn clicks_land_within_a_sample_through_every_codec() {
    let codecs: [(u32, &str, &str); 15] = [
        (8_000, "a.wav", "cp IN OUT"),
        (44_100, "b.wav", "cp IN OUT"),
        (8_000, "ulaw.wav", "ffmpeg -v error -i IN -c:a pcm_mulaw -y OUT"),
        (8_000, "alaw.wav", "ffmpeg -v error -i IN -c:a pcm_alaw -y OUT"),
        (8_000, "adpcm.wav", "ffmpeg -v error -i IN -c:a adpcm_ms -y OUT"),
        (8_000, "gsm.wav", "ffmpeg -v error -i IN -c:a libgsm_ms -y OUT"),
        (16_000, "a.flac", "ffmpeg -v error -i IN -y OUT"),
        (8_000, "a.mp3", "lame --quiet -m m -b 16 --resample 8 IN OUT"),
        (16_000, "b.mp3", "lame --quiet -m m -b 32 --resample 16 IN OUT"),
        (44_100, "c.mp3", "lame --quiet -m m -b 64 IN OUT"),
        (16_000, "a.m4a", "ffmpeg -v error -i IN -c:a aac -b:a 48k -y OUT"),
        (48_000, "a.ogg", "ffmpeg -v error -i IN -c:a libopus -b:a 96k -y OUT"),
        (16_000, "b.ogg", "ffmpeg -v error -i IN -c:a libvorbis -y OUT"),
        (16_000, "a.mka", "ffmpeg -v error -i IN -c:a libopus -b:a 96k -y OUT"),
        (16_000, "b.wav", "ffmpeg -v error -i IN -c:a pcm_f32le -y OUT"),
    ];
    let folder = std::env::temp_dir().join(format!("callweave-clicks-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let placement = wandering();
    let mut wrong = Vec::new();
    for (source, name, command) in codecs {
        let Some(track) = encoded(source, name, command, &folder) else { continue };
        for rate in [8_000, 16_000, track.rate.hz()] {
            let mix = mixed(&track, &placement, rate);
            for at in CLICKS_S {
                let want = placement.to_call(Millis(at * 1_000.0)).seconds();
                let off = (found(&mix, rate, want) - want) * f64::from(rate);
                if off.abs() > 1.0 {
                    wrong.push(format!(
                        "{name} of {source} Hz to {rate} Hz: the click at {at} s is {off:.2} samples off"
                    ));
                }
            }
        }
    }
    fs::remove_dir_all(&folder).unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
