//! Detection of sounds other than speech on a single track.

use super::event::EventKind;
use super::{Clipping, EventDetector, TrackEvent, Zero};
use crate::error::Result;
use crate::resample::narrowed;
use crate::samples::Samples;
use crate::units::Rate;

/// Detects the sounds other than speech on one track, sorted by start.
///
/// `probabilities` are a speech detector's, one per 32 ms
/// (`speech::detect(..).probabilities.values`). They distinguish music from speech. Without them,
/// singing and lively speech may be reported as music.
///
/// ```
/// use callweave::{events, timeline::EventKind, units::Rate};
///
/// // The key 5: 770 and 1336 Hz for 200 ms, in a second of silence.
/// let wave = |hz: f32, n: usize| 0.2 * (n as f32 * hz * std::f32::consts::TAU / 8000.0).sin();
/// let key = |n: usize| if (3200..4800).contains(&n) { wave(770.0, n) + wave(1336.0, n) } else { 0.0 };
/// let samples: Vec<f32> = (0..8000).map(key).collect();
/// let events = events::detect(&samples, Rate::NARROWBAND, &[])?;
/// let keys: Vec<_> = events.iter().filter(|event| event.kind == EventKind::Dtmf).collect();
/// assert_eq!((keys.len(), keys[0].detail.as_deref()), (1, Some("5")));
/// # Ok::<(), callweave::Error>(())
/// ```
///
/// # Errors
/// `unsupported` where the rate cannot be brought to 8 kHz.
pub fn detect<'a>(samples: impl Into<Samples<'a>>, rate: Rate, probabilities: &[f32]) -> Result<Vec<TrackEvent>> {
    let (mut zero, mut clipping) = (Zero::new(rate.hz()), Clipping::new(rate.hz()));
    let mut detector = EventDetector::new(&[], false);
    narrowed(&samples.into(), rate, |block, narrowband| {
        zero.push(block);
        clipping.push(block);
        detector.push(narrowband);
        Ok(())
    })?;
    Ok(joined(detector.finish(probabilities), zero.finish(), clipping.finish()))
}

/// Merges the events of a track's detectors, sorted by start.
pub(crate) fn joined(
    mut events: Vec<TrackEvent>,
    zero: impl IntoIterator<Item = TrackEvent>,
    clipping: impl IntoIterator<Item = TrackEvent>,
) -> Vec<TrackEvent> {
    // A tone that comes and goes is cut off by its own cadence.
    let cadences: Vec<(f64, f64)> =
        events.iter().filter(|event| event.kind.is_tone()).map(|event| (event.start_ms, event.end_ms)).collect();
    let within = |hole: &TrackEvent| cadences.iter().any(|tone| tone.0 <= hole.start_ms && hole.end_ms <= tone.1);
    events.extend(zero.into_iter().filter(|hole| hole.kind != EventKind::Dropout || !within(hole)));
    events.extend(clipping);
    events.sort_by(|a, b| a.start_ms.total_cmp(&b.start_ms).then(a.kind.cmp(&b.kind)));
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_of_a_cadence_is_no_dropout() {
        let event = |kind, start_ms: f64, end_ms: f64| TrackEvent {
            kind,
            start_ms,
            end_ms,
            detail: None,
            confidence: 1.0,
            level_dbov: -20.0,
        };
        let busy = event(EventKind::Busy, 0.0, 3000.0);
        let holes = [500.0, 1500.0, 4000.0].map(|at| event(EventKind::Dropout, at, at + 500.0));
        let zero = event(EventKind::DigitalZero, 500.0, 1500.0);
        let found = joined(vec![busy], holes.into_iter().chain([zero]), []);
        let kinds: Vec<_> = found.iter().map(|event| (event.kind, event.start_ms)).collect();
        assert_eq!(
            kinds,
            [(EventKind::Busy, 0.0), (EventKind::DigitalZero, 500.0), (EventKind::Dropout, 4000.0)],
            "what lies in the cadence alone"
        );
    }
}
