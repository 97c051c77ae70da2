//! The audio library for call recordings.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod call;
pub mod config;
pub mod control;
pub mod decode;
pub mod error;
pub mod timeline;
pub mod track;
pub mod units;
