//! A file that appears complete or not at all: it is written under a temporary name next to its
//! final one, and renamed.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::write_error;
use crate::error::Result;

/// Longest file name of common file systems in bytes (POSIX `NAME_MAX` of ext4, XFS, APFS, NTFS).
const MAX_NAME: usize = 255;
/// Names tried. A killed process with the same id may have left files behind.
const TRIES: u32 = 1000;
/// Suffix of temporary names.
const ENDING: &str = ".part";

/// An unfinished file next to its final name. It is removed unless it is finished.
#[derive(Debug)]
pub(crate) struct PartialFile {
    part: PathBuf,
    path: PathBuf,
    done: bool,
}

impl PartialFile {
    /// Creates a file that no other writer has, and opens it for writing. Does not follow a
    /// symbolic link.
    ///
    /// # Errors
    /// `io`.
    pub(crate) fn create(path: &Path) -> Result<(Self, File)> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut failed = io::Error::from(io::ErrorKind::AlreadyExists);
        for _ in 0..TRIES {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let part = path.with_file_name(part_name(path, number));
            match OpenOptions::new().write(true).create_new(true).open(&part) {
                Ok(file) => return Ok((Self { part, path: path.to_owned(), done: false }, file)),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => failed = e,
                Err(e) => return Err(write_error(e, path)),
            }
        }
        Err(write_error(failed, path))
    }

    /// Renames the file to its final name, replacing any file there.
    ///
    /// # Errors
    /// `io`.
    pub(crate) fn finish(mut self) -> Result<()> {
        fs::rename(&self.part, &self.path).map_err(|e| write_error(e, &self.path))?;
        self.done = true;
        Ok(())
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if !self.done {
            // There is nobody left to tell.
            let _ = fs::remove_file(&self.part);
        }
    }
}

/// Returns a temporary name: the final one, shortened if needed, with a suffix that no other writer
/// uses.
fn part_name(path: &Path, number: u64) -> OsString {
    let ending = format!(".{}-{number}{ENDING}", std::process::id());
    let name = path.file_name().unwrap_or_default();
    if name.len() + ending.len() <= MAX_NAME {
        let mut whole = name.to_os_string();
        whole.push(ending);
        return whole;
    }
    let text = name.to_string_lossy();
    let mut short = String::new();
    for c in text.chars() {
        if short.len() + c.len_utf8() + ending.len() > MAX_NAME {
            break;
        }
        short.push(c);
    }
    OsString::from(short + &ending)
}

/// Removes the files that killed writers left in a folder. Only for the folder's sole writer.
#[cfg(any(test, feature = "cli"))]
pub(crate) fn remove_leftovers(folder: &Path) {
    let ours = |name: &str| {
        let numbers = name.strip_suffix(ENDING).and_then(|rest| rest.rsplit_once('.')).map(|(_, numbers)| numbers);
        let both = numbers.and_then(|numbers| numbers.split_once('-'));
        both.is_some_and(|(a, b)| a.parse::<u32>().is_ok() && b.parse::<u64>().is_ok())
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if ours(&entry.file_name().to_string_lossy()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("callweave-partial-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).unwrap();
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_file_is_whole_or_not_there() {
        let folder = Folder::new("whole");
        let path = folder.0.join("a.txt");
        let (part, mut file) = PartialFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        drop(part);
        assert!(folder.names().is_empty());
        super::super::write_text(&path, "whole").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
    }

    #[test]
    fn two_writers_of_one_name_do_not_meet() {
        let folder = Folder::new("two");
        let path = folder.0.join("mix.wav");
        let (one, mut first) = PartialFile::create(&path).unwrap();
        let (two, mut second) = PartialFile::create(&path).unwrap();
        first.write_all(b"one one one").unwrap();
        second.write_all(b"two").unwrap();
        two.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        one.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one one one");
        assert_eq!(folder.names(), ["mix.wav"]);
    }

    #[test]
    fn a_name_of_255_bytes_is_shortened_on_the_way() {
        let folder = Folder::new("long");
        let path = folder.0.join("é".repeat(125) + ".json");
        super::super::write_text(&path, "{}").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}");
        assert!(part_name(&path, u64::MAX).len() <= MAX_NAME);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let folder = Folder::new("link");
        let (path, other) = (folder.0.join("mix.wav"), folder.0.join("other"));
        fs::write(&other, "kept").unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        super::super::write_text(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), "kept");
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    }

    #[test]
    fn leftovers_are_known_by_their_names() {
        let folder = Folder::new("left");
        for name in ["mix.wav.123-4.part", "mine.part", "a.1.part", "report.json"] {
            fs::write(folder.0.join(name), "").unwrap();
        }
        remove_leftovers(&folder.0);
        let mut names = folder.names();
        names.sort();
        assert_eq!(names, ["a.1.part", "mine.part", "report.json"]);
    }
}
