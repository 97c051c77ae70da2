//! Lends a [`Source`] to symphonia's container readers, which own what they read from.
//!
//! A reader gets one end of a slot. The source is put into the slot for the duration of each call
//! and taken out again, so that counting, hashing and limits apply as everywhere else.

use std::io::{Error as IoError, ErrorKind as IoKind, Read, Result as IoResult, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use symphonia::core::io::{MediaSource, MediaSourceStream};

use super::source::Source;
use crate::error::Error;

/// The decoder's end of the slot.
#[derive(Default)]
pub(crate) struct Lender(Arc<Mutex<LentSource>>);

#[derive(Default)]
struct LentSource {
    source: Option<Source>,
    /// Cause of a failed read, kept because symphonia's error cannot carry it.
    error: Option<Error>,
}

/// Symphonia's end of the slot.
struct Borrower(Arc<Mutex<LentSource>>);

impl Lender {
    /// Returns a stream for one of symphonia's readers.
    pub(crate) fn stream(&self) -> MediaSourceStream<'static> {
        MediaSourceStream::new(Box::new(Borrower(self.0.clone())), Default::default())
    }

    /// Returns a reader for a source within the lent one.
    pub(crate) fn reader(&self) -> Box<dyn Read + Send> {
        Box::new(Borrower(self.0.clone()))
    }

    /// Lends the source for the duration of a call. Returns an error of the source itself as the
    /// second value.
    pub(crate) fn with<T>(&self, source: &mut Source, call: impl FnOnce() -> T) -> (T, Option<Error>) {
        self.slot().source = Some(std::mem::take(source));
        let answer = call();
        let mut slot = self.slot();
        // Always present: only this function puts it in and takes it out.
        *source = slot.source.take().unwrap_or_default();
        (answer, slot.error.take())
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, LentSource> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Read for Borrower {
    fn read(&mut self, to: &mut [u8]) -> IoResult<usize> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let LentSource { source: Some(source), error } = &mut *slot else { return Ok(0) };
        match source.peek(1) {
            Ok(bytes) => {
                let n = bytes.len().min(to.len());
                if let (Some(to), Some(from)) = (to.get_mut(..n), bytes.get(..n)) {
                    to.copy_from_slice(from);
                }
                source.consume(n);
                Ok(n)
            }
            Err(e) => {
                *error = Some(e);
                Err(IoError::other("the input failed"))
            }
        }
    }
}

impl Seek for Borrower {
    fn seek(&mut self, _: SeekFrom) -> IoResult<u64> {
        Err(IoError::from(IoKind::Unsupported))
    }
}

impl MediaSource for Borrower {
    fn is_seekable(&self) -> bool {
        false
    }

    fn byte_len(&self) -> Option<u64> {
        None
    }
}
