//! Ensures that only one process writes to a folder.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use crate::error::{Error, Result, Stage};
use crate::run::RunOptions;

/// How often a waiting process tries again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A claim on a folder. No one else writes to it until this is dropped or its process ends.
///
/// Has no effect where the system lacks such locks (folders on Windows, some network file systems).
#[derive(Debug)]
pub(crate) struct Claim {
    _folder: Option<File>,
}

impl Claim {
    /// Claims a folder, or returns `None` if it is already claimed.
    ///
    /// # Errors
    /// `io`.
    pub(crate) fn try_new(folder: &Path) -> Result<Option<Self>> {
        let Ok(file) = File::open(folder) else { return Ok(Some(Self { _folder: None })) };
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _folder: Some(file) })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) if e.kind() == std::io::ErrorKind::Unsupported => {
                Ok(Some(Self { _folder: None }))
            }
            Err(TryLockError::Error(e)) => Err(Error::io(Stage::Export, e).in_input(folder.display().to_string())),
        }
    }

    /// Claims a folder, waiting until it is free.
    ///
    /// # Errors
    /// `io`, `cancelled`.
    pub(crate) fn wait(folder: &Path, run: &RunOptions) -> Result<Self> {
        loop {
            if let Some(claim) = Self::try_new(folder)? {
                return Ok(claim);
            }
            run.check(Stage::Export)?;
            std::thread::sleep(LOOK_AGAIN);
        }
    }
}

/// Creates the error for a folder that is already claimed.
#[cfg(any(test, feature = "cli"))]
pub(crate) fn is_claimed(folder: &Path, by: Option<&str>) -> Error {
    let who = by.map(str::trim).filter(|by| !by.is_empty() && by.bytes().all(|b| b.is_ascii_digit()));
    let who = who.map_or_else(|| "another process".to_owned(), |by| format!("process {by}"));
    Error::new(crate::error::ErrorKind::Io, Stage::Export, "the output folder is in use")
        .with_mismatch(format!("{who} writing to it"), "a folder that no other batch uses")
        .in_input(folder.display().to_string())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_writer_at_a_time() {
        let folder = std::env::temp_dir().join(format!("callweave-claim-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let first = Claim::try_new(&folder).unwrap().unwrap();
        assert!(Claim::try_new(&folder).unwrap().is_none());
        let run = RunOptions::default();
        run.cancel.cancel();
        assert_eq!(Claim::wait(&folder, &run).unwrap_err().kind(), crate::error::ErrorKind::Cancelled);
        drop(first);
        assert!(Claim::try_new(&folder).unwrap().is_some());
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(is_claimed(&folder, Some("12\n")).to_string().contains("process 12 writing"));
        assert!(is_claimed(&folder, Some("\x1b[2J")).to_string().contains("another process"));
    }
}
