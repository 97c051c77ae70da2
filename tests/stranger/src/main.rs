//! The crate as a stranger would use it: samples in memory, a detector of one's own, one stage
//! alone, a cancel from another thread, a mix to a `Vec<u8>`. Ends with an error where something is
//! not as its documentation says.

use std::error::Error;
use std::f32::consts::TAU;
use std::thread;
use std::time::Duration;

use callweave::align::{self, AlignOptions, TrackSamples};
use callweave::config::SpeechConfig;
use callweave::timeline::EventKind;
use callweave::units::{Millis, Rate};
use callweave::vad::{CustomDetector, Detector};
use callweave::{
    CallInput, Cancel, Config, DecodeOptions, ErrorKind, Input, Role, RunOptions, analyze, decode, events, level,
    process, speech,
};

type Done = Result<(), Box<dyn Error>>;

/// Two parties of twenty seconds who take turns, at 8 kHz.
fn party(own: usize) -> Vec<f32> {
    let mut state = 7u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    let level = |n: usize| if (n / 16_000) % 2 == own { 0.2 } else { 0.001 };
    (0..160_000).map(|n| noise() * level(n)).collect()
}

fn call() -> Vec<Input> {
    let agent: Vec<i16> = party(1).iter().map(|x| (x * 32_767.0) as i16).collect();
    vec![
        Input::samples("customer", party(0), Rate::NARROWBAND).role(Role::Customer),
        Input::samples("agent", &agent, Rate::NARROWBAND).role(Role::Agent),
    ]
}

/// Says that 20 ms are speech where they are louder than −30 dBov.
struct Loud(Vec<Vec<f32>>);

impl Detector for Loud {
    fn hop(&self) -> Millis {
        Millis(20.0)
    }

    fn push(&mut self, tracks: &[&[f32]], out: &mut [Vec<f32>]) -> callweave::Result<()> {
        for ((kept, samples), out) in self.0.iter_mut().zip(tracks).zip(out) {
            kept.extend_from_slice(samples);
            while kept.len() >= 160 {
                let energy: f32 = kept.drain(..160).map(|x| x * x).sum();
                out.push(if energy > 160.0 * 1e-3 { 0.9 } else { 0.1 });
            }
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut [Vec<f32>]) -> callweave::Result<()> {
        self.0.iter().zip(out).filter(|(kept, _)| !kept.is_empty()).for_each(|(_, out)| out.push(0.1));
        Ok(())
    }
}

fn own_detector() -> Done {
    let own = CustomDetector::new("loud", "1.0", |tracks| Ok(Loud(vec![Vec::new(); tracks])));
    let input = CallInput::from(call()).with_detector(own);
    let report = analyze(input, &Config::default(), &RunOptions::default())?;
    assert_eq!(report.detector.name, "loud");
    for (own, track) in report.tracks.iter().enumerate() {
        assert_eq!(track.speech.len(), 5, "party {own}: {:?}", track.speech);
        let source = track.source.as_ref().ok_or("no source")?;
        assert_eq!((source.container.name(), &source.sha256), ("samples", &None));
    }
    Ok(())
}

fn stages_alone() -> Done {
    let samples = party(0);
    let detected = speech::detect(&samples, Rate::NARROWBAND, &SpeechConfig::asr().with_threshold(0.6))?;
    assert_eq!(detected.probabilities.values.len(), 625);
    let level = level::measure(&samples, Rate::NARROWBAND);
    assert!(level.active.level.0 < -10.0 && level.clipped == 0);
    let key = |n: usize| 0.2 * ((n as f32 * 941.0 * TAU / 8e3).sin() + (n as f32 * 1336.0 * TAU / 8e3).sin());
    let keys: Vec<f32> = (0..16_000).map(|n| if (8_000..9_600).contains(&n) { key(n) } else { 0.0 }).collect();
    let events = events::detect(&keys, Rate::NARROWBAND, &[])?;
    assert!(events.iter().any(|event| event.kind == EventKind::Dtmf && event.detail.as_deref() == Some("0")));
    let tracks = [TrackSamples::new(party(0), Rate::NARROWBAND)?, TrackSamples::new(party(1), Rate::NARROWBAND)?];
    let alignment = align::pair(&tracks[0], &tracks[1], &AlignOptions::default())?;
    assert_eq!(alignment.placements.len(), 2);
    Ok(())
}

fn cancel_from_another_thread() -> Done {
    let cancel = Cancel::default();
    let run = RunOptions::default().with_cancel(&cancel);
    let long = Input::samples("long", vec![0.01f32; 8_000 * 3_600 * 4], Rate::NARROWBAND);
    let asked = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        cancel.cancel();
    });
    let ended = analyze(vec![long], &Config::default(), &run);
    asked.join().map_err(|_| "the other thread failed")?;
    assert_eq!(ended.err().map(|e| e.kind()), Some(ErrorKind::Cancelled));
    Ok(())
}

fn mix_to_memory() -> Done {
    let config = Config::default();
    let call = process(call(), &config, &RunOptions::default())?;
    let mut wav = Vec::new();
    call.write_mix(&mut wav, &config.mix, &RunOptions::default())?;
    let tracks = decode(Input::bytes("mix.wav", wav), &DecodeOptions::default())?;
    assert_eq!((tracks.len(), tracks[0].rate), (2, Rate::NARROWBAND));
    assert_eq!(tracks[0].duration(), call.report.call.duration_ms);
    Ok(())
}

fn main() -> Done {
    own_detector()?;
    stages_alone()?;
    cancel_from_another_thread()?;
    mix_to_memory()?;
    println!("a stranger can use the crate");
    Ok(())
}
