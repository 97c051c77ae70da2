//! Fuzzing on stable Rust: mutates the corpus in this process, from fixed seeds, and gives each
//! mutant to a target. Built with overflow checks. A panic that leaves the library, and a mutant
//! that takes longer than [`SLOW`], are findings: the mutant is kept in `target/fuzz` and the
//! program ends with status 1.
//!
//!     core/fuzz/run [SECONDS] [TARGET...]      seconds for each target (10), or `--count=N` mutants for each;
//!                                              `--only=TEXT`: of the corpus, files whose names hold the text

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test program: what is not as it should be ends it")]

#[path = "targets.rs"]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A mutant that takes longer is a finding: ten times what the longest real one of its length takes
/// in a build for tests.
const SLOW: Duration = Duration::from_secs(30);
/// Files that are longer are left out of the corpus: they would be most of the time.
const LONGEST: usize = 200_000;
/// Numbers that parsers stumble over.
const NUMBERS: [u64; 10] = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF];

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides.max(1)
    }
}

/// Changes some bytes in one of several ways.
fn mutate(bytes: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    if bytes.is_empty() {
        return bytes.extend_from_slice(other);
    }
    let at = if dice.roll(2) == 0 { dice.roll(bytes.len().min(256)) } else { dice.roll(bytes.len()) };
    let length = 1 + dice.roll(64.min(bytes.len() - at));
    match dice.roll(8) {
        0 => bytes[at] ^= 1 << dice.roll(8),
        1 => bytes[at] = dice.roll(256) as u8,
        2 => {
            let (number, width) = (NUMBERS[dice.roll(NUMBERS.len())], 1 << dice.roll(4));
            let little = number.to_le_bytes();
            for i in 0..width {
                let byte = if dice.roll(2) == 0 { little[i] } else { little[width - 1 - i] };
                if let Some(place) = bytes.get_mut(at + i) {
                    *place = byte;
                }
            }
        }
        3 => drop(bytes.drain(at..at + length)),
        4 => {
            let again = bytes[at..at + length].to_vec();
            bytes.splice(at..at, again);
        }
        5 => bytes.truncate(at),
        6 => {
            let from = dice.roll(other.len());
            let part = other.get(from..(from + 4 * length).min(other.len())).unwrap_or_default().to_vec();
            bytes.splice(at..at + length, part);
        }
        _ => bytes[at..at + length].fill(NUMBERS[dice.roll(5)] as u8),
    }
}

/// What a target begins with: its own corpus, and for whole recordings the fixtures too; the files
/// whose names hold some text.
fn corpus(root: &Path, target: &str, only: &str) -> Vec<Vec<u8>> {
    let mut folders = vec![root.join("core/fuzz/corpus").join(target)];
    if ["decode", "process", "sniff", "speech"].contains(&target) {
        folders.extend([
            root.join("core/fuzz/corpus/decode"),
            root.join("fixtures/codecs"),
            root.join("fixtures/hostile"),
        ]);
    }
    let mut paths: Vec<PathBuf> =
        folders.iter().flat_map(std::fs::read_dir).flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let files = paths.iter().filter(|p| !p.to_string_lossy().ends_with(".reference.flac"));
    let named = |path: &&PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().contains(only));
    let files = files.filter(named);
    files.filter_map(|path| std::fs::read(path).ok()).filter(|bytes| bytes.len() <= LONGEST).collect()
}

/// Most memory that the process has taken so far, where the system tells.
fn peak_megabytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok().map(|kilobytes| kilobytes >> 10)
}

fn main() {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().find(|p| p.join("core/fuzz").is_dir()).expect("a clone");
    let (mut seconds, mut count, mut seed, mut names, mut only) = (10, u64::MAX, 1, Vec::new(), String::new());
    for word in std::env::args().skip(1) {
        if let Some(part) = word.strip_prefix("--only=") {
            only = part.to_owned();
            continue;
        }
        match (word.parse(), word.strip_prefix("--count="), word.strip_prefix("--seed=")) {
            (Ok(number), ..) => seconds = number,
            (_, Some(number), _) => (count, seconds) = (number.parse().expect("a number"), u64::MAX),
            (.., Some(number)) => seed = number.parse().expect("a number"),
            _ => names.push(word),
        }
    }
    // What the library catches is no finding.
    std::panic::set_hook(Box::new(|_| ()));
    let mut findings = 0;
    for (name, target) in targets::TARGETS {
        if names.is_empty() || names.iter().any(|n| n == name) {
            findings += fuzz((name, target), &corpus(root, name, &only), root, seconds, count, seed);
        }
    }
    std::process::exit(i32::from(findings > 0));
}

fn fuzz((name, target): (&str, fn(&[u8])), seeds: &[Vec<u8>], root: &Path, seconds: u64, count: u64, seed: u64) -> u32 {
    assert!(!seeds.is_empty(), "no corpus of {name}");
    let (begun, mut dice, mut done, mut findings) = (Instant::now(), Dice(seed), 0u64, 0);
    let mut slowest = Duration::ZERO;
    while done < count && begun.elapsed() < Duration::from_secs(seconds) {
        let mut bytes = seeds[dice.roll(seeds.len())].clone();
        if done >= seeds.len() as u64 {
            let other = &seeds[dice.roll(seeds.len())];
            (0..=dice.roll(6)).for_each(|_| mutate(&mut bytes, other, &mut dice));
        } else {
            // The corpus itself comes first.
            bytes.clone_from(&seeds[done as usize]);
        }
        let run = || {
            let start = Instant::now();
            (catch_unwind(AssertUnwindSafe(|| target(&bytes))).is_ok(), start.elapsed())
        };
        let (survived, mut took) = run();
        // A busy machine may let a process wait: slow is what is slow twice.
        if survived && took > SLOW {
            took = took.min(run().1);
        }
        slowest = slowest.max(took);
        if !survived || took > SLOW {
            findings += 1;
            let folder = root.join("target/fuzz").join(name);
            let path = folder.join(format!("finding-{seed}-{done}"));
            let kept = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, &bytes));
            println!("{name}: {} {} ({kept:?})", if survived { "slow" } else { "panic" }, path.display());
        }
        done += 1;
    }
    let (seconds, memory) = (begun.elapsed().as_secs_f64(), peak_megabytes().unwrap_or_default());
    println!(
        "{name:9} {done:8} mutants in {seconds:6.1} s, slowest {slowest:.2?}, {memory} MB at most, {findings} findings"
    );
    findings
}
