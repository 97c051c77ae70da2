//! Clusters windows by voice, and determines the number of voices.

use super::centres::{apart, centre, nearest_of, unit};
use super::certainty::VoiceCertainty;
use super::encoder::Embedding;
use super::likeness::{Likeness, VoiceWindow, dot};
use super::{doubt, handover, pauses};

/// Two groups with a lower likeness than this are two voices. On test calls, single voices were
/// split into halves with a likeness of 0.65 or more, two voices of the same sex into halves of up
/// to 0.63.
const TWO: f32 = 0.66;
/// The same limit if neither answers the other: one party who waits in vain says several things in
/// several manners.
const UNANSWERED: f32 = 0.3;
/// Limit of likeness between a third voice and the one it was split from, if it takes over from
/// another (a transfer) ...
const TRANSFER: f32 = 0.42;
/// ... or speaks among the others. Telephone calls usually have two parties, and halves of one
/// voice that changes its language or manner have a likeness down to 0.
const THIRD: f32 = -0.15;
/// Likeness subtracted per decibel of level difference. A party mostly keeps its level.
const PER_DB: f32 = 0.05;
/// A group this far below the loudest, in dB, with at most this share of all windows, is faint.
const FAINT: (f32, f32) = (15.0, 0.1);
/// Limit of likeness for any further voice.
const FURTHER: f32 = -0.25;
/// Most voices that are distinguished.
const MOST_VOICES: usize = 6;
/// Least speech of a third or further voice, in seconds and as a share of all windows.
const LEAST: (f32, f32) = (1.2, 0.02);
const LEAST_FURTHER: (f32, f32) = (2.5, 0.03);
/// Groups with a higher likeness than this are joined.
const JOINED: f32 = 0.45;
/// Least speech of both parties of a transfer, in seconds and as a share of all windows.
const HANDED_OVER: (f32, f32) = (6.0, 0.08);

/// The voices of windows, and how certain they are.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Grouping {
    /// The voice of each window.
    pub voices: Vec<usize>,
    pub count: usize,
    pub certainty: VoiceCertainty,
}

/// The two parts of a split group, and their likeness.
struct Split {
    likeness: f32,
    parts: [Vec<usize>; 2],
}

/// Groups windows by voice. The windows are long enough to be distinguished one by one.
pub(super) fn grouped(windows: &[VoiceWindow]) -> Grouping {
    let all = Likeness::of(windows);
    let everything: Vec<usize> = (0..windows.len()).collect();
    let least = least_of(LEAST, all.total(&everything));
    let Some(first) = split(windows, &all, &everything, least) else { return Grouping::one(windows.len(), 1.0) };
    let limit = if answered(windows, &first.parts) { TWO } else { UNANSWERED };
    if first.likeness > limit {
        return Grouping::one(windows.len(), first.likeness - limit);
    }
    let mut margin = limit - first.likeness;
    let handed_over = least_of(HANDED_OVER, all.total(&everything));
    let more = halved(windows, &all, &first.parts);
    if let Some((score, three)) = handover::three(windows, &all, joined(&all, &everything), more, handed_over) {
        return Grouping::of(windows, &all, &three, margin.min(0.05 - score));
    }
    let mut groups: Vec<Vec<usize>> = first.parts.into();
    while groups.len() < MOST_VOICES {
        let Some((score, group, [one, other])) = next_split(windows, &all, &groups) else { break };
        if score >= 0.0 {
            margin = margin.min(score + 0.05);
            if groups.len() == 2 {
                groups[group] = one;
                groups.push(other);
                join_most_alike(windows, &all, &mut groups);
            }
            break;
        }
        margin = margin.min(0.05 - score);
        groups[group] = one;
        groups.push(other);
    }
    Grouping::of(windows, &all, &groups, margin)
}

/// Returns groups of three: one of two groups, and both parts of the other.
fn halved(windows: &[VoiceWindow], all: &Likeness, groups: &[Vec<usize>; 2]) -> Vec<Vec<Vec<usize>>> {
    let total: f32 = groups.iter().map(|group| all.total(group)).sum();
    let least = least_of(LEAST_FURTHER, total);
    let halves = [(0, 1), (1, 0)].map(|(group, other)| {
        let by_voice = split(windows, all, &groups[group], least).map(|split| split.parts);
        let in_time = handover::split(windows, all, &groups[group], least).map(|(_, halves)| halves);
        let with_other = |[a, b]: [Vec<usize>; 2]| vec![a, b, groups[other].clone()];
        by_voice.into_iter().chain(in_time).map(with_other).collect::<Vec<_>>()
    });
    halves.concat()
}

/// Returns whether the voice ever changes without a long pause.
fn answered(windows: &[VoiceWindow], [first, _]: &[Vec<usize>; 2]) -> bool {
    let voices: Vec<bool> = (0..windows.len()).map(|w| first.contains(&w)).collect();
    let mut changes = windows.windows(2).zip(voices.windows(2)).filter(|(_, voices)| voices[0] != voices[1]);
    changes.any(|(pair, _)| !pauses::waiting(&pair[0], &pair[1]))
}

impl Grouping {
    /// One voice. The margin is the distance of the decisive likeness from its limit.
    fn one(windows: usize, margin: f32) -> Self {
        Self { voices: vec![0; windows], count: 1, certainty: VoiceCertainty::of_many(1, margin, 0.0) }
    }

    /// Assigns every window to the nearest of some groups.
    fn of(windows: &[VoiceWindow], all: &Likeness, groups: &[Vec<usize>], margin: f32) -> Self {
        let voices = nearest(windows, groups);
        let doubt = doubt::share(windows, all, &voices, groups.len());
        Self { voices, count: groups.len(), certainty: VoiceCertainty::of_many(groups.len(), margin, doubt) }
    }
}

/// Joins two of three groups: a faint one with little speech with the group it resembles most
/// (distant talkers in a room are not a party), or else the two that are most alike in voice and
/// level (a voice with two manners).
fn join_most_alike(windows: &[VoiceWindow], all: &Likeness, groups: &mut Vec<Vec<usize>>) {
    let levels: Vec<f32> = groups.iter().map(|group| level(windows, all, group)).collect();
    let loudest = levels.iter().copied().fold(f32::MIN, f32::max);
    let total: f32 = groups.iter().map(|group| all.total(group)).sum();
    let faint = |&g: &usize| levels[g] < loudest - FAINT.0 && all.total(&groups[g]) < FAINT.1 * total;
    let faint = (0..groups.len()).find(faint);
    let alike = |&(a, b): &(usize, usize)| all.between(&groups[a], &groups[b]) - PER_DB * (levels[a] - levels[b]).abs();
    let pairs = (0..groups.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
    let pairs = pairs.filter(|(a, b)| faint.is_none_or(|g| g == *a || g == *b));
    let Some((a, b)) = pairs.max_by(|x, y| alike(x).total_cmp(&alike(y))) else { return };
    let joined = groups.remove(b);
    groups[a].extend(joined);
}

/// Returns the mean level of a group in dB.
fn level(windows: &[VoiceWindow], all: &Likeness, group: &[usize]) -> f32 {
    group.iter().map(|&w| all.weight(w) * windows[w].level).sum::<f32>() / all.total(group).max(1e-6)
}

fn least_of((seconds, share): (f32, f32), total: f32) -> f32 {
    seconds.max(share * total)
}

/// Returns the best split of any group: its margin above the limit, the group, and the parts.
fn next_split(windows: &[VoiceWindow], all: &Likeness, groups: &[Vec<usize>]) -> Option<(f32, usize, [Vec<usize>; 2])> {
    let total: f32 = groups.iter().map(|group| all.total(group)).sum();
    let splits = groups.iter().enumerate().filter_map(|(number, group)| {
        let Split { likeness, parts } = split(windows, all, group, least_of(LEAST_FURTHER, total))?;
        let others = groups.iter().enumerate().filter(|(other, _)| *other != number).map(|(_, group)| group);
        let enough = least_of(HANDED_OVER, total);
        let apart = |a: &[usize], b: &[usize]| all.total(a) >= enough && all.total(b) >= enough && apart(windows, a, b);
        let takes_over =
            apart(&parts[0], &parts[1]) || others.clone().any(|other| parts.iter().any(|part| apart(part, other)));
        let limit = match (groups.len(), takes_over) {
            (2, true) => TRANSFER,
            (2, false) => THIRD,
            _ => FURTHER,
        };
        Some((likeness - limit, number, parts))
    });
    let splits = splits.chain(taken_over(windows, all, groups, least_of(HANDED_OVER, total)));
    splits.min_by(|a, b| a.0.total_cmp(&b.0))
}

/// Returns the split of a voice into two of which one takes over from the other, if there is one.
fn taken_over(
    windows: &[VoiceWindow],
    all: &Likeness,
    groups: &[Vec<usize>],
    least: f32,
) -> Option<(f32, usize, [Vec<usize>; 2])> {
    let handed = groups.iter().enumerate().filter(|_| groups.len() == 2).filter_map(|(number, group)| {
        let (score, parts) = handover::split(windows, all, group, least)?;
        (score < 0.0).then_some((score, number, parts))
    });
    handed.min_by(|a, b| a.0.total_cmp(&b.0))
}

/// Splits a group into the two least similar parts that each have at least a weight.
fn split(windows: &[VoiceWindow], all: &Likeness, group: &[usize], least: f32) -> Option<Split> {
    let total = all.total(group);
    if group.len() < 2 || total < 2.0 * least {
        return None;
    }
    let mut seeds = directions(windows, all, group);
    for part in joined(all, group) {
        if (least..=total - least).contains(&all.total(&part)) {
            seeds.push(group.iter().map(|w| part.contains(w)).collect());
        }
    }
    let refined: Vec<Vec<bool>> = seeds.iter().filter_map(|seed| two_means(windows, all, group, seed)).collect();
    let splits = seeds.into_iter().skip(DIRECTIONS).chain(refined).filter_map(|side| {
        let (a, b): (Vec<_>, Vec<_>) = group.iter().zip(&side).partition(|(_, side)| **side);
        let parts = [a, b].map(|part| part.into_iter().map(|(&w, _)| w).collect::<Vec<usize>>());
        let enough = parts.iter().all(|part| all.total(part) >= least);
        enough.then(|| Split { likeness: all.between(&parts[0], &parts[1]), parts })
    });
    splits.min_by(|a, b| a.likeness.total_cmp(&b.likeness))
}

/// Number of directions along which a group is split by sign.
const DIRECTIONS: usize = 2;

/// Returns the sides of the windows along the directions of greatest variance.
fn directions(windows: &[VoiceWindow], all: &Likeness, group: &[usize]) -> Vec<Vec<bool>> {
    let mean = centre(windows, all, group, |_| true, false);
    let rows = group.iter().map(|&w| {
        let mut row = windows[w].embedding;
        row.iter_mut().zip(&mean).for_each(|(x, m)| *x -= m);
        row
    });
    let mut rows: Vec<Embedding> = rows.collect();
    let mut sides = Vec::new();
    for _ in 0..DIRECTIONS {
        let direction = principal(&rows, group.iter().map(|&w| all.weight(w)));
        sides.push(rows.iter().map(|row| dot(row, &direction) > 0.0).collect());
        for row in &mut rows {
            let along = dot(row, &direction);
            row.iter_mut().zip(&direction).for_each(|(x, d)| *x -= along * d);
        }
    }
    sides
}

/// Returns the direction of greatest variance, by power iteration.
fn principal(rows: &[Embedding], weights: impl Iterator<Item = f32> + Clone) -> Embedding {
    /// More than enough for a sign.
    const ROUNDS: usize = 24;
    let longest = rows.iter().max_by(|a, b| dot(a, a).total_cmp(&dot(b, b)));
    let mut direction = longest.copied().unwrap_or([0.0; 256]);
    for _ in 0..ROUNDS {
        let mut next = [0.0; 256];
        for (row, weight) in rows.iter().zip(weights.clone()) {
            let along = weight * dot(row, &direction);
            next.iter_mut().zip(row).for_each(|(n, x)| *n += along * x);
        }
        direction = unit(next);
    }
    direction
}

/// Runs spherical 2-means from a seed. Returns `None` if a cluster becomes empty.
fn two_means(windows: &[VoiceWindow], all: &Likeness, group: &[usize], seed: &[bool]) -> Option<Vec<bool>> {
    /// Convergence takes three or four rounds.
    const ROUNDS: usize = 12;
    let mut side = seed.to_vec();
    for _ in 0..ROUNDS {
        if side.iter().all(|&s| s) || !side.iter().any(|&s| s) {
            return None;
        }
        let one = centre(windows, all, group, |place| side[place], true);
        let other = centre(windows, all, group, |place| !side[place], true);
        let next: Vec<bool> =
            group.iter().map(|&w| dot(&windows[w].embedding, &one) > dot(&windows[w].embedding, &other)).collect();
        if next == side {
            break;
        }
        side = next;
    }
    (side.iter().any(|&s| s) && !side.iter().all(|&s| s)).then_some(side)
}

/// Joins the most similar groups of windows, by the mean over their pairs, while they are similar
/// enough.
fn joined(all: &Likeness, group: &[usize]) -> Vec<Vec<usize>> {
    let mut parts: Vec<Vec<usize>> = group.iter().map(|&w| vec![w]).collect();
    let mut pairs: Vec<Vec<f32>> = group.iter().map(|&a| group.iter().map(|&b| all.pair(a, b)).collect()).collect();
    let mut weights: Vec<f32> = group.iter().map(|&w| all.weight(w)).collect();
    while let Some((a, b)) = most_alike(&pairs) {
        let (wa, wb) = (weights[a], weights[b]);
        let merged: Vec<f32> = pairs[a].iter().zip(&pairs[b]).map(|(x, y)| (wa * x + wb * y) / (wa + wb)).collect();
        pairs.iter_mut().zip(&merged).for_each(|(row, &m)| row[a] = m);
        pairs[a] = merged;
        pairs.swap_remove(b);
        pairs.iter_mut().for_each(|row| {
            row.swap_remove(b);
        });
        weights[a] = wa + wb;
        weights.swap_remove(b);
        let part = parts.swap_remove(b);
        parts[a].extend(part);
    }
    parts
}

/// Returns the most similar pair above [`JOINED`], lower index first.
fn most_alike(pairs: &[Vec<f32>]) -> Option<(usize, usize)> {
    let mut best = (JOINED, None);
    for (b, row) in pairs.iter().enumerate() {
        for (a, &pair) in row.iter().enumerate().take(b) {
            if pair > best.0 {
                best = (pair, Some((a, b)));
            }
        }
    }
    best.1
}

/// Assigns every window to the nearest centroid of the groups.
fn nearest(windows: &[VoiceWindow], groups: &[Vec<usize>]) -> Vec<usize> {
    let all = Likeness::of(windows);
    let centres: Vec<Embedding> = groups.iter().map(|group| centre(windows, &all, group, |_| true, true)).collect();
    windows.iter().map(|window| nearest_of(&centres, &window.embedding)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sixteen windows of 1.6 s that change between two ways of sounding every fourth, with a
    /// cosine between the ways and pauses (in frames) between the windows.
    fn voices(between: f32, pause: usize) -> usize {
        let window = |n: usize| {
            let mut embedding = [0.0f32; 256];
            embedding[0] = between.sqrt();
            embedding[1 + n / 4 % 2] = (0.765 - between).sqrt();
            embedding[10 + n] = 0.235f32.sqrt();
            let start = n * (160 + pause);
            VoiceWindow::made(start, start + 160, embedding)
        };
        grouped(&(0..16).map(window).collect::<Vec<_>>()).count
    }

    #[test]
    fn one_who_waits_in_vain_in_two_manners_is_one_voice() {
        assert_eq!(voices(0.64, 300), 1, "nobody answers");
        assert_eq!(voices(0.64, 60), 2, "one answers the other");
        assert_eq!(voices(0.52, 300), 2, "plainly two");
    }
}
