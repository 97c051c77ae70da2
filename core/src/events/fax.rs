//! Detects fax tones (ITU-T T.30): CNG (1100 Hz, 0.5 s on, 3 s off) and CED (2100 Hz, 2.6 to 4 s).

use super::bursts::Burst;
use super::event::{EventKind, HeardSound, SoundDetail, dbov, ending_after};
use super::spectrum::RATE;

use crate::room::make_room;

/// T.30: 1100 +- 38 Hz.
const CNG_HZ: (f32, f32) = (1062.0, 1138.0);
/// T.30: 0.5 s +- 15 %, with a hop's margin at either end.
const CNG_SECONDS: (f32, f32) = (0.415, 0.585);
/// Period of 3.5 s, +- 15 %, with a packet or two lost.
const CNG_PERIOD: (f32, f32) = (2.9, 4.05);
/// T.30: 2100 +- 15 Hz, plus clock errors and this analysis's resolution.
const CED_HZ: (f32, f32) = (2080.0, 2120.0);
/// T.30: 2.6 to 4 s; up to half a second may be missing at either end.
const CED_SECONDS: (f32, f32) = (2.1, 4.5);

/// A burst at 1100 Hz, possibly incomplete.
#[derive(Debug, Clone)]
struct FaxTone {
    start: u64,
    end: u64,
    whole: bool,
    level: f32,
}

/// Detects fax tones among bursts.
#[derive(Clone, Default)]
pub struct Fax {
    calls: Vec<FaxTone>,
    answers: Vec<HeardSound>,
}

fn seconds(a: u64, b: u64) -> f32 {
    b.saturating_sub(a) as f32 / RATE as f32
}

fn event(start: u64, end: u64, detail: &'static str, level: f32, confidence: f32) -> HeardSound {
    HeardSound {
        kind: EventKind::Fax,
        start_ms: start as f64 / 8.0,
        end_ms: end as f64 / 8.0,
        detail: SoundDetail::Name(detail),
        confidence,
        level_dbov: dbov(level),
    }
}

impl Fax {
    /// Takes the next burst.
    pub fn push(&mut self, burst: &Burst) {
        let within = |x: f32, (low, high): (f32, f32)| x >= low && x <= high;
        let Some(hz) = burst.single() else { return };
        if within(hz, CED_HZ) && within(burst.seconds(), CED_SECONDS) {
            self.answers.push(event(burst.start, burst.end, "ced", burst.level, 0.95));
        }
        if within(hz, CNG_HZ) && burst.seconds() <= CNG_SECONDS.1 && burst.wobble_hz < 10.0 {
            let whole = within(burst.seconds(), CNG_SECONDS) && burst.purity > 0.7;
            self.calls.push(FaxTone { start: burst.start, end: burst.end, whole, level: burst.level });
        }
    }

    /// Adds the fax tones that ended after a sample, on a track with `total` samples so far.
    ///
    /// A complete CNG burst with another one after its period is certain. An incomplete one counts
    /// next to a complete one. A single one counts if the track ends before the next could follow.
    pub fn since(&self, from: u64, total: u64, sounds: &mut Vec<HeardSound>) {
        let over = self.calls.iter().rposition(|call| call.end <= from).map_or(0, |last| last + 1);
        let calls = &self.calls[over..];
        sounds.extend_from_slice(ending_after(&self.answers, from as f64 / 8.0));
        for (i, call) in calls.iter().enumerate() {
            let before = i.checked_sub(1).and_then(|before| calls.get(before));
            let mut mates = before.into_iter().chain(calls.get(i + 1));
            let paired = mates.any(|mate| (call.whole || mate.whole) && is_period(call, mate));
            if paired {
                sounds.push(event(call.start, call.end, "cng", call.level, 0.95));
            } else if call.whole && seconds(call.end, total) < CNG_PERIOD.1 {
                sounds.push(event(call.start, call.end, "cng", call.level, 0.5));
            }
        }
    }

    /// Reserves memory for this many sounds.
    pub fn make_room(&mut self, sounds: usize) {
        make_room(&mut self.calls, sounds);
        make_room(&mut self.answers, sounds);
    }
}

/// Returns `true` if two bursts lie one or two periods apart.
fn is_period(a: &FaxTone, b: &FaxTone) -> bool {
    let apart = seconds(a.start.min(b.start), a.start.max(b.start));
    [1.0, 2.0].iter().any(|n| apart >= n * CNG_PERIOD.0 && apart <= n * CNG_PERIOD.1)
}

#[cfg(test)]
mod tests {
    use super::super::event::TrackEvent;
    use super::super::testing::{listen, silence, sines, train};
    use super::*;

    fn fax(events: &[TrackEvent]) -> Vec<&str> {
        events.iter().filter(|e| e.kind == EventKind::Fax).filter_map(|e| e.detail.as_deref()).collect()
    }

    #[test]
    fn every_burst_of_a_calling_machine_is_heard() {
        for hz in [1066.0, 1100.0, 1134.0] {
            let events = listen(&train(&sines(&[(hz, 0.1)], 500.0), 3000.0, 4));
            assert_eq!(fax(&events), ["cng"; 4], "{hz} Hz");
            assert_eq!(events.len(), 4, "{hz} Hz: {events:?}");
            assert!((events[1].start_ms - 4000.0).abs() <= 10.0 && (events[1].duration_ms() - 500.0).abs() <= 16.0);
        }
    }

    #[test]
    fn other_frequencies_and_cadences_are_no_fax() {
        for (hz, on, off) in
            [(1000.0, 500.0, 3000.0), (1200.0, 500.0, 3000.0), (1100.0, 300.0, 3000.0), (1100.0, 500.0, 800.0)]
        {
            let mut x = train(&sines(&[(hz, 0.1)], on), off, 4);
            x.extend(silence(6000.0));
            assert!(fax(&listen(&x)).is_empty(), "{hz} Hz {on} {off}");
        }
    }

    #[test]
    fn a_single_burst_counts_only_where_the_track_ends() {
        let mut x = sines(&[(1100.0, 0.1)], 500.0);
        x.extend(silence(2000.0));
        assert_eq!(fax(&listen(&x)), ["cng"]);
        x.extend(silence(4000.0));
        assert!(fax(&listen(&x)).is_empty());
    }

    #[test]
    fn an_answering_machine_is_heard_and_a_short_or_endless_tone_is_not() {
        for (hz, ms, heard) in [
            (2100.0, 2600.0, 1),
            (2100.0, 4000.0, 1),
            (2110.0, 3000.0, 1),
            (2100.0, 1500.0, 0),
            (2100.0, 6000.0, 0),
            (2200.0, 3000.0, 0),
        ] {
            assert_eq!(fax(&listen(&sines(&[(hz, 0.1)], ms))).len(), heard, "{hz} Hz {ms} ms");
        }
    }

    #[test]
    fn phase_reversals_do_not_part_the_answer() {
        let mut x: Vec<f32> = Vec::new();
        for k in 0..7 {
            let sign = if k % 2 == 0 { 0.1 } else { -0.1 };
            x.extend((0..3600).map(|i| sign * (std::f32::consts::TAU * 2100.0 * (k * 3600 + i) as f32 / 8000.0).sin()));
        }
        assert_eq!(fax(&listen(&x)), ["ced"]);
    }
}
