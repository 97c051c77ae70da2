//! `callweave batch`: many calls, each to a folder of its own, and a line of JSON for each.

use std::fmt;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::call::{Outcome, Tag};
use crate::config::{Config, Pii, hex};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::export::write_text;
use crate::json;
use crate::process::{Batch, process};
use crate::provider::Options;
use crate::run::RunOptions;
use crate::units::Millis;

use super::args::ProcessArgs;
use super::list::{self, Entry};
use super::progress::Counted;
use super::{DONE, FAILED, Stop, Streams};

/// The lines of all calls, in the folder of the outputs.
const LOG: &str = "calls.jsonl";
/// Lines that may wait for that of a call before them.
const LINES: usize = 1000;
/// A call's line in its own folder: written last, so where it is, all other files are.
const MARK: &str = "call.json";

/// What came of a call. It says nothing of when or how fast, so that a batch that was stopped and resumed ends with the same
/// bytes as one that was not.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResultLine {
    name: String,
    /// The list's line; left out where personal data is.
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<String>,
    ok: bool,
    /// A hash of everything that was asked for: a call is done again where it differs.
    settings: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<Tag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Failure {
    code: String,
    message: String,
}

/// What came of a call, and whether it had been done before.
struct Arrival {
    line: ResultLine,
    before: bool,
}

/// What is done with every call.
struct BatchJob {
    args: ProcessArgs,
    config: Config,
    folder: PathBuf,
    settings: String,
}

/// How many calls came to what.
#[derive(Default)]
struct Count {
    done: u64,
    before: u64,
    failed: u64,
}

pub(super) fn run(args: Box<ProcessArgs>, streams: &mut Streams, run: &RunOptions) -> Result<u8, Stop> {
    let job = BatchJob::new(*args)?;
    let mut entries = Vec::new();
    for path in &job.args.inputs {
        entries.extend(list::read(path, job.config.pii)?);
    }
    let (json, folder, total) = (job.args.json, job.folder.clone(), entries.len());
    let failed = |e| Error::io(Stage::Export, e).in_input(folder.display().to_string());
    fs::create_dir_all(&folder).map_err(failed)?;
    let mut log = BufWriter::new(fs::File::create(folder.join(LOG)).map_err(failed)?);
    let run = RunOptions { threads: job.args.threads.map(usize::from).or(run.threads), ..run.clone() };
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
    if !json {
        writeln!(streams.out, "{count}: {}", folder.join(LOG).display())?;
    }
    Ok(if count.failed == 0 { DONE } else { FAILED })
}

impl BatchJob {
    fn new(args: ProcessArgs) -> Result<Self> {
        let refuse = |what| Error::new(ErrorKind::InvalidArgument, Stage::Config, what);
        let folder = args.output.clone().ok_or_else(|| refuse("a batch needs a folder for its outputs (-o)"))?;
        if !args.redact.is_empty() {
            return Err(refuse("--redact names stretches of one call: a batch takes --redact-keys"));
        }
        let config = args.to_config()?;
        let rest = (args.to_write_options(), args.to_redaction(), &args.roles, args.utc_offset);
        let settings = hex(&Sha256::digest(format!("{} {rest:?}", config.hash()?)));
        Ok(Self { args, config, folder, settings })
    }

    /// One call, from the list to its line. Only the caller's wish to stop is an error: everything else is the call's.
    fn call(&self, entry: &Entry, run: &RunOptions) -> Result<Arrival> {
        if let Some(line) = self.done_before(entry) {
            return Ok(Arrival { line, before: true });
        }
        let line = match self.work(entry, run) {
            Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
            Err(error) => self.failure(entry, &error),
            Ok(line) => line,
        };
        Ok(Arrival { line, before: false })
    }

    /// The line of a call that an earlier run completed, of the same input with the same settings.
    fn done_before(&self, entry: &Entry) -> Option<ResultLine> {
        let text = fs::read_to_string(self.folder.join(&entry.name).join(MARK)).ok()?;
        let line: ResultLine = serde_json::from_str(&text).ok()?;
        let same = line.name == entry.name && line.input == self.input(entry) && line.settings == self.settings;
        (same && line.ok).then_some(line)
    }

    fn work(&self, entry: &Entry, run: &RunOptions) -> Result<ResultLine> {
        let call = entry.open(&Options { local_offset_s: self.args.utc_offset })?;
        let call = call.with_roles(self.args.roles.clone()).with_offsets(&self.args.offsets)?;
        let mut call = process(call, &self.config, run)?;
        if let Some(redaction) = self.args.to_redaction() {
            call.redact(&redaction)?;
        }
        let folder = self.folder.join(&entry.name);
        let mark = folder.join(MARK);
        // What was there is no longer whole from here on.
        match fs::remove_file(&mark) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io(Stage::Export, e).in_input(mark.display().to_string()));
            }
            _ => {}
        }
        call.write_with(&folder, &self.config.mix, &self.args.to_write_options(), run)?;
        let line = ResultLine {
            report: Some(format!("{}/report.json", entry.name)),
            duration_ms: Some(call.report.call.duration_ms),
            outcome: Some(call.report.outcome.value),
            tag: Some(call.report.tag.value),
            ok: true,
            ..self.line(entry)
        };
        write_text(&mark, &format!("{}\n", json::text(&line)?))?;
        Ok(line)
    }

    fn failure(&self, entry: &Entry, error: &Error) -> ResultLine {
        // An input's name may be a telephone number.
        let message = if self.config.pii == Pii::Drop { error.message().to_owned() } else { error.to_string() };
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
