//! The table of supported formats in `docs/codecs.md`: each row is made by ffmpeg, sox or lame,
//! decoded by callweave and by ffmpeg, and compared.
//!
//! `CALLWEAVE_WRITE_DOCS=1 cargo test -p callweave --all-features --lib decode::tests::table`
//! rewrites the document. Otherwise the test checks that each row holds and is in the document.

use std::fmt::Write;
use std::path::Path;

use super::against_ffmpeg::{decoded_by, interleaved, make, snr_db};
use super::*;

/// How closely samples must agree with ffmpeg's.
#[derive(Clone, Copy, PartialEq)]
enum Close {
    Exact,
    Decibels(f64),
}

use Close::{Decibels, Exact};

struct Case {
    what: &'static str,
    rate: u32,
    channels: u16,
    args: &'static [&'static str],
    name: &'static str,
    close: Close,
    raw: Option<(Raw, &'static [&'static str])>,
    /// Program that makes the file, instead of ffmpeg.
    maker: Option<&'static [&'static str]>,
    /// Samples that ffmpeg leaves before the recording's own, and the warning about them.
    left: usize,
    warning: Option<&'static str>,
}

const fn case(what: &'static str, rate: u32, args: &'static [&'static str], name: &'static str, close: Close) -> Case {
    Case { what, rate, channels: 1, args, name, close, raw: None, maker: None, left: 0, warning: None }
}

/// Returns a case whose codec delay the file does not give.
const fn untold(case: Case, left: usize) -> Case {
    Case { left, warning: Some("delay_unknown"), ..case }
}

/// Returns a case that another program makes.
const fn made(case: Case, maker: &'static [&'static str]) -> Case {
    Case { maker: Some(maker), ..case }
}

const fn raw(
    what: &'static str,
    args: &'static [&'static str],
    name: &'static str,
    raw: Raw,
    as_: &'static [&'static str],
) -> Case {
    Case {
        what,
        rate: if matches!(raw, Raw::G722) { 16_000 } else { 8000 },
        channels: 1,
        args,
        name,
        close: Exact,
        raw: Some((raw, as_)),
        maker: None,
        left: 0,
        warning: None,
    }
}

const CASES: &[Case] = &[
    case("wav, PCM 8 bits", 8000, &["-c:a", "pcm_u8"], "u8.wav", Exact),
    case("wav, PCM 16 bits", 8000, &["-c:a", "pcm_s16le"], "s16.wav", Exact),
    case("wav, PCM 24 bits, EXTENSIBLE", 48_000, &["-c:a", "pcm_s24le"], "s24.wav", Exact),
    case("wav, PCM 32 bits", 8000, &["-c:a", "pcm_s32le"], "s32.wav", Exact),
    case("wav, float 32 bits", 8000, &["-c:a", "pcm_f32le"], "f32.wav", Exact),
    case("wav, float 64 bits", 8000, &["-c:a", "pcm_f64le"], "f64.wav", Exact),
    case("wav, mu-law", 8000, &["-c:a", "pcm_mulaw"], "ulaw.wav", Exact),
    case("wav, A-law", 8000, &["-c:a", "pcm_alaw"], "alaw.wav", Exact),
    case("wav, GSM 06.10", 8000, &["-c:a", "libgsm_ms"], "gsm.wav", Exact),
    case("wav, IMA ADPCM", 8000, &["-c:a", "adpcm_ima_wav"], "ima.wav", Exact),
    case("wav, MS ADPCM", 8000, &["-c:a", "adpcm_ms"], "ms.wav", Exact),
    case("wav, G.722", 16_000, &["-c:a", "g722"], "g722.wav", Exact),
    case("RF64", 8000, &["-rf64", "always"], "rf64.wav", Exact),
    case("AIFF, PCM 16 bits", 8000, &[], "s16.aiff", Exact),
    case("AIFF-C, mu-law", 8000, &["-c:a", "pcm_mulaw"], "ulaw.aiff", Exact),
    case("FLAC", 16_000, &[], "a.flac", Exact),
    case("mp3, MPEG-1", 44_100, &["-b:a", "128k"], "v1.mp3", Decibels(60.0)),
    case("mp3, MPEG-2", 16_000, &["-b:a", "64k"], "v2.mp3", Decibels(60.0)),
    case("mp3, MPEG-2.5", 8000, &["-b:a", "32k"], "v25.mp3", Decibels(60.0)),
    case("mp3, variable bit rate", 16_000, &["-q:a", "5"], "vbr.mp3", Decibels(60.0)),
    case("m4a, AAC-LC", 16_000, &["-c:a", "aac", "-aac_pns", "0"], "a.m4a", Decibels(60.0)),
    untold(
        case(
            "mp4, AAC-LC, fragmented",
            16_000,
            &["-c:a", "aac", "-aac_pns", "0", "-movflags", "+frag_keyframe+empty_moov"],
            "f.mp4",
            Decibels(60.0),
        ),
        0,
    ),
    case("3gp, AAC-LC", 16_000, &["-c:a", "aac", "-aac_pns", "0"], "a.3gp", Decibels(60.0)),
    case("ogg, Vorbis", 16_000, &["-c:a", "libvorbis"], "a.ogg", Decibels(60.0)),
    case("ogg, Opus", 16_000, &["-c:a", "libopus"], "a.opus", Decibels(40.0)),
    case("WebM, Opus", 16_000, &["-c:a", "libopus"], "a.webm", Decibels(40.0)),
    case("Matroska, Opus", 16_000, &["-c:a", "libopus"], "a.mkv", Decibels(40.0)),
    case("Matroska, Vorbis", 16_000, &["-c:a", "libvorbis"], "v.mkv", Decibels(60.0)),
    // No edit list: the encoder's delay is in the samples.
    untold(case("AAC-LC in ADTS", 16_000, &["-c:a", "aac", "-aac_pns", "0"], "a.aac", Decibels(60.0)), 0),
    case("m4a, ALAC", 16_000, &["-c:a", "alac"], "alac.m4a", Exact),
    case("mp4, FLAC", 16_000, &["-strict", "-2", "-c:a", "flac"], "flac.mp4", Exact),
    case("mp4, Opus", 48_000, &["-c:a", "libopus"], "opus.mp4", Decibels(40.0)),
    case("mp4, mp3", 16_000, &["-c:a", "libmp3lame", "-b:a", "32k"], "mp3.mp4", Decibels(60.0)),
    case("mov, PCM 16 bits", 8000, &["-c:a", "pcm_s16le"], "s16.mov", Exact),
    case("mov, PCM 24 bits, big-endian", 8000, &["-c:a", "pcm_s24be"], "s24.mov", Exact),
    case("mov, mu-law", 8000, &["-c:a", "pcm_mulaw"], "ulaw.mov", Exact),
    case("mov, A-law", 8000, &["-c:a", "pcm_alaw"], "alaw.mov", Exact),
    case(
        "mov, mu-law, fragmented",
        8000,
        &["-c:a", "pcm_mulaw", "-movflags", "+frag_keyframe+empty_moov"],
        "f.mov",
        Exact,
    ),
    case("Core Audio, ALAC", 16_000, &["-c:a", "alac"], "alac.caf", Exact),
    case("Core Audio, PCM 16 bits", 8000, &["-c:a", "pcm_s16le"], "s16.caf", Exact),
    case("Core Audio, mu-law", 8000, &["-c:a", "pcm_mulaw"], "ulaw.caf", Exact),
    untold(case("Core Audio, Opus", 16_000, &["-c:a", "libopus"], "opus.caf", Decibels(40.0)), 0),
    case("Sun, mu-law", 8000, &["-c:a", "pcm_mulaw"], "ulaw.au", Exact),
    case("Sun, PCM 16 bits", 8000, &[], "s16.au", Exact),
    case("Wave64, PCM 16 bits", 8000, &[], "s16.w64", Exact),
    case("Wave64, mu-law", 8000, &["-c:a", "pcm_mulaw"], "ulaw.w64", Exact),
    case("AVI, PCM 16 bits", 8000, &["-c:a", "pcm_s16le"], "s16.avi", Exact),
    untold(case("AVI, mp3", 16_000, &["-c:a", "libmp3lame", "-b:a", "32k"], "mp3.avi", Decibels(60.0)), 1105),
    untold(case("MPEG layer II", 16_000, &["-c:a", "mp2", "-b:a", "64k"], "a.mp2", Decibels(60.0)), 481),
    untold(case("wav, MPEG layer II", 16_000, &["-c:a", "mp2", "-b:a", "64k"], "mp2.wav", Decibels(60.0)), 481),
    made(
        raw(
            "raw Dialogic ADPCM",
            &[],
            "a.vox",
            Raw::Vox(Rate::NARROWBAND),
            &["-f", "mulaw", "-c:a", "adpcm_ima_oki", "-ar", "8000", "-ac", "1"],
        ),
        &["sox", "IN", "-t", "vox", "OUT"],
    ),
    raw("raw mu-law", &["-f", "mulaw"], "a.ul", Raw::Ulaw, &["-f", "mulaw", "-ar", "8000"]),
    raw("raw A-law", &["-f", "alaw"], "a.al", Raw::Alaw, &["-f", "alaw", "-ar", "8000"]),
    raw("raw GSM", &["-c:a", "libgsm"], "a.gsm", Raw::Gsm, &[]),
    raw("raw G.722", &["-c:a", "g722"], "a.g722", Raw::G722, &[]),
    raw(
        "raw signed linear",
        &["-f", "s16le"],
        "a.sln",
        Raw::Slinear(Rate::NARROWBAND),
        &["-f", "s16le", "-ar", "8000"],
    ),
];

/// Makes a case's file, decodes it twice and compares. Returns a row of the table.
fn row(case: &Case, dir: &Path) -> Option<String> {
    let args = [&["ffmpeg", "-v", "error", "-y", "-i", "IN"], case.args, &["OUT"]].concat();
    let path = make(dir, case.rate, case.channels, case.maker.unwrap_or(&args), case.name)?;
    let mut input = Input::path(&path);
    let mut as_ = &[][..];
    if let Some((format, named)) = case.raw {
        (input, as_) = (input.raw(format), named);
    }
    let (planes, info) = run(input, &DecodeOptions::default()).unwrap();
    let opus: &[&str] = if info.codec == Codec::Opus { &["-c:a", "libopus"] } else { as_ };
    let (ours, theirs) = (interleaved(&planes), decoded_by(opus, &path)?);
    let theirs = &theirs[case.left..];
    assert_eq!(codes(&info), Vec::from_iter(case.warning), "{}: {:?}", case.what, info.warnings);
    let verdict = match case.close {
        Exact => {
            assert!(ours == theirs, "{}: {:.1} dB", case.what, snr_db(theirs, &ours));
            "every bit".to_owned()
        }
        Decibels(least) => {
            let snr = snr_db(theirs, &ours);
            assert!(snr >= least, "{}: {snr:.1} dB", case.what);
            format!("at least {least} dB")
        }
    };
    // If every bit agrees, so does the length, including the padding of a last block. A fragmented
    // mp4 does not give the padding of its last frames.
    let seconds = planes[0].len() as f64 / f64::from(info.sample_rate_hz.hz());
    assert!(case.close == Exact || (seconds - 4.0).abs() < 0.1, "{}: {seconds} s", case.what);
    Some(format!("| {} | `{}` | `{}` | {verdict} |", case.what, info.container, info.codec))
}

/// Rows that cannot be compared with ffmpeg: samples that are kept with another decoder's output.
const KEPT: &[(&str, &str, &str)] = &[
    ("AMR narrowband", "modes.amr", "opencore-amr"),
    ("3gp, AMR narrowband", "amr.3gp", "opencore-amr"),
    ("AMR wideband", "modes.awb", "opencore-amr"),
    ("3gp, AMR wideband", "amr-wb.3gp", "opencore-amr"),
    ("wav, G.726", "g726.wav", "spandsp"),
    ("raw G.726, 32 kbit/s", "raw.g726", "spandsp"),
    ("wav, Dialogic ADPCM", "oki.wav", "ffmpeg and sox"),
];

/// Returns the row of a kept sample.
fn kept_row(what: &str, file: &str, reference: &str) -> Option<String> {
    let sample = samples::samples().into_iter().find(|sample| sample.file == file)?;
    let (planes, info) = run(sample.input(&sample.bytes()), &DecodeOptions::default()).unwrap();
    assert!(sample.is_exactly(&interleaved(&planes)) && info.warnings.is_empty(), "{what}: {:?}", info.warnings);
    Some(format!("| {what} | `{}` | `{}` | every bit of {reference} |", info.container, info.codec))
}

/// Line above the rows of the first table.
const RULE: &str = "|---|---|---|---|\n";

#[test]
#[cfg_attr(not(feature = "opus"), ignore = "needs the feature opus")]
fn the_table_of_codecs_holds_and_is_in_the_docs() {
    let dir = folder("table");
    let mut table = String::new();
    for case in CASES {
        let Some(row) = row(case, &dir) else { return };
        writeln!(table, "{row}").unwrap();
    }
    for (what, file, reference) in KEPT {
        let Some(row) = kept_row(what, file, reference) else { return };
        writeln!(table, "{row}").unwrap();
    }
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/codecs.md");
    if std::env::var_os("CALLWEAVE_WRITE_DOCS").is_some() {
        let text = std::fs::read_to_string(document).unwrap();
        let begin = text.find(RULE).unwrap() + RULE.len();
        let end = begin + text[begin..].find("\n\n").unwrap() + 1;
        std::fs::write(document, [&text[..begin], &table, &text[end..]].concat()).unwrap();
    }
    let written = std::fs::read_to_string(document).expect("docs/codecs.md");
    for row in table.lines() {
        assert!(written.contains(row), "docs/codecs.md lacks this row; write it anew:\n{row}");
    }
}
