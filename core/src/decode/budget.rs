//! Limits the cost of a call while its recordings are read, before the cost arises.
//!
//! One [`Budget`] is shared by all recordings of a call and by the members of an archive. The sums
//! do not depend on the order of reading: if one is exceeded, the call fails as a whole, on any
//! number of threads. Costs in proportion to a recording's bytes ([`Thrift`]) are limited for each
//! recording separately.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::config::DecodeOptions;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::run::Cancel;
use crate::units::{Millis, Rate};

/// Bytes that may be searched for the next frame, page or block in a recording of any length.
const SEARCH_FREE: u64 = 64 << 20;
/// Further bytes that may be searched per byte of the recording. Whole files are searched once, an
/// ogg with damage on every page twice.
const SEARCH_PER_BYTE: u64 = 64;
/// Silence that may replace missing audio in a recording of any length.
const SILENCE_FREE: Millis = Millis(600_000.0);
/// Further silence per byte of audio. At this limit a recording still has 400 bit/s, less than any
/// speech codec's 600 (STANAG 4591 at its lowest rate).
const SILENCE_PER_BYTE: Millis = Millis(20.0);
/// Warning for silence that was left out.
pub(crate) const TOO_MUCH_SILENCE: &str = "a gap of implausibly much silence for so few bytes of audio: left out";
/// Samples that a recording of any length may hold: half an hour at 8 kHz.
const SAMPLES_FREE: u64 = 1 << 24;
/// Maximum of further samples per byte: Opus packs 5760 samples of silence into two bytes (RFC
/// 6716, 3.2.5).
const SAMPLES_PER_BYTE: f64 = 3000.0;

/// Costs of all recordings of a call together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Budget(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    cancel: Cancel,
    samples: Sum,
    /// Audio of all tracks together, in microseconds.
    audio: Sum,
    buffered: Sum,
    unpacked: Sum,
}

/// A sum and its limit.
#[derive(Debug)]
struct Sum {
    spent: AtomicU64,
    limit: u64,
}

impl Default for Sum {
    fn default() -> Self {
        Self::up_to(u64::MAX)
    }
}

impl Sum {
    fn up_to(limit: u64) -> Self {
        Self { spent: AtomicU64::new(0), limit }
    }

    /// Adds an amount. Returns `false` beyond the limit.
    fn spend(&self, amount: u64) -> bool {
        let before = self.spent.fetch_add(amount, Ordering::Relaxed);
        before.saturating_add(amount) <= self.limit
    }

    fn is_spent(&self) -> bool {
        self.spent.load(Ordering::Relaxed) > self.limit
    }
}

impl Budget {
    /// Creates the budget of a call from the limits of the options and its cancel token.
    pub(crate) fn new(options: &DecodeOptions, cancel: Cancel) -> Self {
        Self(Arc::new(Shared {
            cancel,
            samples: Sum::up_to(options.max_samples),
            audio: Sum::up_to((options.max_total_duration_ms.0 * 1000.0) as u64),
            buffered: Sum::up_to(options.max_buffered_bytes),
            unpacked: Sum::up_to(options.max_members_bytes),
        }))
    }

    /// Checks for cancellation.
    ///
    /// # Errors
    /// `cancelled`.
    pub(crate) fn check(&self) -> Result<()> {
        if self.0.cancel.is_cancelled() { Err(Error::cancelled(Stage::Decode)) } else { Ok(()) }
    }

    /// Draws samples: `frames` of each channel.
    ///
    /// # Errors
    /// `limit_exceeded`, `cancelled`.
    pub(crate) fn samples(&self, frames: u64, channels: u16, rate: Rate) -> Result<()> {
        let channels = u64::from(channels);
        let whole = frames.saturating_mul(channels);
        let microseconds = whole.saturating_mul(1_000_000) / u64::from(rate.hz());
        let within = self.0.samples.spend(whole) & self.0.audio.spend(microseconds);
        if within { self.check() } else { self.verdict() }
    }

    /// Draws bytes that are kept in memory.
    ///
    /// # Errors
    /// `limit_exceeded`.
    pub(crate) fn buffer(&self, bytes: u64) -> Result<()> {
        if self.0.buffered.spend(bytes) { Ok(()) } else { self.verdict() }
    }

    /// Draws bytes unpacked from a member of an archive.
    ///
    /// # Errors
    /// `limit_exceeded`.
    pub(crate) fn unpack(&self, bytes: u64) -> Result<()> {
        if self.0.unpacked.spend(bytes) { Ok(()) } else { self.verdict() }
    }

    /// Checks whether the call is within its budget so far.
    ///
    /// # Errors
    /// `limit_exceeded` with the limit that was exceeded.
    pub(crate) fn verdict(&self) -> Result<()> {
        let Shared { samples, audio, buffered, unpacked, .. } = &*self.0;
        let sums = [
            (samples, 1, "more samples than the limit, all tracks together", "decode.maxSamples"),
            (audio, 1000, "more audio than the limit, all tracks together", "decode.maxTotalDurationMs"),
            (buffered, 1, "more bytes than can be kept in memory", "decode.maxBufferedBytes"),
            (unpacked, 1, "zip members that unpack to too much", "decode.maxMembersBytes"),
        ];
        let Some((sum, unit, what, name)) = sums.into_iter().find(|(sum, ..)| sum.is_spent()) else { return Ok(()) };
        let most = sum.limit / unit;
        Err(Error::new(ErrorKind::LimitExceeded, Stage::Decode, what)
            .with_mismatch(format!("more than {most}"), format!("at most {most} ({name})")))
    }
}

/// Costs of one recording in proportion to its bytes.
#[derive(Debug, Default)]
pub(crate) struct Thrift {
    searched: u64,
    silence: f64,
}

impl Thrift {
    /// Draws bytes that were searched without finding audio. `position`: bytes of the recording
    /// read so far.
    ///
    /// # Errors
    /// `limit_exceeded`.
    pub(crate) fn search(&mut self, bytes: u64, position: u64) -> Result<()> {
        self.searched = self.searched.saturating_add(bytes);
        let most = SEARCH_FREE.saturating_add(position.saturating_mul(SEARCH_PER_BYTE));
        if self.searched <= most {
            return Ok(());
        }
        Err(Error::new(ErrorKind::LimitExceeded, Stage::Decode, "too many bytes searched for audio")
            .at_byte(position)
            .with_mismatch(format!("{} bytes searched", self.searched), format!("at most {most}")))
    }

    /// Draws silence that replaces missing audio. Returns `false` if it is too much for the bytes
    /// of audio read.
    pub(crate) fn silence(&mut self, silence: Millis, audio_bytes: u64) -> bool {
        let most = SILENCE_FREE.0 + audio_bytes as f64 * SILENCE_PER_BYTE.0;
        let within = self.silence + silence.0 <= most;
        self.silence += if within { silence.0 } else { 0.0 };
        within
    }
}

/// Returns the maximum of samples, of all channels together, that a recording may yield from this
/// many bytes.
pub(crate) fn most_samples(bytes: u64, rate: Rate, most_per_byte: Millis) -> u64 {
    let per_byte = (most_per_byte.seconds() * f64::from(rate.hz())).min(SAMPLES_PER_BYTE);
    SAMPLES_FREE.saturating_add((bytes as f64 * per_byte) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(options: DecodeOptions) -> Budget {
        Budget::new(&options, Cancel::default())
    }

    #[test]
    fn sums_are_those_of_all_who_draw() {
        let all = budget(DecodeOptions { max_samples: 100, ..DecodeOptions::default() });
        let other = all.clone();
        all.samples(30, 2, Rate::NARROWBAND).unwrap();
        other.samples(40, 1, Rate::NARROWBAND).unwrap();
        assert!(all.verdict().is_ok());
        let error = other.samples(1, 1, Rate::NARROWBAND).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        assert!(error.to_string().contains("decode.maxSamples"), "{error}");
        assert_eq!(all.verdict().unwrap_err().to_string(), error.to_string(), "everybody is told the same");
    }

    #[test]
    fn a_real_call_of_ten_hours_passes() {
        let ten_hours = 36_000;
        for (hz, channels) in [(8_000, 4), (16_000, 4), (48_000, 2)] {
            let budget = budget(DecodeOptions::default());
            for _ in 0..ten_hours {
                budget.samples(hz.into(), channels, Rate::new(hz).unwrap()).unwrap();
            }
        }
        // Opus sent in talk spurts of ten minutes in all, at 24 kbit/s.
        let mut thrift = Thrift::default();
        assert!(thrift.silence(Millis(36_000_000.0), 600 * 3_000));
    }

    #[test]
    fn time_that_is_only_claimed_is_not_given() {
        let budget = budget(DecodeOptions::default());
        let slow = Rate::new(4_000).unwrap();
        let day = (0..86_400).try_for_each(|_| budget.samples(4_000, 16, slow));
        assert!(day.unwrap_err().to_string().contains("decode.maxTotalDurationMs"));
        let mut thrift = Thrift::default();
        assert!(!thrift.silence(Millis(86_400_000.0), 836));
        assert!(thrift.silence(Millis(600_000.0), 0) && !thrift.silence(Millis(1.0), 0));
    }

    #[test]
    fn searching_is_worth_what_was_read() {
        let mut thrift = Thrift::default();
        assert!(thrift.search(SEARCH_FREE + 64 * 100, 100).is_ok());
        assert_eq!(thrift.search(1, 100).unwrap_err().kind(), ErrorKind::LimitExceeded);
    }

    #[test]
    fn who_cancels_is_heard() {
        let cancel = Cancel::default();
        let budget = Budget::new(&DecodeOptions::default(), cancel.clone());
        budget.check().unwrap();
        cancel.cancel();
        assert_eq!(budget.samples(1, 1, Rate::NARROWBAND).unwrap_err().kind(), ErrorKind::Cancelled);
    }
}
