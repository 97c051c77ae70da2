//! The state of a batch between its runs: which calls are done, from which inputs and with which
//! outputs, and which were in progress when the process ended.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::hex;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::export::write_text;
use crate::process::{CallInput, is_output};

use super::result_line::ResultLine;

/// A call's line in its own folder. It is written last, so if it exists, all other files do.
const MARK: &str = "call.json";
/// The folder of calls in progress, in the output folder.
const WORK: &str = ".work";
/// How often a call may end the process before it is skipped.
const ENDINGS: u32 = 2;

/// A finished call.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DoneMark {
    #[serde(flatten)]
    pub line: ResultLine,
    /// Identity of the call's inputs ([`identity`]).
    inputs: String,
    /// The output files and their lengths.
    files: BTreeMap<String, u64>,
}

impl DoneMark {
    /// Returns the mark of a finished call, if its inputs are unchanged and all its outputs exist.
    pub(super) fn read(folder: &Path, inputs: &str) -> Option<Self> {
        let mark: Self = serde_json::from_str(&fs::read_to_string(folder.join(MARK)).ok()?).ok()?;
        let is_there = |(name, length): (&String, &u64)| {
            fs::metadata(folder.join(name)).is_ok_and(|meta| meta.is_file() && meta.len() == *length)
        };
        (mark.inputs == inputs && mark.files.iter().all(is_there)).then_some(mark)
    }

    /// Removes the mark and the outputs that it names, because others are about to be written.
    pub(super) fn remove(folder: &Path) -> Result<()> {
        let path = folder.join(MARK);
        let earlier: Option<Self> = fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str(&text).ok());
        for name in earlier.iter().flat_map(|mark| mark.files.keys()).filter(|name| is_output(name)) {
            let _ = fs::remove_file(folder.join(name));
        }
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                Err(Error::io(Stage::Export, e).in_input(path.display().to_string()))
            }
            _ => Ok(()),
        }
    }

    /// Marks a call as done, with the files in its folder.
    pub(super) fn write(folder: &Path, line: ResultLine, inputs: String) -> Result<ResultLine> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if let (Ok(name), Ok(meta)) = (entry.file_name().into_string(), entry.metadata())
                && meta.is_file()
                && is_output(&name)
            {
                files.insert(name, meta.len());
            }
        }
        let mark = Self { line, inputs, files };
        write_text(folder.join(MARK), &format!("{}\n", crate::json::text(&mark)?))?;
        Ok(mark.line)
    }
}

/// Returns the identity of a call's inputs: a hash of the recordings' names with their sizes and
/// modification times, or with their contents.
pub(super) fn identity(call: &CallInput, by_content: bool) -> String {
    let mut hash = Sha256::new();
    for path in call.files() {
        hash.update(path.as_os_str().as_encoded_bytes());
        let told = if by_content { content(path) } else { change(path) };
        hash.update(told.unwrap_or_else(|| "gone".to_owned()));
    }
    hex(&hash.finalize())
}

fn change(path: &Path) -> Option<String> {
    let meta = fs::metadata(path).ok()?;
    let changed = meta.modified().ok()?.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
    Some(format!("\0{} {changed}\0", meta.len()))
}

fn content(path: &Path) -> Option<String> {
    let mut hash = Sha256::new();
    io::copy(&mut File::open(path).ok()?, &mut HashWriter(&mut hash)).ok()?;
    Some(hex(&hash.finalize()))
}

struct HashWriter<'a>(&'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Marks a call as in progress. If the process ends, the file stays for the next run.
#[derive(Debug)]
pub(super) struct WorkMark(PathBuf);

impl WorkMark {
    /// Marks a call as in progress.
    ///
    /// # Errors
    /// `internal` if the process ended twice during this call; `io`.
    pub(super) fn begin(outputs: &Path, name: &str) -> Result<Self> {
        let folder = outputs.join(WORK);
        let path = folder.join(name);
        let failed = |e| Error::io(Stage::Export, e).in_input(path.display().to_string());
        fs::create_dir_all(&folder).map_err(failed)?;
        let before = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0u32);
        if before >= ENDINGS {
            let what = format!("the process ended {before} times during this call, so it is skipped");
            return Err(Error::new(ErrorKind::Internal, Stage::Input, what)
                .with_mismatch(format!("{WORK}/{name}"), "that file removed, to try the call again"));
        }
        fs::write(&path, format!("{}\n", before + 1)).map_err(failed)?;
        Ok(Self(path))
    }

    /// Removes the folder of calls in progress if it is empty.
    pub(super) fn tidy(outputs: &Path) {
        let _ = fs::remove_dir(outputs.join(WORK));
    }
}

impl Drop for WorkMark {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_ended_the_process_twice_is_given_up() {
        let folder = std::env::temp_dir().join(format!("callweave-work-{}", std::process::id()));
        drop(WorkMark::begin(&folder, "a").unwrap());
        for _ in 0..2 {
            std::mem::forget(WorkMark::begin(&folder, "a").unwrap());
        }
        let error = WorkMark::begin(&folder, "a").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert!(error.to_string().contains("found .work/a, expected that file removed"), "{error}");
        drop(WorkMark::begin(&folder, "b").unwrap());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_call_that_is_done_again_keeps_none_of_its_earlier_files() {
        let folder = std::env::temp_dir().join(format!("callweave-again-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for name in ["mix.wav", "report.json", "redacted-0.flac", "notes.txt"] {
            fs::write(folder.join(name), "x").unwrap();
        }
        let line = r#"{"name": "a", "ok": true, "settings": ""}"#;
        DoneMark::write(&folder, serde_json::from_str(line).unwrap(), String::new()).unwrap();
        assert_eq!(DoneMark::read(&folder, "").unwrap().files.len(), 3, "what somebody put there is not the call's");
        DoneMark::remove(&folder).unwrap();
        let left: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["notes.txt"]);
        fs::remove_dir_all(&folder).unwrap();
    }
}
