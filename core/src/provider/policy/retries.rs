//! When a request is tried again.

use serde::{Deserialize, Serialize};

use super::Judgement;
use crate::units::Millis;

/// How patiently requests are tried again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RetryPolicy {
    /// The pause before the second try; each one after is twice as long.
    #[serde(rename = "firstMs")]
    pub first: Millis,
    /// The longest pause between tries.
    #[serde(rename = "longestMs")]
    pub longest: Millis,
    /// For how long tries go on before the work is put down. It has to outlast MCloud's window of
    /// 60 s in which 600 requests may be.
    #[serde(rename = "budgetMs")]
    pub budget: Millis,
    /// The pause before the work is taken up once more.
    #[serde(rename = "restMs")]
    pub rest: Millis,
}

impl Default for RetryPolicy {
    /// Half a second, twice as long each time up to 20 s, for two and a half minutes: two whole
    /// windows of the rate and half of one. Then a rest of five minutes.
    fn default() -> Self {
        Self { first: Millis(500.0), longest: Millis(20_000.0), budget: Millis(150_000.0), rest: Millis(300_000.0) }
    }
}

/// What to do behind a try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "next")]
pub enum NextTry {
    /// Nothing: it is done.
    Done,
    /// The same request once more, after this long.
    Wait {
        /// How long.
        #[serde(rename = "waitMs")]
        wait: Millis,
    },
    /// The work is put down and taken up once more after this long, with a new budget. Nothing is
    /// lost or given up.
    Rest {
        /// How long.
        #[serde(rename = "waitMs")]
        wait: Millis,
    },
    /// Another address is to be had by posting again.
    PostAgain,
    /// Nothing more: it never will succeed.
    Stop {
        /// Why, by a stable code.
        reason: String,
    },
}

/// The tries of one request so far: a value that can be stored between them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Retries {
    seed: u64,
    tries: u32,
    first_ms: Option<i64>,
}

impl Retries {
    /// No try yet. Requests with different seeds are not tried again at the same moments.
    pub fn new(seed: u64) -> Self {
        Self { seed: seed & MAX_SEED, ..Self::default() }
    }

    /// How many tries there were.
    pub fn tries(&self) -> u32 {
        self.tries
    }

    /// No try yet, of another request of the same work.
    #[must_use]
    pub fn renewed(&self) -> Self {
        Self::new(scrambled(self.seed))
    }

    /// Counts a try that ended at `now_ms` (Unix milliseconds) and says what is next.
    pub fn next(&mut self, policy: &RetryPolicy, judgement: &Judgement, now_ms: i64) -> NextTry {
        match judgement {
            Judgement::Done => NextTry::Done,
            Judgement::PostAgain => NextTry::PostAgain,
            Judgement::Gone { reason } | Judgement::Refused { reason } => NextTry::Stop { reason: reason.clone() },
            Judgement::Early => self.pause(policy, None, now_ms),
            Judgement::Again { wait } => self.pause(policy, *wait, now_ms),
        }
    }

    /// Exponential pauses with jitter over their second half; never shorter than the server asks,
    /// nor all at the moment that it names.
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
        let rest = asked.map_or(0.0, |asked| asked.0).max(policy.rest.0 * (0.5 + 0.5 * self.chance()));
        self.tries = 0;
        self.first_ms = None;
        self.seed = scrambled(self.seed) & MAX_SEED;
        NextTry::Rest { wait: Millis(rest.ceil()) }
    }

    /// A number from 0 up to 1 that follows from seed and try.
    fn chance(&self) -> f64 {
        let bits = scrambled(self.seed.wrapping_add(u64::from(self.tries)).wrapping_mul(GOLDEN));
        (bits >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// The largest seed: JSON's numbers are exact up to 53 bits.
const MAX_SEED: u64 = (1 << 53) - 1;

/// How far behind the moment a server names tries are spread, in milliseconds: half a second keeps
/// those that wait for one window from coming at once.
const JITTER_MS: f64 = 500.0;

/// 2^64 over the golden ratio, the step of SplitMix64 (Steele, Lea, Flood 2014).
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// SplitMix64's mixing of a number.
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

    /// The pauses until the work is put down, and for how long it is.
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
