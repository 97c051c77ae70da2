//! The `callweave` program.

use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let (mut stdout, mut stderr) = (io::stdout().lock(), io::stderr());
    let status = callweave::cli::run(std::env::args_os(), &mut stdout, &mut stderr);
    // A reader that has gone away is no failure of ours.
    let _ = stdout.flush();
    ExitCode::from(status)
}
