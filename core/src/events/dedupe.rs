//! Drops events that bled from another track, so that one sound is one event.

use super::event::{EventKind, TrackEvent};

/// How much louder the sound must be on the other track. Echo returns 20 dB or more below (ITU-T
/// G.122); recorders' gains differ by less than the rest.
const LOUDER_DB: f32 = 6.0;
/// Largest delay of an echo.
const ECHO_MS: f64 = 100.0;
/// Share of a train or span that the louder event must cover.
const COVER: f64 = 0.5;

/// Drops every event that another track has louder at the same time of the call.
///
/// The events of each track must be sorted by start. Tracks are only compared if they are
/// `comparable`: their placement uncertainty is at most `tolerance_ms`. `to_call(track, ms)`
/// converts a track's time to the call's. Events of lines and recorders (digital zero, dropouts,
/// clipping) do not bleed.
pub fn dedupe(
    tracks: &mut [Vec<TrackEvent>],
    comparable: &[bool],
    tolerance_ms: f64,
    to_call: impl Fn(usize, f64) -> f64,
) {
    let lies = |track: usize| comparable.get(track).is_some_and(|&yes| yes);
    let placed: Vec<Vec<(f64, f64)>> = tracks
        .iter()
        .enumerate()
        .map(|(i, events)| events.iter().map(|e| (to_call(i, e.start_ms), to_call(i, e.end_ms))).collect())
        .collect();
    let slack = tolerance_ms + ECHO_MS;
    let longest: Vec<f64> =
        placed.iter().map(|spans| spans.iter().fold(0.0, |most, s| f64::max(most, s.1 - s.0))).collect();
    let bled = |track: usize, k: usize| {
        let (event, span) = (&tracks[track][k], placed[track][k]);
        let others = (0..tracks.len()).filter(|&other| other != track && lies(other) && lies(track));
        others.into_iter().any(|other| {
            // Only those near enough in time: events come by start.
            let first = placed[other].partition_point(|s| s.0 < span.0 - longest[other] - slack);
            let near = tracks[other].iter().zip(&placed[other]).skip(first).take_while(|(_, s)| s.0 <= span.1 + slack);
            near.into_iter().any(|(e, &s)| is_bleed(event, span, e, s, slack))
        })
    };
    let keep: Vec<Vec<bool>> =
        tracks.iter().enumerate().map(|(i, events)| (0..events.len()).map(|k| !bled(i, k)).collect()).collect();
    for (events, keep) in tracks.iter_mut().zip(keep) {
        let mut keep = keep.into_iter();
        events.retain(|_| keep.next().unwrap_or(true));
    }
}

/// Returns `true` if `event` is an echo of `louder`. Spans are in the call's time.
fn is_bleed(event: &TrackEvent, span: (f64, f64), louder: &TrackEvent, other: (f64, f64), slack: f64) -> bool {
    use EventKind::{Beep, Clipping, DigitalZero, Dropout};
    if matches!(event.kind, Clipping | DigitalZero | Dropout) || matches!(louder.kind, Clipping | DigitalZero | Dropout)
    {
        return false;
    }
    if louder.level_dbov < event.level_dbov + LOUDER_DB {
        return false;
    }
    let shared = span.1.min(other.1) - span.0.max(other.0);
    if event.kind != louder.kind {
        // Of a train or of music that bled, one note may be all that is heard.
        return event.kind == Beep && shared + slack >= span.1 - span.0;
    }
    if event.kind.is_burst() {
        return event.detail == louder.detail && (span.0 - other.0).abs() <= slack;
    }
    shared + slack >= COVER * (span.1 - span.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: EventKind, start_ms: f64, end_ms: f64, detail: &str, level_dbov: f32) -> TrackEvent {
        TrackEvent { kind, start_ms, end_ms, detail: Some(detail.into()), confidence: 0.9, level_dbov }
    }

    fn run(a: Vec<TrackEvent>, b: Vec<TrackEvent>) -> (usize, usize) {
        let mut tracks = [a, b];
        // The second track began half a second later.
        dedupe(&mut tracks, &[true, true], 20.0, |track, ms| ms + 500.0 * track as f64);
        (tracks[0].len(), tracks[1].len())
    }

    #[test]
    fn the_fainter_of_two_equal_sounds_goes() {
        use EventKind::{Beep, Dtmf, Fax, Music, Ringback};
        let key = |at: f64, digit: &str, level: f32| event(Dtmf, at, at + 100.0, digit, level);
        assert_eq!(run(vec![key(1000.0, "5", -20.0)], vec![key(560.0, "5", -45.0)]), (1, 0));
        assert_eq!(run(vec![key(1000.0, "5", -45.0)], vec![key(500.0, "5", -20.0)]), (0, 1));
        assert_eq!(run(vec![key(1000.0, "5", -20.0)], vec![key(560.0, "6", -45.0)]), (1, 1), "another key");
        assert_eq!(run(vec![key(1000.0, "5", -20.0)], vec![key(1000.0, "5", -45.0)]), (1, 1), "another time");
        assert_eq!(run(vec![key(1000.0, "5", -20.0)], vec![key(560.0, "5", -24.0)]), (1, 1), "both are loud");
        let music = |at: f64, level: f32| event(Music, at, at + 9000.0, "", level);
        assert_eq!(run(vec![music(1000.0, -20.0)], vec![music(3000.0, -50.0)]), (1, 0));
        assert_eq!(run(vec![music(1000.0, -20.0)], vec![music(8000.0, -50.0)]), (1, 1));
        let ring = event(Ringback, 0.0, 20000.0, "th", -20.0);
        assert_eq!(run(vec![ring.clone()], vec![event(Beep, 5500.0, 6000.0, "420 Hz", -50.0)]), (1, 0));
        assert_eq!(run(vec![ring], vec![event(Fax, 5500.0, 6000.0, "cng", -50.0)]), (1, 1));
    }

    #[test]
    fn a_track_that_lies_nowhere_certain_is_held_against_none() {
        let key = |at: f64, level: f32| event(EventKind::Dtmf, at, at + 100.0, "5", level);
        let mut tracks = [vec![key(1000.0, -20.0)], vec![key(1000.0, -45.0)], vec![key(1000.0, -45.0)]];
        dedupe(&mut tracks, &[true, false, true], 20.0, |_, ms| ms);
        assert_eq!(tracks.map(|events| events.len()), [1, 1, 0]);
    }

    #[test]
    fn the_recorders_own_faults_stay() {
        let zero = |level: f32| event(EventKind::DigitalZero, 1000.0, 5000.0, "", level);
        assert_eq!(run(vec![zero(-20.0)], vec![zero(-50.0)]), (1, 1));
    }
}
