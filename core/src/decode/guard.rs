//! The edge to other people's decoders: a panic in there becomes an error here.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// A third-party decoder panicked; its state is not to be used again.
#[derive(Debug)]
pub(crate) struct Panicked;

/// Runs third-party code. What it worked on must be thrown away where it panicked.
#[inline]
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| Panicked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        let nothing: Vec<u8> = Vec::new();
        assert!(guarded(|| nothing[std::hint::black_box(3)]).is_err());
        assert_eq!(guarded(|| 7).unwrap(), 7);
    }
}
