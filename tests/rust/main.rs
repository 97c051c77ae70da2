//! Tests that look at callweave from outside: its layout, its licences, its reports and its
//! program.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod circles;
mod docs;
mod download;
mod golden;
mod guide;
mod interface;
mod licences;
mod live_media_streams;
mod live_rtp;
mod modules;
mod program;
mod program_batch;
mod program_evaluate;
mod program_vcon;
mod providers;
mod readme;
mod repository;
mod revisions;
mod self_test;
mod truth;
mod versions;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// A file of the workspace as text.
fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Runs `callweave` with arguments, in the workspace: exit status, standard output, standard error.
fn program(args: &[&str]) -> (u8, String, String) {
    // Every test sets the same folder, so it does not matter which comes first.
    std::env::set_current_dir(root()).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = callweave::cli::run([&["callweave"], args].concat(), &mut out, &mut err);
    (status, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

/// What a program prints, run in the workspace.
fn output(program: &str, args: &[&str]) -> String {
    let run = Command::new(program).args(args).current_dir(root()).output().unwrap();
    assert!(run.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap()
}

/// The files that git keeps, or would keep once added.
fn tracked() -> Vec<PathBuf> {
    let listed = output("git", &["ls-files", "--cached", "--others", "--exclude-standard"]);
    listed.lines().map(PathBuf::from).filter(|path| root().join(path).is_file()).collect()
}
