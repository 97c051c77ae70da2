//! The relation of two tracks through the call, and how it looks with another echo or from the
//! other track.

use super::drift::{Course, Point};
use super::vote::Direction;

/// The relation of two tracks through the call.
#[derive(Debug, Clone)]
pub(super) struct FollowedLink {
    pub course: Course,
    /// Location of each step in seconds on track a. For a stretch that b lost, its middle.
    pub steps_at_s: Vec<f64>,
    /// Whether bleed in both directions determined the echo delay.
    pub both_ways: bool,
    /// Number of stretches heard.
    pub heard: usize,
    /// Which directions they were heard in.
    pub directions: [bool; 2],
}

impl FollowedLink {
    /// Creates a link with an exact lag and no drift or losses.
    pub fn exact(lag_s: f64) -> Self {
        let anchor = Point { at_s: lag_s.max(0.0), lag_s, clear: true };
        let course = Course { slope: 0.0, anchor, steps: Vec::new(), spread_s: 0.0, longest: 1 };
        Self { course, steps_at_s: Vec::new(), both_ways: true, heard: usize::MAX, directions: [true; 2] }
    }

    /// Returns a link that one direction alone showed, with the lag later by `by_s`. The delays are
    /// the same, so the echo is shorter by as much, or longer for a's voice on b.
    pub fn with_other_echo(mut self, direction: Direction, by_s: f64) -> Self {
        // Moments of track b lie later on track a then.
        let later_s = if direction == Direction::AOnB { 0.0 } else { by_s };
        let course = &mut self.course;
        course.anchor.lag_s += by_s;
        course.anchor.at_s += later_s;
        for (at_s, step) in self.steps_at_s.iter_mut().zip(&mut course.steps) {
            *at_s += later_s;
            step.between_s = (step.between_s.0 + later_s, step.between_s.1 + later_s);
            step.lags_s = (step.lags_s.0 + by_s, step.lags_s.1 + by_s);
        }
        self
    }

    /// Returns the link as seen from the other track.
    pub fn reversed(mut self) -> Self {
        let course = &mut self.course;
        for (at, s) in self.steps_at_s.iter_mut().zip(&mut course.steps) {
            *at -= s.mean_lag_s();
            s.between_s = (s.between_s.0 - s.lags_s.0, s.between_s.1 - s.lags_s.1);
            s.lags_s = (-s.lags_s.0, -s.lags_s.1);
        }
        course.anchor.at_s -= course.anchor.lag_s;
        course.anchor.lag_s = -course.anchor.lag_s;
        course.slope = -course.slope;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::drift::Step;
    use super::*;

    #[test]
    fn with_another_echo_the_talkers_moments_stay() {
        let step = Step { between_s: (20.0, 24.0), lags_s: (1.0, 1.5) };
        let anchor = Point { at_s: 10.0, lag_s: 1.0, clear: true };
        let course = Course { slope: 0.0, anchor, steps: vec![step], spread_s: 0.0, longest: 8 };
        let link =
            FollowedLink { course, steps_at_s: vec![22.0], both_ways: false, heard: 8, directions: [false, true] };
        // A talker on b speaks at the moment on a less the lag, on a at the moment itself.
        for (direction, talker) in [(Direction::BOnA, 1.0), (Direction::AOnB, 0.0)] {
            let moved = link.clone().with_other_echo(direction, -0.25);
            let (was, is) = (&link.course, &moved.course);
            assert_eq!(is.anchor.lag_s, was.anchor.lag_s - 0.25);
            assert_eq!(is.steps[0].lags_s, (0.75, 1.25));
            assert_eq!(is.steps[0].by_s(), 0.5);
            let at = |course: &Course| course.anchor.at_s - talker * course.anchor.lag_s;
            assert!((at(is) - at(was)).abs() < 1e-9, "{direction:?}");
            let begins = |course: &Course| course.steps[0].between_s.0 - talker * course.steps[0].lags_s.0;
            assert!((begins(is) - begins(was)).abs() < 1e-9, "{direction:?}");
            assert!((moved.steps_at_s[0] - (22.0 - 0.25 * talker)).abs() < 1e-9, "{direction:?}");
        }
    }
}
