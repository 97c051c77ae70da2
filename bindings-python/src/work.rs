//! Work without the interpreter: Rust works on a thread of its own while the calling thread waits
//! detached. The calling thread looks up every few milliseconds to deliver progress and to hear of
//! signals (Ctrl-C), and at once when the work wants bytes of a Python file. So Python code runs on
//! the caller's thread only. Work that is cancelled and does not stop soon, in a stage that does
//! not ask, is left to end by itself: nobody waits for it.
//!
//! Each piece of work has threads of core's for itself ([`host::on_own`]): a file that keeps its
//! reader waiting holds up no other call.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt::Display;
use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use callweave::error::{Error, ErrorKind, Stage};
use callweave::host;
use callweave::run::{Cancel, Progress, RunOptions};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::raise;

/// How often the waiting thread looks up: half of it is the mean delay of Ctrl-C.
const LOOK_UP: Duration = Duration::from_millis(10);

/// How long cancelled work is waited for. Together with [`LOOK_UP`] it stays below the 50 ms after
/// which Ctrl-C feels late.
const GRACE: Duration = Duration::from_millis(25);

/// How many bytes are asked of a Python file at a time.
const CHUNK: usize = 1 << 18;

/// What the working threads and the waiting one tell each other.
#[derive(Default)]
struct Board {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    progress: Option<Progress>,
    done: bool,
    /// Files of which bytes are wanted.
    wanted: VecDeque<usize>,
    /// What came of each file, until its reader takes it.
    supplied: Vec<Option<io::Result<Vec<u8>>>>,
    /// Nobody looks after files any more.
    dismissed: bool,
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the work is done, wants bytes, or it is time to look up.
    fn wait(&self) -> bool {
        let idle = |state: &mut State| !state.done && state.wanted.is_empty();
        let waited = self.changed.wait_timeout_while(self.lock(), LOOK_UP, idle);
        waited.unwrap_or_else(PoisonError::into_inner).0.done
    }

    /// Lets every reader fail from now on, and waits until the work is done, but not longer than
    /// until then.
    fn dismiss(&self, until: Instant) {
        let mut state = self.lock();
        state.dismissed = true;
        self.changed.notify_all();
        let patience = until.saturating_duration_since(Instant::now());
        drop(self.changed.wait_timeout_while(state, patience, |state| !state.done));
    }

    fn supply(&self, file: usize, bytes: io::Result<Vec<u8>>) {
        self.lock().supplied[file] = Some(bytes);
        self.changed.notify_all();
    }

    /// Asks the waiting thread for the next bytes of a file.
    fn demand(&self, file: usize) -> io::Result<Vec<u8>> {
        let mut state = self.lock();
        state.wanted.push_back(file);
        self.changed.notify_all();
        let arrived = self.changed.wait_while(state, |state| state.supplied[file].is_none() && !state.dismissed);
        let mut state = arrived.unwrap_or_else(PoisonError::into_inner);
        state.supplied[file].take().unwrap_or_else(|| Err(io::Error::other("cancelled")))
    }
}

/// A Python file as seen by the working threads.
pub struct FileReader {
    board: Arc<Board>,
    file: usize,
    chunk: io::Cursor<Vec<u8>>,
}

impl Read for FileReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.chunk.read(out)?;
        if read > 0 || out.is_empty() {
            return Ok(read);
        }
        self.chunk = io::Cursor::new(self.board.demand(self.file)?);
        self.chunk.read(out)
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

thread_local! {
    /// What stops the work that this thread starts.
    static SWITCH: RefCell<Option<Cancel>> = const { RefCell::new(None) };
}

/// A switch that another thread throws to stop what [`Switch::enter`] surrounds.
#[pyclass(frozen, module = "callweave._callweave")]
#[derive(Default)]
pub struct Switch(Cancel);

#[pymethods]
impl Switch {
    /// A switch that nobody has thrown.
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Stops the work.
    fn cancel(&self) {
        self.0.cancel();
    }
}

impl Switch {
    /// Work that this thread starts listens to the switch until this is dropped.
    pub fn enter(&self) -> Entered {
        Entered(SWITCH.replace(Some(self.0.clone())))
    }
}

/// What the thread listened to before.
pub struct Entered(Option<Cancel>);

impl Drop for Entered {
    fn drop(&mut self) {
        SWITCH.set(self.0.take());
    }
}

/// The switch that this thread listens to, or one that nobody throws.
pub fn switch() -> Cancel {
    SWITCH.with_borrow(|switch| switch.clone().unwrap_or_default())
}

/// One piece of work for one call from Python.
pub struct Work<'py> {
    py: Python<'py>,
    board: Arc<Board>,
    files: Vec<Bound<'py, PyAny>>,
    progress: Option<Bound<'py, PyAny>>,
    threads: Option<usize>,
    reads_ahead: Option<u64>,
}

impl<'py> Work<'py> {
    /// Work that calls `progress(stage, bytes_done, bytes_total)` on the calling thread, and is
    /// done on so many threads; `None`: as many as the machine has.
    pub fn new(py: Python<'py>, progress: Option<Bound<'py, PyAny>>, threads: Option<usize>) -> Self {
        Self { py, board: Arc::default(), files: Vec::new(), progress, threads, reads_ahead: None }
    }

    /// Work that is done while the caller is elsewhere: its files are read into memory before, each
    /// up to so many bytes.
    pub fn ahead(py: Python<'py>, limit: u64) -> Self {
        Self { reads_ahead: Some(limit), ..Self::new(py, None, None) }
    }

    /// How many bytes of a file are read before the work, where that is so.
    pub fn reads_ahead(&self) -> Option<u64> {
        self.reads_ahead
    }

    /// The interpreter it belongs to.
    pub fn py(&self) -> Python<'py> {
        self.py
    }

    /// A reader over an object with `read(size)`.
    pub fn reader(&mut self, file: Bound<'py, PyAny>) -> FileReader {
        self.files.push(file);
        self.board.lock().supplied.push(None);
        FileReader { board: self.board.clone(), file: self.files.len() - 1, chunk: io::Cursor::default() }
    }

    /// Does it with the interpreter released. An exception of a file's, of `progress` or of a
    /// signal's cancels it and is raised when it has stopped, or has not for a while.
    pub fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&RunOptions) -> callweave::Result<T> + Send + 'static,
    ) -> PyResult<T> {
        let cancel = switch();
        let progress = self.progress.as_ref().map(|_| listener(&self.board));
        // The threads are there already when core is called: it makes no more.
        let run = RunOptions { cancel: cancel.clone(), progress, ..RunOptions::default() };
        let done = Done(self.board.clone());
        let threads = self.threads;
        let worker = thread::Builder::new().spawn(move || {
            let _done = done;
            host::on_own(threads, || work(&run))
        });
        self.attend(&cancel)?;
        let result = worker.map_err(no_thread).and_then(|worker| self.py.detach(|| joined(worker)));
        result.map_err(|e| raise(self.py, e))
    }

    /// Stays with the work to its end; the first exception cancels it.
    fn attend(&self, cancel: &Cancel) -> PyResult<()> {
        loop {
            let board = &*self.board;
            let done = self.py.detach(|| board.wait());
            if let Err(first) = self.look_up() {
                cancel.cancel();
                self.py.detach(|| board.dismiss(Instant::now() + GRACE));
                return Err(first);
            }
            if done {
                return Ok(());
            }
            if cancel.is_cancelled() {
                self.py.detach(|| board.dismiss(Instant::now() + GRACE));
                return Err(raise(self.py, Error::cancelled(Stage::Input)));
            }
        }
    }

    fn look_up(&self) -> PyResult<()> {
        self.py.check_signals()?;
        let news = self.board.lock().progress.take();
        if let (Some(hear), Some(p)) = (&self.progress, news) {
            hear.call1((p.stage.name(), p.bytes_done, p.bytes_total))?;
        }
        loop {
            let Some(file) = self.board.lock().wanted.pop_front() else { return Ok(()) };
            match read_chunk(&self.files[file]) {
                Ok(bytes) => self.board.supply(file, Ok(bytes)),
                Err(error) => {
                    self.board.supply(file, Err(io::Error::other("the file's read() raised an exception")));
                    return Err(error);
                }
            }
        }
    }
}

fn joined<T>(worker: JoinHandle<callweave::Result<T>>) -> callweave::Result<T> {
    let broken = |_| Err(Error::new(ErrorKind::Internal, Stage::Input, "a thread of work broke off"));
    worker.join().unwrap_or_else(broken)
}

fn no_thread(error: impl Display) -> Error {
    Error::new(ErrorKind::Io, Stage::Config, format!("no thread to work on: {error}"))
}

/// The next bytes of a Python file.
pub fn read_chunk(file: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let chunk = file.call_method1("read", (CHUNK,))?;
    match chunk.cast::<PyBytes>() {
        Ok(bytes) => Ok(bytes.as_bytes().to_vec()),
        Err(_) if chunk.hasattr("encode")? => {
            Err(pyo3::exceptions::PyTypeError::new_err("the file was opened as text; open it in binary mode"))
        }
        Err(_) => chunk.extract(),
    }
}

fn listener(board: &Arc<Board>) -> callweave::run::OnProgress {
    let board = board.clone();
    Arc::new(move |progress| board.lock().progress = Some(progress))
}
