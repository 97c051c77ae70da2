//! Converts links between tracks to maps between each track's time and the call's.

use super::link::FollowedLink;
use crate::timeline::Knot;
use crate::units::Millis;

/// Losses of one track found against two others are the same if they are this close, in seconds ...
const SAME_LOSS_S: f64 = 3.0;
/// ... and their lengths differ by less than this share.
const SAME_LOSS_SHARE: f64 = 0.4;

/// Audio lost by a track: where on the track, and how much.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Loss {
    pub at_s: f64,
    pub seconds: f64,
}

/// A track linked to another, or placed on its own at a lag from the reference.
#[derive(Debug, Clone)]
pub(super) struct Hung {
    /// Call time of the first sample, in seconds, if there is no link.
    pub lag_s: f64,
    /// The track to which it is linked, and the link as seen from that track.
    pub link: Option<(usize, FollowedLink)>,
}

/// Maps a track's time to the call's.
#[derive(Debug, Clone)]
pub(super) struct Map {
    at_s: f64,
    call_s: f64,
    /// Call seconds per second of the track.
    rate: f64,
    losses: Vec<Loss>,
}

impl Map {
    fn lost_before(&self, t: f64) -> f64 {
        self.losses.iter().filter(|l| l.at_s <= t).map(|l| l.seconds).sum()
    }

    /// Returns the call time, in seconds, of a moment of the track. At a loss, the time after it.
    pub fn to_call(&self, t: f64) -> f64 {
        self.call_s + (t - self.at_s) * self.rate + self.lost_before(t) - self.lost_before(self.at_s)
    }

    /// Returns the knots from the track's first to its last moment, with `begin_s` subtracted from
    /// the call's time.
    pub fn knots(&self, seconds: f64, begin_s: f64) -> Vec<Knot> {
        let knot = |t: f64, c: f64| Knot { track: Millis(t * 1000.0), call: Millis((c - begin_s) * 1000.0) };
        let mut knots = vec![knot(0.0, self.to_call(0.0))];
        for l in &self.losses {
            let after = self.to_call(l.at_s);
            knots.push(knot(l.at_s, after - l.seconds));
            knots.push(knot(l.at_s, after));
        }
        knots.push(knot(seconds, self.to_call(seconds)));
        knots
    }
}

/// Returns the map of every track. `hung` is by index, and `order` lists every track after the one
/// it is linked to.
///
/// A step of a link is lost audio: on the linked track where the lag grows, on the other where it
/// shrinks.
pub(super) fn maps(hung: &[Option<Hung>], order: &[usize], seconds: &[f64]) -> Vec<Option<Map>> {
    let mut losses = losses(hung, order, seconds);
    let mut maps: Vec<Option<Map>> = vec![None; hung.len()];
    for &i in order {
        let Some(h) = &hung[i] else { continue };
        let own = std::mem::take(&mut losses[i]);
        maps[i] = Some(match &h.link {
            Some((parent, link)) => {
                let anchor = link.course.anchor;
                let (call_s, rate) =
                    maps[*parent].as_ref().map_or((anchor.at_s, 1.0), |m| (m.to_call(anchor.at_s), m.rate));
                Map { at_s: anchor.at_s - anchor.lag_s, call_s, rate: rate * (1.0 + link.course.slope), losses: own }
            }
            None => Map { at_s: 0.0, call_s: h.lag_s, rate: 1.0, losses: own },
        });
    }
    maps
}

fn losses(hung: &[Option<Hung>], order: &[usize], seconds: &[f64]) -> Vec<Vec<Loss>> {
    let mut losses: Vec<Vec<Loss>> = vec![Vec::new(); hung.len()];
    for &i in order {
        let Some((parent, link)) = hung[i].as_ref().and_then(|h| h.link.as_ref()) else { continue };
        for (step, &at) in link.course.steps.iter().zip(&link.steps_at_s) {
            let by = step.by_s();
            let (track, at_s) = if by > 0.0 { (i, at - step.mean_lag_s()) } else { (*parent, at) };
            let lost = by.abs();
            let same =
                |l: &Loss| (l.at_s - at_s).abs() < SAME_LOSS_S && (l.seconds - lost).abs() < SAME_LOSS_SHARE * lost;
            if at_s > 0.0 && at_s < seconds[track] && !losses[track].iter().any(same) {
                losses[track].push(Loss { at_s, seconds: lost });
            }
        }
    }
    losses.iter_mut().for_each(|l| l.sort_by(|x, y| x.at_s.total_cmp(&y.at_s)));
    losses
}

#[cfg(test)]
mod tests {
    use super::super::drift::{Course, Point, Step};
    use super::*;

    fn link(anchor: (f64, f64), slope: f64, steps: &[(f64, f64, f64)]) -> FollowedLink {
        let steps_at_s = steps.iter().map(|s| s.0).collect();
        let steps = steps.iter().map(|&(at, before, after)| Step { between_s: (at, at), lags_s: (before, after) });
        let anchor = Point { at_s: anchor.0, lag_s: anchor.1, clear: true };
        let course = Course { slope, anchor, steps: steps.collect(), spread_s: 0.0, longest: 3 };
        FollowedLink { course, steps_at_s, both_ways: true, heard: 3, directions: [true; 2] }
    }

    fn alone() -> Option<Hung> {
        Some(Hung { lag_s: 0.0, link: None })
    }

    #[test]
    fn a_growing_lag_is_lost_on_the_track_that_hangs() {
        let hung = [alone(), Some(Hung { lag_s: 2.0, link: Some((0, link((10.0, 2.0), 0.0, &[(30.05, 2.0, 2.1)]))) })];
        let maps = maps(&hung, &[0, 1], &[60.0, 57.9]);
        let b = maps[1].as_ref().unwrap();
        assert!((b.to_call(0.0) - 2.0).abs() < 1e-9);
        assert!((b.to_call(27.9) - 29.9).abs() < 1e-9);
        assert!((b.to_call(28.1) - 30.2).abs() < 1e-9, "100 ms later after the loss");
        assert_eq!(b.knots(57.9, 0.0).len(), 4);
        assert_eq!(maps[0].as_ref().unwrap().knots(60.0, 0.0).len(), 2);
    }

    #[test]
    fn a_shrinking_lag_is_lost_on_the_other_and_moves_nothing_before_it() {
        // The reference loses 100 ms at its 30 s: later moments of both tracks still meet.
        let hung = [alone(), Some(Hung { lag_s: 2.0, link: Some((0, link((10.0, 2.0), 0.0, &[(30.0, 2.0, 1.9)]))) })];
        let maps = maps(&hung, &[0, 1], &[60.0, 58.1]);
        let (a, b) = (maps[0].as_ref().unwrap(), maps[1].as_ref().unwrap());
        assert!((a.to_call(40.0) - b.to_call(40.0 - 1.9)).abs() < 1e-9);
        assert!((a.to_call(20.0) - b.to_call(20.0 - 2.0)).abs() < 1e-9);
        assert_eq!(a.knots(60.0, 0.0).len(), 4);
    }

    #[test]
    fn one_loss_seen_from_two_tracks_counts_once() {
        let hung = [
            alone(),
            Some(Hung { lag_s: 0.0, link: Some((0, link((10.0, 0.0), 0.0, &[(30.0, 0.0, -0.1)]))) }),
            Some(Hung { lag_s: 1.0, link: Some((0, link((50.0, 0.9), 0.0, &[(31.0, 1.0, 0.9)]))) }),
        ];
        let maps = maps(&hung, &[0, 1, 2], &[60.0; 3]);
        assert_eq!(maps[0].as_ref().unwrap().losses.len(), 1);
        let call = |i: usize, t: f64| maps[i].as_ref().unwrap().to_call(t);
        assert!((call(0, 50.0) - call(2, 49.1)).abs() < 1e-9);
    }

    #[test]
    fn drift_adds_up_along_a_chain() {
        let hung = [
            alone(),
            Some(Hung { lag_s: 0.0, link: Some((0, link((0.0, 0.0), 50e-6, &[]))) }),
            Some(Hung { lag_s: 0.0, link: Some((1, link((0.0, 0.0), 30e-6, &[]))) }),
        ];
        let maps = maps(&hung, &[0, 1, 2], &[600.0; 3]);
        let end = maps[2].as_ref().unwrap().to_call(600.0);
        assert!((end - 600.0 * (1.0 + 80e-6)).abs() < 1e-5);
    }
}
