//! Ensures that no output overwrites a file that the call is read from.

use std::path::Path;

use super::write::redacted_name;
use super::{CallInput, RecordingSource, WriteOptions};
use crate::config::{Config, Format};
use crate::error::Result;
use crate::export::LabelFormat;
use crate::files::refuse_overwriting;

impl CallInput {
    /// Returns the files that the call is read from.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        let recordings = self.recordings.iter().filter_map(|recording| match recording {
            RecordingSource::Input { input, .. } => input.file(),
            _ => None,
        });
        recordings.chain(self.document.as_deref())
    }

    /// Rejects a folder in which the outputs would overwrite a file that the call is read from.
    ///
    /// # Errors
    /// `invalid_argument` with the file.
    pub(crate) fn check_outputs(&self, folder: &Path, config: &Config, options: &WriteOptions) -> Result<()> {
        let names = options.file_names(config);
        names.iter().try_for_each(|name| refuse_overwriting(&folder.join(name), self.files()))
    }
}

/// Returns `true` if a name is one that a call's outputs may have.
pub(crate) fn is_output(name: &str) -> bool {
    let formats = [Format::Wav, Format::Flac].map(Format::extension);
    let labels = LabelFormat::ALL.map(LabelFormat::file_name);
    let is_audio = |stem: &str| formats.iter().any(|ending| name.strip_suffix(ending) == Some(stem));
    let redacted = name.strip_prefix("redacted-").and_then(|rest| rest.split_once('.'));
    ["report.json", "report.html", "peaks.json", "series.json"].contains(&name)
        || labels.contains(&name)
        || is_audio("mix.")
        || redacted.is_some_and(|(number, ending)| number.parse::<usize>().is_ok() && formats.contains(&ending))
}

impl WriteOptions {
    /// Returns the names of the output files.
    pub(crate) fn file_names(&self, config: &Config) -> Vec<String> {
        let mut names = vec![format!("mix.{}", config.mix.format.extension()), "report.json".to_owned()];
        let more = [(self.page, "report.html"), (self.peaks.is_some(), "peaks.json"), (self.series, "series.json")];
        names.extend(more.iter().filter(|(written, _)| *written).map(|(_, name)| (*name).to_owned()));
        names.extend(self.labels.iter().map(|format| format.file_name().to_owned()));
        let tracks = |format| (0..config.decode.max_tracks).map(move |index| redacted_name(index, format));
        names.extend(self.redacted_tracks.into_iter().flat_map(tracks));
        names
    }
}
