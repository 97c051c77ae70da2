//! Decides which requests to repeat, and when: pure functions of a response and the caller's time,
//! without a clock or randomness. Jitter comes from a seed.
//!
//! A [`Judgement`] classifies a response. [`Retries`] decides what to do next, and [`Pacing`] when
//! the next request may be sent.

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

/// Returns the time limit for transferring this many bytes: half a minute, plus their time at 32
/// kB/s (256 kbit/s, assumed to be the slowest line in use).
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
