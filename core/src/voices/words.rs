//! Detects short words of another party beside a single voice. They are too short to be a group of
//! their own, and may be all that the other party says.

use super::likeness::{VoiceWindow, dot, expected_of};

/// Lengths in seconds of what is examined: shorter words show no voice, longer ones can be a group.
/// Of the words of the only voice of 180 made calls (seeds 711 to 716), one of this length is less
/// like it than two voices are: a cut prompt of 0.41 s.
const LENGTHS: std::ops::Range<f32> = 0.4..1.2;
/// Windows of at least this length, in seconds, tell what the single voice is like.
const LONG: f32 = 0.75;

/// Returns `true` if a short word is no more like the long windows than another voice is.
pub(super) fn of_another(windows: &[VoiceWindow]) -> bool {
    let unlike = |word: &VoiceWindow| {
        let others = windows.iter().filter(|window| window.weight() >= LONG && !std::ptr::eq(*window, word));
        let more = |window: &VoiceWindow| {
            let (_, two) = expected_of(word.weight(), window.weight());
            window.weight() * (dot(&word.embedding, &window.embedding) - two)
        };
        others.map(more).sum::<f32>() < 0.0
    };
    windows.iter().filter(|window| LENGTHS.contains(&window.weight())).any(unlike)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten windows of 1.6 s of one voice, and a word of a length (in frames) with a cosine to them.
    fn with_word(frames: usize, cosine: f32) -> bool {
        let mut windows: Vec<VoiceWindow> = (0..10).map(|n| window(200 * n, 160, 1.0)).collect();
        windows.push(window(3000, frames, cosine));
        of_another(&windows)
    }

    fn window(start: usize, frames: usize, cosine: f32) -> VoiceWindow {
        let mut embedding = [0.0f32; 256];
        (embedding[0], embedding[1]) = (cosine, (1.0 - cosine * cosine).sqrt());
        VoiceWindow::made(start, start + frames, embedding)
    }

    #[test]
    fn a_word_unlike_the_only_voice_is_anothers() {
        assert!(with_word(50, 0.38));
        assert!(!with_word(50, 0.60), "like it");
        assert!(!with_word(30, 0.30), "too short to tell");
        assert!(with_word(110, 0.38) && !with_word(110, 0.60), "long, and too short for a group of its own");
        assert!(!with_word(160, 0.30), "long enough to be a group");
        assert!(!of_another(&[]));
    }
}
