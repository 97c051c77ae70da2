//! Many calls side by side: each on a thread of one pool, results in the order of the calls, few of them in memory.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::config::Config;
use crate::control::{Cancel, Control};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::report::Report;

use super::{CallInput, Processed, analyze, process};

/// How often a waiting caller looks whether the work shall stop.
const LOOK_UP: Duration = Duration::from_millis(20);

/// Calls that are in work, or done and not yet taken, for each thread: enough that a long call holds up no thread.
const CALLS_PER_THREAD: usize = 2;

/// What is done with each call.
type Work<C, T> = Arc<dyn Fn(C, &Control) -> Result<T> + Send + Sync>;

/// Calls under way: calls go in at one end, what came of them comes out at the other in the same order.
///
/// At most two calls for each thread are in it ([`Batch::is_full`]), so memory does not grow with the number of calls. A call
/// that fails, even by a defect, is an error in its place and holds up no other. No result depends on the number of threads.
/// Dropping it stops the work.
pub struct Batch<C, T> {
    pool: ThreadPool,
    work: Work<C, T>,
    /// What the caller holds.
    asked: Cancel,
    /// What the work sees.
    control: Control,
    begun: u64,
    given: u64,
    waiting: BTreeMap<u64, Result<T>>,
    sender: Sender<(u64, Result<T>)>,
    receiver: Receiver<(u64, Result<T>)>,
}

impl<C: Send + 'static, T: Send + 'static> Batch<C, T> {
    /// A batch that does `work` with each call, on as many threads as the control allows. What one call alone would tell of
    /// its progress is not told: count the results.
    ///
    /// # Errors
    /// `io` where the system has no threads.
    pub fn new(control: &Control, work: impl Fn(C, &Control) -> Result<T> + Send + Sync + 'static) -> Result<Self> {
        let pool = ThreadPoolBuilder::new().num_threads(control.threads.unwrap_or(0)).build();
        let pool = pool.map_err(|e| Error::new(ErrorKind::Io, Stage::Config, format!("no threads to work on: {e}")))?;
        let (sender, receiver) = channel();
        let own = Control::default();
        let (begun, given, waiting) = (0, 0, BTreeMap::new());
        let (work, asked) = (Arc::new(work), control.cancel.clone());
        Ok(Self { pool, work, asked, control: own, begun, given, waiting, sender, receiver })
    }

    /// Begins a call. Callers keep to [`Batch::is_full`].
    pub fn push(&mut self, call: C) {
        let (work, control, sender, index) = (self.work.clone(), self.control.clone(), self.sender.clone(), self.begun);
        self.begun += 1;
        self.pool.spawn_fifo(move || {
            let stopped = control.check(Stage::Input);
            let worked = catch_unwind(AssertUnwindSafe(|| stopped.and_then(|()| work(call, &control))));
            // Where nobody waits any more, nobody misses it.
            let _ = sender.send((index, worked.unwrap_or_else(|panic| Err(broken(panic.as_ref())))));
        });
    }

    /// Whether results must be taken before more calls are begun.
    pub fn is_full(&self) -> bool {
        self.begun - self.given >= (CALLS_PER_THREAD * self.pool.current_num_threads()) as u64
    }

    /// Whether every call that was begun has been taken.
    pub fn is_empty(&self) -> bool {
        self.begun == self.given
    }

    /// The next result in order; `None` where it is not there in time, or nothing is in work. Where the caller has asked to
    /// stop, calls in work come out as `cancelled`.
    pub fn take(&mut self, patience: Duration) -> Option<Result<T>> {
        let until = Instant::now() + patience;
        while !self.is_empty() {
            if let Some(result) = self.waiting.remove(&self.given) {
                self.given += 1;
                return Some(result);
            }
            if self.asked.is_cancelled() {
                self.control.cancel.cancel();
            }
            let left = until.saturating_duration_since(Instant::now());
            match self.receiver.recv_timeout(left.min(LOOK_UP)) {
                Ok((index, result)) => drop(self.waiting.insert(index, result)),
                Err(_) if left.is_zero() => return None,
                Err(_) => {}
            }
        }
        None
    }

    /// What comes of each call of an iterator, which is asked for no more calls than are worked on; it ends early where the
    /// caller asks to stop.
    pub fn over<I: IntoIterator<Item = C>>(mut self, calls: I) -> impl Iterator<Item = Result<T>> {
        let mut calls = calls.into_iter().fuse();
        std::iter::from_fn(move || {
            loop {
                while !self.is_full() && !self.asked.is_cancelled() {
                    let Some(call) = calls.next() else { break };
                    self.push(call);
                }
                if self.is_empty() {
                    return None;
                }
                if let Some(result) = self.take(LOOK_UP) {
                    return Some(result);
                }
            }
        })
    }
}

impl<C, T> Drop for Batch<C, T> {
    fn drop(&mut self) {
        self.control.cancel.cancel();
    }
}

/// The error for a call whose work broke off.
fn broken(panic: &(dyn Any + Send)) -> Error {
    let said = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    let what = format!("the work on the call broke off: {}", said.unwrap_or("no word why"));
    Error::new(ErrorKind::Internal, Stage::Input, what)
}

/// Processes many calls, several at a time, with their tracks: an iterator over what came of each, in order. A call that
/// cannot be opened is given as its error.
///
/// ```no_run
/// use callweave::{CallInput, Config, Control, process_batch};
///
/// let manifests = ["a/manifest.json", "b/manifest.json"];
/// let calls = manifests.map(|path| CallInput::open(&[path.into()]));
/// for call in process_batch(calls, &Config::default(), &Control::default())? {
///     match call {
///         Ok(call) => println!("{}", call.report.tag.value),
///         Err(error) => println!("{error}"),
///     }
/// }
/// # Ok::<(), callweave::Error>(())
/// ```
///
/// # Errors
/// `invalid_argument` for a configuration that makes no sense, `io` where the system has no threads.
pub fn process_batch<I: IntoIterator<Item = Result<CallInput>>>(
    calls: I,
    config: &Config,
    control: &Control,
) -> Result<impl Iterator<Item = Result<Processed>> + use<I>> {
    config.check()?;
    let config = config.clone();
    Ok(Batch::new(control, move |call: Result<CallInput>, control| process(call?, &config, control))?.over(calls))
}

/// As [`process_batch`], for reports alone: no samples are kept.
///
/// # Errors
/// As [`process_batch`].
pub fn analyze_batch<I: IntoIterator<Item = Result<CallInput>>>(
    calls: I,
    config: &Config,
    control: &Control,
) -> Result<impl Iterator<Item = Result<Report>> + use<I>> {
    config.check()?;
    let config = config.clone();
    Ok(Batch::new(control, move |call: Result<CallInput>, control| analyze(call?, &config, control))?.over(calls))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn threads(threads: usize) -> Control {
        Control { threads: Some(threads), ..Control::default() }
    }

    #[test]
    fn results_are_in_order_and_few_calls_are_in_work() {
        for count in [1, 2, 3] {
            let batch = Batch::new(&threads(count), |n: u64, _: &Control| {
                // The first calls take longest.
                std::thread::sleep(Duration::from_millis(20_u64.saturating_sub(n)));
                if n % 7 == 3 { Err(Error::new(ErrorKind::NoAudio, Stage::Input, "three")) } else { Ok(n) }
            });
            let (pulled, mut taken) = (AtomicUsize::new(0), 0);
            let calls = (0..40).inspect(|_| _ = pulled.fetch_add(1, Ordering::Relaxed));
            for (n, result) in batch.unwrap().over(calls).enumerate() {
                taken += 1;
                assert_eq!(result.ok(), (n % 7 != 3).then_some(n as u64));
                assert!(pulled.load(Ordering::Relaxed) - n <= CALLS_PER_THREAD * count);
            }
            assert_eq!(taken, 40);
        }
    }

    #[test]
    fn a_call_that_breaks_is_an_error_in_its_place() {
        let work = |n: u32, _: &Control| if n == 1 { panic!("a defect") } else { Ok(n) };
        let results: Vec<_> = Batch::new(&threads(2), work).unwrap().over(0..4).collect();
        let error = results[1].as_ref().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert!(error.message().contains("a defect"), "{error}");
        assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 3);
    }

    #[test]
    fn a_caller_who_stops_gets_what_is_in_work_and_no_more() {
        let control = threads(2);
        let work = |_: u64, control: &Control| -> Result<()> {
            loop {
                control.check(Stage::Decode)?;
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        let batch = Batch::new(&control, work).unwrap();
        let cancel = control.cancel.clone();
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
        let open = |name: &str| CallInput::open(&[fixture(name).into()]);
        let reports = |count: usize| -> Vec<_> {
            let calls = ["short/manifest.json", "gone.wav", "unclosed/call.wav", "gone.json"].map(open);
            let batch = process_batch(calls, &Config::default(), &threads(count)).unwrap();
            batch.map(|call| call.map(|call| call.report.to_json()).map_err(|e| e.kind())).collect()
        };
        let one = reports(1);
        assert_eq!(one.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true, false]);
        assert_eq!(one, reports(3));
        let calls = ["short/manifest.json"].map(open);
        let analyzed: Vec<_> = analyze_batch(calls, &Config::default(), &threads(2)).unwrap().collect();
        assert_eq!(analyzed[0].as_ref().unwrap().to_json(), *one[0].as_ref().unwrap());
    }
}
