//! Converts pairs to placements: one track is the reference, and the others are placed one by one,
//! the most certain first.

use super::belief::{BIN_S, Belief, GOOD_S, Guess};
use super::link::FollowedLink;
use super::map::{self, Hung};
use super::pair::Pair;
use super::prior::{self, ExpectedLag};
use super::sound::Sound;
use super::{AlignOptions, Alignment};
use crate::error::Warning;
use crate::timeline::{Method, Placement};
use crate::units::Millis;

/// Up to this many tracks, all informative pairs are examined. With more, each track is paired with
/// the one that sounds most and, if it stays uncertain, with [`OTHERS`] more.
const ALL_PAIRS: usize = 4;
const OTHERS: usize = 3;
/// A track placed with less confidence than this does not help to place others.
const HELPFUL: f64 = 0.8;
/// Upper limit of any confidence.
const MAX_CONFIDENCE: f64 = 0.995;
/// Factor applied to the combined evidence, because witnesses are not independent and no model is
/// exact. Over three hundred made calls, placements stated at 0.5 to 0.8 are then right that often.
/// Talk that is the only witness is as good as it says: with the factor, 42 pairs of two sets of made
/// calls said 0.40 and were right in 0.52.
const MODEST: f64 = 0.85;
/// Audio contradicts the caller's offset at this confidence, if it differs by this much, in
/// seconds.
const CONTRADICTS: f64 = 0.9;
const CONTRADICTS_S: f64 = 0.25;
/// Start times are wrong if they are off by this much more than their resolution, in seconds.
const STAMP_SLACK_S: f64 = 0.5;

/// A track's placement while others are still being placed.
struct PlacedPair {
    guess: Guess,
    method: Method,
    hung: Hung,
}

/// Places all tracks.
pub(super) fn place(sounds: &[Sound], options: &AlignOptions) -> Alignment {
    if sounds.is_empty() {
        return Alignment::default();
    }
    let mut table = PairTable { sounds, options, pairs: Vec::new() };
    table.listen();
    let reference = table.reference();
    let mut placed: Vec<Option<PlacedPair>> = sounds.iter().map(|_| None).collect();
    placed[reference] = Some(PlacedPair {
        guess: Guess { lag_s: 0.0, mass: 1.0, half_width_s: 0.0 },
        method: Method::Reference,
        hung: Hung { lag_s: 0.0, link: None },
    });
    let mut order = vec![reference];
    while order.len() < sounds.len() {
        let next = (0..sounds.len())
            .filter(|&i| placed[i].is_none())
            .map(|i| (i, table.guess(i, &placed, reference)))
            .max_by(|x, y| x.1.mass.total_cmp(&y.1.mass).then(y.0.cmp(&x.0)));
        let Some((i, guess)) = next else { break };
        placed[i] = Some(table.settle(i, guess, &placed, reference));
        order.push(i);
    }
    table.finish(&placed, &order)
}

struct PairTable<'s, 't> {
    sounds: &'s [Sound<'t>],
    options: &'s AlignOptions,
    pairs: Vec<Pair>,
}

impl PairTable<'_, '_> {
    fn push(&mut self, a: usize, b: usize) {
        let (a, b) = (a.min(b), a.max(b));
        if a != b && !self.sounds[a].is_cancelled() && self.pairs.iter().all(|p| (p.a, p.b) != (a, b)) {
            self.pairs.extend(Pair::new(self.sounds, a, b, self.options));
        }
    }

    /// Examines the pairs that are needed.
    fn listen(&mut self) {
        let n = self.sounds.len();
        if n <= ALL_PAIRS {
            for b in 1..n {
                for a in 0..b {
                    if !self.joined(a, b) {
                        self.push(a, b);
                    }
                }
            }
            return;
        }
        let mut by_sound: Vec<usize> = (0..n).collect();
        let active = |i: usize| self.sounds[i].active.iter().filter(|&&a| a).count();
        by_sound.sort_by_cached_key(|&i| (std::cmp::Reverse(active(i)), i));
        (1..n).for_each(|i| self.push(by_sound[0], by_sound[i]));
        for k in 1..n {
            let others: Vec<usize> = by_sound[1..].iter().copied().filter(|&j| j != by_sound[k]).take(OTHERS).collect();
            for other in others {
                if !self.joined(by_sound[0], by_sound[k]) {
                    self.push(by_sound[k], other);
                }
            }
        }
    }

    /// Returns `true` if certain pairs connect two tracks.
    fn joined(&self, from: usize, to: usize) -> bool {
        let mut reached = vec![from];
        let mut next = 0;
        while let Some(&track) = reached.get(next) {
            for other in self.pairs.iter().filter(|p| p.sure).filter_map(|p| p.other(track)) {
                if !reached.contains(&other) {
                    reached.push(other);
                }
            }
            next += 1;
        }
        reached.contains(&to)
    }

    /// Returns the reference: the first of two tracks, or the one with the most certain pairs.
    fn reference(&self) -> usize {
        let n = self.sounds.len();
        if n < 3 {
            return 0;
        }
        let certainties: Vec<f64> = self.pairs.iter().map(Pair::certainty).collect();
        let of = |i: usize| -> f64 {
            self.pairs.iter().zip(&certainties).filter(|(p, _)| p.other(i).is_some()).map(|(_, c)| c).sum()
        };
        (0..n).max_by(|&i, &j| of(i).total_cmp(&of(j)).then(j.cmp(&i))).unwrap_or(0)
    }

    /// Returns the pairs of a track with well-placed ones, and their lags.
    fn known<'p>(
        &'p self,
        track: usize,
        placed: &'p [Option<PlacedPair>],
    ) -> impl Iterator<Item = (&'p Pair, usize, f64)> {
        self.pairs.iter().filter_map(move |p| {
            let other = p.other(track)?;
            let o = placed[other].as_ref().filter(|o| o.guess.mass >= HELPFUL)?;
            Some((p, other, o.hung.lag_s))
        })
    }

    /// Returns the lag from the reference that was measured on other calls, from the parties that
    /// are placed. Where bleed is heard or the caller gave an offset, it says nothing.
    fn expected(&self, track: usize, placed: &[Option<PlacedPair>], reference: usize) -> Option<ExpectedLag> {
        if self.hears_bleed(track, placed) || self.given(track, reference).is_some() {
            return None;
        }
        let from = |(other, at): (usize, &Option<PlacedPair>)| {
            let at = at.as_ref().filter(|at| at.guess.mass >= HELPFUL)?;
            let expected = prior::expected(&self.sounds[other], &self.sounds[track], self.options)?;
            Some(expected.later(at.hung.lag_s))
        };
        placed.iter().enumerate().find_map(from)
    }

    /// Returns the belief about the lag between the reference and a track, from all placed tracks.
    /// `by` are the factors of what is known before listening, and of what is heard.
    fn belief(&self, track: usize, placed: &[Option<PlacedPair>], reference: usize, by: (f64, f64)) -> Belief {
        let known = self.pairs.iter().find(|pair| (pair.a, pair.b) == (reference, track));
        let prior = match (self.expected(track, placed, reference), known) {
            (None, Some(pair)) => pair.prior.clone(),
            (expected, _) => prior::informed(&self.sounds[reference], &self.sounds[track], self.options, expected),
        };
        let mut belief = prior.tempered(by.0);
        for (pair, _, lag) in self.known(track, placed) {
            let evidence = if pair.b == track { pair.evidence.clone() } else { pair.evidence.reversed() };
            belief.add_moved(&evidence.tempered(by.1), lag);
        }
        belief
    }

    /// Returns `true` if talk is the only witness: no bleed, start times or measured recorders.
    fn only_talk(&self, track: usize, placed: &[Option<PlacedPair>], reference: usize) -> bool {
        let (first, own) = (&self.sounds[reference], &self.sounds[track]);
        let known = prior::stamped(first, own, self.options).is_some()
            || prior::together(first, own, self.options).is_some()
            || self.expected(track, placed, reference).is_some();
        !known && !self.hears_bleed(track, placed)
    }

    fn hears_bleed(&self, track: usize, placed: &[Option<PlacedPair>]) -> bool {
        self.known(track, placed).any(|(pair, _, _)| pair.hears_bleed())
    }

    /// Returns a track's lag from the reference: as given by the caller, or the most probable one.
    fn guess(&self, track: usize, placed: &[Option<PlacedPair>], reference: usize) -> Guess {
        let heard = if self.only_talk(track, placed, reference) { 1.0 } else { MODEST };
        let mut belief = self.belief(track, placed, reference, (MODEST, heard));
        let Some((lag_s, uncertainty_s)) = self.given(track, reference) else {
            return if self.hears_bleed(track, placed) { belief.guess_by_bleed() } else { belief.guess() };
        };
        prior::as_given(&mut belief, (lag_s, uncertainty_s));
        let guess = belief.guess();
        if uncertainty_s < BIN_S {
            return Guess { lag_s, mass: 1.0, half_width_s: uncertainty_s };
        }
        Guess { lag_s: guess.lag_s.clamp(lag_s - uncertainty_s, lag_s + uncertainty_s), ..guess }
    }

    /// Returns the lag from the reference given by the caller.
    fn given(&self, track: usize, reference: usize) -> Option<(f64, f64)> {
        prior::given(&self.sounds[reference], &self.sounds[track], self.options)
    }

    /// Returns how far the audio differs from the caller's offset in seconds, if it contradicts it
    /// with confidence.
    fn contradicted(&self, track: usize, placed: &[Option<PlacedPair>], reference: usize) -> Option<f64> {
        let (lag_s, uncertainty_s) = self.given(track, reference)?;
        let heard = self.belief(track, placed, reference, (1.0, 1.0)).guess();
        let off = heard.lag_s - lag_s;
        (heard.mass >= CONTRADICTS && off.abs() > uncertainty_s + CONTRADICTS_S).then_some(off)
    }

    /// Decides how a track is linked to those placed before.
    fn settle(&self, track: usize, guess: Guess, placed: &[Option<PlacedPair>], reference: usize) -> PlacedPair {
        let given = self.given(track, reference);
        if given.is_some_and(|g| g.1 < BIN_S) {
            return PlacedPair { guess, method: Method::Given, hung: Hung { lag_s: guess.lag_s, link: None } };
        }
        let together = prior::together(&self.sounds[reference], &self.sounds[track], self.options);
        if let (None, Some(method)) = (given, together.filter(|_| guess.lag_s.abs() < BIN_S / 2.0)) {
            return PlacedPair { guess, method, hung: Hung { lag_s: 0.0, link: None } };
        }
        let mut best: Option<(usize, FollowedLink)> = None;
        let mut bleed = false;
        for (pair, other, at) in self.known(track, placed) {
            let lag = guess.lag_s - at;
            let (heard, link) = if pair.b == track {
                (pair.heard_at(lag), pair.link(self.sounds, lag))
            } else {
                (pair.heard_at(-lag), pair.link(self.sounds, -lag).map(FollowedLink::reversed))
            };
            bleed |= heard;
            if let Some(link) = link
                && best.as_ref().is_none_or(|b| link.heard > b.1.heard)
            {
                best = Some((other, link));
            }
        }
        let stamp = prior::stamped(&self.sounds[reference], &self.sounds[track], self.options);
        let stamped = stamp.is_some_and(|(lag, resolution)| !is_off(guess.lag_s - lag, resolution));
        let turns = self.known(track, placed).any(|(p, _, _)| p.turns);
        if given.is_some() {
            return PlacedPair { guess, method: Method::Given, hung: Hung { lag_s: guess.lag_s, link: None } };
        }
        let expected = self.expected(track, placed, reference);
        let by_prior = expected.is_some_and(|expected| (guess.lag_s - expected.lag_s).abs() <= GOOD_S);
        let method = match (bleed || best.is_some(), stamped, by_prior, turns) {
            (true, _, _, _) => Method::Bleed,
            (false, true, _, _) => Method::Timestamps,
            (false, false, true, _) => Method::Prior,
            (false, false, false, true) => Method::Turns,
            (false, false, false, false) => Method::None,
        };
        PlacedPair { guess, method, hung: Hung { lag_s: guess.lag_s, link: best } }
    }

    /// Returns the placements and warnings.
    fn finish(&self, placed: &[Option<PlacedPair>], order: &[usize]) -> Alignment {
        let hung: Vec<Option<Hung>> = placed.iter().map(|p| p.as_ref().map(|p| p.hung.clone())).collect();
        let seconds: Vec<f64> = self.sounds.iter().map(Sound::seconds).collect();
        let maps = map::maps(&hung, order, &seconds);
        let begin_s = maps.iter().flatten().map(|m| m.to_call(0.0)).fold(f64::INFINITY, f64::min);
        let mut alignment = Alignment::default();
        for (i, (map, p)) in maps.iter().zip(placed).enumerate() {
            let (Some(map), Some(p)) = (map, p) else { continue };
            let knots = map.knots(seconds[i], begin_s);
            let confidence = if p.method == Method::Reference { 1.0 } else { p.guess.mass.min(MAX_CONFIDENCE) };
            let spread = p.hung.link.as_ref().map_or(0.0, |(_, link)| link.course.spread_s);
            let half = p.guess.half_width_s + 2.0 * spread;
            alignment.placements.push(Placement::through(knots, p.method, confidence, Millis(half * 1000.0)));
            let contradicted = self.contradicted(i, placed, order[0]).filter(|_| i != order[0]);
            let warning = contradicted.map(contradiction).or_else(|| self.warning(i, order[0], p));
            alignment.warnings.extend(warning.map(|w| (i, w)));
        }
        alignment.repeated = self.pairs.iter().filter(|p| p.same.is_some()).map(|p| (p.a, p.b)).collect();
        alignment.repeated.sort_unstable();
        alignment
    }

    /// Returns the warning about a track's placement, if any.
    fn warning(&self, track: usize, reference: usize, placed: &PlacedPair) -> Option<Warning> {
        let stamp = prior::stamped(&self.sounds[reference], &self.sounds[track], self.options);
        if placed.method == Method::None {
            return Some(Warning::new(
                "alignment_unknown",
                "no evidence for this track's placement: placed by how recorders usually start and stop",
            ));
        }
        let (stamp, resolution) = stamp.unwrap_or((placed.hung.lag_s, 1.0));
        let off = placed.hung.lag_s - stamp;
        if is_off(off, resolution) {
            let text = format!("the start time differs from the placement by {off:.1} s");
            return Some(Warning::new("start_time_wrong", text));
        }
        let one_way = placed.hung.link.as_ref().is_some_and(|(_, link)| !link.both_ways);
        let text = "bleed in one direction only: the echo's delay is estimated from other evidence";
        one_way.then(|| Warning::new("path_delay_assumed", text))
    }
}

/// Returns `true` if a start time is off by more than its resolution explains.
fn is_off(off_s: f64, resolution_s: f64) -> bool {
    off_s.abs() > resolution_s + STAMP_SLACK_S
}

fn contradiction(off_s: f64) -> Warning {
    let text = format!("the given offset differs from the audio by {off_s:.2} s");
    Warning::new("offset_contradicted", text)
}
