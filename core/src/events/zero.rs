//! Detects digital zero and dropouts: samples that no line could have sent. Works at the
//! recording's own rate, before a resampler blurs them.

use super::event::{EventKind, HeardSound, SoundDetail, TrackEvent, dbov, ending_after};
use crate::room::make_room;
use crate::units::Millis;

/// Largest difference of equal samples: half a 16-bit step.
const SAME: f32 = 1.0 / 65536.0;
/// Largest constant that counts as silence: 16 steps of 16 bits. A-law's zero is 8.
const SMALL: f32 = 16.0 / 32768.0;
/// Shortest constant that is digital zero.
const ZERO_MS: f64 = 1000.0;
/// Shortest constant between sounds that is a dropout.
const DROPOUT_MS: f64 = 5.0;
/// Lowest mean square of the 6 ms on either side of a dropout: -50 dBov. Where a line sends nothing
/// between words, words fade first.
const SOUND: f32 = 1e-5;
/// Chunks per second: 2 ms each, so that 5 ms of zeros contain at least one.
const CHUNKS: u32 = 500;
/// Chunks on either side of a dropout that must contain sound.
const EDGE: usize = 3;

/// A run of equal samples.
#[derive(Debug, Clone, Copy)]
struct Flat {
    start: u64,
    value: f32,
    /// Mean square just before it.
    before: f32,
}

/// A gap whose end is still to come.
#[derive(Debug, Clone, Copy)]
struct Hole {
    start: u64,
    end: u64,
    before: f32,
    after: f32,
    chunks: usize,
}

/// Detects digital zero and dropouts in blocks at any rate.
#[derive(Clone)]
pub struct Zero {
    state: ZeroState,
    /// The last chunks before the current samples, followed by an incomplete chunk.
    recent: Vec<f32>,
    events: Vec<HeardSound>,
}

/// The current run and gap.
#[derive(Clone, Copy)]
struct ZeroState {
    rate: u32,
    chunk: usize,
    at: u64,
    flat: Option<Flat>,
    hole: Option<Hole>,
}

impl Zero {
    /// Creates a detector for samples at `rate` Hz.
    pub fn new(rate: u32) -> Self {
        let chunk = (rate / CHUNKS).max(1) as usize;
        Self {
            state: ZeroState { rate: rate.max(1), chunk, at: 0, flat: None, hole: None },
            // Before the first sample there was silence.
            recent: vec![0.0; EDGE * chunk],
            events: Vec::new(),
        }
    }

    /// Takes the next samples.
    pub fn push(&mut self, block: &[f32]) {
        let Self { state, recent, events } = self;
        let (kept, window) = (recent.len(), (EDGE + 1) * state.chunk);
        // A window that begins in what was kept ends within the next samples; the others lie in the
        // block.
        recent.extend_from_slice(&block[..window.min(block.len())]);
        let from = state.windows(recent, 0, kept, events);
        if from < kept {
            recent.drain(..from);
        } else {
            let from = state.windows(block, from - kept, block.len(), events);
            recent.clear();
            recent.extend_from_slice(&block[from..]);
        }
    }

    /// Returns a counter that changes with each detection. It is one higher while zeros last that
    /// are an event.
    pub(crate) fn changes(&self) -> u64 {
        let lasting = self.state.flat.is_some_and(|flat| self.state.ms(self.state.at - flat.start) >= ZERO_MS);
        2 * self.events.len() as u64 + u64::from(lasting)
    }

    /// Adds the events that ended after a time, as if the track ended here.
    pub(crate) fn since(&self, from: Millis, sounds: &mut Vec<HeardSound>) {
        sounds.extend_from_slice(ending_after(&self.events, from.0));
        let mut state = self.state;
        state.finish(&self.recent, sounds);
    }

    /// Reserves memory for this many sounds.
    pub(crate) fn make_room(&mut self, sounds: usize) {
        make_room(&mut self.events, sounds);
    }

    /// Returns the events.
    pub fn finish(mut self) -> Vec<TrackEvent> {
        self.state.finish(&self.recent, &mut self.events);
        self.events.into_iter().map(TrackEvent::from).collect()
    }
}

impl ZeroState {
    /// Processes the chunks of some samples whose windows begin before `until`, each with those
    /// before it. Returns where the next one begins.
    fn windows(&mut self, samples: &[f32], mut from: usize, until: usize, events: &mut Vec<HeardSound>) -> usize {
        let edge = EDGE * self.chunk;
        while from < until
            && let Some(window) = samples.get(from..from + edge + self.chunk)
        {
            let (before, chunk) = window.split_at(edge);
            self.chunk(before, chunk, events);
            from += self.chunk;
        }
        from
    }

    /// Takes a chunk together with the chunks before it.
    fn chunk(&mut self, before: &[f32], x: &[f32], events: &mut Vec<HeardSound>) {
        let first = x.first().copied().unwrap_or(0.0);
        let flat = first.abs() <= SMALL && x.iter().all(|&v| (v - first).abs() <= SAME);
        if let Some(run) = self.flat
            && !(flat && (first - run.value).abs() <= SAME)
        {
            let more = x.iter().take_while(|&&v| (v - run.value).abs() <= SAME).count();
            self.ended(run, self.at + more as u64, events);
        }
        if flat && self.flat.is_none() {
            let same = before.iter().rev().take(self.chunk.min(self.at as usize));
            let more = same.take_while(|&&v| (v - first).abs() <= SAME).count();
            let power = before.chunks_exact(self.chunk).map(mean_square).sum::<f32>() / EDGE as f32;
            self.flat = Some(Flat { start: self.at - more as u64, value: first, before: power });
        }
        if self.hole.is_some() {
            events.extend(self.fill(mean_square(x)));
        }
        self.at += x.len() as u64;
    }

    fn ms(&self, samples: u64) -> f64 {
        samples as f64 * 1000.0 / f64::from(self.rate)
    }

    fn ended(&mut self, run: Flat, end: u64, events: &mut Vec<HeardSound>) {
        self.flat = None;
        let length = self.ms(end - run.start);
        if length >= ZERO_MS {
            events.push(self.event(EventKind::DigitalZero, run.start, end, f32::NEG_INFINITY));
        } else if length >= DROPOUT_MS && run.before >= SOUND {
            self.hole = Some(Hole { start: run.start, end, before: run.before, after: 0.0, chunks: 0 });
        }
    }

    /// Takes the sound after a gap. A dropout has sound on both sides.
    fn fill(&mut self, power: f32) -> Option<HeardSound> {
        let hole = self.hole.as_mut()?;
        hole.after += power / EDGE as f32;
        hole.chunks += 1;
        if hole.chunks < EDGE {
            return None;
        }
        let hole = self.hole.take()?;
        let level = dbov(hole.before.max(hole.after));
        (hole.after >= SOUND).then(|| self.event(EventKind::Dropout, hole.start, hole.end, level))
    }

    /// Processes the rest, and what is open.
    fn finish(&mut self, recent: &[f32], events: &mut Vec<HeardSound>) {
        let (before, rest) = recent.split_at((EDGE * self.chunk).min(recent.len()));
        if !rest.is_empty() {
            self.chunk(before, rest, events);
        }
        if let Some(run) = self.flat
            && self.ms(self.at - run.start) >= ZERO_MS
        {
            self.ended(run, self.at, events);
        }
    }

    fn event(&self, kind: EventKind, start: u64, end: u64, level_dbov: f32) -> HeardSound {
        let (start_ms, end_ms, detail) = (self.ms(start), self.ms(end), SoundDetail::Nothing);
        HeardSound { kind, start_ms, end_ms, detail, confidence: 0.95, level_dbov }
    }
}

/// Returns the mean square, summed in eight lanes so that it compiles to vector instructions. The
/// order is fixed.
fn mean_square(x: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    let chunks = x.chunks_exact(8);
    let rest: f32 = chunks.remainder().iter().map(|v| v * v).sum();
    for chunk in chunks {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *lane += v * v;
        }
    }
    (lanes.iter().sum::<f32>() + rest) / x.len().max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise of about -30 dBov from a linear congruential generator.
    fn noise(n: usize) -> Vec<f32> {
        let mut seed = 1u32;
        (0..n)
            .map(|_| {
                seed = seed.wrapping_mul(1664525).wrapping_add(1013904223);
                ((seed >> 8) as f32 / (1 << 24) as f32 - 0.5) * 0.1
            })
            .collect()
    }

    fn detect(rate: u32, x: &[f32], chunk: usize) -> Vec<TrackEvent> {
        let mut zero = Zero::new(rate);
        x.chunks(chunk).for_each(|block| zero.push(block));
        zero.finish()
    }

    #[test]
    fn a_second_of_zeros_is_digital_zero_and_less_is_not() {
        for rate in [8000, 16000, 44100] {
            let mut x = noise(rate as usize * 4);
            x[rate as usize..rate as usize * 2 + 1].fill(0.0);
            let events = detect(rate, &x, 1000);
            assert_eq!(events.len(), 1, "{rate}");
            assert_eq!(events[0].kind, EventKind::DigitalZero);
            assert!((events[0].start_ms - 1000.0).abs() < 0.2 && (events[0].end_ms - 2000.0).abs() < 0.3);
            let mut x = noise(rate as usize * 4);
            x[rate as usize..rate as usize * 2 - 20].fill(0.0);
            assert!(detect(rate, &x, 1000).iter().all(|e| e.kind == EventKind::Dropout), "{rate}");
        }
    }

    #[test]
    fn a_dead_track_is_zero_to_its_end() {
        let events = detect(8000, &[0.0; 12345], 160);
        assert_eq!(events.len(), 1);
        assert!((events[0].end_ms - 12345.0 / 8.0).abs() < 0.2);
    }

    #[test]
    fn the_zero_of_a_law_counts_and_a_level_does_not() {
        assert_eq!(detect(8000, &[8.0 / 32768.0; 9000], 160).len(), 1);
        assert_eq!(detect(8000, &[0.1; 9000], 160).len(), 0);
    }

    #[test]
    fn a_hole_in_sound_is_a_dropout_but_a_faded_pause_is_not() {
        let mut x = noise(8000);
        x[4000..4160].fill(0.0);
        let events = detect(8000, &x, 77);
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].kind, EventKind::Dropout);
        assert!((events[0].start_ms - 500.0).abs() < 0.2 && (events[0].end_ms - 520.0).abs() < 0.2);
        for (i, v) in x[3800..4000].iter_mut().enumerate() {
            *v *= 0.01 * (1.0 - i as f32 / 200.0);
        }
        assert!(detect(8000, &x, 77).is_empty());
        let mut x = noise(8000);
        x[4000..4031].fill(0.0);
        assert!(detect(8000, &x, 77).is_empty(), "4 ms are too short");
    }

    #[test]
    fn chunks_do_not_matter() {
        let mut x = noise(40000);
        x[4003..4190].fill(0.0);
        x[20001..30007].fill(0.0);
        let whole = detect(11025, &x, 40000);
        assert_eq!(whole.len(), 1 + 1);
        for chunk in [1, 7, 160, 1152] {
            assert_eq!(detect(11025, &x, chunk), whole);
        }
    }
}
