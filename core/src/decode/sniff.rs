//! Detects the format of some bytes by their content alone. File names and media types from servers
//! are ignored.

use super::amr::AmrBand;
use super::{adts, mpeg};

/// The format that an input begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContainerKind {
    Empty,
    Zeros,
    /// RIFF, RIFX, RF64 or BW64 of type WAVE.
    Wave,
    /// MPEG audio frames, an ID3 tag, or bytes with such frames some way in.
    Mpeg,
    Flac,
    Ogg,
    /// ISO base media: mp4, m4a, 3gp, mov.
    Mp4,
    /// EBML: Matroska and WebM.
    Matroska,
    /// FORM of type AIFF or AIFC.
    Aiff,
    /// AAC in ADTS frames.
    Adts,
    /// Sun or NeXT audio.
    Sun,
    /// Sony Wave64.
    Wave64,
    /// RIFF of type AVI.
    Avi,
    /// Core Audio.
    Caf,
    Zip,
    /// JSON, probably a server's answer instead of a recording.
    Json,
    Html,
    Xml,
    Text,
    /// AMR speech in its storage format (RFC 4867).
    Amr(AmrBand),
    /// Audio of an unsupported codec.
    Codec(&'static str),
    /// Another known format.
    Other(&'static str),
    Unknown,
}

/// File name extensions of audio, for use where the content is not available or must not be read.
pub(crate) const AUDIO_ENDINGS: [&str; 29] = [
    "wav", "wave", "bwf", "rf64", "w64", "flac", "mp3", "mp2", "mp1", "ogg", "oga", "opus", "m4a", "m4b", "mp4", "mov",
    "3gp", "3g2", "aac", "au", "snd", "aif", "aiff", "aifc", "caf", "webm", "mka", "mkv", "avi",
];

impl ContainerKind {
    /// Returns the name for messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => "no bytes",
            Self::Zeros => "zeros only",
            Self::Wave => "wav",
            Self::Mpeg => "mp3",
            Self::Flac => "FLAC",
            Self::Ogg => "ogg",
            Self::Mp4 => "mp4",
            Self::Matroska => "Matroska or WebM",
            Self::Aiff => "AIFF",
            Self::Adts => "AAC in ADTS",
            Self::Sun => "Sun audio",
            Self::Wave64 => "Sony Wave64",
            Self::Avi => "AVI",
            Self::Caf => "Core Audio",
            Self::Zip => "a zip archive",
            Self::Json => "JSON",
            Self::Html => "HTML",
            Self::Xml => "XML",
            Self::Text => "text",
            Self::Amr(_) => "AMR",
            Self::Codec(name) | Self::Other(name) => name,
            Self::Unknown => "bytes of no known form",
        }
    }
}

/// Magic numbers at offset 0.
const MAGIC: [(&[u8], ContainerKind); 30] = [
    (b"fLaC", ContainerKind::Flac),
    (b"OggS", ContainerKind::Ogg),
    (b"\x1A\x45\xDF\xA3", ContainerKind::Matroska),
    (b"PK\x03\x04", ContainerKind::Zip),
    (b"PK\x05\x06", ContainerKind::Zip),
    (b"ID3", ContainerKind::Mpeg),
    (b"\x1F\x8B", ContainerKind::Other("gzip")),
    (b"BZh", ContainerKind::Other("bzip2")),
    (b"\xFD7zXZ\x00", ContainerKind::Other("xz")),
    (b"7z\xBC\xAF\x27\x1C", ContainerKind::Other("a 7z archive")),
    (b"Rar!\x1A\x07", ContainerKind::Other("a rar archive")),
    (b"\x28\xB5\x2F\xFD", ContainerKind::Other("zstd")),
    (b"#!AMR-WB\n", ContainerKind::Amr(AmrBand::Wide)),
    (b"#!AMR\n", ContainerKind::Amr(AmrBand::Narrow)),
    (b"#!AMR_MC1.0\n", ContainerKind::Codec("AMR of several channels")),
    (b"#!SILK_V3", ContainerKind::Codec("SILK")),
    (b"\x02#!SILK_V3", ContainerKind::Codec("SILK")),
    (b"%PDF", ContainerKind::Other("PDF")),
    (b"caff", ContainerKind::Caf),
    (b".snd", ContainerKind::Sun),
    (b"\x30\x26\xB2\x75\x8E\x66\xCF\x11", ContainerKind::Codec("Windows Media")),
    (b"riff\x2E\x91\xCF\x11", ContainerKind::Wave64),
    (b"FLV\x01", ContainerKind::Codec("Flash video")),
    (b"MThd", ContainerKind::Other("MIDI")),
    (b"wvpk", ContainerKind::Codec("WavPack")),
    (b"MAC ", ContainerKind::Codec("Monkey's Audio")),
    (b"\x89PNG", ContainerKind::Other("a PNG picture")),
    (b"\xFF\xD8\xFF", ContainerKind::Other("a JPEG picture")),
    (b"\x7FELF", ContainerKind::Other("a program")),
    (b"SQLite format 3\x00", ContainerKind::Other("an SQLite database")),
];

/// Detects the format from the first bytes. `whole`: they are the entire input.
pub(crate) fn sniff(head: &[u8], whole: bool) -> ContainerKind {
    if head.is_empty() {
        return ContainerKind::Empty;
    }
    let form = |at: usize| head.get(at..at + 4).unwrap_or_default();
    match (form(0), form(8)) {
        (b"RIFF" | b"RIFX" | b"RF64" | b"BW64", b"WAVE") => return ContainerKind::Wave,
        (b"RIFF", b"AVI ") => return ContainerKind::Avi,
        (b"RIFF", b"WEBP") => return ContainerKind::Other("a WebP picture"),
        (b"FORM", b"AIFF" | b"AIFC") => return ContainerKind::Aiff,
        _ => {}
    }
    if form(4) == b"ftyp" || (matches!(form(4), b"moov" | b"mdat" | b"wide" | b"free") && form(0) < b"\x7F".as_slice())
    {
        return ContainerKind::Mp4;
    }
    if let Some((_, kind)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return *kind;
    }
    if head.get(257..262) == Some(b"ustar") {
        return ContainerKind::Other("a tar archive");
    }
    if adts::is_run(head, 3, whole) {
        return ContainerKind::Adts;
    }
    if mpeg::header::run_of_frames(head, 3, whole).is_some() {
        return ContainerKind::Mpeg;
    }
    if head.iter().all(|&b| b == 0) {
        return if whole { ContainerKind::Zeros } else { ContainerKind::Unknown };
    }
    text(head).unwrap_or_else(|| nameless(head))
}

/// Detects formats that have no magic number at offset 0.
fn nameless(head: &[u8]) -> ContainerKind {
    if mpeg::is_free_format(head) {
        return ContainerKind::Codec("free-format mp3");
    }
    ContainerKind::Unknown
}

/// Returns the kind of text, if the bytes are UTF-8 without control characters.
fn text(head: &[u8]) -> Option<ContainerKind> {
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    let sample = head.get(..head.len().min(4096)).unwrap_or_default();
    let valid = match std::str::from_utf8(sample) {
        Ok(text) => text,
        // The end of the sample may cut a character in two.
        Err(e) if e.error_len().is_none() => std::str::from_utf8(sample.get(..e.valid_up_to())?).ok()?,
        Err(_) => return None,
    };
    if valid.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\x0C')) {
        return None;
    }
    let start = valid.trim_start();
    let lower: String = start.chars().take(64).flat_map(char::to_lowercase).collect();
    let begins = |tags: &[&str]| tags.iter().any(|tag| lower.starts_with(tag));
    Some(if start.starts_with(['{', '[']) {
        ContainerKind::Json
    } else if begins(&["<!doctype html", "<html", "<head", "<body"]) {
        ContainerKind::Html
    } else if begins(&["<?xml", "<error", "<!--", "<soap", "<response"]) {
        ContainerKind::Xml
    } else {
        ContainerKind::Text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides() {
        let mut tar = vec![b'a'; 300];
        tar[257..262].copy_from_slice(b"ustar");
        tar[0] = 0x01;
        for (bytes, kind) in [
            (&b""[..], ContainerKind::Empty),
            (&[0; 99], ContainerKind::Zeros),
            (b"RIFF\x00\x00\x00\x00WAVEfmt ", ContainerKind::Wave),
            (b"RF64\xFF\xFF\xFF\xFFWAVEds64", ContainerKind::Wave),
            (b"RIFF\x00\x00\x00\x00AVI LIST", ContainerKind::Avi),
            (b"FORM\x00\x00\x00\x00AIFC", ContainerKind::Aiff),
            (b"\x00\x00\x00\x1CftypM4A ", ContainerKind::Mp4),
            (b"ID3\x04\x00\x00", ContainerKind::Mpeg),
            (b"\x1F\x8B\x08\x00", ContainerKind::Other("gzip")),
            (b"#!AMR\n\x3C", ContainerKind::Amr(AmrBand::Narrow)),
            (b"  {\"code\": 448}", ContainerKind::Json),
            (b"\xEF\xBB\xBF[]", ContainerKind::Json),
            (b"<!DOCTYPE HTML>\n<html>", ContainerKind::Html),
            (b"<?xml version=\"1.0\"?><Error>", ContainerKind::Xml),
            (b"no such file", ContainerKind::Text),
            (&tar, ContainerKind::Other("a tar archive")),
            (b"\xFF\xF1\x50\x80\x02\x1F\xFC\x01", ContainerKind::Adts),
            (b"\x07\x99\x01\x02\x03", ContainerKind::Unknown),
        ] {
            assert_eq!(sniff(bytes, true), kind, "{bytes:x?}");
        }
    }

    #[test]
    fn text_may_be_cut_within_a_character() {
        let long = format!("{{\"m\": \"{}", "é".repeat(4000));
        assert_eq!(sniff(long.as_bytes(), false), ContainerKind::Json);
    }
}
