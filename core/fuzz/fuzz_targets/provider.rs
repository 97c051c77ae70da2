#![no_main]
//! Providers' JSON and manifests.

use callweave::provider;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = provider::read(text);
    }
});
