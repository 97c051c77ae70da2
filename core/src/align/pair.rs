//! Two tracks: what every kind of evidence says of the lag between them.

use super::AlignOptions;
use super::belief::{BIN_S, Belief};
use super::bleed;
use super::follow::{self, FollowedLink};
use super::sound::Sound;
use super::vote::Vote;
use super::{dual, prior, turns};
use crate::call::Role;

/// Nats by which a lag is likelier than any other where one recording came twice, or many stretches agree.
const SURE_NATS: f64 = 60.0;
/// Stretches between two losses that must be heard at one lag to settle a doubt, and lags that are tried.
const WITNESSES: usize = 4;
const MAX_TRIED: usize = 6;
/// No further lag is tried once so many stretches were compared; one lag takes 80 at most, where both parties are heard.
const MAX_COMPARED: usize = 100;
/// A single stretch this clear is believed.
const CLEAR_Z: f32 = 15.0;
/// Lags this close, in seconds, are one and the same with losses and echo between them.
const SAME_LAG_S: f64 = 0.3;

/// Everything known of two tracks.
pub(super) struct Pair {
    pub a: usize,
    pub b: usize,
    /// What is believed before listening.
    prior: Belief,
    /// What bleed and turn taking say.
    pub evidence: Belief,
    votes: Vec<Vote>,
    /// Whether bleed leaves no doubt.
    pub sure: bool,
    /// Whether turn taking had enough speech to say something.
    pub turns: bool,
    /// The lag at which both are the same recording.
    pub same: Option<f64>,
}

impl Pair {
    /// Listens to two of the tracks.
    pub fn new(sounds: &[Sound], a: usize, b: usize, options: &AlignOptions) -> Option<Self> {
        let (x, y) = (sounds.get(a)?, sounds.get(b)?);
        let prior = prior::prior(x, y, options);
        let (low, high) = prior.range();
        let mut pair = Self {
            a,
            b,
            prior,
            evidence: Belief::flat(low, high),
            votes: Vec::new(),
            sure: false,
            turns: false,
            same: None,
        };
        if options.bleed {
            let heard = bleed::search(x, y, &pair.prior, &prior::likely(x, y, options));
            (pair.evidence, pair.votes, pair.sure) = (heard.evidence, heard.votes, heard.decided);
            pair.same = dual::same_recording(x, y, &pair.votes);
        }
        let mut certain = pair.same;
        if certain.is_none() && !pair.sure {
            certain = verify(x, y, &pair.votes);
        }
        if let Some(lag) = certain {
            pair.sure = true;
            pair.evidence.add(|l| if (l - lag).abs() < 2.0 * BIN_S { SURE_NATS } else { 0.0 });
        }
        let may_answer = sounds.len() == 2 || !(is_agent(x.input.role) && is_agent(y.input.role));
        pair.turns = options.turns && !pair.sure && may_answer && turns::weigh(x, y, &mut pair.evidence);
        Some(pair)
    }

    /// The other of the two tracks; `None` where `track` is neither.
    pub const fn other(&self, track: usize) -> Option<usize> {
        if self.a == track {
            Some(self.b)
        } else if self.b == track {
            Some(self.a)
        } else {
            None
        }
    }

    /// The share of belief near the best guess.
    pub fn certainty(&self) -> f64 {
        let mut belief = self.prior.clone();
        belief.add_moved(&self.evidence, 0.0);
        belief.guess().mass
    }

    /// Whether bleed speaks for a lag.
    pub fn heard_at(&self, lag_s: f64) -> bool {
        self.votes.iter().any(|v| v.says(lag_s).is_some())
    }

    /// The lag through the call, if bleed speaks for `lag_s`.
    pub fn link(&self, sounds: &[Sound], lag_s: f64) -> Option<FollowedLink> {
        if let Some(same) = self.same {
            return ((same - lag_s).abs() < 2.0 * BIN_S).then(|| FollowedLink::exact(same));
        }
        if !self.sure && !self.heard_at(lag_s) {
            return None;
        }
        let link = follow::follow(sounds.get(self.a)?, sounds.get(self.b)?, lag_s, &self.votes)?;
        let astray = (link.course.anchor.lag_s - lag_s).abs() > SAME_LAG_S && link.course.longest < WITNESSES;
        (!astray).then_some(link)
    }

    /// Whether stretches speak against each other, or one alone and not clearly.
    pub fn doubtful(&self) -> bool {
        let speak: Vec<&Vote> = self.votes.iter().filter(|v| v.speaks()).collect();
        let alone = speak.len() == 1 && speak.iter().all(|v| v.top() < CLEAR_Z || v.rivalled());
        !self.sure && (alone || speak.len() > 1)
    }
}

/// The lag at which by far the most stretches of the call are heard, of those that the votes name.
///
/// Phrases that are said twice make single votes for wrong lags; they do not make many for one.
fn verify(a: &Sound, b: &Sound, votes: &[Vote]) -> Option<f64> {
    let mut tried: Vec<f64> = Vec::new();
    let mut found: Vec<(f64, usize)> = Vec::new();
    let mut names: Vec<(f64, f32)> = votes.iter().filter(|v| v.speaks()).flat_map(Vote::named).collect();
    names.sort_by(|x, y| y.1.total_cmp(&x.1).then(x.0.total_cmp(&y.0)));
    let (mut next, mut compared) = (0, 0);
    while let Some(&(lag, z)) = names.get(next) {
        next += 1;
        if tried.len() == MAX_TRIED || compared >= MAX_COMPARED || tried.iter().any(|t| (t - lag).abs() < SAME_LAG_S) {
            continue;
        }
        tried.push(lag);
        let (course, stretches) = follow::survey(a, b, lag, votes);
        compared += stretches;
        let Some(course) = course else { continue };
        let anchor = course.anchor.lag_s;
        if (anchor - lag).abs() > SAME_LAG_S {
            // What was heard elsewhere is tried itself.
            names.insert(next, (anchor, z));
        } else {
            found.push((lag, course.longest));
        }
    }
    found.sort_by_key(|f| std::cmp::Reverse(f.1));
    let (lag, most) = *found.first()?;
    let second = found.get(1).map_or(0, |f| f.1);
    (most >= WITNESSES && most >= 2 * second).then_some(lag)
}

/// Two agents of one call do not answer each other: one takes over from the other.
const fn is_agent(role: Role) -> bool {
    matches!(role, Role::Agent | Role::Transfer)
}
