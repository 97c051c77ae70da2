//! Work side by side, on the threads that the caller allows: the only place that names rayon.
//!
//! Nothing here decides what is computed: pieces of work are cut the same way, and their results
//! put together in the same order, whatever the number of threads.
//!
//! Threads are kept from call to call: new ones each time would cost time, and memory, which the
//! system's allocator keeps apart for each. A forked process has none of its parent's threads; it
//! notices by its process id and makes its own.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

use rayon::prelude::*;
use rayon::{Scope, ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, ErrorKind, Result, Stage};

/// Called on each thread as it starts.
static AT_START: OnceLock<fn()> = OnceLock::new();

/// The threads of this process that outlive a piece of work.
static KEPT: Mutex<Kept> = Mutex::new(Kept { shared: None, idle: Vec::new() });

/// The process whose threads these are; 0: none yet.
static OWNER: AtomicU32 = AtomicU32::new(0);

/// The most threads that a caller may ask for.
const MAX_THREADS: usize = 1024;

/// How often a process that is new to them looks whether another of its threads has let go of what
/// is kept.
const LOOKS: usize = 1000;

struct Kept {
    /// Those that all share who ask for no number.
    shared: Option<Arc<Pool>>,
    /// Those that nobody works on; never more of a size than worked at one time.
    idle: Vec<Pool>,
}

/// Has `hook` called on each thread that starts from now on; the first hook stays.
pub fn at_start(hook: fn()) {
    AT_START.get_or_init(|| hook);
}

/// How many threads can run at a time, as far as the system lets this process: processors,
/// affinity, quotas.
pub fn parallelism() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Does some work on threads of its own and waits for it: so many, or as many as can run at a time.
/// Work that waits, such as on a reader that the caller supplied, holds up no other. A panic is an
/// error of this work alone.
///
/// # Errors
/// Those of the work; `io` where the system has no threads; `internal` for a panic.
pub fn on_own<T: Send>(threads: Option<usize>, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let threads = threads.filter(|&count| count > 0).unwrap_or_else(parallelism);
    let pool = taken(threads)?;
    let result = guarded(|| pool.run(work));
    give_back(pool);
    result
}

/// Does some work on the calling thread; a panic is an error of this work alone.
///
/// # Errors
/// Those of the work; `internal` for a panic.
pub fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(broken(panic.as_ref())))
}

fn broken(panic: &(dyn Any + Send)) -> Error {
    let said = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    let what = format!("the work broke off: {}", said.unwrap_or("no word why"));
    Error::new(ErrorKind::Internal, Stage::Input, what)
}

/// What is kept. None in a forked process whose parent was just at it: a thread that is not there
/// any more holds it for ever.
fn kept() -> Option<MutexGuard<'static, Kept>> {
    let process = std::process::id();
    if OWNER.load(Ordering::Acquire) == process {
        return Some(KEPT.lock().unwrap_or_else(PoisonError::into_inner));
    }
    for _ in 0..LOOKS {
        match KEPT.try_lock() {
            Ok(kept) => return Some(owned(kept, process)),
            Err(TryLockError::Poisoned(kept)) => return Some(owned(kept.into_inner(), process)),
            Err(TryLockError::WouldBlock) => std::thread::yield_now(),
        }
    }
    None
}

/// What is kept, without the threads of another process: nothing can be said to threads that are
/// not there.
fn owned(mut kept: MutexGuard<'static, Kept>, process: u32) -> MutexGuard<'static, Kept> {
    if OWNER.swap(process, Ordering::AcqRel) != process {
        std::mem::forget((kept.shared.take(), std::mem::take(&mut kept.idle)));
    }
    kept
}

fn taken(threads: usize) -> Result<Pool> {
    let idle = kept().and_then(|mut kept| {
        let at = kept.idle.iter().position(|pool| pool.size() == threads)?;
        Some(kept.idle.swap_remove(at))
    });
    idle.map_or_else(|| Pool::new(threads), Ok)
}

fn give_back(pool: Pool) {
    if let Some(mut kept) = kept() {
        kept.idle.push(pool);
    }
}

/// The threads that all share; `None` where the system has none.
fn shared() -> Option<Arc<Pool>> {
    let mut kept = kept()?;
    if kept.shared.is_none() {
        kept.shared = Pool::new(parallelism()).ok().map(Arc::new);
    }
    kept.shared.clone()
}

/// Whether the calling thread is one of a pool's.
fn on_pool() -> bool {
    rayon::current_thread_index().is_some()
}

/// Threads of their own.
pub(crate) struct Pool(ThreadPool);

impl Pool {
    /// So many threads; 0: as many as the machine has.
    ///
    /// # Errors
    /// `invalid_argument` for more than 1024, `io` where the system has none.
    pub(crate) fn new(threads: usize) -> Result<Self> {
        if threads > MAX_THREADS {
            return Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, "threads")
                .with_mismatch(threads, format!("at most {MAX_THREADS}")));
        }
        let pool = ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("callweave-{i}"));
        let pool = pool.start_handler(|_| AT_START.get().into_iter().for_each(|hook| hook())).build();
        let failed = |e| Error::new(ErrorKind::Io, Stage::Config, format!("no threads to work on: {e}")).caused_by(e);
        pool.map(Self).map_err(failed)
    }

    /// How many threads these are.
    pub(crate) fn size(&self) -> usize {
        self.0.current_num_threads()
    }

    /// Does some work on these threads and waits for it.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.0.install(work)
    }

    /// Begins some work on these threads.
    pub(crate) fn begin(&self, work: impl FnOnce() + Send + 'static) {
        self.0.spawn(work);
    }
}

/// Does some work on a thread of the pool that all share, where the calling thread is not one of a
/// pool already.
pub(crate) fn pooled<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    if on_pool() {
        return work();
    }
    match shared() {
        Some(pool) => pool.run(work),
        None => work(),
    }
}

/// Does some work on threads of its own, where the calling thread is not one of a pool already.
///
/// # Errors
/// `io` where the system has none.
pub(crate) fn apart<T: Send>(threads: Option<usize>, work: impl FnOnce() -> T + Send) -> Result<T> {
    if threads.is_none() && on_pool() { Ok(work()) } else { on_own(threads, || Ok(work())) }
}

/// How many threads there are to work on.
pub(crate) fn count() -> usize {
    if on_pool() { rayon::current_num_threads() } else { shared().map_or(1, |pool| pool.size()) }
}

/// Two pieces of work side by side.
pub(crate) fn join<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    pooled(|| if on_pool() { rayon::join(a, b) } else { (a(), b()) })
}

/// The same work on each item, side by side; the results in the order of the items.
pub(crate) fn map<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Send + Sync) -> Vec<R> {
    pooled(|| if on_pool() { items.into_par_iter().map(work).collect() } else { items.into_iter().map(work).collect() })
}

/// A piece of work that any thread may do.
pub(crate) type Job<'a> = Box<dyn FnOnce() + Send + 'a>;

/// Does some work on the calling thread, and jobs on others beside it. What no other thread takes
/// is done here afterwards, where the calling thread is one of the pool.
pub(crate) fn beside<R>(jobs: Vec<Job<'_>>, here: impl FnOnce() -> R) -> R {
    if on_pool() {
        return rayon::in_place_scope(|scope| spawned(scope, jobs, here));
    }
    match shared() {
        Some(pool) => pool.0.in_place_scope(|scope| spawned(scope, jobs, here)),
        None => {
            let done = here();
            jobs.into_iter().for_each(|job| job());
            done
        }
    }
}

fn spawned<'a, R>(scope: &Scope<'a>, jobs: Vec<Job<'a>>, here: impl FnOnce() -> R) -> R {
    jobs.into_iter().for_each(|job| scope.spawn(|_| job()));
    here()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_once_and_in_order_on_any_number_of_threads() {
        for threads in [1, 2, 5] {
            let pool = Pool::new(threads).unwrap();
            assert_eq!(pool.run(count), threads);
            assert_eq!(
                pool.run(|| map((0..100).collect(), |n: u32| n * n)),
                (0..100).map(|n| n * n).collect::<Vec<_>>()
            );
            let mut done = [0; 20];
            let jobs = done.iter_mut().map(|d| Box::new(|| *d += 1) as Job<'_>).collect();
            assert_eq!(pool.run(|| beside(jobs, || 7)), 7);
            assert_eq!(done, [1; 20]);
        }
    }

    #[test]
    fn threads_that_are_not_in_a_pool_work_on_the_shared_one() {
        assert_eq!(pooled(count), count());
        assert_eq!(join(|| 1, || 2), (1, 2));
        assert_eq!(map(vec![1, 2, 3], |n: u32| n + 1), [2, 3, 4]);
        let mut done = [0; 3];
        let jobs = done.iter_mut().map(|d| Box::new(|| *d += 1) as Job<'_>).collect();
        assert_eq!(beside(jobs, || 7), 7);
        assert_eq!(done, [1; 3]);
    }

    #[test]
    fn a_panic_is_an_error_of_that_work_alone() {
        for number in [1, 3] {
            let broken = on_own(Some(number), || -> Result<()> { panic!("nobody thought of {number}") }).unwrap_err();
            assert_eq!(broken.kind(), ErrorKind::Internal);
            assert!(broken.message().contains(&format!("nobody thought of {number}")), "{broken}");
            assert_eq!(on_own(Some(number), || Ok(count())).unwrap(), number);
        }
        let broken = guarded(|| -> Result<()> { std::panic::panic_any(7) }).unwrap_err();
        assert_eq!(broken.kind(), ErrorKind::Internal);
    }

    #[test]
    fn threads_are_kept_and_another_process_forgets_them() {
        // A size that no other test asks for, so that none takes them meanwhile.
        const SIZE: usize = 7;
        let names = || on_own(Some(SIZE), || Ok(std::thread::current().id())).unwrap();
        let idle = || kept().map_or(0, |kept| kept.idle.iter().filter(|pool| pool.size() == SIZE).count());
        names();
        while idle() != 1 {
            std::thread::yield_now();
            names();
        }
        OWNER.store(0, Ordering::Release);
        assert!(kept().is_none_or(|kept| kept.idle.iter().all(|pool| pool.size() != SIZE)));
        names();
    }
}
