//! Every stage by itself, and the whole, on a ten-minute dual-track call of 16 kHz mp3.
//!
//! Throughput is in samples of the track; the time of one pass over ten minutes gives times real
//! time: 600 s divided by it. `cargo bench -p callweave-benches` runs them, `-- decode` those whose
//! names hold a word.
#![allow(missing_docs, clippy::expect_used)]

use std::hint::black_box;

use callweave::align::{self, TrackInput};
use callweave::config::{AlignOptions, Config};
use callweave::decode::Decoder;
use callweave::level::{Level, LevelMeter};
use callweave::mix::{MixInput, Mixer};
use callweave::resample::Resampler;
use callweave::speech;
use callweave::timeline::Placement;
use callweave::track::{SampleSink, Track, to_f32};
use callweave::units::{Decibels, Millis, Rate};
use callweave::vad::{self, Probabilities};
use callweave::{DecodeOptions, Input, NormalizeOptions, RunOptions, analyze, normalize, process};
use callweave_benches::{Mp3Call, call_seconds, wav_of};
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};

/// Samples that a stage is given at once, as the decoder gives them.
const BLOCK: usize = 4096;

fn group<'a>(c: &'a mut Criterion, name: &str, samples: usize) -> BenchmarkGroup<'a, WallTime> {
    let mut group = c.benchmark_group(name);
    group.sample_size(10).throughput(Throughput::Elements(samples as u64));
    group
}

/// Reads an input to its end.
fn drain(input: Input) -> u64 {
    let options = DecodeOptions::default();
    let mut decoder = Decoder::open(input, &options).expect("opens");
    let mut samples = 0;
    while let Some(block) = decoder.next_block().expect("decodes") {
        samples += block.frames() as u64;
    }
    samples
}

fn decoding(c: &mut Criterion) {
    let call = Mp3Call::of_seconds(call_seconds());
    let track = call.customer_track();
    let wav = wav_of(&track);
    let mut g = group(c, "decode", track.samples.len());
    g.bench_function("mp3 16 kHz", |b| b.iter(|| drain(Input::bytes("a.mp3", call.customer.clone()))));
    g.bench_function("wav 16 kHz", |b| b.iter(|| drain(Input::bytes("a.wav", wav.clone()))));
    g.finish();
}

fn floats(track: &Track) -> Vec<f32> {
    track.samples.iter().map(|&x| to_f32(x)).collect()
}

fn narrowed(samples: &[f32]) -> Vec<f32> {
    let mut out = Vec::new();
    let mut resampler = Resampler::new(Rate::WIDEBAND, Rate::NARROWBAND).expect("a resampler");
    samples.chunks(BLOCK).for_each(|block| resampler.push(block, &mut out).expect("resamples"));
    resampler.finish(&mut out).expect("resamples");
    out
}

fn listening(c: &mut Criterion) {
    let track = Mp3Call::of_seconds(call_seconds()).customer_track();
    let samples = floats(&track);
    let narrow = narrowed(&samples);
    let mut g = group(c, "listen", samples.len());
    g.bench_function("resample 16 to 8 kHz", |b| b.iter(|| narrowed(black_box(&samples))));
    g.bench_function("level", |b| {
        b.iter(|| {
            let mut meter = LevelMeter::new(track.rate);
            samples.chunks(BLOCK).for_each(|block| meter.push(block));
            meter.finish()
        })
    });
    let config = Config::default();
    g.bench_function("speech", |b| b.iter(|| detected(&narrow, &config)));
    g.finish();
}

fn probabilities_of(narrow: &[f32], config: &Config) -> Probabilities {
    let mut detector = vad::detector(config, 1).expect("a detector");
    let mut out = vec![Vec::new()];
    narrow.chunks(BLOCK / 2).for_each(|block| detector.push(&[block], &mut out).expect("detects"));
    detector.finish(&mut out).expect("detects");
    Probabilities { hop: detector.hop(), values: out.remove(0) }
}

fn level_of(narrow: &[f32]) -> Level {
    let mut meter = LevelMeter::new(Rate::NARROWBAND);
    meter.push(narrow);
    meter.finish()
}

fn detected(narrow: &[f32], config: &Config) -> usize {
    let probabilities = probabilities_of(narrow, config);
    let duration = Rate::NARROWBAND.millis(narrow.len() as u64);
    speech::spans(&probabilities, duration, &config.speech).len()
}

fn mixing(c: &mut Criterion) {
    let track = Mp3Call::of_seconds(call_seconds()).customer_track();
    let place = Placement::reference();
    let placed =
        |role| MixInput { samples: &track.samples, rate: track.rate, role, placement: &place, gain: Decibels(1.5) };
    let tracks = [placed(callweave::Role::Customer), placed(callweave::Role::Agent)];
    let mut g = group(c, "mix", 2 * track.samples.len());
    g.bench_function("two tracks of 16 kHz", |b| {
        b.iter(|| {
            let mut mixer = Mixer::new(&tracks, track.duration(), &Config::default().mix).expect("a mix");
            let mut sum = 0i64;
            while let Some(block) = mixer.next_block().expect("mixes") {
                sum += i64::from(block[0]);
            }
            sum
        })
    });
    g.finish();
}

fn track_input<'a>((narrow, level, voice): &'a (&Vec<f32>, Level, Probabilities)) -> TrackInput<'a> {
    TrackInput {
        samples: *narrow,
        energies: Some(level.hops.power()),
        probabilities: &voice.values,
        hop: voice.hop,
        started_at: None,
        offset: None,
        role: callweave::Role::Unknown,
    }
}

/// Placement beside decoding the same call: at most a fifth of it is aimed at. With one party heard
/// on the other's track, and with nothing heard at all, which takes longest. What the pass over a
/// call has by then (levels, speech) is given.
fn placing(c: &mut Criterion) {
    let call = Mp3Call::of_seconds(call_seconds());
    let (customer, agent) = (call.customer_track(), call.agent_track());
    let samples = customer.samples.len() + agent.samples.len();
    let [customer, agent] = [customer, agent].map(|track| narrowed(&floats(&track)));
    let backwards: Vec<f32> = agent.iter().rev().copied().collect();
    // The call repeats itself within a minute: a wider search would find it again.
    let options = AlignOptions { search: Millis(20_000.0), ..AlignOptions::default() };
    let config = Config::default();
    let mut g = group(c, "place", samples);
    g.bench_function("decoding the call", |b| b.iter(|| call.inputs().into_iter().map(drain).sum::<u64>()));
    for (name, other) in [("one party heard on the other's track", &agent), ("nothing heard", &backwards)] {
        let heard = [&customer, other].map(|narrow| (narrow, level_of(narrow), probabilities_of(narrow, &config)));
        g.bench_function(name, |b| b.iter(|| align::align(&heard.each_ref().map(track_input), &options)));
    }
    g.finish();
}

fn whole(c: &mut Criterion) {
    let call = Mp3Call::of_seconds(call_seconds());
    let samples = 2 * call.customer_track().samples.len();
    let (config, run) = (Config::default(), RunOptions { threads: Some(1), ..RunOptions::default() });
    let mut g = group(c, "whole", samples);
    g.bench_function("analyze, one thread", |b| b.iter(|| analyze(call.inputs(), &config, &run).expect("a call")));
    let folder = std::env::temp_dir().join(format!("callweave-bench-{}", std::process::id()));
    g.bench_function("process and write, one thread", |b| {
        b.iter(|| {
            let mut call = process(call.inputs(), &config, &run).expect("a call");
            call.write(&folder, &config.mix, &run).expect("is written");
        })
    });
    let options = NormalizeOptions::default();
    g.bench_function("normalize one track", |b| {
        b.iter(|| normalize(Input::bytes("a.mp3", call.customer.clone()), &options, &run).expect("a recording"))
    });
    g.finish();
    let _ = std::fs::remove_dir_all(folder);
}

criterion_group!(benches, decoding, listening, placing, mixing, whole);
criterion_main!(benches);
