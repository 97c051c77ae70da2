//! What is tried again, when, and what never will be: pure functions over an answer and the time
//! that the caller says it is. No clock and no chance here: jitter comes from a seed.
//!
//! A [`Judgement`] says what an answer means. [`Retries`] makes of it what to do next, and
//! [`Pacing`] when the next request may go.

mod judgement;
mod pacing;
mod retries;
mod retry_after;

pub use judgement::{
    Answered, Judgement, is_text, judge_audio, judge_file, judge_mcloud, judge_upload, judge_voipbin, judge_wellcloud,
    needs_another_key,
};
pub use pacing::Pacing;
pub use retries::{NextTry, Retries, RetryPolicy};
pub use retry_after::retry_after;

use crate::units::Millis;

/// How long the transfer of so many bytes may take: half a minute, and their time at 32 kB a second
/// (256 kbit/s, assumed to be the slowest line that recordings are carried over).
pub fn transfer_limit(bytes: u64) -> Millis {
    const START_MS: f64 = 30_000.0;
    const BYTES_PER_MS: f64 = 32.0;
    Millis((START_MS + bytes as f64 / BYTES_PER_MS).ceil())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_file_may_take_longer() {
        assert_eq!(transfer_limit(0), Millis(30_000.0));
        assert_eq!(transfer_limit(32_000), Millis(31_000.0));
    }
}
