//! Picks the stretches of talk that are followed through the call.

use super::sound::{FRAMES, Sound};

/// Frames of a stretch (2.56 s).
pub(super) const STRETCH: usize = 256;
/// Fewest frames of sound in a stretch.
const MIN: usize = 40;

/// A stretch in which the talker sounds and the hearer is quiet.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClearEcho {
    /// Its first frame on the talker's track.
    pub start: usize,
    /// Number of clear frames.
    pub frames: usize,
}

/// Returns the clearest stretch between two moments of the talker.
pub(super) fn clearest(talker: &Sound, hearer: &Sound, from_s: f64, to_s: f64, delay: f64) -> Option<ClearEcho> {
    let frame = |s: f64| (s * FRAMES as f64).max(0.0) as usize;
    let (from, to) = (frame(from_s), frame(to_s).min(talker.active.len()));
    let shift = (delay * FRAMES as f64).round() as i64;
    let clear = |i: usize| {
        let other =
            usize::try_from(i as i64 + shift).ok().and_then(|j| Some((hearer.active.get(j)?, hearer.energy.get(j)?)));
        // A track whose party is silent may hold nothing louder than bleed, which is still fainter
        // than where it comes from.
        talker.active[i] && other.is_some_and(|(active, energy)| !active || *energy < 0.25 * talker.energy[i])
    };
    let sums: Vec<usize> = std::iter::once(0)
        .chain((from..to).scan(0, |sum, i| {
            *sum += usize::from(clear(i));
            Some(*sum)
        }))
        .collect();
    let mut best: Option<ClearEcho> = None;
    for s in (0..=(sums.len() - 1).saturating_sub(STRETCH)).step_by(FRAMES / 4) {
        let frames = sums[(s + STRETCH).min(sums.len() - 1)] - sums[s];
        if frames >= MIN && best.is_none_or(|b| frames > b.frames) {
            best = Some(ClearEcho { start: from + s, frames });
        }
    }
    best
}
