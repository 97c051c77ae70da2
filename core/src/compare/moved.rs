//! How far a track moved against the first one, wherever in the recording that is.

use std::iter::once;

use crate::report::TrackReport;
use crate::timeline::{Knot, Placement};
use crate::units::Millis;

use super::spans::ROUNDING_MS;

/// A track's placements in both reports.
pub(super) struct TrackPlacements {
    old: Placement,
    new: Placement,
    /// The end of the recording, in the track's time.
    end: Millis,
}

impl TrackPlacements {
    /// The placements of a track; `None` where a report does not place it.
    pub(super) fn new(old: &TrackReport, new: &TrackReport) -> Option<Self> {
        let durations = [old, new].map(|track| track.source.as_ref().map(|source| source.duration_ms));
        let (old, new) = (placement(old)?, placement(new)?);
        let knots = old.knots().iter().chain(new.knots()).map(|knot| knot.track);
        let end = durations.into_iter().flatten().chain(knots).fold(Millis(0.0), Millis::max);
        Some(Self { old, new, end })
    }

    /// The furthest that the track moved relative to what the first track held at the same moment.
    /// Between the moments at which a placement bends or steps, that changes evenly.
    pub(super) fn moved(&self, first: &Self) -> Millis {
        let moved = |at: Millis| {
            let beside = first.old.to_track(self.old.to_call(at));
            self.by(at) - first.by(beside)
        };
        let further = |most: f64, by: f64| if by.abs() > most.abs() { by } else { most };
        let furthest = self.moments(first).map(moved).fold(0.0, further);
        let written = (furthest * 1000.0).round() / 1000.0;
        Millis(if written.abs() < ROUNDING_MS { 0.0 } else { written })
    }

    /// How much later a moment of the track is in the new report.
    fn by(&self, at: Millis) -> f64 {
        self.new.to_call(at).0 - self.old.to_call(at).0
    }

    /// The moments of the track at which it or the first one bends or steps, and those just beside.
    fn moments<'a>(&'a self, first: &'a Self) -> impl Iterator<Item = Millis> + 'a {
        let bends = |of: &'a Self| of.old.knots().iter().chain(of.new.knots()).map(|knot: &Knot| knot.track);
        let beside = bends(first).map(move |at| self.old.to_track(first.old.to_call(at)));
        let at = once(Millis(0.0)).chain(once(self.end)).chain(bends(self)).chain(beside);
        let both = at.flat_map(|at| [at.0, at.0 - ROUNDING_MS, at.0 + ROUNDING_MS].map(Millis));
        both.filter(move |at| at.0 >= 0.0 && *at <= self.end)
    }
}

/// Where a report says that a track lies.
pub(super) fn placement(track: &TrackReport) -> Option<Placement> {
    let told = track.alignment.as_ref()?;
    Some(Placement::through(told.knots.clone(), told.method, told.confidence, told.uncertainty_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::Method;

    fn placed(old: &[(f64, f64)], new: &[(f64, f64)]) -> TrackPlacements {
        let through = |knots: &[(f64, f64)]| {
            let knots = knots.iter().map(|&(track, call)| Knot { track: Millis(track), call: Millis(call) });
            Placement::through(knots.collect(), Method::Bleed, 0.9, Millis(10.0))
        };
        TrackPlacements { old: through(old), new: through(new), end: Millis(600_000.0) }
    }

    #[test]
    fn a_track_that_was_stretched_moved_as_far_as_its_furthest_moment() {
        let (still, at) = (placed(&[(0.0, 0.0)], &[(0.0, 0.0)]), [(0.0, 1_000.0), (600_000.0, 601_000.0)]);
        let moved = |new: &[(f64, f64)]| placed(&at, new).moved(&still).0;
        assert_eq!(moved(&at), 0.0);
        assert_eq!(moved(&[(0.0, 1_000.0), (600_000.0, 601_600.0)]), 600.0, "a drift of 1000 ppm, at the end");
        assert_eq!(moved(&[(0.0, 1_400.0), (600_000.0, 601_000.0)]), 400.0, "at the beginning");
        let lost = [(0.0, 1_000.0), (300_000.0, 301_000.0), (300_000.0, 302_000.0), (600_000.0, 601_000.0)];
        assert_eq!(moved(&lost), 1_000.0, "in the middle, after a loss that is made up");
        assert_eq!(placed(&lost, &at).moved(&still).0, -1_000.0);
        assert_eq!(placed(&lost, &lost).moved(&placed(&lost, &lost)).0, 0.0, "in the gap of another track too");
    }

    #[test]
    fn what_the_first_track_did_is_no_move_of_another() {
        let shift = |by: f64| [(0.0, by), (600_000.0, 600_000.0 + by)];
        let (first, other) = (placed(&shift(0.0), &shift(250.0)), placed(&shift(700.0), &shift(950.0)));
        assert_eq!(other.moved(&first).0, 0.0, "all of the call begins elsewhere");
        let slow = placed(&shift(0.0), &[(0.0, 0.0), (600_000.0, 600_600.0)]);
        assert_eq!(slow.moved(&slow).0, 0.0);
        assert_eq!(placed(&shift(0.0), &shift(0.0)).moved(&slow).0, -600.0);
    }
}
