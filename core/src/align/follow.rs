//! Follows the lag between two tracks through the call, once it is roughly known. Short stretches
//! of one party's talk are searched for on the other track, each near the previous one's lag.

use super::drift::{self, Course, Point, Step, median};
use super::jumps::{self, EchoMotion};
use super::link::FollowedLink;
use super::path;
use super::sound::{FRAMES, Sound};
use super::stretch::{ClearEcho, STRETCH, clearest};
use super::vote::{Direction, NEAR_ECHO_S, SAME_PATH_S, Vote};
use super::wave::{Correlator, FRAME, Peak, RATE, STEP, Spectrum, Whitening, level_in_time};

/// Samples of a stretch's transform, which leaves ±0.77 s of lag.
const N: usize = 16_384;
/// Samples of the transform that searches for a lost lag: ±6.9 s.
const WIDE_N: usize = 65_536;
/// Most stretches over a call.
const MAX_SLOTS: f64 = 40.0;
const STRETCH_S: f64 = STRETCH as f64 / FRAMES as f64;
/// Smallest peak that is not chance, at the expected lag or near it.
const EXPECTED_Z: f32 = 6.0;
const SURE_Z: f32 = 8.0;
/// Smallest peak that needs no confirmation.
const CLEAR_Z: f32 = 12.0;
/// What counts as the expected lag, and as near it, in seconds.
const EXPECTED_S: f64 = 0.03;
const NEARBY_S: f64 = 0.3;
/// A direction is abandoned after this many stretches without a hit.
const PATIENCE: usize = 5;
/// Number of wider searches for a lost lag.
const SEARCHES: usize = 4;
/// Limits over all steps: slots examined again where the lag changed, and stretches compared to
/// locate the change. Recordings that contradict each other have dozens of steps; those beyond the
/// limits are placed in the middle of their intervals.
const MAX_CLOSER: f64 = 32.0;
const MAX_LOCATED: usize = 40;
/// Hits per direction from which the sum of their echo delays is known.
const MIN_BOTH: usize = 2;
/// With this many hits in each direction, one direction at a time is enough.
const ENOUGH: usize = 4;

/// One stretch that was heard: the hearer's delay.
#[derive(Debug, Clone, Copy)]
struct LagHit {
    direction: Direction,
    at_s: f64,
    /// The lag between the tracks without echo.
    lag_s: f64,
    z: f32,
}

struct Follower<'s, 't> {
    a: &'s Sound<'t>,
    b: &'s Sound<'t>,
    correlator: Correlator,
    /// The last delay of each direction, and stretches heard and missed.
    delay: [f64; 2],
    /// The echo in each direction's first delay, and whether that was heard.
    echo_s: [f64; 2],
    known: [bool; 2],
    /// The direction to listen to, if not both.
    only: Option<Direction>,
    heard: [usize; 2],
    missed: [usize; 2],
    /// Misses since the last hit.
    lost: [usize; 2],
    searches: usize,
    hits: Vec<LagHit>,
    /// Stretches compared to hear the lag, and to locate steps.
    compared: usize,
    located: usize,
}

/// Follows the lag from `lag_s`, with each direction heard at `delays`. Returns `None` if nothing
/// is heard.
pub(super) fn follow(
    a: &Sound,
    b: &Sound,
    lag_s: f64,
    delays: [Option<f64>; 2],
    votes: &[Vote],
) -> Option<FollowedLink> {
    let mut f = Follower::new(a, b, lag_s, delays);
    f.through_the_call(lag_s, votes);
    let mut found = f.course()?;
    if f.look_closer(&found) {
        found = f.course()?;
    }
    let at: Vec<f64> = found.course.steps.iter().map(|s| f.locate(s, &found)).collect();
    Some(FollowedLink {
        steps_at_s: at,
        both_ways: found.both_ways,
        heard: f.heard[0] + f.heard[1],
        directions: f.heard.map(|heard| heard > 0),
        course: found.course,
    })
}

/// Returns what both directions' echoes are together, from moments at which both are heard, or
/// `None` if there are too few. Delays heard at different times also differ by the audio lost between
/// them.
pub(super) fn both_echoes(
    a: &Sound,
    b: &Sound,
    lag_s: f64,
    delays: [Option<f64>; 2],
    votes: &[Vote],
) -> Option<BothEchoes> {
    let mut f = Follower::new(a, b, lag_s, delays);
    f.searches = SEARCHES;
    f.through_the_call(lag_s, votes);
    f.hits.sort_by(|x, y| x.at_s.total_cmp(&y.at_s));
    let enough = Direction::BOTH.iter().all(|&direction| f.heard[direction as usize] >= MIN_BOTH);
    f.sum_s().filter(|_| enough).map(|sum_s| BothEchoes { sum_s, motions: jumps::both_ways(&f.delays()) })
}

/// What is heard where both directions are.
pub(super) struct BothEchoes {
    /// The sum of both echo delays.
    pub sum_s: f64,
    /// What each direction's delay did during the call.
    pub motions: [EchoMotion; 2],
}

/// Returns each direction's delays through the call, from those at its beginning on.
pub(super) fn delays(a: &Sound, b: &Sound, known: [Option<f64>; 2]) -> [Vec<Point>; 2] {
    let mut f = Follower::new(a, b, 0.0, known);
    f.through_the_call(0.0, &[]);
    f.hits.sort_by(|x, y| x.at_s.total_cmp(&y.at_s));
    f.delays()
}

/// Returns how many stretches of a direction are heard at one delay, and how many were compared.
/// Does not examine steps or search widely.
pub(super) fn survey(a: &Sound, b: &Sound, direction: Direction, delay_s: f64, votes: &[Vote]) -> (usize, usize) {
    let lag_s = direction.lag(delay_s, NEAR_ECHO_S);
    let mut delays = [None; 2];
    delays[direction as usize] = Some(delay_s);
    let mut f = Follower::new(a, b, lag_s, delays);
    f.searches = SEARCHES;
    f.only = Some(direction);
    f.through_the_call(lag_s, votes);
    let near = |course: &Course| (course.anchor.lag_s - lag_s).abs() < NEARBY_S;
    (f.course().map(|found| found.course).filter(near).map_or(0, |course| course.longest), f.compared)
}

/// A course, and the echo delays assumed in each direction.
struct FollowedLag {
    course: Course,
    both_ways: bool,
    echo_s: [Option<f64>; 2],
}

impl<'s, 't> Follower<'s, 't> {
    fn new(a: &'s Sound<'t>, b: &'s Sound<'t>, lag_s: f64, delays: [Option<f64>; 2]) -> Self {
        let delay =
            Direction::BOTH.map(|direction| delays[direction as usize].unwrap_or(direction.delay(lag_s) + NEAR_ECHO_S));
        Self {
            a,
            b,
            correlator: Correlator::new(N, a.portable),
            delay,
            echo_s: Direction::BOTH.map(|direction| delay[direction as usize] - direction.delay(lag_s)),
            known: delays.map(|delay| delay.is_some()),
            only: None,
            heard: [0; 2],
            missed: [0; 2],
            lost: [0; 2],
            searches: 0,
            hits: Vec::new(),
            compared: 0,
            located: 0,
        }
    }

    /// Returns the time on track a, in seconds, at which the search heard the lag best.
    fn begin_s(&self, lag_s: f64, votes: &[Vote]) -> f64 {
        let at = |v: &Vote| {
            let start = v.start as f64 / FRAMES as f64;
            if v.direction == Direction::AOnB { start } else { start + lag_s }
        };
        let says = |v: &&Vote| Direction::BOTH.iter().any(|&d| v.says(d, self.delay[d as usize]));
        let best = votes.iter().filter(says).max_by(|x, y| x.top().total_cmp(&y.top()));
        best.map_or(0.0, at)
    }

    /// Listens from where the lag was heard to the end, then back to the beginning, because lost
    /// audio shifts everything after it.
    fn through_the_call(&mut self, lag_s: f64, votes: &[Vote]) {
        let (from, to) = (lag_s.max(0.0), self.a.seconds().min(lag_s + self.b.seconds()));
        let slot = ((to - from) / MAX_SLOTS).max(STRETCH_S);
        let slots = ((to - from) / slot).ceil().max(1.0) as usize;
        let first = (((self.begin_s(lag_s, votes) - from) / slot).max(0.0) as usize).min(slots);
        let listen = |f: &mut Self, k: usize| f.listen(from + k as f64 * slot, from + (k + 1) as f64 * slot);
        let known = self.delay;
        (first..slots).for_each(|k| listen(self, k));
        (self.delay, self.lost) = (known, [0; 2]);
        (0..first).rev().for_each(|k| listen(self, k));
    }

    /// Listens again, slot by slot, where the lag changed, because two losses may look like one.
    /// Returns whether there was anything to do.
    fn look_closer(&mut self, found: &FollowedLag) -> bool {
        let wide: Vec<Step> =
            found.course.steps.iter().filter(|s| s.between_s.1 - s.between_s.0 > 2.0 * STRETCH_S).copied().collect();
        let most = (MAX_CLOSER / wide.len().max(1) as f64).floor().clamp(1.0, 8.0);
        for step in &wide {
            let (s, e) = step.between_s;
            let parts = ((e - s) / STRETCH_S).floor().min(most);
            for (k, echo) in found.echo_s.iter().enumerate() {
                self.delay[k] = Direction::BOTH[k].delay(step.lags_s.0) + echo.unwrap_or(self.echo_s[k]);
            }
            for k in 0..parts as usize {
                let width = (e - s) / parts;
                self.listen(s + k as f64 * width, s + (k + 1) as f64 * width);
            }
        }
        !wide.is_empty()
    }

    /// Listens between two moments of track a to the party that is clearest there, or to both until
    /// both are known.
    fn listen(&mut self, from_s: f64, to_s: f64) {
        if self.a.is_cancelled() {
            return;
        }
        let mut order: Vec<(Direction, f64, ClearEcho)> = Vec::new();
        for direction in Direction::BOTH {
            let k = direction as usize;
            let other = self.only.is_some_and(|only| only != direction);
            if other || (self.heard[k] == 0 && self.missed[k] >= PATIENCE) {
                continue;
            }
            let (talker, hearer) = direction.order(self.a, self.b);
            // Track a's time to the talker's.
            let shift = if direction == Direction::AOnB { 0.0 } else { -direction.lag(self.delay[k], self.echo_s[k]) };
            order.extend(
                clearest(talker, hearer, from_s + shift, to_s + shift, self.delay[k]).map(|c| (direction, shift, c)),
            );
        }
        order.sort_by_key(|o| std::cmp::Reverse(o.2.frames));
        let known = self.heard.iter().all(|&h| h >= ENOUGH);
        for (direction, shift, clear) in order {
            if self.push(direction, clear.start, shift) && known {
                break;
            }
        }
    }

    /// Searches for one stretch, and returns whether it is heard.
    fn push(&mut self, direction: Direction, frame: usize, shift: f64) -> bool {
        let k = direction as usize;
        let mut peak = self.peak(direction, frame);
        if peak.is_none() && self.heard[k] > 1 && self.lost[k] > 0 && self.searches < SEARCHES {
            self.searches += 1;
            self.correlator = Correlator::new(WIDE_N, self.a.portable);
            peak = self.peak(direction, frame);
            self.correlator = Correlator::new(N, self.a.portable);
        }
        let Some((delay, z)) = peak else {
            self.missed[k] += 1;
            self.lost[k] += 1;
            return false;
        };
        self.heard[k] += 1;
        self.lost[k] = 0;
        self.delay[k] = delay;
        let at_s = frame as f64 / FRAMES as f64 + STRETCH_S / 2.0 - shift;
        self.hits.push(LagHit { direction, at_s, lag_s: direction.lag(delay, 0.0), z });
        true
    }

    /// Returns the spectra of a stretch and of where it should be heard, and the offset between
    /// their first samples.
    fn spectra(&mut self, direction: Direction, frame: usize, delay: f64) -> (Spectrum, Spectrum, i64) {
        let (talker, hearer) = direction.order(self.a, self.b);
        let (start, n) = ((frame * FRAME) as i64, self.correlator.len());
        let voice = self.correlator.spectrum(talker.input.samples, start, STRETCH * FRAME, Whitening::Talker, |x| {
            talker.keep_own_sound(start, x);
        });
        let tile = (delay * RATE as f64) as i64 - ((n - STRETCH * FRAME) / 2) as i64;
        let other = self
            .correlator
            .spectrum(hearer.input.samples, start + tile, n, Whitening::Hearer, |x| level_in_time(x, hearer.floor));
        (voice, other, tile)
    }

    /// Returns the delay at which a stretch is heard: the highest peak, unless one nearer to the
    /// expected lag is at least half as high.
    fn peak(&mut self, direction: Direction, frame: usize) -> Option<(f64, f32)> {
        let expected = self.delay[direction as usize];
        self.compared += 1;
        let (voice, other, tile) = self.spectra(direction, frame, expected);
        let span = self.correlator.len() - STRETCH * FRAME;
        self.correlator.correlate(&voice, &other, 0..span);
        let peaks = self.correlator.peaks(4, RATE / 100);
        let top = peaks.first()?.z;
        let found = |within: f64, least: f32| {
            let near = |p: &&Peak| ((p.lag + tile as f64) / RATE as f64 - expected).abs() < within;
            peaks
                .iter()
                .find(|p| near(p) && p.z >= least.max(0.5 * top))
                .map(|p| ((p.lag + tile as f64) / RATE as f64, p.z))
        };
        found(EXPECTED_S, EXPECTED_Z).or_else(|| found(NEARBY_S, SURE_Z)).or_else(|| found(f64::INFINITY, CLEAR_Z))
    }

    /// Fits the course through all hits.
    fn course(&mut self) -> Option<FollowedLag> {
        self.hits.sort_by(|x, y| x.at_s.total_cmp(&y.at_s).then((x.direction as u8).cmp(&(y.direction as u8))));
        let (echo_s, both_ways) = self.echoes();
        let points: Vec<Point> = self
            .hits
            .iter()
            .filter_map(|h| {
                let echo = echo_s[h.direction as usize]?;
                let lag_s = h.direction.lag(h.direction.delay(h.lag_s), echo);
                Some(Point { at_s: h.at_s, lag_s, clear: h.z >= CLEAR_Z })
            })
            .collect();
        let course = drift::course(&points)?;
        Some(FollowedLag { course, both_ways, echo_s })
    }

    /// Returns the hits of a direction, sorted by time.
    fn of(&self, direction: Direction) -> impl Iterator<Item = &LagHit> {
        self.hits.iter().filter(move |hit| hit.direction == direction)
    }

    /// Returns each direction's delays, echo included, as points of track a's time.
    fn delays(&self) -> [Vec<Point>; 2] {
        let point =
            |hit: &LagHit| Point { at_s: hit.at_s, lag_s: hit.direction.delay(hit.lag_s), clear: hit.z >= CLEAR_Z };
        Direction::BOTH.map(|direction| self.of(direction).map(point).collect())
    }

    /// Returns the sum of both directions' echo delays, or `None` if one has no hits.
    fn sum_s(&self) -> Option<f64> {
        let mut apart = Vec::new();
        for x in self.of(Direction::AOnB) {
            // The nearest moment of the other direction: what lies between them is less likely to
            // have changed.
            let away = |hit: &LagHit| (hit.at_s - x.at_s).abs();
            let near = self.of(Direction::BOnA).min_by(|p, q| away(p).total_cmp(&away(q)));
            apart.extend(near.map(|y| y.lag_s - x.lag_s));
        }
        median(apart)
    }

    /// Returns the echo delay to subtract in each direction (`None`: ignore the direction), and
    /// whether both contributed.
    fn echoes(&self) -> ([Option<f64>; 2], bool) {
        let [one, other] = self.echo_s;
        let Some(apart) = self.sum_s() else { return ([Some(one), Some(other)], false) };
        if apart > SAME_PATH_S && apart < 2.0 * path::LATEST_S {
            // What both hold is known; how they share it the lag has said.
            let first = if self.known[0] { one } else { apart - other };
            return ([Some(first), Some(apart - first)], true);
        }
        // The same path heard twice, or a contradiction: the clearer direction is right.
        let strength = |d: Direction| self.of(d).map(|h| h.z).sum::<f32>();
        if strength(Direction::AOnB) >= strength(Direction::BOnA) {
            ([Some(one), None], false)
        } else {
            ([None, Some(other)], false)
        }
    }

    /// Returns where the lag changed between two points, in seconds on track a.
    ///
    /// Tenths of a second of talk are compared with the other track at the lag before and at the
    /// lag after. The change is where the first stops winning. Once [`MAX_LOCATED`] stretches are
    /// spent, it is the middle.
    fn locate(&mut self, step: &Step, found: &FollowedLag) -> f64 {
        let reach = STRETCH_S / 2.0;
        let (from, to) = (step.between_s.0 - reach, step.between_s.1 + reach);
        let tenth = RATE / 10 / STEP;
        let mut gains: Vec<(f64, f64)> = Vec::new();
        let middle = (step.between_s.0 + step.between_s.1) / 2.0;
        if self.located >= MAX_LOCATED {
            return middle;
        }
        for direction in Direction::BOTH {
            let Some(echo) = found.echo_s[direction as usize] else { continue };
            let delays = [step.lags_s.0, step.lags_s.1].map(|lag| direction.delay(lag) + echo);
            let shift = if direction == Direction::AOnB { 0.0 } else { -step.mean_lag_s() };
            let mut frame = ((from + shift) * FRAMES as f64).max(0.0) as usize;
            while (frame as f64) < (to + shift) * FRAMES as f64 && !self.a.is_cancelled() {
                self.located += 1;
                let (voice, other, tile) = self.spectra(direction, frame, (delays[0] + delays[1]) / 2.0);
                let (t, h) = (self.correlator.baseband(&voice), self.correlator.baseband(&other));
                let places = delays.map(|d| ((d * RATE as f64 - tile as f64) / STEP as f64).round() as usize);
                for k in 0..STRETCH * FRAME / STEP / tenth {
                    let at_s = frame as f64 / FRAMES as f64 + (k as f64 + 0.5) / 10.0 - shift;
                    let s = k * tenth..(k + 1) * tenth;
                    let [before, after] = places.map(|p| super::wave::agreement(&t, &h, s.clone(), p));
                    if at_s >= from && at_s < to {
                        gains.push((at_s, f64::from(before - after)));
                    }
                }
                frame += STRETCH;
            }
        }
        gains.sort_by(|x, y| x.0.total_cmp(&y.0));
        highest_sum(&gains).unwrap_or(middle)
    }
}

/// Returns the time at which the running sum of gains is highest; on a plateau, its middle.
fn highest_sum(gains: &[(f64, f64)]) -> Option<f64> {
    let mut sum = 0.0;
    let sums: Vec<f64> = gains
        .iter()
        .map(|g| {
            sum += g.1;
            sum
        })
        .collect();
    let top = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let range = top - sums.iter().copied().fold(f64::INFINITY, f64::min);
    let high = |s: &f64| *s >= top - 0.005 * range;
    let (first, last) = (sums.iter().position(high)?, sums.iter().rposition(high)?);
    Some((gains[first].0 + gains[last].0) / 2.0 + 0.05)
}
