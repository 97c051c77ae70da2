//! Detects that what seems one voice is two: one party takes over from another, as after a
//! transfer.
//!
//! Speech before and after a moment belongs to two voices if each part is self-similar and the
//! parts are dissimilar. A single voice with two manners does not change once and for all: both
//! halves contain both manners, so they are as dissimilar within themselves as to each other.

use std::ops::{Add, Range, Sub};

use super::centres::{apart, centre, nearest_of};
use super::encoder::Embedding;
use super::likeness::{Likeness, VoiceWindow};

/// The likeness of the halves to each other must be lower than within them by this, on a scale
/// where one voice is 1 and two are 0.
const LESS_ALIKE: f32 = 0.6;
/// Highest likeness of the halves: nearer to two voices than to one.
const MAX_ALIKE: f32 = 0.45;
/// Highest likeness of the two most similar of three voices.
const MAX_OF_THREE: f32 = 0.4;
/// Windows that begin within this many frames overlap, and do not show how self-similar a voice is.
const OVERLAP: usize = 160;

/// Splits a group in time into its least similar halves of at least a weight. Returns their
/// distance from being two voices (negative if they are two), and the halves.
pub(super) fn split(
    windows: &[VoiceWindow],
    all: &Likeness,
    group: &[usize],
    least: f32,
) -> Option<(f32, [Vec<usize>; 2])> {
    let mut order = group.to_vec();
    order.sort_unstable();
    let count = order.len();
    let row = |k: usize, others: Range<usize>| Pairs::of(windows, all, order[k], &order[others]);
    let mut before = vec![Pairs::default()];
    (0..count).for_each(|k| before.push(before[k] + row(k, 0..k)));
    let mut after = vec![Pairs::default(); count + 1];
    (0..count).rev().for_each(|k| after[k] = after[k + 1] + row(k, k + 1..count));
    let halves = (1..count).filter_map(|k| {
        let (first, second) = order.split_at(k);
        let enough = all.total(first) >= least && all.total(second) >= least;
        let across =
            mean((before[count] - before[k] - after[k]).all).filter(|&across| enough && across <= MAX_ALIKE)?;
        let within = (mean(before[k].apart)? + mean(after[k].apart)?) / 2.0;
        Some((across - within + LESS_ALIKE, k))
    });
    let (score, k) = halves.min_by(|a, b| a.0.total_cmp(&b.0))?;
    let (first, second) = order.split_at(k);
    Some((score, [first.to_vec(), second.to_vec()]))
}

/// Splits into three voices of at least a weight, of which one ends before another begins. Returns
/// the distance from being distinct (negative if they are), and their windows. `parts` are groups
/// of similar windows.
pub(super) fn three(
    windows: &[VoiceWindow],
    all: &Likeness,
    parts: Vec<Vec<usize>>,
    least: f32,
) -> Option<(f32, Vec<Vec<usize>>)> {
    let seeds = thirds(all, parts, least);
    let refined: Vec<_> = seeds.iter().filter_map(|seed| settled(windows, all, seed)).collect();
    let scored = seeds.into_iter().chain(refined).filter_map(|groups| {
        let pairs = [(0, 1), (0, 2), (1, 2)].map(|(a, b)| [&groups[a], &groups[b]]);
        let alike = pairs.iter().map(|[a, b]| all.between(a, b)).fold(f32::MIN, f32::max);
        let enough = groups.iter().all(|group| all.total(group) >= least);
        let over = pairs.iter().any(|[a, b]| apart(windows, a, b));
        let within: Vec<f32> = groups.iter().filter_map(|group| mean(inner(windows, all, group).apart)).collect();
        let score = alike - within.iter().sum::<f32>() / within.len().max(1) as f32 + LESS_ALIKE;
        (enough && over && alike <= MAX_OF_THREE && score < 0.0).then_some((score, groups))
    });
    scored.min_by(|a, b| a.0.total_cmp(&b.0))
}

/// Returns the first and the last three groups of at least a weight that arise while the most
/// similar groups are joined.
fn thirds(all: &Likeness, mut parts: Vec<Vec<usize>>, least: f32) -> Vec<Vec<Vec<usize>>> {
    let mut found = Vec::new();
    loop {
        let large: Vec<Vec<usize>> = parts.iter().filter(|part| all.total(part) >= least).cloned().collect();
        found.extend((large.len() == 3).then_some(large));
        let pairs = (0..parts.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
        let alike = pairs.map(|(a, b)| (all.between(&parts[a], &parts[b]), a, b));
        let Some((_, a, b)) = alike.max_by(|x, y| x.0.total_cmp(&y.0)).filter(|_| parts.len() > 3) else { break };
        let joined = parts.swap_remove(b);
        parts[a].extend(joined);
    }
    let last = if found.len() > 1 { found.pop() } else { None };
    found.into_iter().take(1).chain(last).collect()
}

/// Reassigns windows to the nearest centroid until none moves. Returns `None` if a group becomes
/// empty.
fn settled(windows: &[VoiceWindow], all: &Likeness, groups: &[Vec<usize>]) -> Option<Vec<Vec<usize>>> {
    /// Convergence takes three or four rounds.
    const ROUNDS: usize = 12;
    let mut groups = groups.to_vec();
    for _ in 0..ROUNDS {
        let centres: Vec<Embedding> = groups.iter().map(|group| centre(windows, all, group, |_| true, true)).collect();
        let mut next = vec![Vec::new(); groups.len()];
        windows.iter().enumerate().for_each(|(w, window)| next[nearest_of(&centres, &window.embedding)].push(w));
        if next.iter().any(Vec::is_empty) {
            return None;
        }
        if next == groups {
            break;
        }
        groups = next;
    }
    Some(groups)
}

/// Returns the pairs within a group.
fn inner(windows: &[VoiceWindow], all: &Likeness, group: &[usize]) -> Pairs {
    let rows = (0..group.len()).map(|k| Pairs::of(windows, all, group[k], &group[..k]));
    rows.fold(Pairs::default(), Add::add)
}

/// Sums of the likeness of pairs of windows with their weights: over all pairs, and over those that
/// do not overlap.
#[derive(Debug, Clone, Copy, Default)]
struct Pairs {
    all: (f32, f32),
    apart: (f32, f32),
}

impl Pairs {
    /// Returns the pairs of one window with others.
    fn of(windows: &[VoiceWindow], all: &Likeness, window: usize, others: &[usize]) -> Self {
        let mut sums = Self::default();
        for &other in others {
            let weight = all.weight(window) * all.weight(other);
            let pair = (weight * all.pair(window, other), weight);
            sums.all = plus(sums.all, pair);
            if windows[window].start.abs_diff(windows[other].start) >= OVERLAP {
                sums.apart = plus(sums.apart, pair);
            }
        }
        sums
    }
}

impl Add for Pairs {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { all: plus(self.all, other.all), apart: plus(self.apart, other.apart) }
    }
}

impl Sub for Pairs {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        let minus = |a: (f32, f32), b: (f32, f32)| (a.0 - b.0, a.1 - b.1);
        Self { all: minus(self.all, other.all), apart: minus(self.apart, other.apart) }
    }
}

fn plus(a: (f32, f32), b: (f32, f32)) -> (f32, f32) {
    (a.0 + b.0, a.1 + b.1)
}

/// Returns the mean of a sum, or `None` if it is empty.
fn mean((sum, weight): (f32, f32)) -> Option<f32> {
    (weight > 1e-3).then(|| sum / weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Windows of 1.6 s, one every two seconds, each with the direction of its voice and a little
    /// of its own.
    fn windows(voices: &[usize]) -> Vec<VoiceWindow> {
        let window = |(n, &voice): (usize, &usize)| {
            let mut embedding = [0.0f32; 256];
            embedding[0] = 0.51f32.sqrt();
            embedding[1 + voice] = 0.26f32.sqrt();
            embedding[10 + n] = 0.23f32.sqrt();
            VoiceWindow { start: 200 * n, end: 200 * n + 160, level: -30.0, embedding }
        };
        voices.iter().enumerate().map(window).collect()
    }

    fn found(voices: &[usize]) -> Option<(f32, [Vec<usize>; 2])> {
        let windows = windows(voices);
        let group: Vec<usize> = (0..voices.len()).collect();
        split(&windows, &Likeness::of(&windows), &group, 6.0)
    }

    #[test]
    fn one_who_takes_over_is_another_voice_from_then_on() {
        let voices: Vec<usize> = (0..20).map(|n| usize::from(n >= 8)).collect();
        let (score, [first, second]) = found(&voices).unwrap();
        assert!(score < -0.2, "{score}");
        assert_eq!((first, second), ((0..8).collect(), (8..20).collect()));
    }

    #[test]
    fn one_voice_of_two_manners_and_one_of_one_are_not_split() {
        for voices in [[0, 0, 0, 0, 0], [0, 1, 0, 1, 1], [0, 0, 1, 1, 0]] {
            let voices = voices.repeat(4);
            assert!(found(&voices).is_none_or(|(score, _)| score > 0.0), "{voices:?}: {:?}", found(&voices));
        }
    }

    #[test]
    fn a_third_party_who_takes_over_from_the_second_is_a_third_voice() {
        // The caller speaks to one agent, then to another.
        let with = |agent: usize| [0, agent, 0, agent, agent];
        let voices: Vec<usize> = [with(1).repeat(3), with(2).repeat(3)].concat();
        let windows = windows(&voices);
        let alone = || (0..voices.len()).map(|w| vec![w]).collect::<Vec<_>>();
        let all = Likeness::of(&windows);
        let (score, groups) = three(&windows, &all, alone(), 6.0).unwrap();
        assert!(score < 0.0);
        for group in groups {
            assert!(group.iter().all(|&w| voices[w] == voices[group[0]]), "{group:?}");
        }
        let two: Vec<usize> = with(1).repeat(6);
        let windows = self::windows(&two);
        assert_eq!(three(&windows, &Likeness::of(&windows), alone(), 6.0), None, "two parties are two");
    }

    #[test]
    fn who_says_a_few_words_takes_nothing_over() {
        let voices: Vec<usize> = (0..20).map(|n| usize::from(n >= 18)).collect();
        assert!(found(&voices).is_none_or(|(score, _)| score > 0.0));
    }
}
