//! How much work is done after the caller cancels: few samples are read in any step, however long
//! the call. What that takes in time is told by `benches/examples/cancel_latency.rs`.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::align::{self, AlignOptions, TrackInput};
use crate::call::Role;
use crate::config::Config;
use crate::error::{ErrorKind, Result};
use crate::run::Cancel;
use crate::speech::{self, GateInput};
use crate::timeline::{Method, Placement};
use crate::track::{Narrowband, sealed, to_i16};
use crate::units::{Millis, Span};
use crate::voices;

/// Ten minutes at 8 kHz.
const SAMPLES: usize = 600 * 8_000;
/// Samples that a step may still read: 100 seconds, of 600 and of ever longer calls.
const MOST_AFTER: usize = 100 * 8_000;

/// A track that cancels the work once so many samples of it have been read, and counts those that
/// are read afterwards.
struct Tripwire<'a> {
    samples: &'a [i16],
    cancel: &'a Cancel,
    trip_after: usize,
    read: &'a AtomicUsize,
    after: &'a AtomicUsize,
}

impl sealed::Sealed for Tripwire<'_> {}

impl Narrowband for Tripwire<'_> {
    fn len(&self) -> usize {
        self.samples.len()
    }

    fn read(&self, from: usize, out: &mut [f32]) {
        if self.cancel.is_cancelled() {
            self.after.fetch_add(out.len(), Relaxed);
        } else if self.read.fetch_add(out.len(), Relaxed) >= self.trip_after {
            self.cancel.cancel();
        }
        Narrowband::read(self.samples, from, out);
    }
}

/// Words of noise in turns of five seconds, each party faintly on the other's track.
fn party(own: usize) -> Vec<i16> {
    let mut state = 7u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    let talks = |n: usize, who: usize| (n / 40_000) % 2 == who && !(n / 2_400).is_multiple_of(3);
    let level = |n: usize| {
        if talks(n, own) {
            0.2
        } else if talks(n, 1 - own) {
            0.01
        } else {
            0.0005
        }
    };
    (0..SAMPLES).map(|n| to_i16(noise() * level(n))).collect()
}

/// Where a party talks.
fn spans(own: usize) -> Vec<Span> {
    let starts = (0..SAMPLES / 40_000).filter(|turn| turn % 2 == own);
    starts.map(|turn| Span::new(turn as f64 * 5_000.0 + 300.0, turn as f64 * 5_000.0 + 4_800.0)).collect()
}

/// Runs a step to its end, and then again with cancels at many moments of it: each ends it with
/// `cancelled`, and soon.
fn holds_its_bound(name: &str, step: impl Fn([&dyn Narrowband; 2], &Cancel) -> Result<()>) {
    let parties = [party(0), party(1)];
    let run = |trip_after: usize| {
        let (cancel, read, after) = (Cancel::default(), AtomicUsize::new(0), AtomicUsize::new(0));
        let wire = |samples| Tripwire { samples, cancel: &cancel, trip_after, read: &read, after: &after };
        let tracks = [wire(&parties[0]), wire(&parties[1])];
        let ended = step([&tracks[0], &tracks[1]], &cancel);
        (ended, read.into_inner(), after.into_inner())
    };
    let (ended, all, _) = run(usize::MAX);
    ended.unwrap();
    assert!(all > 0, "{name} reads nothing");
    for moment in 0..8 {
        let (ended, _, after) = run(all * moment / 8);
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::Cancelled, "{name} at {moment}/8");
        assert!(after <= MOST_AFTER, "{name} at {moment}/8 reads {after} samples of {all} after the cancel");
    }
}

#[test]
fn a_placement_ends_soon_after_the_cancel() {
    let energies = [party(0), party(1)].map(|samples| -> Vec<f32> {
        let mean = |hop: &[i16]| hop.iter().map(|&x| (f32::from(x) / 32_768.0).powi(2)).sum::<f32>() / 80.0;
        samples.chunks(80).map(mean).collect()
    });
    let probabilities = [0, 1].map(|own| -> Vec<f32> {
        let talks = |at: f64| spans(own).iter().any(|span| span.start.0 <= at && at < span.end.0);
        (0..SAMPLES / 256).map(|frame| if talks(frame as f64 * 32.0) { 0.9 } else { 0.1 }).collect()
    });
    holds_its_bound("placement", |tracks, cancel| {
        let input = |own: usize| TrackInput {
            samples: tracks[own],
            energies: Some(&energies[own]),
            probabilities: &probabilities[own],
            hop: Millis(32.0),
            started_at: None,
            offset: None,
            role: Role::Unknown,
        };
        align::align_until(&[input(0), input(1)], &AlignOptions::default(), cancel).map(drop)
    });
}

#[test]
fn the_gate_ends_soon_after_the_cancel() {
    let speech = [spans(0), spans(1)];
    let placement = Placement::at(Millis(0.0), Method::Timestamps, 0.9, Millis(20.0));
    holds_its_bound("gate", |tracks, cancel| {
        let input = |own: usize| GateInput { spans: &speech[own], samples: tracks[own], placement: &placement };
        speech::gate_until(&[input(0), input(1)], &Config::default(), cancel).map(drop)
    });
}

#[test]
fn telling_voices_apart_ends_soon_after_the_cancel() {
    let speech = [spans(0), spans(1)].concat();
    holds_its_bound("voices", |tracks, cancel| {
        let mut speech = speech.clone();
        speech.sort_by(|a, b| a.start.0.total_cmp(&b.start.0));
        voices::separate(tracks[0], &speech, &[], false, cancel).map(drop)
    });
}
