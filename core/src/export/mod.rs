//! Writing what was made. A file appears whole or not at all: it is written beside its name and renamed.

mod audio;
mod flac;
mod labels;
mod page;
mod peaks;
mod series;
mod strip;
mod strip_text;
mod wav;

pub use audio::{write_audio, write_audio_hashed, write_audio_heard};
pub use labels::{LabelFormat, Names, audacity, csv, rttm, speakers, textgrid, vtt};
pub(crate) use page::require_page;
pub use page::{PageAudio, Waves, page_points_per_second, write_page};
pub use peaks::{PeakBits, PeakMeter, Peaks, peaks, samples_per_point, write_peaks};
pub use series::{TrackLevels, series};
pub use strip::strip_svg;
pub use strip_text::strip_text;

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result, Stage};

/// A format of audio files. Bytes go to the end of `out`.
trait Encode {
    /// What stands before the samples, of which there will be so many for each channel.
    fn header(&self, frames: u64, out: &mut Vec<u8>);
    /// The next samples, channels interleaved.
    fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>);
    /// What is left at the end.
    fn finish(&mut self, out: &mut Vec<u8>);
}

/// A file under way beside its final name; removed unless it is finished.
struct PartialFile {
    part: PathBuf,
    path: PathBuf,
    done: bool,
}

impl PartialFile {
    fn new(path: &Path) -> Self {
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(".part");
        Self { part: path.with_file_name(name), path: path.to_owned(), done: false }
    }

    fn finish(mut self) -> Result<()> {
        fs::rename(&self.part, &self.path).map_err(|e| write_error(e, &self.path))?;
        self.done = true;
        Ok(())
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if !self.done {
            // There may be none yet, and there is nobody left to tell.
            let _ = fs::remove_file(&self.part);
        }
    }
}

/// Writes a text file, whole or not at all.
///
/// # Errors
/// `io`.
pub fn write_text(path: &Path, text: &str) -> Result<()> {
    let part = PartialFile::new(path);
    fs::write(&part.part, text).map_err(|e| write_error(e, path))?;
    part.finish()
}

fn write_error(error: std::io::Error, path: &Path) -> Error {
    Error::io(Stage::Export, error).in_input(path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_or_not_there() {
        let folder = std::env::temp_dir().join(format!("callweave-export-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("a.txt");
        let part = PartialFile::new(&path);
        fs::write(&part.part, "half").unwrap();
        drop(part);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        write_text(&path, "whole").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
        fs::remove_dir_all(&folder).unwrap();
    }
}
