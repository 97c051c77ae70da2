//! Limits the rate of requests to a service.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::units::Millis;

/// Spaces requests so that no window holds more than a maximum. MCloud allows 600 per minute and
/// key.
///
/// Call [`Pacing::reserve`] before each request, and wait as long as it returns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pacing {
    most: usize,
    window_ms: i64,
    /// When the last requests were sent, oldest first.
    sent_ms: VecDeque<i64>,
    /// When a slot was last reserved.
    asked_ms: Option<i64>,
    /// No request is sent before this time.
    held_until_ms: Option<i64>,
}

impl Default for Pacing {
    /// MCloud's 600 requests per minute. The window is a second longer, because transmission times
    /// vary.
    fn default() -> Self {
        Self::new(600, Millis(61_000.0))
    }
}

impl Pacing {
    /// Creates a limit of this many requests, at least one, per window.
    pub fn new(most: usize, window: Millis) -> Self {
        let window_ms = window.0.clamp(0.0, 86_400_000.0).ceil() as i64;
        Self { most: most.max(1), window_ms, sent_ms: VecDeque::new(), asked_ms: None, held_until_ms: None }
    }

    /// Reserves the next slot, and returns how long to wait for it from `now_ms`.
    pub fn reserve(&mut self, now_ms: i64) -> Millis {
        // A clock that was set back must not extend the wait beyond the window.
        if self.asked_ms.is_some_and(|asked| asked.saturating_sub(now_ms) > self.window_ms) {
            self.sent_ms.clear();
            self.held_until_ms = None;
        }
        self.asked_ms = Some(now_ms);
        let full = self.sent_ms.len() >= self.most;
        let free_ms = if full { self.sent_ms.pop_front().map(|oldest| oldest + self.window_ms) } else { None };
        let last_ms = self.sent_ms.back().copied();
        let at_ms = [free_ms, last_ms, self.held_until_ms].into_iter().flatten().fold(now_ms, i64::max);
        self.sent_ms.push_back(at_ms);
        Millis((at_ms - now_ms) as f64)
    }

    /// Delays every request for this long from `now_ms`, as a 429 response asks.
    pub fn hold(&mut self, wait: Millis, now_ms: i64) {
        let until_ms = now_ms.saturating_add(wait.0.clamp(0.0, 86_400_000.0).ceil() as i64);
        self.held_until_ms = Some(self.held_until_ms.map_or(until_ms, |held| held.max(until_ms)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn six_hundred_go_at_once_and_the_next_a_window_later() {
        let mut pacing = Pacing::default();
        let waits: Vec<f64> = (0..601).map(|_| pacing.reserve(1_000).0).collect();
        assert!(waits[..600].iter().all(|wait| *wait == 0.0));
        assert_eq!(waits[600], 61_000.0);
        assert_eq!(pacing.reserve(40_000), Millis(22_000.0));
        assert_eq!(pacing.reserve(70_000), Millis(0.0));
    }

    #[test]
    fn a_held_service_is_not_asked() {
        let mut pacing = Pacing::new(5, Millis(1_000.0));
        pacing.hold(Millis(30_000.0), 100);
        pacing.hold(Millis(10.0), 100);
        assert_eq!(pacing.reserve(200), Millis(29_900.0));
        assert_eq!(pacing.reserve(40_000), Millis(0.0));
    }

    #[test]
    fn a_clock_set_back_does_not_stop_it() {
        let mut pacing = Pacing::new(1, Millis(1_000.0));
        pacing.reserve(10_000_000);
        assert_eq!(pacing.reserve(0), Millis(0.0));
        assert_eq!(Pacing::new(0, Millis(-1.0)).reserve(0), Millis(0.0));
    }

    proptest! {
        #[test]
        fn no_window_holds_more_than_allowed(
            most in 1usize..6,
            steps in prop::collection::vec(0i64..700, 1..60),
        ) {
            let (mut pacing, mut now_ms, mut sent) = (Pacing::new(most, Millis(1_000.0)), 0, Vec::new());
            for step in steps {
                now_ms += step;
                let text = serde_json::to_string(&pacing).unwrap();
                pacing = serde_json::from_str(&text).unwrap();
                sent.push(now_ms + pacing.reserve(now_ms).0 as i64);
            }
            for window in sent.windows(most + 1) {
                prop_assert!(window[most] - window[0] >= 1_000, "{sent:?}");
            }
            prop_assert!(sent.is_sorted());
        }
    }
}
