#![no_main]
//! [`targets::rtp`] under libFuzzer.

#[path = "../targets.rs"]
mod targets;

use libfuzzer_sys::fuzz_target;

// A panic that the library catches is no finding: only one that leaves it ends the run.
fuzz_target!(init: std::panic::set_hook(Box::new(|_| ())), |bytes: &[u8]| targets::rtp(bytes));
