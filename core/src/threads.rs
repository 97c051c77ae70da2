//! Runs work in parallel on the threads that the caller allows. The only module that names rayon.
//!
//! The number of threads does not affect results: work is divided in the same way, and its results
//! are combined in the same order.
//!
//! Pools are kept between calls, because starting threads takes time, and memory that the allocator
//! reserves per thread. A forked process does not have its parent's threads; it detects this by its
//! process id and starts its own.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

use rayon::prelude::*;
use rayon::{Scope, ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, ErrorKind, Result, Stage};

/// Called on each new thread.
static AT_START: OnceLock<fn()> = OnceLock::new();

/// The pools of this process that are kept.
static KEPT: Mutex<Kept> = Mutex::new(Kept { shared: None, idle: Vec::new() });

/// The process that owns the kept pools, or 0 if there are none.
static OWNER: AtomicU32 = AtomicU32::new(0);

/// Largest number of threads that a caller may request.
const MAX_THREADS: usize = 1024;

/// How often a forked process checks whether another of its threads has released the kept pools.
const LOOKS: usize = 1000;

struct Kept {
    /// The pool shared by all callers that request no number.
    shared: Option<Arc<Pool>>,
    /// Idle pools. Of each size there are never more than were in use at one time.
    idle: Vec<Pool>,
}

/// Sets a hook to call on each thread that starts from now on. The first hook stays.
pub fn at_start(hook: fn()) {
    AT_START.get_or_init(|| hook);
}

/// Returns how many threads can run at a time, as far as the system allows: processors, affinity,
/// quotas.
pub fn parallelism() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Runs work on a pool of its own with `threads` threads, by default as many as can run at a time,
/// and waits for it.
///
/// Work that blocks, for example on a reader supplied by the caller, does not delay other work. A
/// panic becomes an error of this work.
///
/// # Errors
/// Those of the work; `io` if the system cannot start threads; `internal` for a panic.
pub fn on_own<T: Send>(threads: Option<usize>, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let threads = threads.filter(|&count| count > 0).unwrap_or_else(parallelism);
    let pool = taken(threads)?;
    let result = guarded(|| pool.run(work));
    give_back(pool);
    result
}

/// Runs work on the calling thread. A panic becomes an error of this work.
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

/// Locks the kept pools. Returns `None` in a forked process whose parent held the lock, because the
/// thread that would release it does not exist.
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

/// Removes the pools of another process, whose threads do not exist here.
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

/// Returns the shared pool, or `None` if the system cannot start threads.
fn shared() -> Option<Arc<Pool>> {
    let mut kept = kept()?;
    if kept.shared.is_none() {
        kept.shared = Pool::new(parallelism()).ok().map(Arc::new);
    }
    kept.shared.clone()
}

/// Returns `true` if the calling thread belongs to a pool.
fn on_pool() -> bool {
    rayon::current_thread_index().is_some()
}

/// A pool of threads.
pub(crate) struct Pool(ThreadPool);

impl Pool {
    /// Creates a pool of `threads` threads; 0 means as many as the machine has.
    ///
    /// # Errors
    /// `invalid_argument` for more than 1024; `io` if the system cannot start them.
    pub(crate) fn new(threads: usize) -> Result<Self> {
        if threads > MAX_THREADS {
            return Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, "too many threads")
                .with_mismatch(threads, format!("at most {MAX_THREADS}")));
        }
        let pool = ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("callweave-{i}"));
        let pool = pool.start_handler(|_| AT_START.get().into_iter().for_each(|hook| hook())).build();
        let failed = |e| Error::new(ErrorKind::Io, Stage::Config, format!("cannot start threads: {e}")).caused_by(e);
        pool.map(Self).map_err(failed)
    }

    /// Returns the number of threads.
    pub(crate) fn size(&self) -> usize {
        self.0.current_num_threads()
    }

    /// Runs work on the pool and waits for it.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.0.install(work)
    }

    /// Starts work on the pool.
    pub(crate) fn begin(&self, work: impl FnOnce() + Send + 'static) {
        self.0.spawn(work);
    }
}

/// Runs work on the shared pool, unless the calling thread already belongs to a pool.
pub(crate) fn pooled<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    if on_pool() {
        return work();
    }
    match shared() {
        Some(pool) => pool.run(work),
        None => work(),
    }
}

/// Runs work on a separate pool, unless the calling thread already belongs to a pool.
///
/// # Errors
/// `io` if the system cannot start threads.
pub(crate) fn apart<T: Send>(threads: Option<usize>, work: impl FnOnce() -> T + Send) -> Result<T> {
    if threads.is_none() && on_pool() { Ok(work()) } else { on_own(threads, || Ok(work())) }
}

/// Returns the number of threads available to the current work.
pub(crate) fn count() -> usize {
    if on_pool() { rayon::current_num_threads() } else { shared().map_or(1, |pool| pool.size()) }
}

/// Runs two pieces of work in parallel.
pub(crate) fn join<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    pooled(|| if on_pool() { rayon::join(a, b) } else { (a(), b()) })
}

/// Applies the same work to each item in parallel. Results are in the order of the items.
pub(crate) fn map<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Send + Sync) -> Vec<R> {
    pooled(|| if on_pool() { items.into_par_iter().map(work).collect() } else { items.into_iter().map(work).collect() })
}

/// Drops something when a thread is free, if there are several: freeing much memory takes
/// milliseconds.
pub(crate) fn drop_later<T: Send + 'static>(thing: T) {
    if on_pool() && count() > 1 {
        rayon::spawn(move || drop(thing));
    }
}

/// Work that any thread may run.
pub(crate) type Job<'a> = Box<dyn FnOnce() + Send + 'a>;

/// Runs `here` on the calling thread, and jobs on other threads at the same time. If the calling
/// thread belongs to the pool, it runs the remaining jobs afterwards.
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

/// Runs work that may ask for a helper: the same work once more, on a thread that is free. Returns
/// when the work and all helpers have returned. Work must not wait for a helper, which may begin
/// late or never.
pub(crate) fn helped<W: Fn(&dyn Fn()) + Sync>(work: &W) {
    pooled(|| if on_pool() { rayon::in_place_scope(|scope| helping(scope, work)) } else { work(&|| ()) });
}

fn helping<'s, W: Fn(&dyn Fn()) + Sync>(scope: &Scope<'s>, work: &'s W) {
    work(&|| scope.spawn(move |scope| helping(scope, work)));
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
