//! Sony Wave64: RIFF WAVE with 16-byte identifiers and 8-byte sizes, which include themselves and
//! the identifier.

use super::pcm::Endian;
use super::riff::{RiffWave, read_format};
use super::source::Source;
use super::spec::{Container, DecodeNotes};
use crate::error::{Error, ErrorKind, Result, Stage, Warning};

/// Common end of every identifier but the first.
const TAIL: [u8; 12] = *b"\xF3\xAC\xD3\x11\x8C\xD1\x00\xC0\x4F\x8E\xDB\x8A";
/// Bytes of an identifier and a size.
const HEAD: u64 = 24;

/// Reads up to the first sample.
pub(crate) fn open(source: &mut Source, notes: &mut DecodeNotes) -> Result<RiffWave> {
    // `riff`, its size, `wave`.
    source.skip(HEAD + 16)?;
    let mut format = None;
    loop {
        let at = source.position();
        let (id, size) = match source.peek(HEAD as usize)?.as_chunks::<8>().0 {
            [a, b, size, ..] => ([*a, *b], u64::from_le_bytes(*size)),
            _ => {
                return Err(
                    Error::new(ErrorKind::NoAudio, Stage::Decode, "a Wave64 header without samples").at_byte(at)
                );
            }
        };
        source.consume(HEAD as usize);
        let id = id.as_flattened();
        if id.get(4..) != Some(&TAIL) || size < HEAD && !id.starts_with(b"data") {
            return Err(malformed("no chunk at the expected position", at));
        }
        let body = size.saturating_sub(HEAD);
        match id.first_chunk::<4>() {
            Some(b"data") => {
                let format = format.ok_or_else(|| malformed("a data chunk before any fmt chunk", at))?;
                let promised = promised(source, size, notes);
                return Ok(RiffWave { container: Container::Wave64, format, promised });
            }
            Some(b"fmt ") => {
                format = Some(read_format(source, body, Endian::Little, at)?);
                source.skip(body.next_multiple_of(8) - body)?;
            }
            _ => {
                // Chunks are aligned to eight bytes.
                source.skip(body.checked_next_multiple_of(8).unwrap_or(body))?;
            }
        }
    }
}

/// Returns the number of sample bytes by the data chunk's size. `None` if only the end of the input
/// shows it.
fn promised(source: &mut Source, size: u64, notes: &mut DecodeNotes) -> Option<u64> {
    if size <= HEAD || size >= i64::MAX as u64 {
        let message = format!("the header says {size:#x} bytes of samples (never closed): what follows is taken");
        notes.add(Warning::new("header_size_wrong", message).at_byte(source.position() - 8));
        return None;
    }
    source.bind(size - HEAD);
    Some(size - HEAD)
}

fn malformed(message: &str, at: u64) -> Error {
    Error::new(ErrorKind::Malformed, Stage::Decode, message).at_byte(at)
}
