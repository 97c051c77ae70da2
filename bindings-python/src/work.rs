//! Work without the interpreter: Rust works on a thread of its own while the calling thread waits detached, and looks up
//! every few milliseconds to deliver progress and to hear of signals (Ctrl-C).

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use callweave::control::{Cancel, Control, Progress};
use pyo3::prelude::*;

use crate::error::raise;

/// How often the waiting thread looks up: half of it is the mean delay of Ctrl-C.
const LOOK_UP: Duration = Duration::from_millis(20);

/// What the working thread tells the waiting one.
#[derive(Default)]
struct Board {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    progress: Option<Progress>,
    done: bool,
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the work is done or it is time to look up.
    fn wait(&self) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), LOOK_UP, |state| !state.done);
        waited.unwrap_or_else(PoisonError::into_inner).0.done
    }
}

/// Says that the work is done however it ends, panic included.
struct Done(Arc<Board>);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.lock().done = true;
        self.0.changed.notify_all();
    }
}

/// Does `work` with the interpreter released. `progress(stage, bytes_done, bytes_total)` is called on this thread; an
/// exception there, or a signal's, cancels the work and is raised when it has stopped.
pub fn run<T: Send>(
    py: Python<'_>,
    progress: Option<&Bound<'_, PyAny>>,
    threads: Option<usize>,
    work: impl FnOnce(&Control) -> callweave::Result<T> + Send,
) -> PyResult<T> {
    let board = Arc::new(Board::default());
    let cancel = Cancel::default();
    let control = Control { cancel: cancel.clone(), progress: progress.map(|_| listener(&board)), threads };
    std::thread::scope(|scope| {
        let done = Done(board.clone());
        let worker = scope.spawn(move || {
            let _done = done;
            work(&control)
        });
        let interrupted = attend(py, &board, &cancel, progress);
        let result = py.detach(|| worker.join());
        interrupted?;
        match result {
            Ok(result) => result.map_err(|e| raise(py, e)),
            Err(_) => {
                let kind = callweave::error::ErrorKind::Internal;
                Err(raise(py, callweave::Error::new(kind, callweave::error::Stage::Input, "a thread of work broke off")))
            }
        }
    })
}

fn listener(board: &Arc<Board>) -> callweave::control::OnProgress {
    let board = board.clone();
    Arc::new(move |progress| board.lock().progress = Some(progress))
}

/// Stays with the work to its end; the first exception cancels it.
fn attend(py: Python<'_>, board: &Board, cancel: &Cancel, progress: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    let mut first = Ok(());
    loop {
        let done = py.detach(|| board.wait());
        if first.is_ok() {
            first = py.check_signals().and_then(|()| deliver(board, progress));
            if first.is_err() {
                cancel.cancel();
            }
        }
        if done {
            return first;
        }
    }
}

/// Hands the latest news on, once.
fn deliver(board: &Board, progress: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    let news = board.lock().progress.take();
    match (progress, news) {
        (Some(hear), Some(p)) => hear.call1((p.stage.name(), p.bytes_done, p.bytes_total)).map(|_| ()),
        _ => Ok(()),
    }
}
