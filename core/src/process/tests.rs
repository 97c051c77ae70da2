//! Whole calls made in memory: what the gate does on the way of a call, and what damaged sound does to it.

use std::io::Cursor;

use super::*;
use crate::config::DecodeOptions;
use crate::decode::{Input, decode};
use crate::resample::resample;
use crate::track::to_f32;
use crate::units::Rate;

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
    analyze(vec![Input::bytes("call.wav", wav)], &Config::default(), &Control::default())
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
fn sound_that_is_no_sound_has_a_report() {
    let wild = |n: usize| [f32::NAN, f32::INFINITY, -1e30, 0.1][n % 4];
    let channels = [vec![f32::NAN; 20_000], (0..20_000).map(wild).collect(), vec![0.5; 20_000], vec![0.0; 20_000]];
    let report = analyzed(float_wav(8_000, &channels)).unwrap();
    assert_eq!(report.tracks.len(), 4);
    assert!(report.tracks.iter().all(|t| t.speech.is_empty() && t.bleed.is_empty()));
    assert!(!report.to_json().contains("NaN"));
    let one_sample = analyzed(float_wav(8_000, &[vec![0.1], vec![f32::NAN]])).unwrap();
    assert!(one_sample.tracks.iter().all(|t| t.speech.is_empty()));
}

#[test]
fn any_sample_rate_has_a_report() {
    for hz in [1, 7, 16, 50, 100, 999, 4_000, 11_025, 96_000, 191_999, 192_000] {
        let samples: Vec<f32> = (0..hz.clamp(100, 20_000)).map(|n| ((n % 17) as f32 - 8.0) / 80.0).collect();
        let report = analyzed(float_wav(hz, &[samples.clone(), samples])).unwrap();
        assert_eq!(report.tracks.len(), 2, "{hz} Hz");
        assert_eq!(report.tracks[0].source.as_ref().unwrap().sample_rate_hz.hz(), hz);
    }
}
