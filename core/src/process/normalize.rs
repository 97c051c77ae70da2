//! Converts one recording to a given rate and level.

use std::path::Path;

use crate::config::setters;
use crate::config::{DecodeOptions, Format, Layout, LevelTarget, MixConfig, OutputRate};
use crate::decode::{ChannelSelection, Decoder, Input, SourceInfo};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::export;
use crate::level::{Level, LevelMeter};
use crate::mix::{self, MixInput, Mixer};
use crate::run::{Progress, RunOptions};
use crate::threads::{self, Job};
use crate::timeline::Placement;
use crate::track::{PcmCollector, SampleSink, Track};
use crate::units::{Decibels, Millis, Span};

use super::reader::{RecordingReader, UnreadCount};

/// The format of a normalized recording.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NormalizeOptions {
    /// How the recording is read.
    pub decode: DecodeOptions,
    /// Sample rate.
    pub rate: OutputRate,
    /// Level.
    pub level: LevelTarget,
    /// One channel, or as many as the recording has.
    pub layout: Layout,
}

setters! { NormalizeOptions:
    with_decode(decode: DecodeOptions),
    with_rate(rate: OutputRate),
    with_level(level: LevelTarget),
    with_layout(layout: Layout),
}

/// A normalized recording.
#[derive(Debug)]
#[non_exhaustive]
pub struct Normalized {
    /// What the recording was, with its warnings.
    pub source: SourceInfo,
    /// The gain that was applied to all channels.
    pub gain: Decibels,
    tracks: Vec<Track>,
    config: MixConfig,
}

/// Decodes one recording, removes its codec delay, and normalizes its rate and level.
///
/// All channels get the gain that the loudest one's speech needs, so their balance is preserved.
///
/// ```
/// use callweave::{Input, NormalizeOptions, RunOptions, normalize};
///
/// let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures");
/// let input = Input::path(format!("{folder}/short/agent.wav"));
/// let normalized = normalize(input, &NormalizeOptions::default(), &RunOptions::default())?;
/// normalized.write(std::env::temp_dir().join("callweave-normalized.flac"), &RunOptions::default())?;
/// # Ok::<(), callweave::Error>(())
/// ```
///
/// # Errors
/// - [`ErrorKind::InvalidArgument`] for the layout `voices`.
/// - [`ErrorKind::NoAudio`] if no samples could be decoded.
/// - [`Cancelled`](crate::ErrorKind::Cancelled) after the caller cancels.
/// - Those of [`Decoder`].
pub fn normalize(input: Input, options: &NormalizeOptions, run: &RunOptions) -> Result<Normalized> {
    let waits = input.is_reader();
    super::in_threads(run, waits, || normalized(input, options, run))?
}

fn normalized(input: Input, options: &NormalizeOptions, run: &RunOptions) -> Result<Normalized> {
    if options.layout == Layout::Voices {
        let refused = Error::new(ErrorKind::InvalidArgument, Stage::Config, "normalize cannot separate voices");
        return Err(refused.with_mismatch("layout voices", "layout split or mono"));
    }
    let decoder = Decoder::open(input.alone(&options.decode, &run.cancel), &options.decode)?;
    let name = decoder.name().to_owned();
    let lanes =
        ChannelSelection::of(decoder.spec().channels, decoder.leg(), &options.decode).map_err(|e| e.in_input(&name))?;
    let (rate, role) = (decoder.spec().rate, decoder.leg().role);
    let mut ears: Vec<_> = lanes.iter().map(|_| (LevelMeter::new(rate), PcmCollector::default())).collect();
    let tell = |decoder: &Decoder| {
        let (bytes_done, bytes_total) = (decoder.bytes_read(), decoder.size_hint());
        run.report(Progress { stage: Stage::Decode, bytes_done, bytes_total });
        run.check(Stage::Decode)
    };
    let mut reader = RecordingReader::new(decoder, &lanes, threads::count(), tell);
    reader.read(&UnreadCount::new(1), |stretches, fill| {
        let jobs = ears.iter_mut().zip(stretches).flat_map(|((meter, keeper), stretch)| -> [Job; 2] {
            [Box::new(|| meter.push(&stretch.own)), Box::new(|| keeper.push(&stretch.own))]
        });
        match fill {
            Some(fill) => threads::beside(jobs.collect(), fill),
            None => jobs.for_each(|job| job()),
        }
        Ok(())
    })?;
    let source = reader.decoder.finish()?;
    let (levels, tracks): (Vec<Level>, Vec<Track>) = ears
        .into_iter()
        .map(|(meter, keeper)| (meter.finish(), Track { samples: keeper.finish().0, rate, role }))
        .unzip();
    if tracks.iter().all(|t| t.samples.is_empty()) {
        return Err(Error::new(ErrorKind::NoAudio, Stage::Decode, "no samples could be decoded").in_input(name));
    }
    let gains = levels.iter().map(|level| whole_gain(level, source.duration_ms, options.level).0);
    let gain = Decibels(gains.fold(f64::INFINITY, f64::min));
    let config = MixConfig { rate: options.rate, layout: options.layout, level: options.level, ..MixConfig::default() };
    Ok(Normalized { source, gain: if gain.0.is_finite() { gain } else { Decibels(0.0) }, tracks, config })
}

/// Returns the gain for a whole channel. A silent channel asks for none, so it never limits the
/// others.
fn whole_gain(level: &Level, duration: Millis, target: LevelTarget) -> Decibels {
    if level.active.activity <= 0.0 {
        return Decibels(f64::INFINITY);
    }
    mix::gain(level, &[Span { start: Millis(0.0), end: duration }], None, target)
}

impl Normalized {
    /// Returns a reader of the normalized samples in blocks.
    ///
    /// # Errors
    /// Those of [`Mixer::new`].
    pub fn samples<'a>(&'a self, placement: &'a Placement) -> Result<Mixer<'a>> {
        let placed = |track: &'a Track| MixInput {
            samples: &track.samples,
            rate: track.rate,
            role: track.role,
            placement,
            gain: self.gain,
        };
        let placed: Vec<MixInput> = self.tracks.iter().map(placed).collect();
        Mixer::new(&placed, self.source.duration_ms, &self.config)
    }

    /// Writes the recording as 16-bit WAV or FLAC, by the file name's extension. The file appears
    /// complete or not at all.
    ///
    /// # Errors
    /// - [`ErrorKind::InvalidArgument`] for another extension.
    /// - Those of [`Normalized::write_as`].
    pub fn write(&self, path: impl AsRef<Path>, run: &RunOptions) -> Result<()> {
        let format = Format::of_file(&path)?;
        self.write_as(path, format, run)
    }

    /// Writes the recording in the given format. The file appears complete or not at all.
    ///
    /// # Errors
    /// - [`Io`](crate::ErrorKind::Io) if the file cannot be written.
    /// - [`Cancelled`](crate::ErrorKind::Cancelled) after the caller cancels.
    /// - Those of [`Mixer`].
    pub fn write_as(&self, path: impl AsRef<Path>, format: Format, run: &RunOptions) -> Result<()> {
        let placement = Placement::reference();
        let mut samples = self.samples(&placement)?;
        let path = path.as_ref();
        super::in_threads(run, false, || export::write_audio(path, &mut samples, format, run))?
    }
}
