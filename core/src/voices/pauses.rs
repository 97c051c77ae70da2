//! What the pause before a window says of its voice.

use super::likeness::VoiceWindow;

/// Log odds that the voice changes at a pause: up to the first length (in frames of 10 ms) it is
/// more likely an answer; beyond the second, one party waits for an answer and gets none.
const ANSWERED: (usize, f32) = (130, 1.5);
const WAITING: (usize, f32) = (200, -2.5);
const BETWEEN: f32 = -0.3;
/// Shorter pauses than this are mostly one party's: they say as little.
const ANSWERS_AFTER: usize = 30;
/// The same where a sound was cut out of speech: it goes on after the sound, in the same breath.
/// Pitch and level fall towards its end, as between two parties.
const CONTINUED: f32 = -3.0;

/// Returns the log odds that the voice changes between two windows.
pub(super) fn change(before: &VoiceWindow, after: &VoiceWindow) -> f32 {
    if after.continued {
        return CONTINUED;
    }
    match after.start.saturating_sub(before.end) {
        pause if pause < ANSWERS_AFTER => BETWEEN,
        pause if pause < ANSWERED.0 => ANSWERED.1,
        pause if pause < WAITING.0 => BETWEEN,
        _ => WAITING.1,
    }
}

/// Returns whether the pause between two windows is that of a party who waits in vain. If speech
/// between them was left out, all its pauses must be.
pub(super) fn waiting(before: &VoiceWindow, after: &VoiceWindow) -> bool {
    let shortest = after.left_out.unwrap_or(usize::MAX);
    after.start.saturating_sub(before.end).min(shortest) >= WAITING.0
}
