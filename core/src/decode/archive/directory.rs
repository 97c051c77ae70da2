//! Reads the members of a ZIP archive from its central directory or, if that is missing, from the
//! members' own headers.
//!
//! The crates zip and rc-zip are not used. Both read every entry before the number of entries can
//! be limited, zip keeps only one of several members with the same name, and archives without a
//! directory need this code anyway. flate2 unpacks members.

use std::ops::Range;

use super::limit;
use crate::error::{Error, ErrorKind, Result, Stage};

pub(super) const LOCAL: &[u8] = b"PK\x03\x04";
pub(super) const CENTRAL: &[u8] = b"PK\x01\x02";
pub(super) const END: &[u8] = b"PK\x05\x06";

/// One member.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) encrypted: bool,
    pub(super) deflated: bool,
    pub(super) method: u16,
    /// Range of its packed bytes in the archive.
    pub(super) packed: Range<usize>,
    /// Unpacked size according to the archive. `None` if it is not given (written as a stream).
    pub(super) size: Option<u64>,
}

fn le(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    bytes.get(at..at.checked_add(length)?).map(|b| b.iter().rev().fold(0, |v, &b| v << 8 | u64::from(b)))
}

/// Reads the members from the central directory. `None` if there is no directory.
pub(super) fn directory(bytes: &[u8], most: usize) -> Result<Option<Vec<Member>>> {
    let tail = bytes.len().saturating_sub(22 + 65_535);
    let end = bytes.get(tail..).and_then(|tail| tail.windows(4).rposition(|w| w == END)).map(|at| tail + at);
    let Some((count, mut at)) = end.and_then(|end| located(bytes, end)) else { return Ok(None) };
    if count > most as u64 {
        return Err(limit(
            "more zip members than the limit",
            count.to_string(),
            format!("at most {most} (decode.maxMembers)"),
        ));
    }
    let mut members = Vec::new();
    for _ in 0..count {
        let Some((member, next)) = central(bytes, at) else { return Ok(None) };
        members.push(member);
        at = next;
    }
    Ok(Some(members))
}

/// Returns the number of members and the start of their directory, from the end record, preferring
/// the 64-bit one.
fn located(bytes: &[u8], end: usize) -> Option<(u64, usize)> {
    let (mut count, mut start) = (le(bytes, end + 10, 2)?, le(bytes, end + 16, 4)?);
    if count == 0xFFFF || start == 0xFFFF_FFFF {
        let locator = end.checked_sub(20)?;
        let record = usize::try_from(le(bytes, locator + 8, 8)?).ok()?;
        if bytes.get(locator..locator + 4)? == b"PK\x06\x07"
            && bytes.get(record..record.checked_add(4)?)? == b"PK\x06\x06"
        {
            (count, start) = (le(bytes, record + 32, 8)?, le(bytes, record + 48, 8)?);
        }
    }
    Some((count, usize::try_from(start).ok()?))
}

fn central(bytes: &[u8], at: usize) -> Option<(Member, usize)> {
    let entry = bytes.get(at..)?;
    if !entry.starts_with(CENTRAL) {
        return None;
    }
    let (name_length, extra_length) = (le(entry, 28, 2)? as usize, le(entry, 30, 2)? as usize);
    let comment_length = le(entry, 32, 2)? as usize;
    let extra = entry.get(46 + name_length..46 + name_length + extra_length)?;
    let (mut packed, mut size, mut offset) = (le(entry, 20, 4)?, le(entry, 24, 4)?, le(entry, 42, 4)?);
    let mut wide = wide_sizes(extra).into_iter().flatten();
    for value in [&mut size, &mut packed, &mut offset] {
        if *value == 0xFFFF_FFFF {
            *value = wide.next()?;
        }
    }
    // The data follows the local header, whose lengths may differ from the directory's.
    let local = usize::try_from(offset).ok()?;
    let body =
        local.checked_add(30)?.checked_add(le(bytes, local + 26, 2)? as usize + le(bytes, local + 28, 2)? as usize)?;
    let until = body.checked_add(usize::try_from(packed).ok()?)?;
    if bytes.get(local..local + 4)? != LOCAL || until > bytes.len() {
        return None;
    }
    let name = entry.get(46..46 + name_length)?;
    let member = member(name, le(entry, 8, 2)?, le(entry, 10, 2)?, body..until, Some(size));
    Some((member, at + 46 + name_length + extra_length + comment_length))
}

fn member(name: &[u8], flags: u64, method: u64, packed: Range<usize>, size: Option<u64>) -> Member {
    let name: String = String::from_utf8_lossy(name).chars().filter(|c| !c.is_control()).take(200).collect();
    let method = method as u16;
    Member { name, encrypted: flags & 1 != 0 || method == 99, deflated: method == 8, method, packed, size }
}

/// Reads the 64-bit numbers of the ZIP64 extra field, in its order.
fn wide_sizes(mut extra: &[u8]) -> [Option<u64>; 3] {
    while let (Some(id), Some(length)) = (le(extra, 0, 2), le(extra, 2, 2)) {
        let body = extra.get(4..).unwrap_or_default();
        if id == 1 {
            return [le(body, 0, 8), le(body, 8, 8), le(body, 16, 8)];
        }
        extra = body.get(length as usize..).unwrap_or_default();
    }
    [None; 3]
}

/// Reads the members from their local headers, for an archive whose end is missing.
pub(super) fn walk(bytes: &[u8], most: usize) -> Result<Vec<Member>> {
    let (mut members, mut at) = (Vec::new(), 0);
    while let Some((member, next)) = local(bytes, at) {
        members.push(member);
        at = next;
        if members.len() > most {
            let found = format!("{} or more", members.len());
            return Err(limit("more zip members than the limit", found, format!("at most {most} (decode.maxMembers)")));
        }
    }
    if members.is_empty() && !bytes.starts_with(END) {
        return Err(Error::new(ErrorKind::Malformed, Stage::Input, "a zip archive that cannot be read").at_byte(0));
    }
    Ok(members)
}

fn local(bytes: &[u8], at: usize) -> Option<(Member, usize)> {
    let entry = bytes.get(at..)?;
    if !entry.starts_with(LOCAL) {
        return None;
    }
    let (name_length, extra_length) = (le(entry, 26, 2)? as usize, le(entry, 28, 2)? as usize);
    let (flags, packed, size) = (le(entry, 6, 2)?, le(entry, 18, 4)?, le(entry, 22, 4)?);
    let body = at + 30 + name_length + extra_length;
    // Written as a stream: the length follows the data, so the next header ends it.
    let streamed = flags & 8 != 0 && packed == 0;
    let rest = bytes.get(body..)?;
    let length = if streamed {
        rest.windows(4).position(|w| w == LOCAL || w == b"PK\x07\x08" || w == CENTRAL).unwrap_or(rest.len())
    } else {
        usize::try_from(packed).unwrap_or(rest.len()).min(rest.len())
    };
    let name = entry.get(30..30 + name_length)?;
    let made = member(name, flags, le(entry, 8, 2)?, body..body + length, Some(size).filter(|_| !streamed));
    let next = body + length;
    let descriptor = bytes.get(next..next + 4) == Some(b"PK\x07\x08");
    Some((made, next + if descriptor { 16 } else { 0 }))
}
