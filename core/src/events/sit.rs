//! Detects special information tones (ITU-T E.180): 950, 1400 and 1800 Hz, 330 ms each, without a
//! pause.

use super::bursts::Burst;
use super::event::{EventKind, HeardSound, SoundDetail, dbov, ending_after};

use crate::room::make_room;

/// E.180: +- 50 Hz. North America's variants (913.8, 985.2; 1370.6, 1428.5; 1776.7) are within this
/// range.
const STEPS: [(f32, f32); 3] = [(900.0, 1000.0), (1350.0, 1450.0), (1750.0, 1850.0)];
/// E.180: 330 +- 70 ms. North America uses 274 and 380 ms.
const STEP_SECONDS: (f32, f32) = (0.24, 0.42);
/// Longest pause between the steps (E.180: up to 30 ms), plus the error of edges.
const PAUSE_SECONDS: f32 = 0.06;

/// Detects the three steps among bursts.
#[derive(Clone, Default)]
pub struct Sit {
    steps: usize,
    start: u64,
    end: u64,
    level: f32,
    events: Vec<HeardSound>,
}

impl Sit {
    /// Takes the next burst.
    pub fn push(&mut self, burst: &Burst) {
        let follows = self.steps > 0 && burst.start.saturating_sub(self.end) as f32 <= PAUSE_SECONDS * 8000.0;
        if !follows {
            self.steps = 0;
        }
        let (low, high) = STEPS[self.steps.min(2)];
        let fits = burst.single().is_some_and(|hz| hz >= low && hz <= high)
            && burst.seconds() >= STEP_SECONDS.0
            && burst.seconds() <= STEP_SECONDS.1;
        if !fits {
            self.steps = 0;
            return;
        }
        if self.steps == 0 {
            self.start = burst.start;
            self.level = 0.0;
        }
        self.steps += 1;
        self.end = burst.end;
        self.level += burst.level / 3.0;
        if self.steps == 3 {
            self.steps = 0;
            self.events.push(HeardSound {
                kind: EventKind::Sit,
                start_ms: self.start as f64 / 8.0,
                end_ms: self.end as f64 / 8.0,
                detail: SoundDetail::Nothing,
                confidence: 0.95,
                level_dbov: dbov(self.level),
            });
        }
    }

    /// Returns the tones that ended after a time.
    pub fn since(&self, from_ms: f64) -> &[HeardSound] {
        ending_after(&self.events, from_ms)
    }

    /// Reserves memory for this many sounds.
    pub fn make_room(&mut self, sounds: usize) {
        make_room(&mut self.events, sounds);
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::TrackEvent;
    use super::super::testing::{kinds, listen, silence, sines};
    use super::*;

    fn play(hz: [f32; 3], ms: f32, pause: f32) -> Vec<TrackEvent> {
        let mut x = Vec::new();
        for f in hz {
            x.extend(sines(&[(f, 0.1)], ms));
            x.extend(silence(pause));
        }
        listen(&x)
    }

    #[test]
    fn three_rising_tones_are_one_event() {
        for (hz, ms, pause) in [
            ([950.0, 1400.0, 1800.0], 330.0, 0.0),
            ([950.0, 1400.0, 1800.0], 330.0, 30.0),
            ([913.8, 1370.6, 1776.7], 274.0, 0.0),
            ([985.2, 1428.5, 1776.7], 380.0, 0.0),
        ] {
            let events = play(hz, ms, pause);
            assert_eq!(kinds(&events), [EventKind::Sit], "{hz:?} {ms} {pause}: {events:?}");
            assert!((events[0].start_ms - 500.0).abs() < 12.0, "{events:?}");
            assert!((events[0].duration_ms() - f64::from(3.0 * ms + 2.0 * pause)).abs() < 20.0, "{events:?}");
        }
    }

    #[test]
    fn another_order_length_or_pause_is_none() {
        for (hz, ms, pause) in [
            ([1400.0, 950.0, 1800.0], 330.0, 0.0),
            ([950.0, 1400.0, 1800.0], 150.0, 0.0),
            ([950.0, 1400.0, 1800.0], 330.0, 200.0),
            ([950.0, 1400.0, 2000.0], 330.0, 0.0),
        ] {
            assert!(!kinds(&play(hz, ms, pause)).contains(&EventKind::Sit), "{hz:?} {ms} {pause}");
        }
    }
}
