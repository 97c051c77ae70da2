//! What the bindings share, so that they contain no logic of their own: threads, samples by
//! channel, speech of one recording, chunks.

mod evaluate;
mod listen;
mod live;
mod planes;

pub use crate::json::{text, tree};
pub use crate::threads::{at_start, guarded, on_own, parallelism};
pub use evaluate::{calibrate, compare, evaluate};
pub use listen::{
    ChannelSpeech, LoadOptions, SileroOptions, SpanUnit, frames, listen, load, speech_preset, speech_timestamps,
};
pub use live::{OwnedSamples, events, live_call, next_events, speech_stream};
pub use planes::{
    ChannelLevel, Loaded, NormalizedPlanes, Plane, Planes, decode, encode, levels, mix, normalize, wave_svg,
};

use std::path::Path;

use crate::call::Role;
use crate::config::{Config, Format};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::export::{LabelFormat, Names, PeakBits, Transcript, Word, write_bytes};
use crate::process::{CallInput, PartyChunk, Processed};
use crate::provider::read_facts;
use crate::report::Report;
use crate::speech::ChunkOptions;
use crate::timeline::{Knot, Method, Placement};
use crate::units::{Millis, Rate, Span};

/// Most threads per call. The tracks of a call are analyzed in parallel; more threads would wait
/// for each other.
pub const MAX_THREADS_PER_CALL: usize = 4;

/// Default sample rate of a chunk, as transcribers expect it.
pub const CHUNK_RATE: Rate = Rate::WIDEBAND;

/// Default number of waveform points per second.
pub const PEAKS_PER_SECOND: u32 = 100;

/// The JSON Schema of the report.
pub const REPORT_SCHEMA: &str = include_str!("../../report.schema.json");

/// Returns chunk options from a configuration and the caller's arguments.
///
/// # Errors
/// `invalid_argument` for lengths out of range.
pub fn chunk_options(
    config: &Config,
    longest_ms: Option<f64>,
    pad_ms: Option<f64>,
    merge_gap_ms: Option<f64>,
) -> Result<ChunkOptions> {
    let plain = ChunkOptions::default();
    let options = ChunkOptions {
        longest: longest_ms.map_or(plain.longest, Millis),
        pad: pad_ms.map_or(plain.pad, Millis),
        merge_gap: merge_gap_ms.map(Millis),
        neg_threshold: config.speech.neg_threshold,
    };
    options.validate()?;
    Ok(options)
}

/// Converts a track time to the call's time by a placement's knots, which are pairs of track time
/// and call time.
pub fn to_call(knots: impl IntoIterator<Item = (f64, f64)>, time_ms: f64) -> f64 {
    let knots = knots.into_iter().map(|(track, call)| Knot { track: Millis(track), call: Millis(call) }).collect();
    Placement::through(knots, Method::None, 0.0, Millis(0.0)).to_call(Millis(time_ms)).0
}

/// Returns the role with this name.
///
/// # Errors
/// `invalid_argument` with the known names.
pub fn role(name: &str) -> Result<Role> {
    let names = || Role::ALL.iter().map(|role| role.name()).collect::<Vec<_>>().join(", ");
    Role::from_name(name).ok_or_else(|| refused("unknown role").with_mismatch(name, names()))
}

/// Returns the label format with this name.
///
/// # Errors
/// `invalid_argument` with the known names.
pub fn label_format(name: &str) -> Result<LabelFormat> {
    let names = || LabelFormat::ALL.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ");
    LabelFormat::from_name(name).ok_or_else(|| refused("unknown label format").with_mismatch(name, names()))
}

/// Returns the audio format with this name, or the one of the file name's extension.
///
/// # Errors
/// `invalid_argument` if neither is given, or if they contradict each other.
pub fn audio_format(name: Option<&str>, path: Option<&Path>) -> Result<Format> {
    match (name, path) {
        (Some(name), Some(path)) => {
            let format: Format = name.parse()?;
            match path.extension() {
                Some(ending) if !ending.eq_ignore_ascii_case(format.extension()) => {
                    let expected = format!("a name that ends in .{}", format.extension());
                    Err(refused("the file name's extension does not match the format")
                        .with_mismatch(path.display(), expected))
                }
                _ => Ok(format),
            }
        }
        (Some(name), None) => name.parse(),
        (None, Some(path)) => Format::of_file(path),
        (None, None) => Err(refused("no format given").with_mismatch("none", Format::NAMES.join(", "))),
    }
}

/// Adds facts from the phone system, given as JSON, to a call.
///
/// # Errors
/// Those of [`read_facts`].
pub fn with_facts(call: CallInput, facts: Option<&str>) -> Result<CallInput> {
    facts.map_or_else(|| Ok(Vec::new()), read_facts).map(|facts| call.with_facts(facts))
}

/// Writes a file. It appears complete or not at all.
///
/// # Errors
/// `io`.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    write_bytes(path, bytes)
}

/// Returns a report's labels in the format with this name. Parties are named by role, unless
/// `show_parties` is set.
///
/// # Errors
/// `invalid_argument` for an unknown format.
pub fn labels(report: &Report, format: &str, show_parties: bool) -> Result<String> {
    let names = if show_parties { Names::Parties } else { Names::Roles };
    Ok(label_format(format)?.write(report, names))
}

/// Returns words, given as JSON, in a format (`srt`, `vtt` or `json`), without those in the
/// redacted spans.
///
/// # Errors
/// `invalid_argument` for invalid words or another format.
pub fn transcript(words: &str, format: &str, redacted: Vec<Span>) -> Result<String> {
    let transcript = Transcript::new(from_json::<Vec<Word>>(words)?)?.redacted(&redacted);
    match format {
        "srt" => Ok(transcript.srt()),
        "vtt" => Ok(transcript.vtt()),
        "json" => transcript.json(),
        _ => Err(refused("unknown transcript format").with_mismatch(format, "srt, vtt or json")),
    }
}

/// Returns the samples of a chunk, given by track, voice and parts of the track's time.
///
/// # Errors
/// Those of [`Processed::chunk_samples`](crate::Processed::chunk_samples).
pub fn chunk_samples(
    call: &Processed,
    (placed, voice): (usize, Option<usize>),
    parts: Vec<Span>,
    options: &ChunkOptions,
    rate: Option<u32>,
) -> Result<(Vec<f32>, Rate)> {
    let rate = rate.map_or(Ok(CHUNK_RATE), Rate::new)?;
    let chunk = PartyChunk::of(placed, voice, parts).ok_or_else(|| refused("the chunk has no parts"))?;
    Ok((call.chunk_samples(&chunk, options, rate)?, rate))
}

/// Returns the mapping from a chunk's time to the call's time, as pairs.
pub fn chunk_knots(call: &Processed, chunk: &PartyChunk) -> Vec<(f64, f64)> {
    let placement = call.tracks.get(chunk.placed).map(|placed| &placed.placement);
    let knots = placement.map(|placement| chunk.knots(placement)).unwrap_or_default();
    knots.into_iter().map(|knot| (knot.track.0, knot.call.0)).collect()
}

/// Returns the width of a waveform's values, 8 bits by default.
///
/// # Errors
/// `invalid_argument` for a number other than 8 or 16.
pub fn peak_bits(bits: Option<u32>) -> Result<PeakBits> {
    let Some(bits) = bits else { return Ok(PeakBits::default()) };
    let known = u8::try_from(bits).ok().and_then(PeakBits::from_bits);
    known.ok_or_else(|| refused("invalid bits per value").with_mismatch(bits, "8 or 16"))
}

/// Checks that all tracks of a call could be read.
///
/// # Errors
/// Kind and message of the first unreadable track's error.
pub fn complete(report: &Report) -> Result<()> {
    let failed = report.tracks.iter().find_map(|track| Some((track, track.error.as_ref()?)));
    failed.map_or(Ok(()), |(track, error)| {
        let said = format!("track {} ({}) cannot be read: {}", track.index, track.role.name(), error.message);
        Err(Error::new(error.code, Stage::Input, said))
    })
}

/// Parses JSON made by a binding.
///
/// # Errors
/// `invalid_argument` for invalid JSON.
pub fn from_json<T: serde::de::DeserializeOwned>(json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|e| refused(&e.to_string()))
}

/// Creates an `invalid_argument` error.
pub fn refused(why: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, Stage::Config, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_of_chunks_is_the_cores_and_nonsense_is_refused() {
        let config = Config::default();
        assert_eq!(chunk_options(&config, None, None, None).unwrap(), ChunkOptions::default());
        assert_eq!(chunk_options(&config, Some(5000.0), Some(0.0), None).unwrap().longest, Millis(5000.0));
        assert!(chunk_options(&config, None, None, Some(-1.0)).is_err());
        for (longest, pad, said) in
            [(5.0, 200.0, "5 ms"), (f64::NAN, 0.0, "NaN"), (30_000.0, -1.0, "-1 ms"), (2000.0, 600.0, "600 ms")]
        {
            let error = chunk_options(&config, Some(longest), Some(pad), None).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.to_string().contains(said), "{error}");
        }
    }

    #[test]
    fn a_moment_of_a_track_is_one_of_the_call() {
        assert_eq!(to_call([(0.0, 100.0), (1000.0, 1200.0)], 500.0), 650.0);
    }

    #[test]
    fn names_that_do_not_exist_are_refused_with_those_that_do() {
        assert!(role("boss").unwrap_err().to_string().contains("customer, agent"));
        assert!(label_format("srt").unwrap_err().to_string().contains("vtt"));
        let format = |name, path: &str| audio_format(name, Some(Path::new(path))).map_err(|e| e.kind());
        assert_eq!(format(Some("wav-ulaw"), "a.WAV"), Ok(Format::WavUlaw));
        assert_eq!((format(Some("flac"), "a"), format(None, "a.flac")), (Ok(Format::Flac), Ok(Format::Flac)));
        for (name, path) in [(Some("wav"), "a.flac"), (Some("wav"), "a.mp3"), (None, "a.mp3")] {
            assert_eq!(format(name, path), Err(ErrorKind::InvalidArgument), "{name:?} {path}");
        }
        assert!(matches!(peak_bits(None), Ok(PeakBits::Eight)));
        // 264 is 8 in a byte.
        assert!(peak_bits(Some(9)).is_err() && peak_bits(Some(264)).is_err() && from_json::<u8>("x").is_err());
    }
}
