#!/usr/bin/env python3
"""What each feature of the crate costs: the table of core/docs/features.md.

    benches/features_table.py

A program of three lines that uses `process` is built from nothing, in cargo's release profile, once
for each feature. Crates are those that are compiled for it, itself left out; time is CPU time of
cargo and all that it starts, on whatever the machine does besides; size is the stripped program's.
Crates must be in cargo's cache: the first build would count their download.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROWS = ["", "he-aac", "opus", "page", "providers", "tracing", "webrtc", "cli", "cli,he-aac,opus,tracing,webrtc"]
PROGRAM = """fn main() -> callweave::Result<()> {
    let paths: Vec<_> = std::env::args_os().skip(1).collect();
    let call = callweave::CallInput::open(&paths)?;
    let mut processed = callweave::process(call, &Default::default(), &Default::default())?;
    let options = callweave::WriteOptions { page: cfg!(feature = "page"), ..Default::default() };
    processed.write_with("out", &Default::default(), &options, &Default::default())
}
"""
RUN_CLI = """    if cfg!(feature = "cli") {
        #[cfg(feature = "cli")]
        callweave::cli::run(std::env::args_os(), &mut std::io::stdout(), &mut std::io::stderr());
        return Ok(());
    }
"""
MANIFEST = """[package]
name = "program"
version = "0.0.0"
edition = "2024"
[workspace]
[features]
{features}
[dependencies]
callweave = {{ path = "{core}" }}
[profile.release]
strip = true
"""


def cargo(folder, *arguments):
    """Runs cargo in a folder; what it prints."""
    run = subprocess.run(["cargo", *arguments], cwd=folder, check=True, stdout=subprocess.PIPE, text=True)
    return run.stdout


def cpu_seconds():
    """CPU time of all programs that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def program(folder):
    """Writes the program's package to a folder."""
    features = "\n".join(
        f'{name} = ["callweave/{name}"]' for name in ("cli", "he-aac", "opus", "page", "providers", "tracing", "webrtc")
    )
    (folder / "src").mkdir()
    (folder / "Cargo.toml").write_text(MANIFEST.format(features=features, core=ROOT / "core"))
    (folder / "src/main.rs").write_text(PROGRAM.replace("    let paths", RUN_CLI + "    let paths", 1))
    shutil.copy(ROOT / "Cargo.lock", folder / "Cargo.lock")


def measure(folder, features):
    """Crates, CPU seconds and bytes of the program with some features."""
    shutil.rmtree(folder / "target", ignore_errors=True)
    chosen = ["--features", features] if features else []
    tree = cargo(folder, "tree", "--edges", "normal,build", "--prefix", "none", "--format", "{p}", *chosen)
    crates = {line.removesuffix(" (*)").split(" (")[0] for line in tree.splitlines() if line.strip()}
    before = cpu_seconds()
    cargo(folder, "build", "--release", "--quiet", "--offline", *chosen)
    seconds = cpu_seconds() - before
    return len(crates) - 1, seconds, (folder / "target/release/program").stat().st_size


def main():
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        program(folder)
        os.environ.pop("CARGO_TARGET_DIR", None)
        cargo(folder, "fetch")
        print("| features | crates | CPU s | MB |\n|---|---|---|---|")
        for features in ROWS:
            crates, seconds, size = measure(folder, features)
            name = ", ".join(f"`{feature}`" for feature in features.split(",") if feature) or "none"
            print(f"| {name} | {crates} | {seconds:.0f} | {size / 1e6:.1f} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
