//! Converts a track's samples and speech to the speech of each voice.

use super::centres::{centres, nearest_of};
use super::certainty::VoiceCertainty;
use super::cluster::{self, Grouping};
use super::encoder::Embedding;
use super::frames::{SpeechFrames, speech_frames};
use super::likeness::{VoiceWindow, dot};
use super::mixture::{Mixture, Sums};
use super::path::posteriors;
use super::{brief, faint, pitch, windows, words};
use crate::error::{Result, Stage};
use crate::run::Cancel;
use crate::track::Narrowband;
use crate::units::{Millis, Span};

/// Milliseconds per frame.
const FRAME_MS: f64 = 10.0;
/// Windows of at least this many seconds are clustered one by one ...
const LONG: f32 = 0.75;
/// ... if there are at least this many, with this many seconds together.
const ENOUGH: (usize, f32) = (3, 5.0);
/// Limit and weight of a frame's fit by its cepstrum. Neighboring frames are not independent.
const CEPSTRUM: (f32, f32) = (3.0, 0.25);
/// Weight of the cosine of a frame's window.
const PRIOR: f32 = 100.0;
/// Windows of at least this length, in seconds, count fully.
const FULL: f32 = 1.2;
/// Rounds of the classifier.
const ROUNDS: usize = 2;

/// A track's speech by voice.
#[derive(Debug, Clone, PartialEq)]
pub struct Separation {
    /// The speech of each voice in the track's time. Voices are in the order of their first speech.
    pub voices: Vec<Vec<Span>>,
    /// The expected share of speech time that is assigned to the right voice. `None` without
    /// speech.
    pub confidence: Option<f64>,
    /// The probability that nearly all of it is. `None` without speech.
    pub probability: Option<f64>,
    /// Whether a single voice is the only one heard: no short word beside it is unlike it.
    pub alone: bool,
}

impl Separation {
    /// Voices with their certainty.
    fn of(voices: Vec<Vec<Span>>, certainty: Option<VoiceCertainty>) -> Self {
        let (confidence, probability) = (certainty.map(|c| c.share), certainty.map(|c| c.probability));
        Self { voices, confidence, probability, alone: true }
    }
}

/// Separates the voices of a track.
///
/// `speech` holds the spans of speech in the track's time, sorted. `sounds` (tones, music) are not
/// speech, and are left out of it. With `portable`, the bits are the same on every kind of CPU.
///
/// # Errors
/// `cancelled`.
pub fn separate(
    samples: &dyn Narrowband,
    speech: &[Span],
    sounds: &[Span],
    portable: bool,
    cancel: &Cancel,
) -> Result<Separation> {
    let spoken = without(speech, sounds);
    let stretches: Vec<(usize, usize)> = spoken.iter().map(frames_of).filter(|(start, end)| end > start).collect();
    let mut windows = windows::heard(samples, &stretches, portable, cancel);
    cancel.check(Stage::Speech)?;
    if spoken.is_empty() {
        return Ok(Separation::of(Vec::new(), None));
    }
    if windows.is_empty() {
        return Ok(Separation::of(vec![spoken], Some(VoiceCertainty::of_none())));
    }
    if is_brief(&windows) {
        windows = windows::heard(samples, &windows::at_pauses(samples, &stretches), portable, cancel);
        cancel.check(Stage::Speech)?;
        note_cuts(&mut windows, sounds);
        pitch::measure(samples, brief::tried_mut(&mut windows));
    }
    let grouping = grouped(&windows);
    if grouping.count < 2 {
        let alone = is_brief(&windows) || !words::of_another(&windows);
        return Ok(Separation { alone, ..Separation::of(vec![spoken], Some(grouping.certainty)) });
    }
    let frames = speech_frames(samples, &stretches, portable, cancel)?;
    let probabilities = classified(&frames, &windows, &grouping);
    let seconds = || spoken.iter().map(|span| span.duration().0 / 1000.0).sum();
    let unclear = unclear(&probabilities, grouping.count);
    let certainty = grouping.certainty.after_frames(unclear, (!is_brief(&windows)).then(seconds));
    let voices = voices(&frames, &probabilities, grouping.count, &spoken);
    Ok(Separation::of(voices, Some(certainty)))
}

/// Groups all windows by voice. Talkers in a room behind a party are no further voice: if there
/// seem to be more than two, faint windows are left out, and follow the others.
fn grouped(all: &[VoiceWindow]) -> Grouping {
    let grouping = decided(all);
    let near = if grouping.count > 2 { faint::without(all) } else { Vec::new() };
    if near.is_empty() || near.len() == all.len() { grouping } else { followed(all, &near, decided(&near)) }
}

/// Groups windows by voice: from the long ones or, in a very short call, from all.
fn decided(all: &[VoiceWindow]) -> Grouping {
    if is_brief(all) {
        return brief::grouped(all);
    }
    let long: Vec<VoiceWindow> = all.iter().filter(|window| window.weight() >= LONG).cloned().collect();
    followed(all, &long, cluster::grouped(&long))
}

/// Returns `true` if windows are too few or too short to be clustered one by one.
fn is_brief(windows: &[VoiceWindow]) -> bool {
    let long = || windows.iter().map(VoiceWindow::weight).filter(|&weight| weight >= LONG);
    long().count() < ENOUGH.0 || long().sum::<f32>() < ENOUGH.1
}

/// Marks windows that follow a sound that was cut out of speech.
fn note_cuts(windows: &mut [VoiceWindow], sounds: &[Span]) {
    /// Longest rest of a pause beside a sound, in milliseconds: a frame and the rounding of edges.
    const REST: f64 = 60.0;
    for n in 1..windows.len() {
        let gap = [windows[n - 1].end, windows[n].start].map(|frame| Millis(frame as f64 * FRAME_MS));
        let gap = Span { start: gap[0], end: gap[1] };
        let cut: f64 = sounds.iter().filter_map(|sound| sound.overlap(&gap)).map(|span| span.duration().0).sum();
        windows[n].continued = cut > 0.0 && gap.duration().0 - cut <= REST;
    }
}

/// Returns a grouping of some windows with all of them: each goes to the nearest voice.
fn followed(all: &[VoiceWindow], some: &[VoiceWindow], grouping: Grouping) -> Grouping {
    let centres = centres(some, &grouping.voices, grouping.count);
    let voices = all.iter().map(|window| nearest_of(&centres, &window.embedding)).collect();
    Grouping { voices, ..grouping }
}

/// Returns spans without the parts that lie in others.
pub(super) fn without(spans: &[Span], others: &[Span]) -> Vec<Span> {
    /// Shortest remaining part, in milliseconds.
    const LEAST: f64 = 100.0;
    let mut left = spans.to_vec();
    for other in others {
        let cut = |span: &Span| {
            let before = Span { start: span.start, end: span.end.min(other.start) };
            let after = Span { start: span.start.max(other.end), end: span.end };
            if span.overlap(other).is_none() { vec![*span] } else { vec![before, after] }
        };
        left = left.iter().flat_map(cut).filter(|span| span.duration().0 > LEAST).collect();
    }
    left
}

fn frames_of(span: &Span) -> (usize, usize) {
    let frame = |at: Millis| (at.0 / FRAME_MS).round().max(0.0) as usize;
    (frame(span.start), frame(span.end))
}

/// Returns the probability of each voice at each frame, from the windows that cover it and from the
/// voice's other frames.
fn classified(frames: &SpeechFrames, windows: &[VoiceWindow], grouping: &Grouping) -> Vec<f32> {
    let count = grouping.count;
    let evidence = evidence(frames, windows, &centres(windows, &grouping.voices, count));
    let common = Mixture::of(&frames.cepstra);
    let mut probabilities = from_windows(&evidence, count);
    for _ in 0..ROUNDS {
        let mut sums = vec![Sums::new(); count];
        for (frame, weights) in frames.cepstra.iter().zip(probabilities.chunks_exact(count)) {
            let shares = common.shares(frame);
            sums.iter_mut().zip(weights).filter(|(_, w)| **w > 0.01).for_each(|(s, &w)| s.add(frame, &shares, w));
        }
        let voices: Vec<Mixture> = sums.iter().map(|sums| common.moved(sums)).collect();
        let mut fits = evidence.clone();
        for (frame, fits) in frames.cepstra.iter().zip(fits.chunks_exact_mut(count)) {
            let own: Vec<f32> = voices.iter().map(|voice| voice.likelihood(frame)).collect();
            let mean = own.iter().sum::<f32>() / count as f32;
            let (most, weight) = CEPSTRUM;
            fits.iter_mut().zip(own).for_each(|(fit, own)| {
                *fit = frames.step as f32 * (*fit + weight * (own - mean).clamp(-most, most));
            });
        }
        probabilities = posteriors(&fits, count, &frames.at, &frames.pauses);
    }
    probabilities
}

/// Returns for each frame and voice the similarity of the frame's windows to the voice, relative to
/// the mean over voices. 0 without windows.
fn evidence(frames: &SpeechFrames, windows: &[VoiceWindow], centres: &[Embedding]) -> Vec<f32> {
    let count = centres.len();
    let mut sums = vec![0.0; frames.at.len() * count];
    let mut covered = vec![0.0f32; frames.at.len()];
    for window in windows {
        let cosines: Vec<f32> = centres.iter().map(|centre| dot(centre, &window.embedding)).collect();
        let mean = cosines.iter().sum::<f32>() / count as f32;
        let part = (window.weight() / FULL).min(1.0);
        let from = frames.at.partition_point(|&at| at < window.start);
        let to = frames.at.partition_point(|&at| at < window.end);
        for n in from..to {
            covered[n] += 1.0;
            sums[n * count..][..count].iter_mut().zip(&cosines).for_each(|(s, c)| *s += part * (c - mean));
        }
    }
    for (sums, covered) in sums.chunks_exact_mut(count).zip(covered) {
        sums.iter_mut().for_each(|s| *s /= covered.max(1.0));
    }
    sums
}

/// Returns the initial probabilities of each frame's voice. Frames without a window have none.
fn from_windows(evidence: &[f32], count: usize) -> Vec<f32> {
    let mut found = evidence.to_vec();
    for frame in found.chunks_exact_mut(count) {
        if frame.iter().all(|&x| x == 0.0) {
            continue;
        }
        let most = frame.iter().copied().fold(f32::MIN, f32::max);
        frame.iter_mut().for_each(|x| *x = (PRIOR * (*x - most)).exp());
        let sum: f32 = frame.iter().sum();
        frame.iter_mut().for_each(|x| *x /= sum);
    }
    found
}

/// Returns the spans of each voice that speaks, in the order of first speech. Edges are those of
/// the speech itself, or of a frame.
fn voices(frames: &SpeechFrames, probabilities: &[f32], count: usize, speech: &[Span]) -> Vec<Vec<Span>> {
    let mut found: Vec<Vec<Span>> = vec![Vec::new(); count];
    let mut place = 0;
    for span in speech {
        let (start, end) = frames_of(span);
        let mut from = span.start;
        let mut current: Option<usize> = None;
        for at in (start..end).step_by(frames.step) {
            let voice = likeliest(&probabilities[place * count..][..count]);
            place += 1;
            let here = Millis(at as f64 * FRAME_MS);
            if let Some(before) = current.filter(|&before| before != voice) {
                found[before].push(Span { start: from, end: here });
                from = here;
            }
            current = Some(voice);
        }
        if let Some(voice) = current {
            found[voice].push(Span { start: from, end: span.end });
        }
    }
    debug_assert_eq!(place, frames.at.len());
    found.retain(|spans| !spans.is_empty());
    found.sort_by(|a, b| a[0].start.0.total_cmp(&b[0].start.0));
    found
}

/// Returns the mean probability that a frame is with another voice than the likeliest.
fn unclear(probabilities: &[f32], count: usize) -> f32 {
    let other = |frame: &[f32]| 1.0 - frame.iter().copied().fold(0.0, f32::max);
    let frames = probabilities.len() / count.max(1);
    probabilities.chunks_exact(count.max(1)).map(other).sum::<f32>() / frames.max(1) as f32
}

fn likeliest(probabilities: &[f32]) -> usize {
    (0..probabilities.len()).min_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn separate(samples: &dyn Narrowband, speech: &[Span], sounds: &[Span], portable: bool) -> Separation {
        super::separate(samples, speech, sounds, portable, &Cancel::default()).unwrap()
    }

    /// Something like a voice: glides of a pulse train through two resonances that change with
    /// every syllable of 150 ms.
    fn talker(pitch: f32, resonances: [[f32; 2]; 3], samples: usize) -> Vec<f32> {
        let (mut phase, mut low, mut high) = (0.0f32, [0.0f32; 2], [0.0f32; 2]);
        let sample = |n: usize| {
            let (at, [first, second]) = (n % 1_200, resonances[n / 1_200 % 3]);
            phase += pitch * (1.0 - 0.2 * at as f32 / 1_200.0);
            let pulse = if phase >= 1.0 { 1.0 } else { 0.0 };
            phase -= pulse;
            low = [pulse - pitch + first * low[0] - 0.9409 * low[1], low[0]];
            high = [low[0] + second * high[0] - 0.9025 * high[1], high[0]];
            0.01 * high[0] * at.min(1_200 - at).min(600) as f32 / 600.0
        };
        (0..samples).map(sample).collect()
    }

    const DEEP: (f32, [[f32; 2]; 3]) = (0.0125, [[1.654, 1.117], [1.886, -0.297], [1.792, 1.445]]);
    const BRIGHT: (f32, [[f32; 2]; 3]) = (0.028, [[1.45, 0.3], [1.75, -0.9], [1.6, 0.1]]);

    /// Two parties in turns of 3 s with half a second between them, and the spans of their speech.
    fn conversation(parties: [(f32, [[f32; 2]; 3]); 2], turns: usize) -> (Vec<f32>, Vec<Span>) {
        let mut samples = vec![0.0; turns * 28_000 + 8_000];
        let spans = (0..turns).map(|turn| {
            let (from, (pitch, resonances)) = (turn * 28_000, parties[turn % 2]);
            samples[from..from + 24_000].copy_from_slice(&talker(pitch, resonances, 24_000));
            Span::new(from as f64 / 8.0, from as f64 / 8.0 + 3000.0)
        });
        let spans = spans.collect();
        (samples, spans)
    }

    #[test]
    fn two_talkers_are_two_voices_each_with_its_turns() {
        let (samples, speech) = conversation([DEEP, BRIGHT], 10);
        let found = separate(&samples, &speech, &[], true);
        assert_eq!(found.voices.len(), 2);
        let every_other = |first: usize| speech.iter().skip(first).step_by(2).copied().collect::<Vec<_>>();
        assert_eq!(found.voices, [every_other(0), every_other(1)]);
        assert!((0.48..=1.0).contains(&found.confidence.unwrap()));
    }

    #[test]
    fn one_talker_is_one_voice() {
        let (samples, speech) = conversation([DEEP, DEEP], 8);
        assert_eq!(separate(&samples, &speech, &[], true).voices, [speech]);
    }

    #[test]
    fn sounds_are_no_partys_speech() {
        let (samples, speech) = conversation([DEEP, BRIGHT], 10);
        let tone = Span::new(speech[2].start.0, speech[2].end.0);
        let found = separate(&samples, &speech, &[tone], true);
        assert!(found.voices.iter().flatten().all(|span| span.overlap(&tone).is_none()));
    }

    #[test]
    fn nothing_noise_and_short_speech_have_answers() {
        let nothing = separate(&Vec::<i16>::new(), &[], &[], true);
        assert_eq!((nothing.voices.len(), nothing.confidence), (0, None));
        let noise: Vec<f32> = (0..40_000).map(|n| (n * n % 1009) as f32 / 1009.0 - 0.5).collect();
        for spans in [vec![Span::new(0.0, 50.0)], vec![Span::new(100.0, 400.0), Span::new(900.0, 9_000.0)]] {
            let found = separate(&noise, &spans, &[], true);
            let told: f64 = found.voices.iter().flatten().map(|span| span.duration().0).sum();
            assert!(found.confidence.unwrap().is_finite() && told <= 8_400.1 && !found.voices.is_empty());
        }
    }

    #[test]
    fn speech_too_short_to_show_its_voice_is_not_certain() {
        let (samples, _) = conversation([DEEP, BRIGHT], 2);
        let clicks: Vec<Span> = (0..9).map(|n| Span::new(300.0 * f64::from(n), 300.0 * f64::from(n) + 110.0)).collect();
        let found = separate(&samples, &clicks, &[], true);
        assert_eq!((found.voices, found.confidence), (vec![clicks], Some(0.48)), "no window was examined");
        let tones = separate(&samples, &[Span::new(0.0, 900.0)], &[Span::new(0.0, 900.0)], true);
        assert_eq!((tones.voices.len(), tones.confidence), (0, None), "nobody speaks");
    }
}
