//! A processed call to a folder: the mix, the report, and what else is asked for.

use std::fs;
use std::path::Path;

use super::{Processed, ProcessedTrack};
use crate::config::{Layout, MixConfig};
use crate::error::{Error, Result, Stage};
use crate::export::{self, LabelFormat, Names, PageAudio, PeakBits, PeakMeter, Peaks, TrackLevels, Waves};
use crate::mix::Mixer;
use crate::report::OutputFile;
use crate::run::RunOptions;
use crate::units::Rate;

/// What is written beside the mix and the report.
#[derive(Debug, Clone, Default)]
pub struct WriteOptions {
    /// The call to look at, in `report.html`.
    pub page: bool,
    /// The mix inside the page too: one file to pass on, a third larger than the mix.
    pub embed_audio: bool,
    /// The mix's peaks in `peaks.json`, at about so many points per second (1 to 4000).
    pub peaks: Option<u32>,
    /// Each second's level by track, in `series.json`.
    pub series: bool,
    /// Labels, each format in a file of its own.
    pub labels: Vec<LabelFormat>,
    /// How page and labels call the parties.
    pub names: Names,
}

impl Processed {
    /// Writes the mix (`mix.wav`, or `mix.flac`) and `report.json` to a folder, which is made if need be, and adds the mix
    /// to the report's outputs. Each file appears whole or not at all.
    ///
    /// # Errors
    /// `io`, `cancelled`, and those of the mix.
    pub fn write(&mut self, folder: &Path, config: &MixConfig, run: &RunOptions) -> Result<()> {
        self.write_with(folder, config, &WriteOptions::default(), run)
    }

    /// As [`Self::write`], with more files: `report.html`, `peaks.json` (8 bits), labels ([`LabelFormat::file_name`]).
    ///
    /// # Errors
    /// As [`Self::write`]; `invalid_argument` for points per second out of range, `unsupported` for a page without
    /// the feature `page`.
    pub fn write_with(
        &mut self,
        folder: &Path,
        config: &MixConfig,
        options: &WriteOptions,
        run: &RunOptions,
    ) -> Result<()> {
        if options.page {
            export::require_page()?;
        }
        let failed = |e| Error::io(Stage::Export, e).in_input(folder.display().to_string());
        fs::create_dir_all(folder).map_err(failed)?;
        let mut mixer = self.mix(config)?;
        let (rate, channels) = (mixer.rate(), mixer.channels());
        let mut meters = options.peaks.map(|points| PeakMeters::new(&mixer, points)).transpose()?;
        let mut seen = self.page_meters(&mixer, config, options)?;
        let name = format!("mix.{}", config.format.extension());
        let mix = folder.join(&name);
        let sha256 = super::in_threads(run, || {
            export::write_audio_heard(&mix, &mut mixer, config.format, run, |block| {
                meters.iter_mut().chain(&mut seen).for_each(|meters| meters.push(block));
            })
        })??;
        self.report.outputs.push(OutputFile {
            kind: "mix".into(),
            path: name.clone(),
            sample_rate_hz: rate.hz(),
            channels,
            sha256,
        });
        export::write_text(&folder.join("report.json"), &format!("{}\n", self.report.to_json()))?;
        if options.page {
            let waves = self.waves(seen, config, run)?;
            let audio = if options.embed_audio { PageAudio::Embedded(&mix) } else { PageAudio::Beside(&name) };
            export::write_page(&folder.join("report.html"), &self.report, &waves, audio, options.names)?;
        }
        if let Some(meters) = meters {
            export::write_peaks(&folder.join("peaks.json"), &meters.finish(), PeakBits::Eight)?;
        }
        if options.series {
            export::write_text(&folder.join("series.json"), &format!("{}\n", self.series()))?;
        }
        for format in &options.labels {
            export::write_text(&folder.join(format.file_name()), &format.write(&self.report, options.names))?;
        }
        Ok(())
    }

    /// Each second's level by track, as JSON ([`export::series`]).
    pub fn series(&self) -> String {
        let levels = self.tracks.iter().map(|placed| TrackLevels {
            index: placed.index,
            role: placed.track.role,
            dbov: &placed.levels,
        });
        export::series(&levels.collect::<Vec<_>>())
    }

    /// PeakMeters for the page, where the mix has a channel per party.
    fn page_meters(&self, mixer: &Mixer, config: &MixConfig, options: &WriteOptions) -> Result<Option<PeakMeters>> {
        let wanted = options.page && config.layout == Layout::Split;
        wanted.then(|| PeakMeters::new(mixer, self.page_points())).transpose()
    }

    fn page_points(&self) -> u32 {
        export::page_points_per_second(self.report.call.duration_ms, self.tracks.len())
    }

    /// The parties' waveforms: heard while the mix was written, or from a mix of their own where that was one channel.
    fn waves(&self, seen: Option<PeakMeters>, config: &MixConfig, run: &RunOptions) -> Result<Waves> {
        let split = seen.is_some();
        let meters = match seen {
            Some(meters) => meters,
            None => {
                let mut mixer = self.mix(&MixConfig { layout: Layout::Split, ..config.clone() })?;
                let mut meters = PeakMeters::new(&mixer, self.page_points())?;
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

/// A meter for each channel of a mix.
struct PeakMeters {
    rate: Rate,
    samples_per_point: u32,
    channels: Vec<PeakMeter>,
}

impl PeakMeters {
    fn new(mixer: &Mixer, points_per_second: u32) -> Result<Self> {
        let rate = mixer.rate();
        let samples_per_point = export::samples_per_point(rate, points_per_second)?;
        let channels = (0..mixer.channels()).map(|_| PeakMeter::new(samples_per_point)).collect();
        Ok(Self { rate, samples_per_point, channels })
    }

    /// Hears a block, channels interleaved.
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
