//! Groups the windows of very short calls, using single windows and the pauses between them.

use super::certainty::VoiceCertainty;
use super::cluster::Grouping;
use super::likeness::{SPREAD, VoiceWindow, dot, expected_of};
use super::pauses;

/// Number of windows of which every arrangement is tried. Later windows follow the most similar of
/// these.
const MOST: usize = 9;
/// Limit of the evidence of one cosine (natural logarithm).
const MOST_SAID: f32 = 4.0;
/// Correlation of the cosines of one window with several others.
const SHARED: f32 = 0.5;
/// Part of the logarithm of the number of arrangements that the best of them owes to chance.
const CHOSEN: f32 = 0.3;
/// Standard deviation, in dB, of the difference between two levels of one party and of two. In four
/// real calls a party's windows deviate by 1 to 5 dB, and parties differ by 1 to 12 dB.
const LEVELS: (f32, f32) = (3.5, 7.5);
const MOST_SAID_BY_LEVEL: f32 = 2.5;
/// The same of the difference between two pitches, in semitones. In three real calls and 90 made
/// ones, two windows of a party differ by 2.4 to 3.5 (root mean square) where they have 0.4 s and
/// more, and two of two parties by 5 to 6.
const PITCHES: (f32, f32) = (3.0, 5.7);
const MOST_SAID_BY_PITCH: f32 = 2.0;
/// Limit of what pauses say against two voices.
const MOST_SAID_BY_PAUSES: f32 = 3.0;
/// Log odds that a single word is of one voice.
const ONE_WORD: f32 = 4.0;

/// Groups a few windows into one or two voices.
pub(super) fn grouped(windows: &[VoiceWindow]) -> Grouping {
    let tried = &windows[..windows.len().min(MOST)];
    let sides = 1usize << tried.len().saturating_sub(1);
    let best = (1..sides).map(|mask| (score(tried, mask), mask)).max_by(|a, b| a.0.total_cmp(&b.0));
    let Some((score, mask)) = best.filter(|best| best.0 > 0.0) else {
        let odds = best.map_or(ONE_WORD, |best| -best.0);
        return Grouping { voices: vec![0; windows.len()], count: 1, certainty: VoiceCertainty::of_few(1, odds) };
    };
    let voice = |w: usize| if w < tried.len() { mask >> w & 1 } else { mask >> follow(tried, &windows[w]) & 1 };
    let voices = (0..windows.len()).map(voice).collect();
    Grouping { voices, count: 2, certainty: VoiceCertainty::of_few(2, score) }
}

/// Returns the windows of which every arrangement is tried.
pub(super) fn tried_mut(windows: &mut [VoiceWindow]) -> &mut [VoiceWindow] {
    let count = windows.len().min(MOST);
    &mut windows[..count]
}

/// Returns the window that another one resembles most.
fn follow(tried: &[VoiceWindow], window: &VoiceWindow) -> usize {
    let cosine = |w: usize| dot(&tried[w].embedding, &window.embedding);
    (0..tried.len()).max_by(|&a, &b| cosine(a).total_cmp(&cosine(b))).unwrap_or(0)
}

/// Returns how much more likely two voices, divided by a mask, are than one (natural logarithm).
///
/// Pairs within a side are of one voice either way, so only pairs across the sides count. Those
/// that share a window are not independent: they weigh as much as [`independent`] ones.
fn score(windows: &[VoiceWindow], mask: usize) -> f32 {
    let count = windows.len();
    let (ones, zeros): (Vec<usize>, Vec<usize>) = (0..count).partition(|w| mask >> w & 1 == 1);
    let (mut across, mut seconds) = (0.0, 0.0);
    for &a in &ones {
        for &b in &zeros {
            let weight = windows[a].weight() * windows[b].weight();
            across += weight * two_rather_than_one(&windows[a], &windows[b]);
            seconds += weight;
        }
    }
    let alike = across / seconds * independent(ones.len()) * independent(zeros.len());
    let level = |side: &[usize]| side.iter().map(|&w| windows[w].level).sum::<f32>() / side.len() as f32;
    let changes = windows.windows(2).enumerate().filter(|(w, _)| (mask >> w ^ mask >> (w + 1)) & 1 == 1);
    let paused: f32 = changes.map(|(_, pair)| pauses::change(&pair[0], &pair[1])).sum();
    let choice = ((1usize << (count - 1)) - 1) as f32;
    let by_pitch = pitch_of(windows, &ones).zip(pitch_of(windows, &zeros)).map_or(0.0, |(a, b)| pitches_differ(a - b));
    alike + by_pitch + levels_differ(level(&ones) - level(&zeros)) + paused.max(-MOST_SAID_BY_PAUSES)
        - CHOSEN * choice.ln()
}

/// Returns the number of independent windows that as many dependent ones are worth.
fn independent(count: usize) -> f32 {
    count as f32 / (1.0 + (count as f32 - 1.0) * SHARED)
}

/// Returns the log odds that a difference of level in dB is between two voices rather than within
/// one.
fn levels_differ(decibels: f32) -> f32 {
    differ(decibels, LEVELS).min(MOST_SAID_BY_LEVEL)
}

/// Returns the log odds that a difference of pitch in octaves is between two voices rather than
/// within one.
fn pitches_differ(octaves: f32) -> f32 {
    differ(12.0 * octaves, PITCHES).min(MOST_SAID_BY_PITCH)
}

/// Returns the log odds of a difference, given its standard deviation within one voice and between
/// two.
fn differ(by: f32, (one, two): (f32, f32)) -> f32 {
    0.5 * by.powi(2) * (one.powi(-2) - two.powi(-2)) - (two / one).ln()
}

/// Returns the mean pitch of the windows that show one.
fn pitch_of(windows: &[VoiceWindow], side: &[usize]) -> Option<f32> {
    let pitches: Vec<f32> = side.iter().filter_map(|&w| windows[w].pitch).collect();
    (!pitches.is_empty()).then(|| pitches.iter().sum::<f32>() / pitches.len() as f32)
}

/// Returns the log odds that two windows are of two voices rather than of one.
fn two_rather_than_one(a: &VoiceWindow, b: &VoiceWindow) -> f32 {
    let (one, two) = expected_of(a.weight(), b.weight());
    let cosine = dot(&a.embedding, &b.embedding);
    let said = ((cosine - one).powi(2) - (cosine - two).powi(2)) / (2.0 * SPREAD * SPREAD);
    said.clamp(-MOST_SAID, MOST_SAID)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Windows of 0.8 s after pauses (in frames) at levels in dB, whose cosines are `alike` within
    /// a voice and `unlike` between two.
    fn windows(of: &[(usize, usize, f32)], alike: f32, unlike: f32) -> Vec<VoiceWindow> {
        let mut end = 0;
        let window = |(n, &(voice, pause, level)): (usize, &(usize, usize, f32))| {
            let mut embedding = [0.0f32; 256];
            embedding[0] = unlike.sqrt();
            embedding[1 + voice] = (alike - unlike).sqrt();
            embedding[10 + n] = (1.0 - alike).sqrt();
            let start = end + pause;
            end = start + 80;
            VoiceWindow { level, ..VoiceWindow::made(start, end, embedding) }
        };
        of.iter().enumerate().map(window).collect()
    }

    fn count(of: &[(usize, usize, f32)], alike: f32, unlike: f32) -> usize {
        grouped(&windows(of, alike, unlike)).count
    }

    #[test]
    fn a_difference_of_level_helps_to_tell_two_words_apart() {
        assert_eq!(count(&[(0, 100, -24.0), (1, 150, -25.0)], 0.76, 0.68), 1);
        assert_eq!(count(&[(0, 100, -24.0), (1, 150, -36.0)], 0.76, 0.68), 2);
        assert_eq!(count(&[(0, 100, -24.0), (0, 150, -36.0)], 0.80, 0.68), 1, "one voice, said softly");
    }

    #[test]
    fn a_prompt_answer_is_anothers_and_a_late_word_is_the_same_partys() {
        let said = |pause: usize| [(0, 100, -24.0), (1, pause, -25.0), (0, pause, -24.0)];
        assert_eq!(count(&said(60), 0.78, 0.66), 2);
        assert_eq!(count(&said(320), 0.78, 0.66), 1);
        assert_eq!(count(&said(320), 0.78, 0.40), 2, "voices that are plainly two");
    }

    #[test]
    fn a_difference_of_pitch_helps_to_tell_two_words_apart() {
        let count = |semitones: [f32; 2]| {
            let mut windows = windows(&[(0, 100, -24.0), (1, 150, -25.0)], 0.76, 0.67);
            windows.iter_mut().zip(semitones).for_each(|(w, pitch)| w.pitch = Some(pitch / 12.0));
            grouped(&windows).count
        };
        assert_eq!(count([90.0, 91.0]), 1);
        assert_eq!(count([90.0, 99.0]), 2);
    }

    #[test]
    fn speech_goes_on_after_a_sound_that_was_cut_out_of_it() {
        let count = |continued: bool| {
            let mut windows = windows(&[(0, 100, -24.0), (1, 60, -25.0)], 0.76, 0.67);
            windows[1].continued = continued;
            grouped(&windows).count
        };
        assert_eq!((count(false), count(true)), (2, 1));
    }

    #[test]
    fn one_word_or_none_is_one_voice() {
        assert_eq!(grouped(&[]).count, 1);
        assert_eq!(count(&[(0, 100, -24.0)], 0.66, 0.5), 1);
    }
}
