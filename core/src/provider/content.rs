//! Decodes audio inside a document, and checks the hashes of audio beside it.

use std::io::{self, Read};

use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{DecodeError, Engine as _};
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::error::{Error, ErrorKind, Result, Stage};

/// Base64url (RFC 7515) has no padding, but some writers add it.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_encode_padding(false).with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The number of bytes that are hashed at once.
const BLOCK: usize = 1 << 16;

/// Decodes base64url.
///
/// # Errors
/// Returns the problem and the position of its character, counted from 0.
pub(super) fn from_base64url(text: &str) -> Result<Vec<u8>, String> {
    let (start, trimmed) = (text.len() - text.trim_start().len(), text.trim());
    BASE64URL.decode(trimmed).map_err(|error| match error {
        DecodeError::InvalidByte(at, _) | DecodeError::InvalidLastSymbol { offset: at, .. } => {
            let wrong = trimmed.get(at..).and_then(|rest| rest.chars().next()).unwrap_or('=');
            format!("{wrong:?} at character {}", start + trimmed.get(..at).unwrap_or_default().chars().count())
        }
        DecodeError::InvalidLength(length) => format!("{length} characters, one too many or too few"),
        DecodeError::InvalidPadding => "padding of another length".to_owned(),
    })
}

/// The known algorithms, as hashes name them.
const ALGORITHMS: [&str; 3] = ["sha256", "sha384", "sha512"];

/// Returns `true` if the algorithm of a hash (`sha512-…`) is known.
pub(super) fn is_known_hash(hash: &str) -> bool {
    hash.split_once('-').is_some_and(|(algorithm, _)| ALGORITHMS.contains(&algorithm))
}

/// Returns a hash with the name of its algorithm (`SHA-512`, `sha512`) in base64url. Returns `None`
/// if the algorithm or the hash is not certain.
pub(super) fn known_hash(algorithm: &str, hash: &str) -> Option<String> {
    let algorithm = algorithm.to_ascii_lowercase().replace(['-', '_'], "");
    let bytes = from_base64url(hash).ok()?;
    let size = match algorithm.as_str() {
        "sha256" => 32,
        "sha384" => 48,
        "sha512" => 64,
        _ => return None,
    };
    (bytes.len() == size).then(|| format!("{algorithm}-{}", BASE64URL.encode(bytes)))
}

/// Compares bytes with the hashes in a document. Skips hashes of unknown algorithms.
///
/// # Errors
/// `malformed`, with both hashes, if the bytes have another hash; `io`.
pub(super) fn check_hashes(hashes: &[String], mut bytes: impl Read) -> Result<()> {
    let known: Vec<&String> = hashes.iter().filter(|hash| is_known_hash(hash)).collect();
    if known.is_empty() {
        return Ok(());
    }
    let mut hasher = Hashers::default();
    let mut block = vec![0; BLOCK];
    loop {
        match bytes.read(&mut block) {
            Ok(0) => break,
            Ok(read) => hasher.update(block.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io(Stage::Provider, error)),
        }
    }
    let found = hasher.finish();
    let wrong = |said: &&String| !found.iter().any(|found| *found == said.trim_end_matches('='));
    known.into_iter().find(wrong).map_or(Ok(()), |said| Err(mismatch(said, &found)))
}

fn mismatch(said: &str, found: &[String]) -> Error {
    let algorithm = said.split('-').next().unwrap_or_default();
    let same = found.iter().find(|found| found.starts_with(algorithm)).map_or("another", String::as_str);
    Error::new(ErrorKind::Malformed, Stage::Provider, "the audio is not the document's: wrong content_hash")
        .with_mismatch(same, said)
}

#[derive(Default)]
struct Hashers(Sha256, Sha384, Sha512);

impl Hashers {
    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
        self.1.update(bytes);
        self.2.update(bytes);
    }

    fn finish(self) -> [String; 3] {
        let [sha256, sha384, sha512] = ALGORITHMS;
        [
            format!("{sha256}-{}", BASE64URL.encode(self.0.finalize())),
            format!("{sha384}-{}", BASE64URL.encode(self.1.finalize())),
            format!("{sha512}-{}", BASE64URL.encode(self.2.finalize())),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The SHA-512 of "abc" (FIPS 180-2, C.1), in base64url.
    const ABC: &str = "sha512-3a81oZNherrMQXNJriBBMRLm-k6JqX6iCp7u5ktV05ohkpkqJ0_BqDa6PCOj_uu9RU1EI2Q86A4qmslPpUyknw";

    #[test]
    fn hashes_are_those_of_the_standard() {
        let check = |hashes: &[&str]| {
            check_hashes(&hashes.iter().map(|hash| (*hash).to_owned()).collect::<Vec<_>>(), &b"abc"[..])
        };
        let sha256 = "sha256-ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0";
        assert!(
            check(&[ABC, sha256, "shake-9"]).is_ok() && check(&[&format!("{ABC}==")]).is_ok() && check(&[]).is_ok()
        );
        let wrong = ABC.replace("3a8", "3a9");
        let error = check(&[sha256, &wrong]).unwrap_err();
        assert_eq!((error.found(), error.expected()), (Some(ABC), Some(wrong.as_str())));
        assert_eq!(error.kind(), ErrorKind::Malformed);
    }

    #[test]
    fn base64url_is_read_with_and_without_padding() {
        for text in ["-_8", "-_8=\n", " -_8"] {
            assert_eq!(from_base64url(text), Ok(vec![0xfb, 0xff]), "{text}");
        }
        for (text, said) in [
            ("+/8", "'+' at character 0"),
            ("\nAAAA%AAA", "'%' at character 5"),
            ("-_9", "'9' at character 2"),
            ("AAAAA", "5 characters, one too many or too few"),
            ("AA\u{e4}A", "'\u{e4}' at character 2"),
        ] {
            assert_eq!(from_base64url(text).unwrap_err(), said, "{text}");
        }
    }

    #[test]
    fn a_hash_is_known_by_its_algorithm_and_its_length() {
        let hash = &ABC["sha512-".len()..];
        for name in ["SHA-512", "sha512", "Sha_512"] {
            assert_eq!(known_hash(name, &format!("{hash}==")).as_deref(), Some(ABC), "{name}");
        }
        for (name, hash) in [("SHA-256", hash), ("LMOTS_SHA256_N32_W8", hash), ("SHA-512", "3a81"), ("SHA-512", "")] {
            assert_eq!(known_hash(name, hash), None, "{name} {hash}");
        }
    }
}
