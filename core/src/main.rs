//! The `callweave` program.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use callweave::{Cancel, RunOptions};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Added to a signal's number for the exit status of a program stopped by it, as shells do.
const STOPPED: i32 = 128;

fn main() -> ExitCode {
    let (stop, by) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    for signal in [SIGINT, SIGTERM] {
        // The first asks the work to end, so that nothing half written stays; the second ends the
        // process. Where there are no handlers to be had, the first does.
        let _ = flag::register_conditional_shutdown(signal, STOPPED + signal, stop.clone());
        let _ = flag::register_usize(signal, by.clone(), (STOPPED + signal) as usize);
        let _ = flag::register(signal, stop.clone());
    }
    let run = RunOptions { cancel: Cancel::from_flag(stop.clone()), ..RunOptions::default() };
    let (mut stdout, mut stderr) = (io::stdout().lock(), io::stderr());
    let status = callweave::cli::run_with(std::env::args_os(), &mut stdout, &mut stderr, &run);
    // A reader that has gone away is no failure of ours.
    let _ = stdout.flush();
    ExitCode::from(if stop.load(Ordering::Relaxed) { by.load(Ordering::Relaxed) as u8 } else { status })
}
