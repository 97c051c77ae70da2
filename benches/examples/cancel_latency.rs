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
    let run = |cancel: &Cancel| {
        let inputs = recordings.iter().map(|(name, samples, rate)| Input::samples(name, samples, *rate)).collect();
        let run = RunOptions::default().with_cancel(cancel);
        let inputs: Vec<Input> = inputs;
        let mut call = process(inputs, &config, &run)?;
        call.write(&folder, &config.mix, &run)
    };
    let begun = Instant::now();
    run(&Cancel::default()).unwrap();
    let whole = begun.elapsed();
    let mut waits: Vec<(Duration, u32)> =
        (0..MOMENTS).map(|moment| (wait(whole * moment / MOMENTS, &run), moment)).collect();
    waits.sort();
    let (median, (most, at)) = (waits[waits.len() / 2].0, waits[waits.len() - 1]);
    println!(
        "whole {whole:.2?}; wait after a cancel: median {median:.1?}, most {most:.1?} at {at} of {MOMENTS} moments"
    );
    std::fs::remove_dir_all(folder).unwrap();
}

/// The time from a cancel to the end of the call.
fn wait(after: Duration, run: &impl Fn(&Cancel) -> callweave::Result<()>) -> Duration {
    let cancel = Cancel::default();
    let asked = std::thread::spawn({
        let cancel = cancel.clone();
        move || {
            std::thread::sleep(after);
            cancel.cancel();
            Instant::now()
        }
    });
    let _ = run(&cancel);
    let ended = Instant::now();
    ended.saturating_duration_since(asked.join().unwrap())
}
