//! Detects clipping: runs of samples at full scale. Works at the recording's own rate, because a
//! resampler rounds off the corners.

use super::event::{EventKind, HeardSound, SoundDetail, TrackEvent, dbov, ending_after};
use crate::room::make_room;
use crate::units::Millis;

/// Lowest magnitude of a sample at full scale (one 16-bit step below 1).
const FULL: f32 = 32766.5 / 32768.0;
/// Lowest magnitude from which equal neighbors are clipped. Mu-law ends at 0.9803, A-law at 0.9844.
const NEAR: f32 = 0.98;
/// Shortest run of samples. Two may touch full scale without being clipped.
const RUN: usize = 3;
/// Runs closer than this are one event.
const JOIN_MS: f64 = 300.0;
/// Smallest number of runs in an event. A single one is a click.
const RUNS: u32 = 2;

/// Detects clipping in blocks at any rate.
#[derive(Clone)]
pub struct Clipping {
    state: ClippingState,
    events: Vec<HeardSound>,
}

/// The current run and event.
#[derive(Clone, Copy)]
struct ClippingState {
    rate: u32,
    at: u64,
    /// Length of the current run of clipped samples, and its last sample.
    run: usize,
    last: f32,
    /// The current event: start, end, runs and samples.
    open: Option<(u64, u64, u32, u64)>,
}

impl Clipping {
    /// Creates a detector for samples at `rate` Hz.
    pub fn new(rate: u32) -> Self {
        let state = ClippingState { rate: rate.max(1), at: 0, run: 0, last: 0.0, open: None };
        Self { state, events: Vec::new() }
    }

    /// Takes the next samples.
    pub fn push(&mut self, block: &[f32]) {
        let Self { state, events } = self;
        for chunk in block.chunks(64) {
            let near = chunk.iter().fold(false, |near, v| near | (v.abs() >= NEAR));
            if !near && state.run == 0 {
                state.at += chunk.len() as u64;
                continue;
            }
            for &v in chunk {
                events.extend(state.sample(v));
            }
        }
    }

    /// Returns a counter that changes with each detection. It is one higher while an event is open.
    pub(crate) fn changes(&self) -> u64 {
        2 * self.events.len() as u64 + u64::from(self.state.open.is_some_and(|open| open.2 >= RUNS))
    }

    /// Adds the events that ended after a time, as if the track ended here.
    pub(crate) fn since(&self, from: Millis, sounds: &mut Vec<HeardSound>) {
        sounds.extend_from_slice(ending_after(&self.events, from.0));
        let mut state = self.state;
        sounds.extend(state.end_run().into_iter().chain(state.close()));
    }

    /// Reserves memory for this many sounds.
    pub(crate) fn make_room(&mut self, sounds: usize) {
        make_room(&mut self.events, sounds);
    }

    /// Returns the events.
    pub fn finish(mut self) -> Vec<TrackEvent> {
        self.events.extend(self.state.end_run());
        self.events.extend(self.state.close());
        self.events.into_iter().map(TrackEvent::from).collect()
    }
}

impl ClippingState {
    /// Takes a sample, and returns the event that ends with it.
    fn sample(&mut self, v: f32) -> Option<HeardSound> {
        let same = v == self.last || (v.abs() >= FULL && self.last.abs() >= FULL && v * self.last > 0.0);
        let mut ended = None;
        if v.abs() >= NEAR && (self.run == 0 || same) {
            self.run += 1;
        } else {
            ended = self.end_run();
            self.run = usize::from(v.abs() >= NEAR);
        }
        self.last = v;
        self.at += 1;
        ended
    }

    /// Ends the current run, and returns the previous event if the run is not part of it.
    fn end_run(&mut self) -> Option<HeardSound> {
        let run = std::mem::take(&mut self.run);
        if run < RUN {
            return None;
        }
        let (start, end) = (self.at - run as u64, self.at);
        if let Some((_, last, runs, samples)) = &mut self.open
            && ms(self.rate, start - *last) <= JOIN_MS
        {
            *last = end;
            *runs += 1;
            *samples += run as u64;
            return None;
        }
        let ended = self.close();
        self.open = Some((start, end, 1, run as u64));
        ended
    }

    /// Ends the current event.
    fn close(&mut self) -> Option<HeardSound> {
        let (start, end, _, samples) = self.open.take().filter(|open| open.2 >= RUNS)?;
        Some(HeardSound {
            kind: EventKind::Clipping,
            start_ms: ms(self.rate, start),
            end_ms: ms(self.rate, end),
            detail: SoundDetail::Samples(samples),
            confidence: 0.95,
            level_dbov: dbov(1.0),
        })
    }
}

fn ms(rate: u32, samples: u64) -> f64 {
    samples as f64 * 1000.0 / f64::from(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(amplitude: f32, limit: f32) -> Vec<f32> {
        let tone = |i: usize| amplitude * (std::f32::consts::TAU * 300.0 * i as f32 / 8000.0).sin();
        (0..8000).map(|i| tone(i).clamp(-limit, limit)).collect()
    }

    fn detect(x: &[f32], chunk: usize) -> Vec<TrackEvent> {
        let mut clipping = Clipping::new(8000);
        x.chunks(chunk).for_each(|block| clipping.push(block));
        clipping.finish()
    }

    #[test]
    fn a_cut_sine_is_one_event_and_a_whole_one_is_none() {
        assert_eq!(detect(&sine(1.5, 1.0), 160).len(), 1);
        assert_eq!(detect(&sine(1.5, 32124.0 / 32768.0), 160).len(), 1, "mu-law's full scale");
        assert!(detect(&sine(1.5, 0.9), 160).is_empty(), "below full scale nothing can be said");
        assert!(detect(&sine(0.999, 1.0), 160).is_empty());
    }

    #[test]
    fn beyond_full_scale_needs_no_equal_samples() {
        assert_eq!(detect(&sine(1.5, 9.0), 160).len(), 1);
    }

    #[test]
    fn bursts_far_apart_are_two_events_and_one_click_is_none() {
        let mut x = vec![0.0; 16000];
        for start in [1000, 1500, 9000, 9100] {
            x[start..start + 3].fill(1.0);
        }
        x[15000..15010].fill(-1.0);
        let events = detect(&x, 160);
        assert_eq!(events.len(), 2);
        assert_eq!((events[0].start_ms, events[0].end_ms), (125.0, 1503.0 / 8.0));
        assert_eq!(events[1].detail.as_deref(), Some("6 samples"));
    }

    #[test]
    fn chunks_do_not_matter() {
        let x = sine(1.3, 1.0);
        for chunk in [1, 7, 63, 64, 65, 8000] {
            assert_eq!(detect(&x, chunk), detect(&x, 160));
        }
    }
}
