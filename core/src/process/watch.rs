//! Progress over all recordings of a call, whatever threads they are heard on.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Stage;
use crate::run::{Progress, RunOptions};

/// Counts the bytes that have been read.
#[derive(Debug, Default)]
pub(super) struct ProgressCounter {
    done: AtomicU64,
    total: Option<u64>,
}

impl ProgressCounter {
    /// A watch over recordings of so many bytes in all, where that is known.
    pub(super) fn new(total: Option<u64>) -> Self {
        Self { done: AtomicU64::new(0), total }
    }

    /// Tells the caller of so many bytes more.
    pub(super) fn advance(&self, bytes: u64, run: &RunOptions) {
        let bytes_done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        run.report(Progress { stage: Stage::Decode, bytes_done, bytes_total: self.total });
    }
}
