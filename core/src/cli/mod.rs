//! The `callweave` program as a function over arguments and streams, so that every language ships
//! the same one.

mod args;
mod batch;
mod batch_mark;
mod calibrate;
mod compare;
mod evaluate;
mod list;
mod normalize;
mod peaks;
mod probe;
mod process;
mod progress;
mod result_line;
mod self_test;
mod terminal;
mod values;
mod vcon;
mod worker;

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;

use clap::Parser;

use crate::error::{Error, ErrorKind, Stage, escaped};
use crate::run::RunOptions;

use args::{Args, Command};

/// Exit status after success.
const DONE: u8 = 0;
/// Exit status after a failure.
const FAILED: u8 = 1;
/// Exit status for wrong arguments.
const USAGE: u8 = 2;

/// The program's output streams.
struct Streams<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
}

/// Why the program stops.
enum Stop {
    /// The output cannot be written, for example because its reader has closed it.
    Error(Error),
    /// Nobody reads what is printed any more, or it cannot be written.
    Output(io::Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl Streams<'_> {
    /// Prints one line to standard error.
    fn note(&mut self, kind: &str, what: impl Display) {
        // Where even that cannot be written, there is nobody to tell.
        let _ = writeln!(self.err, "{kind}: {}", escaped(&what.to_string()));
    }
}

/// Runs the program. `args` begins with the program's name.
///
/// Returns the exit status: 0 after success (with warnings on standard error), 1 after a failure, 2
/// for wrong arguments.
///
/// ```
/// let (mut out, mut err) = (Vec::new(), Vec::new());
/// let status = callweave::cli::run(["callweave", "--version"], &mut out, &mut err);
/// assert_eq!((status, out), (0, format!("callweave {}\n", callweave::VERSION).into_bytes()));
/// ```
pub fn run(
    args: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> u8 {
    run_with(args, stdout, stderr, &RunOptions::default())
}

/// Like [`run`], with options through which the work can be cancelled.
pub fn run_with(
    args: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
    run: &RunOptions,
) -> u8 {
    let mut streams = Streams { out: stdout, err: stderr };
    let program: Vec<OsString> = args.into_iter().map(Into::into).collect();
    let args = match Args::try_parse_from(&program) {
        Ok(args) => args,
        Err(asked) => return answer(&asked, &mut streams),
    };
    let done = match args.command {
        Command::Process(args) => process::run(args, &mut streams, run),
        Command::Batch(args) => batch::run(*args, program, &mut streams, run),
        Command::Probe(args) => probe::run(args, &mut streams),
        Command::Normalize(args) => normalize::run(args, &mut streams, run),
        Command::Calibrate(args) => calibrate::run(&args, &mut streams, run),
        Command::Compare(args) => compare::run(&args, &mut streams),
        Command::Evaluate(args) => evaluate::run(&args, &mut streams, run),
        Command::SelfTest(args) => self_test::run(&args, &mut streams, run),
        Command::Peaks(args) => peaks::run(&args, &mut streams, run),
    };
    match done {
        Ok(status) => status,
        Err(Stop::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => DONE,
        Err(Stop::Output(error)) => {
            streams.note("error", error);
            FAILED
        }
        Err(Stop::Error(error)) => {
            streams.note("error", &error);
            status_of(&error)
        }
    }
}

/// Formats a path for display.
fn shown(path: &Path) -> String {
    escaped(&path.display().to_string()).into_owned()
}

/// Prints help, version, or an error about the arguments.
fn answer(asked: &clap::Error, streams: &mut Streams) -> u8 {
    if asked.use_stderr() {
        // What was wrong is shown as it was given, on lines of its own.
        for line in asked.to_string().lines() {
            let _ = writeln!(streams.err, "{}", escaped(line));
        }
        USAGE
    } else {
        let _ = write!(streams.out, "{asked}");
        DONE
    }
}

/// Returns the exit status for an error. Contradictory arguments are the caller's fault; everything
/// else is the recording's.
fn status_of(error: &Error) -> u8 {
    if error.kind() == ErrorKind::InvalidArgument && error.stage() == Stage::Config { USAGE } else { FAILED }
}
