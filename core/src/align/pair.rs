//! Combines all evidence about the lag between two tracks.

use super::AlignOptions;
use super::belief::{BIN_S, Belief};
use super::bleed::{self, Heard};
use super::follow;
use super::jumps::{self, EchoMotion};
use super::link::FollowedLink;
use super::path;
use super::sound::Sound;
use super::vote::{Direction, NEAR_ECHO_S, SAME_DELAY_S, SAME_PATH_S, Vote};
use super::{dual, prior, turns};
use crate::call::Role;
use crate::threads;

/// Nats in favor of a lag that is certain: one recording delivered twice, or many stretches in
/// agreement.
const SURE_NATS: f64 = 60.0;
/// Stretches between two losses that must be heard at one lag to settle a doubt, and number of lags
/// tried.
const WITNESSES: usize = 4;
const MAX_TRIED: usize = 6;
/// No further lag is tried once this many stretches were compared. One lag takes at most 80, if
/// both parties are heard.
const MAX_COMPARED: usize = 50;
/// Probability near one lag from which a pair needs no other pair.
const SURE: f64 = 0.99;
/// Lags this close, in seconds, are the same one, apart from losses and echo.
const SAME_LAG_S: f64 = 0.3;

/// Largest sum of the audio lost between two moments of a call, in seconds.
const LOST_S: f64 = 1.0;

/// All evidence about two tracks.
pub(super) struct Pair {
    pub a: usize,
    pub b: usize,
    /// The belief before listening.
    pub prior: Belief,
    /// The evidence of bleed and turn taking.
    pub evidence: Belief,
    votes: Vec<Vote>,
    /// The delay at which each direction is heard, in seconds.
    delays: [Option<f64>; 2],
    /// What each direction's delay did during the call.
    motions: [EchoMotion; 2],
    /// The course of the only direction that is heard.
    alone: Option<OneWayLink>,
    /// Whether no other evidence can add anything.
    pub sure: bool,
    /// Whether there was enough speech for turn taking to be informative.
    pub turns: bool,
    /// The lag at which both are the same recording.
    pub same: Option<f64>,
}

/// The course of the lag by one direction alone, followed at a lag that assumes a near echo.
struct OneWayLink {
    direction: Direction,
    lag_s: f64,
    link: FollowedLink,
}

impl Pair {
    /// Listens to two of the tracks. The search for bleed keeps all threads busy. What follows from
    /// it takes one, so turn taking, which knows nothing of bleed, is heard at the same time.
    pub fn new(sounds: &[Sound], a: usize, b: usize, options: &AlignOptions) -> Option<Self> {
        let (x, y) = (sounds.get(a)?, sounds.get(b)?);
        let (low, high) = prior::range(x, y, options);
        let flat = Belief::flat(low, high);
        let may_answer = sounds.len() == 2 || !(is_agent(x.input.role) && is_agent(y.input.role));
        let talk = || (options.turns && may_answer).then(|| turns::belief(x, y, flat.clone())).flatten();
        let prior = prior::prior(x, y, options);
        let heard = options.bleed.then(|| bleed::search(x, y, &prior, &prior::likely(x, y, options)));
        let (mut pair, talk) = threads::join(
            || {
                let mut pair = Self::unheard((a, b), prior, flat.clone());
                if let Some(heard) = heard {
                    pair.add_bleed(x, y, heard, options);
                }
                pair
            },
            talk,
        );
        if let Some(talk) = talk.filter(|_| pair.same.is_none()) {
            pair.evidence.add_mixed(&talk, turns::TRUST);
            pair.turns = true;
        }
        pair.sure = pair.certainty() >= SURE;
        Some(pair)
    }

    /// Returns a pair of which nothing was heard yet.
    fn unheard((a, b): (usize, usize), prior: Belief, evidence: Belief) -> Self {
        Self {
            a,
            b,
            prior,
            evidence,
            votes: Vec::new(),
            delays: [None; 2],
            motions: Default::default(),
            alone: None,
            sure: false,
            turns: false,
            same: None,
        }
    }

    /// Adds the evidence of bleed.
    fn add_bleed(&mut self, x: &Sound, y: &Sound, heard: Heard, options: &AlignOptions) {
        self.same = dual::same_recording(x, y, &heard.votes);
        let mut delays = self.hear(x, y, heard);
        if self.same.is_none() {
            self.bring_together(x, y, &mut delays);
            self.follow_alone(x, y);
        }
        let (motions, range) = (self.motions, self.evidence.range());
        let lags = threads::map(Direction::BOTH.to_vec(), |direction| {
            let paths = path::Paths { told: options.echo_prior, motion: motions[direction as usize] };
            path::lags(direction, &delays[direction as usize], range, paths)
        });
        lags.iter().for_each(|lags| self.evidence.add_moved(lags, 0.0));
        if let Some(lag) = self.same {
            self.evidence.add(|l| if (l - lag).abs() < 2.0 * BIN_S { SURE_NATS } else { 0.0 });
        }
    }

    /// Adds the evidence of bleed, and returns the belief about each direction's delay.
    fn hear(&mut self, a: &Sound, b: &Sound, heard: Heard) -> [Belief; 2] {
        let Heard { votes, mut delays, settled } = heard;
        for direction in Direction::BOTH {
            let k = direction as usize;
            if !settled[k]
                && let Some(delay) = verify(a, b, direction, &votes)
            {
                delays[k].add(|d| if (d - delay).abs() < 2.0 * BIN_S { SURE_NATS } else { 0.0 });
            }
            let best = delays[k].guess().lag_s;
            self.delays[k] = votes.iter().any(|v| v.says(direction, best)).then_some(best);
        }
        self.votes = votes;
        delays
    }

    /// Refers the delays of both directions to one moment, that of the clearest stretch. Audio may
    /// have been lost between two moments, and a sum of echo delays that includes a loss would
    /// suggest one short and one long path where both are short.
    fn bring_together(&mut self, a: &Sound, b: &Sound, delays: &mut [Belief; 2]) {
        let [Some(first), Some(second)] = self.delays else { return };
        let says = |v: &&Vote| self.delays[v.direction as usize].is_some_and(|delay| v.says(v.direction, delay));
        let clearest = self.votes.iter().filter(says).max_by(|x, y| x.top().total_cmp(&y.top()));
        let Some(direction) = clearest.map(|vote| vote.direction) else { return };
        let lag_s = direction.lag([first, second][direction as usize], NEAR_ECHO_S);
        let Some(both) = follow::both_echoes(a, b, lag_s, self.delays, &self.votes) else { return };
        let sum_s = both.sum_s;
        self.motions = both.motions;
        let off = sum_s - (first + second);
        let possible = (SAME_PATH_S..2.0 * path::LATEST_S).contains(&sum_s);
        if possible && (SAME_DELAY_S / 2.0..LOST_S).contains(&off.abs()) {
            let other = 1 - direction as usize;
            delays[other] = delays[other].moved(off);
            self.delays[other] = self.delays[other].map(|delay| delay + off);
        }
    }

    /// Follows the only direction that is heard. What its delay does says more about the echo.
    fn follow_alone(&mut self, a: &Sound, b: &Sound) {
        let (direction, delay) = match self.delays {
            [Some(delay), None] => (Direction::AOnB, delay),
            [None, Some(delay)] => (Direction::BOnA, delay),
            _ => return,
        };
        let lag_s = direction.lag(delay, NEAR_ECHO_S);
        let Some(link) = follow::follow(a, b, lag_s, self.delays, &self.votes) else { return };
        // Once it is followed, the other direction may be heard as well.
        if link.directions[1 - direction as usize] {
            return;
        }
        self.motions[direction as usize] = jumps::alone(&link.course);
        self.alone = Some(OneWayLink { direction, lag_s, link });
    }

    /// Returns the other of the two tracks, or `None` if `track` is neither.
    pub const fn other(&self, track: usize) -> Option<usize> {
        if self.a == track {
            Some(self.b)
        } else if self.b == track {
            Some(self.a)
        } else {
            None
        }
    }

    /// Returns the probability near the best guess.
    pub fn certainty(&self) -> f64 {
        let mut belief = self.prior.clone();
        belief.add_moved(&self.evidence, 0.0);
        belief.guess().mass
    }

    /// Returns the delays that an echo can have at a lag, by direction.
    fn delays_at(&self, lag_s: f64) -> [Option<f64>; 2] {
        let possible = |direction: Direction| {
            self.delays[direction as usize].filter(|d| path::possible(d - direction.delay(lag_s)))
        };
        Direction::BOTH.map(possible)
    }

    /// Returns `true` if one of the parties is audible on the other's track.
    pub fn hears_bleed(&self) -> bool {
        self.same.is_some() || self.delays.iter().any(Option::is_some)
    }

    /// Returns `true` if bleed supports a lag.
    pub fn heard_at(&self, lag_s: f64) -> bool {
        self.same.is_some_and(|same| (same - lag_s).abs() < 2.0 * BIN_S)
            || self.delays_at(lag_s).iter().any(Option::is_some)
    }

    /// Returns the lag through the call, if bleed supports `lag_s`.
    pub fn link(&self, sounds: &[Sound], lag_s: f64) -> Option<FollowedLink> {
        if let Some(same) = self.same {
            return ((same - lag_s).abs() < 2.0 * BIN_S).then(|| FollowedLink::exact(same));
        }
        let delays = self.delays_at(lag_s);
        delays.iter().any(Option::is_some).then_some(())?;
        let link = match &self.alone {
            Some(alone) => alone.link.clone().with_other_echo(alone.direction, lag_s - alone.lag_s),
            None => follow::follow(sounds.get(self.a)?, sounds.get(self.b)?, lag_s, delays, &self.votes)?,
        };
        let astray = (link.course.anchor.lag_s - lag_s).abs() > SAME_LAG_S && link.course.longest < WITNESSES;
        (!astray).then_some(link)
    }
}

/// Returns the delay of a direction, among those named by votes, at which by far the most stretches
/// of the call are heard.
///
/// Phrases said twice cause single votes for wrong delays, but not many votes for one.
fn verify(a: &Sound, b: &Sound, direction: Direction, votes: &[Vote]) -> Option<f64> {
    let mut found: Vec<(f64, usize)> = Vec::new();
    let own = votes.iter().filter(|v| v.direction == direction);
    let mut names: Vec<(f64, f32)> = own.flat_map(Vote::named).collect();
    names.sort_by(|x, y| y.1.total_cmp(&x.1).then(x.0.total_cmp(&y.0)));
    let mut compared = 0;
    for (delay, _) in names {
        let tried = found.iter().any(|t| (t.0 - delay).abs() < SAME_LAG_S);
        if tried || found.len() == MAX_TRIED || compared >= MAX_COMPARED {
            continue;
        }
        let (longest, stretches) = follow::survey(a, b, direction, delay, votes);
        compared += stretches;
        found.push((delay, longest));
    }
    found.sort_by_key(|f| std::cmp::Reverse(f.1));
    let (delay, most) = *found.first()?;
    let second = found.get(1).map_or(0, |f| f.1);
    (most >= WITNESSES && most >= 2 * second).then_some(delay)
}

/// Returns `true` for agents. Two agents of one call do not answer each other; one takes over from
/// the other.
const fn is_agent(role: Role) -> bool {
    matches!(role, Role::Agent | Role::Transfer)
}
