//! Selects the windows of a track's speech for the encoder: a bounded number, however long the
//! call.

use super::encoder::{Embedding, HOP, MelFrame, MelFrames, VoiceEncoder};
use super::likeness::VoiceWindow;
use crate::run::Cancel;
use crate::track::Narrowband;

/// Most windows encoded: about two minutes of speech. Of 746 made and real calls, as many have
/// their number of voices right with 96 windows (696) as with 128 (695), and fewer with 64 (692).
const MOST: usize = 96;
/// Frames per window, as in the encoder's training.
const WHOLE: usize = 160;
/// Longest speech that is a single window.
const ONE: usize = 200;
/// Shortest speech that shows its voice.
const LEAST: usize = 12;
/// Distances between windows in frames. The first one that stays within [`MOST`] is used.
const HOPS: [usize; 3] = [80, 120, 160];
/// If windows must be left out, those shorter than this are.
const LONG: usize = 120;
/// Mean square to which every window is scaled: −30 dB, as in the network's training.
const LEVEL: f32 = 1e-3;

/// Returns the windows of spans of speech (in frames) with their embeddings, in order.
pub(super) fn heard(
    samples: &dyn Narrowband,
    stretches: &[(usize, usize)],
    portable: bool,
    cancel: &Cancel,
) -> Vec<VoiceWindow> {
    let (places, left_out): (Vec<_>, Vec<_>) = places(stretches).into_iter().unzip();
    let mel = MelFrames::new(portable);
    let until_cancelled = places.iter().take_while(|_| !cancel.is_cancelled());
    let (frames, levels): (Vec<Vec<MelFrame>>, Vec<f32>) =
        until_cancelled.map(|&(start, end)| levelled(samples, &mel, start, end)).unzip();
    let embeddings: Vec<Embedding> = VoiceEncoder::new(portable).until(cancel).embed(&frames);
    let windows = places.into_iter().zip(left_out).zip(embeddings).zip(levels);
    windows
        .map(|((((start, end), left_out), embedding), level)| VoiceWindow {
            start,
            end,
            level,
            pitch: None,
            continued: false,
            left_out,
            embedding,
        })
        .collect()
}

/// Splits spans of speech (in frames) that are too long for one window at the pauses within them.
/// The detector joins what is a short pause apart, which in a call of a few words may be all that
/// is said.
pub(super) fn at_pauses(samples: &dyn Narrowband, stretches: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let split = |&(start, end): &(usize, usize)| match end - start {
        ..=ONE => vec![(start, end)],
        _ => parts(&powers(samples, start, end), start),
    };
    stretches.iter().flat_map(split).collect()
}

/// Returns the mean power of each frame in dB.
fn powers(samples: &dyn Narrowband, start: usize, end: usize) -> Vec<f32> {
    let mut heard = vec![0.0; (end - start) * HOP];
    samples.read(start * HOP, &mut heard);
    let power = |frame: &[f32]| frame.iter().map(|x| x * x).sum::<f32>() / HOP as f32;
    heard.chunks_exact(HOP).map(|frame| 10.0 * power(frame).max(1e-12).log10()).collect()
}

/// Returns the parts of a span between its pauses.
fn parts(powers: &[f32], start: usize) -> Vec<(usize, usize)> {
    /// A frame this far, in dB, below the loudest nearby is a pause ...
    const BELOW: f32 = 15.0;
    /// ... within this many frames on either side ...
    const NEAR: usize = 60;
    /// ... if this many follow each other. Few take the turn within less.
    const LEAST_PAUSE: usize = 25;
    let is_pause = |at: usize| {
        let near = &powers[at.saturating_sub(NEAR)..powers.len().min(at + NEAR + 1)];
        powers[at] < near.iter().copied().fold(f32::MIN, f32::max) - BELOW
    };
    let (mut found, mut from, mut silent) = (Vec::new(), 0, 0);
    for at in 0..powers.len() {
        if is_pause(at) {
            silent += 1;
            continue;
        }
        if silent >= LEAST_PAUSE {
            found.push((start + from, start + at - silent));
            from = at;
        }
        silent = 0;
    }
    found.push((start + from, start + powers.len()));
    found.retain(|(start, end)| end > start);
    found
}

/// Returns the windows of spans of speech, each with the shortest pause since the window before it
/// if others between them are left out.
fn places(stretches: &[(usize, usize)]) -> Vec<((usize, usize), Option<usize>)> {
    let mut all: Vec<(usize, usize)> = Vec::new();
    for hop in HOPS {
        all = stretches.iter().flat_map(|&stretch| cut(stretch, hop)).collect();
        if all.len() <= MOST {
            return all.into_iter().map(|place| (place, None)).collect();
        }
    }
    let is_long = |n: &usize| all[*n].1 - all[*n].0 >= LONG;
    let long: Vec<usize> = (0..all.len()).filter(is_long).collect();
    let from = if long.len() >= MOST { long } else { (0..all.len()).collect() };
    let chosen: Vec<usize> = (0..MOST).filter_map(|n| from.get(n * from.len() / MOST).copied()).collect();
    let before = std::iter::once(0).chain(chosen.iter().copied());
    let left_out = before.zip(&chosen).map(|(before, &n)| (n > before + 1).then(|| shortest_pause(&all[before..=n])));
    chosen.iter().map(|&n| all[n]).zip(left_out).collect()
}

/// Returns the shortest pause between windows in order.
fn shortest_pause(windows: &[(usize, usize)]) -> usize {
    windows.windows(2).map(|pair| pair[1].0.saturating_sub(pair[0].1)).min().unwrap_or(usize::MAX)
}

/// Returns the windows of one span, evenly spaced.
fn cut((start, end): (usize, usize), hop: usize) -> Vec<(usize, usize)> {
    let length = end.saturating_sub(start);
    match length {
        ..LEAST => Vec::new(),
        LEAST..=ONE => vec![(start, end)],
        _ => {
            let steps = (length - WHOLE).div_ceil(hop);
            (0..=steps).map(|n| start + (length - WHOLE) * n / steps).map(|at| (at, at + WHOLE)).collect()
        }
    }
}

/// Returns the mel frames of a window at the level of training, and the window's own level in dB.
fn levelled(samples: &dyn Narrowband, mel: &MelFrames, start: usize, end: usize) -> (Vec<MelFrame>, f32) {
    let (mut heard, before) = stretch(samples, start, end);
    let inner = heard.get(before..before + (end - start) * HOP).unwrap_or_default();
    let power = inner.iter().map(|x| x * x).sum::<f32>() / inner.len().max(1) as f32;
    let gain = (LEVEL / power.max(1e-12)).sqrt();
    heard.iter_mut().for_each(|x| *x *= gain);
    (mel.frames(&heard, before, end - start, HOP), 10.0 * power.max(1e-12).log10())
}

/// Returns the samples of some frames, including what their first and last extend over, and the
/// number of samples before the first frame's center.
pub(super) fn stretch(samples: &dyn Narrowband, start: usize, end: usize) -> (Vec<f32>, usize) {
    /// Samples on either side.
    const REACH: usize = 2 * HOP;
    let from = (start * HOP).saturating_sub(REACH);
    let mut heard = vec![0.0; end * HOP + REACH - from];
    samples.read(from, &mut heard);
    (heard, start * HOP - from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_a_stretch_and_stay_within_it() {
        assert_eq!(cut((100, 110), 80), []);
        assert_eq!(cut((100, 290), 80), [(100, 290)]);
        let windows = cut((100, 500), 80);
        assert_eq!((windows[0], windows[windows.len() - 1]), ((100, 260), (340, 500)));
        assert!(windows.windows(2).all(|pair| pair[1].0 - pair[0].0 <= 80));
    }

    #[test]
    fn a_span_is_split_at_its_pauses() {
        let level = |at: usize| match at {
            60..90 => -50.0,
            120..130 => -50.0,
            _ => -25.0,
        };
        let powers: Vec<f32> = (0..200).map(level).collect();
        assert_eq!(parts(&powers, 1000), [(1000, 1060), (1090, 1200)], "a closure of 100 ms is no pause");
        assert_eq!(parts(&[-25.0; 50], 7), [(7, 57)]);
        assert_eq!(parts(&[], 7), []);
    }

    #[test]
    fn their_number_is_bounded_however_long_the_call() {
        for stretches in [1, 10, 100, 1000, 10_000] {
            let stretches: Vec<_> = (0..stretches).map(|n| (n * 400, n * 400 + 60 + n % 300)).collect();
            let found = places(&stretches);
            assert!(!found.is_empty() && found.len() <= MOST);
            assert!(found.windows(2).all(|pair| pair[0].0 < pair[1].0), "in order");
        }
    }

    #[test]
    fn pauses_in_speech_that_is_left_out_are_known() {
        // Parties in turns of 1.6 s, a second apart.
        let turns = |count: usize| (0..count).map(|n| (n * 260, n * 260 + 160)).collect::<Vec<_>>();
        assert!(places(&turns(MOST)).iter().all(|(_, left_out)| left_out.is_none()));
        let found = places(&turns(3 * MOST));
        assert!(found[0].1.is_none() && found[1..].iter().all(|(_, left_out)| *left_out == Some(100)));
    }
}
