//! The whole way of a recording and of a call: ten seconds, ten minutes and an hour, as mp3 of 8
//! and 16 kHz and as wav, on one thread and on two.
//!
//! `cargo bench -p callweave-benches --bench whole` runs them. Cost that grows with the length
//! beyond it shows as falling throughput.
#![allow(missing_docs, clippy::expect_used)]

use callweave::config::Config;
use callweave::{Input, NormalizeOptions, RunOptions, analyze, decode, normalize, process};
use callweave_benches::{Mp3Call, is_bench, mp3_of_8_khz, wav_of};
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};

/// Names and seconds; as tests, only the first.
fn lengths() -> &'static [(&'static str, usize)] {
    let all: &[_] = &[("10 s", 10), ("10 min", 600), ("1 h", 3600)];
    if is_bench() { all } else { &all[..1] }
}

fn threads(threads: usize) -> RunOptions {
    RunOptions { threads: Some(threads), ..RunOptions::default() }
}

/// One recording, its report alone.
fn recordings(c: &mut Criterion) {
    let config = Config::default();
    for &(length, seconds) in lengths() {
        let mp3 = Mp3Call::of_seconds(seconds).customer;
        let track = decode(Input::bytes("a.mp3", mp3.clone()), &config.decode).expect("decodes").remove(0);
        let kinds = [("mp3 16 kHz", mp3), ("mp3 8 kHz", mp3_of_8_khz(seconds)), ("wav 16 kHz", wav_of(&track))];
        let mut g = c.benchmark_group(format!("one recording of {length}"));
        g.sample_size(10).sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(seconds as u64));
        for (kind, bytes) in kinds {
            let input = || vec![Input::bytes("a", bytes.clone())];
            for count in [1, 2] {
                g.bench_function(format!("analyze {kind}, {count} threads"), |b| {
                    b.iter(|| analyze(input(), &config, &threads(count)).expect("a report"))
                });
            }
            g.bench_function(format!("normalize {kind}, 2 threads"), |b| {
                let options = NormalizeOptions::default();
                b.iter(|| normalize(input().remove(0), &options, &threads(2)).expect("a recording"))
            });
        }
        g.finish();
    }
}

/// A call of two tracks, with its mix.
fn calls(c: &mut Criterion) {
    let config = Config::default();
    let folder = std::env::temp_dir().join(format!("callweave-bench-whole-{}", std::process::id()));
    for &(length, seconds) in lengths() {
        let call = Mp3Call::of_seconds(seconds);
        let mut g = c.benchmark_group(format!("a call of {length}"));
        g.sample_size(10).sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(seconds as u64));
        for count in [1, 2] {
            g.bench_function(format!("process and write, {count} threads"), |b| {
                let run = threads(count);
                b.iter(|| {
                    let mut call = process(call.inputs(), &config, &run).expect("a call");
                    call.write(&folder, &config.mix, &run).expect("is written");
                })
            });
        }
        g.finish();
    }
    let _ = std::fs::remove_dir_all(folder);
}

criterion_group!(benches, recordings, calls);
criterion_main!(benches);
