//! Samples for JavaScript: one typed array per channel, moved out of Rust without a copy.

use callweave::config::Config;
use callweave::export::{PeakBits, Peaks};
use callweave::mix::Mixer;
use callweave::run::RunOptions;
use callweave::{Input, Result, host};
use napi::bindgen_prelude::{Either, Float32Array, Int16Array, Uint8Array};
use napi_derive::napi;

/// Samples by channel.
pub enum Planes {
    /// 32-bit floats, nominally within −1 and 1.
    Float32(Vec<Vec<f32>>),
    /// 16-bit numbers.
    Int16(Vec<Vec<i16>>),
}

/// Samples with their rate, as JavaScript sees them.
#[napi(object, object_from_js = false)]
pub struct AudioParts {
    /// One array per channel.
    pub channels: Vec<Either<Float32Array, Int16Array>>,
    /// Samples per second.
    pub sample_rate_hz: u32,
    /// What the recording was, as JSON, where there is one recording.
    pub source: Option<String>,
    /// The gain that was applied, in dB.
    pub gain_db: Option<f64>,
}

impl AudioParts {
    /// The parts of some samples.
    pub fn new(planes: Planes, sample_rate_hz: u32, source: Option<String>) -> Self {
        let channels = match planes {
            Planes::Float32(planes) => planes.into_iter().map(|plane| Either::A(Float32Array::new(plane))).collect(),
            Planes::Int16(planes) => planes.into_iter().map(|plane| Either::B(Int16Array::new(plane))).collect(),
        };
        Self { channels, sample_rate_hz, source, gain_db: None }
    }
}

/// A waveform, as JavaScript sees it.
#[napi(object, object_from_js = false)]
pub struct PeakParts {
    /// For each channel the least and the greatest sample of each point, one after the other.
    pub channels: Vec<Int16Array>,
    /// Samples per second of what was heard.
    pub sample_rate_hz: u32,
    /// Samples of a channel in one point.
    pub samples_per_point: u32,
    /// audiowaveform's JSON.
    pub json: String,
    /// audiowaveform's binary format.
    pub dat: Uint8Array,
}

impl PeakParts {
    /// The parts of some peaks, in numbers and in both formats.
    pub fn new(peaks: &Peaks, bits: PeakBits) -> Self {
        let plane = |points: &Vec<[i16; 2]>| Int16Array::new(points.iter().flatten().copied().collect());
        Self {
            channels: peaks.channels().iter().map(plane).collect(),
            sample_rate_hz: peaks.rate().hz(),
            samples_per_point: peaks.samples_per_point(),
            json: peaks.to_json(bits),
            dat: Uint8Array::new(peaks.to_dat(bits)),
        }
    }
}

/// All samples of a mix, and their rate.
pub fn gather(mixer: Mixer<'_>, run: &RunOptions) -> Result<(Planes, u32)> {
    let planes = host::mix(mixer, run)?;
    Ok((Planes::Int16(planes.channels), planes.rate.hz()))
}

/// Decodes a recording at its own rate: samples, rate, and what it is, as JSON.
pub fn decode(input: Input, config: &Config, float32: bool, run: &RunOptions) -> Result<(Planes, u32, String)> {
    let (planes, rate, source) = if float32 {
        let (planes, source) = host::decode::<f32>(input, &config.decode, run)?;
        (Planes::Float32(planes.channels), planes.rate, source)
    } else {
        let (planes, source) = host::decode::<i16>(input, &config.decode, run)?;
        (Planes::Int16(planes.channels), planes.rate, source)
    };
    Ok((planes, rate.hz(), host::text(&source)?))
}
