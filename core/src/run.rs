//! What a caller holds while work goes on: cancellation, progress and the number of threads. Asked
//! at every block.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Result, Stage};

/// A switch that stops work: clone it, keep one, give the other to [`RunOptions`].
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A switch that some other part of the program holds too, such as a handler of signals.
    pub fn from_flag(flag: Arc<AtomicBool>) -> Self {
        Self(flag)
    }

    /// Stops the work at its next block.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the work shall stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Fails with `cancelled` where the work shall stop.
    ///
    /// # Errors
    /// `cancelled`.
    pub fn check(&self, stage: Stage) -> Result<()> {
        if self.is_cancelled() { Err(Error::cancelled(stage)) } else { Ok(()) }
    }

    /// A guard that stops the work when it is dropped: for a caller who may leave early.
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

/// Stops the work when it is dropped; made by [`Cancel::drop_guard`].
#[derive(Debug)]
pub struct CancelGuard(Option<Cancel>);

impl CancelGuard {
    /// Drops the guard without stopping the work.
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

/// How far the work has come.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// The stage at work.
    pub stage: Stage,
    /// Bytes of the inputs that have been read.
    pub bytes_done: u64,
    /// Bytes of the inputs in all, where they are known.
    pub bytes_total: Option<u64>,
}

/// Called with the progress, from any thread.
pub type OnProgress = Arc<dyn Fn(Progress) + Send + Sync>;

/// How a caller steers and watches the work. The result never depends on it.
#[derive(Clone, Default)]
pub struct RunOptions {
    /// Stops the work.
    pub cancel: Cancel,
    /// Hears of the progress, at most once per block of audio.
    pub progress: Option<OnProgress>,
    /// How many threads may work; `None`: as many as the machine has.
    pub threads: Option<usize>,
    /// Notes how long each step takes.
    pub timings: Option<Timings>,
}

/// How long each step of the work took, by the clock on the wall, in the order in which they began:
/// clone it, keep one, give the other to [`RunOptions`]. No report depends on it.
#[derive(Debug, Clone, Default)]
pub struct Timings(Arc<Mutex<Vec<(&'static str, Duration)>>>);

impl Timings {
    /// The steps that have ended, each with its sum.
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
    /// The same options with a switch that stops the work.
    #[must_use]
    pub fn with_cancel(mut self, cancel: &Cancel) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// The same options with a function that is told of the progress, from any thread.
    #[must_use]
    pub fn with_progress(mut self, progress: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(progress));
        self
    }

    /// The same options with a number of threads.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// The same options with a note of how long each step takes.
    #[must_use]
    pub fn with_timings(mut self, timings: &Timings) -> Self {
        self.timings = Some(timings.clone());
        self
    }

    /// Does a step of the work, and notes how long it takes where that is asked for.
    pub(crate) fn step<T>(&self, name: &'static str, work: impl FnOnce() -> T) -> T {
        let begun = self.timings.as_ref().map(|_| Instant::now());
        let done = work();
        if let (Some(timings), Some(begun)) = (&self.timings, begun) {
            timings.note(name, begun.elapsed());
        }
        done
    }

    /// Fails with `cancelled` where the caller has asked to stop.
    ///
    /// # Errors
    /// `cancelled`.
    pub fn check(&self, stage: Stage) -> Result<()> {
        self.cancel.check(stage)
    }

    /// Tells the caller how far the work has come.
    pub fn report(&self, progress: Progress) {
        if let Some(hear) = &self.progress {
            hear(progress);
        }
    }
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
