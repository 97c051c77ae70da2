//! Progress over all recordings of a call, whatever threads they are analyzed on.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::decode::Decoder;
use crate::error::{Result, Stage};
use crate::run::{Progress, RunOptions};

/// Counts the bytes that have been read.
#[derive(Debug, Default)]
pub(super) struct ProgressCounter {
    done: AtomicU64,
    total: Option<u64>,
}

impl ProgressCounter {
    /// A counter over recordings of so many bytes in all, where that is known.
    pub(super) fn new(total: Option<u64>) -> Self {
        Self { done: AtomicU64::new(0), total }
    }

    /// To be called after each block of one recording: hears cancellation and reports the bytes
    /// read.
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
