//! Work side by side, on the threads that the caller allows: the only place that names rayon.
//!
//! Nothing here decides what is computed: pieces of work are cut the same way, and their results put together in the same
//! order, whatever the number of threads.

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, ErrorKind, Result, Stage};

/// Threads of their own.
pub(crate) struct Pool(ThreadPool);

impl Pool {
    /// So many threads; 0: as many as the machine has.
    ///
    /// # Errors
    /// `io` where the system has none.
    pub(crate) fn new(threads: usize) -> Result<Self> {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build();
        let failed = |e| Error::new(ErrorKind::Io, Stage::Config, format!("no threads to work on: {e}"));
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

/// Does some work on a thread of the pool that all share, where the calling thread is not one of a pool already.
pub(crate) fn pooled<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    rayon::scope(|_| work())
}

/// How many threads there are to work on.
pub(crate) fn count() -> usize {
    rayon::current_num_threads()
}

/// Two pieces of work side by side.
pub(crate) fn join<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    rayon::join(a, b)
}

/// The same work on each item, side by side; the results in the order of the items.
pub(crate) fn map<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Send + Sync) -> Vec<R> {
    items.into_par_iter().map(work).collect()
}

/// A piece of work that any thread may do.
pub(crate) type Job<'a> = Box<dyn FnOnce() + Send + 'a>;

/// Does some work on the calling thread, and jobs on others beside it. What no other thread takes is done here afterwards, where
/// the calling thread is one of the pool.
pub(crate) fn beside<R>(jobs: Vec<Job<'_>>, here: impl FnOnce() -> R) -> R {
    rayon::in_place_scope(|scope| {
        jobs.into_iter().for_each(|job| scope.spawn(|_| job()));
        here()
    })
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
}
