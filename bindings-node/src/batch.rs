//! Many calls side by side: calls go in on JavaScript's thread, which hears when one is done and
//! takes it. Core works on threads of its own, none of libuv's.

use std::time::Duration;

use callweave::process::Batch;
use callweave::{Cancel, Config, RunOptions, analyze, host, process};
use napi::bindgen_prelude::Either;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status};
use napi_derive::napi;

use crate::arguments::{self, InputSpec, Opened};
use crate::error::raise;
use crate::processed::Processed;

/// Called where something came of a call. One call waits at a time: who is called looks at
/// everything that is there. It does not keep the process alive.
type OnCome = ThreadsafeFunction<(), (), (), Status, false, true, 1>;

/// What comes out.
enum Ended {
    Call(Box<callweave::Processed>, String),
    Report(String),
}

/// Calls under way.
#[napi]
pub struct CallBatch {
    calls: Batch<Option<Opened>, Ended>,
    cancel: Cancel,
}

#[napi]
impl CallBatch {
    /// A batch with a configuration for all of its calls; without tracks, for reports alone.
    #[napi(constructor)]
    pub fn new(config: String, threads: u32, tracks: bool, strict: bool, come: OnCome) -> napi::Result<Self> {
        let (config, cancel) = (arguments::config(&config)?, Cancel::default());
        let run = RunOptions { cancel: cancel.clone(), threads: Some(threads as usize), ..RunOptions::default() };
        let calls = Batch::new(&run, move |call, run: &RunOptions| work(call, &config, (tracks, strict), run));
        let calls = calls.map_err(raise)?.on_result(move || {
            come.call((), ThreadsafeFunctionCallMode::NonBlocking);
        });
        Ok(Self { calls, cancel })
    }

    /// Begins a call.
    #[napi]
    pub fn push(&mut self, inputs: Vec<InputSpec>) -> napi::Result<()> {
        self.calls.push(Some(arguments::call(inputs, &[])?));
        Ok(())
    }

    /// Keeps the place of a call that cannot be begun: an error comes out of it.
    #[napi]
    pub fn refuse(&mut self) {
        self.calls.push(None);
    }

    /// Whether results must be taken before more calls are begun.
    #[napi]
    pub fn is_full(&self) -> bool {
        self.calls.is_full()
    }

    /// What came of the next call in order: the call, or its report where no tracks are kept;
    /// nothing where it is not there yet. Throws where the call failed.
    #[napi]
    pub fn take(&mut self, env: Env) -> napi::Result<Option<Either<Processed, String>>> {
        match self.calls.take(Duration::ZERO) {
            None => Ok(None),
            Some(Err(error)) => Err(raise(error)),
            Some(Ok(Ended::Report(report))) => Ok(Some(Either::B(report))),
            Some(Ok(Ended::Call(call, report))) => Ok(Some(Either::A(Processed::new(env, *call, report)?))),
        }
    }

    /// Stops the work on all calls.
    #[napi]
    pub fn cancel(&self) {
        self.cancel.cancel();
    }
}

fn work(
    call: Option<Opened>,
    config: &Config,
    (tracks, strict): (bool, bool),
    run: &RunOptions,
) -> callweave::Result<Ended> {
    let call = call.ok_or_else(|| host::refused("a call that cannot be begun"))?()?;
    let checked = |report: &callweave::Report| if strict { host::complete(report) } else { Ok(()) };
    if !tracks {
        let report = analyze(call, config, run)?;
        checked(&report)?;
        return Ok(Ended::Report(report.to_json()?));
    }
    let call = process(call, config, run)?;
    checked(&call.report)?;
    let report = call.report.to_json()?;
    Ok(Ended::Call(Box::new(call), report))
}
