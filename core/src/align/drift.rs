//! How the lag changes during a call: a slope where clocks differ, and steps where audio was lost.

/// Largest difference between clocks, as a fraction.
const MAX_DRIFT: f64 = 200e-6;
/// A drift is applied if it exceeds this many of its standard errors.
const SURE: f64 = 3.0;
/// Smallest step that is distinguishable from noise, in seconds. Packets hold 20 ms.
pub(super) const MIN_STEP_S: f64 = 0.012;

/// Largest step that one clear point shows, in seconds.
const ONE_POINT_S: f64 = 0.3;

/// The lag at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    /// Time on track a in seconds.
    pub at_s: f64,
    /// The lag in seconds.
    pub lag_s: f64,
    /// Whether a small step to it needs no confirmation by a second point.
    pub clear: bool,
}

/// A step of the lag: audio lost on b (positive) or on a (negative).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    /// Times on track a, in seconds, of the last point before and the first point after.
    pub between_s: (f64, f64),
    /// The lags there, in seconds.
    pub lags_s: (f64, f64),
}

impl Step {
    /// Returns the growth of the lag in seconds.
    pub fn by_s(&self) -> f64 {
        self.lags_s.1 - self.lags_s.0
    }

    /// Returns the lag in the middle of the step in seconds.
    pub fn mean_lag_s(&self) -> f64 {
        (self.lags_s.0 + self.lags_s.1) / 2.0
    }
}

/// A line with steps through the lags of a call.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Course {
    /// Change of lag per second.
    pub slope: f64,
    /// A moment of track a and its lag.
    pub anchor: Point,
    pub steps: Vec<Step>,
    /// Spread of the points around the course in seconds (scaled median of absolute residuals).
    pub spread_s: f64,
    /// Number of points in the longest run between steps.
    pub longest: usize,
}

impl Course {
    /// Returns the lag at a moment of track a. A step is taken in the middle of its interval.
    fn lag_at(&self, at_s: f64) -> f64 {
        let passed = |t: f64| self.steps.iter().filter(|s| middle(s.between_s) <= t).map(Step::by_s).sum::<f64>();
        self.anchor.lag_s + self.slope * (at_s - self.anchor.at_s) + passed(at_s) - passed(self.anchor.at_s)
    }

    /// Moves all lags so that the first is 0.
    pub fn begin_together(&mut self) {
        let by_s = self.lag_at(0.0);
        self.anchor.lag_s -= by_s;
        for step in &mut self.steps {
            step.lags_s = (step.lags_s.0 - by_s, step.lags_s.1 - by_s);
        }
    }
}

/// Returns the middle of an interval.
fn middle(between: (f64, f64)) -> f64 {
    (between.0 + between.1) / 2.0
}

/// Fits a course through points sorted by time. Returns `None` if there are no points.
pub(super) fn course(points: &[Point]) -> Option<Course> {
    points.first()?;
    // Neighbours first: few of them have a step between them.
    let rough = median(neighbour_slopes(points)).unwrap_or(0.0).clamp(-MAX_DRIFT, MAX_DRIFT);
    let runs = runs(points, rough);
    let slope = sure_slope(&runs, rough);
    let flat = |p: &Point| p.lag_s - slope * p.at_s;
    let levels: Vec<f64> = runs.iter().map(|r| median(r.iter().map(flat).collect()).unwrap_or(0.0)).collect();
    let residuals: Vec<f64> =
        runs.iter().zip(&levels).flat_map(|(r, &l)| r.iter().map(move |p| (flat(p) - l).abs())).collect();
    let mut steps = Vec::new();
    for (pair, level) in runs.windows(2).zip(levels.windows(2)) {
        if let ([before, after], [low, high], Some(last), Some(first)) = (pair, level, pair[0].last(), pair[1].first())
            && !before.is_empty()
            && !after.is_empty()
        {
            let at = (last.at_s, first.at_s);
            let here = slope * middle(at);
            steps.push(Step { between_s: at, lags_s: (low + here, high + here) });
        }
    }
    // The anchor lies in the longest run: its level is the best known.
    let longest = (0..runs.len()).max_by_key(|&i| (runs[i].len(), runs.len() - i))?;
    let at_s = median(runs[longest].iter().map(|p| p.at_s).collect())?;
    Some(Course {
        slope,
        anchor: Point { at_s, lag_s: levels[longest] + slope * at_s, clear: true },
        steps,
        spread_s: 1.483 * median(residuals).unwrap_or(0.0),
        longest: runs[longest].len(),
    })
}

fn neighbour_slopes(points: &[Point]) -> Vec<f64> {
    let mut slopes = Vec::new();
    for apart in 1..=2 {
        for pair in points.windows(apart + 1) {
            let (a, b) = (pair[0], pair[apart]);
            let run = b.at_s - a.at_s;
            if run > 2.0 {
                slopes.push((b.lag_s - a.lag_s) / run);
            }
        }
    }
    slopes
}

/// Splits points into runs between steps. Points that agree with neither neighbor are left out.
fn runs(points: &[Point], slope: f64) -> Vec<Vec<Point>> {
    let flat = |p: &Point| p.lag_s - slope * p.at_s;
    let near = |a: f64, b: f64| (a - b).abs() < MIN_STEP_S;
    let mut runs: Vec<Vec<Point>> = Vec::new();
    for (i, p) in points.iter().enumerate() {
        let level = runs.last().and_then(|r| median(r.iter().rev().take(5).map(flat).collect()));
        if level.is_some_and(|l| near(l, flat(p))) {
            if let Some(r) = runs.last_mut() {
                r.push(*p);
            }
            continue;
        }
        // A new level needs a second witness soon after. Sounds that return, as of keys, are clear
        // too, but far away.
        let witnesses = points[i + 1..].iter().take(3).filter(|q| near(flat(q), flat(p))).count();
        let far = level.is_some_and(|l| (l - flat(p)).abs() > ONE_POINT_S);
        if witnesses > 0 || (p.clear && !far) {
            runs.push(vec![*p]);
        }
    }
    join_around_strays(&mut runs, |a, b| near(flat(a), flat(b)));
    if runs.is_empty() {
        // No two agree: the middle one stands for all.
        let middle = median(points.iter().map(flat).collect()).unwrap_or(0.0);
        runs.extend(
            points
                .iter()
                .min_by(|a, b| (flat(a) - middle).abs().total_cmp(&(flat(b) - middle).abs()))
                .map(|p| vec![*p]),
        );
    }
    runs
}

/// Removes single points after which the lag returns to its previous value.
fn join_around_strays(runs: &mut Vec<Vec<Point>>, same: impl Fn(&Point, &Point) -> bool) {
    let mut i = 1;
    while i + 1 < runs.len() {
        let back = runs[i].len() == 1 && runs[i - 1].last().zip(runs[i + 1].first()).is_some_and(|(p, q)| same(p, q));
        if back {
            let after = runs.remove(i + 1);
            runs.remove(i);
            runs[i - 1].extend(after);
        } else {
            i += 1;
        }
    }
}

/// Returns the Theil-Sen slope over pairs within runs, or 0 if it is not significant.
fn sure_slope(runs: &[Vec<Point>], rough: f64) -> f64 {
    let mut slopes = Vec::new();
    for r in runs {
        let longest = r.last().zip(r.first()).map_or(0.0, |(e, s)| e.at_s - s.at_s);
        for (i, a) in r.iter().enumerate() {
            for b in &r[i + 1..] {
                if b.at_s - a.at_s > longest / 4.0 && b.at_s - a.at_s > 2.0 {
                    slopes.push((b.lag_s - a.lag_s) / (b.at_s - a.at_s));
                }
            }
        }
    }
    let slope = median(slopes).unwrap_or(rough).clamp(-MAX_DRIFT, MAX_DRIFT);
    let mut squares = 0.0;
    let mut residuals = Vec::new();
    for r in runs {
        let n = r.len() as f64;
        let mean = r.iter().map(|p| p.at_s).sum::<f64>() / n;
        let level = median(r.iter().map(|p| p.lag_s - slope * p.at_s).collect()).unwrap_or(0.0);
        squares += r.iter().map(|p| (p.at_s - mean).powi(2)).sum::<f64>();
        residuals.extend(r.iter().map(|p| (p.lag_s - slope * p.at_s - level).abs()));
    }
    if residuals.len() < 4 || squares <= 0.0 {
        return 0.0;
    }
    // Never better than the grid of lags: a tenth of a millisecond.
    let spread = (1.483 * median(residuals).unwrap_or(0.0)).max(1e-4);
    // The median of slopes is a little less efficient than least squares.
    let error = 1.1 * spread / squares.sqrt();
    if slope.abs() > SURE * error { slope } else { 0.0 }
}

/// Returns the median; for an even number of values, the mean of the two in the middle.
pub(super) fn median(mut x: Vec<f64>) -> Option<f64> {
    x.sort_by(f64::total_cmp);
    let (a, b) = (x.get(x.len().checked_sub(1)? / 2)?, x.get(x.len() / 2)?);
    Some((a + b) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A lag every 20 s with a little noise, a slope, and steps after given times.
    fn points(slope: f64, steps: &[(f64, f64)]) -> Vec<Point> {
        let noise = |i: usize| (((i * 7_919) % 101) as f64 / 101.0 - 0.5) * 4e-4;
        let lag = |t: f64| 1.5 + slope * t + steps.iter().filter(|s| s.0 <= t).map(|s| s.1).sum::<f64>();
        (0..30)
            .map(|i| i as f64 * 20.0)
            .enumerate()
            .map(|(i, t)| Point { at_s: t, lag_s: lag(t) + noise(i), clear: false })
            .collect()
    }

    #[test]
    fn a_drift_is_found_within_two_ppm_between_steps() {
        let c = course(&points(-87e-6, &[(130.0, 0.06), (410.0, -0.15)])).unwrap();
        assert!((c.slope + 87e-6).abs() < 2e-6, "{}", c.slope);
        let found: Vec<f64> = c.steps.iter().map(Step::by_s).collect();
        assert_eq!(found.len(), 2);
        assert!((found[0] - 0.06).abs() < 1e-3 && (found[1] + 0.15).abs() < 1e-3, "{found:?}");
        assert_eq!(c.steps[0].between_s, (120.0, 140.0));
        assert!((c.lag_at(590.0) - (1.5 - 87e-6 * 590.0 + 0.06 - 0.15)).abs() < 1e-3);
    }

    #[test]
    fn noise_is_not_a_drift() {
        assert_eq!(course(&points(0.0, &[])).unwrap().slope, 0.0);
    }

    #[test]
    fn a_wild_point_is_neither_step_nor_drift() {
        let mut p = points(20e-6, &[]);
        p[12].lag_s += 0.4;
        p[20].lag_s -= 1.1;
        let c = course(&p).unwrap();
        assert!(c.steps.is_empty(), "{:?}", c.steps);
        assert!((c.slope - 20e-6).abs() < 2e-6);
    }

    #[test]
    fn a_clear_point_alone_shows_a_step_unless_the_lag_comes_back() {
        let at = |at_s: f64, lag_s: f64| Point { at_s, lag_s, clear: true };
        let c = course(&[at(0.0, 1.0), at(10.0, 1.1), at(20.0, 1.3)]).unwrap();
        assert_eq!(c.steps.len(), 2);
        let c = course(&[at(0.0, 1.0), at(10.0, 1.1), at(20.0, 1.0)]).unwrap();
        assert!(c.steps.is_empty());
        // A key that is pressed again seconds later is as clear as it was.
        let far = [at(0.0, 1.0), at(10.0, 1.0), at(20.0, 7.9)];
        assert!(course(&far).unwrap().steps.is_empty());
        assert_eq!(course(&[far[0], far[1], far[2], at(30.0, 7.9)]).unwrap().steps.len(), 1);
    }

    #[test]
    fn one_point_is_a_place() {
        let c = course(&points(0.0, &[])[..1]).unwrap();
        assert!((c.lag_at(100.0) - 1.5).abs() < 1e-3);
        assert!(course(&[]).is_none());
    }
}
