//! Damage in the middle of each format: audio before it is bit-identical, audio after it is
//! recovered where the format allows, and a cut costs at most a frame.

use super::samples::{Sample, samples};
use super::*;

/// Requirements for a format.
struct Format {
    file: &'static str,
    /// Samples per frame.
    frame: usize,
    /// How closely the last quarter agrees after damage in the middle: bit by bit if frames do not
    /// depend on those before.
    tail_db: f64,
    /// Whether frames are found again after missing bytes. An mp4's are found only by an index of
    /// positions.
    finds_again: bool,
}

const EXACT: f64 = f64::INFINITY;

const fn format(file: &'static str, frame: usize, tail_db: f64, finds_again: bool) -> Format {
    Format { file, frame, tail_db, finds_again }
}

const FORMATS: &[Format] = &[
    format("untagged.mp3", 576, EXACT, true),
    // Its padding stays if the number of frames differs from its tag's count.
    format("mpeg2.mp3", 576, EXACT, false),
    format("s16.flac", 1024, EXACT, true),
    format("vorbis.ogg", 1024, EXACT, true),
    // Opus predicts from earlier output, so its frames agree again gradually.
    format("opus.ogg", 960, 15.0, true),
    format("opus.webm", 960, 15.0, true),
    format("vorbis.mkv", 1024, EXACT, true),
    format("front.m4a", 1024, EXACT, false),
    format("fragmented.mp4", 1024, EXACT, false),
];

/// Decodes a sample's bytes, however damaged.
fn decoded(sample: &Sample, bytes: &[u8]) -> Vec<f32> {
    run(sample.input(bytes), &DecodeOptions::default()).map_or_else(|_| Vec::new(), |(mut planes, _)| planes.remove(0))
}

/// Checks each format, and fails with all findings.
fn each(check: impl Fn(&Format, &Sample, &[u8], &[f32], &mut Vec<String>)) {
    let mut wrong = Vec::new();
    for sample in samples() {
        let Some(format) = FORMATS.iter().find(|format| format.file == sample.file) else { continue };
        let bytes = sample.bytes();
        let clean = decoded(&sample, &bytes);
        check(format, &sample, &bytes, &clean, &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn same(a: &[f32], b: &[f32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[test]
fn a_cut_costs_a_frame_at_most() {
    each(|format, sample, bytes, clean, wrong| {
        let (file, mut before) = (format.file, 0);
        for length in (0..bytes.len()).step_by(32).chain([bytes.len()]) {
            let cut = decoded(sample, &bytes[..length]);
            let same = same(&cut, clean);
            if same < cut.len().min(clean.len()) {
                wrong.push(format!("{file} cut at {length}: differs from {same} of {}", cut.len()));
            }
            let step = cut.len().abs_diff(before);
            if step > 3 * format.frame {
                wrong.push(format!("{file} cut at {length}: {step} samples more than 32 bytes before"));
            }
            before = cut.len();
        }
        assert_eq!(before, clean.len(), "{file}");
    });
}

type Damage = fn(&mut Vec<u8>, usize);

const IN_PLACE: [(&str, Damage); 3] = [
    ("a bit", |b, at| b[at] ^= 0x10),
    ("a byte", |b, at| b[at] = !b[at]),
    ("sixty zeros", |b, at| b[at..at + 60].fill(0)),
];
const SHIFTING: [(&str, Damage); 2] = [
    ("sixty bytes missing", |b, at| drop(b.drain(at..at + 60))),
    ("sixty bytes too many", |b, at| drop(b.splice(at..at, [0x55; 60]))),
];

#[test]
fn what_precedes_the_damage_is_what_it_was() {
    each(|format, sample, bytes, clean, wrong| {
        for at in (0..bytes.len() - 60).step_by(bytes.len() / 40) {
            // If more than a byte of an ogg page is damaged, its good packets are unknown, so the
            // whole page is lost.
            let page = bytes[..at].windows(4).rposition(|w| w == b"OggS").unwrap_or(at);
            for (what, damage) in IN_PLACE.into_iter().chain(SHIFTING) {
                let from = if what == "a bit" || what == "a byte" { at } else { page };
                let whole = decoded(sample, &bytes[..from]).len().min(clean.len());
                let mut broken = bytes.to_vec();
                damage(&mut broken, at);
                let broken = decoded(sample, &broken);
                // An invalid header leaves nothing. Otherwise everything that a cut there leaves is
                // present.
                let same = same(&broken, clean);
                if same < whole && !broken.is_empty() {
                    wrong.push(format!("{}, {what} at {at}: {same} of {whole}", format.file));
                }
            }
        }
    });
}

#[test]
fn what_follows_the_damage_is_at_its_place_again() {
    each(|format, sample, bytes, clean, wrong| {
        let shifting = if format.finds_again { &SHIFTING[..] } else { &[] };
        let loose = match format.file {
            // Matroska's times are whole milliseconds, and small gaps in them are ignored.
            file if file.ends_with("mkv") || file.ends_with("webm") => clean.len() / 50,
            // The number of frames in damaged bytes is estimated from their length alone.
            file if file.ends_with("mp3") => format.frame,
            _ => 0,
        };
        // Vorbis's header is half of these files.
        let from = if format.file.starts_with("vorbis") { bytes.len() * 3 / 5 } else { bytes.len() * 2 / 5 };
        for at in (from..from + bytes.len() / 10).step_by(bytes.len() / 80) {
            for (what, damage) in IN_PLACE.iter().chain(shifting) {
                // The header of a fragment gives the start of the next one, so nothing after a
                // damaged header is found.
                let header = bytes[at..at + 60].windows(4).any(|w| w == b"moof");
                if format.file == "fragmented.mp4" && header {
                    continue;
                }
                let mut broken = bytes.to_vec();
                damage(&mut broken, at);
                let broken = decoded(sample, &broken);
                let quarter = clean.len() / 4;
                let (ours, theirs) = (&broken[broken.len().saturating_sub(quarter)..], &clean[clean.len() - quarter..]);
                let snr = if ours == theirs { EXACT } else { against_ffmpeg::snr_db(theirs, ours) };
                if broken.len().abs_diff(clean.len()) > loose || snr < format.tail_db {
                    let (found, whole) = (broken.len(), clean.len());
                    wrong.push(format!("{}, {what} at {at}: {found} of {whole} samples, {snr:.1} dB", format.file));
                }
            }
        }
    });
}
