//! Samples for numpy: `(channels, frames)`, moved out of Rust without a copy.

use std::path::Path;

use callweave::config::Config;
use callweave::decode::{ChannelSelection, Decoder};
use callweave::error::{Error, ErrorKind, Stage};
use callweave::export::{self, PeakBits};
use callweave::mix::Mixer;
use callweave::run::RunOptions;
use callweave::timeline::Placement;
use callweave::track::{PcmCollector, SampleSink};
use callweave::{Input, NormalizeOptions};
use numpy::ndarray::{Array2, Array3};
use numpy::{Element, IntoPyArray, PyArray2, PyArray3};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::arguments;
use crate::work::Work;

/// Samples by channel, all of one length.
type Planes<T> = Vec<Vec<T>>;

/// The array of some channels.
fn joined<T>(planes: Planes<T>) -> callweave::Result<Array2<T>> {
    let (channels, frames) = (planes.len(), planes.first().map_or(0, Vec::len));
    let mut planes = planes.into_iter();
    let mut flat = planes.next().unwrap_or_default();
    flat.reserve_exact(frames * channels.saturating_sub(1));
    planes.for_each(|plane| flat.extend(plane));
    let uneven = |e| Error::new(ErrorKind::Internal, Stage::Decode, format!("channels of one length: {e}"));
    Array2::from_shape_vec((channels, frames), flat).map_err(uneven)
}

/// All samples of a mix, by channel.
pub fn gather(mut mixer: Mixer<'_>, run: &RunOptions) -> callweave::Result<Array2<i16>> {
    let channels = usize::from(mixer.channels());
    let frames = usize::try_from(mixer.frames_left()).unwrap_or(0);
    let mut planes: Planes<i16> = (0..channels).map(|_| Vec::with_capacity(frames)).collect();
    while let Some(block) = mixer.next_block()? {
        run.check(Stage::Mix)?;
        for (channel, plane) in planes.iter_mut().enumerate() {
            plane.extend(block.iter().skip(channel).step_by(channels));
        }
    }
    joined(planes)
}

/// What collects the samples of one track in its own type.
pub trait Collect: Element + 'static {
    /// Where they are collected.
    type Room: Default + Send + 'static;
    /// Takes the next samples.
    fn take(room: &mut Self::Room, samples: &[f32]);
    /// All of them.
    fn all(room: Self::Room) -> Vec<Self>;
}

impl Collect for f32 {
    type Room = Vec<f32>;

    fn take(room: &mut Self::Room, samples: &[f32]) {
        room.extend_from_slice(samples);
    }

    fn all(room: Self::Room) -> Vec<Self> {
        room
    }
}

impl Collect for i16 {
    type Room = PcmCollector;

    fn take(room: &mut Self::Room, samples: &[f32]) {
        room.push(samples);
    }

    fn all(room: Self::Room) -> Vec<Self> {
        room.finish().0
    }
}

/// Decodes a recording at its own rate: samples, rate, and what it is, as JSON.
pub fn decode<'py, T: Collect>(
    py: Python<'py>,
    input: &Bound<'py, PyAny>,
    config: &str,
) -> PyResult<(Bound<'py, PyArray2<T>>, u32, String)> {
    let config = arguments::config(py, config)?;
    let mut work = Work::new(py, None, None);
    let input = arguments::input(&mut work, input, 0)?;
    let (samples, rate, source) = work.run(move |run| collect::<T>(input, &config, run))?;
    Ok((samples.into_pyarray(py), rate, source))
}

fn collect<T: Collect>(input: Input, config: &Config, run: &RunOptions) -> callweave::Result<(Array2<T>, u32, String)> {
    let mut decoder = Decoder::open(input, &config.decode)?;
    let (channels, rate) = (decoder.spec().channels, decoder.spec().rate.hz());
    let lanes =
        ChannelSelection::of(channels, decoder.leg(), &config.decode).map_err(|e| e.in_input(decoder.name()))?;
    let mut rooms: Vec<T::Room> = lanes.iter().map(|_| T::Room::default()).collect();
    let mut scratch = Vec::new();
    while let Some(block) = decoder.next_block()? {
        run.check(Stage::Decode)?;
        for (lane, room) in lanes.iter().zip(&mut rooms) {
            T::take(room, lane.samples(block, &mut scratch));
        }
    }
    let source = serde_json::to_string(&decoder.finish()?).unwrap_or_default();
    Ok((joined(rooms.into_iter().map(T::all).collect())?, rate, source))
}

/// What `normalize` hands back to Python.
pub struct NormalizedCall {
    /// The samples, where they were not written to a file.
    pub samples: Option<Array2<i16>>,
    /// Their rate.
    pub rate_hz: u32,
    /// What the recording was, as JSON.
    pub source: String,
    /// The gain that was applied.
    pub gain_db: f64,
}

/// Normalises a recording, into a file where a path is given.
pub fn normalize(
    input: Input,
    config: &Config,
    path: Option<&Path>,
    run: &RunOptions,
) -> callweave::Result<NormalizedCall> {
    let mix = &config.mix;
    let decode = config.decode.clone();
    let options = NormalizeOptions { decode, rate: mix.rate, level: mix.level, layout: mix.layout };
    let normalized = callweave::normalize(input, &options, run)?;
    let placement = Placement::reference();
    let mixer = normalized.samples(&placement)?;
    let rate_hz = mixer.rate().hz();
    let samples = match path {
        Some(path) => normalized.write(path, run).map(|()| None)?,
        None => Some(gather(mixer, run)?),
    };
    let source = serde_json::to_string(&normalized.source).unwrap_or_default();
    Ok(NormalizedCall { samples, rate_hz, source, gain_db: normalized.gain.0 })
}

/// A recording's waveform.
pub struct PeaksMade {
    rate_hz: u32,
    samples_per_point: u32,
    points: Array3<i16>,
    json: String,
    dat: Vec<u8>,
}

/// Rate, samples a point, `(channels, points, 2)`, JSON, `.dat`.
pub type PeakParts<'py> = (u32, u32, Bound<'py, PyArray3<i16>>, String, Bound<'py, PyBytes>);

/// The peaks of a recording, in numbers and in audiowaveform's formats.
pub fn peaks(
    input: Input,
    points_per_second: u32,
    bits: u8,
    config: &Config,
    run: &RunOptions,
) -> callweave::Result<PeaksMade> {
    let width = PeakBits::from_bits(bits).ok_or_else(|| {
        Error::new(ErrorKind::InvalidArgument, Stage::Config, "bits of a peak").with_mismatch(bits, "8 or 16")
    })?;
    let made = export::peaks(input, points_per_second, &config.decode, run)?;
    let channels = made.channels();
    let shape = (channels.len(), channels.first().map_or(0, Vec::len), 2);
    let flat = channels.iter().flatten().flatten().copied().collect();
    let uneven = |e| Error::new(ErrorKind::Internal, Stage::Export, format!("channels of one length: {e}"));
    Ok(PeaksMade {
        rate_hz: made.rate().hz(),
        samples_per_point: made.samples_per_point(),
        points: Array3::from_shape_vec(shape, flat).map_err(uneven)?,
        json: made.to_json(width),
        dat: made.to_dat(width),
    })
}

impl PeaksMade {
    /// What Python gets of it.
    pub fn into_python(self, py: Python<'_>) -> PeakParts<'_> {
        let dat = PyBytes::new(py, &self.dat);
        (self.rate_hz, self.samples_per_point, self.points.into_pyarray(py), self.json, dat)
    }
}
