//! Runs one call of a batch in its own process, so that a crash costs one call.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result, Stage};
use crate::run::RunOptions;

/// How often a waiting caller checks for cancellation.
const LOOK_UP: Duration = Duration::from_millis(20);

/// Runs the program for one line of the list, and returns what it printed. `answer` is a temporary
/// file for its output.
///
/// # Errors
/// `internal` if the process ended without a result, `io` if it could not be started, `cancelled`.
pub(super) fn run_line(program: &[OsString], line: usize, answer: &Path, run: &RunOptions) -> Result<String> {
    let failed = |e| Error::io(Stage::Input, e).in_input(answer.display().to_string());
    let Some((name, args)) = program.split_first() else {
        return Err(Error::new(
            ErrorKind::Internal,
            Stage::Input,
            "the program's own name is missing from its arguments",
        ));
    };
    let mut command = Command::new(name);
    command.args(args).arg("--line").arg(line.to_string());
    command.stdin(Stdio::null()).stdout(File::create(answer).map_err(failed)?).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|e| Error::io(Stage::Input, e).in_input(name.display().to_string()))?;
    let ended = wait(&mut child, run);
    let said = fs::read_to_string(answer).unwrap_or_default();
    let _ = fs::remove_file(answer);
    let status = ended?;
    let said = said.trim();
    if said.starts_with('{') {
        return Ok(said.to_owned());
    }
    Err(Error::new(ErrorKind::Internal, Stage::Input, format!("the call's process ended: {status}")))
}

fn wait(child: &mut Child, run: &RunOptions) -> Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait().map_err(|e| Error::io(Stage::Input, e))? {
            return Ok(status);
        }
        if let Err(cancelled) = run.check(Stage::Input) {
            let _ = child.kill();
            let _ = child.wait();
            return Err(cancelled);
        }
        std::thread::sleep(LOOK_UP);
    }
}
