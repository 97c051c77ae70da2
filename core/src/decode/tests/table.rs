//! The table of what is read, in `docs/codecs.md`: each row is made by ffmpeg, sox or lame, decoded
//! by callweave and by ffmpeg, and compared.
//!
//! `CALLWEAVE_WRITE_DOCS=1 cargo test -p callweave --all-features --lib decode::tests::table`
//! writes the document anew; without it the test checks that each row holds and stands in the
//! document.

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
    /// What makes the file, instead of ffmpeg.
    maker: Option<&'static [&'static str]>,
    /// Samples that ffmpeg leaves before the recording's own, and what is said of them.
    left: usize,
    warning: Option<&'static str>,
}

const fn case(what: &'static str, rate: u32, args: &'static [&'static str], name: &'static str, close: Close) -> Case {
    Case { what, rate, channels: 1, args, name, close, raw: None, maker: None, left: 0, warning: None }
}

/// A case whose codec delay the file does not tell.
const fn untold(case: Case, left: usize) -> Case {
    Case { left, warning: Some("delay_unknown"), ..case }
}

/// A case that another program makes.
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
    // An edit list of none: the encoder's delay is in the samples.
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

/// Makes a case's file, decodes it twice, and says how they compare: a row of the table.
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
    // Where every bit agrees, so does the length, the padding of a last block included; a
    // fragmented mp4 does not say how much of its last frames is padding.
    let seconds = planes[0].len() as f64 / f64::from(info.sample_rate_hz.hz());
    assert!(case.close == Exact || (seconds - 4.0).abs() < 0.1, "{}: {seconds} s", case.what);
    Some(format!("| {} | `{}` | `{}` | {verdict} |", case.what, info.container, info.codec))
}

/// Rows of what ffmpeg cannot be compared with: the samples kept with what another decoder makes of
/// them.
const KEPT: &[(&str, &str, &str)] = &[
    ("AMR narrowband", "modes.amr", "opencore-amr"),
    ("3gp, AMR narrowband", "amr.3gp", "opencore-amr"),
    ("AMR wideband", "modes.awb", "opencore-amr"),
    ("3gp, AMR wideband", "amr-wb.3gp", "opencore-amr"),
    ("wav, G.726", "g726.wav", "spandsp"),
    ("raw G.726, 32 kbit/s", "raw.g726", "spandsp"),
    ("wav, Dialogic ADPCM", "oki.wav", "ffmpeg and sox"),
];

/// Such a row.
fn kept_row(what: &str, file: &str, reference: &str) -> Option<String> {
    let sample = samples::samples().into_iter().find(|sample| sample.file == file)?;
    let (planes, info) = run(sample.input(&sample.bytes()), &DecodeOptions::default()).unwrap();
    assert!(sample.is_exactly(&interleaved(&planes)) && info.warnings.is_empty(), "{what}: {:?}", info.warnings);
    Some(format!("| {what} | `{}` | `{}` | every bit of {reference} |", info.container, info.codec))
}

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
Opus is compared with libopus inside ffmpeg. Also read: big-endian wav (RIFX), BW64, mp3 inside wav, AMR in wav and 3gp,
MPEG layer I, ADPCM, GSM and G.722 in AVI and Wave64, AAC-LC in Core Audio, and zip archives of any of these. Headerless files
are read only where the caller names their format.

A sample of each row lies in `fixtures/codecs` with what its reference decoder makes of it, so that the tests need no other
program.

- AMR is decoded in whole numbers: every bit of received frames agrees with opencore-amr, in every mode and with silence. Single
  samples differ where a signal clips or has nearly vanished, where opencore-amr does not saturate as the standard says; and
  where wideband frames are lost, at which it falls silent.
- G.729 and G.723.1 leave a decoder freedom: those of ffmpeg, bcg729 and `oxideav-g729` lie 18 to 22 dB from each other on
  the same bits, so that the samples are held to 15 dB. Descriptors of silence of G.729 (Annex B) have a length that only a
  packet tells; files of frames cannot have them. Those of G.723.1 are made of the frames before.
- G.726 in wav with the tags of Antex (0x14, 0x40) has a layout of its own and is refused.
- HE-AAC is refused where the header announces it, and where it does not, by the spectral band replication in the first 16
  frames; its low-complexity part alone would be half the sample rate and a muffled voice.

Not read, and said so by name (`unsupported`), with the command that converts it: HE-AAC and xHE-AAC, Speex, SILK,
Windows Media, TrueSpeech, Siren, iLBC, EVS, Nellymoser, free-format mp3, encrypted audio.

## What a file is, at a glance

`callweave probe FILE` decodes a file to its end and tells everything that is wrong with it. `--quick` (`probe_head` in the
library) answers from the first bytes: container, codec, rate, channels, codec delay, and the length that the header
declares. Nothing of that is checked. Some 128 KB are read, of an mp4 all up to the end of its index, of a zip archive
everything. wav, AIFF, FLAC, mp4, Matroska and an mp3 with a tag declare a length; ogg, a fragmented mp4, a wav that was
never closed and an mp3 without a tag declare none, and none is guessed.

## Damage

What precedes the damage is decoded to the same bits as in the undamaged file: in every format, with no tolerance. How much
that is, and what follows, depends on the format.

| format | a cut costs | damage within costs | after it |
|---|---|---|---|
| PCM, G.711 | the sample | the samples | the same bits |
| ALAC, FLAC, Opus in mp4; Core Audio | the packet | the packet; the table of packets: all that follows | the same bits (Opus converges) |
| AMR | the frame | the frame; missing ones are counted by bytes and made up as on the air | converges within some frames |
| ADTS, MPEG layers I and II | the frame | the frame and the next | the same bits; missing frames are counted by their mean length |
| GSM, G.722, ADPCM | the block (ADPCM: the sample) | the block; G.722 and raw GSM adapt again within seconds | the same bits where blocks are independent (ADPCM) |
| mp3 | the frame | the frame, and those that borrow bits from it | the same bits; missing frames are counted by the bytes they took, so time is exact at a constant bit rate, unless part of a frame is missing (a frame's length at most) |
| FLAC | the frame | the frame | the same bits at the same time |
| ogg, Vorbis or Opus | the packet | the packet; where bytes of a page are missing or too many, the page | the next page, at its time. Vorbis: the same bits. Opus: it converges, being predictive |
| Matroska, WebM | the block | the block | the next block, at its time within 10 ms (times are whole milliseconds) |
| mp4, index first | the frame | the frame and the next, which overlaps it | the same bits. Bytes missing within: nothing, since frames are found by their place |
| mp4, fragmented | the frame | the same; a fragment's header: all that follows | the same bits |
| mp4, index last | everything | the frame and the next | the same bits |
| zip | the member's part | a deflated member from there on | the other members |

The full damage matrix (200 cuts and 2,000 corruptions of each sample) runs with
`CALLWEAVE_FULL_DAMAGE=1 cargo test --release -p callweave --all-features --lib decode::tests::matrix`.

## What it costs

Counted instructions (callgrind), hash of the input left out, against symphonia's own reader and decoder for mp3 and against
reading the file and turning its samples into f32 for wav; `benches/examples/decode_cost.rs` says how.

| recording | callweave | the other | ratio |
|---|---|---|---|
| wav, s16, 16 kHz, 1 min | 2.39 M | 2.31 M | 1.033 |
| wav, s16, 16 kHz, 10 min | 19.40 M | 18.70 M | 1.037 |
| mp3, 16 kHz, 32 kbit/s, 1 min | 103.9 M | 104.9 M | 0.990 |
| mp3, 16 kHz, 64 kbit/s, 1 min | 124.6 M | 125.8 M | 0.991 |

## Warnings

| code | what was wrong | what was done |
|---|---|---|
| `header_size_wrong` | the header's sizes are 0, unknown or contradict each other | the samples that are there are taken |
| `header_field_wrong` | a field of the header contradicts the others | the others decide |
| `truncated` | the file ends early, or within a sample, frame or page | what is whole is kept |
| `pad_missing` | a chunk of odd size without its pad byte | read on without it |
| `not_finite` | samples that are no numbers | silence |
| `leading_bytes`, `trailing_bytes` | bytes before or after the recording that are none of it | left out |
| `delay_unknown` | an mp3 or mp4 does not say its codec delay | mp3: `assumedMp3Delay` samples removed; mp4: none |
| `frame_count_wrong` | an mp3's tag counts other frames than there are | no padding removed |
| `frames_lost`, `packets_lost` | frames or packets are missing | silence of their length |
| `packet_failed` | frames or packets cannot be decoded | silence of their length |
| `resync` | bytes that belong to nothing | passed over |
| `rate_changed`, `channels_changed` | a later part has another rate or number of channels | converted to the first ones |
| `time_broken` | a time or position hours ahead | ignored |
| `checksum_wrong` | an ogg page whose checksum does not fit | its packets are decoded as they are |
| `damaged` | a container that cannot be read further | what precedes is kept |
";
