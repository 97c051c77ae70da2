//! Centroids of groups of windows, and their order in time.

use super::encoder::Embedding;
use super::likeness::{Likeness, VoiceWindow, dot};

/// Share of a group's windows that may lie on the wrong side of a transfer, at either end.
const STRAGGLERS: f32 = 0.05;

/// Returns `true` if one group ends before the other begins.
pub(super) fn apart(windows: &[VoiceWindow], a: &[usize], b: &[usize]) -> bool {
    let ends = |group: &[usize]| {
        let mut at: Vec<usize> = group.iter().map(|&w| windows[w].start).collect();
        at.sort_unstable();
        let skip = (at.len() as f32 * STRAGGLERS) as usize;
        (at[skip], at[at.len() - 1 - skip])
    };
    let (a, b) = (ends(a), ends(b));
    a.1 <= b.0 || b.1 <= a.0
}

/// Returns the normalized, weighted mean of the embeddings of some windows in a group.
pub(super) fn centre(
    windows: &[VoiceWindow],
    all: &Likeness,
    group: &[usize],
    of: impl Fn(usize) -> bool,
    at_unit: bool,
) -> Embedding {
    let (mut sum, mut weight) = ([0.0; 256], 0.0);
    for (place, &w) in group.iter().enumerate().filter(|(place, _)| of(*place)) {
        let _ = place;
        sum.iter_mut().zip(&windows[w].embedding).for_each(|(s, x)| *s += all.weight(w) * x);
        weight += all.weight(w);
    }
    if at_unit || weight == 0.0 { unit(sum) } else { sum.map(|s| s / weight) }
}

/// Returns the nearest centroid; of equal ones, the first.
pub(super) fn nearest_of(centres: &[Embedding], embedding: &Embedding) -> usize {
    let cosines: Vec<f32> = centres.iter().map(|centre| dot(centre, embedding)).collect();
    (0..cosines.len()).min_by(|&a, &b| cosines[b].total_cmp(&cosines[a])).unwrap_or(0)
}

/// Returns the centroid of each voice's windows.
pub(super) fn centres(windows: &[VoiceWindow], voices: &[usize], count: usize) -> Vec<Embedding> {
    let mut sums = vec![[0.0; 256]; count];
    for (window, &voice) in windows.iter().zip(voices) {
        sums[voice].iter_mut().zip(&window.embedding).for_each(|(s, x)| *s += window.weight() * x);
    }
    sums.into_iter().map(unit).collect()
}

pub(super) fn unit(x: Embedding) -> Embedding {
    let length = dot(&x, &x).sqrt();
    if length > 0.0 { x.map(|x| x / length) } else { x }
}
