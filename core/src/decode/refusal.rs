//! Rejects unsupported codecs by name, with a command that converts them.

use crate::error::{Error, ErrorKind, Stage};

/// Returns the error for an unsupported codec.
pub(crate) fn codec(name: impl Into<String>) -> Error {
    let name = name.into();
    let expected = expected(&name);
    Error::new(ErrorKind::Unsupported, Stage::Decode, "unsupported codec").with_mismatch(name, expected)
}

/// Returns what was expected instead of the named format, and how to convert it.
pub(crate) fn expected(name: &str) -> String {
    const OURS: &str = "a codec that is read";
    match command(name) {
        Some(command) => format!("{OURS} (to convert: {command})"),
        None => OURS.to_owned(),
    }
}

/// Returns the command that converts it to wav. `None` if that takes a key or a vendor's own
/// program.
fn command(name: &str) -> Option<&'static str> {
    const OTHERS: [(&[&str], Option<&str>); 6] = [
        (&["encrypted", "compressed or encrypted", "NICE", "Verint"], None),
        (&["SILK"], Some("sh converter.sh IN wav, of silk-v3-decoder")),
        (&["free-format mp3"], Some("mpg123 -w OUT.wav IN")),
        (&["EVS"], Some("EVS_dec 16 IN OUT.pcm, of 3GPP TS 26.443")),
        (&["MPEG-H", "Dolby AC-4"], None),
        (&["no audio track"], None),
    ];
    let known = OTHERS.iter().find(|(names, _)| names.iter().any(|known| name.starts_with(known)));
    known.map_or(Some("ffmpeg -i IN OUT.wav"), |(_, command)| *command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_codec_and_one_command() {
        let said = codec("Windows Media Audio").to_string();
        assert!(said.contains("found Windows Media Audio") && said.contains("ffmpeg -i IN OUT.wav"), "{said}");
        assert!(codec("SILK").to_string().contains("silk-v3-decoder"));
        assert!(!codec("encrypted audio").to_string().contains("to convert"));
    }
}
