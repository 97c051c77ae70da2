//! Units of time, rate and level.
//!
//! In JSON each is a number with at most three decimals, without a fraction if it is whole. A level
//! of −∞ dB is `null`.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, ErrorKind, Result, Stage};

/// A sample rate in hertz, from 1 Hz to 768 kHz.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Rate(u32);

impl Rate {
    /// 8 kHz, the rate of the telephone network and of all detectors.
    pub const NARROWBAND: Self = Self(8_000);
    /// 16 kHz, the highest default rate of a mix.
    pub const WIDEBAND: Self = Self(16_000);
    /// The highest accepted rate, in hertz.
    pub const MAX_HZ: u32 = 768_000;

    /// Creates a rate in hertz.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] below 1 Hz or above [`Rate::MAX_HZ`].
    pub fn new(hz: u32) -> Result<Self> {
        if (1..=Self::MAX_HZ).contains(&hz) {
            return Ok(Self(hz));
        }
        Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, "sample rate out of range")
            .with_mismatch(format!("{hz} Hz"), format!("1 to {} Hz", Self::MAX_HZ)))
    }

    /// Returns the rate in hertz.
    pub const fn hz(self) -> u32 {
        self.0
    }

    /// Returns the duration of a number of samples.
    pub fn millis(self, samples: u64) -> Millis {
        Millis(samples as f64 * 1000.0 / f64::from(self.0))
    }

    /// Returns the index of the sample nearest to `time`, or 0 for a negative time.
    pub fn sample_at(self, time: Millis) -> u64 {
        (time.0 * f64::from(self.0) / 1000.0).round().max(0.0) as u64
    }
}

impl TryFrom<u32> for Rate {
    type Error = Error;
    fn try_from(hz: u32) -> Result<Self> {
        Self::new(hz)
    }
}

impl From<Rate> for u32 {
    fn from(rate: Rate) -> Self {
        rate.0
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} Hz", self.0)
    }
}

/// Writes a number with at most three decimals, or none if it is whole. Infinity and NaN become
/// `null`.
fn rounded<S: Serializer>(value: f64, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    let value = round3(value);
    if !value.is_finite() {
        serializer.serialize_none()
    } else if value.fract() == 0.0 && value.abs() < 9e15 {
        serializer.serialize_i64(value as i64)
    } else {
        serializer.serialize_f64(value)
    }
}

/// Rounds to three decimals. Never a negative zero.
fn round3(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0 + 0.0
}

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $unit:literal, absent = $absent:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
        pub struct $name(pub f64);

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                rounded(self.0, serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                let absent: f64 = $absent;
                Ok(Self(Option::<f64>::deserialize(deserializer)?.unwrap_or(absent)))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} {}", round3(self.0), $unit)
            }
        }

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }

        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }
    };
}

quantity!(
    /// A time or a duration in milliseconds.
    Millis, "ms", absent = 0.0
);
quantity!(
    /// A clock's deviation in parts per million. Positive means it ran fast and recorded more
    /// samples per true second.
    Ppm, "ppm", absent = 0.0
);
quantity!(
    /// A level or a gain in decibels.
    ///
    /// The field's name says the reference: `dBov`, `dBTP` or `LUFS`. dBov is relative to a
    /// full-scale square wave (ITU-T G.100.1), so a full-scale sine is −3.01 dBov.
    Decibels, "dB", absent = f64::NEG_INFINITY
);

impl Millis {
    /// Creates a time from seconds.
    pub fn from_seconds(seconds: f64) -> Self {
        Self(seconds * 1000.0)
    }

    /// Returns the time in seconds.
    pub fn seconds(self) -> f64 {
        self.0 / 1000.0
    }

    /// Returns the earlier of two times.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }

    /// Returns the later of two times.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self(self.0.max(other.0))
    }
}

impl From<Duration> for Millis {
    fn from(duration: Duration) -> Self {
        Self(duration.as_secs_f64() * 1000.0)
    }
}

impl From<Millis> for Duration {
    /// Converts to the nearest duration. Negative times and NaN become zero.
    fn from(time: Millis) -> Self {
        Self::try_from_secs_f64(time.seconds()).unwrap_or(Self::ZERO)
    }
}

impl Decibels {
    /// Returns the level of an amplitude: 20·log10.
    pub fn from_amplitude(amplitude: f64) -> Self {
        Self(20.0 * amplitude.log10())
    }

    /// Returns the level of a power: 10·log10.
    pub fn from_power(power: f64) -> Self {
        Self(10.0 * power.log10())
    }

    /// Returns the amplitude of a level.
    pub fn amplitude(self) -> f64 {
        10f64.powf(self.0 / 20.0)
    }
}

/// A span of time in milliseconds, from `start` (included) to `end` (excluded).
///
/// The owner of a span says which timeline it lies on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// Beginning of the span.
    #[serde(rename = "startMs")]
    pub start: Millis,
    /// End of the span.
    #[serde(rename = "endMs")]
    pub end: Millis,
}

impl Span {
    /// Creates a span from two times in milliseconds.
    pub const fn new(start_ms: f64, end_ms: f64) -> Self {
        Self { start: Millis(start_ms), end: Millis(end_ms) }
    }

    /// Returns the span's duration, never negative.
    pub fn duration(&self) -> Millis {
        Millis((self.end.0 - self.start.0).max(0.0))
    }

    /// Returns the intersection of two spans, if they overlap.
    pub fn overlap(&self, other: &Self) -> Option<Self> {
        let shared = Self { start: self.start.max(other.start), end: self.end.min(other.end) };
        (shared.start < shared.end).then_some(shared)
    }
}

/// Returns the sum of the spans' durations. Time covered by several spans counts several times.
pub fn total(spans: &[Span]) -> Millis {
    Millis(sum(spans.iter().map(|s| s.duration().0)))
}

/// Returns a sum that is never a negative zero, which the standard library's sum of nothing is.
pub(crate) fn sum(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |sum, value| sum + value)
}

/// Removes a stretch of time from spans: spans inside it are dropped, spans that reach into it are
/// cut.
pub(crate) fn without(spans: &[Span], stretch: Span) -> Vec<Span> {
    if stretch.end <= stretch.start {
        return spans.to_vec();
    }
    let left = |span: &Span| {
        let before = Span { start: span.start, end: span.end.min(stretch.start) };
        let after = Span { start: span.start.max(stretch.end), end: span.end };
        [before, after].into_iter().filter(|rest| rest.end > rest.start)
    };
    spans.iter().flat_map(left).collect()
}

/// Returns spans without all of some stretches. Both are sorted and disjoint.
pub(crate) fn without_all(spans: &[Span], stretches: &[Span]) -> Vec<Span> {
    let mut left = Vec::with_capacity(spans.len());
    let mut rest = stretches;
    for span in spans {
        let over = rest.iter().take_while(|stretch| stretch.end <= span.start).count();
        rest = rest.get(over..).unwrap_or_default();
        let mut from = span.start;
        for stretch in rest.iter().take_while(|stretch| stretch.start < span.end) {
            left.extend((stretch.start > from).then_some(Span { start: from, end: stretch.start }));
            from = from.max(stretch.end);
        }
        left.extend((span.end > from).then_some(Span { start: from, end: span.end }));
    }
    left
}

/// Sorts spans and merges those that touch or overlap.
pub(crate) fn joined(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by(|a, b| a.start.0.total_cmp(&b.start.0));
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => joined.push(span),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_nothing_is_no_negative_zero() {
        assert!(total(&[]).0.is_sign_positive() && sum([].into_iter()).is_sign_positive());
        assert!(sum([-0.0].into_iter()).is_sign_positive());
    }

    #[test]
    fn numbers_have_three_decimals_at_most_and_none_where_whole() {
        let json = |v: f64| serde_json::to_string(&Millis(v)).unwrap();
        assert_eq!(json(1200.0), "1200");
        assert_eq!(json(69.0625), "69.063");
        assert_eq!((json(-0.0), json(-0.0004), Millis(-0.0004).to_string()), ("0".into(), "0".into(), "0 ms".into()));
        assert_eq!(serde_json::to_string(&Decibels(f64::NEG_INFINITY)).unwrap(), "null");
        assert_eq!(serde_json::from_str::<Decibels>("null").unwrap().0, f64::NEG_INFINITY);
    }

    #[test]
    fn a_rate_out_of_range_is_refused_with_its_number() {
        assert_eq!(Rate::new(0).unwrap_err().kind(), ErrorKind::InvalidArgument);
        assert!(Rate::new(768_001).unwrap_err().to_string().contains("768001 Hz"));
        assert!(serde_json::from_str::<Rate>("0").is_err());
    }

    #[test]
    fn samples_and_times_agree() {
        let rate = Rate::new(16_000).unwrap();
        assert_eq!(rate.millis(1105), Millis(69.0625));
        assert_eq!(rate.sample_at(Millis(69.0625)), 1105);
        assert_eq!(rate.sample_at(Millis(-5.0)), 0);
    }

    #[test]
    fn a_time_is_a_duration_and_back() {
        let time = Millis::from(Duration::from_micros(1_234_500));
        assert_eq!((time, Duration::from(time)), (Millis(1234.5), Duration::from_micros(1_234_500)));
        assert_eq!([Millis(-1.0), Millis(f64::NAN)].map(Duration::from), [Duration::ZERO; 2]);
    }

    #[test]
    fn spans_overlap_only_where_both_are() {
        let a = Span::new(0.0, 10.0);
        assert_eq!(a.overlap(&Span::new(5.0, 20.0)), Some(Span::new(5.0, 10.0)));
        assert_eq!(a.overlap(&Span::new(10.0, 20.0)), None);
        assert_eq!(total(&[a, Span::new(5.0, 7.5)]), Millis(12.5));
    }
}
