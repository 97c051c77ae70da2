//! Ensures that no output overwrites a file that the call is read from.

use std::path::Path;

use super::write::redacted_name;
use super::{CallInput, RecordingSource, WriteOptions};
use crate::config::Config;
use crate::error::Result;
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
