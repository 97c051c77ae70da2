//! Builds the web page of a call.
//!
//! The page is `page.html` with its style sheet and scripts inserted, and the report and the peaks
//! as JSON in an element that is not executed. The page's content security policy allows no other
//! script, style or connection, so that even text that escaped its place could do nothing.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{PageAudio, Waves};
use crate::call::Role;
use crate::error::{Error, Result, Stage};
use crate::export::labels::{Names, one_line, speakers};
use crate::export::peaks::PeakBits;
use crate::export::{PartialFile, write_error};
use crate::json;
use crate::report::Report;

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
/// All scripts in one function, so that nothing of the page is global.
const SCRIPT: &str = concat!(
    "(() => {\n'use strict'\n",
    include_str!("base.js"),
    include_str!("wave.js"),
    include_str!("draw.js"),
    include_str!("player.js"),
    include_str!("figures.js"),
    include_str!("main.js"),
    "})()\n"
);
/// Bytes embedded at once; a multiple of three, because base64 encodes three at a time.
const EMBEDDED_AT_ONCE: usize = 48 << 10;

/// Writes the page of a call. The file appears complete or not at all.
///
/// Without [`Names::Parties`], it contains neither parties nor paths nor the call's id.
///
/// # Errors
/// [`Io`](crate::ErrorKind::Io) if the file cannot be written.
pub fn write_page(
    path: impl AsRef<Path>,
    report: &Report,
    waves: &Waves,
    audio: PageAudio,
    names: Names,
) -> Result<()> {
    let path = path.as_ref();
    let (part, file) = PartialFile::create(path)?;
    let shown = shown(report, names);
    let data = page_data(&shown, waves, audio, names)?;
    let write = || -> std::io::Result<()> {
        let mut file = BufWriter::new(file);
        fill(&mut file, &shown, &data, audio)?;
        file.flush()
    };
    write().map_err(|e| write_error(e, path))?;
    part.finish()
}

/// Returns the page of a call as HTML, like [`write_page`] but without a player.
///
/// # Errors
/// [`Internal`](crate::ErrorKind::Internal) if serialization fails, which is a defect.
pub fn page_html(report: &Report, waves: &Waves, names: Names) -> Result<String> {
    let shown = shown(report, names);
    let data = page_data(&shown, waves, PageAudio::None, names)?;
    let mut page = Vec::new();
    fill(&mut page, &shown, &data, PageAudio::None).map_err(|e| Error::io(Stage::Export, e))?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// Writes the template with its placeholders filled in.
fn fill(out: &mut impl Write, shown: &Report, data: &str, audio: PageAudio) -> std::io::Result<()> {
    for piece in TEMPLATE.split("{{") {
        let (place, rest) = piece.split_once("}}").unwrap_or(("", piece));
        match place {
            "title" => out.write_all(escaped(&title(shown)).as_bytes())?,
            "style" => out.write_all(STYLE.as_bytes())?,
            "script" => out.write_all(SCRIPT.as_bytes())?,
            "style-hash" => out.write_all(hash(STYLE).as_bytes())?,
            "script-hash" => out.write_all(hash(SCRIPT).as_bytes())?,
            "data" => out.write_all(data.as_bytes())?,
            "audio" => embed(out, audio)?,
            _ => {}
        }
        out.write_all(rest.as_bytes())?;
    }
    Ok(())
}

/// The scripts' input.
#[derive(Serialize)]
struct PageData<'a> {
    report: &'a Report,
    speakers: Vec<String>,
    peaks: PeaksData<'a>,
    /// Whether the mix has the same channels as the peaks.
    split: bool,
    /// The mix's address, or null without a player.
    audio: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PeaksData<'a> {
    rate: u32,
    samples_per_point: u32,
    channels: usize,
    length: usize,
    tracks: &'a [usize],
    /// 8-bit values in base64, in the order of audiowaveform's formats.
    data: String,
}

/// Returns the data as JSON in which no text can end its element or a line of a script.
fn page_data(report: &Report, waves: &Waves, audio: PageAudio, names: Names) -> Result<String> {
    let bytes: Vec<u8> = waves.peaks.values(PeakBits::Eight).map(|value| value as u8).collect();
    let data = PageData {
        report,
        speakers: speakers(report, names),
        peaks: PeaksData {
            rate: waves.peaks.rate().hz(),
            samples_per_point: waves.peaks.samples_per_point(),
            channels: waves.peaks.channels().len(),
            length: waves.peaks.len(),
            tracks: &waves.tracks,
            data: BASE64_STANDARD.encode(&bytes),
        },
        split: waves.split,
        audio: match audio {
            PageAudio::None => None,
            PageAudio::Beside(name) => Some(name),
            PageAudio::Embedded(_) => Some("the audio in this page"),
        },
    };
    let json = json::text(&data)?;
    let mut safe = String::with_capacity(json.len() + json.len() / 64);
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(safe, "\\u{:04x}", c as u32);
            }
            _ => safe.push(c),
        }
    }
    Ok(safe)
}

/// Codes of the call's warnings whose messages tell measurements, and no value from outside.
const MEASURED: [&str; 11] = [
    "channels_apart",
    "keys_unsure",
    "level_not_reached",
    "offset_contradicted",
    "offset_prior_unused",
    "path_delay_assumed",
    "redaction_widened",
    "repeated_track",
    "samples_not_kept",
    "start_time_wrong",
    "track_unreadable",
];

/// Returns the report without parties, reasons, paths and the call's id, unless they are requested.
/// Messages that may repeat them are changed too.
fn shown(report: &Report, names: Names) -> Report {
    let mut shown = report.clone();
    if names == Names::Parties {
        return shown;
    }
    let hidden = hidden(report);
    let cover = |message: &mut String| {
        for text in &hidden {
            *message = message.replace(text, "…");
        }
    };
    shown.call.id = None;
    for track in &mut shown.tracks {
        track.party = None;
        if let Some(error) = &mut track.error {
            // An error names its file, and there is no source to know the name from.
            error.message = "could not be read".to_owned();
        }
        let pieces = track.pieces.iter_mut().map(|piece| &mut piece.source);
        for source in track.source.iter_mut().chain(pieces) {
            source.path = None;
            source.warnings.iter_mut().for_each(|warning| cover(&mut warning.message));
        }
    }
    for fact in &mut shown.facts {
        let role = |text: &String| Role::from_name(text).is_some();
        (fact.party, fact.reason) = (fact.party.take().filter(role), fact.reason.take().filter(role));
    }
    for warning in &mut shown.warnings {
        if MEASURED.contains(&&*warning.code) {
            cover(&mut warning.message);
        } else {
            // It may repeat any value of a document or of a fact.
            warning.message = warning.code.replace('_', " ");
        }
    }
    shown
}

/// Returns the texts that messages may repeat but a page must not show, longest first.
fn hidden(report: &Report) -> Vec<String> {
    let mut texts: Vec<String> = report.call.id.iter().cloned().collect();
    for track in &report.tracks {
        texts.extend(track.party.clone());
        let sources = track.source.iter().chain(track.pieces.iter().map(|piece| &piece.source));
        for path in sources.filter_map(|source| source.path.as_deref()) {
            texts.push(path.to_owned());
            let parts = [Path::new(path).file_name(), Path::new(path).file_stem()];
            texts.extend(parts.into_iter().flatten().map(|part| part.to_string_lossy().into_owned()));
        }
    }
    // What is shorter than a name would be found in other words too.
    texts.retain(|text| text.chars().count() > 2);
    texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
    texts
}

fn title(report: &Report) -> String {
    let id = report.call.id.as_deref().map_or_else(String::new, |id| format!(" {}", one_line(id)));
    format!("{} call{id}", report.tag.value.name().replace('_', " "))
}

/// Escapes markup in a text.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Returns a text's hash for a content security policy.
fn hash(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(text.as_bytes())))
}

/// Writes the mix into the page, piece by piece.
fn embed(out: &mut impl Write, audio: PageAudio) -> std::io::Result<()> {
    let PageAudio::Embedded(path) = audio else { return Ok(()) };
    let file = File::open(path)?;
    out.write_all(b"<script type=\"text/plain\" id=\"embedded-audio\">")?;
    let mut bytes = Vec::with_capacity(EMBEDDED_AT_ONCE);
    loop {
        bytes.clear();
        (&file).take(EMBEDDED_AT_ONCE as u64).read_to_end(&mut bytes)?;
        if bytes.is_empty() {
            break;
        }
        out.write_all(BASE64_STANDARD.encode(&bytes).as_bytes())?;
    }
    out.write_all(b"</script>\n")
}

#[cfg(test)]
mod tests;
