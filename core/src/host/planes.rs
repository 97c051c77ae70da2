//! Samples by channel, as other languages hold them in arrays.

use std::path::Path;

use serde::Serialize;

use crate::config::{Config, DecodeOptions, Format, Stereo};
use crate::decode::{ChannelSelection, Decoder, Input, SourceInfo};
use crate::error::{Result, Stage};
use crate::export::encode_audio;
use crate::level;
use crate::mix::Mixer;
use crate::process::{NormalizeOptions, normalize as normalized};
use crate::resample::resample;
use crate::run::RunOptions;
use crate::threads;
use crate::timeline::Placement;
use crate::track::{PcmCollector, SampleSink};
use crate::units::{Decibels, Rate};

/// Samples by channel, all of equal length.
#[derive(Debug, Clone, PartialEq)]
pub struct Planes<T> {
    /// One list per channel.
    pub channels: Vec<Vec<T>>,
    /// Sample rate.
    pub rate: Rate,
}

/// A sample type: `f32` in [−1, 1], or `i16`.
pub trait Plane: Copy + Send + 'static {
    /// The buffer in which samples are collected.
    type Scratch: Default + Send;
    /// Takes the next samples.
    fn take(room: &mut Self::Scratch, samples: &[f32]);
    /// Returns all samples.
    fn all(room: Self::Scratch) -> Vec<Self>;
}

impl Plane for f32 {
    type Scratch = Vec<f32>;

    fn take(room: &mut Self::Scratch, samples: &[f32]) {
        room.extend_from_slice(samples);
    }

    fn all(room: Self::Scratch) -> Vec<Self> {
        room
    }
}

impl Plane for i16 {
    type Scratch = PcmCollector;

    fn take(room: &mut Self::Scratch, samples: &[f32]) {
        room.push(samples);
    }

    fn all(room: Self::Scratch) -> Vec<Self> {
        room.finish().0
    }
}

/// Decodes a recording at its own rate.
///
/// # Errors
/// Those of [`Decoder`]; `cancelled`.
pub fn decode<T: Plane>(input: Input, options: &DecodeOptions, run: &RunOptions) -> Result<(Planes<T>, SourceInfo)> {
    let mut decoder = Decoder::open(input, options)?;
    let rate = decoder.spec().rate;
    let chosen = selected(&decoder, options)?;
    let mut rooms: Vec<T::Scratch> = chosen.iter().map(|_| T::Scratch::default()).collect();
    let mut scratch = Vec::new();
    while let Some(block) = decoder.next_block()? {
        run.check(Stage::Decode)?;
        for (channel, room) in chosen.iter().zip(&mut rooms) {
            T::take(room, channel.samples(block, &mut scratch));
        }
    }
    let source = decoder.finish()?;
    Ok((Planes { channels: rooms.into_iter().map(T::all).collect(), rate }, source))
}

/// Returns the channels that are decoded. Rejects one channel and the average of all at once.
fn selected(decoder: &Decoder, options: &DecodeOptions) -> Result<Vec<ChannelSelection>> {
    let selected = match decoder.leg().channel {
        Some(channel) if options.stereo == Stereo::Downmix => {
            let found = format!("channel {channel} and a downmix of all");
            Err(super::refused("which channels are decoded").with_mismatch(found, "one of them"))
        }
        _ => ChannelSelection::of(decoder.spec().channels, decoder.leg(), options),
    };
    selected.map_err(|e| e.in_input(decoder.name()))
}

/// A loaded part of a recording.
#[derive(Debug)]
pub struct Loaded<T> {
    /// The samples.
    pub planes: Planes<T>,
    /// Information about the recording, if it was read to its end.
    pub source: Option<SourceInfo>,
}

/// Loads the samples in the range that `wanted` returns for a rate, and resamples them.
pub(super) fn load<T: Plane>(
    input: Input,
    options: &DecodeOptions,
    wanted: impl FnOnce(u32) -> Result<(usize, usize)>,
    rate: Option<Rate>,
    run: &RunOptions,
) -> Result<Loaded<T>> {
    let mut decoder = Decoder::open(input.alone(options, &run.cancel), options)?;
    let (name, own) = (decoder.name().to_owned(), decoder.spec().rate);
    let selected = selected(&decoder, options)?;
    let (from, to) = wanted(own.hz()).map_err(|e| e.in_input(&name))?;
    let mut channels: Vec<Vec<f32>> = selected.iter().map(|_| Vec::new()).collect();
    let (mut at, mut scratch) = (0, Vec::new());
    while at < to
        && let Some(block) = decoder.next_block()?
    {
        run.check(Stage::Decode)?;
        let (first, last) = (from.saturating_sub(at), (to - at).min(block.frames()));
        for (channel, samples) in selected.iter().zip(&mut channels) {
            samples.extend_from_slice(channel.samples(block, &mut scratch).get(first..last).unwrap_or_default());
        }
        at += block.frames();
    }
    if at <= from && from > 0 {
        let length = format!("a start within {}", own.millis(at as u64));
        return Err(super::refused("invalid time range").with_mismatch(own.millis(from as u64), length).in_input(name));
    }
    let source = if at < to { Some(decoder.finish()?) } else { None };
    let rate = rate.unwrap_or(own);
    let planes = channels.into_iter().map(|samples| brought::<T>(samples, own, rate)).collect::<Result<_>>()?;
    Ok(Loaded { planes: Planes { channels: planes, rate }, source })
}

/// Resamples a channel.
fn brought<T: Plane>(samples: Vec<f32>, from: Rate, to: Rate) -> Result<Vec<T>> {
    let mut room = T::Scratch::default();
    let samples = if from == to { samples } else { resample(&samples, from, to)? };
    T::take(&mut room, &samples);
    Ok(T::all(room))
}

/// Returns the levels of each channel of a recording.
///
/// # Errors
/// Those of [`decode`].
pub fn levels(input: Input, options: &DecodeOptions, run: &RunOptions) -> Result<Vec<ChannelLevel>> {
    let (planes, _) = decode::<f32>(input, options, run)?;
    let told = |samples: Vec<f32>| {
        let level = level::measure(samples, planes.rate);
        ChannelLevel {
            active_dbov: (level.active.activity > 0.0).then_some(level.active.level),
            activity_factor: level.active.activity,
            true_peak_dbtp: level.true_peak,
            loudness_lufs: level.loudness,
            clipped_samples: level.clipped,
        }
    };
    Ok(threads::map(planes.channels, told))
}

/// The levels of a channel. `None` if there is nothing to measure.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelLevel {
    /// Active speech level (ITU-T P.56).
    pub active_dbov: Option<Decibels>,
    /// Share of the time in which speech is active.
    pub activity_factor: f64,
    /// True peak (ITU-R BS.1770).
    pub true_peak_dbtp: Option<Decibels>,
    /// Integrated loudness (EBU R 128).
    pub loudness_lufs: Option<Decibels>,
    /// Number of samples at full scale.
    pub clipped_samples: u64,
}

/// Returns a recording as the bytes of a 16-bit WAV or FLAC file, at its own rate and level.
///
/// # Errors
/// Those of [`decode`] and of the format.
pub fn encode(input: Input, options: &DecodeOptions, format: Format, run: &RunOptions) -> Result<Vec<u8>> {
    let (planes, _) = decode::<i16>(input, options, run)?;
    encode_audio(&planes.channels, planes.rate, format)
}

/// Points of a waveform picture, and its height per channel, in pixels.
const PICTURE: (usize, usize) = (800, 80);

/// Draws a recording's waveform as SVG: for each channel, the lowest and the highest sample of each
/// pixel.
///
/// # Errors
/// Those of [`decode`].
pub fn wave_svg(input: Input, options: &DecodeOptions, run: &RunOptions) -> Result<String> {
    let (planes, _) = decode::<i16>(input, options, run)?;
    let (width, height) = (PICTURE.0, PICTURE.1 * planes.channels.len());
    let mut svg =
        format!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\">");
    for (channel, samples) in planes.channels.iter().enumerate() {
        let middle = (PICTURE.1 * channel) as f64 + PICTURE.1 as f64 / 2.0;
        let y = |sample: i16| middle - f64::from(sample) / 32_768.0 * PICTURE.1 as f64 / 2.0;
        let mut path = String::new();
        for (x, part) in samples.chunks(samples.len().div_ceil(width).max(1)).enumerate() {
            let (low, high) = (part.iter().min().copied(), part.iter().max().copied());
            let (from, to) = (y(high.unwrap_or(0)), y(low.unwrap_or(0)));
            path.push_str(&format!("M{x}.5 {from:.1}V{:.1}", to.max(from + 0.5)));
        }
        svg.push_str(&format!("<path d=\"{path}\" stroke=\"#47a\" fill=\"none\"/>"));
    }
    Ok(svg + "</svg>")
}

/// Returns all samples of a mix.
///
/// # Errors
/// Those of [`Mixer`]; `cancelled`.
pub fn mix(mut mixer: Mixer<'_>, run: &RunOptions) -> Result<Planes<i16>> {
    let (count, rate) = (usize::from(mixer.channels()), mixer.rate());
    let frames = usize::try_from(mixer.frames_left()).unwrap_or(0);
    let mut channels: Vec<Vec<i16>> = (0..count).map(|_| Vec::with_capacity(frames)).collect();
    while let Some(block) = mixer.next_block()? {
        run.check(Stage::Mix)?;
        for (at, channel) in channels.iter_mut().enumerate() {
            channel.extend(block.iter().skip(at).step_by(count));
        }
    }
    Ok(Planes { channels, rate })
}

/// A recording converted to another rate and level.
#[derive(Debug)]
pub struct NormalizedPlanes {
    /// Its samples, unless they were written to a file.
    pub planes: Option<Planes<i16>>,
    /// Sample rate.
    pub rate: Rate,
    /// What the recording was.
    pub source: SourceInfo,
    /// The gain that was applied.
    pub gain: Decibels,
}

/// Normalizes a recording as the configuration's mix says. Writes it to a file if a path is given.
///
/// # Errors
/// Those of [`normalize`](crate::normalize) and [`Normalized::write`](crate::Normalized::write).
pub fn normalize(input: Input, config: &Config, path: Option<&Path>, run: &RunOptions) -> Result<NormalizedPlanes> {
    let (mix_config, decode) = (&config.mix, config.decode.clone());
    let format = path.map(Format::of_file).transpose()?.map(|format| of_kind(format, mix_config.format));
    let options =
        NormalizeOptions { decode, rate: mix_config.rate, level: mix_config.level, layout: mix_config.layout };
    let made = normalized(input, &options, run)?;
    let placement = Placement::reference();
    let mixer = made.samples(&placement)?;
    let rate = mixer.rate();
    let planes = match (path, format) {
        (Some(path), Some(format)) => made.write_as(path, format, run).map(|()| None)?,
        _ => Some(mix(mixer, run)?),
    };
    Ok(NormalizedPlanes { planes, rate, gain: made.gain, source: made.source })
}

/// Returns the configured format if it has the same extension, otherwise the one of the extension.
fn of_kind(said: Format, configured: Format) -> Format {
    if said.extension() == configured.extension() { configured } else { said }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LevelTarget;

    fn fixture(name: &str) -> Input {
        Input::path(format!("{}/../fixtures/{name}", env!("CARGO_MANIFEST_DIR")))
    }

    #[test]
    fn both_types_hold_the_same_samples() {
        let (options, run) = (DecodeOptions::default(), RunOptions::default());
        let (floats, source) = decode::<f32>(fixture("stereo/call.wav"), &options, &run).unwrap();
        let (whole, same) = decode::<i16>(fixture("stereo/call.wav"), &options, &run).unwrap();
        assert_eq!((source, floats.rate), (same, whole.rate));
        assert_eq!(floats.channels.len(), 2);
        for (floats, whole) in floats.channels.iter().zip(&whole.channels) {
            assert!(floats.iter().zip(whole).all(|(f, i)| (f * 32_768.0).round() == f32::from(*i)));
            assert_eq!(floats.len(), 208_480);
        }
    }

    #[test]
    fn one_channel_and_a_downmix_of_all_contradict_each_other() {
        let options = DecodeOptions { stereo: Stereo::Downmix, ..DecodeOptions::default() };
        let both = decode::<f32>(fixture("stereo/call.wav").channel(1), &options, &RunOptions::default()).unwrap_err();
        assert!(both.to_string().contains("found channel 1 and a downmix of all, expected one of them"), "{both}");
        assert_eq!(
            decode::<f32>(fixture("stereo/call.wav"), &options, &RunOptions::default()).unwrap().0.channels.len(),
            1
        );
    }

    #[test]
    fn a_file_or_samples_are_made_never_both() {
        let mut config = Config::default();
        config.mix.level = LevelTarget::Off;
        let run = RunOptions::default();
        let made = normalize(fixture("stereo/call.wav"), &config, None, &run).unwrap();
        let (whole, _) = decode::<i16>(fixture("stereo/call.wav"), &config.decode, &run).unwrap();
        assert_eq!(made.planes.unwrap(), whole);
        let refused = normalize(fixture("stereo/call.wav"), &config, Some(Path::new("x.mp3")), &run).unwrap_err();
        assert!(refused.to_string().contains("x.mp3") && !Path::new("x.mp3").exists(), "{refused}");
    }
}
