//! Determines the MIME type of uploaded audio.

use crate::decode::{ContainerKind, sniff};

/// The API's default for `contentType`.
pub(super) const WAV: &str = "audio/wav";

/// Returns the MIME type of a recording by its first bytes, of which a few thousand are enough.
/// Returns `application/octet-stream` for unknown formats.
pub fn content_type(head: &[u8]) -> &'static str {
    match sniff(head, false) {
        ContainerKind::Wave => WAV,
        ContainerKind::Mpeg => "audio/mpeg",
        ContainerKind::Flac => "audio/flac",
        ContainerKind::Ogg => "audio/ogg",
        ContainerKind::Mp4 => "audio/mp4",
        ContainerKind::Matroska => "audio/webm",
        ContainerKind::Aiff => "audio/aiff",
        ContainerKind::Adts => "audio/aac",
        ContainerKind::Sun => "audio/basic",
        ContainerKind::Caf => "audio/x-caf",
        ContainerKind::Zip => "application/zip",
        _ => "application/octet-stream",
    }
}

/// Returns the MIME type of an output file of this library by its name.
pub(super) fn content_type_of_output(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).as_deref() {
        Some("flac") => "audio/flac",
        _ => WAV,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_is_that_of_the_bytes() {
        let fixture = |name: &str| {
            let path = format!("{}/../fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
            let bytes = std::fs::read(path).unwrap();
            content_type(&bytes[..bytes.len().min(4096)])
        };
        assert_eq!(fixture("short/customer.wav"), "audio/wav");
        let mp3 = "tencent-transfer/000-339708930-12360-c2f5a7d018c64b8e9d277e3f40a1b956-000-1779331209.mp3";
        assert_eq!(fixture(mp3), "audio/mpeg");
        assert_eq!(content_type(b"fLaC\0\0\0\x22"), "audio/flac");
        for (head, kind) in [
            (&b"<html>"[..], "application/octet-stream"),
            (b"", "application/octet-stream"),
            (b"PK\x03\x04", "application/zip"),
        ] {
            assert_eq!(content_type(head), kind);
        }
        assert_eq!((content_type_of_output("mix.FLAC"), content_type_of_output("mix.wav")), ("audio/flac", WAV));
    }
}
