//! How long a live track may become.

use crate::config::Config;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::units::Rate;

/// How many samples a track may have, while the other tracks are as long as they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct TrackLimit {
    /// The length, the total length and the number of samples, each with its limit.
    sums: [LimitedSum; 3],
}

/// A sum over the tracks that the configuration limits.
#[derive(Debug, Clone, Copy)]
struct LimitedSum {
    what: &'static str,
    /// The name of the limit in the configuration.
    name: &'static str,
    most: f64,
    /// What the other tracks add.
    others: f64,
    /// What one sample of the track adds.
    each: f64,
}

impl TrackLimit {
    /// Returns the limit of a track beside others of the given rates and samples.
    pub fn of(rate: Rate, others: impl Iterator<Item = (Rate, u64)>, config: &Config) -> Self {
        let limits = &config.decode;
        let (ms, samples) = others.fold((0.0, 0), |(ms, all), (rate, own)| (ms + rate.millis(own).0, all + own));
        let each = rate.millis(1).0;
        let sum = |what, name, most, others, each| LimitedSum { what, name, most, others, each };
        let all = "the live tracks are too long together (ms)";
        Self {
            sums: [
                sum("a live track is too long (ms)", "decode.maxDurationMs", limits.max_duration_ms.0, 0.0, each),
                sum(all, "decode.maxTotalDurationMs", limits.max_total_duration_ms.0, ms, each),
                sum("too many live samples", "decode.maxSamples", limits.max_samples as f64, samples as f64, 1.0),
            ],
        }
    }

    /// Checks a track of this many samples.
    ///
    /// # Errors
    /// [`ErrorKind::LimitExceeded`] with the limit.
    pub fn check(&self, samples: u64) -> Result<()> {
        match self.sums.iter().find(|sum| sum.of(samples) > sum.most) {
            None => Ok(()),
            Some(sum) => Err(Error::new(ErrorKind::LimitExceeded, Stage::Input, sum.what)
                .with_mismatch(sum.of(samples), format!("at most {} ({})", sum.most, sum.name))),
        }
    }

    /// Returns how many of `more` samples a track of this many may still take.
    pub fn room(&self, samples: u64, more: u64) -> u64 {
        let rooms = self.sums.iter().map(|sum| ((sum.most - sum.of(samples)) / sum.each).floor());
        rooms.fold(more as f64, f64::min).max(0.0) as u64
    }
}

impl LimitedSum {
    fn of(&self, samples: u64) -> f64 {
        self.others + samples as f64 * self.each
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Millis;

    #[test]
    fn each_limit_leaves_room_for_what_it_allows() {
        let mut config = Config::default();
        config.decode.max_duration_ms = Millis(1000.0);
        config.decode.max_total_duration_ms = Millis(1500.0);
        config.decode.max_samples = 14_000;
        let others = |length: u64| [(Rate::WIDEBAND, length)].into_iter();
        for (length, most) in [(0, 8000), (12_000, 2000), (9000, 5000)] {
            let limit = TrackLimit::of(Rate::NARROWBAND, others(length), &config);
            assert_eq!(limit.room(0, 1 << 40), most);
            assert_eq!(limit.room(1000, 1 << 40), most - 1000);
            assert!(limit.check(most).is_ok() && limit.check(most + 1).is_err(), "{length}");
        }
        assert_eq!(TrackLimit::of(Rate::NARROWBAND, others(14_001), &config).room(0, 5), 0);
    }
}
