//! `callweave batch`: many calls, each to a folder of its own, and a line of JSON for each.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::config::{Config, Pii, hex};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::export::{Claim, is_claimed, remove_leftovers, write_text};
use crate::json;
use crate::process::{Batch, CallInput, VERSION, process};
use crate::provider::Options;
use crate::run::RunOptions;

use super::args::BatchArgs;
use super::batch_mark::{DoneMark, WorkMark, identity};
use super::list::{self, Entry};
use super::progress::Counted;
use super::result_line::{Failure, ResultLine};
use super::worker::run_line;
use super::{DONE, FAILED, Stop, Streams, shown};

/// The lines of all calls, in the folder of the outputs.
const LOG: &str = "calls.jsonl";
/// Lines that may wait for that of a call before them.
const LINES: usize = 1000;
/// Who works on the batch: the number of the process.
const HOLDER: &str = ".batch";

/// What came of a call, and whether it had been done before.
struct Arrival {
    line: ResultLine,
    before: bool,
}

/// What is done with every call.
struct BatchJob {
    args: BatchArgs,
    config: Config,
    folder: PathBuf,
    settings: String,
    /// The program and its arguments, for processes of their own.
    program: Vec<OsString>,
}

/// How many calls came to what.
#[derive(Default)]
struct Count {
    done: u64,
    before: u64,
    failed: u64,
}

pub(super) fn run(
    args: BatchArgs,
    program: Vec<OsString>,
    streams: &mut Streams,
    run: &RunOptions,
) -> Result<u8, Stop> {
    let job = BatchJob::new(args, program)?;
    let entries = list::read_all(&job.args.call.inputs, job.config.pii)?;
    if let Some(number) = job.args.line {
        return job.answer(&entries, number, streams, run);
    }
    let (json, folder, total) = (job.args.call.json, job.folder.clone(), entries.len());
    let failed = |e| Error::io(Stage::Export, e).in_input(folder.display().to_string());
    fs::create_dir_all(&folder).map_err(failed)?;
    let _holder = Holder::new(&folder)?;
    let mut log = BufWriter::new(fs::File::create(folder.join(LOG)).map_err(failed)?);
    let run = RunOptions { threads: job.args.call.threads.map(usize::from).or(run.threads), ..run.clone() };
    let (bar, mut count) = (Counted::new(total as u64), Count::default());
    let batch = Batch::new(&run, move |entry: Entry, run: &RunOptions| job.call(&entry, run))?;
    for came in batch.keep(LINES).over(entries) {
        let Arrival { line, before } = came?;
        bar.advance();
        let text = json::text(&line)?;
        writeln!(log, "{text}").and_then(|()| log.flush()).map_err(failed)?;
        if json {
            writeln!(streams.out, "{text}")?;
        }
        if let Some(error) = &line.error {
            bar.aside(|| streams.note("error", format_args!("{}: {}", line.name, error.message)));
        }
        count.add(&line, before);
    }
    run.check(Stage::Input)?;
    drop(bar);
    WorkMark::tidy(&folder);
    if !json {
        writeln!(streams.out, "{count}: {}", shown(&folder.join(LOG)))?;
    }
    Ok(if count.failed == 0 { DONE } else { FAILED })
}

/// A folder that one batch works in at a time.
struct Holder {
    _claim: Claim,
    told: PathBuf,
}

impl Holder {
    /// # Errors
    /// `io` where another batch works in the folder, with its process.
    fn new(folder: &Path) -> Result<Self> {
        let told = folder.join(HOLDER);
        let Some(claim) = Claim::try_new(folder)? else {
            return Err(is_claimed(folder, fs::read_to_string(&told).ok().as_deref()));
        };
        write_text(&told, &format!("{}\n", std::process::id()))?;
        remove_leftovers(folder);
        Ok(Self { _claim: claim, told })
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.told);
    }
}

impl BatchJob {
    fn new(args: BatchArgs, program: Vec<OsString>) -> Result<Self> {
        let refuse = |what| Error::new(ErrorKind::InvalidArgument, Stage::Config, what);
        let call = &args.call;
        let folder = call.output.clone().ok_or_else(|| refuse("a batch needs a folder for its outputs (-o)"))?;
        if !call.redact.is_empty() {
            return Err(refuse("--redact names stretches of one call: a batch takes --redact-keys"));
        }
        if !call.offsets.is_empty() {
            return Err(refuse("--offsets are of one call: a batch takes them from its manifests (offsetMs)"));
        }
        if call.facts.is_some() {
            return Err(refuse("--facts are of one call: a batch takes them from its manifests (events)"));
        }
        if call.timings.is_some() {
            return Err(refuse("--timings are of one call: a batch notes none"));
        }
        if call.vcon.is_some() {
            return Err(refuse("--vcon names the file of one call: a batch writes none"));
        }
        let config = call.to_config()?;
        let rest = (call.to_write_options(), call.to_redaction(), &call.roles, call.utc_offset);
        let settings = hex(&Sha256::digest(format!("{VERSION} {} {rest:?}", config.hash()?)));
        Ok(Self { args, config, folder, settings, program })
    }

    /// One call, from the list to its line. Only the caller's wish to stop is an error: everything
    /// else is the call's.
    fn call(&self, entry: &Entry, run: &RunOptions) -> Result<Arrival> {
        match self.worked(entry, run) {
            Err(error) if error.kind() == ErrorKind::Cancelled => Err(error),
            Err(error) => Ok(Arrival { line: self.failure(entry, &error), before: false }),
            Ok(arrival) => Ok(arrival),
        }
    }

    fn worked(&self, entry: &Entry, run: &RunOptions) -> Result<Arrival> {
        let call = self.open(entry)?;
        let inputs = identity(&call, self.args.compare_content);
        if let Some(line) = self.done_before(entry, &inputs) {
            return Ok(Arrival { line, before: true });
        }
        let _mark = WorkMark::begin(&self.folder, &entry.name)?;
        let line = if self.args.isolate { self.elsewhere(entry, run)? } else { self.work(entry, call, inputs, run)? };
        Ok(Arrival { line, before: false })
    }

    fn open(&self, entry: &Entry) -> Result<CallInput> {
        let options = Options { local_offset_s: self.args.call.utc_offset };
        Ok(entry.open(&options)?.with_roles(self.args.call.roles.clone()))
    }

    /// The line of a call that an earlier run completed, of the same inputs with the same settings.
    fn done_before(&self, entry: &Entry, inputs: &str) -> Option<ResultLine> {
        let line = DoneMark::read(&self.folder.join(&entry.name), inputs)?.line;
        let same = line.name == entry.name && line.input == self.input(entry) && line.settings == self.settings;
        (same && line.ok).then_some(line)
    }

    /// The line of a call that a process of its own works on.
    fn elsewhere(&self, entry: &Entry, run: &RunOptions) -> Result<ResultLine> {
        let answer = self.folder.join(format!("{HOLDER}.{}", entry.number));
        let said = run_line(&self.program, entry.number, &answer, run)?;
        let broken =
            |e| Error::new(ErrorKind::Internal, Stage::Input, format!("the call's process said nonsense: {e}"));
        serde_json::from_str(&said).map_err(broken)
    }

    /// The answer of a process of one call.
    fn answer(&self, entries: &[Entry], number: usize, streams: &mut Streams, run: &RunOptions) -> Result<u8, Stop> {
        let none = || Error::new(ErrorKind::InvalidArgument, Stage::Config, "no such line");
        let entry = entries.iter().find(|entry| entry.number == number).ok_or_else(none)?;
        let run = RunOptions { threads: Some(1), ..run.clone() };
        let worked = self.open(entry).and_then(|call| {
            let inputs = identity(&call, self.args.compare_content);
            self.work(entry, call, inputs, &run)
        });
        let line = match worked {
            Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error.into()),
            worked => worked.unwrap_or_else(|error| self.failure(entry, &error)),
        };
        writeln!(streams.out, "{}", json::text(&line)?)?;
        Ok(DONE)
    }

    fn work(&self, entry: &Entry, call: CallInput, inputs: String, run: &RunOptions) -> Result<ResultLine> {
        let (folder, options) = (self.folder.join(&entry.name), self.args.call.to_write_options());
        call.check_outputs(&folder, &self.config, &options)?;
        let mut call = process(call, &self.config, run)?;
        if let Some(redaction) = self.args.call.to_redaction() {
            call.redact(&redaction)?;
        }
        DoneMark::remove(&folder)?;
        remove_leftovers(&folder);
        call.write_with(&folder, &self.config.mix, &options, run)?;
        let line = ResultLine {
            report: Some(format!("{}/report.json", entry.name)),
            duration_ms: Some(call.report.call.duration_ms),
            outcome: Some(call.report.outcome.value),
            tag: Some(call.report.tag.value),
            ok: true,
            ..self.line(entry)
        };
        DoneMark::write(&folder, line, inputs)
    }

    fn failure(&self, entry: &Entry, error: &Error) -> ResultLine {
        // An input's name may be a telephone number.
        let message = if self.config.pii == Pii::Drop { error.anonymous_text() } else { error.to_string() };
        ResultLine { error: Some(Failure { code: error.code().to_owned(), message }), ..self.line(entry) }
    }

    fn line(&self, entry: &Entry) -> ResultLine {
        ResultLine {
            name: entry.name.clone(),
            input: self.input(entry),
            ok: false,
            settings: self.settings.clone(),
            report: None,
            duration_ms: None,
            outcome: None,
            tag: None,
            error: None,
        }
    }

    fn input(&self, entry: &Entry) -> Option<String> {
        (self.config.pii == Pii::Keep).then(|| entry.line.clone())
    }
}

impl Count {
    fn add(&mut self, line: &ResultLine, before: bool) {
        match (line.ok, before) {
            (true, true) => self.before += 1,
            (true, false) => self.done += 1,
            (false, _) => self.failed += 1,
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.done + self.before + self.failed;
        write!(f, "{total} calls: {} done, {} done before, {} failed", self.done, self.before, self.failed)
    }
}
