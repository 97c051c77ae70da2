//! Samples for JavaScript: one typed array per channel, moved out of Rust without a copy.

use callweave::config::Config;
use callweave::decode::{ChannelSelection, Decoder};
use callweave::error::Stage;
use callweave::export::{PeakBits, Peaks};
use callweave::mix::Mixer;
use callweave::run::RunOptions;
use callweave::track::{PcmCollector, SampleSink};
use callweave::{Input, Result};
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

/// All samples of a mix.
pub fn gather(mut mixer: Mixer<'_>, run: &RunOptions) -> Result<Planes> {
    let channels = usize::from(mixer.channels());
    let frames = usize::try_from(mixer.frames_left()).unwrap_or(0);
    let mut planes: Vec<Vec<i16>> = (0..channels).map(|_| Vec::with_capacity(frames)).collect();
    while let Some(block) = mixer.next_block()? {
        run.check(Stage::Mix)?;
        for (channel, plane) in planes.iter_mut().enumerate() {
            plane.extend(block.iter().skip(channel).step_by(channels));
        }
    }
    Ok(Planes::Int16(planes))
}

/// Decodes a recording at its own rate: samples, rate, and what it is, as JSON.
pub fn decode(input: Input, config: &Config, float32: bool, run: &RunOptions) -> Result<(Planes, u32, String)> {
    let mut decoder = Decoder::open(input, &config.decode)?;
    let (channels, rate) = (decoder.spec().channels, decoder.spec().rate.hz());
    let lanes =
        ChannelSelection::of(channels, decoder.leg(), &config.decode).map_err(|e| e.in_input(decoder.name()))?;
    let mut floats: Vec<Vec<f32>> = lanes.iter().map(|_| Vec::new()).collect();
    let mut keepers: Vec<PcmCollector> = lanes.iter().map(|_| PcmCollector::default()).collect();
    let mut room = Vec::new();
    while let Some(block) = decoder.next_block()? {
        run.check(Stage::Decode)?;
        for (i, lane) in lanes.iter().enumerate() {
            let samples = lane.samples(block, &mut room);
            if float32 {
                floats[i].extend_from_slice(samples);
            } else {
                keepers[i].push(samples);
            }
        }
    }
    let source = serde_json::to_string(&decoder.finish()?).unwrap_or_default();
    let planes = if float32 {
        Planes::Float32(floats)
    } else {
        Planes::Int16(keepers.into_iter().map(|keeper| keeper.finish().0).collect())
    };
    Ok((planes, rate, source))
}
