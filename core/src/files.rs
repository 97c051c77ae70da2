//! Reads text files that the caller names: lists, configurations, documents. They are read whole,
//! up to a limit.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result, Stage};

/// Returns the text of a file, or of a pipe until it ends.
///
/// # Errors
/// `io`; `invalid_argument` for a folder or a device; `limit_exceeded` beyond `most` bytes;
/// `malformed` if it is not UTF-8. All name the file.
pub(crate) fn read_text(path: &Path, most: u64, stage: Stage) -> Result<String> {
    read(path, most, stage).map_err(|e| e.in_input(path.display().to_string()))
}

/// Returns the files of a folder and its subfolders in no particular order. Links are not followed.
///
/// # Errors
/// `io` that names the folder that cannot be read.
pub(crate) fn files_within(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut folders, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        let failed = |e| Error::io(Stage::Input, e).in_input(folder.display().to_string());
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    Ok(files)
}

fn read(path: &Path, most: u64, stage: Stage) -> Result<String> {
    let failed = |e| Error::io(stage, e);
    let kind = fs::metadata(path).map_err(failed)?.file_type();
    if kind.is_dir() || is_device(kind) {
        let found = if kind.is_dir() { "a directory" } else { "a device" };
        return Err(Error::new(ErrorKind::InvalidArgument, stage, "not a file").with_mismatch(found, "a file"));
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > most {
        return Err(Error::new(ErrorKind::LimitExceeded, stage, "the file is too large")
            .with_mismatch(format!("more than {most} bytes"), format!("at most {most}")));
    }
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to() as u64;
        Error::new(ErrorKind::Malformed, stage, "not UTF-8 text").at_byte(at)
    })
}

/// Refuses to write a file over one that is read or written otherwise.
///
/// # Errors
/// `invalid_argument` that names the file.
#[cfg(feature = "cli")]
pub(crate) fn refuse_overwriting<P: AsRef<Path>>(target: &Path, others: impl IntoIterator<Item = P>) -> Result<()> {
    let target = place(target);
    match others.into_iter().find(|other| place(other.as_ref()) == target) {
        None => Ok(()),
        Some(other) => {
            Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, "the output would overwrite this file")
                .in_input(other.as_ref().display().to_string()))
        }
    }
}

/// Where a file is or would be: links are followed as far as there are files.
#[cfg(feature = "cli")]
fn place(path: &Path) -> PathBuf {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let new = || Some(fs::canonicalize(parent).ok()?.join(path.file_name()?));
    let absolute = || std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    fs::canonicalize(path).ok().or_else(new).unwrap_or_else(absolute)
}

#[cfg(unix)]
fn is_device(kind: fs::FileType) -> bool {
    use std::os::unix::fs::FileTypeExt;
    kind.is_char_device() || kind.is_block_device()
}

#[cfg(not(unix))]
fn is_device(_: fs::FileType) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_refused_and_named() {
        let path = std::env::temp_dir().join(format!("callweave-files-{}", std::process::id()));
        let kind = |most| read_text(&path, most, Stage::Config).map_err(|e| e.kind());
        assert_eq!(kind(10), Err(ErrorKind::Io));
        fs::write(&path, "four").unwrap();
        assert_eq!((kind(4), kind(3)), (Ok("four".to_owned()), Err(ErrorKind::LimitExceeded)));
        fs::write(&path, [0x61, 0xFF]).unwrap();
        assert_eq!(kind(4), Err(ErrorKind::Malformed));
        fs::remove_file(&path).unwrap();
        let folder = read_text(&std::env::temp_dir(), 4, Stage::Config).unwrap_err();
        assert_eq!(folder.kind(), ErrorKind::InvalidArgument);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_device_is_not_read() {
        let error = read_text(Path::new("/dev/zero"), u64::MAX, Stage::Config).unwrap_err();
        assert!(error.to_string().contains("/dev/zero: not a file: found a device"), "{error}");
    }
}
