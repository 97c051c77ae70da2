//! Threads to work on, kept from call to call: new ones each time would cost time, and memory, which the system's allocator
//! keeps apart for each.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use callweave::Result;
use callweave::error::{Error, ErrorKind, Stage};
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Threads that nobody works on; never more of a kind than worked at one time.
static IDLE: Mutex<Vec<ThreadPool>> = Mutex::new(Vec::new());

/// Lets the event loop's thread go first where threads wait for a processor. Linux alone counts priorities by thread; where it
/// is not allowed, the thread works as it is.
#[cfg(target_os = "linux")]
fn step_back() {
    use rustix::{process, thread};
    /// Steps of `nice` below the thread that began the work: about a tenth of its share where processors are short.
    const NICE: i32 = 10;
    let this = Some(thread::gettid());
    if let Ok(priority) = process::getpriority_process(this) {
        let _ = process::setpriority_process(this, (priority + NICE).min(19));
    }
}

#[cfg(not(target_os = "linux"))]
fn step_back() {}

fn taken(threads: usize) -> Result<ThreadPool> {
    let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(at) = idle.iter().position(|pool| pool.current_num_threads() == threads) {
        return Ok(idle.swap_remove(at));
    }
    let pool = ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("callweave-{i}"));
    pool.start_handler(|_| step_back())
        .build()
        .map_err(|e| Error::new(ErrorKind::Io, Stage::Config, format!("no threads to work on: {e}")))
}

/// Does some work; where it panics, that is an error of this work alone. A panic must not reach libuv, which is C: it would end
/// the whole process.
pub fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(broken(panic.as_ref())))
}

fn broken(panic: &(dyn Any + Send)) -> Error {
    let said = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    let what = format!("the work broke off: {}", said.unwrap_or("no word why"));
    Error::new(ErrorKind::Internal, Stage::Input, what)
}

/// Does some work on so many threads and waits for it.
pub fn on<T: Send>(threads: u32, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let pool = taken(threads.max(1) as usize)?;
    let result = guarded(|| pool.install(work));
    IDLE.lock().unwrap_or_else(PoisonError::into_inner).push(pool);
    result
}
