//! UTC offsets of times that are written without one.

use crate::error::{Error, ErrorKind, Result, Stage};

/// Largest accepted UTC offset in seconds: 18 hours either way.
const MAX_OFFSET_S: i32 = 18 * 3600;

/// Rejects an impossible UTC offset.
pub(super) fn check_offset(offset_s: i32) -> Result<()> {
    if offset_s.unsigned_abs() <= MAX_OFFSET_S.unsigned_abs() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidArgument, Stage::Provider, "offset from UTC out of range")
        .with_mismatch(format!("{offset_s} s"), format!("-{MAX_OFFSET_S} to {MAX_OFFSET_S} s")))
}

/// Parses a UTC offset such as `+08:00`, `-03:30` or `Z`, and returns it in seconds east.
///
/// # Errors
/// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for anything else, or more than 18 hours.
pub fn parse_offset(text: &str) -> Result<i32> {
    let read = || {
        if matches!(text, "Z" | "z") {
            return Some(0);
        }
        let sign = if text.starts_with('-') { -1 } else { 1 };
        let (hours, minutes) = text.strip_prefix(['+', '-'])?.split_once(':')?;
        let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        let minutes: i32 = Some(minutes).filter(|part| two_digits(part))?.parse().ok().filter(|m| *m < 60)?;
        let hours: i32 = Some(hours).filter(|part| two_digits(part))?.parse().ok()?;
        Some(sign * (hours * 3600 + minutes * 60))
    };
    let refused = || {
        Error::new(ErrorKind::InvalidArgument, Stage::Config, "no offset from UTC")
            .with_mismatch(format!("\"{text}\""), "such as \"+08:00\"")
    };
    let offset_s = read().ok_or_else(refused)?;
    check_offset(offset_s)?;
    Ok(offset_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_read_as_times_write_them() {
        for (text, offset_s) in [("+08:00", 28_800), ("-03:30", -12_600), ("Z", 0), ("+00:00", 0), ("-18:00", -64_800)]
        {
            assert_eq!(parse_offset(text).unwrap(), offset_s, "{text}");
        }
        for wrong in ["", "8", "08:00", "+8:00", "+08", "+08:60", "+19:00", "+0800", "+-8:00", "CST"] {
            assert_eq!(parse_offset(wrong).unwrap_err().kind(), ErrorKind::InvalidArgument, "{wrong}");
        }
    }

    #[test]
    fn no_place_is_further_from_utc_than_18_hours() {
        assert!(check_offset(28_800).is_ok());
        assert!(check_offset(i32::MIN).is_err());
    }
}
