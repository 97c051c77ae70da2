//! Audio inside a document, and the hashes by which a document vouches for audio beside it.

use std::io::{self, Read};

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::error::{Error, ErrorKind, Result, Stage};

/// Base64url (RFC 7515) writes no padding; some write it all the same.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_encode_padding(false).with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Bytes that are hashed at once.
const BLOCK: usize = 1 << 16;

/// The bytes of a text in base64url; `None` where it is none.
pub(super) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    BASE64URL.decode(text.trim()).ok()
}

/// The algorithms that are known, as hashes name them.
const ALGORITHMS: [&str; 3] = ["sha256", "sha384", "sha512"];

/// Whether a hash (`sha512-…`) is of an algorithm that is known.
pub(super) fn is_known_hash(hash: &str) -> bool {
    hash.split_once('-').is_some_and(|(algorithm, _)| ALGORITHMS.contains(&algorithm))
}

/// Holds bytes against the hashes that a document says of them; those of algorithms that are not
/// known are left out.
///
/// # Errors
/// `malformed` with both hashes where the bytes have another; `io`.
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

    /// SHA-512 of "abc" (FIPS 180-2, C.1), in base64url.
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
        for (text, bytes) in [("-_8", Some(vec![0xfb, 0xff])), ("-_8=\n", Some(vec![0xfb, 0xff])), ("+/8", None)] {
            assert_eq!(from_base64url(text), bytes, "{text}");
        }
    }
}
