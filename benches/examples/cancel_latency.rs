//! How long a call goes on after it is cancelled: `cancel_latency A.mp3 B.mp3 [times]`, with the
//! recordings of a call, repeated so many times to make it long. The call is cancelled at forty
//! moments of it, and the waits until it ends are printed.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use callweave::{Cancel, Config, Input, RunOptions, decode, process};

/// Moments at which the call is cancelled.
const MOMENTS: u32 = 40;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let times: usize = arguments.get(2).map_or(1, |times| times.parse().unwrap());
    let config = Config::default();
    let recordings: Vec<_> = arguments[..2]
        .iter()
        .map(|path| {
            let track = decode(Input::path(path), &config.decode).unwrap().remove(0);
            (path.clone(), track.samples.repeat(times), track.rate)
        })
        .collect();
    let folder = std::env::temp_dir().join(format!("callweave-cancel-{}", std::process::id()));
    let inputs = || -> Vec<Input> {
        let input = |(name, samples, rate): &(String, Vec<i16>, _)| Input::samples(name, samples, *rate);
        recordings.iter().map(input).collect()
    };
    let run = |inputs: Vec<Input>, cancel: &Cancel| {
        let run = RunOptions::default().with_cancel(cancel);
        let mut call = process(inputs, &config, &run)?;
        call.write(&folder, &config.mix, &run)
    };
    let inputs_of_whole = inputs();
    let begun = Instant::now();
    run(inputs_of_whole, &Cancel::default()).unwrap();
    let whole = begun.elapsed();
    let mut waits: Vec<(Duration, u32)> = (0..MOMENTS)
        .map(|moment| {
            let (inputs, cancel) = (inputs(), Cancel::default());
            (wait(whole * moment / MOMENTS, &cancel, || run(inputs, &cancel)), moment)
        })
        .collect();
    waits.sort();
    let (median, (most, at)) = (waits[waits.len() / 2].0, waits[waits.len() - 1]);
    println!(
        "whole {whole:.2?}; wait after a cancel: median {median:.1?}, most {most:.1?} at {at} of {MOMENTS} moments"
    );
    std::fs::remove_dir_all(folder).unwrap();
}

/// The time from a cancel, asked for `after` a while, to the end of `run`.
fn wait(after: Duration, cancel: &Cancel, run: impl FnOnce() -> callweave::Result<()>) -> Duration {
    let asked = std::thread::spawn({
        let cancel = cancel.clone();
        move || {
            std::thread::sleep(after);
            cancel.cancel();
            Instant::now()
        }
    });
    let _ = run();
    let ended = Instant::now();
    ended.saturating_duration_since(asked.join().unwrap())
}
