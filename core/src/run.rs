//! Cancellation, progress, threads and timings of a run.
//!
//! The work checks for cancellation at every block of audio.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Result, Stage};

/// A switch that cancels work.
///
/// Clones share one state: keep one, and pass another to [`RunOptions`].
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Creates a switch from a flag that other code sets, for example a signal handler.
    pub fn from_flag(flag: Arc<AtomicBool>) -> Self {
        Self(flag)
    }

    /// Cancels the work. It stops at its next block.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Returns `true` if the work has been cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Returns an error if the work has been cancelled.
    ///
    /// # Errors
    /// [`Cancelled`](crate::ErrorKind::Cancelled) after [`Cancel::cancel`].
    pub fn check(&self, stage: Stage) -> Result<()> {
        if self.is_cancelled() { Err(Error::cancelled(stage)) } else { Ok(()) }
    }

    /// Returns a guard that cancels the work when it is dropped.
    ///
    /// ```
    /// use callweave::Cancel;
    ///
    /// let cancel = Cancel::default();
    /// drop(cancel.drop_guard());
    /// assert!(cancel.is_cancelled());
    /// cancel.drop_guard().disarm();
    /// ```
    #[must_use]
    pub fn drop_guard(&self) -> CancelGuard {
        CancelGuard(Some(self.clone()))
    }
}

/// Cancels the work when dropped; created by [`Cancel::drop_guard`].
#[derive(Debug)]
pub struct CancelGuard(Option<Cancel>);

impl CancelGuard {
    /// Drops the guard without cancelling the work.
    pub fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for CancelGuard {
    fn drop(&mut self) {
        if let Some(cancel) = &self.0 {
            cancel.cancel();
        }
    }
}

/// The progress of the work.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// The current stage.
    pub stage: Stage,
    /// Bytes of the inputs read so far.
    pub bytes_done: u64,
    /// Total bytes of the inputs, if known.
    pub bytes_total: Option<u64>,
}

/// A progress callback. It may be called from any thread.
pub type OnProgress = Arc<dyn Fn(Progress) + Send + Sync>;

/// Options of a run: cancellation, progress, threads and timings.
///
/// They never change the result.
#[derive(Clone, Default)]
pub struct RunOptions {
    /// Cancels the work.
    pub cancel: Cancel,
    /// Receives the progress, at most once per block of audio.
    pub progress: Option<OnProgress>,
    /// Number of threads to use. `None` means as many as the machine has.
    pub threads: Option<usize>,
    /// Collects how long each step takes.
    pub timings: Option<Timings>,
}

/// Wall-clock time of each step, in the order in which the steps began.
///
/// Clones share one state: keep one, and pass another to [`RunOptions`]. Timings are not part of
/// any report.
#[derive(Debug, Clone, Default)]
pub struct Timings(Arc<Mutex<Vec<(&'static str, Duration)>>>);

impl Timings {
    /// Returns the finished steps with their total durations.
    pub fn steps(&self) -> Vec<(&'static str, Duration)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, name: &'static str, took: Duration) {
        let mut steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match steps.iter_mut().find(|(step, _)| *step == name) {
            Some((_, sum)) => *sum += took,
            None => steps.push((name, took)),
        }
    }
}

impl RunOptions {
    /// Sets the switch that cancels the work.
    #[must_use]
    pub fn with_cancel(mut self, cancel: &Cancel) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// Sets a progress callback, which may be called from any thread.
    #[must_use]
    pub fn with_progress(mut self, progress: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(progress));
        self
    }

    /// Sets the number of threads.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Collects the duration of each step in `timings`.
    #[must_use]
    pub fn with_timings(mut self, timings: &Timings) -> Self {
        self.timings = Some(timings.clone());
        self
    }

    /// Runs one step of the work, and records its duration if timings are collected. With the
    /// feature `tracing`, the step is a span with this name.
    pub(crate) fn step<T>(&self, name: &'static str, work: impl FnOnce() -> T) -> T {
        #[cfg(feature = "tracing")]
        let _entered = span(name);
        let begun = self.timings.as_ref().map(|_| Instant::now());
        let done = work();
        if let (Some(timings), Some(begun)) = (&self.timings, begun) {
            timings.note(name, begun.elapsed());
        }
        done
    }

    /// Returns an error if the caller has cancelled the work.
    ///
    /// # Errors
    /// [`Cancelled`](crate::ErrorKind::Cancelled) after [`Cancel::cancel`].
    pub fn check(&self, stage: Stage) -> Result<()> {
        self.cancel.check(stage)
    }

    /// Reports progress to the caller's callback, if there is one.
    pub fn report(&self, progress: Progress) {
        if let Some(hear) = &self.progress {
            hear(progress);
        }
    }
}

/// Enters the span of a step. It has a name and no fields, so no personal data.
#[cfg(feature = "tracing")]
fn span(name: &str) -> tracing::span::EnteredSpan {
    macro_rules! named {
        ($($name:literal)+) => {
            match name {
                $($name => tracing::info_span!(target: "callweave", $name),)+
                _ => tracing::Span::none(),
            }
        };
    }
    named!("describe" "analyze" "join" "place" "gate" "separate" "measure" "report" "write" "mix").entered()
}

impl fmt::Debug for RunOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunOptions")
            .field("cancel", &self.cancel)
            .field("progress", &self.progress.is_some())
            .field("threads", &self.threads)
            .field("timings", &self.timings.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_guard_cancels_when_dropped_unless_disarmed() {
        let cancel = Cancel::default();
        let options = RunOptions::default().with_cancel(&cancel).with_threads(2);
        cancel.drop_guard().disarm();
        assert!(options.check(Stage::Decode).is_ok());
        drop(cancel.drop_guard());
        assert_eq!(options.check(Stage::Mix).unwrap_err().stage(), Stage::Mix);
    }

    #[test]
    fn steps_are_noted_where_they_are_asked_for() {
        let timings = Timings::default();
        let run = RunOptions::default().with_timings(&timings);
        for name in ["a", "b", "a"] {
            assert_eq!(run.step(name, || 7), 7);
        }
        assert_eq!(timings.steps().iter().map(|step| step.0).collect::<Vec<_>>(), ["a", "b"]);
        RunOptions::default().step("c", || ());
        assert_eq!(timings.steps().len(), 2);
    }

    #[test]
    fn a_cancelled_control_fails_every_check() {
        let run = RunOptions::default();
        assert!(run.check(Stage::Decode).is_ok());
        run.cancel.clone().cancel();
        assert_eq!(run.check(Stage::Decode).unwrap_err().kind(), ErrorKind::Cancelled);
    }
}
