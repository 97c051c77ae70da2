//! Detects the beep before a recording: a single pure tone.

use super::bursts::Burst;
use super::event::{EventKind, HeardSound, SoundDetail, dbov};
use super::spectrum::{FRAME, RATE};
use super::tones::SUPERVISORY_HZ;

use crate::room::make_room;

/// Frequency range of a beep in Hz. Mailboxes use 380 to 2000; the margin allows for splices.
const BEEP_HZ: (f32, f32) = (372.0, 2010.0);
/// Length range of a beep in seconds, with a hop's margin at either end.
const BEEP_SECONDS: (f32, f32) = (0.14, 1.02);
/// Largest power of a harmonic relative to its tone (6 dB below), and largest distance from two or
/// three times its frequency.
const HARMONIC: f32 = 0.25;
const HARMONIC_OFF: f32 = 0.015;
/// Smallest share of the power in the tone's one line.
const PURE: f32 = 0.85;
/// Largest deviation of the frequency. A generator holds frequency and level; a voice or an
/// instrument does not. A splice in a short beep costs 7 Hz.
const WOBBLE_HZ: f32 = 8.0;
const WOBBLE_DB: f32 = 1.0;
/// Lowest level (-55 dBov). Anything quieter is bleed.
const FAINT: f32 = 3.2e-6;
/// Mean speech probability from which a tone is not a beep.
const SPOKEN: f32 = 0.6;
/// Time before and after a beep without any tone.
const ALONE_SECONDS: f32 = 0.15;
/// A tone at a supervisory frequency that repeats within this time is a network signal.
const AGAIN_SECONDS: f32 = 6.5;

#[derive(Debug, Clone)]
struct Candidate {
    start: u64,
    end: u64,
    hz: f32,
    level: f32,
}

/// Detects beeps among bursts.
#[derive(Clone, Default)]
pub struct Beep {
    candidates: Vec<Candidate>,
    last_end: Option<u64>,
    /// Whether the last candidate still depends on what follows it.
    waiting: bool,
}

impl Beep {
    /// Takes the next burst.
    pub fn push(&mut self, burst: &Burst) {
        let alone = (ALONE_SECONDS * RATE as f32) as u64;
        if self.waiting && self.candidates.last().is_some_and(|c| burst.start < c.end + alone) {
            self.candidates.pop();
        }
        let apart = self.last_end.is_none_or(|end| burst.start >= end + alone);
        self.waiting = apart && is_pure(burst);
        if self.waiting {
            let hz = pitch(burst).unwrap_or(burst.hz);
            self.candidates.push(Candidate { start: burst.start, end: burst.end, hz, level: burst.level });
        }
        self.last_end = Some(burst.end);
    }

    /// Adds the beeps that ended after a sample, on a track with `total` samples so far. Leaves out
    /// those that are part of the sounds already in `sounds` and those the speech detector takes
    /// for speech.
    pub fn since(&self, from: u64, total: u64, probabilities: &[f32], sounds: &mut Vec<HeardSound>) {
        let over = self.candidates.iter().rposition(|c| c.end <= from).map_or(0, |last| last + 1);
        let (candidates, others) = (&self.candidates[over..], sounds.len());
        let again = (AGAIN_SECONDS * RATE as f32) as u64;
        for (i, c) in candidates.iter().enumerate() {
            let network = c.hz >= SUPERVISORY_HZ.0 && c.hz <= SUPERVISORY_HZ.1;
            let near = |o: &&Candidate| (o.hz - c.hz).abs() < 12.0 && o.start.abs_diff(c.start) < again;
            let mates = candidates.iter().skip(i.saturating_sub(2)).take(5).filter(near).count() - 1;
            let cut = c.start < 160 || c.end + 160 > total;
            let (start_ms, end_ms) = (c.start as f64 / 8.0, c.end as f64 / 8.0);
            let part = sounds[..others].iter().any(|e| e.overlap_ms(start_ms, end_ms) > 0.0);
            let spoken = mean(probabilities, c.start, c.end) > SPOKEN;
            if cut || part || spoken || (network && mates > 0) || mates > 2 {
                continue;
            }
            sounds.push(HeardSound {
                kind: EventKind::Beep,
                start_ms,
                end_ms,
                detail: SoundDetail::Hertz(c.hz),
                confidence: 0.9,
                level_dbov: dbov(c.level),
            });
        }
    }

    /// Reserves memory for this many sounds.
    pub fn make_room(&mut self, sounds: usize) {
        make_room(&mut self.candidates, sounds);
    }
}

/// Returns the mean speech probability over some samples, or 0 if there is none.
fn mean(probabilities: &[f32], start: u64, end: u64) -> f32 {
    let (first, last) = (start as usize / FRAME, end as usize / FRAME);
    let of = probabilities.get(first..=last.min(probabilities.len().saturating_sub(1))).unwrap_or_default();
    of.iter().sum::<f32>() / of.len().max(1) as f32
}

/// Returns the frequency of a tone that is alone or has one harmonic.
fn pitch(burst: &Burst) -> Option<f32> {
    match *burst.lines {
        [tone, over] => {
            let times = over.hz / tone.hz.max(1.0);
            let harmonic = [2.0, 3.0].iter().any(|n| (times / n - 1.0).abs() <= HARMONIC_OFF);
            (harmonic && over.power <= HARMONIC * tone.power).then_some(tone.hz)
        }
        _ => burst.single(),
    }
}

fn is_pure(burst: &Burst) -> bool {
    let within = |x: f32, (low, high): (f32, f32)| x >= low && x <= high;
    pitch(burst).is_some_and(|hz| within(hz, BEEP_HZ))
        && within(burst.seconds(), BEEP_SECONDS)
        && burst.level >= FAINT
        && burst.purity >= PURE
        && burst.wobble_hz <= WOBBLE_HZ
        && burst.wobble_db <= WOBBLE_DB
}

#[cfg(test)]
mod tests {
    use super::super::event::TrackEvent;
    use super::super::testing::{kinds, listen, listen_with, melody, silence, sines, train, voice};
    use super::*;

    fn beeps(events: &[TrackEvent]) -> usize {
        kinds(events).iter().filter(|k| **k == EventKind::Beep).count()
    }

    #[test]
    fn a_pure_tone_alone_is_a_beep() {
        for hz in [400.0, 440.0, 700.0, 1000.0, 1400.0, 2000.0] {
            for ms in [200.0, 450.0, 900.0] {
                let events = listen(&sines(&[(hz, 0.1)], ms));
                assert_eq!(kinds(&events), [EventKind::Beep], "{hz} Hz {ms} ms: {events:?}");
                assert!(
                    (events[0].start_ms - 500.0).abs() < 12.0 && (events[0].duration_ms() - f64::from(ms)).abs() < 20.0
                );
            }
        }
    }

    #[test]
    fn a_tone_with_a_harmonic_is_a_beep() {
        for (tone, over, level) in [(400.0, 1200.0, 0.03), (620.0, 1240.0, 0.04), (1000.0, 3000.0, 0.02)] {
            let events = listen(&sines(&[(tone, 0.1), (over, level)], 400.0));
            assert_eq!(kinds(&events), [EventKind::Beep], "{tone} and {over} Hz: {events:?}");
        }
        assert_eq!(beeps(&listen(&sines(&[(620.0, 0.1), (1240.0, 0.08)], 400.0))), 0, "two tones as loud");
        assert_eq!(beeps(&listen(&sines(&[(620.0, 0.1), (1100.0, 0.03)], 400.0))), 0, "no harmonic");
    }

    #[test]
    fn what_is_shorter_longer_lower_higher_or_not_pure_is_none() {
        let tone = |hz: f32, ms: f32| beeps(&listen(&sines(&[(hz, 0.1)], ms)));
        assert_eq!(tone(1000.0, 120.0), 0);
        assert_eq!(tone(1000.0, 1200.0), 0);
        assert_eq!(tone(360.0, 450.0), 0);
        assert_eq!(tone(2100.0, 450.0), 0);
        assert_eq!(beeps(&listen(&sines(&[(440.0, 0.1), (480.0, 0.1)], 450.0))), 0, "ringing");
        assert_eq!(beeps(&listen(&sines(&[(500.0, 0.1), (1000.0, 0.05), (1500.0, 0.03)], 450.0))), 0, "a reed");
        let decaying: Vec<f32> =
            sines(&[(700.0, 0.2)], 600.0).iter().enumerate().map(|(i, v)| v * (-(i as f32) / 1000.0).exp()).collect();
        assert_eq!(beeps(&listen(&decaying)), 0, "a bell");
    }

    #[test]
    fn what_is_part_of_something_is_none() {
        assert_eq!(beeps(&listen(&train(&sines(&[(425.0, 0.1)], 500.0), 500.0, 6))), 0, "busy");
        assert_eq!(beeps(&listen(&train(&sines(&[(1100.0, 0.1)], 500.0), 3000.0, 3))), 0, "fax");
        assert_eq!(beeps(&listen(&train(&sines(&[(900.0, 0.1)], 250.0), 50.0, 5))), 0, "a rhythm");
        let mut x = melody(8000.0);
        x.extend(silence(600.0));
        x.extend(sines(&[(784.0, 0.1)], 400.0));
        let events = listen_with(&x, &[0.0; 400]);
        assert_eq!(beeps(&events), 0, "the last note of a melody: {events:?}");
    }

    #[test]
    fn voices_do_not_beep() {
        for pitch in [95.0, 120.0, 155.0, 190.0, 230.0] {
            assert_eq!(beeps(&listen(&voice(20000.0, pitch))), 0, "{pitch} Hz");
        }
    }
}
