//! Groups the windows of very short calls, using single windows and the pauses between them.

use super::cluster::Grouping;
use super::likeness::{SPREAD, VoiceWindow, dot, expected};

/// Number of windows of which every arrangement is tried. Later windows follow the most similar of
/// these.
const MOST: usize = 9;
/// Limit of the evidence of one cosine (natural logarithm).
const MOST_SAID: f32 = 4.0;
/// Weight of combined cosines, because they are of the same few words.
const DEPENDENT: f32 = 0.5;
/// Log odds that the voice changes at a pause: up to the first length (in frames of 10 ms) it is
/// more likely an answer; beyond the second, one party waits for an answer and gets none.
const ANSWERED: (usize, f32) = (130, 1.0);
const WAITING: (usize, f32) = (200, -1.5);
const BETWEEN: f32 = -0.3;

/// Groups a few windows into one or two voices.
pub(super) fn grouped(windows: &[VoiceWindow]) -> Grouping {
    let tried = &windows[..windows.len().min(MOST)];
    let sides = 1usize << tried.len().saturating_sub(1);
    let best = (1..sides).map(|mask| (score(tried, mask), mask)).max_by(|a, b| a.0.total_cmp(&b.0));
    let Some((score, mask)) = best.filter(|best| best.0 > 0.0) else {
        let margin = best.map_or(1.0, |best| -best.0 / 4.0);
        return Grouping { voices: vec![0; windows.len()], count: 1, margin, doubt: 0.0 };
    };
    let odds = (score * DEPENDENT).exp();
    let voice = |w: usize| if w < tried.len() { mask >> w & 1 } else { mask >> follow(tried, &windows[w]) & 1 };
    Grouping {
        voices: (0..windows.len()).map(voice).collect(),
        count: 2,
        margin: score / 4.0,
        doubt: 1.0 / (1.0 + odds),
    }
}

/// Returns the window that another one resembles most.
fn follow(tried: &[VoiceWindow], window: &VoiceWindow) -> usize {
    let cosine = |w: usize| dot(&tried[w].embedding, &window.embedding);
    (0..tried.len()).max_by(|&a, &b| cosine(a).total_cmp(&cosine(b))).unwrap_or(0)
}

/// Returns how much more likely two voices, divided by a mask, are than one (natural logarithm).
/// Pairs that share a window are not independent: they are weighted as if there were as many pairs
/// as windows.
fn score(windows: &[VoiceWindow], mask: usize) -> f32 {
    let count = windows.len();
    let side = |w: usize| mask >> w & 1;
    let (mut across, mut within, mut all) = (0.0, [0.0; 2], 0.0);
    for b in 0..count {
        for a in 0..b {
            let said = two_rather_than_one(&windows[a], &windows[b]);
            all += said;
            if side(a) == side(b) { within[side(a)] += said } else { across += said }
        }
    }
    let ones = (0..count).filter(|&w| side(w) == 1).count();
    let sizes = [count - ones, ones];
    let inner: f32 = within.iter().zip(sizes).map(|(said, size)| said / size.max(1) as f32).sum();
    let changes = windows.windows(2).enumerate().filter(|(w, _)| side(*w) != side(w + 1));
    let paused: f32 = changes.map(|(_, pair)| change(pair[1].start.saturating_sub(pair[0].end))).sum();
    across / sizes[0].min(sizes[1]).max(1) as f32 - inner + paused + all / count as f32
}

fn change(pause: usize) -> f32 {
    match pause {
        pause if pause < ANSWERED.0 => ANSWERED.1,
        pause if pause < WAITING.0 => BETWEEN,
        _ => WAITING.1,
    }
}

/// Returns the log odds that two windows are of two voices rather than of one.
fn two_rather_than_one(a: &VoiceWindow, b: &VoiceWindow) -> f32 {
    let (one, two) = expected(a.weight().min(b.weight()));
    let cosine = dot(&a.embedding, &b.embedding);
    let said = ((cosine - one).powi(2) - (cosine - two).powi(2)) / (2.0 * SPREAD * SPREAD);
    said.clamp(-MOST_SAID, MOST_SAID)
}
