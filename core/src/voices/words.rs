//! Detects short words of another party beside a single voice. They are too short to be grouped,
//! and may be all that the other party says.

use super::likeness::{VoiceWindow, dot, expected_of};

/// Lengths in seconds of what is examined: shorter words show no voice, longer ones are grouped.
/// Of 117 words of the only voice of 90 made calls, none of this length is less like it than two
/// voices are.
const LENGTHS: std::ops::Range<f32> = 0.4..0.75;

/// Returns `true` if a short word is no more like the long windows than another voice is.
pub(super) fn of_another(windows: &[VoiceWindow]) -> bool {
    let long: Vec<&VoiceWindow> = windows.iter().filter(|window| window.weight() >= LENGTHS.end).collect();
    let mut words = windows.iter().filter(|window| LENGTHS.contains(&window.weight()));
    let unlike = |word: &VoiceWindow| {
        let more = |window: &&VoiceWindow| {
            let (_, two) = expected_of(word.weight(), window.weight());
            window.weight() * (dot(&word.embedding, &window.embedding) - two)
        };
        long.iter().map(more).sum::<f32>() < 0.0
    };
    !long.is_empty() && words.any(unlike)
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
        assert!(!with_word(160, 0.30), "long enough to be grouped");
        assert!(!of_another(&[]));
    }
}
