//! Finds background that a detector took for speech: talkers far away in the room, line noise.
//!
//! A detector hears a room of talkers as speech. Where a party begins to speak over it, one span
//! holds both. So a stretch at an edge of a span, or a whole span, is background if it is hardly
//! louder than the track usually is outside speech, and far below the track's speech. What lies
//! between words stays: a pause belongs to the speech around it.

use crate::level::{Hops, Level};
use crate::units::{Decibels, Millis, Span, joined};

use super::faint::mean_level;

/// Background is less than this above the median level outside speech. On the made calls of
/// docs/speech.md ("Background"), 5 dB remove 0.19 of what was wrongly taken for speech, and 0.0001
/// of the speech. 8 dB remove no more of the former, and 0.0003 of the latter.
const OVER_USUAL: Decibels = Decibels(5.0);
/// Background is more than this below the speech. 12 and 20 dB remove as much on the same calls.
const BELOW_SPEECH: Decibels = Decibels(15.0);
/// Hops over which a level is averaged: 310 ms, a syllable and its pause.
const SMOOTH: usize = 31;
/// Hops over which the end of a stretch is located: 30 ms, as for the edges of speech.
const EDGE: usize = 3;
/// Fewest hops of background: 300 ms. Shorter ones are soft syllables.
const LEAST: usize = 30;
/// Time on either side of a sound that may be its echo or its tail: an assumption.
const BESIDE_SOUND: Millis = Millis(200.0);
/// Fewest hops outside speech that tell how loud a track usually is: 1 s, an assumption.
const LEAST_OUTSIDE: usize = 100;

/// Returns the stretches of a track's speech that are background, in the track's time, in order and
/// disjoint. Each lies within one span.
///
/// `speech` is sorted and disjoint. `sounds` (tones, music, other parties' speech) are neither
/// speech nor background.
pub(crate) fn background(level: &Level, speech: &[Span], sounds: &[Span]) -> Vec<Span> {
    let hops = &level.hops;
    let beside = |sound: &Span| Span { start: sound.start - BESIDE_SOUND, end: sound.end + BESIDE_SOUND };
    let heard = joined(speech.iter().copied().chain(sounds.iter().map(beside)).collect());
    let Some(usual) = hops.usual(&heard, LEAST_OUTSIDE) else { return Vec::new() };
    let loud = mean_level(hops, speech);
    let limit = 10f64.powf((usual.0 + OVER_USUAL.0).min(loud - BELOW_SPEECH.0) / 10.0) as f32;
    speech.iter().flat_map(|&span| at_edges(hops.power(), span, limit)).collect()
}

/// Returns the background at the edges of a span, or all of it.
fn at_edges(power: &[f32], span: Span, limit: f32) -> Vec<Span> {
    let hop = |at: Millis| ((at.0 / Hops::MS).round().max(0.0) as usize).min(power.len());
    let (start, end) = (hop(span.start), hop(span.end));
    let begins = quiet(power, start..end, limit);
    if begins == end.saturating_sub(start) {
        return if begins >= LEAST { vec![span] } else { Vec::new() };
    }
    let ends = quiet(power, (start + begins..end).rev(), limit);
    let at = |hop: usize| Millis(hop as f64 * Hops::MS);
    let first = (begins >= LEAST).then(|| Span { start: span.start, end: at(start + begins) });
    let last = (ends >= LEAST).then(|| Span { start: at(end - ends), end: span.end });
    first.into_iter().chain(last).collect()
}

/// Returns how many hops in a row are below a limit, from the first on.
fn quiet(power: &[f32], hops: impl Iterator<Item = usize> + Clone, limit: f32) -> usize {
    let below = |width| move |hop: &usize| mean(power, *hop, width) < limit;
    let smooth = hops.clone().take_while(below(SMOOTH)).count();
    smooth + hops.skip(smooth).take_while(below(EDGE)).count()
}

/// Returns the mean power of the hops around one.
fn mean(power: &[f32], hop: usize, width: usize) -> f32 {
    let about = power.get(hop.saturating_sub(width / 2)..(hop + width / 2 + 1).min(power.len())).unwrap_or_default();
    about.iter().sum::<f32>() / about.len().max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::LevelMeter;
    use crate::track::SampleSink;
    use crate::units::Rate;

    /// Twenty seconds of noise at -50 dBov with louder noise in spans: start, end in seconds, level.
    fn level(louder: &[(f64, f64, f64)]) -> Level {
        let mut state = 1u32;
        let sample = |i: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let t = i as f64 / 8_000.0;
            let level = louder.iter().find(|l| t >= l.0 && t < l.1).map_or(-50.0, |l| l.2);
            let white = f64::from(state >> 8) / 8_388_608.0 - 1.0;
            (white * 3f64.sqrt() * 10f64.powf(level / 20.0)) as f32
        };
        let mut meter = LevelMeter::new(Rate::NARROWBAND);
        meter.push(&(0..160_000).map(sample).collect::<Vec<f32>>());
        meter.finish()
    }

    fn seconds(spans: &[(f64, f64)]) -> Vec<Span> {
        spans.iter().map(|&(start, end)| Span::new(start * 1000.0, end * 1000.0)).collect()
    }

    #[test]
    fn a_room_before_and_after_a_word_is_no_speech() {
        let level = level(&[(5.0, 6.0, -20.0), (6.8, 8.0, -20.0)]);
        let found = background(&level, &seconds(&[(4.0, 9.0)]), &[]);
        assert_eq!(found, seconds(&[(4.0, 4.99), (8.01, 9.0)]), "the pause between words stays");
        assert_eq!(background(&level, &seconds(&[(4.75, 8.2)]), &[]), [], "a soft syllable stays");
    }

    #[test]
    fn stretches_of_one_span_are_disjoint() {
        // Of two clicks of 10 ms, the level over 310 ms shows only both together. So the way from
        // either end passes one of them.
        let mut power = vec![0.01f32; 200];
        (power[90], power[110]) = (20.0, 20.0);
        let found = at_edges(&power, Span::new(0.0, 2_000.0), 1.0);
        assert_eq!(found, [Span::new(0.0, 1_090.0), Span::new(1_090.0, 2_000.0)]);
        assert_eq!(at_edges(&[], Span::new(0.0, 2_000.0), 1.0), []);
    }

    #[test]
    fn a_span_of_noise_beside_speech_is_none() {
        let level = level(&[(5.0, 6.0, -20.0)]);
        assert_eq!(background(&level, &seconds(&[(5.0, 6.0), (12.0, 14.0)]), &[]), seconds(&[(12.0, 14.0)]));
        let tone = seconds(&[(5.0, 6.0)]);
        assert_eq!(background(&level, &seconds(&[(12.0, 14.0)]), &tone), [], "no other speech is louder");
    }

    #[test]
    fn a_soft_party_stays() {
        let soft = level(&[(5.0, 8.0, -20.0), (12.0, 14.0, -43.0)]);
        assert_eq!(background(&soft, &seconds(&[(5.0, 8.0), (12.0, 14.0)]), &[]), [], "7 dB above the noise");
        let near = level(&[(5.0, 8.0, -36.0), (12.0, 14.0, -47.0)]);
        assert_eq!(background(&near, &seconds(&[(5.0, 8.0), (12.0, 14.0)]), &[]), [], "11 dB below the speech");
    }

    #[test]
    fn without_time_outside_speech_nothing_is_background() {
        let level = level(&[(5.0, 8.0, -20.0)]);
        assert_eq!(background(&level, &seconds(&[(0.0, 19.5)]), &[]), []);
        assert_eq!(background(&level, &[], &[]), []);
        let zeros: Vec<f32> = (0..160_000).map(|i| if (40_000..64_000).contains(&i) { 0.1 } else { 0.0 }).collect();
        let mut meter = LevelMeter::new(Rate::NARROWBAND);
        meter.push(&zeros);
        assert_eq!(background(&meter.finish(), &seconds(&[(4.0, 8.0)]), &[]), [], "digital zeros tell nothing");
        let beyond = background(&level, &seconds(&[(5.0, 8.0), (30.0, 40.0)]), &[]);
        assert_eq!(beyond, [], "no hops");
    }
}
