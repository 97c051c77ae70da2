//! Progress bars on standard error, if that is a terminal and the work takes long enough.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::run::{Progress, RunOptions};

/// Fewest bytes for which a bar is shown.
const WORTH_A_BAR: u64 = 4 << 20;

/// A bar that disappears when dropped.
pub(super) struct Bar(ProgressBar);

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A bar that counts calls, if it would be visible.
pub(super) struct Counted(Option<Bar>);

impl Counted {
    /// Creates a bar for this many calls.
    pub(super) fn new(calls: u64) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::with_draw_target(Some(calls), ProgressDrawTarget::stderr_with_hz(10));
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} calls, {eta} left") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(Some(Bar(bar)))
    }

    /// Counts one call.
    pub(super) fn advance(&self) {
        if let Some(Bar(bar)) = &self.0 {
            bar.inc(1);
        }
    }

    /// Prints something while the bar is hidden.
    pub(super) fn aside(&self, print: impl FnOnce()) {
        match &self.0 {
            Some(Bar(bar)) => bar.suspend(print),
            None => print(),
        }
    }
}

/// Returns options whose progress is shown in a bar, if that would be visible.
pub(super) fn watched(run: &RunOptions) -> (RunOptions, Option<Bar>) {
    let mut watched = run.clone();
    if !std::io::stderr().is_terminal() {
        return (watched, None);
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}, {eta} left") {
        bar.set_style(style);
    }
    let (shown, before) = (bar.clone(), run.progress.clone());
    watched.progress = Some(Arc::new(move |progress: Progress| {
        if let Some(hear) = &before {
            hear(progress);
        }
        let Some(total) = progress.bytes_total.filter(|&total| total >= WORTH_A_BAR) else { return };
        if shown.length().is_none() {
            shown.set_length(total);
            shown.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
            shown.enable_steady_tick(Duration::from_millis(200));
        }
        shown.set_position(progress.bytes_done);
    }));
    (watched, Some(Bar(bar)))
}
