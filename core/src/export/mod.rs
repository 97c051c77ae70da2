//! Writes results to files: audio, labels, waveforms, transcripts and the web page.
//!
//! A file appears complete or not at all: it is written under a temporary name next to its final
//! one, and renamed.

mod audio;
mod claim;
mod flac;
mod labels;
mod page;
mod partial;
mod peaks;
mod pipeline;
mod series;
mod strip;
mod strip_text;
mod transcript;
mod wav;

pub(crate) use audio::{encode_audio, write_audio_heard, write_samples};
pub use audio::{write_audio, write_audio_to};
pub(crate) use claim::Claim;
#[cfg(feature = "cli")]
pub(crate) use claim::is_claimed;
pub use labels::{LabelFormat, Names, audacity, csv, rttm, speakers, textgrid, vtt};
pub(crate) use page::require_page;
pub(crate) use page::{PageAudio, Waves, page_html, page_points_per_second, write_page};
pub(crate) use partial::PartialFile;
#[cfg(feature = "cli")]
pub(crate) use partial::remove_leftovers;
pub(crate) use peaks::PeakMeter;
pub use peaks::{PeakBits, Peaks, peaks, samples_per_point, write_peaks};
pub(crate) use series::{TrackLevels, series};
pub use strip::strip_svg;
pub use strip_text::strip_text;
pub use transcript::{Cue, Transcript, Word};

use std::io::Write;
use std::path::Path;

use crate::error::{Error, Result, Stage};
use crate::mix::Mixer;
use crate::units::Rate;

/// What an encoder knows before the first sample.
#[derive(Clone, Copy)]
struct AudioShape {
    channels: u16,
    rate: Rate,
    /// Samples per channel.
    frames: u64,
}

impl AudioShape {
    fn of(mixer: &Mixer) -> Self {
        Self { channels: mixer.channels(), rate: mixer.rate(), frames: mixer.frames_left() }
    }
}

/// An audio file format. Bytes are appended to `out`.
trait Encode {
    /// Writes the header for `frames` samples per channel.
    fn header(&self, frames: u64, out: &mut Vec<u8>);
    /// Encodes the next samples, with channels interleaved.
    fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>);
    /// Writes the end of the file.
    fn finish(&mut self, out: &mut Vec<u8>);
}

/// Writes a text file. It appears complete or not at all.
///
/// # Errors
/// [`Io`](crate::ErrorKind::Io) if the file cannot be written.
pub fn write_text(path: impl AsRef<Path>, text: &str) -> Result<()> {
    write_bytes(path.as_ref(), text.as_bytes())
}

/// Writes a file. It appears complete or not at all.
pub(crate) fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    let (part, mut file) = PartialFile::create(path)?;
    file.write_all(bytes).map_err(|e| write_error(e, path))?;
    drop(file);
    part.finish()
}

fn write_error(error: std::io::Error, path: &Path) -> Error {
    Error::io(Stage::Export, error).in_input(path.display().to_string())
}
