//! Writes a processed call to a folder: the mix, the report and optional files.

use std::fs;
use std::io::Write;
use std::path::Path;

use super::{Processed, ProcessedTrack};
use crate::config::setters;
use crate::config::{Format, Layout, MixConfig};
use crate::decode::AUDIO_ENDINGS;
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::export::{self, Claim, LabelFormat, Names, PageAudio, PeakBits, PeakMeter, Peaks, TrackLevels, Waves};
use crate::mix::Mixer;
use crate::report::OutputFile;
use crate::run::RunOptions;
use crate::track::Track;
use crate::units::Rate;

/// What is written in addition to the mix and the report.
#[derive(Debug, Clone, Default)]
pub struct WriteOptions {
    /// The call as a web page, `report.html`. Needs the feature `page`.
    pub page: bool,
    /// Embeds the mix in the page: a single file to pass on, a third larger than the mix.
    pub embed_audio: bool,
    /// The mix's waveform in `peaks.json`, at about this many points per second (1 to 4000).
    pub peaks: Option<u32>,
    /// Each track's level, second by second, in `series.json`.
    pub series: bool,
    /// Label files, one per format.
    pub labels: Vec<LabelFormat>,
    /// How page and labels name the parties.
    pub names: Names,
    /// Each redacted track ([`Processed::redact`]) with 16 bits, at the length and rate at which it
    /// was decoded, in `redacted-0.wav` and so on.
    pub redacted_tracks: Option<Format>,
    /// Writes redacted tracks even if key presses may remain on them.
    pub keep_unsure: bool,
}

setters! { WriteOptions:
    with_page(page: bool),
    with_embed_audio(embed_audio: bool),
    with_peaks(peaks: Option<u32>),
    with_series(series: bool),
    with_labels(labels: Vec<LabelFormat>),
    with_names(names: Names),
    with_redacted_tracks(redacted_tracks: Option<Format>),
    with_keep_unsure(keep_unsure: bool),
}

impl Processed {
    /// Writes the mix (`mix.wav` or `mix.flac`) and `report.json` to a folder, and adds the mix to
    /// the report's outputs.
    ///
    /// Creates the folder if needed. Each file appears complete or not at all.
    ///
    /// # Errors
    /// - [`ErrorKind::Io`] if a file cannot be written.
    /// - [`Cancelled`](crate::ErrorKind::Cancelled) after the caller cancels.
    /// - Those of the mix.
    pub fn write(&mut self, folder: impl AsRef<Path>, config: &MixConfig, run: &RunOptions) -> Result<()> {
        self.write_with(folder, config, &WriteOptions::default(), run)
    }

    /// Like [`Self::write`], with optional files: `report.html`, `peaks.json` (8 bits) and labels
    /// ([`LabelFormat::file_name`]).
    ///
    /// # Errors
    /// - [`ErrorKind::InvalidArgument`] for points per second out of range.
    /// - [`ErrorKind::Unsupported`] for a page without the feature `page`.
    /// - [`ErrorKind::Unsure`] for redacted tracks on which key presses may remain.
    /// - Those of [`Self::write`].
    pub fn write_with(
        &mut self,
        folder: impl AsRef<Path>,
        config: &MixConfig,
        options: &WriteOptions,
        run: &RunOptions,
    ) -> Result<()> {
        let folder = folder.as_ref();
        if options.page {
            export::require_page()?;
        }
        let failed = |e| Error::io(Stage::Export, e).in_input(folder.display().to_string());
        check_folder(folder)?;
        self.require_samples(Stage::Mix)?;
        self.check_tracks(options)?;
        fs::create_dir_all(folder).map_err(failed)?;
        let _claim = Claim::wait(folder, run)?;
        // What was there is no longer whole; the report is written last.
        let report = folder.join("report.json");
        let _ = fs::remove_file(&report);
        let mut mixer = self.mix(config)?;
        let (rate, channels) = (mixer.rate(), mixer.channels());
        let mut meters = options.peaks.map(|points| PeakMeters::new(&mixer, channels, points)).transpose()?;
        let mut seen = self.page_meters(&mixer, config, options)?;
        if seen.is_some() {
            mixer = mixer.with_tracks_alone();
        }
        let name = format!("mix.{}", config.format.extension());
        let mix = folder.join(&name);
        let write = || {
            super::in_threads(run, false, || {
                export::write_audio_heard(&mix, &mut mixer, config.format, run, |mixer| {
                    meters.iter_mut().for_each(|meters| meters.push(mixer.block()));
                    seen.iter_mut().for_each(|meters| meters.push(mixer.tracks_alone()));
                })
            })?
        };
        let sha256 = run.step("mix", write)?;
        self.say_level(config);
        let (path, kind, sample_rate_hz) = (name.clone(), "mix".into(), rate.hz());
        self.report.outputs = vec![OutputFile { kind, path, sample_rate_hz, channels, sha256 }];
        if let Some(format) = options.redacted_tracks {
            let written = super::in_threads(run, false, || self.write_tracks(folder, format, run))??;
            self.report.outputs.extend(written);
        }
        if options.page {
            let waves = self.waves(seen, config, run)?;
            let audio = if options.embed_audio { PageAudio::Embedded(&mix) } else { PageAudio::Beside(&name) };
            export::write_page(folder.join("report.html"), &self.report, &waves, audio, options.names)?;
        }
        if let Some(meters) = meters {
            export::write_peaks(folder.join("peaks.json"), &meters.finish(), PeakBits::Eight)?;
        }
        if options.series {
            export::write_text(folder.join("series.json"), &format!("{}\n", self.series()?))?;
        }
        for format in &options.labels {
            export::write_text(folder.join(format.file_name()), &format.write(&self.report, options.names))?;
        }
        export::write_text(&report, &format!("{}\n", self.report.to_json()?))
    }

    /// Rejects redacted tracks that must not be written.
    fn check_tracks(&self, options: &WriteOptions) -> Result<()> {
        match options.redacted_tracks {
            Some(_) => self.check_redacted(options.keep_unsure),
            None if options.keep_unsure => {
                let error =
                    Error::new(ErrorKind::InvalidArgument, Stage::Config, "`keep_unsure` without redacted tracks");
                Err(error.with_mismatch("no format", "a format for redacted tracks"))
            }
            None => Ok(()),
        }
    }

    /// Writes each track at its own rate.
    fn write_tracks(&self, folder: &Path, format: Format, run: &RunOptions) -> Result<Vec<OutputFile>> {
        let write = |placed: &ProcessedTrack| {
            let (path, Track { samples, rate, .. }) = (redacted_name(placed.index, format), &placed.track);
            let sha256 = export::write_samples(&folder.join(&path), samples, *rate, format, run)?;
            Ok(OutputFile { kind: "redacted".into(), path, sample_rate_hz: rate.hz(), channels: 1, sha256 })
        };
        self.tracks.iter().map(write).collect()
    }

    /// Writes the mix to any writer, sequentially, without seeking.
    ///
    /// ```
    /// use callweave::{Config, Input, RunOptions, process, units::Rate};
    ///
    /// let config = Config::default();
    /// let call = vec![Input::samples("call", vec![100i16; 8000], Rate::NARROWBAND)];
    /// let call = process(call, &config, &RunOptions::default())?;
    /// let mut wav = Vec::new();
    /// call.write_mix(&mut wav, &config.mix, &RunOptions::default())?;
    /// assert_eq!(wav.len(), 44 + 2 * 8000);
    /// # Ok::<(), callweave::Error>(())
    /// ```
    ///
    /// # Errors
    /// - [`ErrorKind::Io`] if writing fails.
    /// - [`Cancelled`](crate::ErrorKind::Cancelled) after the caller cancels.
    /// - Those of the mix.
    pub fn write_mix(&self, to: impl Write + Send, config: &MixConfig, run: &RunOptions) -> Result<()> {
        let mut mixer = self.mix(config)?;
        super::in_threads(run, false, || export::write_audio_to(to, &mut mixer, config.format, run))?
    }

    /// Returns the web page of the call as HTML, without a player.
    ///
    /// # Errors
    /// - [`ErrorKind::NoAudio`] for a call whose samples were not kept.
    /// - [`ErrorKind::Unsupported`] without the feature `page`.
    /// - [`Cancelled`](crate::ErrorKind::Cancelled) after the caller cancels.
    pub fn page(&self, config: &MixConfig, names: Names, run: &RunOptions) -> Result<String> {
        export::require_page()?;
        export::page_html(&self.report, &self.waves(None, config, run)?, names)
    }

    /// Returns each track's level, second by second, as JSON.
    ///
    /// # Errors
    /// - [`ErrorKind::NoAudio`] for a call of which only the report was kept.
    /// - [`ErrorKind::Internal`] if serialization fails, which is a defect.
    pub fn series(&self) -> Result<String> {
        if self.tracks.is_empty() {
            self.require_samples(Stage::Export)?;
        }
        let levels = self.tracks.iter().map(|placed| TrackLevels {
            index: placed.index,
            role: placed.track.role,
            dbov: &placed.levels,
        });
        export::series(&levels.collect::<Vec<_>>())
    }

    /// Returns a warning for each party that does not reach the mix's level because its gain is
    /// limited.
    pub fn level_warnings(&self, config: &MixConfig) -> Vec<Warning> {
        let warning = |track: &ProcessedTrack| {
            let missed = track.party_level.missed_by(config.level)?;
            let (index, role) = (track.index, track.track.role.name());
            let said = format!("track {index} ({role}) stays {missed} from the mix's level: gains have limits");
            Some(Warning::new(LEVEL_NOT_REACHED, said))
        };
        self.tracks.iter().filter_map(warning).collect()
    }

    /// Records in the report what the mix's level did to each track.
    fn say_level(&mut self, config: &MixConfig) {
        let warnings = self.level_warnings(config);
        self.report.warnings.retain(|warning| warning.code != LEVEL_NOT_REACHED);
        self.report.warnings.extend(warnings);
        for placed in &self.tracks {
            let told = self.report.tracks.iter_mut().find(|track| track.index == placed.index);
            if let Some(level) = told.and_then(|track| track.level.as_mut()) {
                level.gain_db = placed.party_level.gain(config.level);
            }
        }
    }

    /// Returns peak meters for the page, unless the mix has channels for voices instead of parties.
    fn page_meters(&self, mixer: &Mixer, config: &MixConfig, options: &WriteOptions) -> Result<Option<PeakMeters>> {
        let wanted = options.page && config.layout != Layout::Voices;
        wanted.then(|| PeakMeters::new(mixer, self.tracks.len() as u16, self.page_points())).transpose()
    }

    fn page_points(&self) -> u32 {
        export::page_points_per_second(self.report.call.duration_ms, self.tracks.len())
    }

    /// Returns the parties' waveforms: measured while the mix was written, or from a mix made for
    /// that.
    fn waves(&self, seen: Option<PeakMeters>, config: &MixConfig, run: &RunOptions) -> Result<Waves> {
        let split = seen.is_some() && config.layout == Layout::Split;
        let meters = match seen {
            Some(meters) => meters,
            None => {
                let mut mixer = self.mix(&MixConfig { layout: Layout::Split, ..config.clone() })?;
                let mut meters = PeakMeters::new(&mixer, mixer.channels(), self.page_points())?;
                while let Some(block) = mixer.next_block()? {
                    run.check(Stage::Export)?;
                    meters.push(block);
                }
                meters
            }
        };
        // The order of the mix's channels.
        let mut ordered: Vec<&ProcessedTrack> = self.tracks.iter().collect();
        ordered.sort_by_key(|placed| placed.track.role.order());
        let tracks = ordered.into_iter().map(|placed| placed.index).collect();
        Ok(Waves { peaks: meters.finish(), tracks, split })
    }
}

/// Returns the file name of a redacted track.
pub(super) fn redacted_name(index: usize, format: Format) -> String {
    format!("redacted-{index}.{}", format.extension())
}

/// Code of the warning for a party that does not reach the mix's level.
const LEVEL_NOT_REACHED: &str = "level_not_reached";

/// Rejects an output path that is not a folder: a URL, or the name of an audio file, which is a
/// mistake.
fn check_folder(folder: &Path) -> Result<()> {
    let refuse = |found: &str, expected: &str| {
        let error = Error::new(ErrorKind::InvalidArgument, Stage::Export, "invalid output folder");
        Err(error.with_mismatch(found, expected).in_input(folder.display().to_string()))
    };
    if folder.to_string_lossy().contains("://") {
        return refuse("a URL", "the path of a local folder");
    }
    let ending = folder.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    let audio = ending.is_some_and(|ending| AUDIO_ENDINGS.contains(&ending.as_str()));
    if audio && !folder.is_dir() {
        return refuse("the name of an audio file", "the path of a folder for the mix, the report and other files");
    }
    Ok(())
}

/// A peak meter for each channel of a mix.
struct PeakMeters {
    rate: Rate,
    samples_per_point: u32,
    channels: Vec<PeakMeter>,
}

impl PeakMeters {
    fn new(mixer: &Mixer, channels: u16, points_per_second: u32) -> Result<Self> {
        let rate = mixer.rate();
        let samples_per_point = export::samples_per_point(rate, points_per_second)?;
        let channels = (0..channels).map(|_| PeakMeter::new(samples_per_point)).collect();
        Ok(Self { rate, samples_per_point, channels })
    }

    /// Takes a block of interleaved channels.
    fn push(&mut self, block: &[i16]) {
        let count = self.channels.len();
        for (index, meter) in self.channels.iter_mut().enumerate() {
            meter.push_i16(block.iter().skip(index).step_by(count).copied());
        }
    }

    fn finish(self) -> Peaks {
        let channels = self.channels.into_iter().map(PeakMeter::finish).collect();
        Peaks::new(self.rate, self.samples_per_point, channels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, LevelTarget};
    use crate::process::{CallInput, process};
    use crate::units::Decibels;

    fn call() -> Processed {
        let path = format!("{}/../fixtures/stereo/call.wav", env!("CARGO_MANIFEST_DIR"));
        process(CallInput::open(&[path]).unwrap(), &Config::default(), &RunOptions::default()).unwrap()
    }

    fn leveled(dbov: f64) -> MixConfig {
        MixConfig { level: LevelTarget::ActiveDbov(Decibels(dbov)), ..MixConfig::default() }
    }

    fn power(call: &Processed, config: &MixConfig) -> f64 {
        let mut mixer = call.mix(config).unwrap();
        let mut sum = 0.0;
        while let Some(block) = mixer.next_block().unwrap() {
            sum += block.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>();
        }
        sum
    }

    #[test]
    fn a_mix_has_the_level_that_it_is_asked_for() {
        let call = call();
        let ratio = |a: f64, b: f64| 10.0 * (power(&call, &leveled(a)) / power(&call, &leveled(b))).log10();
        assert!((ratio(-24.0, -30.0) - 6.0).abs() < 0.1, "{}", ratio(-24.0, -30.0));
        assert!(call.level_warnings(&leveled(-26.0)).is_empty());
        let out_of_reach = call.level_warnings(&leveled(-90.0));
        assert_eq!(out_of_reach.len(), 2);
        assert!(out_of_reach[0].message.contains("stays -"), "{}", out_of_reach[0].message);
    }

    #[test]
    fn a_second_write_tells_of_its_own_files_alone() {
        let folder = std::env::temp_dir().join(format!("callweave-write-{}", std::process::id()));
        let (mut call, run) = (call(), RunOptions::default());
        let plain = call.report.tracks[0].level.as_ref().unwrap().gain_db;
        call.write(&folder, &leveled(-90.0), &run).unwrap();
        assert_eq!(call.report.warnings.iter().filter(|w| w.code == LEVEL_NOT_REACHED).count(), 2);
        call.write(&folder, &MixConfig { format: Format::Flac, ..MixConfig::default() }, &run).unwrap();
        let paths: Vec<_> = call.report.outputs.iter().map(|output| output.path.as_str()).collect();
        assert_eq!(paths, ["mix.flac"]);
        assert!(call.report.warnings.is_empty(), "{:?}", call.report.warnings);
        assert_eq!(call.report.tracks[0].level.as_ref().unwrap().gain_db, plain);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_no_folder_is_refused_and_not_made() {
        let mut call = call();
        for (path, found) in [("s3://bucket/1", "a URL"), ("stereo.wav", "the name of an audio file")] {
            let error = call.write(Path::new(path), &MixConfig::default(), &RunOptions::default()).unwrap_err();
            assert_eq!((error.kind(), error.found()), (ErrorKind::InvalidArgument, Some(found)));
            assert!(!Path::new(path).exists() && !Path::new("s3:").exists());
        }
    }
}
