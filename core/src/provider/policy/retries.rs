//! Decides when to repeat a request.

use serde::{Deserialize, Serialize};

use super::Judgement;
use crate::units::Millis;

/// How requests are repeated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RetryPolicy {
    /// Pause before the second attempt. Each further pause is twice as long.
    #[serde(rename = "firstMs")]
    pub first: Millis,
    /// Longest pause between attempts.
    #[serde(rename = "longestMs")]
    pub longest: Millis,
    /// Time after which the work is suspended. It must exceed MCloud's window of 60 s for 600
    /// requests.
    #[serde(rename = "budgetMs")]
    pub budget: Millis,
    /// Pause before suspended work is resumed.
    #[serde(rename = "restMs")]
    pub rest: Millis,
}

impl Default for RetryPolicy {
    /// Half a second, doubling up to 20 s, for two and a half minutes: two and a half rate windows.
    /// Then a rest of five minutes.
    fn default() -> Self {
        Self { first: Millis(500.0), longest: Millis(20_000.0), budget: Millis(150_000.0), rest: Millis(300_000.0) }
    }
}

/// What to do after an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "next")]
pub enum NextTry {
    /// Nothing: the request succeeded.
    Done,
    /// Repeat the request after a pause.
    Wait {
        /// The pause.
        #[serde(rename = "waitMs")]
        wait: Millis,
    },
    /// Suspend the work, and resume it after a pause with a new budget. Nothing is lost or given
    /// up.
    Rest {
        /// The pause.
        #[serde(rename = "waitMs")]
        wait: Millis,
    },
    /// Post the recording again to get another URL.
    PostAgain,
    /// Nothing: the request will never succeed.
    Stop {
        /// Stable code of the reason.
        reason: String,
    },
}

/// The attempts at one request so far. A value that can be stored between them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Retries {
    seed: u64,
    tries: u32,
    first_ms: Option<i64>,
}

impl Retries {
    /// Creates a value without attempts. Requests with different seeds are repeated at different
    /// times.
    pub fn new(seed: u64) -> Self {
        Self { seed: seed & MAX_SEED, ..Self::default() }
    }

    /// Returns the number of attempts.
    pub fn tries(&self) -> u32 {
        self.tries
    }

    /// Returns a value without attempts, for another request of the same work.
    #[must_use]
    pub fn renewed(&self) -> Self {
        Self::new(scrambled(self.seed))
    }

    /// Records an attempt that ended at `now_ms` (Unix milliseconds), and returns what to do next.
    pub fn next(&mut self, policy: &RetryPolicy, judgement: &Judgement, now_ms: i64) -> NextTry {
        match judgement {
            Judgement::Done => NextTry::Done,
            Judgement::PostAgain => NextTry::PostAgain,
            Judgement::Gone { reason } | Judgement::Refused { reason } => NextTry::Stop { reason: reason.clone() },
            Judgement::Early => self.pause(policy, None, now_ms),
            Judgement::Again { wait } => self.pause(policy, *wait, now_ms),
        }
    }

    /// Returns an exponential pause with jitter over its second half. It is never shorter than the
    /// server asks, and is spread around the time it names.
    fn pause(&mut self, policy: &RetryPolicy, asked: Option<Millis>, now_ms: i64) -> NextTry {
        let first_ms = *self.first_ms.get_or_insert(now_ms);
        let doubled = policy.first.0 * f64::from(2u32.saturating_pow(self.tries));
        let pause = doubled.min(policy.longest.0) * (0.5 + 0.5 * self.chance());
        let wait = asked.map_or(pause, |asked| asked.0 + pause.min(JITTER_MS * self.chance()));
        self.tries = self.tries.saturating_add(1);
        let spent = now_ms.saturating_sub(first_ms).max(0) as f64;
        if spent + wait <= policy.budget.0 {
            return NextTry::Wait { wait: Millis(wait.ceil()) };
        }
        self.rest(policy, asked.unwrap_or(Millis(0.0)))
    }

    /// Suspends the work for the policy's pause, or for `at_least` if that is longer. After the
    /// pause, the work has a new budget.
    pub(in crate::provider) fn rest(&mut self, policy: &RetryPolicy, at_least: Millis) -> NextTry {
        let rest = at_least.0.max(policy.rest.0 * (0.5 + 0.5 * self.chance()));
        *self = self.renewed();
        NextTry::Rest { wait: Millis(rest.ceil()) }
    }

    /// Returns a number in [0, 1) derived from seed and attempt.
    fn chance(&self) -> f64 {
        let bits = scrambled(self.seed.wrapping_add(u64::from(self.tries)).wrapping_mul(GOLDEN));
        (bits >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Largest seed. JSON numbers are exact up to 53 bits.
const MAX_SEED: u64 = (1 << 53) - 1;

/// Time over which attempts are spread after the time named by a server, in milliseconds, so that
/// requests waiting for one window do not arrive at once.
const JITTER_MS: f64 = 500.0;

/// 2^64 divided by the golden ratio, the increment of SplitMix64 (Steele, Lea, Flood 2014).
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// SplitMix64's mixing function.
fn scrambled(seed: u64) -> u64 {
    let mut bits = seed.wrapping_add(GOLDEN);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const AGAIN: Judgement = Judgement::Again { wait: None };

    /// Returns the pauses until the work is suspended, and the length of the suspension.
    fn pauses(seed: u64, judgement: &Judgement) -> (Vec<f64>, f64) {
        let (policy, mut retries, mut now_ms) = (RetryPolicy::default(), Retries::new(seed), 1_800_000_000_000);
        let mut waits = Vec::new();
        loop {
            match retries.next(&policy, judgement, now_ms) {
                NextTry::Wait { wait } => {
                    waits.push(wait.0);
                    now_ms += wait.0 as i64;
                }
                NextTry::Rest { wait } => return (waits, wait.0),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn tries_outlast_a_window_of_the_rate() {
        for seed in 0..200 {
            let (waits, rest) = pauses(seed, &AGAIN);
            let total: f64 = waits.iter().sum();
            assert!((60_001.0..=150_000.0).contains(&total), "{total}");
            assert!(waits.len() >= 8 && waits.iter().all(|wait| *wait <= 20_000.0), "{waits:?}");
            assert!((150_000.0..=300_000.0).contains(&rest));
        }
    }

    #[test]
    fn pauses_follow_from_the_seed_alone_and_differ_with_it() {
        assert_eq!(pauses(7, &AGAIN), pauses(7, &AGAIN));
        let firsts: std::collections::BTreeSet<u64> = (0..50).map(|seed| pauses(seed, &AGAIN).0[0].to_bits()).collect();
        assert!(firsts.len() > 40, "{}", firsts.len());
    }

    #[test]
    fn what_a_server_asks_is_waited_for_and_a_long_one_outside_of_the_budget() {
        let asked = Judgement::Again { wait: Some(Millis(30_000.0)) };
        let (waits, _) = pauses(1, &asked);
        assert!(waits.iter().all(|wait| (30_000.0..=30_500.0).contains(wait)), "{waits:?}");
        let hour = Judgement::Again { wait: Some(Millis(3_600_000.0)) };
        assert_eq!(pauses(1, &hour), (vec![], 3_600_000.0));
    }

    #[test]
    fn what_is_final_stops_at_once() {
        let (policy, mut retries) = (RetryPolicy::default(), Retries::new(0));
        let refused = Judgement::Refused { reason: "invalid_token".to_owned() };
        assert_eq!(retries.next(&policy, &refused, 0), NextTry::Stop { reason: "invalid_token".to_owned() });
        assert_eq!(retries.next(&policy, &Judgement::PostAgain, 0), NextTry::PostAgain);
        assert_eq!(retries.next(&policy, &Judgement::Done, 0), NextTry::Done);
        assert_eq!(retries.tries(), 0);
    }

    proptest! {
        #[test]
        fn stored_between_tries_they_are_the_same(seed in 0u64..1 << 53, moments in prop::collection::vec(0i64..1 << 50, 1..20)) {
            let policy = RetryPolicy::default();
            let (mut kept, mut stored) = (Retries::new(seed), Retries::new(seed));
            for now_ms in moments {
                stored = serde_json::from_str(&serde_json::to_string(&stored).unwrap()).unwrap();
                let (a, b) = (kept.next(&policy, &AGAIN, now_ms), stored.next(&policy, &AGAIN, now_ms));
                prop_assert_eq!(a, b);
            }
        }
    }
}
