//! The audio library for call recordings.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod align;
pub mod call;
pub mod config;
pub mod control;
pub mod error;
pub mod export;
pub mod level;
pub mod metrics;
pub mod mix;
pub mod outcome;
pub mod provider;
pub mod resample;
pub mod speech;
pub mod timeline;
pub mod track;
pub mod units;
pub mod voice;
