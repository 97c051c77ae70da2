//! Threads to work on, kept from call to call: new ones each time would cost time, and memory, which the system's allocator
//! keeps apart for each.

use std::sync::{Mutex, PoisonError};

use callweave::Result;
use callweave::error::{Error, ErrorKind, Stage};
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Threads that nobody works on; never more of a kind than worked at one time.
static IDLE: Mutex<Vec<ThreadPool>> = Mutex::new(Vec::new());

fn taken(threads: usize) -> Result<ThreadPool> {
    let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(at) = idle.iter().position(|pool| pool.current_num_threads() == threads) {
        return Ok(idle.swap_remove(at));
    }
    let pool = ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("callweave-{i}")).build();
    pool.map_err(|e| Error::new(ErrorKind::Io, Stage::Config, format!("no threads to work on: {e}")))
}

/// Does some work on so many threads and waits for it.
pub fn on<T: Send>(threads: u32, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let pool = taken(threads.max(1) as usize)?;
    let result = pool.install(work);
    IDLE.lock().unwrap_or_else(PoisonError::into_inner).push(pool);
    result
}
