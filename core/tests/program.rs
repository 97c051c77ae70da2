//! The program as a process: what signals, limits of the system and a process of its own for each
//! call do to it.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_callweave");
/// How long is waited for anything.
const PATIENCE: Duration = Duration::from_secs(120);

/// A folder of its own, removed at its end.
struct TestFolder(PathBuf);

impl TestFolder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("callweave-program-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    /// A wav of so many minutes: a recording again and again.
    fn long_wave(&self, name: &str, minutes: usize) -> String {
        let once = fs::read(fixture("short/agent.wav")).unwrap();
        let (mut header, sound) = (once[..44].to_vec(), &once[44..]);
        let length = minutes * 60 * 16_000;
        header[4..8].copy_from_slice(&(36 + length as u32).to_le_bytes());
        header[40..44].copy_from_slice(&(length as u32).to_le_bytes());
        header.extend(sound.iter().cycle().take(length));
        self.file(name, header)
    }

    /// The names of all files in it, of its folders too.
    fn names(&self) -> Vec<String> {
        fn add(folder: &Path, names: &mut Vec<String>) {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                names.push(entry.file_name().to_string_lossy().into_owned());
                add(&entry.path(), names);
            }
        }
        let mut names = Vec::new();
        add(&self.0, &mut names);
        names
    }
}

impl Drop for TestFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(name)
}

fn started(args: &[&str]) -> Child {
    Command::new(PROGRAM).args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until something is there.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited for {what}");
        sleep(Duration::from_millis(2));
    }
}

fn signal(process: u32, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status().unwrap().success());
}

/// Whether a process has a handler for a signal.
fn catches(process: u32, signal: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() & (1 << (signal - 1)) != 0
}

/// The processes that a process has begun.
fn children(process: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let listed = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let numbers: Vec<String> = listed.collect();
    numbers.iter().flat_map(|text| text.split_ascii_whitespace()).filter_map(|number| number.parse().ok()).collect()
}

#[test]
fn a_signal_ends_the_program_with_its_status_and_nothing_half_written() {
    for (name, status) in [("TERM", 143), ("INT", 130)] {
        let folder = TestFolder::new(name);
        let wave = folder.long_wave("call.wav", 120);
        let output = folder.0.join("out");
        let child = started(&["normalize", &wave, "-o", output.to_str().unwrap()]);
        until("a file under way", || folder.names().iter().any(|name| name.ends_with(".part")).then_some(()));
        signal(child.id(), name);
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(status), "{ended:?}");
        let mut names = folder.names();
        names.sort();
        assert_eq!(names, ["call.wav", "out"], "SIG{name}: the folder is empty");
    }
}

#[test]
fn a_batch_that_is_told_to_end_leaves_whole_calls_alone() {
    let folder = TestFolder::new("batch");
    let (short, long) = (fixture("unclosed/call.wav").display().to_string(), folder.long_wave("long.wav", 120));
    let list = folder.file("list.txt", format!("{short}\n{long}\n"));
    let out = folder.0.join("out");
    let batch = ["batch", &list, "-o", out.to_str().unwrap(), "--threads", "1", "--no-page"];
    let child = started(&batch);
    until("the first call", || out.join("unclosed/report.json").exists().then_some(()));
    signal(child.id(), "TERM");
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(143), "{ended:?}");
    let names = folder.names();
    assert!(names.iter().all(|name| !name.ends_with(".part") && name != "long"), "{names:?}");
    assert!(!names.contains(&".batch".to_owned()), "the folder is nobody's: {names:?}");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let folder = TestFolder::new("twice");
    // A pipe that nobody writes to: the work waits, and hears nothing.
    let pipe = folder.0.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut child = started(&["probe", pipe.to_str().unwrap()]);
    // A signal before it has its handlers would kill it.
    until("its handlers", || catches(child.id(), 15).then_some(()));
    // By then it waits at the pipe.
    sleep(Duration::from_millis(300));
    // Two signals that come before it has heard one are one to it, so that there may be more.
    let mut signals = 0;
    let ended = until("its end", || {
        signal(child.id(), "TERM");
        signals += 1;
        sleep(Duration::from_millis(100));
        child.try_wait().unwrap()
    });
    assert_eq!(ended.code(), Some(143));
    assert!((2..=5).contains(&signals), "{signals} signals");
}

/// A program of the system's; `None` where it is not installed.
fn tool(name: &str) -> Option<&str> {
    let found = Command::new(name).arg("--version").output().is_ok();
    if !found {
        assert!(std::env::var_os("CALLWEAVE_REQUIRE_TOOLS").is_none(), "{name} is not installed");
        println!("{name} is not installed: skipped");
    }
    found.then_some(name)
}

/// Runs the program within limits of the system's.
fn limited(limits: &[&str], args: &[&str]) -> Output {
    Command::new("prlimit").args(limits).arg(PROGRAM).args(args).output().unwrap()
}

#[test]
fn without_threads_to_be_had_one_does_the_work() {
    let (Some(_), Some(_)) = (tool("prlimit"), tool("setpriv")) else { return };
    let folder = TestFolder::new("threads");
    // The limit does not hold for root, who runs it as somebody else, from where that one may read.
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let program = folder.0.join("program");
    // Copied by a process of its own: a child that another test begins meanwhile would keep open
    // what writes it here, and what is written cannot be run.
    assert!(Command::new("cp").arg("-p").arg(PROGRAM).arg(&program).status().unwrap().success());
    let call = folder.file("call.wav", fs::read(fixture("unclosed/call.wav")).unwrap());
    let mut command = Command::new(if root { "setpriv" } else { "env" });
    if root {
        // A user of no other process, so that one is all there may be.
        command.args(["--reuid", "61234", "--clear-groups"]);
    }
    command.args(["prlimit", "--nproc=1"]).arg(&program);
    let ran = command.args(["process", &call, "--json"]).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    let alone = Command::new(PROGRAM).args(["process", &call, "--json"]).output().unwrap();
    assert!(ran.status.success() && !said.contains("panicked"), "{said}");
    assert!(ran.stdout == alone.stdout, "the same report");
}

#[test]
fn ten_thousand_inputs_are_refused_before_one_is_read() {
    if tool("prlimit").is_none() {
        return;
    }
    let folder = TestFolder::new("many");
    let call = folder.file("a.wav", fs::read(fixture("codecs/s16.wav")).unwrap());
    let mut args = vec!["process"];
    args.extend(std::iter::repeat_n(call.as_str(), 10_000));
    // A file that is opened would be one too many, and a kilobyte for each would be seen.
    let ran = limited(&["--as=700000000", "--nofile=64"], &args);
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(said.contains("10000") && said.contains("decode.maxTracks"), "{said}");
}

#[test]
fn a_million_threads_are_refused() {
    let call = fixture("unclosed/call.wav").display().to_string();
    let list = TestFolder::new("million");
    let lines = list.file("list.txt", format!("{call}\n"));
    let out = list.0.join("out").display().to_string();
    for args in
        [&["process", &call, "--threads", "1000000"][..], &["batch", &lines, "-o", &out, "--threads", "1000000"]]
    {
        let ran = Command::new(PROGRAM).args(args).output().unwrap();
        assert_eq!(ran.status.code(), Some(2), "{ran:?}");
    }
}

#[test]
fn processes_of_their_own_come_to_the_same_and_one_that_is_killed_costs_its_call_alone() {
    let folder = TestFolder::new("isolate");
    let (short, long) = (fixture("unclosed/call.wav").display().to_string(), folder.long_wave("long.wav", 60));
    let run = |list: &str, out: &str, more: &[&str]| {
        let list = folder.file("list.txt", list);
        let out = folder.0.join(out).display().to_string();
        started(&[&["batch", &list, "-o", &out, "--no-page", "--threads", "1"], more].concat())
    };
    let read = |path: &str| fs::read(folder.0.join(path)).unwrap();
    let both = format!("{short}\n{}\n", fixture("short/agent.wav").display());
    assert!(run(&both, "inside", &[]).wait_with_output().unwrap().status.success());
    assert!(run(&both, "apart", &["--isolate"]).wait_with_output().unwrap().status.success());
    for path in ["calls.jsonl", "unclosed/report.json", "unclosed/mix.wav", "agent/report.json"] {
        assert!(read(&format!("inside/{path}")) == read(&format!("apart/{path}")), "{path}");
    }
    let batch = run(&format!("{long}\n{short}\n"), "killed", &["--isolate"]);
    let child = until("the call's process", || children(batch.id()).first().copied());
    signal(child, "KILL");
    let ended = batch.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let log = String::from_utf8(read("killed/calls.jsonl")).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    assert!(lines[0].contains("\"internal\"") && lines[0].contains("signal: 9"), "{log}");
    assert!(lines[1].contains("\"ok\":true"), "{log}");
}
