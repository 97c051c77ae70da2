//! Detects silence: spans in which every track that records is at its noise level.

use crate::level::Hops;
use crate::threads;
use crate::timeline::Placement;
use crate::units::{Decibels, Millis, Span};

/// Length of the cells in which the call is examined. A single loud cell (a click, a breath) does
/// not end a silence.
const CELL_MS: f64 = 50.0;
/// Sound is at least this far above a track's noise.
const ABOVE_NOISE: Decibels = Decibels(9.0);
/// Below this level, a line's noise does not matter.
const FAINT: Decibels = Decibels(-60.0);
/// Above this level nothing is silence: a tone that lasts is a track's noise. Chosen 4 dB below the
/// level that speech is brought to (-26 dBov), not measured.
const LOUD: Decibels = Decibels(-30.0);

/// One track, as input of silence detection.
pub struct SilenceInput<'a> {
    /// The track's power, hop by hop.
    pub hops: &'a Hops,
    /// The track's placement on the call's timeline.
    pub placement: &'a Placement,
    /// The line's noise level, or `None` if there is only digital silence.
    pub noise: Option<Decibels>,
    /// The track's duration.
    pub duration: Millis,
}

impl SilenceInput<'_> {
    /// Returns the power up to which this track is silent.
    fn limit(&self) -> f32 {
        let noise = self.noise.map_or(FAINT.0, |noise| noise.0 + ABOVE_NOISE.0);
        10f64.powf(noise.clamp(FAINT.0, LOUD.0) / 10.0) as f32
    }

    /// Returns what the track holds in each of the call's cells.
    fn cells(&self, count: usize) -> Vec<SilenceCell> {
        let limit = self.limit();
        let hop = |cell: usize| (self.placement.to_track(Millis(cell as f64 * CELL_MS)).0 / Hops::MS).round();
        let mut next = hop(0);
        let cell = |i: usize| {
            let (from, to) = (next, hop(i + 1));
            next = to;
            if to <= 0.0 || from * Hops::MS >= self.duration.0 {
                return SilenceCell::Unrecorded;
            }
            let power = self.hops.power().get(from.max(0.0) as usize..(to as usize).min(self.hops.len()));
            if power.unwrap_or_default().iter().any(|&p| p > limit) { SilenceCell::Loud } else { SilenceCell::Quiet }
        };
        (0..count).map(cell).collect()
    }
}

/// What a track holds in a cell of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SilenceCell {
    Unrecorded,
    Quiet,
    Loud,
}

/// Returns the silences of at least `min` on the call's timeline: no track is above its noise, and
/// at least one records.
pub fn silences(tracks: &[SilenceInput], call: Millis, min: Millis) -> Vec<Span> {
    let cells = (call.0 / CELL_MS).ceil().max(0.0) as usize;
    let of_tracks = threads::map(tracks.iter().collect(), |track| track.cells(cells));
    let any = |i: usize, cell: SilenceCell| of_tracks.iter().any(|track| track.get(i) == Some(&cell));
    let quiet = |i: usize| any(i, SilenceCell::Quiet) && !any(i, SilenceCell::Loud);
    let recorded = |i: usize| any(i, SilenceCell::Quiet) || any(i, SilenceCell::Loud);
    let click = |i: usize| i > 0 && quiet(i - 1) && quiet(i + 1) && recorded(i);
    let mut spans: Vec<Span> = Vec::new();
    for i in (0..cells).filter(|&i| quiet(i) || click(i)) {
        let (start, end) = (i as f64 * CELL_MS, ((i + 1) as f64 * CELL_MS).min(call.0));
        match spans.last_mut() {
            Some(last) if last.end.0 == start => last.end = Millis(end),
            _ => spans.push(Span::new(start, end)),
        }
    }
    spans.retain(|span| span.duration() >= min);
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::LevelMeter;
    use crate::timeline::Method;
    use crate::track::SampleSink;
    use crate::units::Rate;

    /// Ten seconds of faint noise with a tone in some spans.
    fn hops(tones: &[(f64, f64)]) -> Hops {
        let mut meter = LevelMeter::new(Rate::NARROWBAND);
        let sample = |i: usize| {
            let t = i as f64 / 8_000.0;
            let tone = tones.iter().any(|&(a, b)| t >= a && t < b);
            ((i * 7_919 % 13) as f32 - 6.0) * 1e-4 + if tone { 0.1 * (t * 3_000.0).sin() as f32 } else { 0.0 }
        };
        meter.push(&(0..80_000).map(sample).collect::<Vec<f32>>());
        meter.finish().hops
    }

    fn at(offset: f64) -> Placement {
        Placement::at(Millis(offset), Method::Bleed, 1.0, Millis(10.0))
    }

    #[test]
    fn silence_is_where_no_track_sounds() {
        //      0    1    2    3    4    5    6    7    8    9    10   11
        // A    ----#####--------------------------------#####----
        // B         --------------------#####-------------------------
        //                    <---------->    <---------->
        let (a, b) = (hops(&[(1.0, 2.0), (8.0, 9.0)]), hops(&[(3.5, 4.5)]));
        let (pa, pb) = (at(0.0), at(1_000.0));
        let track = |hops, placement, noise| SilenceInput { hops, placement, noise, duration: Millis(10_000.0) };
        let noise = Some(Decibels(-68.0));
        let tracks = [track(&a, &pa, noise), track(&b, &pb, noise)];
        let found = silences(&tracks, Millis(11_000.0), Millis(2_000.0));
        assert_eq!(found, [Span::new(2_000.0, 4_500.0), Span::new(5_500.0, 8_000.0), Span::new(9_000.0, 11_000.0)]);
        assert_eq!(silences(&tracks, Millis(11_000.0), Millis(2_500.001)), []);
        assert_eq!(silences(&[], Millis(11_000.0), Millis(2_000.0)), [], "nothing was recorded");
    }

    #[test]
    fn a_tone_that_lasts_is_no_silence() {
        let (dial, place) = (hops(&[(0.0, 6.0)]), at(0.0));
        let noise = Some(Decibels(-23.0));
        let track = SilenceInput { hops: &dial, placement: &place, noise, duration: Millis(10_000.0) };
        assert_eq!(silences(&[track], Millis(10_000.0), Millis(3_000.0)), [Span::new(6_000.0, 10_000.0)]);
    }

    #[test]
    fn a_click_breaks_no_silence() {
        let clicked = hops(&[(4.01, 4.03)]);
        let place = at(0.0);
        let track = SilenceInput { hops: &clicked, placement: &place, noise: None, duration: Millis(10_000.0) };
        assert_eq!(silences(&[track], Millis(10_000.0), Millis(3_000.0)), [Span::new(0.0, 10_000.0)]);
    }
}
