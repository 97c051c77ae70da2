//! Many calls in parallel: one thread per call, results in the order of the calls, bounded memory.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::error::{Result, Stage};
use crate::report::Report;
use crate::run::{Cancel, RunOptions};
use crate::threads::{Pool, guarded};

use super::{CallInput, Processed, analyze, process};

/// How often a waiting caller checks for cancellation.
const LOOK_UP: Duration = Duration::from_millis(20);

/// Results queued per thread by default. They may hold a call's samples.
const LARGE_RESULTS: usize = 1;
/// Results queued per thread for reports, so that a long call does not hold up the others.
const SMALL_RESULTS: usize = 32;

/// The work to do with each call.
type CallWork<C, T> = Arc<dyn Fn(C, &RunOptions) -> Result<T> + Send + Sync>;

/// Called when a result is available.
type OnResult = Arc<OnceLock<Box<dyn Fn() + Send + Sync>>>;

/// A queue of calls in progress. Results come out in the order in which calls were pushed.
///
/// Each thread works on one call at a time, so no call waits for part of another. At most two calls
/// per thread are queued or running, and as many results wait to be taken (see [`Batch::is_full`],
/// and [`Batch::keep`] for small results). Memory therefore does not grow with the number of calls.
///
/// A call that fails, even by a panic, becomes an error in its place and does not affect the
/// others. No result depends on the number of threads. Dropping the batch cancels the work.
pub struct Batch<C, T> {
    work: CallWork<C, T>,
    threads: usize,
    keep: usize,
    crew: Workers<C>,
    come: OnResult,
    /// The caller's switch.
    asked: Cancel,
    /// The options passed to the work.
    run: RunOptions,
    begun: u64,
    given: u64,
    waiting: BTreeMap<u64, Result<T>>,
    sender: Sender<(u64, Result<T>)>,
    receiver: Receiver<(u64, Result<T>)>,
}

/// The worker threads and their queue.
struct Workers<C> {
    calls: Sender<(u64, C)>,
    /// Threads for one call each. They end when no more calls can come.
    _pools: Vec<Pool>,
}

impl<C: Send + 'static, T: Send + 'static> Batch<C, T> {
    /// Creates a batch that does `work` with each call, on as many threads as `run` allows.
    ///
    /// Progress callbacks of single calls are not passed on; count the results instead.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) if the system cannot start threads.
    pub fn new(run: &RunOptions, work: impl Fn(C, &RunOptions) -> Result<T> + Send + Sync + 'static) -> Result<Self> {
        let threads = Pool::new(run.threads.unwrap_or(0))?.size();
        let (sender, receiver) = channel();
        let (work, own): (CallWork<C, T>, RunOptions) = (Arc::new(work), RunOptions::default());
        let come = OnResult::default();
        let crew = Workers::new((threads, 1), &work, &own, (&sender, &come))?;
        let (begun, given, waiting) = (0, 0, BTreeMap::new());
        let (keep, asked) = (LARGE_RESULTS * threads, run.cancel.clone());
        Ok(Self { work, threads, keep, crew, come, asked, run: own, begun, given, waiting, sender, receiver })
    }

    /// Sets how many results may wait to be taken, at least one per thread. A larger number keeps
    /// all threads busy behind a long call. Meant for small results.
    #[must_use]
    pub fn keep(mut self, results: usize) -> Self {
        self.keep = results.max(self.threads);
        self
    }

    /// Calls `hear` on a worker's thread as each result becomes available, in any order. Meant for
    /// callers that cannot block.
    #[must_use]
    pub fn on_result(self, hear: impl Fn() + Send + Sync + 'static) -> Self {
        self.come.get_or_init(|| Box::new(hear));
        self
    }

    /// Queues a call. Callers must respect [`Batch::is_full`].
    pub fn push(&mut self, call: C) {
        // The crew ends no earlier than the batch.
        let _ = self.crew.calls.send((self.begun, call));
        self.begun += 1;
    }

    /// Returns `true` if results must be taken before more calls are pushed.
    pub fn is_full(&self) -> bool {
        let under_way = self.begun - self.given;
        let in_work = under_way - self.waiting.len() as u64;
        in_work >= 2 * self.threads as u64 || under_way >= (self.threads + self.keep) as u64
    }

    /// Returns `true` if the results of all pushed calls have been taken.
    pub fn is_empty(&self) -> bool {
        self.begun == self.given
    }

    /// Returns the next result in order, or `None` if it is not available within `patience` or no
    /// call is in progress. After cancellation, calls in progress return `cancelled`.
    pub fn take(&mut self, patience: Duration) -> Option<Result<T>> {
        let begun = Instant::now();
        while !self.is_empty() {
            if let Some(result) = self.ready() {
                return Some(result);
            }
            let left = patience.saturating_sub(begun.elapsed());
            if !self.receive(left.min(LOOK_UP)) && left.is_zero() {
                return None;
            }
        }
        None
    }

    /// Returns the next result in order, if it is available.
    fn ready(&mut self) -> Option<Result<T>> {
        let result = self.waiting.remove(&self.given)?;
        self.given += 1;
        Some(result)
    }

    /// Waits for any result, and returns whether one arrived.
    fn receive(&mut self, patience: Duration) -> bool {
        if self.asked.is_cancelled() {
            self.run.cancel.cancel();
        }
        let received = self.receiver.recv_timeout(patience).ok();
        received.map(|(index, result)| self.waiting.insert(index, result)).is_some()
    }

    /// Maps calls to results, in order, pulling from the iterator lazily.
    ///
    /// Ends early if the caller cancels. With fewer calls than threads, each call gets a share of
    /// the threads.
    pub fn over<I: IntoIterator<Item = C>>(mut self, calls: I) -> impl Iterator<Item = Result<T>> {
        let mut calls = calls.into_iter().fuse();
        if let (_, Some(most)) = calls.size_hint() {
            self.share(most);
        }
        std::iter::from_fn(move || {
            loop {
                while !self.is_full() && !self.asked.is_cancelled() {
                    let Some(call) = calls.next() else { break };
                    self.push(call);
                }
                if self.is_empty() {
                    return None;
                }
                if let Some(result) = self.ready() {
                    return Some(result);
                }
                self.receive(LOOK_UP);
            }
        })
    }

    /// Gives each of a few calls more than one thread, if there are spare threads and no call is in
    /// progress yet.
    fn share(&mut self, calls: usize) {
        let each = self.threads / calls.max(1);
        if each > 1
            && self.begun == 0
            && let Ok(crew) = Workers::new((calls.max(1), each), &self.work, &self.run, (&self.sender, &self.come))
        {
            self.crew = crew;
        }
    }
}

impl<C: Send + 'static> Workers<C> {
    /// Starts `count` workers, each with threads of its own.
    fn new<T: Send + 'static>(
        (count, threads): (usize, usize),
        work: &CallWork<C, T>,
        run: &RunOptions,
        (results, come): (&Sender<(u64, Result<T>)>, &OnResult),
    ) -> Result<Self> {
        let (calls, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        let pools = (0..count).map(|_| Pool::new(threads)).collect::<Result<Vec<_>>>()?;
        for pool in &pools {
            let (queue, work, run) = (queue.clone(), work.clone(), run.clone());
            let (results, come) = (results.clone(), come.clone());
            pool.begin(move || {
                while let Some((index, call)) = next(&queue) {
                    let stopped = run.check(Stage::Input);
                    let worked = guarded(|| stopped.and_then(|()| work(call, &run)));
                    // Where nobody waits any more, nobody misses it.
                    let _ = results.send((index, worked));
                    if let Some(hear) = come.get() {
                        hear();
                    }
                }
            });
        }
        Ok(Self { calls, _pools: pools })
    }
}

/// Waits for the next call of a queue. Returns `None` if no more can come.
fn next<C>(queue: &Mutex<Receiver<(u64, C)>>) -> Option<(u64, C)> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

impl<C, T> Drop for Batch<C, T> {
    fn drop(&mut self) {
        self.run.cancel.cancel();
    }
}

/// Processes many calls in parallel and keeps their tracks. Returns an iterator over the results,
/// in order.
///
/// A call that cannot be opened is passed in as its error and comes out as such.
///
/// ```no_run
/// use callweave::{CallInput, Config, RunOptions, process_batch};
///
/// let manifests = ["a/manifest.json", "b/manifest.json"];
/// let calls = manifests.map(|path| CallInput::open(&[path]));
/// for call in process_batch(calls, &Config::default(), &RunOptions::default())? {
///     match call {
///         Ok(call) => println!("{}", call.report.tag.value),
///         Err(error) => println!("{error}"),
///     }
/// }
/// # Ok::<(), callweave::Error>(())
/// ```
///
/// # Errors
/// - [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an invalid configuration.
/// - [`Io`](crate::ErrorKind::Io) if the system cannot start threads.
pub fn process_batch<I: IntoIterator<Item = Result<CallInput>>>(
    calls: I,
    config: &Config,
    run: &RunOptions,
) -> Result<impl Iterator<Item = Result<Processed>> + use<I>> {
    config.validate()?;
    let config = config.clone();
    Ok(Batch::new(run, move |call: Result<CallInput>, run| process(call?, &config, run))?.over(calls))
}

/// Like [`process_batch`], but returns only reports and keeps no samples.
///
/// # Errors
/// Those of [`process_batch`].
pub fn analyze_batch<I: IntoIterator<Item = Result<CallInput>>>(
    calls: I,
    config: &Config,
    run: &RunOptions,
) -> Result<impl Iterator<Item = Result<Report>> + use<I>> {
    config.validate()?;
    let config = config.clone();
    let batch = Batch::new(run, move |call: Result<CallInput>, run| analyze(call?, &config, run))?;
    let small = SMALL_RESULTS * batch.threads;
    Ok(batch.keep(small).over(calls))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;
    use crate::error::{Error, ErrorKind};

    fn threads(threads: usize) -> RunOptions {
        RunOptions { threads: Some(threads), ..RunOptions::default() }
    }

    #[test]
    fn results_are_in_order_and_few_calls_are_in_work() {
        for count in [1, 2, 3] {
            let batch = Batch::new(&threads(count), |n: u64, _: &RunOptions| {
                // The first calls take longest.
                std::thread::sleep(Duration::from_millis(20_u64.saturating_sub(n)));
                if n % 7 == 3 { Err(Error::new(ErrorKind::NoAudio, Stage::Input, "three")) } else { Ok(n) }
            });
            let (pulled, mut taken) = (AtomicUsize::new(0), 0);
            let calls = (0..40).inspect(|_| _ = pulled.fetch_add(1, Ordering::Relaxed));
            for (n, result) in batch.unwrap().over(calls).enumerate() {
                taken += 1;
                assert_eq!(result.ok(), (n % 7 != 3).then_some(n as u64));
                assert!(pulled.load(Ordering::Relaxed) - n <= 2 * count);
            }
            assert_eq!(taken, 40);
        }
    }

    #[test]
    fn many_results_may_wait_but_few_calls() {
        let open = Arc::new(AtomicBool::new(false));
        let opened = open.clone();
        let batch = Batch::new(&threads(2), move |n: u64, _: &RunOptions| {
            while !opened.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(n)
        });
        let pulled = AtomicUsize::new(0);
        let calls = (0..60).inspect(|_| _ = pulled.fetch_add(1, Ordering::Relaxed));
        let batch = batch.unwrap().keep(1000).over(calls);
        std::thread::scope(|scope| {
            let all = scope.spawn(|| batch.map(Result::unwrap).collect::<Vec<_>>());
            while pulled.load(Ordering::Relaxed) < 4 {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(3 * LOOK_UP);
            assert_eq!(pulled.load(Ordering::Relaxed), 4, "two for each thread");
            open.store(true, Ordering::Relaxed);
            assert_eq!(all.join().unwrap(), (0..60).collect::<Vec<_>>());
        });
    }

    #[test]
    fn no_thread_waits_behind_a_long_call_where_results_are_small() {
        let (release, held) = channel();
        let held = Mutex::new(held);
        let done = Arc::new(AtomicUsize::new(0));
        let counted = done.clone();
        let work = move |n: u64, _: &RunOptions| {
            if n == 0 {
                // Goes on once thirty others are done: with two results a thread that would never
                // be.
                let _ = held.lock().unwrap().recv();
            } else if counted.fetch_add(1, Ordering::Relaxed) == 29 {
                let _ = release.send(());
            }
            Ok(n)
        };
        let batch = Batch::new(&threads(2), work).unwrap().keep(64);
        assert_eq!(batch.over(0..40).map(Result::unwrap).collect::<Vec<_>>(), (0..40).collect::<Vec<_>>());
        assert_eq!(done.load(Ordering::Relaxed), 39);
    }

    #[test]
    fn few_calls_share_all_threads() {
        let each = |calls: u64| -> Vec<usize> {
            let batch = Batch::new(&threads(4), |_: u64, _: &RunOptions| Ok(crate::threads::count()));
            batch.unwrap().over(0..calls).map(Result::unwrap).collect()
        };
        assert_eq!((each(1), each(2), each(3)), (vec![4], vec![2; 2], vec![1; 3]));
        assert_eq!(each(5), [1; 5]);
    }

    #[test]
    fn a_call_that_breaks_is_an_error_in_its_place() {
        let work = |n: u32, _: &RunOptions| if n == 1 { panic!("a defect") } else { Ok(n) };
        let results: Vec<_> = Batch::new(&threads(2), work).unwrap().over(0..4).collect();
        let error = results[1].as_ref().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert!(error.message().contains("a defect"), "{error}");
        assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 3);
    }

    #[test]
    fn a_caller_who_stops_gets_what_is_in_work_and_no_more() {
        let run = threads(2);
        let work = |_: u64, run: &RunOptions| -> Result<()> {
            loop {
                run.check(Stage::Decode)?;
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        let batch = Batch::new(&run, work).unwrap();
        let cancel = run.cancel.clone();
        let mut pulled = 0;
        let calls = (0..).inspect(|_| {
            pulled += 1;
            if pulled == 4 {
                cancel.cancel();
            }
        });
        let results: Vec<_> = batch.over(calls).collect();
        assert_eq!(results.len(), 4);
        assert!(results.iter().all(|r| r.as_ref().is_err_and(|e| e.kind() == ErrorKind::Cancelled)));
    }

    #[test]
    fn reports_do_not_depend_on_the_number_of_threads() {
        let fixture = |name: &str| format!("{}/../fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
        let open = |name: &str| CallInput::open(&[fixture(name)]);
        let reports = |count: usize| -> Vec<_> {
            let calls = ["short/manifest.json", "gone.wav", "unclosed/call.wav", "gone.json"].map(open);
            let batch = process_batch(calls, &Config::default(), &threads(count)).unwrap();
            batch.map(|call| call.map(|call| call.report.to_json().unwrap()).map_err(|e| e.kind())).collect()
        };
        let one = reports(1);
        assert_eq!(one.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true, false]);
        assert_eq!(one, reports(3));
        let calls = ["short/manifest.json"].map(open);
        let analyzed: Vec<_> = analyze_batch(calls, &Config::default(), &threads(2)).unwrap().collect();
        assert_eq!(analyzed[0].as_ref().unwrap().to_json().unwrap(), *one[0].as_ref().unwrap());
    }
}
