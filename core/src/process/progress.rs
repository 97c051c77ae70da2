//! Progress over all recordings of a call, on any thread.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::decode::Decoder;
use crate::error::{Result, Stage};
use crate::run::{Progress, RunOptions};

/// Counts the bytes read.
#[derive(Debug, Default)]
pub(super) struct ProgressCounter {
    done: AtomicU64,
    total: Option<u64>,
}

impl ProgressCounter {
    /// Creates a counter, with the total size of the recordings if it is known.
    pub(super) fn new(total: Option<u64>) -> Self {
        Self { done: AtomicU64::new(0), total }
    }

    /// Returns a function to call after each block of a recording. It checks for cancellation and
    /// reports the bytes read.
    pub(super) fn on_block<'a>(&'a self, run: &'a RunOptions) -> impl FnMut(&Decoder) -> Result<()> + Send + 'a {
        let mut seen = 0;
        move |decoder| {
            run.check(Stage::Decode)?;
            self.advance(decoder.bytes_read() - seen, run);
            seen = decoder.bytes_read();
            Ok(())
        }
    }

    fn advance(&self, bytes: u64, run: &RunOptions) {
        let bytes_done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        run.report(Progress { stage: Stage::Decode, bytes_done, bytes_total: self.total });
    }
}
