//! Of how much of the speech it is not plain whose it is.

use super::likeness::{Likeness, VoiceWindow};

/// A window is plainly of a voice to which it is more alike than to any other by this, of a scale
/// on which one voice is 1 and two are 0.
const PLAIN: f32 = 0.4;
/// Windows that begin within so many frames overlap, and are alike for that.
const OVERLAP: usize = 160;

/// The share of windows that are not plainly of their voice, by weight.
pub(super) fn share(windows: &[VoiceWindow], all: &Likeness, voices: &[usize], count: usize) -> f32 {
    let (mut unsure, mut total) = (0.0, 0.0);
    for w in 0..windows.len() {
        let means = means(windows, all, voices, count, w);
        let own = voices.get(w).and_then(|&voice| *means.get(voice)?);
        let other = means.iter().enumerate().filter(|(voice, _)| voices.get(w) != Some(voice));
        let other = other.filter_map(|(_, mean)| *mean).reduce(f32::max);
        if let (Some(own), Some(other)) = (own, other) {
            total += all.weight(w);
            unsure += if own - other < PLAIN { all.weight(w) } else { 0.0 };
        }
    }
    if total > 0.0 { unsure / total } else { 0.0 }
}

/// How alike a window is to each voice in the mean; `None` where nothing but itself is of it.
fn means(windows: &[VoiceWindow], all: &Likeness, voices: &[usize], count: usize, w: usize) -> Vec<Option<f32>> {
    let mut sums = vec![(0.0f32, 0.0f32); count];
    for (other, &voice) in voices.iter().enumerate() {
        if windows[w].start.abs_diff(windows[other].start) >= OVERLAP
            && let Some((sum, weight)) = sums.get_mut(voice)
        {
            *sum += all.weight(other) * all.pair(w, other);
            *weight += all.weight(other);
        }
    }
    sums.into_iter().map(|(sum, weight)| (weight > 0.0).then(|| sum / weight)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_between_two_voices_is_doubtful() {
        let window = |n: usize| {
            // Of the first voice, of the second, or of both.
            let mut embedding = [0.0f32; 256];
            embedding[0] = 0.51f32.sqrt();
            match n % 10 {
                0..5 => embedding[1] = 0.26f32.sqrt(),
                5..8 => embedding[2] = 0.26f32.sqrt(),
                _ => (embedding[1], embedding[2]) = (0.13f32.sqrt(), 0.13f32.sqrt()),
            }
            embedding[10 + n] = 0.23f32.sqrt();
            VoiceWindow { start: 200 * n, end: 200 * n + 160, level: -30.0, embedding }
        };
        let windows: Vec<VoiceWindow> = (0..40).map(window).collect();
        let voices: Vec<usize> = (0..40).map(|n| usize::from(n % 10 >= 5)).collect();
        let doubt = share(&windows, &Likeness::of(&windows), &voices, 2);
        assert!((doubt - 0.2).abs() < 1e-3, "{doubt}");
        assert_eq!(share(&[], &Likeness::of(&[]), &[], 0), 0.0);
    }
}
