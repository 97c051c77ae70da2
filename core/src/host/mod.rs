//! What the bindings share, so that none of them decides anything by itself: threads, samples by
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

/// The tracks of a call are heard side by side; more threads than this would wait for each other.
pub const MAX_THREADS_PER_CALL: usize = 4;

/// The rate of a chunk's samples, unless another is asked for: what transcribers take.
pub const CHUNK_RATE: Rate = Rate::WIDEBAND;

/// Points per second of a waveform, unless others are asked for.
pub const PEAKS_PER_SECOND: u32 = 100;

/// The JSON Schema of the report.
pub const REPORT_SCHEMA: &str = include_str!("../../report.schema.json");

/// How chunks are cut under a configuration, with what the caller said of it.
///
/// # Errors
/// `invalid_argument` for lengths that make no sense.
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

/// The call's time of a moment of a track, by the knots of its placement: pairs of track time and
/// call time.
pub fn to_call(knots: impl IntoIterator<Item = (f64, f64)>, time_ms: f64) -> f64 {
    let knots = knots.into_iter().map(|(track, call)| Knot { track: Millis(track), call: Millis(call) }).collect();
    Placement::through(knots, Method::None, 0.0, Millis(0.0)).to_call(Millis(time_ms)).0
}

/// A role by its name.
///
/// # Errors
/// `invalid_argument` with the names there are.
pub fn role(name: &str) -> Result<Role> {
    let names = || Role::ALL.iter().map(|role| role.name()).collect::<Vec<_>>().join(", ");
    Role::from_name(name).ok_or_else(|| refused("no such role").with_mismatch(name, names()))
}

/// A format of labels by its name.
///
/// # Errors
/// `invalid_argument` with the names there are.
pub fn label_format(name: &str) -> Result<LabelFormat> {
    let names = || LabelFormat::ALL.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ");
    LabelFormat::from_name(name).ok_or_else(|| refused("no such labels").with_mismatch(name, names()))
}

/// The format of audio files of a name, or that the ending of a file's name says.
///
/// # Errors
/// `invalid_argument` where neither says one, and where the file's name has the ending of another.
pub fn audio_format(name: Option<&str>, path: Option<&Path>) -> Result<Format> {
    match (name, path) {
        (Some(name), Some(path)) => {
            let format: Format = name.parse()?;
            match path.extension() {
                Some(ending) if !ending.eq_ignore_ascii_case(format.extension()) => {
                    let expected = format!("a name that ends in .{}", format.extension());
                    Err(refused("the ending of an audio file's name").with_mismatch(path.display(), expected))
                }
                _ => Ok(format),
            }
        }
        (Some(name), None) => name.parse(),
        (None, Some(path)) => Format::of_file(path),
        (None, None) => Err(refused("format").with_mismatch("nothing", Format::NAMES.join(", "))),
    }
}

/// A call with what a phone system knows of it, as JSON.
///
/// # Errors
/// Those of [`read_facts`].
pub fn with_facts(call: CallInput, facts: Option<&str>) -> Result<CallInput> {
    facts.map_or_else(|| Ok(Vec::new()), read_facts).map(|facts| call.with_facts(facts))
}

/// Writes a file, whole or not at all.
///
/// # Errors
/// `io`.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    write_bytes(path, bytes)
}

/// A report's labels in the format of a name, parties called by role unless they may be shown.
///
/// # Errors
/// `invalid_argument` for a format that does not exist.
pub fn labels(report: &Report, format: &str, show_parties: bool) -> Result<String> {
    let names = if show_parties { Names::Parties } else { Names::Roles };
    Ok(label_format(format)?.write(report, names))
}

/// Words, as JSON, in a format: `srt`, `vtt` or `json`, without those in the spans.
///
/// # Errors
/// `invalid_argument` for words that make no sense and for another format.
pub fn transcript(words: &str, format: &str, redacted: Vec<Span>) -> Result<String> {
    let transcript = Transcript::new(from_json::<Vec<Word>>(words)?)?.redacted(&redacted);
    match format {
        "srt" => Ok(transcript.srt()),
        "vtt" => Ok(transcript.vtt()),
        "json" => transcript.json(),
        _ => Err(refused("no such format of transcripts").with_mismatch(format, "srt, vtt or json")),
    }
}

/// The samples of a chunk: of a track's place, a voice and parts of the track's time.
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
    let chunk = PartyChunk::of(placed, voice, parts).ok_or_else(|| refused("a chunk without parts"))?;
    Ok((call.chunk_samples(&chunk, options, rate)?, rate))
}

/// The way from a moment of a chunk to the call's time, as pairs.
pub fn chunk_knots(call: &Processed, chunk: &PartyChunk) -> Vec<(f64, f64)> {
    let placement = call.tracks.get(chunk.placed).map(|placed| &placed.placement);
    let knots = placement.map(|placement| chunk.knots(placement)).unwrap_or_default();
    knots.into_iter().map(|knot| (knot.track.0, knot.call.0)).collect()
}

/// The width of a waveform's values: the default where none is given.
///
/// # Errors
/// `invalid_argument` for another than 8 or 16.
pub fn peak_bits(bits: Option<u32>) -> Result<PeakBits> {
    let Some(bits) = bits else { return Ok(PeakBits::default()) };
    let known = u8::try_from(bits).ok().and_then(PeakBits::from_bits);
    known.ok_or_else(|| refused("bits of a peak").with_mismatch(bits, "8 or 16"))
}

/// Whether every track of a call could be read.
///
/// # Errors
/// The kind and the words of the first track's error.
pub fn complete(report: &Report) -> Result<()> {
    let failed = report.tracks.iter().find_map(|track| Some((track, track.error.as_ref()?)));
    failed.map_or(Ok(()), |(track, error)| {
        let said = format!("track {} ({}) cannot be read: {}", track.index, track.role.name(), error.message);
        Err(Error::new(error.code, Stage::Input, said))
    })
}

/// What a JSON text that a binding made says.
///
/// # Errors
/// `invalid_argument` where it says nothing that makes sense.
pub fn from_json<T: serde::de::DeserializeOwned>(json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|e| refused(&e.to_string()))
}

/// A refusal of what the caller asked for.
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
