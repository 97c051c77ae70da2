//! Measures the share of speech whose voice is uncertain.

use super::likeness::{Likeness, VoiceWindow};

/// A window's voice is certain if its likeness to that voice exceeds that to any other by this, on
/// a scale where one voice is 1 and two are 0.
const PLAIN: f32 = 0.4;
/// Windows that begin within this many frames overlap, and are similar for that reason.
const OVERLAP: usize = 160;

/// Returns the share of windows, by weight, whose voice is uncertain.
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

/// Returns a window's mean likeness to each voice, or `None` if the voice has no other window.
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
            VoiceWindow::made(200 * n, 200 * n + 160, embedding)
        };
        let windows: Vec<VoiceWindow> = (0..40).map(window).collect();
        let voices: Vec<usize> = (0..40).map(|n| usize::from(n % 10 >= 5)).collect();
        let doubt = share(&windows, &Likeness::of(&windows), &voices, 2);
        assert!((doubt - 0.2).abs() < 1e-3, "{doubt}");
        assert_eq!(share(&[], &Likeness::of(&[]), &[], 0), 0.0);
    }
}
