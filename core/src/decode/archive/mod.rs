//! ZIP archives of recordings: each member becomes an input.
//!
//! Names are only displayed, never used as paths. The central directory is read; if it is missing
//! because the archive is truncated, the members' own headers are read instead. Encrypted members
//! and compression methods other than stored and deflated are rejected.

mod directory;

use std::io::{Cursor, Read};
use std::ops::Range;
use std::sync::Arc;

use flate2::read::DeflateDecoder;

use self::directory::{END, LOCAL, Member, directory, walk};
use super::budget::Budget;
use super::input::{Input, Opened};
use super::source::Source;
use crate::call::Leg;
use crate::config::DecodeOptions;
use crate::error::{Error, ErrorKind, Result, Stage};

/// Returns the inputs in an input: itself, or the members of the ZIP archive that it is, in the
/// archive's order.
///
/// Several members have no known role; a single one inherits the archive's.
///
/// # Errors
/// - Those of reading the input, and of [`DecodeOptions::validate`].
/// - [`LimitExceeded`](crate::ErrorKind::LimitExceeded) beyond the options' limits on archives.
/// - [`Unsupported`](crate::ErrorKind::Unsupported) for encrypted members.
/// - [`NoAudio`](crate::ErrorKind::NoAudio) for an archive without members.
pub fn expand(input: Input, options: &DecodeOptions) -> Result<Vec<Input>> {
    options.validate()?;
    let mut opened = input.open(options)?;
    if opened.format.is_some()
        || opened.is_member
        || !is_zip(&mut opened.source).map_err(|e| e.in_input(&opened.name))?
    {
        return Ok(vec![opened.into_input()]);
    }
    let Opened { mut source, name, leg, .. } = opened;
    let bytes = source.read_all(options.max_buffered_bytes);
    let mut inputs =
        bytes.and_then(|bytes| members(&name, bytes, source.budget(), options)).map_err(|e| e.in_input(&name))?;
    let alone = inputs.len() == 1;
    for input in &mut inputs {
        let several = Leg { started_at: leg.started_at, channel: leg.channel, ..Leg::default() };
        input.leg = if alone { leg.clone() } else { several };
    }
    Ok(inputs)
}

fn is_zip(source: &mut Source) -> Result<bool> {
    let head = source.peek(4)?;
    Ok(head.starts_with(LOCAL) || head.starts_with(END))
}

/// Returns the recordings in an archive as inputs, in the archive's order.
///
/// # Errors
/// `limit_exceeded` beyond the options' limits on members, their bytes and their ratio;
/// `unsupported` for an encrypted member or another compression method; `no_audio` without members;
/// `malformed` if nothing can be read.
fn members(name: &str, bytes: Vec<u8>, budget: &Budget, options: &DecodeOptions) -> Result<Vec<Input>> {
    let members = match directory(&bytes, options.max_members)? {
        Some(members) => members,
        None => walk(&bytes, options.max_members)?,
    };
    let members: Vec<Member> = members.into_iter().filter(|m| !is_by_the_way(m)).collect();
    if members.is_empty() {
        return Err(Error::new(ErrorKind::NoAudio, Stage::Input, "a zip archive without members"));
    }
    check(&members, options)?;
    let bytes = Arc::new(bytes);
    let mut inputs = Vec::new();
    for member in members {
        let most = options.max_members_bytes.min(ratio_bytes(&member, options));
        let slice = Slice { bytes: bytes.clone(), range: member.packed };
        let unpacked: Box<dyn Read + Send> =
            if member.deflated { Box::new(DeflateDecoder::new(slice)) } else { Box::new(slice) };
        let limited = Limited { reader: unpacked, left: most, most, budget: budget.clone() };
        let size = member.size.filter(|_| !member.deflated);
        inputs.push(Input::member(format!("{name}: {}", member.name), Box::new(limited), size, budget.clone()));
    }
    Ok(inputs)
}

/// Returns `true` for folders, empty files, and files that file managers leave in archives.
fn is_by_the_way(member: &Member) -> bool {
    let name = member.name.as_str();
    name.ends_with('/') || member.size == Some(0) || name.starts_with("__MACOSX/") || name.ends_with(".DS_Store")
}

fn check(members: &[Member], options: &DecodeOptions) -> Result<()> {
    let refuse = |member: &Member, what: &str, found: String| {
        Err(Error::new(ErrorKind::Unsupported, Stage::Input, what.to_owned())
            .with_mismatch(found, "a stored or deflated member")
            .in_input(&member.name))
    };
    let mut total = 0u64;
    for member in members {
        if member.encrypted {
            return refuse(member, "an encrypted archive", "an encrypted member".into());
        }
        if !member.deflated && member.method != 0 {
            return refuse(member, "a zip method that is not read", method_name(member.method));
        }
        let size = member.size.unwrap_or(0);
        total = total.saturating_add(size);
        if size > ratio_bytes(member, options) {
            let found = format!("{size} bytes in {}", member.packed.len());
            return Err(limit("a zip member that unpacks to too much", found, ratio_limit(options)));
        }
    }
    refuse_overlaps(members)?;
    if total > options.max_members_bytes {
        let most = format!("at most {} (decode.maxMembersBytes)", options.max_members_bytes);
        return Err(limit("zip members that unpack to too much", format!("{total} bytes"), most));
    }
    Ok(())
}

/// Rejects members that share bytes, because each of them would be unpacked.
fn refuse_overlaps(members: &[Member]) -> Result<()> {
    let mut ranges: Vec<&Range<usize>> = members.iter().map(|m| &m.packed).filter(|r| !r.is_empty()).collect();
    ranges.sort_by_key(|range| range.start);
    match ranges.windows(2).find(|pair| pair[1].start < pair[0].end) {
        None => Ok(()),
        Some(pair) => Err(Error::new(ErrorKind::Malformed, Stage::Input, "zip members that overlap")
            .at_byte(pair[1].start as u64)
            .with_mismatch("two members in the same bytes", "each in its own")),
    }
}

/// Returns the maximum of bytes to which a member may unpack.
fn ratio_bytes(member: &Member, options: &DecodeOptions) -> u64 {
    (member.packed.len() as u64).saturating_mul(u64::from(options.max_member_ratio))
}

fn ratio_limit(options: &DecodeOptions) -> String {
    format!("at most {} times as many (decode.maxMemberRatio)", options.max_member_ratio)
}

fn limit(what: &str, found: String, expected: String) -> Error {
    Error::new(ErrorKind::LimitExceeded, Stage::Input, what.to_owned()).with_mismatch(found, expected)
}

fn method_name(method: u16) -> String {
    match method {
        9 => "Deflate64".into(),
        12 => "bzip2".into(),
        14 => "LZMA".into(),
        93 => "zstd".into(),
        95 => "xz".into(),
        99 => "AES encryption".into(),
        other => format!("method {other}"),
    }
}

/// A part of the archive's bytes.
struct Slice {
    bytes: Arc<Vec<u8>>,
    range: Range<usize>,
}

impl Read for Slice {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let part = self.bytes.get(self.range.clone()).unwrap_or_default();
        let got = Cursor::new(part).read(to)?;
        self.range.start += got;
        Ok(got)
    }
}

/// Fails if more bytes arrive than the archive may unpack to.
struct Limited {
    reader: Box<dyn Read + Send>,
    left: u64,
    most: u64,
    budget: Budget,
}

impl Read for Limited {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let got = match self.reader.read(to) {
            // A damaged or truncated member ends where unpacking fails.
            Err(e) if e.kind() == std::io::ErrorKind::InvalidInput || e.kind() == std::io::ErrorKind::InvalidData => {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            other => other?,
        };
        let Some(left) = self.left.checked_sub(got as u64) else {
            let most = format!("at most {} (decode.maxMembersBytes, decode.maxMemberRatio)", self.most);
            let found = format!("more than {} bytes", self.most);
            return Err(std::io::Error::other(limit("a zip member that unpacks to too much", found, most)));
        };
        self.left = left;
        self.budget.unpack(got as u64).map_err(std::io::Error::other)?;
        Ok(got)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use super::directory::CENTRAL;
    use super::*;
    use crate::decode::tests::{babble, s16, wav};
    use crate::decode::{decode, probe};

    /// Creates an archive of members: name, bytes, whether they are deflated, and whether their
    /// length follows them.
    pub(crate) fn zip(members: &[(&str, &[u8], bool, bool)]) -> Vec<u8> {
        let (mut file, mut directory) = (Vec::new(), Vec::new());
        for &(name, bytes, deflated, streamed) in members {
            let packed = if deflated {
                let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            } else {
                bytes.to_vec()
            };
            let offset = file.len() as u32;
            let (method, flags) = (if deflated { 8u16 } else { 0 }, if streamed { 8u16 } else { 0 });
            let sizes = [packed.len() as u32, bytes.len() as u32];
            let common = |to: &mut Vec<u8>, sizes: [u32; 2]| {
                to.extend(20u16.to_le_bytes());
                to.extend(flags.to_le_bytes());
                to.extend(method.to_le_bytes());
                to.extend([0; 8]);
                sizes.iter().for_each(|s| to.extend(s.to_le_bytes()));
                to.extend((name.len() as u16).to_le_bytes());
                to.extend([0, 0]);
            };
            file.extend(LOCAL);
            common(&mut file, if streamed { [0, 0] } else { sizes });
            file.extend(name.as_bytes());
            file.extend(&packed);
            if streamed {
                file.extend(b"PK\x07\x08\0\0\0\0");
                sizes.iter().for_each(|s| file.extend(s.to_le_bytes()));
            }
            directory.extend(CENTRAL);
            directory.extend([20, 0]);
            common(&mut directory, sizes);
            directory.extend([0; 10]);
            directory.extend(offset.to_le_bytes());
            directory.extend(name.as_bytes());
        }
        let start = file.len() as u32;
        file.extend(&directory);
        file.extend(END);
        file.extend([0; 4]);
        file.extend((members.len() as u16).to_le_bytes());
        file.extend((members.len() as u16).to_le_bytes());
        file.extend((directory.len() as u32).to_le_bytes());
        file.extend(start.to_le_bytes());
        file.extend([0, 0]);
        file
    }

    #[test]
    fn members_become_tracks() {
        let (a, b) = (babble(8000, 0.5, 1), babble(8000, 0.7, 2));
        let (one, two) = (wav(1, 1, 8000, 16, &s16(&a)), wav(1, 1, 8000, 16, &s16(&b)));
        for streamed in [false, true] {
            let file = zip(&[
                ("../../etc/call_in.wav", &one, true, streamed),
                ("folder/", b"", false, false),
                ("__MACOSX/._x", b"junk", false, false),
                ("call_out.wav", &two, false, streamed),
            ]);
            let options = DecodeOptions::default();
            let tracks = decode(Input::bytes("a.zip", file.clone()), &options).unwrap();
            assert_eq!((tracks.len(), &tracks[0].samples, &tracks[1].samples), (2, &a, &b));
            // Without its directory, the archive is read by its members' headers.
            let cut = file.len() - 300;
            let tracks = decode(Input::bytes("a.zip", &file[..cut]), &options).unwrap();
            assert_eq!(&tracks[0].samples, &a);
            let names: Vec<_> = expand(Input::bytes("a.zip", file), &options).unwrap();
            assert_eq!(names[1].name(), "a.zip: call_out.wav");
        }
    }

    #[test]
    fn archives_that_are_refused() {
        let sound = wav(1, 1, 8000, 16, &s16(&babble(8000, 0.5, 1)));
        let bomb = wav(1, 1, 8000, 16, &vec![0; 1 << 20]);
        let strict = DecodeOptions { max_members: 2, max_members_bytes: 100_000, ..DecodeOptions::default() };
        let mut encrypted = zip(&[("a", &sound, true, false)]);
        let at = encrypted.windows(4).position(|w| w == CENTRAL).unwrap();
        encrypted[at + 8] |= 1;
        let mut lying = zip(&[("a", &bomb, true, false)]);
        let at = lying.windows(4).position(|w| w == CENTRAL).unwrap();
        lying[at + 24..at + 28].copy_from_slice(&1000u32.to_le_bytes());
        for (file, options, kind, says) in [
            (zip(&[("a", &bomb, true, false)]), DecodeOptions::default(), ErrorKind::LimitExceeded, "maxMemberRatio"),
            (lying, DecodeOptions::default(), ErrorKind::LimitExceeded, "unpacks to too much"),
            (zip(&[("a", &bomb, false, false)]), strict.clone(), ErrorKind::LimitExceeded, "maxMembersBytes"),
            (zip(&[("a", sound.as_slice(), true, false); 3]), strict, ErrorKind::LimitExceeded, "maxMembers)"),
            (encrypted, DecodeOptions::default(), ErrorKind::Unsupported, "encrypted"),
            (zip(&[]), DecodeOptions::default(), ErrorKind::NoAudio, "without members"),
        ] {
            let error = decode(Input::bytes("a.zip", file), &options).unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().contains(says), "{error}");
        }
    }

    #[test]
    fn probe_tells_of_each_member() {
        let sound = wav(1, 1, 8000, 16, &s16(&babble(8000, 0.5, 1)));
        let file = zip(&[("a.wav", &sound, true, false), ("b.wav", b"{\"code\": 448}", false, false)]);
        let probed = probe(Input::bytes("a.zip", file), &DecodeOptions::default()).unwrap();
        assert_eq!(probed.members.len(), 2);
        assert_eq!(probed.members[1].problem.as_ref().unwrap().code, "unsupported");
        assert!(probed.to_string().contains("a.zip: a.wav: pcm_s16 in wav"), "{probed}");
    }
}
