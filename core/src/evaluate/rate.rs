//! A share with its confidence interval.

use serde::{Deserialize, Serialize};

use crate::report::rounded;

/// Half the width of the 95 % interval of a normal distribution, in standard deviations.
const Z: f64 = 1.96;

/// A count out of a total, with the share and its 95 % interval (Wilson, "Probable inference, the
/// law of succession, and statistical inference", 1927).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Share {
    /// The count.
    pub count: u64,
    /// The total.
    pub of: u64,
    /// The share, with four decimals. `None` if the total is 0.
    pub share: Option<f64>,
    /// The interval's lower end; `None` of none, and of cases that hang together, such as the
    /// frames of one call.
    pub low: Option<f64>,
    /// The interval's upper end, where there is a lower one.
    pub high: Option<f64>,
}

impl Share {
    /// Creates a share.
    pub fn new(count: u64, of: u64) -> Self {
        if of == 0 {
            return Self::default();
        }
        let (hits, n) = (count as f64, of as f64);
        let centre = (hits + Z * Z / 2.0) / (n + Z * Z);
        let half = Z * (hits * (n - hits) / n + Z * Z / 4.0).max(0.0).sqrt() / (n + Z * Z);
        let [share, low, high] = [hits / n, (centre - half).max(0.0), (centre + half).min(1.0)].map(rounded);
        Self { count, of, share: Some(share), low: Some(low), high: Some(high) }
    }

    /// So many of so many that hang together, so that their number leaves no interval.
    pub(super) fn dependent(count: u64, of: u64) -> Self {
        Self { low: None, high: None, ..Self::new(count, of) }
    }

    /// Counts the cases that hold.
    pub(crate) fn of(cases: impl IntoIterator<Item = bool>) -> Self {
        let (mut count, mut of) = (0, 0);
        for case in cases {
            count += u64::from(case);
            of += 1;
        }
        Self::new(count, of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_interval_is_wilsons() {
        let share = Share::new(8, 10);
        assert_eq!((share.share, share.low, share.high), (Some(0.8), Some(0.4902), Some(0.9433)));
        assert_eq!((Share::new(0, 0), Share::dependent(0, 0)), (Share::default(), Share::default()));
        let frames = Share::dependent(8, 10);
        assert_eq!((frames.count, frames.share, frames.low, frames.high), (8, Some(0.8), None, None));
        assert_eq!((Share::new(0, 50).low, Share::new(50, 50).high), (Some(0.0), Some(1.0)));
    }

    proptest! {
        #[test]
        fn the_share_lies_in_its_interval_and_more_cases_narrow_it(count in 0u64..500, more in 1u64..500) {
            let share = Share::new(count, count + more);
            let (low, high) = (share.low.unwrap(), share.high.unwrap());
            prop_assert!(low <= share.share.unwrap() && share.share.unwrap() <= high);
            let tenfold = Share::new(10 * count, 10 * (count + more));
            prop_assert!(tenfold.high.unwrap() - tenfold.low.unwrap() <= high - low + 1e-9);
        }
    }
}
