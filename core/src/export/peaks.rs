//! Waveform peaks: the lowest and the highest sample of every point, in the formats of BBC
//! audiowaveform (version 2, JSON and `.dat`), which its players and wavesurfer.js read.
//!
//! <https://github.com/bbc/audiowaveform/blob/master/doc/DataFormat.md> describes both formats.

use std::fmt::Write;
use std::path::Path;

use super::write_bytes;
use crate::config::DecodeOptions;
use crate::decode::{Decoder, Input};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::run::{Progress, RunOptions};
use crate::track::{SampleSink, sealed, to_i16};
use crate::units::Rate;

/// audiowaveform's lower limit of samples per point.
const MIN_SAMPLES: u32 = 2;
/// Most points per second. More would be the audio itself.
const MAX_POINTS: u32 = 4_000;
/// Length of a version 2 `.dat` header in bytes.
const DAT_HEADER: usize = 24;

/// The width of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PeakBits {
    /// −128 to 127: a 16-bit value divided by 256 and truncated, as audiowaveform does.
    #[default]
    Eight,
    /// −32768 to 32767.
    Sixteen,
}

impl PeakBits {
    /// Returns the number of bits.
    pub const fn bits(self) -> u8 {
        match self {
            Self::Eight => 8,
            Self::Sixteen => 16,
        }
    }

    /// Returns the width for 8 or 16 bits.
    pub const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            8 => Some(Self::Eight),
            16 => Some(Self::Sixteen),
            _ => None,
        }
    }

    const fn of(self, value: i16) -> i16 {
        match self {
            Self::Eight => value / 256,
            Self::Sixteen => value,
        }
    }
}

/// The lowest and the highest sample of each point of each channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Peaks {
    rate: Rate,
    samples_per_point: u32,
    channels: Vec<Vec<[i16; 2]>>,
}

/// Collects the lowest and the highest of every so many samples of one channel.
#[derive(Debug)]
pub struct PeakMeter {
    samples_per_point: u32,
    heard: u32,
    now: [i16; 2],
    points: Vec<[i16; 2]>,
}

/// A point without samples: any sample replaces both values.
const NOTHING: [i16; 2] = [i16::MAX, i16::MIN];

impl PeakMeter {
    /// Creates a meter with this many samples per point, at least one.
    pub fn new(samples_per_point: u32) -> Self {
        Self { samples_per_point: samples_per_point.max(1), heard: 0, now: NOTHING, points: Vec::new() }
    }

    /// Takes 16-bit samples.
    pub fn push_i16(&mut self, samples: impl Iterator<Item = i16>) {
        for sample in samples {
            self.now = [self.now[0].min(sample), self.now[1].max(sample)];
            self.heard += 1;
            if self.heard == self.samples_per_point {
                self.close();
            }
        }
    }

    fn close(&mut self) {
        self.points.push(self.now);
        self.now = NOTHING;
        self.heard = 0;
    }

    /// Returns the points. The last may cover fewer samples.
    pub fn finish(mut self) -> Vec<[i16; 2]> {
        if self.heard > 0 {
            self.close();
        }
        self.points
    }
}

impl sealed::Sealed for PeakMeter {}

impl SampleSink for PeakMeter {
    fn push(&mut self, samples: &[f32]) {
        self.push_i16(samples.iter().map(|&x| to_i16(x)));
    }
}

/// Returns the samples per point for about this many points per second.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] below 1 and above 4000 points per second.
pub fn samples_per_point(rate: Rate, points_per_second: u32) -> Result<u32> {
    if !(1..=MAX_POINTS).contains(&points_per_second) {
        return Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, "points per second out of range")
            .with_mismatch(points_per_second, format!("1 to {MAX_POINTS}")));
    }
    Ok((rate.hz() / points_per_second).max(MIN_SAMPLES))
}

/// Computes the peaks of every channel of a recording in one pass, with the codec delay removed and
/// without keeping samples.
///
/// ```no_run
/// use callweave::{RunOptions, Input, config::DecodeOptions, export::{PeakBits, peaks}};
///
/// let peaks = peaks(Input::path("mix.wav"), 100, &DecodeOptions::default(), &RunOptions::default())?;
/// std::fs::write("peaks.json", peaks.to_json(PeakBits::Eight)).unwrap();
/// # Ok::<(), callweave::Error>(())
/// ```
///
/// # Errors
/// - [`ErrorKind::InvalidArgument`] for points per second out of range.
/// - [`ErrorKind::NoAudio`] if no samples could be decoded.
/// - [`Cancelled`](crate::ErrorKind::Cancelled) after the caller cancels.
/// - Those of [`Decoder`].
pub fn peaks(input: Input, points_per_second: u32, options: &DecodeOptions, run: &RunOptions) -> Result<Peaks> {
    let mut decoder = Decoder::open(input.alone(options, &run.cancel), options)?;
    let name = decoder.name().to_owned();
    let (rate, channels) = (decoder.spec().rate, decoder.spec().channels);
    let samples_per_point = samples_per_point(rate, points_per_second)?;
    let mut meters: Vec<PeakMeter> = (0..channels).map(|_| PeakMeter::new(samples_per_point)).collect();
    while let Some(block) = decoder.next_block()? {
        run.check(Stage::Decode)?;
        for (index, meter) in meters.iter_mut().enumerate() {
            meter.push(block.channel(index));
        }
        let (bytes_done, bytes_total) = (decoder.bytes_read(), decoder.size_hint());
        run.report(Progress { stage: Stage::Decode, bytes_done, bytes_total });
    }
    let peaks = Peaks::new(rate, samples_per_point, meters.into_iter().map(PeakMeter::finish).collect());
    if peaks.is_empty() {
        return Err(Error::new(ErrorKind::NoAudio, Stage::Decode, "no samples could be decoded").in_input(name));
    }
    Ok(peaks)
}

impl Peaks {
    /// Creates peaks from the points of each channel. Channels that end early are silent to the end
    /// of the longest.
    pub fn new(rate: Rate, samples_per_point: u32, mut channels: Vec<Vec<[i16; 2]>>) -> Self {
        let longest = channels.iter().map(Vec::len).max().unwrap_or_default();
        channels.iter_mut().for_each(|points| points.resize(longest, [0, 0]));
        Self { rate, samples_per_point, channels }
    }

    /// Returns the sample rate of the recording.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Returns the samples per point. The last point may cover fewer.
    pub fn samples_per_point(&self) -> u32 {
        self.samples_per_point
    }

    /// Returns the points of each channel: the lowest and the highest sample.
    pub fn channels(&self) -> &[Vec<[i16; 2]>] {
        &self.channels
    }

    /// Returns the number of points per channel.
    pub fn len(&self) -> usize {
        self.channels.first().map_or(0, Vec::len)
    }

    /// Returns `true` if there are no points.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns every value in the order of both formats: by point, then by channel, the lowest
    /// first.
    pub(super) fn values(&self, bits: PeakBits) -> impl Iterator<Item = i16> {
        let point =
            |at: usize| self.channels.iter().flat_map(move |points| points.get(at).copied().unwrap_or_default());
        (0..self.len()).flat_map(point).map(move |value| bits.of(value))
    }

    /// Returns audiowaveform's JSON, version 2.
    pub fn to_json(&self, bits: PeakBits) -> String {
        let mut json = String::with_capacity(160 + self.len() * self.channels.len() * 10);
        let _ = write!(
            json,
            "{{\"version\":2,\"channels\":{},\"sample_rate\":{},\"samples_per_pixel\":{},\"bits\":{},\"length\":{},\"data\":[",
            self.channels.len(),
            self.rate.hz(),
            self.samples_per_point,
            bits.bits(),
            self.len()
        );
        for (index, value) in self.values(bits).enumerate() {
            let _ = write!(json, "{}{value}", if index == 0 { "" } else { "," });
        }
        json.push_str("]}\n");
        json
    }

    /// Returns audiowaveform's `.dat`, version 2: six 32-bit numbers, then the values, all
    /// little-endian.
    pub fn to_dat(&self, bits: PeakBits) -> Vec<u8> {
        let length = u32::try_from(self.len()).unwrap_or(u32::MAX);
        let flags = u32::from(bits == PeakBits::Eight);
        let mut dat = Vec::with_capacity(DAT_HEADER + self.len() * self.channels.len() * 4);
        for field in [2, flags, self.rate.hz(), self.samples_per_point, length, self.channels.len() as u32] {
            dat.extend(field.to_le_bytes());
        }
        match bits {
            PeakBits::Eight => dat.extend(self.values(bits).map(|value| value as u8)),
            PeakBits::Sixteen => dat.extend(self.values(bits).flat_map(i16::to_le_bytes)),
        }
        dat
    }
}

/// Writes peaks to a file, as `.dat` or, with any other extension, as JSON. The file appears
/// complete or not at all.
///
/// # Errors
/// [`Io`](crate::ErrorKind::Io) if the file cannot be written.
pub fn write_peaks(path: impl AsRef<Path>, peaks: &Peaks, bits: PeakBits) -> Result<()> {
    let path = path.as_ref();
    let binary = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("dat"));
    let bytes = if binary { peaks.to_dat(bits) } else { peaks.to_json(bits).into_bytes() };
    write_bytes(path, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two channels of five samples, two samples a point.
    fn small() -> Peaks {
        let meter = |samples: &[i16]| {
            let mut meter = PeakMeter::new(2);
            meter.push_i16(samples.iter().copied());
            meter.finish()
        };
        let channels = vec![meter(&[-300, 700, 0, -1, 32_767]), meter(&[1, 2, -32_768, 255, -256])];
        Peaks::new(Rate::NARROWBAND, 2, channels)
    }

    #[test]
    fn json_is_audiowaveforms() {
        let json = "{\"version\":2,\"channels\":2,\"sample_rate\":8000,\"samples_per_pixel\":2,\"bits\":16,\"length\":3,\
                    \"data\":[-300,700,1,2,-1,0,-32768,255,32767,32767,-256,-256]}\n";
        assert_eq!(small().to_json(PeakBits::Sixteen), json);
        let eight: serde_json::Value = serde_json::from_str(&small().to_json(PeakBits::Eight)).unwrap();
        assert_eq!(eight["bits"], 8);
        assert_eq!(eight["data"], serde_json::json!([-1, 2, 0, 0, 0, 0, -128, 0, 127, 127, -1, -1]));
    }

    #[test]
    fn the_data_of_a_dat_begin_at_byte_24() {
        let dat = small().to_dat(PeakBits::Eight);
        let header = [2u32, 1, 8000, 2, 3, 2].map(u32::to_le_bytes).concat();
        assert_eq!((&dat[..24], dat.len()), (header.as_slice(), 24 + 12));
        assert_eq!(&dat[24..30], &[0xFF, 2, 0, 0, 0, 0]);
        let dat = small().to_dat(PeakBits::Sixteen);
        assert_eq!((dat[4], dat.len()), (0, 24 + 24));
        assert_eq!(&dat[24..28], &[(-300i16).to_le_bytes(), 700i16.to_le_bytes()].concat());
    }

    #[test]
    fn any_chunking_gives_the_same_points() {
        let samples: Vec<f32> = (0..10_007).map(|i| ((i * 7919) % 2001) as f32 / 1000.5 - 1.0).collect();
        let cut = |size: usize| {
            let mut meter = PeakMeter::new(80);
            samples.chunks(size).for_each(|chunk| meter.push(chunk));
            meter.finish()
        };
        let whole = cut(samples.len());
        assert_eq!(whole.len(), 126, "125 full points and one of 7 samples");
        for size in [1, 79, 80, 81, 4096] {
            assert_eq!(cut(size), whole);
        }
        let by_hand = samples[80..160].iter().map(|&x| to_i16(x));
        assert_eq!(whole[1], [by_hand.clone().min().unwrap(), by_hand.max().unwrap()]);
    }

    #[test]
    fn points_per_second_have_bounds() {
        assert_eq!(samples_per_point(Rate::NARROWBAND, 100).unwrap(), 80);
        assert_eq!(samples_per_point(Rate::NARROWBAND, 4000).unwrap(), 2);
        for wrong in [0, 4001] {
            assert_eq!(samples_per_point(Rate::NARROWBAND, wrong).unwrap_err().kind(), ErrorKind::InvalidArgument);
        }
    }

    #[test]
    fn a_short_channel_is_quiet_to_the_end() {
        let peaks = Peaks::new(Rate::NARROWBAND, 80, vec![vec![[-5, 5]; 2], Vec::new()]);
        assert_eq!(peaks.channels()[1], [[0, 0]; 2]);
    }
}
