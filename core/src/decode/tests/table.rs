//! The table of what is read, in `docs/codecs.md`: each row is made by ffmpeg, sox or lame, decoded by callweave and by
//! ffmpeg, and compared.
//!
//! `CALLWEAVE_WRITE_DOCS=1 cargo test -p callweave --lib decode::tests::table` writes the document anew; without it the
//! test checks that each row holds and stands in the document.

use std::fmt::Write;
use std::path::Path;

use super::against_ffmpeg::{decoded_by, interleaved, make, snr_db};
use super::*;

/// How close samples must be to ffmpeg's.
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
}

const fn case(what: &'static str, rate: u32, args: &'static [&'static str], name: &'static str, close: Close) -> Case {
    Case { what, rate, channels: 1, args, name, close, raw: None }
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
    case(
        "mp4, AAC-LC, fragmented",
        16_000,
        &["-c:a", "aac", "-aac_pns", "0", "-movflags", "+frag_keyframe+empty_moov"],
        "f.mp4",
        Decibels(60.0),
    ),
    case("3gp, AAC-LC", 16_000, &["-c:a", "aac", "-aac_pns", "0"], "a.3gp", Decibels(60.0)),
    case("ogg, Vorbis", 16_000, &["-c:a", "libvorbis"], "a.ogg", Decibels(60.0)),
    case("ogg, Opus", 16_000, &["-c:a", "libopus"], "a.opus", Decibels(40.0)),
    case("WebM, Opus", 16_000, &["-c:a", "libopus"], "a.webm", Decibels(40.0)),
    case("Matroska, Opus", 16_000, &["-c:a", "libopus"], "a.mkv", Decibels(40.0)),
    case("Matroska, Vorbis", 16_000, &["-c:a", "libvorbis"], "v.mkv", Decibels(60.0)),
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

/// Makes a case's file, decodes it twice, and says how they compare: a row of the table.
fn row(case: &Case, dir: &Path) -> Option<String> {
    let args = [&["ffmpeg", "-v", "error", "-y", "-i", "IN"], case.args, &["OUT"]].concat();
    let path = make(dir, case.rate, case.channels, &args, case.name)?;
    let mut input = Input::path(&path);
    let mut as_ = &[][..];
    if let Some((format, named)) = case.raw {
        (input, as_) = (input.raw(format), named);
    }
    let (planes, info) = run(input, &DecodeOptions::default()).unwrap();
    let opus: &[&str] = if info.codec == Codec::Opus { &["-c:a", "libopus"] } else { as_ };
    let (ours, theirs) = (interleaved(&planes), decoded_by(opus, &path)?);
    assert!(info.warnings.is_empty(), "{}: {:?}", case.what, info.warnings);
    let verdict = match case.close {
        Exact => {
            assert!(ours == theirs, "{}: {:.1} dB", case.what, snr_db(&theirs, &ours));
            "every bit".to_owned()
        }
        Decibels(least) => {
            let snr = snr_db(&theirs, &ours);
            assert!(snr >= least, "{}: {snr:.1} dB", case.what);
            format!("at least {least} dB")
        }
    };
    // Where every bit agrees, so does the length, the padding of a last block included; a fragmented mp4 does not say how
    // much of its last frames is padding.
    let seconds = planes[0].len() as f64 / f64::from(info.sample_rate_hz.hz());
    assert!(case.close == Exact || (seconds - 4.0).abs() < 0.1, "{}: {seconds} s", case.what);
    Some(format!("| {} | `{}` | `{}` | {verdict} |", case.what, info.container, info.codec))
}

#[test]
fn the_table_of_codecs_holds_and_is_in_the_docs() {
    let dir = folder("table");
    let mut table = String::new();
    for case in CASES {
        let Some(row) = row(case, &dir) else { return };
        writeln!(table, "{row}").unwrap();
    }
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/codecs.md");
    if std::env::var_os("CALLWEAVE_WRITE_DOCS").is_some() {
        std::fs::write(document, format!("{HEAD}{table}{TAIL}")).unwrap();
    }
    let written = std::fs::read_to_string(document).expect("docs/codecs.md");
    for row in table.lines() {
        assert!(written.contains(row), "docs/codecs.md lacks this row; write it anew:\n{row}");
    }
}

const HEAD: &str = "# What callweave reads

Written by a test (`core/src/decode/tests/table.rs`): each row is made by an encoder, decoded by callweave and by ffmpeg,
and compared sample by sample, codec delay removed.

| recording | container | codec | agrees with ffmpeg to |
|---|---|---|---|
";

const TAIL: &str = "
Opus is compared with libopus inside ffmpeg. Also read: big-endian wav (RIFX), BW64, mp3 inside wav, and zip archives of
any of these. Headerless files are read only where the caller names their format.

Not read, and said so by name: G.729, G.723.1, G.726, HE-AAC, AMR, Speex, ALAC, Windows Media, free-format mp3, MPEG layers
I and II, encrypted archives.

## Warnings

| code | what was wrong | what was done |
|---|---|---|
| `header_size_wrong` | the header's sizes are 0, unknown or contradict each other | the samples that are there are taken |
| `header_field_wrong` | a field of the header contradicts the others | the others decide |
| `truncated` | the file ends early, or within a sample, frame or page | what is whole is kept |
| `pad_missing` | a chunk of odd size without its pad byte | read on without it |
| `not_finite` | samples that are no numbers | silence |
| `leading_bytes`, `trailing_bytes` | bytes before or after the recording that are none of it | left out |
| `delay_unknown` | an mp3 does not say its codec delay | `assumedMp3Delay` samples removed |
| `frame_count_wrong` | an mp3's tag counts other frames than there are | no padding removed |
| `frames_lost`, `packets_lost` | frames or packets are missing | silence of their length |
| `packet_failed` | frames or packets cannot be decoded | silence of their length |
| `resync` | bytes that belong to nothing | passed over |
| `rate_changed`, `channels_changed` | a later part has another rate or number of channels | converted to the first ones |
| `time_broken` | a time or position hours ahead | ignored |
| `damaged` | a container that cannot be read further | what precedes is kept |
";
